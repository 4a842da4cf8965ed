"""Resident identity numbers (GB 11643-1999): normalise, verify, read. Errors never hold the number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""Weight of each of the first 17 digits (GB 11643, ISO 7064 MOD 11-2)."""
CHECK_CHARACTERS = "10X98765432"
"""Check character by the weighted sum modulo 11."""
LENGTH = 18

_SHAPE = re.compile(r"[0-9]{17}[0-9X]")
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")


class IdentityProblem(StrEnum):
    """Why a text is no resident identity number, the first reason found."""

    EMPTY = "empty"
    FIRST_GENERATION = "first-generation"
    """15 digits, never valid for a new record."""
    SHAPE = "shape"
    """Not 17 digits and a digit or X."""
    BIRTH_DATE = "birth-date"
    CHECKSUM = "checksum"


class IdentityNumberError(ValueError):
    """A text is no resident identity number; ``problem`` says why, the message holds no digit of it."""

    def __init__(self, problem: IdentityProblem) -> None:
        super().__init__(f"not a resident identity number: {problem.value}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """What a verified number says. ``division`` is that of first registration and may be abolished since."""

    value: str = field(repr=False)
    division: str = field(repr=False)
    birth_date: date = field(repr=False)
    sex: str = field(repr=False)
    """GB/T 2261.1: ``1`` male, ``2`` female."""


def normalize_identity_number(text: str) -> str:
    """Return ``text`` in half width and upper case, without any blank. Total and idempotent."""
    while (normal := _BLANK.sub("", unicodedata.normalize("NFKC", text)).upper()) != text:
        text = normal  # without its blanks a text may compose anew
    return text


def check_character(first_17: str) -> str:
    """Return the check character for the first 17 digits.

    Raises ``ValueError`` when they are not exactly 17 ASCII digits. Source: GB 11643 section 6.
    """
    if len(first_17) != LENGTH - 1 or not (first_17.isascii() and first_17.isdigit()):
        raise ValueError("17 ASCII digits are needed")
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, first_17, strict=True))
    return CHECK_CHARACTERS[total % 11]


def parse_identity_number(text: str) -> IdentityNumber:
    """Return what a *normalised* number says.

    Raises ``IdentityNumberError`` on anything that is not strictly valid. An unknown division is not
    checked here: districts were re-cut in 2018, so that is a warning of the caller. Source: A10-2; GB 11643.
    """
    problem = problem_of(text)
    if problem is not None:
        raise IdentityNumberError(problem)
    return IdentityNumber(
        value=text,
        division=text[:6],
        birth_date=date(int(text[6:10]), int(text[10:12]), int(text[12:14])),
        sex="1" if int(text[16]) % 2 else "2",
    )


def problem_of(text: str) -> IdentityProblem | None:
    """Return the first reason why a *normalised* text is no resident identity number, ``None`` if it is one."""
    if not text:
        return IdentityProblem.EMPTY
    if len(text) == 15 and text.isascii() and text.isdigit():  # noqa: PLR2004  # length of the first generation
        return IdentityProblem.FIRST_GENERATION
    if _SHAPE.fullmatch(text) is None:
        return IdentityProblem.SHAPE
    try:
        date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return IdentityProblem.BIRTH_DATE
    if check_character(text[:17]) != text[17]:
        return IdentityProblem.CHECKSUM
    return None
