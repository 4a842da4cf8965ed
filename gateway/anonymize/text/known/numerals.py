"""Numbers of houses as they are written: 3号楼2单元501室, 3-2-501, 三号楼二单元五〇一室, 三十二号."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = {mark: value for value, mark in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0, "两": 2}
_TENS: Final = {"十": 10, "百": 100, "千": 1000}
NUMBER: Final = r"(?:[0-9]{1,5}|[零〇○一二三四五六七八九十百]{1,6})"
UNIT: Final = r"(?:号院|号楼|号|楼栋|栋|幢|座|楼|单元|门洞|门|室|户|层|弄|组|队|排|院|期|区|#)"
_STEP: Final = rf"(?:[A-Za-z东西南北甲乙丙丁]?(?:第)?{NUMBER}[A-Za-z甲乙丙丁]?{UNIT}|[A-Da-d甲乙丙丁东西南北]{UNIT})"
_NOT_A_HOUSE: Final = r"(?![0-9]|\s?[年月日岁个人元分名次点时天周学班级届])"
TAIL: Final = re.compile(
    rf"\s?(?:(?:{_STEP}[\s\-—–,，]{{0,2}}){{1,6}}(?:(?<=[楼元号栋幢座门院层\-#])\s?{NUMBER}(?:\s?[\-—–]\s?{NUMBER}){{0,3}}(?:室|号|户)?{_NOT_A_HOUSE})?"
    rf"|{NUMBER}(?:\s?[\-—–]\s?{NUMBER}){{1,3}}(?:室|号|户)?{_NOT_A_HOUSE})"
)
"""What follows a road or an estate: at least one number with its unit, or numbers with dashes between."""
_NUMBER: Final = re.compile(NUMBER)


def value(written: str) -> int:
    """Return the number that digits or Chinese numerals write: 501, 五〇一 and 五百零一 are the same."""
    if written.isascii():
        return int(written)
    if not any(mark in _TENS for mark in written):
        return int("".join(str(_DIGITS[mark]) for mark in written))
    total = 0
    digit = 0
    for mark in written:
        if mark in _TENS:
            total += (digit or 1) * _TENS[mark]
            digit = 0
        else:
            digit = _DIGITS[mark]
    return total + digit


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers in a text in their order."""
    return tuple(value(found[0]) for found in _NUMBER.finditer(text))
