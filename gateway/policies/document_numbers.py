"""Numbers of official documents: one written form for each, whatever brackets, digits and blanks were typed.

文号 after GB/T 9704: 机关代字〔年份〕顺序号 号. A government's own registration number stands for a signed sheet that
has no 文号, the number of a meeting for its minutes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_OPENING: Final = "[［【〖(（⟮〔{｛〈《「『⦅｟"
_CLOSING: Final = "]］】〗)）⟯〕}｝〉》」』⦆｠"
_DASHES: Final = "－—–‐‑‒―−﹣﹘~～〜"
_FOLDED: Final = str.maketrans(
    dict.fromkeys(_OPENING, "〔") | dict.fromkeys(_CLOSING, "〕") | dict.fromkeys(_DASHES, "-") | {"號": "号"}
)
_HAN: Final = r"[\u3400-\u9fff]"
_SERIAL: Final = re.compile(r"〔([0-9]{4})年?〕第?0*([0-9]+)(号|次|期)")
_DOCUMENT: Final = re.compile(rf"{_HAN}{{1,16}}〔([0-9]{{4}})〕[0-9]{{1,5}}[号次期]")
_REGISTRATION_WORD: Final = "登|签|批|纪|收|呈|阅|办文|办件|受理"
_REGISTRATION: Final = re.compile(
    rf"{_HAN}{{0,20}}(?:{_REGISTRATION_WORD}){_HAN}{{0,6}}"
    r"(?:第?([0-9]{4})-[0-9]{1,6}号?|〔([0-9]{4})〕(?:第?[0-9]{1,6})号?)"
)
_MEETING: Final = re.compile(
    rf"{_HAN}{{0,24}}(?:〔([0-9]{{4}})〕)?第?[0-9]{{1,4}}[次期](?:{_HAN}{{0,12}}(?:会议|常务会)(?:纪要)?)?"
)


class NumberForm(StrEnum):
    """What a number is, as far as its form tells."""

    DOCUMENT = "document"
    REGISTRATION = "registration"
    MEETING = "meeting"


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """What a normalised number says: every form that it has, and the year in it, if there is one."""

    forms: frozenset[NumberForm]
    year: int | None


def normalize_document_number(text: str) -> str:
    """Return a number with 〔〕 as brackets, ASCII digits and hyphens, no blanks; no 第 and no zeros behind 〔〕.

    Total and idempotent: any text gives one, and giving it again changes nothing.
    """
    kept = "".join(
        str(unicodedata.digit(one)) if one.isdigit() else one
        for one in text
        if not one.isspace() and unicodedata.category(one) not in {"Cc", "Cf", "Cs"}
    )
    return _SERIAL.sub(r"〔\1〕\2\3", kept.translate(_FOLDED))


def read_number(normal: str) -> ReadNumber:
    """Return which numbers ``normal`` (already normalised) may be; no form at all when it is none of them."""
    forms: set[NumberForm] = set()
    year: str | None = None
    if found := _DOCUMENT.fullmatch(normal):
        forms.add(NumberForm.DOCUMENT)
        year = found.group(1)
    if found := _REGISTRATION.fullmatch(normal):
        forms.add(NumberForm.REGISTRATION)
        year = found.group(1) or found.group(2)
    if found := _MEETING.fullmatch(normal):
        forms.add(NumberForm.MEETING)
        year = year or found.group(1)
    return ReadNumber(frozenset(forms), None if year is None else int(year))
