"""The values of identity claims in words, for people: the holder, the family, the verifier at the counter."""

from __future__ import annotations

from gateway.console.filters import label, place
from gateway.console.pages import services
from gateway.identity.claims import ACTIVE
from gateway.identity.records import ClaimValue

NOT_CONFIRMED = "未能确认"
"""To others a no is not told from what could not be confirmed."""


def in_words(name: str, value: ClaimValue, *, no: str = NOT_CONFIRMED) -> str:
    """Return a claim's value in words; ``no`` stands for a no, and for a record that is not active."""
    if isinstance(value, bool):
        return "是" if value else no
    if name == "stage":
        return label(str(value), "stage").zh
    if name == "grade":
        return services().book.code_lists["grades"].labels.get(str(value), str(value))
    if name == "county":
        return place(str(value), services().book)
    if name == "enrolment_status":
        return "在籍" if value == ACTIVE else no
    return str(value)
