"""An attacker with the whole source table, against released rows: written without the engine's classes or measures.

Of a person the attacker knows the values of some columns as the source holds them. A released row could be that
person's when each of its labels covers the known value. Tables are small, so the possibilities are counted one by one
in a matrix of people and distinct rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Covers = Mapping[str, Mapping[str | None, Collection[str | None]]]
"""Column -> value of the source -> every label under which it may have left."""


@dataclass(frozen=True)
class Success:
    """What an attack comes to. Chances between 0 and 1."""

    highest: float
    """Of naming the row of the one person who is easiest to find (prosecutor)."""
    average: float
    """Share of the released rows that are named rightly when everybody in the release is attacked at best."""
    journalist: float
    """Of naming the person behind the one row that is easiest to trace back."""
    marketer: float
    """Share of rows that are traced back rightly when each is attacked with the population."""


def combinations_of(columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield every choice of columns, from none to all."""
    return chain.from_iterable(combinations(columns, size) for size in range(len(columns) + 1))


class Attacker:
    """Holds the source and the released rows; ``truth`` is the place in the source behind each released row."""

    def __init__(self, source: pl.DataFrame, released: pl.DataFrame, truth: Sequence[int], covers: Covers) -> None:
        assert len(truth) == released.height
        self._rows = released.height
        self._truth = np.asarray(truth, dtype=np.int64)
        known = source.select(pl.col(name).cast(pl.String) for name in covers)
        shown = released.select(pl.col(name).cast(pl.String) for name in covers)
        people = known.unique(maintain_order=True)
        rows = shown.unique(maintain_order=True)
        self._person = _places(known, people)
        self._row = _places(shown, rows)
        self._people = np.bincount(self._person, minlength=people.height)
        self._sizes = np.bincount(self._row, minlength=rows.height)
        self._fits = {name: _fit(people[name], rows[name], covers[name]) for name in covers}

    def attack(self, columns: Sequence[str]) -> Success:
        """Return what knowing ``columns`` of everybody gives. Asserts that the truth is always among the candidates."""
        fits = np.ones((self._people.size, self._sizes.size), dtype=np.bool_)
        for name in columns:
            fits &= self._fits[name]
        assert fits[self._person[self._truth], self._row].all(), "a row does not cover the person whose it is"
        if not self._rows:
            return Success(0.0, 0.0, 0.0, 0.0)
        candidates = fits @ self._sizes
        suspects = fits.T @ self._people
        own = 1 / candidates[self._person[self._truth]]
        back = 1 / suspects[self._row]
        return Success(float(own.max()), float(own.mean()), float(back.max()), float(back.mean()))


def _places(frame: pl.DataFrame, distinct: pl.DataFrame) -> NDArray[np.int64]:
    numbered = distinct.with_row_index("·place")
    found = frame.join(numbered, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")["·place"]
    return found.to_numpy().astype(np.int64)


def _fit(people: pl.Series, rows: pl.Series, covers: Mapping[str | None, Collection[str | None]]) -> NDArray[np.bool_]:
    labels = rows.to_list()
    by_value = {value: np.array([label in covers[value] for label in labels], dtype=np.bool_) for value in set(people)}
    return (
        np.stack([by_value[value] for value in people.to_list()])
        if len(people)
        else np.zeros((0, len(labels)), np.bool_)
    )
