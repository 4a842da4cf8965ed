"""From noisy sums to a consistent table: no negative count, whole numbers, and every margin is the sum of its cells.

It looks at noisy values alone, so it costs no privacy (post-processing; Dwork and Roth 2014, prop. 2.1). Where margins
were measured too, all measurements are joined by generalised least squares over the tree of margins (Hay et al. 2010),
then made whole numbers from the top down.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.anonymize.cells import Counts, Table, Values
from gateway.anonymize.errors import StatisticsError

LEAST_LEAVES = 48
"""A margin is measured by itself when it is a sum over so many cells: their noise would add up to more."""
LEAST_RATIO = 8
"""So many times as many nodes as the margin above has a further one at least: each takes its share of epsilon."""
MOST_MARGINS = 3


@dataclass(frozen=True)
class Layer:
    """One layer of the tree: which node each cell stands under, in how many nodes."""

    groups: Counts = field(repr=False)
    size: int


def layers(table: Table) -> tuple[Layer, ...]:
    """Return the tree of margins, the total first and the cells last: axis after axis, the coarsest level first.

    Axes with more levels come first, the larger first among equals: their margins are those that people ask for.
    """
    found = [Layer(np.zeros(table.cells, dtype=np.int64), 1)]
    place = np.unravel_index(np.arange(table.cells), table.shape) if table.axes else ()
    order = sorted(range(len(table.axes)), key=lambda at: (-len(table.axes[at].levels), -table.axes[at].size, at))
    groups, size = np.zeros(table.cells, dtype=np.int64), 1
    for at in order:
        axis = table.axes[at]
        for level in range(len(axis.levels) - 2, -1, -1):
            labels = len(axis.labels[level])
            found.append(Layer(groups * labels + axis.codes[level][place[at]], size * labels))
        groups, size = groups * axis.size + place[at], size * axis.size
    distinct = found[:1]
    for layer in found[1:]:
        if layer.size > distinct[-1].size:
            distinct.append(layer)
    distinct[-1] = Layer(np.arange(table.cells, dtype=np.int64), table.cells)
    return tuple(distinct)


def measured(table: Table) -> tuple[Layer, ...]:
    """Return the layers worth their noise: the cells, and above them few that sum many cells and differ much."""
    every = layers(table)
    chosen: list[Layer] = []
    for layer in every[:-1]:
        wide = table.cells / layer.size >= LEAST_LEAVES
        if wide and (not chosen or layer.size >= LEAST_RATIO * chosen[-1].size) and len(chosen) < MOST_MARGINS:
            chosen.append(layer)
    return (*chosen, every[-1])


def consistent(tree: Sequence[Layer], noisy: Sequence[Counts], variances: Sequence[float], *, unit: int = 1) -> Counts:
    """Return the cells as whole multiples of ``unit``, none below 0, whose sums are near the noisy ones of all layers.

    ``tree`` as ``measured`` gives it, ``noisy`` and ``variances`` layer by layer. Raises ``StatisticsError`` when they
    do not fit together.
    """
    if len(tree) != len(noisy) or len(tree) != len(variances) or unit < 1:
        raise StatisticsError("There is one noisy vector for each layer.", detail_zh="各层的噪声计数不完整。")
    parents = [_parents(upper, lower) for upper, lower in itertools.pairwise(tree)]
    fitted = least_squares([one.astype(np.float64) for one in noisy], variances, parents)
    whole: Counts = np.rint(np.maximum(fitted[0], 0) / unit).astype(np.int64)
    for values, above in zip(fitted[1:], parents, strict=True):
        whole = _split(whole, values / unit, above)
    return whole * unit


def least_squares(noisy: Sequence[Values], variances: Sequence[float], parents: Sequence[Counts]) -> list[Values]:
    """Return the estimates, layer by layer, that add up and are nearest to ``noisy``, weighted by 1 / variance.

    ``parents[i][node]`` is the node of layer ``i`` above a node of layer ``i + 1``. Two passes, exact on a tree.
    Source: Hay et al. 2010, "Boosting the accuracy of differentially private histograms through consistency".
    """
    best, spread = [noisy[-1]], [np.full(len(noisy[-1]), variances[-1])]
    for values, variance, above in zip(noisy[-2::-1], variances[-2::-1], parents[::-1], strict=True):
        below = np.bincount(above, weights=best[0], minlength=len(values))
        width = np.bincount(above, weights=spread[0], minlength=len(values))
        best.insert(0, (values / variance + below / width) / (1 / variance + 1 / width))
        spread.insert(0, 1 / (1 / variance + 1 / width))
    found = [best[0]]
    for values, widths, above in zip(best[1:], spread[1:], parents, strict=True):
        over = found[-1]
        missing = over - np.bincount(above, weights=values, minlength=len(over))
        total = np.bincount(above, weights=widths, minlength=len(over))
        found.append(values + widths * (missing / total)[above])
    return found


def _parents(upper: Layer, lower: Layer) -> Counts:
    found = np.full(lower.size, -1, dtype=np.int64)
    found[lower.groups] = upper.groups
    if not np.array_equal(found[lower.groups], upper.groups) or (found < 0).any():
        raise StatisticsError("The layers are no tree.", detail_zh="各层不成树。")
    return found


def _split(totals: Counts, wanted: Values, parents: Counts) -> Counts:
    """Return whole numbers, none below 0, that add up to ``totals`` and are near ``wanted``, parent by parent."""
    found = np.zeros(len(wanted), dtype=np.int64)
    order = np.argsort(parents, kind="stable")
    ends = np.cumsum(np.bincount(parents, minlength=len(totals)))
    for total, start, end in zip(totals, [0, *ends[:-1]], ends, strict=True):
        mine = order[start:end]
        if total and len(mine):
            found[mine] = _apportion(int(total), _nearest(wanted[mine], float(total)))
    return found


def _nearest(wanted: Values, total: float) -> Values:
    """Return the point nearest to ``wanted`` that has no negative part and adds up to ``total``.

    Source: Duchi et al. 2008, "Efficient projections onto the l1-ball", fig. 1.
    """
    falling = np.sort(wanted)[::-1]
    excess = (np.cumsum(falling) - total) / np.arange(1, len(falling) + 1)
    last = int(np.flatnonzero(falling > excess)[-1])
    found: Values = np.maximum(wanted - excess[last], 0)
    return found


def _apportion(total: int, wanted: Values) -> Counts:
    """Return ``wanted`` in whole numbers that add up to ``total``: the largest remainders get one more."""
    floor = np.floor(wanted + 1e-9).astype(np.int64)
    missing = total - int(floor.sum())
    order = np.argsort(-(wanted - floor), kind="stable")
    if missing > 0:
        np.add.at(floor, np.resize(order, missing), 1)
    while missing < 0:  # 1e-9 too much at a boundary
        take = next(place for place in order[::-1] if floor[place] > 0)
        floor[take] -= 1
        missing += 1
    return floor
