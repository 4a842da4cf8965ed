"""Student numbers (学籍号): 19 characters, ``G``, ``J`` or ``L`` and 18 more.

``G`` + resident identity number: the number *contains* the identity number and is as secret as it is.
``J`` + division, birth date, three-digit serial, check character: assigned where there is no identity number.
``L`` + division, birth date, four random characters: provisional, while a pupil waits for the national number (Q-32).
Source: 《学校(机构)人员基础信息代码编制规则》 2013; details of ``J`` and ``L`` are probable, so only their shape
is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum

from core_registry.domain.identity_number import normalize_identity_number, problem_of

LENGTH = 19
RANDOM_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Digits and capitals without I and O, which are misread on paper."""

_DIVISION = re.compile(r"[0-9]{6}")
_J_BODY = re.compile(r"[0-9]{17}[0-9X]")
_L_BODY = re.compile(r"[0-9]{14}[0-9A-Z]{4}")


class StudentNumberKind(StrEnum):
    """The first character of a student number."""

    NATIONAL = "G"
    SELF_CODED = "J"
    PROVISIONAL = "L"


class StudentNumberError(ValueError):
    """A text is no student number; the message holds nothing of it."""


def normalize_student_number(text: str) -> str:
    """Return ``text`` in half width and upper case, without any blank. Total and idempotent."""
    return normalize_identity_number(text)


def kind_of(text: str) -> StudentNumberKind:
    """Return the kind of a *normalised* student number.

    Raises ``StudentNumberError`` when the length, the first character or the body is wrong; the body of a
    ``G`` number must be a valid resident identity number. Source: A6-3.
    """
    if len(text) != LENGTH:
        raise StudentNumberError("a student number has 19 characters")
    body = text[1:]
    if text[0] == StudentNumberKind.NATIONAL and problem_of(body) is None:
        return StudentNumberKind.NATIONAL
    if text[0] == StudentNumberKind.SELF_CODED and _J_BODY.fullmatch(body) and _has_date(body):
        return StudentNumberKind.SELF_CODED
    if text[0] == StudentNumberKind.PROVISIONAL and _L_BODY.fullmatch(body) and _has_date(body):
        return StudentNumberKind.PROVISIONAL
    raise StudentNumberError("a student number is G, J or L followed by the 18 characters of its kind")


def provisional_number(division: str, born: date, choose: Callable[[str], str]) -> str:
    """Return a provisional ``L`` number of 19 characters.

    ``division`` is the six-digit division of the school; ``choose`` returns one character of the text it is
    given, at random (``secrets.choice``). The caller makes another one on a collision: there are 34**4
    numbers a division and birth date. Raises ``ValueError`` when ``division`` is not six digits. Source: Q-32.
    """
    if _DIVISION.fullmatch(division) is None:
        raise ValueError("a division has six digits")
    return f"L{division}{born:%Y%m%d}" + "".join(choose(RANDOM_ALPHABET) for _ in range(4))


def _has_date(body: str) -> bool:
    try:
        date(int(body[6:10]), int(body[10:12]), int(body[12:14]))
    except ValueError:
        return False
    return True
