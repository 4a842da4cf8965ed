"""Finds what looks like personal data of a pupil or guardian, so that it does not enter the log (I7).

ID numbers of 18 and 15 digits, student numbers and telephone numbers are recognised at alphanumeric
boundaries: a run of digits inside a hexadecimal hash is none.
"""

from __future__ import annotations

import re
import unicodedata

_START = r"(?<![0-9A-Za-z])"
_END = r"(?![0-9A-Za-z])"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_ID_18 = re.compile(rf"{_START}[1-9][0-9]{{5}}(?:19|20)[0-9]{{2}}{_DAY}[0-9]{{3}}[0-9Xx]{_END}")
_ID_15 = re.compile(rf"{_START}[1-8][0-7][0-9]{{6}}{_DAY}[0-9]{{3}}{_END}")
_STUDENT_NUMBER = re.compile(rf"{_START}[GgLl][0-9]{{17}}[0-9Xx]{_END}")
_PHONE = re.compile(rf"{_START}(?:\+?(?:00)?86[- ]?)?1[3-9][0-9](?:[- ]?[0-9]{{4}}){{2}}{_END}")
_SHORTEST = 11
"""Characters of a telephone number, the shortest of all that is looked for."""
_CREDIT_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LENGTH = 18


def looks_personal(text: str, *, phones: bool = True) -> str | None:
    """Return what ``text`` seems to hold (``id_number``, ``student_number``, ``phone``), else ``None``.

    Full-width digits count as digits.
    """
    if text.isascii():
        if len(text) < _SHORTEST:
            return None
        plain = text  # normal already
    else:
        plain = unicodedata.normalize("NFKC", text)
    if _STUDENT_NUMBER.search(plain):
        return "student_number"
    if _ID_18.search(plain) or _ID_15.search(plain):
        return "id_number"
    if phones and _PHONE.search(plain):
        return "phone"
    return None


def is_credit_code(text: str) -> bool:
    """Say whether ``text`` is a 统一社会信用代码 and no ID number, by both check digits (GB 32100, GB 11643).

    One code in many millions has the shape of an ID number; its organisation must still be able to receive.
    """
    if len(text) != _LENGTH or any(c not in _CREDIT_CODE for c in text):
        return False
    total = sum(_CREDIT_CODE.index(c) * pow(3, at, 31) for at, c in enumerate(text[:-1]))
    if _CREDIT_CODE[(31 - total % 31) % 31] != text[-1]:
        return False
    if not text[:-1].isdigit():
        return True
    weighted = sum(int(c) * pow(2, _LENGTH - 1 - at, 11) for at, c in enumerate(text[:-1]))
    return "10X98765432"[weighted % 11] != text[-1]
