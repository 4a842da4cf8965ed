"""Privacy models on grouped rows (notes 4): what every class must meet, and which classes do.

A *class* is the set of rows with equal quasi-identifiers. All functions here take one class number for each
grouped tuple and the number of rows behind it, so that their cost does not depend on the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.anonymize.ladders import Codes
from gateway.errors import ParameterError

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]
TOLERANCE = 1e-12
"""Entropy and distances are sums of rounded terms; a class that meets a bound exactly must not fail by it."""


@dataclass(frozen=True, slots=True)
class SensitiveDemand:
    """What every class must hold of one sensitive attribute; ``None`` demands nothing of that kind."""

    column: str
    distinct_l: int | None = None
    entropy_l: float | None = None
    t: float | None = None
    """Equal distance, against the distribution in the whole table, suppressed rows included (as ARX)."""

    def __post_init__(self) -> None:
        if self.distinct_l is not None and self.distinct_l < 1:
            raise ParameterError("distinct l counts values: 1 or more.")
        if self.entropy_l is not None and not self.entropy_l >= 1:
            raise ParameterError("entropy l must be 1 or more.")
        if self.t is not None and not 0 <= self.t <= 1:
            raise ParameterError("t lies between 0 and 1.")

    @property
    def monotone(self) -> bool:
        """Whether merging classes keeps the demand also when rows may be suppressed (notes 6)."""
        return self.entropy_l is None and self.t is None


@dataclass(frozen=True, slots=True)
class Models:
    """All that a class must meet to leave: ``k`` rows at least, and the demands on sensitive attributes."""

    k: int
    sensitive: tuple[SensitiveDemand, ...] = ()

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ParameterError("k counts rows: 1 or more.")
        columns = [demand.column for demand in self.sensitive]
        if len(set(columns)) != len(columns):
            raise ParameterError("Name each sensitive attribute once.")

    @property
    def monotone(self) -> bool:
        """Whether a coarser choice never suppresses more rows than a finer one."""
        return all(demand.monotone for demand in self.sensitive)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Tuples with their class (0 … ``count`` - 1), the rows behind each, and their codes of the sensitive values."""

    classes: Codes = field(repr=False)
    count: int
    rows: Codes = field(repr=False)
    sensitive: tuple[Codes, ...] = field(repr=False)

    def sizes(self) -> Reals:
        """Return the rows of each class."""
        sizes: Reals = np.bincount(self.classes, weights=self.rows, minlength=self.count).astype(np.float64)
        return sizes


def references(sensitive: Sequence[Codes], rows: Codes) -> tuple[Reals, ...]:
    """Return the distribution of each sensitive attribute over all rows, by value code."""
    total = max(int(rows.sum()), 1)
    return tuple(np.bincount(codes, weights=rows) / total for codes in sensitive)


def failing(models: Models, grouped: Grouped, reference: Sequence[Reals], *, monotone_only: bool = False) -> Flags:
    """Return which classes fail ``models``; with ``monotone_only`` by k and distinct l alone.

    ``grouped.sensitive`` and ``reference`` follow ``models.sensitive``.
    """
    sizes = grouped.sizes()
    failed: Flags = sizes < models.k
    for demand, codes, whole in zip(models.sensitive, grouped.sensitive, reference, strict=True):
        spread = spread_of(grouped, codes, sizes, whole)
        if demand.distinct_l is not None:
            failed |= spread.distinct < demand.distinct_l
        if monotone_only:
            continue
        if demand.entropy_l is not None:
            failed |= spread.entropy < math.log(demand.entropy_l) - TOLERANCE
        if demand.t is not None:
            failed |= spread.distance > demand.t + TOLERANCE
    return failed


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one sensitive attribute, for each class: distinct values, entropy in nats, equal distance to the whole."""

    distinct: Codes
    entropy: Reals
    distance: Reals


def spread_of(grouped: Grouped, codes: Codes, sizes: Reals, whole: Reals) -> Spread:
    """Return how the values ``codes`` spread in each class: ``sizes`` are its rows, ``whole`` is the reference."""
    values = int(whole.size)
    pairs, inverse = np.unique(grouped.classes * values + codes, return_inverse=True)
    rows = np.bincount(inverse, weights=grouped.rows)
    of_class, value = pairs // values, pairs % values
    share = rows / sizes[of_class]
    distinct = np.bincount(of_class, minlength=grouped.count)
    entropy: Reals = np.bincount(of_class, weights=-share * np.log(share), minlength=grouped.count).astype(np.float64)
    # sum |p - q| over all values = sum over the values present of (|p - q| - q) + 1, since absent ones give q
    present = np.abs(share - whole[value]) - whole[value]
    distance = (np.bincount(of_class, weights=present, minlength=grouped.count) + 1.0) / 2
    return Spread(distinct, entropy, distance)
