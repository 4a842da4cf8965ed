"""What stands in place of personal data: placeholders numbered the same way throughout, or the masks of the columns.

One ``Hiding`` serves all texts of one record: the same person, school or address gets the same placeholder in each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, cast

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.people import People, fold
from gateway.anonymize.text.spans import Source, TextType

if TYPE_CHECKING:
    from gateway.anonymize.masks import ColumnMasks, MaskKind
    from gateway.anonymize.text.engine import Found
    from gateway.anonymize.text.reading import KnownRecord
    from rulebook.recognition_records import Recognition, TextStyle
    from rulebook.records import Divisions

WITHHELD_NOTE: Final = "文本未提供"
"""The word of ``gateway.anonymize.withholding.WITHHELD``, which stands for a whole text."""
STARS: Final = "****"
"""Stands for what has no mask of its own among the columns."""
NAME_STARS: Final = "**"
_STAR: Final = "*"
_GIVEN: Final = 2
"""Longest given name."""


class Marks:
    """The words and masks of one rule book, and how to know them again in a text."""

    def __init__(self, recognition: Recognition, divisions: Divisions) -> None:
        self.recognition = recognition
        self._divisions = divisions
        words = [*recognition.people.values(), *(one.placeholder for one in recognition.hiding.values())]
        longest = sorted({unicodedata.normalize("NFKC", word) for word in words}, key=len, reverse=True)
        longest.append(WITHHELD_NOTE)
        self._placeholder = re.compile(f"〔({'|'.join(map(re.escape, longest))})([0-9]{{0,6}})〕")

    @cached_property
    def _masks(self) -> ColumnMasks:
        from gateway.anonymize.masks import ColumnMasks  # noqa: PLC0415  brings polars

        return ColumnMasks.of(self._divisions)

    def mask(self, kind: TextType, value: str) -> str:
        """Return the mask of a value, as a column of that kind has it."""
        name = self.recognition.hiding[kind].mask
        return STARS if name == "stars" else self._masks.cell(cast("MaskKind", name), value)

    def placeholders(self, text: str) -> list[tuple[int, int]]:
        """Return where placeholders stand in a text (normalised or not)."""
        return [match.span() for match in self._placeholder.finditer(text)] if "〔" in text else []

    def numbers(self, texts: Iterable[str]) -> dict[str, int]:
        """Return the highest number of each word among the placeholders that texts hold already."""
        highest: dict[str, int] = {}
        for text in texts:
            for match in self._placeholder.finditer(text):
                word, number = match.groups()
                highest[word] = max(highest.get(word, 0), int(number or 0))
        return highest

    def masked(self, kind: TextType, text: str, start: int, end: int) -> bool:
        """Return whether ``text[start:end]`` is what a mask shows: with the stars behind it, it is its own mask."""
        if _STAR not in text[start : end + 1]:
            return False
        stop = end
        while text[stop : stop + 1] == _STAR:
            stop += 1
        shown = text[start:stop]
        return self.mask(kind, shown) == shown


def has_surname(name: str) -> bool:
    """Return whether a name begins with a surname, or is too long to be a given name alone."""
    plain = unicodedata.normalize("NFKC", name).strip()
    return len(plain) > _GIVEN or plain[:1] in _surnames()


@lru_cache(maxsize=1)
def _surnames() -> frozenset[str]:
    return frozenset((*lexicon("person_surnames_common"), *lexicon("person_surnames_other")))


class Hiding:
    """Chooses what stands in place of each find in the texts of one record."""

    def __init__(self, marks: Marks, record: KnownRecord | None, texts: Sequence[str], style: TextStyle) -> None:
        self._marks = marks
        self._style = style
        self._people = People(record)
        self._last = marks.numbers(texts)
        self._given: dict[tuple[str, str], str] = {}

    def labels(self, texts: Sequence[str], found: Sequence[Sequence[Found]]) -> list[list[str]]:
        """Return, text by text, what stands in place of each find. Numbers go by the order of the texts."""
        pairs = list(zip(texts, found, strict=True))
        label = self._mask if self._style == "mask" else self._placeholder
        self._people.meet(
            (text[one.start : one.end], one.source, one.rule)
            for text, ones in pairs
            for one in ones
            if one.type is TextType.PERSON
        )
        return [[label(text[one.start : one.end], one) for one in ones] for text, ones in pairs]

    def _mask(self, value: str, one: Found) -> str:
        if one.type is not TextType.PERSON:
            return self._marks.mask(one.type, value)
        # a given name alone shows the surname of its person, never a part of itself
        name = self._people.full(self._people.who(value))
        return self._marks.mask(one.type, name) if has_surname(name) else NAME_STARS

    def _placeholder(self, value: str, one: Found) -> str:
        recognition = self._marks.recognition
        if one.type is TextType.PERSON:
            person = self._people.who(value)
            word = recognition.people[person.role]
            if person.role == "student" or (person.role == "guardian" and self._people.guardians == 1):
                return f"〔{word}〕"
            if person.role == "guardian":
                return f"〔{word}{person.key}〕"
            return self._numbered(word, person.key)
        hiding = recognition.hiding[one.type]
        if not hiding.numbered or one.source is Source.RECORD:
            return f"〔{hiding.placeholder}〕"
        return self._numbered(hiding.placeholder, fold(value))

    def _numbered(self, word: str, key: str) -> str:
        if (word, key) not in self._given:
            self._last[word] = self._last.get(word, 0) + 1
            self._given[word, key] = f"〔{word}{self._last[word]}〕"
        return self._given[word, key]


def rendered(text: str, found: Sequence[Found], labels: Sequence[str]) -> str:
    """Return ``text`` with each find replaced."""
    out: list[str] = []
    done = 0
    for one, label in zip(found, labels, strict=True):
        out += [text[done : one.start], label]
        done = one.end
    return "".join([*out, text[done:]])
