"""Local recoding: every class on the levels it needs, not the whole table on one (ADR 29).

The search for global levels gives a first answer. Then the cells are put in an order in which neighbours are alike,
classes grow in it (``clusters``), what is left over joins the class where it costs least, and neighbouring classes are
made anew in other orders (``crowds``). Where classes must be large they are also cut from above (``splitting``). The
best is taken when its Loss is below that of the global levels, so that it is never worse. Everything hangs on the
rows' values alone, not on their order, and nothing on chance.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl

from gateway.anonymize.classes import Assignment
from gateway.anonymize.clusters import NONE, Column, Entries, Material
from gateway.anonymize.crowds import Crowds, levels_of
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.lattice import Table, combine, densify
from gateway.anonymize.loss import losses_of
from gateway.anonymize.models import Grouped, Models, failing, references
from gateway.anonymize.objectives import Node
from gateway.anonymize.search import Choice, allowed, search
from gateway.anonymize.splitting import split

_EVERY = 0.25
"""Seconds between two words about the progress."""
_SECOND_THOUGHTS = 100_000
"""Up to this many cells every way is tried, and classes are made anew in other orders; beyond it that takes longer
than it is worth."""
_LARGE_K = 100
"""From this k on, classes are made from above as well."""


@dataclass(frozen=True, slots=True)
class Part:
    """The tuples that leave on one vector of levels; one part holds many classes."""

    levels: Node
    rows: int
    tuples: Codes = field(repr=False)
    """Positions in the table that was recoded."""


@dataclass(frozen=True)
class Recoding:
    """How each tuple leaves, and what it costs; ``start`` is the global optimum that it was measured against."""

    columns: tuple[str, ...]
    rows: int
    suppressed: int
    loss: float
    losses: tuple[float, ...]
    """Loss by column, row by row (notes 4); ``loss`` is their mean."""
    start: Choice
    assignment: Assignment = field(repr=False)
    left: Codes = field(repr=False)
    """Rows of each vector of levels in ``assignment``, without those withheld since (``Decision.without``)."""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Return the vectors of levels on which rows leave, in order, with their tuples; suppressed are in none."""
        order = np.argsort(self.assignment.part, kind="stable")
        bounds = np.searchsorted(self.assignment.part[order], np.arange(len(self.assignment.levels) + 1))
        return tuple(
            Part(tuple(levels.tolist()), rows, order[low:high])
            for levels, rows, (low, high) in zip(
                self.assignment.levels, self.left.tolist(), pairwise(bounds.tolist()), strict=True
            )
            if rows
        )

    @cached_property
    def rows_by_level(self) -> dict[str, dict[int, int]]:
        """Return column -> level -> how many rows leave on it."""
        found: dict[str, dict[int, int]] = {}
        for q, column in enumerate(self.columns):
            rows = np.bincount(self.assignment.levels[:, q], weights=self.left)
            found[column] = {level: int(rows[level]) for level in np.flatnonzero(rows).tolist()}
        return found


def recode(
    tuples: pl.DataFrame,
    ladders: Mapping[str, Ladder],
    models: Models,
    limit: float,
    *,
    fixed: Mapping[str, int] | None = None,
    start: Choice | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Recoding:
    """Return a recoding of ``tuples`` whose classes all meet ``models``, with no more Loss than the best global levels.

    Arguments are those of ``search``; columns in ``fixed`` stay on their level in every row. ``start`` is what
    ``search`` found for the same arguments, when that is at hand. ``progress`` takes, a few times a second, how many
    cells (combinations of quasi-identifiers) have their class, and of how many. Rows with equal quasi-identifiers leave
    alike. Equal labels that come from different parts form one class: a class made of classes that meet a model of
    ours meets it, too.

    Raises ``SearchError`` when no global levels meet the models, when the demands have no meaning for single classes
    (δ-presence), or when the work was cancelled.
    """
    if models.presence is not None:
        raise SearchError(
            "δ-presence is about levels that hold for everybody: ask for global recoding.",
            detail_zh="δ-存在性要求全表统一的概化级别，请改用全局重编码。",
        )
    found = start or search(tuples, ladders, models, limit, fixed=fixed, cancelled=cancelled)
    work = _Work.of(tuples, ladders, models, dict(fixed or {}))
    pulse = _pulse(cancelled, progress, len(work.material))
    best = _measured(work.table, found, work.whole(found))
    for seeds in _ways(work, best.assignment, pulse):
        made = _measured(work.table, found, work.assignment(seeds))
        if made.suppressed <= allowed(limit, work.table.total) and made.loss < best.loss:
            best = made
            if len(work.material) > _SECOND_THOUGHTS:
                break
    return best


def _ways(work: _Work, start: Assignment, pulse: Callable[[int], None]) -> Iterator[Codes]:
    """Yield ways to make classes, each as the seed of every cell's class: from below, and then from above."""
    material = work.material
    crowds = Crowds(material, pulse)
    small = len(material) <= _SECOND_THOUGHTS
    large_classes = bool(material.models.sensitive) or material.models.k >= _LARGE_K
    crowds.settle()
    if small:
        crowds.reconsider(1)
    if not large_classes:
        yield crowds.seeds
        return

    def beat() -> None:
        pulse(len(material))

    # classes that had to be larger than k may come apart again
    yield split(material, crowds.seeds, beat)
    crowds.seeds = split(material, work.coarse(start), beat)
    for turn in (1, 2) if small else ():
        crowds.reconsider(turn)
    yield crowds.seeds


def _pulse(
    cancelled: Callable[[], bool] | None, progress: Callable[[int, int], None] | None, cells: int
) -> Callable[[int], None]:
    told = -math.inf

    def pulse(done: int) -> None:
        nonlocal told
        if cancelled is not None and cancelled():
            raise SearchError("The recoding was cancelled.", detail_zh="重编码已取消。")
        if progress is not None and (done >= cells or time.monotonic() - told >= _EVERY):
            told = time.monotonic()
            progress(min(done, cells), cells)

    return pulse


@dataclass(frozen=True)
class _Work:
    table: Table
    material: Material
    cell: Codes
    """Cell of each tuple."""

    @classmethod
    def of(cls, tuples: pl.DataFrame, ladders: Mapping[str, Ladder], models: Models, fixed: Mapping[str, int]) -> _Work:
        table = Table.of(tuples, ladders, models.sensitive)
        columns = tuple(
            Column.of(ladder, fixed.get(name, 0), fixed.get(name, ladder.height - 1), len(ladders))
            for name, ladder in ladders.items()
        )
        labels = [column.labels[0][codes] for column, codes in zip(columns, table.codes, strict=True)]
        sizes = [len(ladder.rungs[column.low].labels) for ladder, column in zip(table.ladders, columns, strict=True)]
        cell, count = densify(*combine(labels, sizes, len(table)))
        first = np.zeros(count, dtype=np.int64)
        first[cell[::-1]] = np.arange(len(table))[::-1]
        values = [int(codes.max()) + 1 for codes in table.sensitive]
        entry, entries = densify(*combine([cell, *table.sensitive], [count, *values], len(table)))
        of_entry = np.zeros(entries, dtype=np.int64)
        of_entry[entry[::-1]] = np.arange(len(table))[::-1]
        material = Material(
            columns,
            tuple(codes[first] for codes in table.codes),
            np.bincount(cell, weights=table.rows, minlength=count).astype(np.int64),
            Entries(
                np.searchsorted(cell[of_entry], np.arange(count + 1)),
                np.bincount(entry, weights=table.rows, minlength=entries).astype(np.int64),
                tuple(codes[of_entry] for codes in table.sensitive),
            ),
            models,
            references(table.sensitive, table.rows),
        )
        return cls(table, material, cell)

    def assignment(self, seeds: Codes) -> Assignment:
        """Return how the tuples leave when each cell is in the class of its seed."""
        material = self.material
        kept = np.flatnonzero(seeds != NONE)
        _, classes, levels = levels_of(material, kept, seeds[kept])
        vectors, part = np.unique(levels, axis=0, return_inverse=True)
        of_cell = np.full(len(material), NONE, dtype=np.int64)
        of_cell[kept] = part.reshape(-1)[classes]
        lowest = np.array([column.low for column in material.columns])
        return Assignment(vectors + lowest, of_cell[self.cell])

    def whole(self, found: Choice) -> Assignment:
        """Return how the tuples leave on the global levels: all alike, or not at all where their class fails."""
        table, ladders = self.table, self.table.ladders
        labels = [
            ladder.rungs[level].codes[codes]
            for ladder, level, codes in zip(ladders, found.levels, table.codes, strict=True)
        ]
        sizes = [len(ladder.rungs[level].labels) for ladder, level in zip(ladders, found.levels, strict=True)]
        classes, count = densify(*combine(labels, sizes, len(table)))
        grouped = Grouped(classes, count, table.rows, table.sensitive)
        failed = failing(self.material.models, grouped, self.material.reference)
        return Assignment(np.array([found.levels], dtype=np.int64), np.where(failed[classes], NONE, 0))

    def coarse(self, start: Assignment) -> Codes:
        """Return the coarsest classes to split: everything as one, or the global classes where that is none."""
        material = self.material
        everything = np.zeros(len(material), dtype=np.int64)
        top = material.levels(np.arange(len(material)), everything).max(axis=0)
        one = bool(np.isfinite(material.costs(top[None], everything[:1])[0]))
        if one and bool(material.meets(np.arange(len(material)), everything, 1)[0]):
            return everything
        kept = np.full(len(material), NONE, dtype=np.int64)
        kept[self.cell] = start.part
        levels = start.levels[0] - [column.low for column in material.columns]
        labels = [
            column.labels[level][codes]
            for column, level, codes in zip(material.columns, levels.tolist(), material.leaves, strict=True)
        ]
        classes, count = densify(*combine(labels, [int(codes.max()) + 1 for codes in labels], len(material)))
        first = np.zeros(count, dtype=np.int64)
        first[classes[::-1]] = np.arange(len(material))[::-1]
        return np.where(kept == NONE, NONE, first[classes])


def _measured(table: Table, start: Choice, assignment: Assignment) -> Recoding:
    kept = assignment.part >= 0
    rows = table.rows[kept]
    part = assignment.part[kept]
    shown = np.zeros(len(table.ladders))
    for q, (ladder, codes) in enumerate(zip(table.ladders, table.codes, strict=True)):
        level = assignment.levels[part, q]
        for height in np.unique(level).tolist():
            here = level == height
            rung = ladder.rungs[height]
            # whole numbers first: the sum is the same in whatever order the tuples come
            by_label = np.bincount(rung.codes[codes[kept][here]], weights=rows[here], minlength=len(rung.labels))
            shown[q] += float(by_label @ rung.shares)
    suppressed = table.total - int(rows.sum())
    losses = losses_of(shown, suppressed, table.total, table.ladders)
    return Recoding(
        columns=start.columns,
        rows=table.total,
        suppressed=suppressed,
        loss=float(np.mean(losses)),
        losses=losses,
        start=start,
        assignment=assignment,
        left=np.bincount(part, weights=rows, minlength=len(assignment.levels)).astype(np.int64),
    )
