"""The roll of a school: names of its pupils and staff, searched for in one pass (Aho-Corasick)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind

from gateway.anonymize.text.squeezed import Squeezed, fold, is_han, squeeze

_PLAIN: Final = re.compile(r"[\u4e00-\u9fff]{2,8}")
_LEAST: Final = 2
_LONGEST: Final = 40
"""Longer entries are no names but rows gone wrong."""
_WIDEST_GAP: Final = 4
_WIDEST_GAP_OF_TWO: Final = 2


class Entry(NamedTuple):
    """A name of the roll where it stands in a normalised text. ``size`` is its length without marks and spaces."""

    start: int
    end: int
    size: int


class Roster:
    """Names of three and more characters count wherever they stand, those of two only with context.

    Built once for a school, kept as long as its roll does not change; in processes that hold the office's keys only.
    It keeps the automaton alone, not the names, and shows neither.
    """

    __slots__ = ("_automaton", "_size")

    def __init__(self, names: Iterable[str]) -> None:
        """Take any texts; what is no name (one character, digits, letters alone) is left out."""
        folded = {name for text in names if (name := _name(text))}
        self._size = len(folded)
        self._automaton = (
            AhoCorasick(sorted(folded), matchkind=MatchKind.LeftmostLongest, store_patterns=False) if folded else None
        )

    def __len__(self) -> int:
        """Return how many names differ once they are folded."""
        return self._size

    def __repr__(self) -> str:
        """Return how many names there are, none of them."""
        return f"Roster({self._size} names)"

    def find(self, text: str) -> Iterator[Entry]:
        """Yield where names of the roll stand in a normalised text, the longest of those that begin at one place."""
        if self._automaton is None:
            return
        squeezed = Squeezed.of(text)
        for _, start, end in self._automaton.find_matches_as_indexes(squeezed.text):
            size = end - start
            if squeezed.widest_gap(start, end) <= (_WIDEST_GAP_OF_TWO if size == _LEAST else _WIDEST_GAP):
                yield Entry(*squeezed.back(start, end), size)


def _name(text: str) -> str:
    """Return a name as it is searched for, or nothing when the text is none."""
    if _PLAIN.fullmatch(text):
        return fold(text)
    folded = squeeze(unicodedata.normalize("NFKC", text))
    return folded if _LEAST <= len(folded) <= _LONGEST and all(map(is_han, folded)) else ""
