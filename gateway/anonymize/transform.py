"""Carry out a plan on batches of the sharing view.

Two passes: ``choose`` on distinct tuples picks the levels and the classes that may leave (``decision``); ``apply``
executes the plan's program on batch after batch with that decision. What cannot be transformed as planned is an error,
never clear data (I8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl

from gateway.anonymize.backends.frames import FrameBackend, Hooks
from gateway.anonymize.decision import Decision, column_ladder, decide, fixed_levels, leaf_of, models_of
from gateway.anonymize.errors import PlanError, TransformError
from gateway.anonymize.exposure import exposed_plan
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.ladders import TOP, Ladder
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.masks import ColumnMasks
from gateway.anonymize.models import Models
from gateway.anonymize.operations import Drop, Generalize, Recode, compile_plan
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.pseudonyms import KeyedHash
from rulebook.records import Divisions, Hierarchy

_MONTH_CHARACTERS = len("2015-03")


class Transformer:
    """A plan with all it needs to be carried out. The pseudonym key appears in no ``repr`` and in no plan."""

    def __init__(
        self,
        plan: Plan,
        hierarchies: Mapping[str, Hierarchy],
        divisions: Divisions,
        *,
        pseudonym_key: str | KeyedHash | None = None,
        risk_threshold: float = 0.2,
        environment: str = "controlled",
    ) -> None:
        """Raise ``PlanError`` when plan, hierarchies and key do not fit each other.

        ``pseudonym_key`` is a key as ``derive_key`` gives it, for SHA-256, or the hook that holds one.
        """
        _check(plan, hierarchies)
        if plan.pseudonymous != (pseudonym_key is not None):
            raise PlanError("A pseudonym key belongs to a plan with a pseudonym, and to no other.")
        self.plan = plan
        self.program = compile_plan(plan)
        self._hierarchies = hierarchies
        self._divisions = divisions
        self.risk_threshold = risk_threshold
        self.environment = environment
        self._backend = FrameBackend(self.program)
        self._hooks = Hooks(
            masks=ColumnMasks.of(divisions),
            labels=self._label,
            pseudonyms=KeyedHash(pseudonym_key) if isinstance(pseudonym_key, str) else pseudonym_key,
        )

    def __repr__(self) -> str:
        return f"Transformer(profile={self.plan.profile!r}, level={self.plan.level!r})"

    def seeing(self) -> Transformer | None:
        """Return what carries out the part of the plan that tells people apart, on people who are not released.

        ``None`` when nothing does, or the plan demands k: ``exposure`` is for the others.
        """
        plan = exposed_plan(self.plan)
        return None if plan is None else Transformer(plan, self._hierarchies, self._divisions)

    # -- first pass

    def models(self, leaf: pl.DataFrame | None = None) -> Models:
        """Return what every class must meet; demands along a tree need the tuples ``leaf``.

        Raises ``PlanError`` when the plan demands no ``k``, or such a demand has no tree.
        """
        return models_of(self.plan, None if leaf is None else self._trees(leaf))

    def choose(
        self,
        tuples: pl.DataFrame,
        *,
        population: pl.DataFrame | None = None,
        levels: Mapping[str, int] | None = None,
        cancelled: Callable[[], bool] | None = None,
        tick: Callable[[], None] | None = None,
    ) -> Decision:
        """Return the decision for ``tuples``: the distinct values of ``plan.tuple_sources`` with their rows in ``n``.

        ``population`` are the same tuples of everybody an attacker may know, for the journalist's and the marketer's
        risk; the rows themselves when ``None``. ``levels`` (column -> level) leave nothing to choose: all rows are
        recoded to them. ``tick`` is called a few times a second, and may raise. Raises ``SearchError`` when no
        levels, or not these, meet the plan.
        """
        leaf = self.leaf_tuples(tuples)
        models = self.models(leaf)
        people = None if population is None else self.leaf_tuples(population)
        return decide(
            leaf,
            self.ladders(leaf),
            models,
            self.plan.suppression_limit,
            measured=[column.name for column in self.plan.sensitive],
            fixed=fixed_levels(self.plan) if levels is None else levels,
            population=None if people is None else (people, self.ladders(people)),
            threshold=self.risk_threshold,
            recoding=self.plan.recoding if levels is None else "global",
            objective=self.plan.objective,
            cancelled=cancelled,
            progress=None if tick is None else lambda _: tick(),
        )

    def leaf_tuples(self, tuples: pl.DataFrame) -> pl.DataFrame:
        """Return the tuples under the names of the plan: quasi-identifiers as leaves, sensitive ones as they leave.

        They may be tuples to choose from, or those to withhold (``Decision.without``). Raises ``TransformError`` for a
        missing column.
        """
        missing = [source for source in (*self.plan.tuple_sources, COUNT) if source not in tuples.columns]
        if missing:
            raise TransformError(f"The tuples lack the columns {', '.join(missing)}.", missing=tuple(missing))
        steps = {step.name: step for step in self.program.steps if not isinstance(step, Recode | Drop)}
        sensitive = [
            self._backend.column(steps[column.name], tuples, self._hooks).cast(pl.String)
            for column in self.plan.sensitive
        ]
        return leaf_of(self.plan, tuples).with_columns(*sensitive, tuples[COUNT].cast(pl.Int64))

    def _trees(self, leaf: pl.DataFrame) -> dict[str, Ladder]:
        """Return the trees along which the distance of a sensitive column is measured, over the values of ``leaf``."""
        return {
            demand.column: ladder_of(self._hierarchies[demand.t_tree], self._divisions, leaf[demand.column])
            for demand in self.plan.demands
            if demand.t_tree is not None
        }

    def ladders(self, leaf: pl.DataFrame) -> dict[str, Ladder]:
        """Return the ladder of each quasi-identifier, over the leaves of ``leaf``."""
        return {column.name: self._ladder(column, leaf[column.name]) for column in self.plan.quasi}

    def _ladder(self, column: PlanColumn, values: pl.Series) -> Ladder:
        return column_ladder(column, values, self._hierarchies, self._divisions)

    # -- second pass

    def apply(
        self, batch: pl.DataFrame, decision: Decision | None = None, keep: pl.Series | None = None
    ) -> pl.DataFrame:
        """Return what leaves of ``batch``, which has at least the columns of ``plan.sources``.

        Columns and their order are the plan's. Rows that ``keep`` (true or false, one for each row) does not keep and
        rows whose class may not leave are gone; at level ``anonymous`` the others are put in order of their values, so
        that their place says nothing about who they are.
        Raises ``TransformError`` when a column is missing, a mask is none, a decision is missing, ``keep`` does not fit
        the batch, or a row's class was not among the tuples; ``UnknownLeafError`` for a value outside its hierarchy.
        """
        if (self.plan.k is None) != (decision is None):
            raise TransformError("A plan that demands k is applied with its decision, any other without one.")
        if keep is not None:
            if keep.len() != batch.height or keep.dtype != pl.Boolean or keep.null_count():
                raise TransformError("Which rows are kept must be said of every row of the batch.")
            batch = batch.filter(keep)
        hooks = self._hooks if decision is None else replace(self._hooks, recode=decision.judge)
        result = self._backend.run(batch, hooks)
        if tuple(result.columns) != self.plan.names:
            raise TransformError("The result has other columns than the plan; nothing is released.")
        return result

    def _label(self, step: Generalize, values: pl.Series) -> pl.Series:
        ladder = ladder_of(self._hierarchies[step.hierarchy], self._divisions, values.rename(step.name))
        return ladder.generalize(values.rename(step.name), step.level)


def _check(plan: Plan, hierarchies: Mapping[str, Hierarchy]) -> None:
    for column in plan.columns:
        if column.hierarchy is None:
            continue
        hierarchy = hierarchies.get(column.hierarchy)
        if hierarchy is None:
            raise PlanError(f"There is no hierarchy '{column.hierarchy}' (column '{column.name}').")
        if column.fixed_level is not None and not 0 <= column.fixed_level < len(hierarchy.levels):
            raise PlanError(f"The hierarchy '{column.hierarchy}' has no level {column.fixed_level}.")
        if plan.level != "anonymous" and column.source == "birth_date" and day_shows(hierarchy, column.fixed_level):
            raise PlanError(
                f"The column '{column.name}' would give the full birth date: level {column.fixed_level} of "
                f"'{hierarchy.name}' is finer than the month.",
                detail_zh=f"字段 {column.name} 会给出完整出生日期，请至少泛化到月。",
            )
    for demand in plan.demands:
        if demand.t_tree is not None and demand.t_tree not in hierarchies:
            raise PlanError(f"There is no hierarchy '{demand.t_tree}' (demand of '{demand.column}').")


def day_shows(hierarchy: Hierarchy, level: int | None) -> bool:
    """Say whether a birth date at ``level`` of ``hierarchy`` is told more finely than by its month.

    Of a table nobody knows; so it does.
    """
    if level is None or level == 0:
        return True
    label = hierarchy.levels[level]
    if label == TOP:
        return False
    match hierarchy.rule:
        case "date" | "school_date":
            return label == "day"
        case "prefix":
            return int(label) > _MONTH_CHARACTERS
        case _:
            return True
