"""A proof that a pupil is, or is not, in an entry of the log, as one file that a stranger verifies offline.

Format ``xueji-presence-proof/1``: canonical JSON (RFC 8785). ``docs/presence-proofs.md`` has the rules byte by byte.
Pure functions.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

import rfc8785

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.leaves import decode_entry
from gateway.audit.membership import TagLeaf, check_shown
from gateway.audit.policy import TrustPolicy
from gateway.audit.receipts import TlogProof
from gateway.audit.statements import NamedSubject, Opening, Said, SubjectKind, stated
from gateway.audit.tagged import tags_of
from gateway.journal import JsonValue

FORMAT: Final = "xueji-presence-proof/1"
ACT: Final = "presence"
MAX_BYTES: Final = 1 << 20
_TAG: Final = re.compile(r"[0-9a-f]{32}")
_SALT: Final = re.compile(r"[0-9a-f]{64}")
_MAX_INDEX: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class ProvenBody:
    """An entry: its bytes, and its ``tlog-proof``."""

    body: bytes = field(repr=False)
    receipt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PresenceProof:
    """The parts of a proof. ``opening`` may be left out when it is handed on: the rest holds without it."""

    present: bool
    tag: bytes
    entry: ProvenBody
    leaves: tuple[TagLeaf, ...]
    statement: ProvenBody
    opening: Opening | None = field(default=None, repr=False)

    def encode(self, *, opened: bool = True) -> bytes:
        """Return the file; without ``opened`` it does not say whose the tag is."""
        told: dict[str, JsonValue] = {
            "format": FORMAT,
            "claim": "present" if self.present else "absent",
            "tag": self.tag.hex(),
            "entry": body_out(self.entry),
            "leaves": [
                {"index": one.index, "tag": one.tag.hex(), "path": [_text(node) for node in one.path]}
                for one in self.leaves
            ],
            "statement": body_out(self.statement),
        }
        if opened and self.opening is not None:
            told["opening"] = opening_out(self.opening)
        return rfc8785.dumps(told)

    @classmethod
    def parse(cls, content: bytes) -> PresenceProof:
        """Read a file; raises ``MalformedError`` unless it is one, in canonical form and with no other members."""
        told = read_file(content, FORMAT)
        members(told, {"format", "claim", "tag", "entry", "leaves", "statement"}, {"opening"})
        claim = told["claim"]
        if claim not in {"present", "absent"}:
            raise MalformedError("A proof claims 'present' or 'absent'.")
        leaves = told["leaves"]
        if not isinstance(leaves, list):
            raise MalformedError("The leaves of a proof are a list.")
        return cls(
            claim == "present",
            tag_in(told["tag"]),
            body_in(told["entry"]),
            tuple(_leaf(one) for one in leaves),
            body_in(told["statement"]),
            opening_in(told["opening"]) if "opening" in told else None,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proof has shown."""

    present: bool
    index: int
    """The entry that is asked about."""
    content: Mapping[str, JsonValue]
    epoch: str
    tag: bytes
    count: int
    """How many tags the entry has."""
    checkpoint: Checkpoint
    asked: int
    """The entry in which the office says whose the tag is."""
    asked_at: str
    subject: NamedSubject | None
    """Who the pupil is, where the opening was given; ``None``: whose the tag is was not shown."""


def said_of(origin: str, index: int, epoch: str, tag: bytes) -> Said:
    """Return what a statement about a pupil and an entry binds."""
    return Said(ACT, {"entry": index, "epoch": epoch, "origin": origin, "tag": tag.hex()})


def verify_presence(content: bytes, policy: TrustPolicy) -> Verdict:
    """Return what a proof shows under the reader's trust ``policy``.

    Raises ``MalformedError`` for what is no proof, ``ProofError`` for one that does not hold. The steps are those of
    docs/presence-proofs.md, section 6.
    """
    proof = PresenceProof.parse(content)  # step 1
    receipt = plain_receipt(proof.entry.receipt)
    checkpoint = receipt.verify(proof.entry.body, policy)  # step 2
    entry = decode_entry(proof.entry.body)
    tags = tags_of(entry)  # step 3
    if tags is None:
        raise ProofError("The entry has no tags: it tells of no pupil, neither that one is there nor that one is not.")
    check_shown(tags, proof.tag, proof.present, proof.leaves)  # step 4
    asked = plain_receipt(proof.statement.receipt)  # step 5
    if asked.verify(proof.statement.body, policy).origin != checkpoint.origin:
        raise ProofError("The statement is in another log than the entry.")
    if asked.index <= receipt.index:
        raise ProofError("The statement stands before the entry that it is about.")
    said = said_of(checkpoint.origin, receipt.index, tags.epoch, proof.tag)
    shown: dict[str, JsonValue] = {"entry": receipt.index, "epoch": tags.epoch}
    statement = stated(proof.statement.body, said, proof.opening, shown=shown)
    own = tags_of(statement)
    if own is not None and own.epoch == tags.epoch and own.listed != (proof.tag,):
        raise ProofError("In the same quarter the statement has another tag than it speaks of.")
    return Verdict(
        proof.present,
        receipt.index,
        entry,
        tags.epoch,
        proof.tag,
        tags.count,
        checkpoint,
        asked.index,
        str(statement["at"]),
        None if proof.opening is None else proof.opening.subject,
    )


# members of files


def read_file(content: bytes, wanted: str) -> dict[str, JsonValue]:
    """Return the object in a file of the format ``wanted``; raises ``MalformedError`` unless it is canonical JSON."""
    if len(content) > MAX_BYTES:
        raise MalformedError("The file is too large.", detail_zh="文件过大。")
    try:
        found = json.loads(content)
        canonical = rfc8785.dumps(found)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        found, canonical = None, b""
    if not isinstance(found, dict) or found.get("format") != wanted:
        raise MalformedError(f"The file is no '{wanted}'.", detail_zh=f"该文件不是“{wanted}”。")
    if canonical != content:
        raise MalformedError("The file is not in canonical form (RFC 8785).", detail_zh="该文件不是规范形式。")
    return cast("dict[str, JsonValue]", found)


def members(told: JsonValue, needed: set[str], allowed: set[str] | None = None) -> dict[str, JsonValue]:
    """Return an object that has all of ``needed``, and of others only those that are ``allowed``."""
    if not isinstance(told, dict) or not needed <= told.keys() <= needed | (allowed or set()):
        raise MalformedError(f"An object has not the members {', '.join(sorted(needed))}, or has others.")
    return told


def plain_receipt(text: str) -> TlogProof:
    """Return a ``tlog-proof`` that holds nothing beside what is verified; raises ``MalformedError``."""
    found = TlogProof.parse(text)
    if str(found) != text:
        raise MalformedError("The receipt holds more than is verified.")
    return found


def body_out(one: ProvenBody) -> JsonValue:
    """Return an entry as JSON."""
    return {"body": _text(one.body), "receipt": one.receipt}


def body_in(told: JsonValue) -> ProvenBody:
    """Read an entry."""
    found = members(told, {"body", "receipt"})
    if not isinstance(found["receipt"], str):
        raise MalformedError("A receipt is a text.")
    return ProvenBody(_bytes(found["body"]), found["receipt"])


def opening_out(one: Opening) -> JsonValue:
    """Return an opening as JSON."""
    return {"salt": one.salt.hex(), "subject": {"kind": one.subject.kind.value, "value": one.subject.value}}


def opening_in(told: JsonValue) -> Opening:
    """Read an opening."""
    found = members(told, {"salt", "subject"})
    subject = members(found["subject"], {"kind", "value"})
    salt, kind, value = found["salt"], subject["kind"], subject["value"]
    if not isinstance(salt, str) or not _SALT.fullmatch(salt) or not isinstance(value, str):
        raise MalformedError("The opening is none.")
    if kind not in set(SubjectKind):
        raise MalformedError("The opening names a pupil in a way that is not known.")
    return Opening(bytes.fromhex(salt), NamedSubject(SubjectKind(str(kind)), value))


def tag_in(told: JsonValue) -> bytes:
    """Read a tag: 32 hexadecimal digits, lower case."""
    if not isinstance(told, str) or not _TAG.fullmatch(told):
        raise MalformedError("A tag has 32 hexadecimal digits.")
    return bytes.fromhex(told)


def _leaf(told: JsonValue) -> TagLeaf:
    found = members(told, {"index", "tag", "path"})
    index, path = found["index"], found["path"]
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= _MAX_INDEX:
        raise MalformedError("The index of a leaf is a number.")
    return TagLeaf(index, tag_in(found["tag"]), tuple(_bytes(one) for one in _sequence(path)))


def _sequence(told: JsonValue) -> Sequence[JsonValue]:
    if not isinstance(told, list):
        raise MalformedError("A path is a list of hashes.")
    return told


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(told: JsonValue) -> bytes:
    if not isinstance(told, str):
        raise MalformedError("Bytes are told as base64.")
    try:
        decoded = base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("A member of the file is not base64.") from None
    if _text(decoded) != told:
        raise MalformedError("A member of the file is not canonical base64.")
    return decoded
