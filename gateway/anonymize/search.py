"""Exact search for the generalisation levels that lose least (design 6.4; notes 4 and 6; ADR 28).

Rows are grouped once into distinct tuples; then the cost does not depend on the number of rows. Every objective has a
bound of a node that costs nothing, and nodes are taken by it: when no open node has a bound below the best value, the
best is proven. A node that fails rules out every finer one, exactly where the models are monotone, by the rows that
must go at least where they are not; the search climbs from such a node to the coarsest failing one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import polars as pl

from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import Table, Views
from gateway.anonymize.models import Models
from gateway.anonymize.objectives import Node, ObjectiveName, objective_of
from gateway.anonymize.trial import Control, Progress, Trial
from gateway.anonymize.walk import walk_array, walk_heap
from gateway.errors import ParameterError

MAX_QUASI_IDENTIFIERS = 20
EXACT_NODES = 1 << 22
"""Up to this many nodes the whole lattice is held as one array and the result is a proven optimum."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The levels found, for the columns in order, and what they cost.

    ``gap`` is the ``value`` of this choice minus the smallest bound still open: 0 when ``optimal``.
    """

    columns: tuple[str, ...]
    levels: Node
    suppressed: int
    rows: int
    loss: float
    losses: tuple[float, ...]
    """Loss by column; ``loss`` is their mean. Given whatever the objective was."""
    checks: int
    nodes: int
    optimal: bool
    gap: float
    objective: ObjectiveName = "loss"
    value: float = math.nan
    """By the objective: Loss, the discernibility sum, or bits of entropy over all columns."""

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
    objective: ObjectiveName = "loss",
    population: pl.DataFrame | None = None,
    max_checks: int | None = None,
    seconds: float | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Choice:
    """Return the levels with the least ``objective`` under which every class that leaves meets ``models``.

    ``tuples`` has one text, date or other column for each ladder and sensitive attribute, and ``n``, the number of
    rows. At most floor(``limit`` · rows) rows may be suppressed, ``limit`` from 0 to 1; all of them never, since
    nothing is no release. ``fixed`` sets the level of some columns. ``population`` has a column for each ladder and
    ``n``, the people: δ-presence needs it. Ties go to fewer suppressed rows, then lower levels in column order.

    The result is a proven optimum for up to ``EXACT_NODES`` nodes, and often beyond. ``max_checks`` (looks at nodes,
    counted once something was found) and ``seconds`` end a long search with the best found and its gap.
    ``progress`` is told a few times a second, at the start and at the end; ``cancelled`` is asked before each look.

    Raises ``SearchError`` when no choice of levels meets the models, or none was found in time, or there are more
    than twenty quasi-identifiers, or the search was cancelled; ``ParameterError`` for arguments out of range.
    """
    _check(ladders, limit, objective, max_checks, seconds)
    table = Table.of(tuples, ladders, models.sensitive, population if models.presence is not None else None)
    ranges = _ranges(ladders, fixed or {})
    _check_rows(table, models)
    bottom: Node = tuple(low for low, _ in ranges)
    top: Node = tuple(high for _, high in ranges)
    if table.population is not None:
        _check_population(table)
    trial = Trial(
        table,
        models,
        allowed(limit, table.total),
        objective_of(objective, table, models.k),
        Control(max_checks, seconds, cancelled, progress),
    )
    nodes = math.prod(high - low + 1 for low, high in ranges)
    trial.report()
    walk = walk_array if nodes <= EXACT_NODES else walk_heap
    lowest = walk(trial, bottom, top)
    if lowest is None:
        trial.outlook = lambda: (1.0, None)
    trial.report()
    best = trial.best
    if best is None:
        raise _nothing(trial, table, proven=lowest is None)
    return Choice(
        columns=tuple(ladders),
        levels=best.node,
        suppressed=best.suppressed,
        rows=table.total,
        loss=sum(best.losses) / len(best.losses),
        losses=best.losses,
        checks=trial.checks,
        nodes=nodes,
        optimal=lowest is None or lowest >= best.value,
        gap=0.0 if lowest is None else max(0.0, best.value - lowest),
        objective=objective,
        value=best.value,
    )


def allowed(limit: float, rows: int) -> int:
    """Return how many of ``rows`` may be suppressed: floor(limit · rows), free of rounding just below a whole."""
    return math.floor(limit * rows + 1e-9)


def _check(
    ladders: Mapping[str, Ladder], limit: float, objective: str, max_checks: int | None, seconds: float | None
) -> None:
    if not 0 <= limit <= 1:
        raise ParameterError(
            "The suppression limit is a share of the rows: 0 to 1.",
            detail_zh="抑制上限是行数的比例，应在 0 到 1 之间。",
        )
    if objective not in get_args(ObjectiveName):
        raise ParameterError(
            f"There is no objective '{objective}'; choose one of {', '.join(get_args(ObjectiveName))}.",
            detail_zh=f"没有目标 {objective}，可选：{'、'.join(get_args(ObjectiveName))}。",
        )
    if max_checks is not None and max_checks < 1:
        raise ParameterError(
            "max_checks counts looks at nodes: 1 or more.", detail_zh="max_checks 是检查的节点数，至少为 1。"
        )
    if seconds is not None and not seconds > 0:
        raise ParameterError("The time for the search is above 0 seconds.", detail_zh="搜索时间应大于 0 秒。")
    if len(ladders) > MAX_QUASI_IDENTIFIERS:
        raise SearchError(
            f"{len(ladders)} quasi-identifiers; at most {MAX_QUASI_IDENTIFIERS} can be searched. "
            "Drop some, or release them as ordinary columns where they identify nobody.",
            detail_zh=f"准标识符有 {len(ladders)} 个，最多 {MAX_QUASI_IDENTIFIERS} 个；请减少准标识符。",
        )


def _ranges(ladders: Mapping[str, Ladder], fixed: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the lowest and highest level of each column."""
    outside = sorted(set(fixed) - set(ladders))
    if outside:
        raise SearchError(
            f"Levels are fixed for columns without a ladder: {', '.join(outside)}.",
            detail_zh=f"以下字段没有概化层级，不能固定级别：{'、'.join(outside)}。",
        )
    ranges: list[tuple[int, int]] = []
    for column, ladder in ladders.items():
        level = fixed.get(column)
        if level is not None and not 0 <= level < ladder.height:
            raise SearchError(
                f"The hierarchy '{ladder.name}' has no level {level} (column '{column}'): 0 to {ladder.height - 1}.",
                detail_zh=f"概化层级 {ladder.name} 没有第 {level} 级（字段 {column}），应为 0 到 {ladder.height - 1}。",
            )
        ranges.append((0, ladder.height - 1) if level is None else (level, level))
    return ranges


def _check_rows(table: Table, models: Models) -> None:
    if not len(table) or not table.total:
        raise SearchError("There are no rows to release.", detail_zh="没有可提供的数据行。")
    if models.k > table.total:
        raise SearchError(
            f"k={models.k} is more than the {table.total} rows there are; ask for a smaller k or a wider population.",
            detail_zh=f"k={models.k} 大于总行数 {table.total}；请降低 k 或扩大范围。",
        )
    if models.presence is not None and table.population is None:
        raise SearchError(
            "δ-presence needs the population: give a table of everybody with the same columns and 'n'.",
            detail_zh="δ-存在性需要总体数据，请提供含相同字段和 n 的总体表。",
        )


def _check_population(table: Table) -> None:
    """Raise ``SearchError`` unless the population holds all rows, tuple by tuple."""
    classes, count = Views(table).classes((0,) * len(table.ladders))
    rows = np.bincount(classes, weights=table.rows, minlength=count)
    people = np.bincount(classes, weights=table.population, minlength=count)
    lacking = int((people < rows).sum())
    if lacking:
        raise SearchError(
            f"The population lacks rows of the table: {lacking} combinations of quasi-identifiers occur more often in "
            "the table; give the population that the table was taken from.",
            detail_zh=f"总体表未包含全部数据行：有 {lacking} 个准标识符组合在数据中出现更多；请提供数据所取自的总体。",
        )


def _nothing(trial: Trial, table: Table, *, proven: bool) -> SearchError:
    k, rows = trial.models.k, table.total
    if not proven:
        return SearchError(
            f"Nothing was found in the time given ({trial.checks} looks); give more time, or ask for fewer columns or "
            "a smaller k.",
            detail_zh=f"在给定时间内未找到结果（已检查 {trial.checks} 个节点）；请延长时间、减少字段或降低 k。",
        )
    return SearchError(
        f"No choice of levels gives classes of {k} rows that meet every model with at most "
        f"{trial.allowed} of {rows} rows suppressed, and leaves any row; "
        "ask for fewer columns, a smaller k, weaker demands on sensitive columns, or a wider population.",
        detail_zh=f"任何概化级别都无法在最多抑制 {trial.allowed}/{rows} 行且有行留下的条件下满足要求（k={k}）；"
        "请减少字段、降低 k、放宽敏感属性要求或扩大范围。",
    )
