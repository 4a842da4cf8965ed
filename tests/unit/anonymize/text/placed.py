"""Texts whose places are marked with ``【 】``, and what is found of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.places import detectors
from gateway.anonymize.text.reading import Detector, Reading, Word
from gateway.anonymize.text.spans import Span, TextType
from rulebook import load

_MARKED = re.compile("【(.+?)】")
Cut = Callable[[str], tuple[Word, ...]]


@lru_cache(maxsize=1)
def place_detectors() -> tuple[Detector, ...]:
    """Return the detectors over the rule book's divisions; these are no secret and are read once."""
    return detectors(load(Path("config")).divisions)


def spans(text: str, cut: Cut) -> list[Span]:
    """Return all spans of ``text`` in order."""
    reading = Reading(Normal.of(text), cut)
    return sorted((span for one in place_detectors() for span in one.find(reading)), key=lambda span: span.start)


def places(kind: TextType, text: str, cut: Cut) -> list[str]:
    """Return what is found of ``kind``, in the characters of the original text."""
    normal = Normal.of(text)
    return [text[slice(*normal.back(span.start, span.end))] for span in spans(text, cut) if span.type is kind]


def plain(marked: str) -> str:
    """Return the text without its marks."""
    return re.sub("[【】]", "", marked)


def expected(marked: str) -> list[str]:
    """Return what is marked."""
    return _MARKED.findall(marked)


def by_character(text: str, tag: str = "n") -> tuple[Word, ...]:
    """Return every character as a word: a model that knows nothing."""
    return tuple(Word(at, at + 1, tag, 0.5) for at in range(len(text)))


def in_one(text: str, tag: str = "LOC") -> tuple[Word, ...]:
    """Return the text as one word."""
    return (Word(0, len(text), tag, 0.5),) if text else ()
