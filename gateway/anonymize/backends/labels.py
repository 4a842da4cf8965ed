"""Labels that were looked up for one batch, kept for the next: each different value is looked up once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.arrays import column
from gateway.anonymize.errors import TransformError

_MOST_DAYS = 1 << 17
"""Dates further apart are no calendar of people; they are found like other values."""

LookUp = Callable[[pl.Series], pl.Series]
"""Takes different values, and returns their labels in the same order; raises for a value without one."""


@dataclass(frozen=True, slots=True)
class _Days:
    """Where the label of each day stands; 0 where there is none. The place before the first day is for no date."""

    first: int
    places: NDArray[np.uint32]

    @staticmethod
    def of(leaves: pl.Series) -> _Days | None:
        """Return the days of ``leaves``; ``None`` where they are no dates, or too far apart."""
        if leaves.dtype != pl.Date:
            return None
        days = leaves.to_physical()
        first, last = days.min(), days.max()
        if not isinstance(first, int) or not isinstance(last, int) or last - first >= _MOST_DAYS:
            return None
        places = np.zeros(last - first + 2, dtype=np.uint32)
        places[(days - first + 1).fill_null(0).to_numpy()] = np.arange(1, leaves.len() + 1)
        return _Days(first, places)

    def find(self, values: pl.Series) -> pl.Series | None:
        """Return the place of each value's label; ``None`` when one of them has none."""
        days = values.to_physical()
        if days.null_count():
            days = days.fill_null(self.first - 1)
        number = days.to_numpy() - np.int32(self.first - 1)
        beyond = number.view(np.uint32)  # what is before the first becomes large
        if number.size and beyond.max() >= self.places.size:
            return None
        found = self.places.take(number)
        return column(found - np.uint32(1)) if found.all() else None


@dataclass(frozen=True, slots=True)
class _Known:
    leaves: pl.Series
    labels: pl.Series
    days: _Days | None

    def find(self, values: pl.Series) -> pl.Series | None:
        """Return the place of each value's label; ``None`` when one of them has none."""
        if self.days is not None:
            return self.days.find(values)
        places = column(np.arange(self.leaves.len(), dtype=np.uint32))
        found = values.replace_strict(self.leaves, places, default=None, return_dtype=pl.UInt32)
        return None if found.null_count() else found

    def and_also(self, values: pl.Series, look_up: LookUp) -> _Known:
        """Return this with the labels of the values that have none yet."""
        distinct = values.unique()
        fresh = distinct.filter(~distinct.is_in(self.leaves.implode(), nulls_equal=True))
        labels = look_up(fresh.cast(pl.String)).cast(pl.String)
        leaves = pl.concat([self.leaves, fresh])
        told = pl.concat([self.labels, labels.rename(self.labels.name)], rechunk=True)  # or gathering is slow
        return _Known(leaves, told, _Days.of(leaves))


@dataclass(slots=True)
class KnownLabels:
    """The labels of one column."""

    _known: _Known | None = field(default=None, repr=False)

    def of(self, values: pl.Series, look_up: LookUp) -> pl.Series:
        """Return the label of each value. Raises whatever ``look_up`` raises."""
        known = self._known or _Known(values.clear(), pl.Series(dtype=pl.String), None)
        found = known.find(values)
        if found is None:
            # a new one, never a longer one: a streaming engine runs batches beside each other
            known = known.and_also(values, look_up)
            self._known = known
            found = known.find(values)
            if found is None:
                raise TransformError("A value of the batch has no label; nothing is released.")
        return known.labels.gather(found)
