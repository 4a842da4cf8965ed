"""Other ways in which digits are written: in Chinese, or as letters that look like them. One for one: offsets hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

SEPARATORS = r" \t-\r\x1c-\x1f\u2028\u2029.\-\u2010-\u2015\u2212~_·•・,、/|:;()\[\]"
"""What may stand between the digits of one number, inside a character class. NFKC has made them half width."""

_CHINESE = {
    "0": "零〇○◯洞", "1": "一壹幺弌", "2": "二贰貳两弍", "3": "三叁參弎", "4": "四肆", "5": "五伍", "6": "六陆陸",
    "7": "七柒拐", "8": "八捌", "9": "九玖勾", "X": "叉",
}  # fmt: skip
_LOOKALIKE = {"0": "OoοΟоО", "1": "Iil|丨ⅠіІ"}
"""As OCR confuses them; the last ones of each are Greek and Cyrillic."""
_CHINESE_TABLE = {ord(one): digit for digit, all_ in _CHINESE.items() for one in all_}
_LOOKALIKE_TABLE = {ord(one): digit for digit, all_ in _LOOKALIKE.items() for one in all_}
CHINESE_DIGITS = frozenset("".join(written for digit, written in _CHINESE.items() if digit != "X"))

_DIGIT = f"[0-9{''.join(sorted(CHINESE_DIGITS))}]"
_CHINESE_RUN = re.compile(rf"{_DIGIT}(?:[{SEPARATORS}]{{0,3}}+{_DIGIT}){{5,}}+")
_ALIKE = re.escape("".join(_LOOKALIKE.values()))
_ALIKE_RUN = re.compile(rf"[0-9][{_ALIKE}]|[{_ALIKE}][0-9]")


class Script(StrEnum):
    """How the digits of a number are written."""

    PLAIN = "plain"
    CHINESE = "chinese"
    LOOKALIKE = "lookalike"


def views(text: str) -> Iterator[tuple[Script, str]]:
    """Yield ``text`` as it is, then, if there are any, with Chinese digits and with look-alikes as ASCII digits."""
    yield Script.PLAIN, text
    chinese = text
    if any(not found[0].isascii() for found in _CHINESE_RUN.finditer(text)):
        chinese = text.translate(_CHINESE_TABLE)
        yield Script.CHINESE, chinese
    if _ALIKE_RUN.search(chinese):
        yield Script.LOOKALIKE, chinese.translate(_LOOKALIKE_TABLE)
