"""Growing classes for local recoding: from a seed, by the row that costs least, until the class meets the models.

Cells are put in an order in which neighbours are alike, and cut into blocks; inside each block a class starts from the
first cell left and takes in one cell after another. All blocks grow in step, so that numpy does the work of many at
once. What a class costs is exact: a column stands at the lowest level where all members agree, and on a tree that is
the highest of the levels where each member meets the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.loss import Reals
from gateway.anonymize.models import Flags, Grouped, Models, failing
from gateway.anonymize.tallies import Tallies

NONE = -1
_SHORTLIST = 12
_NEIGHBOURS = 16
_COMPARED = 512
"""A cell is compared with at most this many of its block to see how crowded it is there."""
_TABLE = 1 << 9
"""Up to this many leaves the costs of any two are worked out beforehand."""
_FAR = 2.0
"""Stands for a cost above every possible one."""
_FEWEST = 4
_NUMBERS = 1 << 18
"""Counts that are looked at in one step, about."""
_STEP = 0.01
"""Added to the cost of a candidate, so that progress counts also where candidates cost nothing."""
_PROGRESS = 1e-4


@dataclass(frozen=True)
class Column:
    """One quasi-identifier within the levels that are open to it: ``labels[level][leaf]``, ``costs[level][leaf]``.

    ``costs`` are the parts of Loss of one row whose leaf stands on that level.
    """

    low: int
    labels: tuple[Codes, ...] = field(repr=False)
    costs: Reals = field(repr=False)

    @classmethod
    def of(cls, ladder: Ladder, low: int, high: int, columns: int) -> Column:
        """Return the column of ``ladder`` on its levels from ``low`` to ``high``, one of ``columns`` in the mean."""
        smallest = 1 / len(ladder.leaves)
        rungs = ladder.rungs[low : high + 1]
        shares = np.array([rung.shares[rung.codes] for rung in rungs])
        over = np.maximum(0.0, shares - smallest)
        costs = over / (1 - smallest) / columns if smallest < 1 else over
        return cls(low, tuple(rung.codes for rung in rungs), costs)

    def apart(self, leaves: Codes, seed: Codes) -> Codes:
        """Return how many of the levels differ between ``leaves`` and ``seed``, which broadcast against each other."""
        found: Codes = np.sum([labels[leaves] != labels[seed] for labels in self.labels], axis=0, dtype=np.int64)
        return found

    def joining(self, leaves: Codes, seed: Codes) -> Reals:
        """Return what a row of ``seed`` loses in a class with ``leaves``, which broadcast against each other."""
        if self._table is None:
            return self.cost(self.apart(leaves, seed), seed)
        found: Reals = self._table[seed, leaves]
        return found

    @cached_property
    def _table(self) -> Reals | None:
        """Every leaf with every other one, where the hierarchy is small."""
        leaves = np.arange(self.labels[0].size)
        if leaves.size > _TABLE:
            return None
        return self.cost(self.apart(leaves, leaves[:, None]), leaves[:, None])

    def cost(self, levels: Codes, leaves: Codes) -> Reals:
        """Return the Loss of a row with these ``leaves`` on these ``levels``; ∞ above the top."""
        top = len(self.labels)
        found: Reals = np.where(levels < top, self.costs[np.minimum(levels, top - 1), leaves], np.inf)
        return found


@dataclass(frozen=True)
class Entries:
    """The rows of each cell by sensitive values: entries ``start[i]`` to ``start[i + 1]`` belong to cell *i*."""

    start: Codes = field(repr=False)
    rows: Codes = field(repr=False)
    sensitive: tuple[Codes, ...] = field(repr=False)

    def grouped(self, cells: Codes, groups: Codes, count: int) -> Grouped:
        """Return the entries of ``cells``, each in its group of ``groups`` (0 … ``count`` - 1)."""
        lengths = self.start[cells + 1] - self.start[cells]
        ends = np.cumsum(lengths)
        inside = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
        chosen = np.repeat(self.start[cells], lengths) + inside
        return Grouped(
            np.repeat(groups, lengths), count, self.rows[chosen], tuple(codes[chosen] for codes in self.sensitive)
        )


@dataclass(frozen=True)
class Material:
    """What classes are made of: the leaf codes of each cell, its rows, its sensitive values, and what is demanded."""

    columns: tuple[Column, ...]
    leaves: tuple[Codes, ...] = field(repr=False)
    rows: Codes = field(repr=False)
    entries: Entries = field(repr=False)
    models: Models
    reference: tuple[Reals, ...] = field(repr=False)

    def __len__(self) -> int:
        return int(self.rows.size)

    def meets(self, cells: Codes, groups: Codes, count: int) -> Flags:
        """Return which groups of cells meet the models."""
        if not self.models.sensitive:
            return np.bincount(groups, weights=self.rows[cells], minlength=count) >= self.models.k
        return ~failing(self.models, self.entries.grouped(cells, groups, count), self.reference)

    @cached_property
    def tallies(self) -> Tallies:
        """Return the sensitive values of the cells, to be counted while classes grow."""
        entries = self.entries
        return Tallies.of(self.models.sensitive, self.reference, entries.start, entries.rows, entries.sensitive)

    def levels(self, cells: Codes, seeds: Codes) -> Codes:
        """Return, by cell and column, the level where each of ``cells`` meets its seed, above the lowest one open."""
        return np.stack(
            [column.apart(codes[cells], codes[seeds]) for column, codes in zip(self.columns, self.leaves, strict=True)],
            axis=-1,
        )

    def costs(self, levels: Codes, seeds: Codes) -> Reals:
        """Return the Loss of one row on these ``levels`` (last axis columns) below the ``seeds``; ∞ above the top."""
        total = np.zeros(levels.shape[:-1])
        for q, (column, codes) in enumerate(zip(self.columns, self.leaves, strict=True)):
            total += column.cost(levels[..., q], codes[seeds])
        return total


def grow(material: Material, blocks: Codes, pulse: Callable[[], None]) -> Codes:
    """Return for each place in ``blocks`` the cell that is the seed of its class, ``NONE`` where no class was made.

    ``blocks`` holds cells, one block in a row, ``NONE`` at the end of a shorter one. Classes do not leave their
    block, and every class meets the models. ``pulse`` is called now and then; it may raise to stop.
    """
    seeds = np.full(blocks.shape, NONE, dtype=np.int64)
    growth = _Growth(material, blocks)
    while growth.alive.any():
        pulse()
        growth.round(seeds)
    inside = seeds != NONE
    if material.models.sensitive and bool(inside.any()):
        own, classes = np.unique(seeds[inside], return_inverse=True)
        good = material.meets(blocks[inside], classes, own.size)
        seeds[inside] = np.where(good[classes], seeds[inside], NONE)
    return seeds


def densest_first(material: Material, blocks: Codes) -> Codes:
    """Return for each block the places of its cells in another order: first those whose neighbours are cheapest.

    Classes that begin in a crowd are cheap, and what stands apart can still join one of them in the end.
    """
    empty = blocks == NONE
    here = np.maximum(blocks, 0)
    some = slice(None, None, -(-blocks.shape[1] // _COMPARED))
    apart = np.zeros((*blocks.shape, here[:, some].shape[1]))
    for column, codes in zip(material.columns, material.leaves, strict=True):
        leaves = codes[here]
        apart += column.joining(leaves[:, None, some], leaves[:, :, None])
    apart[np.broadcast_to(empty[:, None, some], apart.shape)] = np.inf
    # the cell itself is among its nearest, at the cost of staying as it is
    near = min(material.models.k // 2 + 1, _NEIGHBOURS, apart.shape[2])
    nearest = np.partition(np.minimum(apart, _FAR), near - 1, axis=2)[:, :, :near].sum(axis=2).round(12)
    nearest[empty] = np.inf
    return np.argsort(nearest, axis=1, kind="stable")


class _Growth:
    """The blocks while they grow; a round makes one class in every block that has cells left."""

    def __init__(self, material: Material, blocks: Codes) -> None:
        self._material = material
        self._blocks = blocks
        self.alive: Flags = blocks != NONE

    def round(self, seeds: Codes) -> None:
        """Start a class in every block at its first cell left, and let them grow until they are done."""
        material = self._material
        open_blocks = np.flatnonzero(self.alive.any(axis=1))
        width = int(np.flatnonzero(self.alive.any(axis=0))[-1]) + 1
        first = self.alive[open_blocks].argmax(axis=1)
        seed = self._blocks[open_blocks, first]
        self.alive[open_blocks, first] = False
        cells = np.maximum(self._blocks[open_blocks, :width], 0)
        classes = _Classes(material, seed)
        dear = self._distances(cells, seed)
        dear[:, ~self.alive[open_blocks, :width]] = np.inf
        steps = [(np.arange(open_blocks.size), first)]
        lost = np.zeros(open_blocks.size, dtype=np.bool_)
        going = classes.unfinished(np.arange(open_blocks.size))
        while going.size:
            price = np.maximum(classes.price[:, going, None], dear[:, going, :]).sum(axis=0)
            chosen = classes.choose(price, going, cells)
            dead = ~np.isfinite(price[np.arange(going.size), chosen])
            lost[going[dead]] = True
            going, chosen = going[~dead], chosen[~dead]
            classes.add(going, cells[going, chosen], dear[:, going, chosen])
            dear[:, going, chosen] = np.inf
            self.alive[open_blocks[going], chosen] = False
            steps.append((going, chosen))
            going = classes.unfinished(going)
        for block, place in steps:
            made = ~lost[block]
            seeds[open_blocks[block[made]], place[made]] = seed[block[made]]

    def _distances(self, cells: Codes, seed: Codes) -> Reals:
        """Return, by column, what a row of the seed loses when each of ``cells`` joins it."""
        material = self._material
        return np.stack(
            [
                column.joining(codes[cells], codes[seed][:, None])
                for column, codes in zip(material.columns, material.leaves, strict=True)
            ]
        )


class _Classes:
    """One class in each block: what a row of it loses by column, its rows, and how often each value occurs in it."""

    def __init__(self, material: Material, seed: Codes) -> None:
        self._material = material
        leaves = [codes[seed] for codes in material.leaves]
        self.price: Reals = np.stack(
            [column.costs[0, own] for column, own in zip(material.columns, leaves, strict=True)]
        )
        self._size = material.rows[seed].copy()
        self._demanding = bool(material.models.sensitive)
        self._counts = material.tallies.count(seed) if self._demanding else ()

    def add(self, going: Codes, cells: Codes, price: Reals) -> None:
        """Take one cell into each of the classes ``going``; ``price`` is what the seed's rows lose by it."""
        self.price[:, going] = np.maximum(self.price[:, going], price)
        self._size[going] += self._material.rows[cells]
        if self._demanding:
            for held, new in zip(self._counts, self._material.tallies.count(cells), strict=True):
                held[going] += new

    def unfinished(self, going: Codes) -> Codes:
        """Return those of the classes ``going`` that do not meet the models yet."""
        short: Flags = self._size[going] < self._material.models.k
        if self._demanding and not bool(short.all()):
            large = going[~short]
            short[~short] = self._material.tallies.failing(tuple(held[large] for held in self._counts))
        return going[short]

    def choose(self, price: Reals, going: Codes, cells: Codes) -> Codes:
        """Return for each class the place of the cell that joins it, by what it costs and by what it brings."""
        if not self._demanding:
            cheapest: Codes = price.argmin(axis=1)
            return cheapest
        tallies, k = self._material.tallies, self._material.models.k
        count = min(price.shape[1], max(_FEWEST, min(_SHORTLIST, _NUMBERS // (going.size * tallies.width))))
        short = np.argpartition(price, count - 1, axis=1)[:, :count]
        cost = np.take_along_axis(price, short, axis=1)
        new = cells[going[:, None], short].reshape(-1)
        held = tuple(counts[going] for counts in self._counts)
        then = tuple(np.repeat(now, count, axis=0) + more for now, more in zip(held, tallies.count(new), strict=True))
        size = self._size[going]
        larger = size[:, None] + self._material.rows[new].reshape(short.shape)
        before = tallies.lacking(held) + np.maximum(0, k - size) / k
        after = tallies.lacking(then).reshape(short.shape) + np.maximum(0, k - larger) / k
        progress = before[:, None] - after
        useful = (progress > _PROGRESS) & np.isfinite(cost)
        score = np.where(useful, (cost + _STEP) / np.where(useful, progress, 1.0), np.inf)
        best = score.argmin(axis=1)
        none = ~useful.any(axis=1)
        best[none] = (cost + after * _STEP)[none].argmin(axis=1)
        chosen: Codes = np.take_along_axis(short, best[:, None], axis=1)[:, 0]
        return chosen
