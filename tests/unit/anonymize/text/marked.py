"""Texts with their spans marked: ``电话{PHONE:13812345678}。`` says what must be found, and that nothing else is."""

from __future__ import annotations

import re

from gateway.anonymize.text.identifiers import detectors
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Span, TextType

Found = tuple[str, str]
"""Kind and text."""

_MARK = re.compile(r"\{([A-Z_]+):([^{}]*)\}")
_ORDER = tuple(TextType)
DETECTORS = detectors()


def plain(marked: str) -> str:
    """Return the text without its marks."""
    return _MARK.sub(lambda mark: mark[2], marked)


def expected(marked: str) -> list[Found]:
    """Return kind and text of every mark."""
    return [(mark[1], mark[2]) for mark in _MARK.finditer(marked)]


def reading(text: str) -> Reading:
    """Return a text as identifiers read it: they never ask for words."""
    return Reading(Normal.of(text), cut=_no_words)


def _no_words(_text: str) -> tuple[()]:
    raise AssertionError("identifiers do without the word model")


def spans(text: str) -> list[Span]:
    """Return all spans of all identifier detectors, in normalised offsets."""
    read = reading(text)
    return [span for detector in DETECTORS for span in detector.find(read)]


def found(text: str) -> list[Found]:
    """Return kind and original text of what stands after the longest of overlapping spans has won."""
    normal = Normal.of(text)
    taken: list[tuple[int, int, str]] = []
    for span in sorted(spans(text), key=lambda one: (one.start - one.end, -one.score, _ORDER.index(one.type))):
        start, end = normal.back(span.start, span.end)
        if all(end <= first or start >= last for first, last, _ in taken):
            taken.append((start, end, span.type.value))
    return [(kind, text[start:end]) for start, end, kind in sorted(taken)]
