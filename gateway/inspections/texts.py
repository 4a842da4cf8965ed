"""What people write into a case: screened before it is kept, and in the log by a salted commitment alone (I7)."""

from __future__ import annotations

import hmac
import secrets

from gateway.errors import ParameterError
from gateway.inspections.records import MAX_TEXT
from gateway.policies.screening import holds_number


def said(name: str, text: str, *, needed: bool = True, longest: int = MAX_TEXT) -> str:
    """Return ``text`` without blanks around it.

    Raises ``ParameterError`` when it is needed and missing, too long, or holds what may be a telephone, an ID number or
    a student number: a case names bodies and entries, never a pupil.
    """
    bare = text.strip()
    if needed and not bare:
        raise ParameterError(
            f"Say in words: {name}. It is part of the record.",
            detail_zh="请用文字说明，将记入案卷。",
            rule="A50-10",
            missing=(name,),
        )
    if len(bare) > longest:
        raise ParameterError(
            f"{name}: at most {longest} characters.", detail_zh=f"文字不得超过 {longest} 字。", missing=(name,)
        )
    if holds_number(bare):
        raise ParameterError(
            f"Write no telephone, ID number or student number here: {name}. Name an entry of the log instead.",
            detail_zh="请不要填写电话、证件号码或学籍号，可写明审计条目的序号。",
            rule="A50-8",
            missing=(name,),
        )
    return bare


def new_salt() -> bytes:
    """Return the random 32 bytes that make the commitment to one text."""
    return secrets.token_bytes(32)


def commitment(salt: bytes, text: str) -> str:
    """Return how the log names a text that stays under seal: HMAC-SHA-256 under its salt, in hexadecimal.

    Who has the salt, from the case's package, can check the text. Once the key of the case is destroyed nobody has it,
    and the commitment tells nothing: a plain hash could be tried against guesses for ever.
    """
    return hmac.digest(salt, text.encode(), "sha256").hex()
