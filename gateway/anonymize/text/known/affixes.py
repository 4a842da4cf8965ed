"""Lists of words that may stand right before or behind a place, looked up by length: hundreds at the cost of a few."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 8


class Affixes:
    """A set of words, asked whether a text begins or ends with one of them."""

    __slots__ = ("_lengths", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(word for word in words if 0 < len(word) <= _LONGEST)
        self._lengths = tuple(sorted({len(word) for word in self._words}))

    def begin(self, text: str) -> bool:
        """Return whether ``text`` begins with one of the words."""
        return any(text[:length] in self._words for length in self._lengths if length <= len(text))

    def end(self, text: str) -> bool:
        """Return whether ``text`` ends with one of the words."""
        return any(text[-length:] in self._words for length in self._lengths if length <= len(text))
