"""Whose a tag is: the office says so in an entry of the log, which holds a salted commitment and names nobody.

The entry is the office's own record that it was asked. It is signed and cosigned as every entry, so that what it binds
cannot be denied or exchanged later; who holds the opening shows that it is about a certain pupil. Pure functions.
Source: docs/presence-proofs.md, section 5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import rfc8785

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.leaves import decode_entry
from gateway.journal import JsonValue

KIND: Final = "audit.read"
SALT_BYTES: Final = 32
_DOMAIN: Final = b"xueji-gateway presence statement v1\x00"


class SubjectKind(StrEnum):
    """By what a pupil is named."""

    STUDENT_NUMBER = "student_number"
    """学籍号, normalised: G, J or L and 18 characters."""
    ID_NUMBER = "id_number"
    """Resident identity number, normalised: 18 characters."""
    SUBJECT_REF = "subject_ref"
    """The registry's permanent reference: 32 hexadecimal digits."""


_FORMS: Final[Mapping[SubjectKind, re.Pattern[str]]] = {
    SubjectKind.STUDENT_NUMBER: re.compile(r"[GJL][0-9A-Z]{18}"),
    SubjectKind.ID_NUMBER: re.compile(r"[0-9]{17}[0-9X]"),
    SubjectKind.SUBJECT_REF: re.compile(r"[0-9a-f]{32}"),
}


@dataclass(frozen=True, slots=True)
class NamedSubject:
    """A pupil as whoever asks names it."""

    kind: SubjectKind
    value: str = field(repr=False)

    def fits(self) -> bool:
        """Say whether the value has the form of its kind."""
        return _FORMS[self.kind].fullmatch(self.value) is not None


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment: whoever has it can show whose the tag is, so it is handed on with care."""

    salt: bytes = field(repr=False)
    subject: NamedSubject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What a statement says, beside of whom: ``act`` and the members that it binds."""

    act: str
    bound: Mapping[str, JsonValue] = field(repr=False)


def commitment(said: Said, opening: Opening) -> bytes:
    """Return the commitment: SHA-256 over a fixed text, the salt, and the canonical form of all that is bound."""
    subject: dict[str, JsonValue] = {"kind": opening.subject.kind.value, "value": opening.subject.value}
    content: dict[str, JsonValue] = {**said.bound, "act": said.act, "subject": subject}
    return hashlib.sha256(_DOMAIN + opening.salt + rfc8785.dumps(content)).digest()


def stated(body: bytes, said: Said, opening: Opening | None, *, shown: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the content of the entry ``body`` when it is the statement ``said``; raise ``ProofError`` when not.

    ``shown`` are members that its facts hold in clear. With the opening the commitment is made again and compared.
    Raises ``MalformedError`` for what is no entry.
    """
    content = decode_entry(body)
    facts = content.get("facts")
    if content.get("kind") != KIND or content.get("outcome") != "done" or not isinstance(facts, dict):
        raise ProofError("The statement is not an entry of the office that it was asked.")
    expected: dict[str, JsonValue] = {**shown, "act": said.act}
    if any(facts.get(name) != value or type(facts.get(name)) is not type(value) for name, value in expected.items()):
        raise ProofError("The statement is about something else.")
    told = facts.get("commitment")
    if not isinstance(told, str) or re.fullmatch("[0-9a-f]{64}", told) is None:
        raise MalformedError("The statement has no commitment.")
    if opening is None:
        return content
    if len(opening.salt) != SALT_BYTES or not opening.subject.fits():
        raise MalformedError("The opening is none.")
    if commitment(said, opening).hex() != told:
        raise ProofError("The opening does not open the commitment: the tag is not shown to be that pupil's.")
    return content
