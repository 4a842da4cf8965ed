"""What is found in a text: kinds of personal data, and where they stand.

Offsets are code points, the end is exclusive. The names of the kinds are part of the public contract of ``detect``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class TextType(StrEnum):
    """The kinds of personal data that are looked for in free text."""

    PERSON = "PERSON"
    ADDRESS = "ADDRESS"
    SCHOOL = "SCHOOL"
    CN_ID = "CN_ID"
    STUDENT_NO = "STUDENT_NO"
    PHONE = "PHONE"
    BANK_CARD = "BANK_CARD"
    PASSPORT = "PASSPORT"
    PERMIT = "PERMIT"
    """Travel permits of Hong Kong, Macao and Taiwan residents."""
    PLATE = "PLATE"
    WECHAT = "WECHAT"
    QQ = "QQ"
    EMAIL = "EMAIL"
    BIRTH_DATE = "BIRTH_DATE"
    """A day said to be somebody's birthday; any other date is none."""


class Detection(NamedTuple):
    """What ``detect`` returns: code points of the original text, end exclusive, and the name of a ``TextType``."""

    start: int
    end: int
    type: str


class Source(StrEnum):
    """Which detector found a span; decides between overlapping ones (``resolve``)."""

    RECORD = "record"
    """The record's own dictionary: pupil, family, school, address."""
    IDENTIFIER = "identifier"
    ROSTER = "roster"
    PLACE = "place"
    """Addresses and schools by their grammar."""
    NAME_RULE = "name_rule"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Span:
    """A found piece of a normalised text. ``rule`` names why, for ``--explain``; it never holds any of the text."""

    start: int
    end: int
    type: TextType
    source: Source
    score: float
    rule: str

    def __post_init__(self) -> None:
        """Refuse an empty span."""
        if not 0 <= self.start < self.end:
            raise ValueError(f"A span from {self.start} to {self.end} is none.")
