"""What people write into a case: screened before it is kept, and in the log by a salted commitment alone (I7)."""

from __future__ import annotations

import hmac
import secrets

from gateway import record_texts
from gateway.inspections.records import MAX_TEXT


def said(name: str, text: str, *, needed: bool = True, longest: int = MAX_TEXT) -> str:
    """Return a text of a case as ``record_texts.said`` does: a case names bodies and entries, never a pupil."""
    return record_texts.said(name, text, longest=longest, needed=needed, rule="A50-10")


def new_salt() -> bytes:
    """Return the random 32 bytes that make the commitment to one text."""
    return secrets.token_bytes(32)


def commitment(salt: bytes, text: str) -> str:
    """Return how the log names a text that stays under seal: HMAC-SHA-256 under its salt, in hexadecimal.

    Who has the salt, from the case's package, can check the text. Once the key of the case is destroyed nobody has it,
    and the commitment tells nothing: a plain hash could be tried against guesses for ever.
    """
    return hmac.digest(salt, text.encode(), "sha256").hex()
