"""Drawing whole columns: weighted tables, a keyed permutation, running numbers within groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Table:
    """Values with weights; a draw is an array of positions, so that a column is gathered at once."""

    def __init__(self, values: Sequence[str], weights: Sequence[float] | None = None) -> None:
        self.values = pl.Series(list(values), dtype=pl.String)
        shares = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
        self._edges = np.cumsum(shares / shares.sum())
        self._edges[-1] = 1.0

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """Return ``count`` positions by weight."""
        return np.searchsorted(self._edges, rng.random(count), side="right").astype(np.int64)

    def texts(self, rng: np.random.Generator, count: int) -> pl.Series:
        """Return ``count`` values by weight."""
        return self.at(self.draw(rng, count))

    def at(self, positions: Ints) -> pl.Series:
        """Return the values at ``positions``."""
        return gather(self.values, positions)


def gather(values: pl.Series, positions: Ints) -> pl.Series:
    """Return the values at ``positions``."""
    return values.gather(pl.Series(positions))


def permute(numbers: Ints, sizes: Ints, tweak: Ints, *, bound: int) -> Ints:
    """Return a permutation of ``0 … size-1`` applied to each number, one permutation for each ``tweak``.

    A Feistel network of four rounds on the power of four above ``bound``, walked until the result is below ``size``:
    no two numbers under one tweak meet, so running numbers become scattered ones without any memory of those given
    out. Each number must be below its size, each size at most ``bound``, and ``bound`` the same in all calls that
    shall fit together. Not cryptography.
    """
    half = np.uint64(max(1, (bound.bit_length() + 1) // 2))
    low = np.uint64((1 << int(half)) - 1)
    found = numbers.astype(np.uint64)
    keys = _mix(tweak.astype(np.uint64))
    limit = sizes.astype(np.uint64)
    todo = np.arange(numbers.size)
    while todo.size:
        value, key = found[todo], keys[todo]
        left, right = value >> half, value & low
        for turn in range(4):
            left, right = right, left ^ (_mix(right + key + np.uint64(turn * 0x9E3779B9)) & low)
        value = (left << half) | right
        found[todo] = value
        todo = todo[value >= limit[todo]]
    return found.astype(np.int64)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the finaliser of splitmix64 of each value; arithmetic modulo 2**64."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def take_numbers(counters: Ints, groups: Ints) -> Ints:
    """Return the next number of its group for each row, counted from 0, and advance ``counters`` in place."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, ordered.size])
    within = np.arange(ordered.size) - np.repeat(starts, lengths)
    numbers = np.empty(groups.size, dtype=np.int64)
    numbers[order] = within + counters[ordered]
    counters[ordered[starts]] += lengths
    return numbers
