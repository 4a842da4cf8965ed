"""Splitting classes down their hierarchies while every part still meets the models: from the coarse to the fine.

Growth (``clusters``) wins where small classes meet the demands. Where a class needs hundreds of rows to look like the
whole table, it is better to come from above: a class that meets the models is cut along the labels of one column, and
each part again, as long as that costs less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gateway.anonymize.clusters import NONE, Material
from gateway.anonymize.crowds import levels_of
from gateway.anonymize.ladders import Codes

_BETTER = 1e-9


def split(material: Material, seeds: Codes, pulse: Callable[[], None]) -> Codes:
    """Return ``seeds`` after every class was split as long as that costs less and all parts meet the models."""
    seeds = seeds.copy()
    kept = np.flatnonzero(seeds != NONE)
    order = kept[np.argsort(seeds[kept], kind="stable")]
    stack = np.split(order, np.flatnonzero(np.diff(seeds[order])) + 1) if order.size else []
    while stack:
        pulse()
        cells = stack.pop()
        if cells.size == 1 or int(material.rows[cells].sum()) < 2 * material.models.k:
            continue
        groups = _best(material, cells)
        if groups is None:
            continue
        for number in range(int(groups.max()) + 1):
            part = cells[groups == number]
            seeds[part] = part[0]
            stack.append(part)
    return seeds


def _best(material: Material, cells: Codes) -> Codes | None:
    """Return the parts of the best split of one class, by cell, or ``None`` when none pays."""
    seed = np.full(cells.size, cells[0])
    levels = material.levels(cells, seed).max(axis=0)
    best, cost = None, _cost(material, cells, np.zeros(cells.size, dtype=np.int64)) - _BETTER
    for q, (column, codes) in enumerate(zip(material.columns, material.leaves, strict=True)):
        if not levels[q]:
            continue
        groups = _feasible(material, cells, column.labels[levels[q] - 1][codes[cells]])
        if groups is None:
            continue
        found = _cost(material, cells, groups)
        if found < cost:
            best, cost = groups, found
    return best


def _feasible(material: Material, cells: Codes, labels: Codes) -> Codes | None:
    """Return parts that all meet the models: those labels that do, and the rest together; ``None`` for no split."""
    _, groups = np.unique(labels, return_inverse=True)
    count = int(groups.max()) + 1
    good = material.meets(cells, groups, count)
    if not bool(good.any()):
        return None
    rows = np.bincount(groups, weights=material.rows[cells], minlength=count)
    # if the rest does not stand by itself, the smallest good parts go with it, one after another
    for number in [NONE, *np.flatnonzero(good)[np.argsort(rows[good], kind="stable")].tolist()]:
        if number != NONE:
            good[number] = False
        place = np.where(good, np.cumsum(good), 0)
        parts = int(good.sum())
        merged = place[groups]
        rest = merged == 0
        if parts + bool(rest.any()) < 2:  # noqa: PLR2004  two parts are a split
            return None
        if not bool(rest.any()):
            return merged - 1
        if bool(material.meets(cells[rest], np.zeros(int(rest.sum()), dtype=np.int64), 1)[0]):
            return merged
    return None


def _cost(material: Material, cells: Codes, groups: Codes) -> float:
    """Return what the rows of ``cells`` lose when each group is a class."""
    first = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    first[groups[::-1]] = cells[::-1]
    own, classes, levels = levels_of(material, cells, first[groups])
    rows = np.bincount(classes, weights=material.rows[cells])
    return float((material.costs(levels, own) * rows).sum())
