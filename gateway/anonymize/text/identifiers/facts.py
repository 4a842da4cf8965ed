"""What the digits themselves prove: check digits, dates, regions, bank prefixes.

The leak scan has the first two as well, but brings Polars, which ``xueji redact`` would wait for; a test compares them.
"""

from __future__ import annotations

import re
from calendar import monthrange

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_REGIONS = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()
)
"""GB/T 2260 provinces, and 81 to 83 of the residence permits."""
_FOREIGN = "9"
"""First digit of the number of a foreigner's permanent residence card (since 2023)."""
_CENTURIES = frozenset({"19", "20"})
_LATEST_BIRTH = "2039"
_DAY = 8
_MONTHS = range(1, 13)
_LONGEST_MONTH = 31
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECKS = "10X98765432"
_ID_BODY = 17
_BANKS = re.compile(r"62|60|68|4|5[0-8]|35|36|37|30|95[58]|90|94|98|99")
"""First digits of cards: UnionPay, Visa, Mastercard, JCB and others, old cards of Chinese banks."""


def id_checks(number: str) -> bool:
    """Return whether 18 characters have the check character of GB 11643 (ISO 7064, MOD 11-2)."""
    body, check = number[:_ID_BODY], number[_ID_BODY:]
    if len(number) != _ID_BODY + 1 or not (body.isascii() and body.isdigit()):
        return False
    return check == _CHECKS[sum(int(one) * weight for one, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def born(digits: str) -> bool:
    """Return whether eight ASCII digits are a day on which a living person may be born (1900 to 2039)."""
    if digits[:2] not in _CENTURIES or digits[:4] > _LATEST_BIRTH or len(digits) != _DAY or not digits.isdigit():
        return False
    month, day = int(digits[4:6]), int(digits[6:])
    return month in _MONTHS and 1 <= day <= monthrange(int(digits[:4]), month)[1]


def born_perhaps(digits: str) -> bool:
    """Return whether eight ASCII digits look like a birth date, though the calendar may have no such day: 20150230."""
    if digits[:2] not in _CENTURIES or digits[:4] > _LATEST_BIRTH or len(digits) != _DAY or not digits.isdigit():
        return False
    return int(digits[4:6]) in _MONTHS and 1 <= int(digits[6:]) <= _LONGEST_MONTH


def region(number: str) -> bool:
    """Return whether ``number`` begins like the code of a province."""
    return number[:2] in _REGIONS


def foreign_resident(number: str) -> bool:
    """Return whether ``number`` begins like that of a permanent residence card of a foreigner: 9 and a province."""
    return number[:1] == _FOREIGN and number[1:3] in _REGIONS


def luhn(number: str) -> bool:
    """Return whether the check digit of a card is right (ISO/IEC 7812-1, annex B)."""
    if not (number.isascii() and number.isdigit()):
        return False
    backwards = [int(one) for one in reversed(number)]
    return (sum(backwards[::2]) + sum(_LUHN_DOUBLED[one] for one in backwards[1::2])) % 10 == 0


def bank(number: str) -> bool:
    """Return whether ``number`` begins like the number of a bank card."""
    return _BANKS.match(number) is not None
