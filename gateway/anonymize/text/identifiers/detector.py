"""The shape of all detectors of this package: a name and a function from a page to spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.anonymize.text.identifiers.page import Page
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType

Look = Callable[[Page], Iterable[Span]]


@dataclass(frozen=True, slots=True)
class IdentifierDetector:
    """Finds one kind of identifier by its form; holds nothing of a text."""

    name: str
    kind: TextType
    look: Look

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield the spans of ``reading`` that look like this kind, each with its proof as ``rule``."""
        yield from self.look(Page.of(reading))


def span(start: int, end: int, kind: TextType, score: float, rule: str) -> Span:
    """Return a span of this package."""
    return Span(start, end, kind, Source.IDENTIFIER, score, f"{kind.value.lower()}.{rule}")
