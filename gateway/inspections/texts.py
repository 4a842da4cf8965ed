"""What people write into a case: screened before it is kept, and in the log by its SHA-256 alone (I7)."""

from __future__ import annotations

import hashlib

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


def digest(text: str) -> str:
    """Return how the log names a text that stays in the table: the SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
