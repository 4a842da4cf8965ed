"""A log key follows another: the entry ``log.key_rotated``, what the old key signed in it, and the chain of keys.

The origin stays. The entry holds a signed note in which the old key names the new one, and the new one shows that it
is there. From the entry on every checkpoint carries the new key's signature, until ``overlap_until`` the old one's as
well: whoever knows one key of the chain can follow it to the others. A checkpoint over the entry that the new key did
not sign is refused, so a key that was laid down says nothing about what came after it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.leaves import decode_entry
from gateway.audit.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from gateway.audit.note import ED25519, NoteSigner, SignedNote, VerifierKey
from gateway.audit.records import LogKeyRecord
from gateway.journal import JsonValue

KIND: Final = "log.key_rotated"
KEYS_FILE: Final = "keys.json"
"""Beside the tiles of a log: its keys, their spans, and the entries that brought them."""
FORMAT: Final = "xueji-log-keys/1"
_HEADER: Final = "xueji-gateway/log-key-rotation/v1"
"""First line of the statement: no checkpoint begins so, and no line behind it is a size."""
_MARK: Final = f'"kind":"{KIND}"'.encode()
_MAX_ROTATIONS: Final = 1000


def statement(old: VerifierKey, new: VerifierKey, overlap_until: str) -> str:
    """Return the text that both keys sign. ``overlap_until``: the instant up to which the old key signs too."""
    return f"{_HEADER}\n{old.name}\nold {old}\nnew {new}\noverlap until {overlap_until}\n"


def rotation_facts(old: NoteSigner, new: NoteSigner, overlap_until: str) -> dict[str, JsonValue]:
    """Return the facts of the entry, with the statement as a note that both keys signed."""
    text = statement(old.verifier, new.verifier, overlap_until)
    note = SignedNote(text, (old.sign(text), new.sign(text)))
    return {
        "old_key": str(old.verifier),
        "new_key": str(new.verifier),
        "overlap_until": overlap_until,
        "statement": str(note),
    }


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change of the log's key; its statement holds. Checkpoints above ``index`` carry ``new``."""

    index: int
    old: VerifierKey
    new: VerifierKey
    overlap_until: str


def is_marked(bodies: bytes) -> bool:
    """Say whether there may be a change of the log's key among entries that follow each other."""
    return _MARK in bodies


def is_rotation(body: bytes) -> bool:
    """Say whether an entry is one of a change of the log's key; cheap for those that are none."""
    if not is_marked(body):
        return False
    try:
        return decode_entry(body).get("kind") == KIND
    except MalformedError:
        return False


def read_rotation(index: int, body: bytes) -> Rotation:
    """Return the change of key that an entry tells of.

    Raises ``MalformedError`` when it is no such entry, ``ProofError`` when the old key did not sign the new one, or
    the new one did not sign itself.
    """
    content = decode_entry(body)
    facts = content.get("facts")
    if content.get("kind") != KIND or not isinstance(facts, Mapping):
        raise MalformedError(f"Entry {index} is no change of the log's key.")
    old, new, until, note = (str(facts.get(name)) for name in ("old_key", "new_key", "overlap_until", "statement"))
    old_key, new_key, signed = VerifierKey.parse(old), VerifierKey.parse(new), SignedNote.parse(note)
    if signed.text != statement(old_key, new_key, until):
        raise ProofError(f"Entry {index}: the statement of the keys says something else than the entry.")
    if {old_key.algorithm, new_key.algorithm} != {ED25519} or old_key.name != new_key.name or old_key == new_key:
        raise ProofError(f"Entry {index}: a log key is followed by another key of the same log.")
    signers = signed.verify((old_key, new_key))
    if old_key not in signers:
        raise ProofError(
            f"Entry {index} names a new key of the log that the old key did not sign.",
            detail_zh=f"条目 {index} 所列的新日志密钥没有旧密钥的签名。",
        )
    if new_key not in signers:
        raise ProofError(f"Entry {index} names a new key of the log that did not sign itself.")
    return Rotation(index, old_key, new_key, until)


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Which key has to sign a checkpoint of each size: ``trusted`` keys, and the changes that lead on from them."""

    trusted: tuple[VerifierKey, ...]
    rotations: tuple[Rotation, ...] = ()
    """Ascending, each from the key of the one before."""

    def with_rotation(self, rotation: Rotation) -> KeyChain:
        """Return the chain with one more change, as it lies in the log.

        Raises ``ProofError`` when it does not follow: not from the key that signs at that place, or under keys none of
        which is trusted. A change that is known already changes nothing.
        """
        if rotation in self.rotations:
            return self
        later = [one for one in self.rotations if one.index > rotation.index]
        before = [one for one in self.rotations if one.index < rotation.index]
        linked = (
            not any(one.index == rotation.index for one in self.rotations)
            and (not before or before[-1].new == rotation.old)
            and (not later or later[0].old == rotation.new)
        )
        known = {*self.trusted, *(key for one in self.rotations for key in (one.old, one.new))}
        if not linked or not known & {rotation.old, rotation.new}:
            raise ProofError(
                f"Entry {rotation.index} changes a key that does not sign this log, or does not any more.",
                detail_zh=f"条目 {rotation.index} 轮换的不是当时签署本日志的密钥。",
            )
        return KeyChain(self.trusted, (*before, rotation, *later))

    def followed(self, rotations: Iterable[Rotation]) -> KeyChain:
        """Return the chain with all ``rotations`` that follow, in whichever order; those that do not are left out."""
        chain, left = self, list(rotations)
        while left:
            rest = []
            for one in left:
                try:
                    chain = chain.with_rotation(one)
                except ProofError:
                    rest.append(one)
            if len(rest) == len(left):
                break
            left = rest
        return chain

    def at(self, size: int) -> tuple[VerifierKey, ...]:
        """Return the keys one of which has to sign a checkpoint of ``size``."""
        past = [one for one in self.rotations if one.index < size]
        if past:
            return (past[-1].new,)
        if not self.rotations:
            return self.trusted
        later = {one.new for one in self.rotations}
        first = self.rotations[0].old
        return (first, *(key for key in self.trusted if key not in later and key != first))

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """Every key, trusted or followed to, the oldest of a chain first."""
        chain = [key for one in self.rotations for key in (one.old, one.new)]
        return tuple(dict.fromkeys((*chain, *self.trusted)))

    def retired_at(self, size: int, signers: Iterable[VerifierKey]) -> Rotation | None:
        """Return the change that took the key of ``signers`` out before ``size``; ``None`` when there is none."""
        past = [one for one in self.rotations if one.index < size]
        told = set(signers)
        return past[-1] if past and any(one.old in told for one in past) else None


@dataclass(frozen=True, slots=True)
class ProvenRotation:
    """An entry that changes the log's key, with its inclusion proof (from the leaf upwards) under a checkpoint."""

    index: int
    body: bytes = field(repr=False)
    proof: tuple[bytes, ...] = ()

    def read(self, size: int, root: bytes) -> Rotation:
        """Return the change when the log of ``size`` and ``root`` holds it; raises ``ProofError`` and others."""
        verify_inclusion(leaf_hash(self.body), self.index, size, self.proof, root)
        return read_rotation(self.index, self.body)


def encode_proven(rotations: Iterable[ProvenRotation]) -> str:
    """Return proven changes as one line of base64."""
    told = [{"index": one.index, "body": _text(one.body), "proof": [*map(_text, one.proof)]} for one in rotations]
    return _text(json.dumps({"format": FORMAT, "rotations": told}, sort_keys=True).encode())


def decode_proven(line: str) -> tuple[ProvenRotation, ...]:
    """Return proven changes; none for something else in their place. Raises ``MalformedError`` for bad ones."""
    try:
        told = json.loads(_bytes(line))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        return ()
    try:
        found = tuple(
            ProvenRotation(_index(one["index"]), _bytes(one["body"]), tuple(_bytes(node) for node in one["proof"]))
            for one in told["rotations"]
        )
    except (KeyError, TypeError, ValueError):
        raise MalformedError("The keys of the log in this proof cannot be read.") from None
    if len(found) > _MAX_ROTATIONS or any(len(node) != HASH_BYTES for one in found for node in one.proof):
        raise MalformedError("The keys of the log in this proof cannot be read.")
    return found


def keys_document(origin: str, keys: Sequence[LogKeyRecord]) -> dict[str, JsonValue]:
    """Return the log's keys with their spans, for everybody: an entry that changes a key names nobody."""
    told: list[JsonValue] = [
        {
            "vkey": str(one.key),
            "signs_from": 0 if one.entry is None else one.entry + 1,
            "signs_until": keys[place + 1].overlap_until if place + 1 < len(keys) else None,
            "entry": one.entry,
            "body": None if one.body is None else _text(one.body),
        }
        for place, one in enumerate(keys)
    ]
    return {"format": FORMAT, "origin": origin, "keys": told}


def read_keys_document(content: bytes) -> list[tuple[int, bytes]]:
    """Return index and body of the entries that a document of keys shows. Raises ``MalformedError``."""
    try:
        told = json.loads(content)
        found = [(_index(one["entry"]), _bytes(one["body"])) for one in told["keys"] if one["entry"] is not None]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedError(f"{KEYS_FILE} cannot be read.") from None
    if len(found) > _MAX_ROTATIONS:
        raise MalformedError(f"{KEYS_FILE} holds too many keys.")
    return found


def rotations_of(entries: Iterable[tuple[int, bytes]], bad: Callable[[int, str], object]) -> list[Rotation]:
    """Return the changes of key that hold; of each other one ``bad`` hears index and reason."""
    found: list[Rotation] = []
    for index, body in entries:
        try:
            found.append(read_rotation(index, body))
        except (MalformedError, ProofError) as error:
            bad(index, error.detail)
    return found


def _index(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("no index")
    return value


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
