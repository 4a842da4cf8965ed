"""What stands in a school text and is nobody's: dates, scores, classes, words that look like names."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.pii.lists import read_lists

_LISTS = read_lists("words")


def _score(rng: random.Random) -> str:
    return rng.choice(
        [str(rng.randint(36, 150)), f"{rng.randint(5, 99)}.{rng.randint(0, 9)}", f"{rng.randint(36, 99)}.5"]
    )


def _date(rng: random.Random) -> str:
    year, month, day = rng.randint(2023, 2026), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice(
        [
            f"{year}年{month}月{day}日",
            f"{month}月{day}日",
            f"{year}-{month:02d}-{day:02d}",
            f"{year}.{month}.{day}",
            f"{year}年{month}月",
        ]
    )


def _class(rng: random.Random) -> str:
    number = rng.randint(1, 16)
    return rng.choice(_LISTS["grades"]) + rng.choice([f"（{number}）班", f"{number}班", f"({number})班"])


SLOTS: dict[str, Callable[[random.Random], str]] = {
    "date": _date,
    "score": _score,
    "class": _class,
    "subject": lambda rng: rng.choice(_LISTS["subjects"]),
    "grade": lambda rng: rng.choice(_LISTS["grades"]),
    "word": lambda rng: rng.choice(_LISTS["words"]),
    "university": lambda rng: rng.choice(_LISTS["universities"]),
    "unit": lambda rng: rng.choice(_LISTS["units"]),
    "title": lambda rng: rng.choice(_LISTS["titles"]),
    "int": lambda rng: str(rng.randint(2, 60)),
}
"""Slot -> how it is filled."""
