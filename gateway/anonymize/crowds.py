"""Which cells form a class, for the whole table: growth in blocks, what is left over, and better second thoughts.

Cells that are alike stand beside each other in an order; the order is cut into blocks, and classes grow in each
(``clusters``). Then classes that are neighbours in another order are made anew, and the better of both stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl

from gateway.anonymize.clusters import NONE, Material, densest_first, grow
from gateway.anonymize.ladders import Codes
from gateway.anonymize.loss import Reals

_WORK = 8_000_000
"""Pairs of cells that are compared in one pass; more cells make smaller blocks."""
_LEAST_BLOCK, _LARGEST_BLOCK = 64, 320
_CLASSES_IN_A_BLOCK = 12
_BATCH = 1 << 22
"""Pairs of cells that are held in memory at once."""
_WINDOW = 1 << 21
"""Classes looked at for all cells that are left over."""
_LEAST_WINDOW = 256
_TRIED = 32
_MERGERS = 20
_BETTER = 1e-9

Pulse = Callable[[int], None]


@dataclass
class Crowds:
    """The class of every cell, named by its seed: ``seeds[i]`` is ``NONE`` while no class takes cell *i* in.

    ``pulse`` takes how many cells have a class; it may raise to stop.
    """

    material: Material
    pulse: Pulse = field(repr=False)
    seeds: Codes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.seeds = np.full(len(self.material), NONE, dtype=np.int64)

    def settle(self) -> None:
        """Give every cell a class, as far as classes that meet the models can take it in."""
        order = ordered(self.material, 0)
        pool = order
        while pool.size:
            before = pool.size
            for blocks in _cut(pool, self._width(pool.size)):
                made = self._grown(blocks)
                self.seeds[blocks[blocks != NONE]] = made[blocks != NONE]
            pool = pool[self.seeds[pool] == NONE]
            if pool.size == before:
                break
        self.seeds[order] = joined(self.material, order, self.seeds[order], self._beat)

    def reconsider(self, turn: int) -> float:
        """Make classes anew that are neighbours in the order of ``turn``; keep what costs less. Return the gain."""
        order = ordered(self.material, turn)
        kept = order[self.seeds[order] != NONE]
        own, total = costs_of(self.material, kept, self.seeds[kept])
        of_seed = np.zeros(len(self.material))
        of_seed[own] = total
        dear = kept[of_seed[self.seeds[kept]] > _BETTER]
        gain = 0.0
        for blocks in _whole(dear, self.seeds[dear], self._width(dear.size)):
            made = self._grown(blocks)
            for block, new in zip(blocks, made, strict=True):
                inside = block != NONE
                gain += self._take(block[inside], new[inside], of_seed)
        return gain

    def _take(self, cells: Codes, new: Codes, of_seed: Reals) -> float:
        """Replace the classes of ``cells`` by the ``new`` ones if those are cheaper; return by how much."""
        old = float(of_seed[np.unique(self.seeds[cells])].sum())
        new = joined(self.material, cells, new, self._beat)
        if bool((new == NONE).any()):
            return 0.0
        total = float(costs_of(self.material, cells, new)[1].sum())
        if total > old - _BETTER:
            return 0.0
        self.seeds[cells] = new
        return old - total

    def _grown(self, blocks: Codes) -> Codes:
        """Return the seed of each cell in ``blocks``, in their places, ``NONE`` for those without a class."""
        order = densest_first(self.material, blocks)
        seeds = grow(self.material, np.take_along_axis(blocks, order, axis=1), self._beat)
        found = np.empty_like(seeds)
        np.put_along_axis(found, order, seeds, axis=1)
        return found

    def _width(self, cells: int) -> int:
        """Return how many cells a block has: enough for some classes, few enough to be compared with each other."""
        mean = float(self.material.rows.mean())
        least = max(_LEAST_BLOCK, int(_CLASSES_IN_A_BLOCK * self.material.models.k / mean))
        return int(np.clip(_WORK // max(cells, 1), least, max(_LARGEST_BLOCK, least)))

    def _beat(self) -> None:
        self.pulse(int((self.seeds != NONE).sum()))


def ordered(material: Material, turn: int) -> Codes:
    """Return all cells, alike ones beside each other: what costs most to hide decides first.

    ``turn`` moves that many of the deciding labels to the end, for another view of who is whose neighbour.
    """
    weight = material.rows / material.rows.sum()
    steps = []
    for q, (column, codes) in enumerate(zip(material.columns, material.leaves, strict=True)):
        above = [float((costs[codes] * weight).sum()) for costs in column.costs[1:]] + [np.inf]
        steps += [(-cost, q, level) for level, cost in enumerate(above)]
    steps.sort()
    keys = [material.columns[q].labels[level][material.leaves[q]] for _, q, level in steps[turn:] + steps[:turn]]
    frame = pl.DataFrame([pl.Series(str(position), key.astype(np.int32)) for position, key in enumerate(keys)])
    return frame.with_row_index("cell").sort(frame.columns)["cell"].to_numpy().astype(np.int64)


def levels_of(material: Material, cells: Codes, seeds: Codes) -> tuple[Codes, Codes, Codes]:
    """Return the seeds in use, the position among them of each cell's, and the levels of each class.

    Levels are counted from the lowest one open to the column.
    """
    own, classes = np.unique(seeds, return_inverse=True)
    levels = np.zeros((own.size, len(material.columns)), dtype=np.int64)
    np.maximum.at(levels, classes, material.levels(cells, seeds))
    return own, classes, levels


def costs_of(material: Material, cells: Codes, seeds: Codes) -> tuple[Codes, Reals]:
    """Return the seeds in use, and what the rows of each class lose together."""
    own, classes, levels = levels_of(material, cells, seeds)
    rows = np.bincount(classes, weights=material.rows[cells], minlength=own.size)
    return own, material.costs(levels, own) * rows


def joined(material: Material, cells: Codes, seeds: Codes, beat: Callable[[], None]) -> Codes:
    """Return ``seeds`` where cells without a class have joined the class near them where that costs least.

    ``cells`` stand in an order in which neighbours are alike. Where no class nearby meets the models with the cell,
    the nearest ones that do together become one class; where none do, ``NONE`` stays.
    """
    seeds = seeds.copy()
    for _ in range(_MERGERS):
        left = np.flatnonzero(seeds == NONE)
        here = np.flatnonzero(seeds != NONE)
        if not left.size or not here.size:
            break
        near = _Near(material, cells, seeds, here, max(_LEAST_WINDOW, _WINDOW // left.size))
        if not any([near.join(place, beat) for place in left.tolist()]):
            break
    return seeds


class _Near:
    """The classes of some cells, in the order of their first cell; ``seeds`` is changed in place."""

    def __init__(self, material: Material, cells: Codes, seeds: Codes, here: Codes, reach: int) -> None:
        self._material = material
        self._cells = cells
        self._seeds = seeds
        self._reach = reach
        own, classes, levels = levels_of(material, cells[here], seeds[here])
        rows = np.bincount(classes, weights=material.rows[cells[here]])
        first = np.full(own.size, cells.size, dtype=np.int64)
        np.minimum.at(first, classes, here)
        rank = np.argsort(first, kind="stable")
        self._own, self._levels, self._rows, self._first = own[rank], levels[rank], rows[rank], first[rank]
        self._merged = np.zeros(own.size, dtype=np.bool_)

    def join(self, place: int, beat: Callable[[], None]) -> bool:
        """Put the cell at ``place`` into the class near it where that costs least; say whether there was one."""
        beat()
        material, cell = self._material, self._cells[place]
        middle = int(np.searchsorted(self._first, place))
        near = np.arange(max(0, middle - self._reach), min(self._own.size, middle + self._reach))
        near = near[~self._merged[near]]
        own, rows, levels = self._own[near], self._rows[near], self._levels[near]
        higher = np.maximum(levels, material.levels(np.full(own.size, cell), own))
        more = (rows + material.rows[cell]) * material.costs(higher, own) - rows * material.costs(levels, own)
        order = np.argsort(more.round(12), kind="stable")[:_TRIED]
        order = order[np.isfinite(more[order])]
        tried = own[order]
        alone, together = _good(material, self._cells, self._seeds, tried, cell)
        if alone != NONE:
            chosen = int(order[alone])
            self._levels[near[chosen]] = higher[chosen]
            self._rows[near[chosen]] += material.rows[cell]
            self._seeds[place] = tried[alone]
        elif together != NONE:
            # what these classes cost together is worked out in the next turn; until then nothing joins them
            self._merged[near[order[: together + 1]]] = True
            self._seeds[np.isin(self._seeds, tried[: together + 1])] = tried[0]
            self._seeds[place] = tried[0]
        return alone != NONE or together != NONE


def _good(material: Material, cells: Codes, seeds: Codes, tried: Codes, cell: Codes) -> tuple[int, int]:
    """Return the position of the first class of ``tried`` that meets the models with ``cell`` in it, or ``NONE``.

    The second number is the position of the last one of those that meet them together with the cell.
    """
    if not tried.size:
        return NONE, NONE
    if not material.models.sensitive:
        return 0, NONE
    position = np.full(len(material), NONE, dtype=np.int64)
    position[tried] = np.arange(tried.size)
    groups = np.where(seeds == NONE, NONE, position[seeds])
    inside = np.flatnonzero(groups != NONE)
    members, groups = cells[inside], groups[inside]
    each = np.arange(tried.size)
    good = material.meets(np.append(members, np.full(tried.size, cell)), np.append(groups, each), tried.size)
    if bool(good.any()):
        return int(good.argmax()), NONE
    # group p holds the classes up to position p
    times = tried.size - groups
    upward = np.concatenate([np.arange(first, tried.size) for first in groups.tolist()])
    all_cells = np.append(np.repeat(members, times), np.full(tried.size, cell))
    good = material.meets(all_cells, np.append(upward, each), tried.size)
    return NONE, int(good.argmax()) if bool(good.any()) else NONE


def _cut(cells: Codes, width: int) -> Iterator[Codes]:
    """Yield ``cells`` in blocks of about ``width``, some blocks at a time, filled with ``NONE``."""
    count = -(-cells.size // width)
    yield from _batches(cells, np.arange(count + 1) * cells.size // count)


def _whole(cells: Codes, seeds: Codes, width: int) -> Iterator[Codes]:
    """Yield blocks of about ``width`` cells that hold whole classes, in the order of the classes' first cells."""
    if not cells.size:
        return
    _, first, classes = np.unique(seeds, return_index=True, return_inverse=True)
    order = np.lexsort((np.arange(cells.size), first[classes]))
    starts = np.flatnonzero(np.diff(first[classes][order], prepend=-1))
    # a block begins with the first class that begins in the next width
    bounds = starts[np.flatnonzero(np.diff(starts // width, prepend=-1))]
    yield from _batches(cells[order], np.append(bounds, cells.size))


def _batches(cells: Codes, bounds: Codes) -> Iterator[Codes]:
    widest = int(np.diff(bounds).max())
    step = max(1, _BATCH // (widest * widest))
    for low in range(0, bounds.size - 1, step):
        some = bounds[low : low + step + 1]
        blocks = np.full((some.size - 1, int(np.diff(some).max())), NONE, dtype=np.int64)
        for row, (begin, end) in enumerate(pairwise(some.tolist())):
            blocks[row, : end - begin] = cells[begin:end]
        yield blocks
