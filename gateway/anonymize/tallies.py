"""How often each sensitive value occurs in groups of cells, kept up to date while the groups grow.

An attribute with very many values is folded into fewer: that never makes a group look better by its count of values,
its entropy or its largest share, but may by its distance to the whole. So whoever grows groups by these tallies asks
``models.failing`` in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gateway.anonymize.ladders import Codes
from gateway.anonymize.models import Flags, Grouped, Models, Reals, SensitiveDemand, failing
from gateway.anonymize.shortfall import shortfall

WIDEST = 1 << 12

Counts = tuple[Reals, ...]
"""For each demand one row of counts for each group, one column for each value."""


@dataclass(frozen=True)
class Tallies:
    """The sensitive values of each cell, one demand after the other."""

    models: tuple[Models, ...]
    """One for each demand."""
    reference: tuple[Reals, ...] = field(repr=False)
    start: Codes = field(repr=False)
    rows: Codes = field(repr=False)
    codes: tuple[Codes, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        demands: Sequence[SensitiveDemand],
        reference: Sequence[Reals],
        start: Codes,
        rows: Codes,
        codes: Sequence[Codes],
    ) -> Tallies:
        """Return the tallies of entries: those from ``start[i]`` to ``start[i + 1]`` are the rows of cell *i*."""
        models: list[Models] = []
        wholes: list[Reals] = []
        folded: list[Codes] = []
        for demand, whole, values in zip(demands, reference, codes, strict=True):
            wide = whole.size > WIDEST
            # a folded tree is none any more
            models.append(Models(1, (replace(demand, t=None, t_tree=None) if wide and demand.t_tree else demand,)))
            wholes.append(_folded(whole) if wide else whole)
            folded.append(values % WIDEST if wide else values)
        return cls(tuple(models), tuple(wholes), start, rows, tuple(folded))

    @property
    def width(self) -> int:
        """Return how many numbers one group takes."""
        return sum(whole.size for whole in self.reference)

    def count(self, cells: Codes) -> Counts:
        """Return the counts of single cells."""
        lengths = self.start[cells + 1] - self.start[cells]
        ends = np.cumsum(lengths)
        chosen = np.repeat(self.start[cells], lengths) + np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
        group = np.repeat(np.arange(cells.size), lengths)
        counts: list[Reals] = []
        for whole, codes in zip(self.reference, self.codes, strict=True):
            size = cells.size * whole.size
            key = group * whole.size + codes[chosen]
            sums: Reals = np.bincount(key, weights=self.rows[chosen], minlength=size).astype(np.float64)
            counts.append(sums.reshape(cells.size, whole.size))
        return tuple(counts)

    def lacking(self, counts: Counts) -> Reals:
        """Return how far each group is from what is demanded of its values, 0 where it lacks nothing."""
        total = np.zeros(counts[0].shape[0])
        for models, whole, held in zip(self.models, self.reference, counts, strict=True):
            total += shortfall(models, _grouped(held), (whole,))
        return total

    def failing(self, counts: Counts) -> Flags:
        """Return which groups fail what is demanded of their values."""
        failed = np.zeros(counts[0].shape[0], dtype=np.bool_)
        for models, whole, held in zip(self.models, self.reference, counts, strict=True):
            failed |= failing(models, _grouped(held), (whole,))
        return failed


def _folded(whole: Reals) -> Reals:
    found: Reals = np.bincount(np.arange(whole.size) % WIDEST, weights=whole).astype(np.float64)
    return found


def _grouped(held: Reals) -> Grouped:
    groups, values = held.shape
    present = np.flatnonzero(held)
    of_group = present // values
    rows = held.reshape(-1)[present].astype(np.int64)
    return Grouped(of_group, groups, rows, (present - of_group * values,))
