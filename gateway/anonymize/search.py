"""Exact search for the generalisation levels with the least information loss (design 6.4; notes 4 and 6).

Rows are grouped once into distinct tuples; then the cost does not depend on the number of rows. Loss without
suppression separates by column, so it is a lower bound of a node at no cost; nodes are taken in its order, and
the first open bound above the best loss found proves the optimum. A node that fails by a monotone model rules
out every finer one: the search climbs from such a node to the coarsest failing one to rule out as many as it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import Table
from gateway.anonymize.models import Models
from gateway.anonymize.trial import Node, Trial
from gateway.anonymize.walk import walk_array, walk_heap
from gateway.errors import ParameterError

MAX_QUASI_IDENTIFIERS = 20
EXACT_NODES = 1 << 22
"""Up to this many nodes the whole lattice is held as one array and the result is a proven optimum."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The levels found, for the columns in order, and what they cost.

    ``gap`` is the loss of this choice minus the smallest bound still open: 0 when ``optimal``.
    """

    columns: tuple[str, ...]
    levels: Node
    suppressed: int
    rows: int
    loss: float
    losses: tuple[float, ...]
    """Loss by column; ``loss`` is their mean."""
    checks: int
    nodes: int
    optimal: bool
    gap: float

    @property
    def by_column(self) -> dict[str, int]:
        """Return column -> level."""
        return dict(zip(self.columns, self.levels, strict=True))


def search(
    tuples: pl.DataFrame,
    ladders: Mapping[str, Ladder],
    models: Models,
    limit: float,
    *,
    fixed: Mapping[str, int] | None = None,
    max_checks: int | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Choice:
    """Return the levels with the least Loss under which every class meets ``models``.

    ``tuples`` has one text, date or other column for each ladder and sensitive attribute, and ``n``, the
    number of rows. At most floor(``limit`` · rows) rows may be suppressed, ``limit`` from 0 to 1. ``fixed``
    sets the level of some columns. Ties go to fewer suppressed rows, then lower levels in column order.
    ``max_checks`` ends a long search with the best found and its gap.

    Raises ``SearchError`` when no choice of levels meets the models, or there are more than twenty
    quasi-identifiers, or the search was cancelled. Source: ARX's Loss (arithmetic mean, factor 0.5), notes 4.
    """
    if not 0 <= limit <= 1:
        raise ParameterError("The suppression limit is a share of the rows: 0 to 1.")
    if len(ladders) > MAX_QUASI_IDENTIFIERS:
        raise SearchError(f"{len(ladders)} quasi-identifiers; at most {MAX_QUASI_IDENTIFIERS} can be searched.")
    table = Table.of(tuples, ladders, [demand.column for demand in models.sensitive])
    if not len(table):
        raise SearchError("There are no rows to release.", detail_zh="没有可提供的数据行。")
    pinned = dict(fixed or {})
    ranges: list[tuple[int, int]] = []
    for column, ladder in ladders.items():
        level = pinned.pop(column, None)
        if level is not None and not 0 <= level < ladder.height:
            raise SearchError(f"The hierarchy '{ladder.name}' has no level {level} (column '{column}').")
        ranges.append((0, ladder.height - 1) if level is None else (level, level))
    if pinned:
        raise SearchError(f"Levels are fixed for columns without a ladder: {', '.join(sorted(pinned))}.")
    bottom: Node = tuple(low for low, _ in ranges)
    top: Node = tuple(high for _, high in ranges)
    trial = Trial(table, models, allowed(limit, table.total), cancelled or (lambda: False))
    nodes = math.prod(high - low + 1 for low, high in ranges)
    walk = walk_array if nodes <= EXACT_NODES else walk_heap
    lowest = walk(trial, bottom, top, max_checks)
    best = trial.best
    if best is None:
        raise SearchError(
            f"No choice of levels gives classes of {models.k} rows that meet every model with at most "
            f"{trial.allowed} of {table.total} rows suppressed; "
            "ask for fewer columns, a smaller k, or a wider population.",
            detail_zh=f"任何概化级别都无法在最多抑制 {trial.allowed}/{table.total} 行的条件下满足要求（k={models.k}）；"
            "请减少字段、降低 k 或扩大范围。",
        )
    gap = 0.0 if lowest is None else max(0.0, best.loss - lowest)
    return Choice(
        columns=tuple(ladders),
        levels=best.node,
        suppressed=best.suppressed,
        rows=table.total,
        loss=best.loss,
        losses=best.losses,
        checks=trial.checks,
        nodes=nodes,
        optimal=lowest is None,
        gap=gap,
    )


def allowed(limit: float, rows: int) -> int:
    """Return how many of ``rows`` may be suppressed: floor(limit · rows), free of rounding just below a whole."""
    return math.floor(limit * rows + 1e-9)
