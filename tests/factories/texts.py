"""Texts with fake detectors: the engine's own work, tested without lexicons and without the word model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.anonymize.text.engine import Engine
from gateway.anonymize.text.hiding import Marks
from gateway.anonymize.text.reading import Reading, Word
from gateway.anonymize.text.spans import Source, Span, TextType
from rulebook.recognition_records import DEFAULT_RECOGNITION, Recognition
from rulebook.records import Division, Divisions

DIVISIONS = Divisions(
    MappingProxyType(
        {
            "140000": Division("140000", "山西省", "province", None, False, "山西省"),
            "140100": Division("140100", "太原市", "city", "140000", False, "山西省太原市"),
            "140105": Division("140105", "小店区", "county", "140100", False, "山西省太原市小店区"),
        }
    ),
    MappingProxyType({}),
)


class Words:
    """Finds given words; ``of`` maps each to its type and who finds it."""

    def __init__(
        self,
        of: Mapping[str, TextType],
        name: str = "test.words",
        source: Source = Source.NAME_RULE,
        score: float = 0.9,
    ) -> None:
        self._of = dict(of)
        self.name = name
        self._source = source
        self._score = score

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield every place of every word."""
        for word, kind in self._of.items():
            for match in re.finditer(re.escape(word), reading.text.text):
                yield Span(match.start(), match.end(), kind, self._source, self._score, self.name)


def no_words(text: str) -> tuple[Word, ...]:
    """Cut a text into one word."""
    return (Word(0, len(text), "n", 0.0),) if text else ()


def marks(recognition: Recognition = DEFAULT_RECOGNITION) -> Marks:
    """Return the words and masks of a rule book."""
    return Marks(recognition, DIVISIONS)


def engine(*detectors: Words, recognition: Recognition = DEFAULT_RECOGNITION) -> Engine:
    """Return an engine of fake detectors."""
    return Engine(detectors, no_words, marks(recognition))
