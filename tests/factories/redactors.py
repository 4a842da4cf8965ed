"""Redactors for the tests of the registry: they hide exactly the names that they are told, and count what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from core_registry.sharing import KNOWN_COLUMNS


@dataclass
class NameRedactor:
    """Hides the names of the record and of the roll, nothing else; the rest of a text stays as it was."""

    version: str = "names-1"
    texts: int = 0
    calls: int = 0
    opened: list[str] = field(default_factory=list)
    """Schools whose roll was asked for, in order."""
    known: list[dict[str, object]] = field(default_factory=list)

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        assert known.columns == list(KNOWN_COLUMNS)
        assert len(texts) == known.height
        self.calls += 1
        made: list[str | None] = []
        roll: tuple[str, Sequence[str]] = ("", ())
        for text, row in zip(texts, known.iter_rows(named=True), strict=True):
            if text is None:
                made.append(None)
                continue
            self.texts += 1
            self.known.append(row)
            if roll[0] != row["school_code"]:
                roll = row["school_code"], rosters(row["school_code"])
                self.opened.append(row["school_code"])
            made.append(_hidden(text, row, roll[1]))
        return pl.Series(texts.name, made, dtype=pl.String)


@dataclass
class StumblingRedactor(NameRedactor):
    """Fails over a text that holds ``stone``."""

    stone: str = "石头"

    def redact(self, texts: pl.Series, known: pl.DataFrame, rosters: Callable[[str], Sequence[str]]) -> pl.Series:
        if texts.str.contains(self.stone, literal=True).fill_null(value=False).any():
            raise RuntimeError("a text that nobody foresaw")
        return super().redact(texts, known, rosters)


def _hidden(text: str, row: dict[str, object], roll: Sequence[str]) -> str:
    guardians = row["guardians"]
    assert isinstance(guardians, list)
    for word, names in (("学生", [row["name"], row["former_name"]]), ("家长", guardians), ("同学", sorted(roll))):
        for name in names:
            if isinstance(name, str):
                text = text.replace(name, f"〔{word}〕")
    return text
