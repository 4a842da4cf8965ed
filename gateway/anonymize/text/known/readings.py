"""How characters of names are read: homophones, which typing turns into each other, and names in Latin letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import Final

from gateway.anonymize.text.lexicons import lexicon

_MOST_READINGS: Final = 4
_SURNAME_READINGS: Final = MappingProxyType(
    {
        "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha", "朴": "piao", "乐": "yue",
        "盖": "gai", "覃": "qin", "翟": "zhai", "种": "chong", "尉": "yu", "缪": "miao", "纪": "ji", "召": "shao",
        "员": "yun", "长": "zhang", "万": "wan", "折": "she", "冼": "xian", "洗": "xian", "任": "ren", "华": "hua",
        "宁": "ning",
    }
)  # fmt: skip
"""Readings as a surname where they are not the usual ones; the usual one is tried too."""


@lru_cache(maxsize=1)
def _tables() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, frozenset[str]]]:
    readings: dict[str, tuple[str, ...]] = {}
    alike: dict[str, set[str]] = {}
    for line in lexicon("name_pinyin"):
        syllable, characters = line.split()
        for character in characters:
            readings[character] = (*readings.get(character, ()), syllable)
            alike.setdefault(character, set()).update(characters)
    return MappingProxyType(readings), MappingProxyType({key: frozenset(value) for key, value in alike.items()})


def homophones(character: str) -> frozenset[str]:
    """Return the characters that are read like this one, itself among them; alone when it is not in the table."""
    return _tables()[1].get(character) or frozenset((character,))


def syllables(character: str) -> tuple[str, ...]:
    """Return how a folded character is read, without tones, ``v`` for ü; nothing when that is not known."""
    return _tables()[0].get(character, ())


def spellings(characters: str, *, surname: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield ways to write a name in letters, one entry a character, at most four; none when a reading is not known."""
    choices: list[tuple[str, ...]] = []
    for character in characters:
        known = syllables(character)
        if surname and (special := _SURNAME_READINGS.get(character)):
            known = tuple(dict.fromkeys((special, *known)))
        if not known:
            return
        # ü is v in typing, u on cards, yu in passports
        choices.append(tuple(dict.fromkeys(way for one in known for way in _umlauts(one))))
    for count, way in enumerate(product(*choices)):
        if count == _MOST_READINGS:
            return
        yield way


def _umlauts(syllable: str) -> tuple[str, ...]:
    return (syllable, syllable.replace("v", "u"), syllable.replace("v", "yu")) if "v" in syllable else (syllable,)
