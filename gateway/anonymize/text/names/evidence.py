"""What the word model says of every character of a text: the evidence that name rules start from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gateway.anonymize.text.model import Words
from gateway.anonymize.text.reading import Reading, Word

_LEAST, _MOST = 0.03, 0.985


@dataclass(frozen=True, slots=True)
class Evidence:
    """The model's view of a text, laid out by character."""

    text: str = field(repr=False)
    words: tuple[Word, ...] = field(repr=False)
    at: list[int] = field(repr=False)
    """For each character the index of its word."""
    odds: list[float] = field(repr=False)
    """For each character the log odds that it is part of a name, bounded."""
    border: list[float] = field(repr=False)
    """For each character the log likelihood that a word begins there, bounded; one more for the end."""

    @classmethod
    def of(cls, reading: Reading) -> Evidence:
        """Return the evidence of a text; with a plain cutter, its words stand in for the likelihoods."""
        words, text = reading.words, reading.text.text
        at = [index for index, word in enumerate(words) for _ in range(word.end - word.start)]
        if isinstance(words, Words):
            persons, inside = words.person, words.inside
        else:
            persons = np.array([words[k].confidence if words[k].tag == "PER" else 0.05 for k in at], dtype=np.float32)
            inside = np.array([0.9 * (words[k].start != place) for place, k in enumerate(at)], dtype=np.float32)
        persons = persons.clip(_LEAST, _MOST)
        odds: list[float] = np.log(persons / (1 - persons)).tolist()
        border: list[float] = np.log(1 - inside.clip(0, 0.95)).tolist()
        return cls(text, words, at, odds, [*border, 0.0])

    def mean(self, start: int, end: int) -> float:
        """Return the mean log odds of the characters ``start`` to ``end``."""
        return sum(self.odds[start:end]) / (end - start)
