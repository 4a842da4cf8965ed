"""How many rows must go, at least, from classes that fail: a proof for every finer choice of levels.

Entropy, distance, recursion and shares are no monotone demands once rows may be suppressed. But classes that meet
them merge into one that does. So whatever a finer choice keeps of a failing class would pass as one class: the rows it
suppresses are at least as many as must be taken out of the class, in the best case, for the rest to pass. When these
sum up to more than may be suppressed, every finer choice is ruled out, for all models.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.models import (
    TOLERANCE,
    Flags,
    Grouped,
    Models,
    Pairs,
    Reals,
    SensitiveDemand,
    on_rung,
    pairs_of,
)

_SLACK = 1e-9
_HALVINGS = 12


def least_removed(models: Models, grouped: Grouped, reference: Sequence[Reals], failed: Flags) -> Reals:
    """Return for each class a number of rows that any choice of finer levels suppresses of it, at least.

    ``failed`` are the classes that fail ``models``; the others count 0.
    """
    chosen = np.flatnonzero(failed)
    sizes = grouped.sizes()
    part, own = _only(grouped, chosen), sizes[chosen]
    kept = own.copy()  # rows of a failing class that could stay, in the best case
    for demand, codes, whole in zip(models.sensitive, part.sensitive, reference, strict=True):
        pairs = pairs_of(part, codes, int(whole.size))
        kept = np.minimum(kept, _most_kept(demand, pairs, own, whole))
    if models.presence is not None:
        kept = np.minimum(kept, np.floor(models.presence.high * part.people() + _SLACK))
    kept = np.floor(kept + _SLACK)
    kept[kept < models.k] = 0.0
    removed = np.zeros(sizes.size)
    # What fails must lose at least one row: else all its parts would pass, and with them the whole.
    removed[chosen] = np.minimum(own, np.maximum(own - kept, 1.0))
    return removed


def _only(grouped: Grouped, chosen: Codes) -> Grouped:
    """Return the tuples of the ``chosen`` classes, which are numbered anew."""
    number = np.full(grouped.count, -1, dtype=np.int64)
    number[chosen] = np.arange(chosen.size)
    classes = number[grouped.classes]
    inside = np.flatnonzero(classes >= 0)
    return Grouped(
        classes[inside],
        int(chosen.size),
        grouped.rows[inside],
        tuple(codes[inside] for codes in grouped.sensitive),
        None if grouped.population is None else grouped.population[inside],
    )


def _most_kept(demand: SensitiveDemand, pairs: Pairs, sizes: Reals, whole: Reals) -> Reals:
    """Return how many rows of each class can stay so that ``demand`` may still be met; above the truth, never below."""
    kept = sizes.copy()
    if demand.distinct_l is not None:
        kept[pairs.distinct() < demand.distinct_l] = 0.0
    if demand.alpha is not None and demand.alpha < 1 - _SLACK:
        # n' rows hold at most alpha · n' of the commonest value, and all of the others
        kept = np.minimum(kept, (sizes - pairs.largest()) / (1 - demand.alpha - TOLERANCE))
        kept[pairs.distinct() < math.ceil(1 / demand.alpha - _SLACK)] = 0.0
    if demand.recursive is not None:
        c, least = demand.recursive
        largest, rest = pairs.largest_and_rest(least)
        # taking r rows out leaves a largest of r_1 - r or more, and a rest that is no larger
        kept = np.minimum(kept, np.where(rest > 0, sizes - np.maximum(0.0, largest - c * rest), 0.0))
    if demand.entropy_l is not None:
        kept = np.minimum(kept, _kept_by_entropy(pairs, math.log(demand.entropy_l)))
    if demand.t is not None:
        kept = np.minimum(kept, _kept_by_distance(pairs, sizes, whole, demand.t, demand.t_tree))
    return kept


def _kept_by_entropy(pairs: Pairs, least: float) -> Reals:
    """Cut the commonest values down to one height: nothing else of that size has more entropy."""

    def passes(height: Reals) -> Flags:
        rows = np.minimum(pairs.rows, height[pairs.of_class])
        total = np.bincount(pairs.of_class, weights=rows, minlength=pairs.count)
        with np.errstate(divide="ignore", invalid="ignore"):
            summed = np.bincount(pairs.of_class, weights=rows * np.log(rows), minlength=pairs.count)
            return np.log(total) - summed / total >= least - _SLACK

    largest = pairs.largest()
    good, height = _highest(passes, np.minimum(largest, 1.0) * 1e-6, largest)
    rows = np.bincount(
        pairs.of_class, weights=np.minimum(pairs.rows, height[pairs.of_class]), minlength=pairs.count
    ).astype(np.float64)
    return np.where(good, rows, 0.0)


def _kept_by_distance(pairs: Pairs, sizes: Reals, whole: Reals, t: float, tree: Ladder | None) -> Reals:
    """Of n' rows no more than n' · q fit under the reference, value by value, and no more than there are."""
    levels: list[tuple[Pairs, Reals]] = []
    if tree is None:
        levels.append((pairs, whole))
    else:
        levels += [on_rung(pairs, whole, rung.codes, len(rung.labels)) for rung in tree.rungs[: tree.height - 1]]

    def passes(kept: Reals) -> Flags:
        distance = np.zeros(pairs.count)
        for own, reference in levels:
            fits = np.minimum(own.rows / kept[own.of_class], reference[own.value])
            distance += 1.0 - np.bincount(own.of_class, weights=fits, minlength=own.count)
        return distance / max(len(levels), 1) <= t + _SLACK

    good, kept = _highest(passes, np.minimum(sizes, 1.0) * 1e-6, sizes)
    return np.where(good, kept, 0.0)


def _highest(passes: Callable[[Reals], Flags], low: Reals, high: Reals) -> tuple[Flags, Reals]:
    """Return where the lowest value passes, and a value that the highest one that passes is not above.

    ``passes`` must be false from some value on.
    """
    good = passes(low)
    fine = passes(high)
    lowest, highest = low.copy(), high.copy()
    for _ in range(_HALVINGS):
        middle = (lowest + highest) / 2
        through = passes(middle)
        lowest = np.where(through, middle, lowest)
        highest = np.where(through, highest, middle)
    return good, np.where(fine, high, highest)
