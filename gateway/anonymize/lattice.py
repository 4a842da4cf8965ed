"""Grouped tuples as integer codes: the table on which the search works.

``Table`` is made once from distinct tuples; from then on the number of rows is only a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Codes, Ladder

COUNT = "n"
_WORD = 2**62
_DENSE = 1 << 18
_WORTH_IT = 0.7
HASH_BITS = 17
_SHIFT = np.uint64(64 - HASH_BITS)

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    """Distinct tuples: ``codes[q]`` leaf codes of quasi-identifier *q*, ``sensitive[s]`` value codes, ``rows`` each."""

    ladders: tuple[Ladder, ...]
    codes: tuple[Codes, ...]
    sensitive: tuple[Codes, ...]
    rows: Codes

    @classmethod
    def of(cls, tuples: pl.DataFrame, ladders: Mapping[str, Ladder], sensitive: Sequence[str]) -> Table:
        """Return the table of ``tuples``: one column for each ladder and sensitive attribute, and ``n``, the rows.

        Tuples need not be distinct: the first roll-up joins equal ones. Raises ``SearchError`` for a missing
        column or a count below one.
        """
        needed = [*ladders, *sensitive]
        missing = [column for column in [*needed, COUNT] if column not in tuples.columns]
        if missing:
            raise SearchError(f"The tuples lack the columns {', '.join(missing)}.", missing=tuple(missing))
        if not ladders:
            raise SearchError("There is no quasi-identifier to search over.")
        rows = tuples[COUNT].cast(pl.Int64).to_numpy()
        if rows.size and int(rows.min()) < 1:
            raise SearchError("The column 'n' must count rows: at least 1 in each tuple.")
        return cls(
            tuple(ladders.values()),
            tuple(ladder.encode(tuples[column]) for column, ladder in ladders.items()),
            tuple(_ranks(tuples[column]) for column in sensitive),
            rows,
        )

    @cached_property
    def total(self) -> int:
        """Return the number of rows."""
        return int(self.rows.sum())

    def __len__(self) -> int:
        return int(self.rows.size)


def _ranks(values: pl.Series) -> Codes:
    return (values.cast(pl.String).rank("dense").fill_null(0).to_numpy()).astype(np.int64)


def combine(columns: Sequence[Codes], sizes: Sequence[int], length: int) -> tuple[Codes, int]:
    """Return one key for each row, equal exactly where all ``columns`` are equal, and the size of its range.

    ``sizes[i]`` bounds ``columns[i]``. A mixed-radix number; where it would leave 62 bits, what there is so
    far is made dense first (at most ``length`` values remain).
    """
    key = np.zeros(length, dtype=np.int64)
    space = 1
    for column, size in zip(columns, sizes, strict=True):
        if size <= 1:
            continue
        if space > _WORD // size:
            key, space = densify(key, space)
        key = column.copy() if space == 1 else key * size + column
        space *= size
    return key, space


def densify(key: Codes, space: int) -> tuple[Codes, int]:
    """Return ``key`` renumbered 0, 1, … in the order of its values, and how many there are."""
    if space <= max(_DENSE, 4 * key.size):
        seen = np.bincount(key, minlength=space) > 0
        renumbered = np.cumsum(seen) - 1
        return renumbered[key], int(seen.sum())
    values, inverse = np.unique(key, return_inverse=True)
    return inverse.astype(np.int64, copy=False), int(values.size)


class Views:
    """Every quasi-identifier of a table on any level, mapped when first asked for."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._codes: dict[tuple[int, int], Codes] = {}
        self._hashes: dict[tuple[int, int], Hashes] = {}

    def codes(self, column: int, level: int) -> Codes:
        """Return the label code of each tuple in ``column`` on ``level``."""
        found = self._codes.get((column, level))
        if found is None:
            found = self._table.ladders[column].rungs[level].codes[self._table.codes[column]]
            self._codes[column, level] = found
        return found

    def hashed(self, column: int, level: int) -> Hashes:
        """Return a fixed pseudo-random number for each tuple, equal where the label is.

        Results never depend on these numbers: a sum of them only finds classes that are surely too small.
        """
        found = self._hashes.get((column, level))
        if found is None:
            labels = len(self._table.ladders[column].rungs[level].labels)
            salts = np.random.default_rng((column, level)).integers(0, 2**64, size=labels, dtype=np.uint64)
            found = salts[self.codes(column, level)]
            self._hashes[column, level] = found
        return found

    def size(self, column: int, level: int) -> int:
        """Return the number of labels of ``column`` on ``level``."""
        return len(self._table.ladders[column].rungs[level].labels)

    def buckets(self, node: Sequence[int]) -> Codes:
        """Return a bucket below ``2 ** HASH_BITS`` for each tuple: tuples of one class share it."""
        mixed = self.hashed(0, node[0]).copy()
        for column in range(1, len(node)):
            mixed += self.hashed(column, node[column])
        return (mixed >> _SHIFT).astype(np.int64)

    def classes(self, node: Sequence[int]) -> tuple[Codes, int]:
        """Return the class of each tuple at ``node``, numbered 0, 1, …, and the number of classes."""
        columns = [self.codes(column, level) for column, level in enumerate(node)]
        sizes = [self.size(column, level) for column, level in enumerate(node)]
        return densify(*combine(columns, sizes, len(self._table)))


def roll_up(table: Table, floor: Sequence[int], seen: Views) -> Table | None:
    """Return ``table`` grouped anew at ``floor``, valid from there upwards; ``None`` when it would hardly shrink.

    ``seen`` are the views of ``table``.
    """
    columns = [seen.codes(column, level) for column, level in enumerate(floor)]
    sizes = [seen.size(column, level) for column, level in enumerate(floor)]
    for codes in table.sensitive:
        columns.append(codes)
        sizes.append(int(codes.max()) + 1)
    keys, count = densify(*combine(columns, sizes, len(table)))
    if count > len(table) * _WORTH_IT:
        return None
    first = np.empty(count, dtype=np.int64)
    first[keys[::-1]] = np.arange(len(table))[::-1]  # any tuple of a group stands for it; take the first
    return Table(
        table.ladders,
        tuple(codes[first] for codes in table.codes),
        tuple(codes[first] for codes in table.sensitive),
        np.bincount(keys, weights=table.rows, minlength=count).astype(np.int64),
    )
