"""The written forms of a registered name. Each form is here on purpose and has its test."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

from gateway.anonymize.text.known.readings import spellings
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.squeezed import DOTS, fold, is_han, squeeze

_PLAIN: Final = re.compile(r"[\u4e00-\u9fff]{2,6}")
_SEVERAL: Final = re.compile(r"[()（）\[\]【】,，、;；/|]|曾用名[:：]?|原名[:：]?")
_HAN_NAME: Final = 4
_LEAST_PART: Final = 2
_LEAST_CUT: Final = 3
_LONGEST: Final = 24
"""Longer entries are no names but texts gone wrong."""
_LEAST_LATIN: Final = 5
"""Shorter runs of letters are words of other languages too often."""
_SYLLABIC: Final = 2
_NOT_TWICE: Final = frozenset("一二三四五大小人年日月")
"""Characters that are words when they stand twice: 一一, 大大小小."""


@lru_cache(maxsize=1)
def _compound_surnames() -> frozenset[str]:
    return frozenset(lexicon("person_surnames_compound"))


class Form(Enum):
    """How a name is written. The order is that of trust: of two readings of one place the earlier form counts."""

    FULL = "full"
    LATIN = "latin"
    PART = "part"
    GIVEN = "given"
    PET = "pet"
    TYPO = "typo"
    INITIALS = "initials"


@dataclass(frozen=True, slots=True)
class Name:
    """A registered name, folded and taken apart. ``surname`` is empty when the name has parts or none is known."""

    full: str = field(repr=False)
    surname: str = field(default="", repr=False)
    given: str = field(default="", repr=False)
    parts: tuple[str, ...] = field(default=(), repr=False)

    @property
    def han(self) -> bool:
        """Return whether the name is written in ideographs alone."""
        return all(map(is_han, self.full))


def names(registered: str) -> Iterator[Name]:
    """Yield the names in a registered text: one, or several with brackets and commas (王小明（王晓明）)."""
    if _PLAIN.fullmatch(registered):
        yield _han_name(fold(registered))
        return
    for text in _SEVERAL.split(unicodedata.normalize("NFKC", registered)):
        full = squeeze(text)
        if not _LEAST_PART <= len(full) <= _LONGEST:
            continue
        dotted = [part for part in map(squeeze, re.split(f"[{re.escape(DOTS)}]", text)) if part]
        if len(dotted) > 1 and not (len(full) <= _HAN_NAME and len(dotted[0]) <= _surname_length(full)):
            yield Name(full, parts=tuple(dotted))
        elif not all(map(is_han, full)):
            words = [part for part in map(squeeze, text.split()) if part]
            yield Name(full, parts=tuple(words) if len(words) > 1 else ())
        else:
            yield _han_name(full)


def _han_name(full: str) -> Name:
    if len(full) > _HAN_NAME:
        return Name(full, parts=(full,))
    size = _surname_length(full)
    return Name(full, full[:size], full[size:])


def _surname_length(full: str) -> int:
    return 2 if len(full) > _SYLLABIC and full[:2] in _compound_surnames() else 1


def written(name: Name) -> dict[str, Form]:
    """Return the forms in ideographs (or as registered, in letters), folded and squeezed."""
    forms: dict[str, Form] = {name.full: Form.FULL}
    for part in _parts(name) if name.parts else ():
        forms.setdefault(part, Form.PART)
    for start in range(len(name.given) - 1):
        forms.setdefault(name.given[start:], Form.GIVEN)  # 张杨子涵 is 杨子涵 and 子涵
    for pet in _pets(name.given) if name.given else ():
        forms.setdefault(pet, Form.PET)
    return forms


def _parts(name: Name) -> Iterator[str]:
    """Yield 阿依古丽 and 买买提 of 阿依古丽·买买提, any beginning and end of a name without dots or with several."""
    whole = len(name.parts) == 1
    for part in () if whole else name.parts:
        if len(part) >= (_LEAST_PART if is_han(part[0]) else _LEAST_LATIN):
            yield part
    if (whole or len(name.parts) > _SYLLABIC) and name.han:
        for cut in range(_LEAST_CUT, len(name.full) - 1):
            yield name.full[:cut]
            yield name.full[-cut:]


def _pets(given: str) -> Iterator[str]:
    """Yield 小明, 阿明, 明明, 明儿, and of given names of two characters 小子涵, 涵涵, 子子, 子涵涵 as well."""
    last = given[-1]
    for one in dict.fromkeys((last, given)):
        if len(one) <= _SYLLABIC:
            yield from ("小" + one, "阿" + one, "老" + one, one + "儿")
    for one in dict.fromkeys((last, given[0])):
        if one not in _NOT_TWICE:
            yield one + one
    if len(given) == _SYLLABIC:
        yield given + last


def latin(name: Name) -> dict[str, Form]:
    """Return the forms in letters, lower case, without spaces: wangxiaoming, xiaomingwang, wangxm, xiaoming, wxm."""
    forms: dict[str, Form] = {}
    if not name.surname:
        return forms
    for surname in map("".join, spellings(name.surname, surname=True)):
        for syllables in spellings(name.given):
            given = "".join(syllables)
            initials = "".join(syllable[0] for syllable in syllables)
            for text in (surname + given, given + surname, surname + initials, initials + surname):
                if len(text) >= _LEAST_LATIN:
                    forms.setdefault(text, Form.LATIN)
            if len(syllables) > 1:
                forms.setdefault(given, Form.GIVEN)
            forms.setdefault(surname[0] + initials, Form.INITIALS)
    return forms
