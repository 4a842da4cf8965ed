"""The words of the model by position: where a word starts, and which tag covers a character."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from gateway.anonymize.text.reading import Reading, Word


class Words:
    """A view on ``reading.words``. The text is cut only when first asked."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._starts: list[int] | None = None

    @property
    def all(self) -> Sequence[Word]:
        """Return the words in order; they cover the text."""
        return self._reading.words

    def index(self, position: int) -> int:
        """Return the index of the word that covers ``position``; of the last word beyond the text."""
        if self._starts is None:
            self._starts = [word.start for word in self.all]
        return bisect_right(self._starts, position) - 1

    def at(self, position: int) -> Word:
        """Return the word that covers ``position``."""
        return self.all[self.index(position)]

    def starts(self, position: int) -> bool:
        """Return whether a word starts at ``position``."""
        return self.at(position).start == position

    def inside(self, start: int, end: int) -> Iterator[Word]:
        """Yield the words that lie wholly within ``start`` to ``end``."""
        words = self.all
        for index in range(self.index(start), len(words)):
            word = words[index]
            if word.end > end:
                break
            if word.start >= start:
                yield word
