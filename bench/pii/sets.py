"""The own sets: written by hand, and generated."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bench.pii.generate import Generator
from bench.pii.sentences import Record, Sentence, read_markup
from gateway.settings import default_config
from rulebook import Divisions, load

HAND = Path(__file__).with_name("hand")
GENERATED = 4_000
"""Sentences of the generated set."""


def hand(_size: int | None = None) -> list[Sentence]:
    """Return the adjudicated hand-written set: its errors were looked at while detectors were written."""
    return read_markup(HAND / "hand.txt", hand_records())


def fresh(_size: int | None = None) -> list[Sentence]:
    """Return the adjudicated sentences written later: nobody who writes a detector is told what fails in them."""
    return read_markup(HAND / "fresh.txt", hand_records())


def hand_records() -> dict[str, Record]:
    """Return the records that hand-written sentences stand in."""
    text = (HAND / "records.json").read_text(encoding="utf-8")
    records: dict[str, Record] = json.loads(text)
    return records


def generated(size: int | None = None) -> list[Sentence]:
    """Return the generated set of the pool to be measured by."""
    return Generator(divisions(), "test").sentences(GENERATED if size is None else size)


def development(size: int | None = None) -> list[Sentence]:
    """Return the generated set of the pool to develop with."""
    return Generator(divisions(), "dev").sentences(GENERATED if size is None else size)


@lru_cache(maxsize=1)
def divisions() -> Divisions:
    """Return the divisions of the rule book that ships."""
    return load(default_config()).divisions


SETS: dict[str, Callable[[int | None], list[Sentence]]] = {"fresh": fresh, "hand": hand, "generated": generated}
