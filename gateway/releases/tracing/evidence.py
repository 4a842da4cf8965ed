"""How much a file tells of the release that it comes from.

Three kinds of evidence, the first that there is decides:

- **pseudonyms**: values of the file that are pseudonyms of the release. By accident one in 2^64 is. Extracts that have
  their pseudonyms in common, as those of a grant over years do, are told from each other by the order.
- **order**: runs of rows of the file that stand in the release in the same order, next to each other. Each extract has
  a random order of its own, so that a run of ``w`` rows of probabilities ``p`` stands in ``N`` rows by accident with
  a probability of at most ``N * p1 * ... * pw``. What was cut out, or lost a row here and there, still has runs.
- **rows**: the rows of the file all stand in the release, so often at least. That excludes releases and proves none.

Chances are given as decimal logarithms, and bound what accident may do, among all runs that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.releases.ledger.records import Numbers
from gateway.releases.tracing.marks import NO_VALUE, PSEUDONYMS, digests

Codes = NDArray[np.int64]

PSEUDONYM = "^[0-9a-fA-F]{32}$"
_RUN_CHANCE = 1e-3
"""A run is made so long that by accident one in a thousand like it stands in the release."""
_LONGEST = 256
_BITS = 64
_CERTAIN, _STRONG = -9.0, -3.0
_PRIME = np.uint64(0x9E3779B97F4A7C15)


class Kind(StrEnum):
    """What the evidence is."""

    CONTENT = "content"
    PSEUDONYMS = "pseudonyms"
    ORDER = "order"
    ROWS = "rows"


class Confidence(StrEnum):
    """How far accident is excluded: ``certain`` to one in 10^9, ``strong`` to one in 1,000."""

    CERTAIN = "certain"
    STRONG = "strong"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What ties a file to a release. ``share`` of its rows agree; ``log10_chance`` bounds that they do by accident."""

    kind: Kind
    share: float
    log10_chance: float
    log10_order: float = 0.0
    """Bound of the chance of the order alone: tells extracts from each other that have their pseudonyms in common."""

    @property
    def confidence(self) -> Confidence:
        """Return how far accident is excluded."""
        if self.log10_chance <= _CERTAIN:
            return Confidence.CERTAIN
        return Confidence.STRONG if self.log10_chance <= _STRONG else Confidence.POSSIBLE

    @property
    def rank(self) -> tuple[bool, float, float, float]:
        """Return what sorts the better evidence first: by what it explains where chance is out of the question."""
        certain, ordered = max(self.log10_chance, _CERTAIN), max(self.log10_order, _CERTAIN)
        return self.kind is not Kind.CONTENT, certain, ordered, -self.share


@dataclass(frozen=True, slots=True)
class Leak:
    """A file whose origin is asked for, as digests of its columns."""

    rows: int
    columns: Mapping[str, Numbers] = field(repr=False)
    pseudonyms: tuple[str, ...]
    """Columns most of whose values have the shape of a pseudonym."""

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Leak:
        """Return the digests of ``frame``, whose columns may be of any type that is written as text."""
        texts = {name: frame[name].cast(pl.String).str.strip_chars() for name in frame.columns}
        shaped = [name for name, text in texts.items() if _half(text.str.contains(PSEUDONYM))]
        columns = {name.strip().lower(): digests(text) for name, text in texts.items()}
        return cls(frame.height, columns, tuple(name.strip().lower() for name in shaped))


def evidence(leak: Leak, marks: pl.DataFrame) -> Evidence | None:
    """Return what ties ``leak`` to the release of ``marks`` (``Marker``), ``None`` when nothing does."""
    if not leak.rows or marks.is_empty():
        return None
    pseudonyms = [marks[name].to_numpy() for name in marks.columns if name.startswith(PSEUDONYMS)]
    if pseudonyms:
        return _by_pseudonyms(leak, np.concatenate(pseudonyms))
    kept = {name.lower(): marks[name].to_numpy() for name in marks.columns}
    names = sorted(kept.keys() & leak.columns.keys())
    return _by_rows(_rows(kept, names), _rows(leak.columns, names)) if names else None


def _half(flags: pl.Series) -> bool:
    """Say whether half of the values that there are do."""
    return 2 * int(flags.sum()) >= flags.len() - flags.null_count() > 0


def _by_pseudonyms(leak: Leak, known: Numbers) -> Evidence | None:
    found: list[Numbers] = []
    for name in leak.pseudonyms:
        values = leak.columns[name]
        found.append(values[np.isin(values, known) & (values != NO_VALUE)])
    best = max(found, key=lambda hits: hits.size, default=np.zeros(0, dtype=np.uint64))
    if not best.size:
        return None
    each = min(0.0, math.log10(leak.rows) + math.log10(known.size) - _BITS * math.log10(2))
    there, here, logs = _coded(known, best)
    return Evidence(Kind.PSEUDONYMS, best.size / leak.rows, best.size * each, _order_chance(there, here, logs))


def _by_rows(released: Numbers, leaked: Numbers) -> Evidence | None:
    there, here, logs = _coded(released, leaked)
    in_release, in_leak = (np.bincount(codes, minlength=logs.size) for codes in (there, here))
    share = float(np.minimum(in_release, in_leak).sum()) / here.size
    chance = _order_chance(there, here, logs)
    if chance < _STRONG:
        return Evidence(Kind.ORDER, share, chance, chance)
    return Evidence(Kind.ROWS, share, 0.0) if share == 1.0 else None


def _coded(released: Numbers, leaked: Numbers) -> tuple[Codes, Codes, NDArray[np.float64]]:
    """Return both as small numbers, and the decimal logarithm of one in how many rows of the release each is."""
    distinct, both = np.unique(np.concatenate([released, leaked]), return_inverse=True)
    there, here = both[: released.size], both[released.size :]
    counts = np.bincount(there, minlength=distinct.size)
    logs = np.full(distinct.size, np.inf)  # of what the release does not hold no run can stand in it
    held = counts > 0
    logs[held] = -np.log10(counts[held] / there.size)
    return there, here, logs


def _order_chance(there: Codes, here: Codes, logs: NDArray[np.float64]) -> float:
    """Return the decimal logarithm of the chance that so many runs of ``here`` stand in ``there``; 0 without runs."""
    width = _width(logs[here], there.size, here.size)
    if width is None or width > there.size:
        return 0.0
    # the chance of each run; runs do not overlap, so that their chances multiply
    starts = np.arange(0, here.size - width + 1, width)
    against = np.add.reduceat(logs[here], starts) if starts.size else np.zeros(0)
    against[-1] = logs[here][starts[-1] : starts[-1] + width].sum()
    each = np.minimum(0.0, math.log10(there.size) - against)
    found = np.isin(_windows(here, width)[starts], _windows(there, width)) & np.isfinite(each)
    hits = int(found.sum())
    return min(0.0, float(each[found].sum()) + _log10_choose(starts.size, hits))


def _width(logs: NDArray[np.float64], released: int, leaked: int) -> int | None:
    """Return of how many rows runs are to be, ``None`` when no run says anything or the file is shorter."""
    finite = logs[np.isfinite(logs)]
    typical = float(np.median(finite)) if finite.size else 0.0
    if typical <= 0:
        return None
    width = max(2, math.ceil((math.log10(released) - math.log10(_RUN_CHANCE)) / typical))
    return width if width <= min(leaked, _LONGEST) else None


def _windows(codes: Codes, width: int) -> Numbers:
    """Return a number for each run of ``width`` rows: equal runs have equal ones, others by accident (64 bits)."""
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * _PRIME
    mixed ^= mixed >> np.uint64(29)
    found = np.zeros(codes.size - width + 1, dtype=np.uint64)
    for place in range(width):
        found = found * _PRIME + mixed[place : place + found.size]
    return found


def _rows(columns: Mapping[str, Numbers], names: list[str]) -> Numbers:
    found = np.zeros_like(columns[names[0]])
    for name in names:
        found = (found ^ (found >> np.uint64(31))) * _PRIME + columns[name]
    return found


def _log10_choose(total: int, chosen: int) -> float:
    return (math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)) / math.log(10)
