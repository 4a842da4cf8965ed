"""The first pass of a release: which levels, which classes may leave, and what was measured on them.

``decide`` works on distinct tuples. A ``Decision`` then answers for batch after batch, whatever way of recoding was
taken: in which class a row leaves, under which labels, and what is left of it all when some rows are withheld.
A *class* is what an attacker sees as one: all rows with the same released labels, wherever they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import polars as pl

from gateway.anonymize.classes import Assignment, Classes
from gateway.anonymize.errors import PlanError, TransformError
from gateway.anonymize.hierarchies import identity_ladder, ladder_of, prefix_ladder
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.lookup import NOWHERE
from gateway.anonymize.loss import losses_of
from gateway.anonymize.models import Flags, Grouped, Models, Reals, SensitiveDemand, failing
from gateway.anonymize.objectives import ObjectiveName
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.recoding import Recoding, recode
from gateway.anonymize.risk import Measures, measure
from gateway.anonymize.search import Choice, search
from gateway.anonymize.trial import Progress
from rulebook.records import Divisions, Hierarchy


def models_of(plan: Plan, trees: Mapping[str, Ladder] | None = None) -> Models:
    """Return what every class of ``plan`` must meet. ``trees`` are the ladders of demands along a tree, by column.

    Raises ``PlanError`` when the plan demands no ``k``, or a tree is missing.
    """
    if plan.k is None:
        raise PlanError(f"The plan of profile '{plan.profile}' demands no k: there is nothing to choose.")
    demands = []
    for demand in plan.demanded:
        tree = None if demand.t_tree is None else (trees or {}).get(demand.column)
        if demand.t_tree is not None and tree is None:
            raise PlanError(f"The tree '{demand.t_tree}' of the column '{demand.column}' is missing.")
        demands.append(
            SensitiveDemand(
                demand.column,
                distinct_l=demand.distinct_l,
                entropy_l=demand.entropy_l,
                t=demand.t,
                recursive=demand.recursive,
                t_tree=tree,
                alpha=demand.alpha,
            )
        )
    return Models(plan.k, tuple(demands))


def column_ladder(
    column: PlanColumn, values: pl.Series, hierarchies: Mapping[str, Hierarchy], divisions: Divisions
) -> Ladder:
    """Return the ladder that ``values`` of ``column`` go up: its hierarchy, two levels for a cut, one otherwise."""
    if column.operation == "generalize" and column.hierarchy is not None:
        return ladder_of(hierarchies[column.hierarchy], divisions, values)
    if column.operation == "cut" and column.length is not None:
        return prefix_ladder(column.name, column.length, values)
    return identity_ladder(column.name, values)


def fixed_levels(plan: Plan) -> dict[str, int]:
    """Return the levels that the plan leaves no choice about, by quasi-identifier."""
    return {column.name: level for column in plan.quasi if (level := _fixed(column)) is not None}


def leaf_of(plan: Plan, batch: pl.DataFrame) -> pl.DataFrame:
    """Return the quasi-identifiers of ``batch`` under the plan's names, as leaves."""
    return pl.DataFrame([batch[column.source].cast(pl.String).alias(column.name) for column in plan.quasi])


@dataclass(frozen=True)
class Decision:
    """The levels chosen, the classes that may leave, and what was measured on them.

    Frames named ``leaf`` hold the quasi-identifiers by the names of ``ladders``, as leaf values.
    """

    choice: Choice
    """With local recoding its levels are the finest that any row has; ``recoding`` has them all."""
    before: Measures
    """Of all rows, nothing generalised."""
    after: Measures
    """Of the rows that leave."""
    ladders: Mapping[str, Ladder] = field(repr=False)
    models: Models
    table: Classes = field(repr=False)
    threshold: float = 0.2
    population: Reals | None = field(default=None, repr=False)
    """People of each class in the population, where one was given."""
    recoding: Recoding | None = None
    """How the tuples leave with local recoding, ``None`` with global levels; ``choice`` has the figures of what left
    when rows were withheld."""

    def classes(self, leaf: pl.DataFrame) -> pl.Series:
        """Return for each row a 64-bit digest of the labels under which it leaves; null when it may not leave.

        The digest hangs on nothing but the names and the labels, so that it is the same in every process.
        Raises ``TransformError`` for a row that was not measured, ``UnknownLeafError`` for a value outside its
        hierarchy.
        """
        return self.table.digests(self.table.find(leaf))

    def released(self, leaf: pl.DataFrame) -> pl.DataFrame:
        """Return the labels under which the rows leave; a row that may not leave has none, in any column.

        Raises as ``classes`` does.
        """
        return self.table.labels(self.table.find(leaf))

    def judge(self, leaf: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
        """Return which rows may leave, and the labels of those that may, in their order: one look-up for both.

        Raises as ``classes`` does.
        """
        found = self.table.find(leaf)
        keep = found != NOWHERE
        return pl.Series("keep", keep), self.table.labels(found[keep])

    def without(self, removed: pl.DataFrame) -> Decision:
        """Return this decision measured again after rows were withheld; classes that now fail are withheld whole.

        ``removed`` has the columns of the tuples (leaves, sensitive values as they leave, and ``n``): how many rows
        of each tuple do not leave. Rows that may not leave anyway are no matter. The reference of t stays the whole
        table. Raises ``TransformError`` when more rows are withheld of a tuple than were measured.
        """
        return replace(self, table=self.table.less(removed)).measured()

    def measured(self) -> Decision:
        """Return the decision with its classes measured: those that fail may not leave, and the figures follow."""
        table = self.table
        grouped = table.grouped(table.sensitive)
        table = table.allow(table.allowed & ~self._failing(grouped))
        kept = _kept(grouped, table.allowed)
        suppressed = self.choice.rows - int(kept.rows.sum())
        shown = table.shown[table.allowed].sum(axis=0)
        losses = losses_of(shown, suppressed, self.choice.rows, [*self.ladders.values()])
        loss = float(np.mean(losses))
        choice = replace(
            self.choice,
            suppressed=suppressed,
            loss=loss,
            losses=losses,
            optimal=self.choice.optimal and suppressed == self.choice.suppressed,
            gap=max(0.0, self.choice.gap + loss - self.choice.loss),
        )
        after = measure(
            kept,
            table.sensitive,
            table.whole,
            population=self.population,
            threshold=self.threshold,
            suppressed=suppressed,
            trees={demand.column: demand.t_tree for demand in self.models.sensitive if demand.t_tree is not None},
        )
        recoding = self.recoding and replace(self.recoding, left=table.rows_by_part())
        return replace(self, choice=choice, table=table, after=after, recoding=recoding)

    def people(self, population: pl.DataFrame, ladders: Mapping[str, Ladder]) -> Reals:
        """Return the people of each class: those of ``population`` whom the released labels cannot tell apart.

        ``ladders`` hold the values of ``population``. With global levels they are the people with the same labels;
        with local recoding those whose leaves would have put them into the class, since whoever knows how it works can
        rule out the others.
        """
        if self.recoding is None:
            return self._of_labels(population, ladders)
        known = population
        for name, ladder in self.ladders.items():
            known = known.filter(pl.col(name).cast(pl.String).is_in(ladder.leaves.column.implode(), nulls_equal=True))
        number = self.table.known(self.table.lookup.codes(known))
        inside = number != NOWHERE
        rows = known[COUNT].to_numpy()[inside]
        return np.bincount(number[inside], weights=rows, minlength=self.table.keys.height).astype(np.float64)

    def _of_labels(self, population: pl.DataFrame, ladders: Mapping[str, Ladder]) -> Reals:
        levels = self.choice.by_column
        labels = population.select(
            *(ladder.generalize(population[name], levels[name]) for name, ladder in ladders.items()), COUNT
        )
        people = labels.group_by([*ladders]).agg(pl.col(COUNT).sum())
        found = self.table.keys.join(people, on=[*ladders], how="left", nulls_equal=True, maintain_order="left")
        return found[COUNT].fill_null(0).to_numpy().astype(np.float64)

    def _failing(self, grouped: Grouped) -> Flags:
        """Return which classes fail; ``grouped`` holds all sensitive columns, the models ask for some of them."""
        demanded = [demand.column for demand in self.models.sensitive]
        codes = tuple(grouped.sensitive[self.table.sensitive.index(name)] for name in demanded)
        people = None
        if self.models.presence is not None and self.population is not None:
            people = np.zeros(grouped.classes.size, dtype=np.int64)
            held, first = np.unique(grouped.classes, return_index=True)
            people[first] = self.population[held].astype(np.int64)
        asked = Grouped(grouped.classes, grouped.count, grouped.rows, codes, people)
        return failing(self.models, asked, self.table.references(demanded))


def decide(
    leaf: pl.DataFrame,
    ladders: Mapping[str, Ladder],
    models: Models,
    limit: float,
    *,
    measured: Sequence[str] = (),
    fixed: Mapping[str, int] | None = None,
    population: tuple[pl.DataFrame, Mapping[str, Ladder]] | None = None,
    threshold: float = 0.2,
    recoding: Literal["global", "local"] = "global",
    objective: ObjectiveName = "loss",
    max_checks: int | None = None,
    seconds: float | None = None,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Decision:
    """Return the decision for the tuples ``leaf``: quasi-identifiers as leaves, sensitive values, and rows in ``n``.

    ``measured`` are sensitive columns that are measured whether something is demanded of them or not. ``population``
    are the tuples of everybody an attacker may know, with ladders for them, for the journalist's and the marketer's
    risk and for δ-presence; the rows themselves when ``None``. The rest is as in ``search``. With local recoding it is
    Loss that is minimised, whatever the ``objective``, and it is never above that of the best global levels.

    Raises ``SearchError`` when nothing meets the models, ``TransformError`` when what was found does not stand up to
    a second measurement of the classes as they leave.
    """
    demanded = [demand.column for demand in models.sensitive]
    choice = search(
        leaf.select(*ladders, *demanded, COUNT),
        ladders,
        models,
        limit,
        fixed=fixed,
        objective=objective if recoding == "global" else "loss",
        population=None if population is None else population[0].select(*ladders, COUNT),
        max_checks=max_checks,
        seconds=seconds,
        cancelled=cancelled,
        progress=progress,
    )
    levels = np.array([choice.levels], dtype=np.int64)
    everywhere = np.zeros(leaf.height, dtype=np.int64)
    assignment, local = Assignment(levels, everywhere), None
    if recoding == "local":
        told = _in_words_of_a_search(choice, progress)
        local = recode(leaf, ladders, models, limit, fixed=fixed, start=choice, cancelled=cancelled, progress=told)
        choice, assignment = _as_choice(local), local.assignment
    columns = list(dict.fromkeys([*measured, *demanded]))
    trees = {demand.column: demand.t_tree for demand in models.sensitive if demand.t_tree is not None}
    codes = tuple(ladder.encode(leaf[name]) for name, ladder in ladders.items())
    bare = Classes.of(leaf, ladders, columns, Assignment(np.zeros_like(levels), everywhere), trees, codes)
    before = measure(
        bare.grouped(columns),
        columns,
        bare.whole,
        population=None if population is None else _people_as_they_are(bare, population[0]),
        threshold=threshold,
        trees=trees,
    )
    decision = Decision(
        choice=choice,
        before=before,
        after=before,  # until it is measured, below
        ladders=ladders,
        models=models,
        table=Classes.of(leaf, ladders, columns, assignment, trees, codes),
        threshold=threshold,
        recoding=local,
    )
    if population is not None:
        decision = replace(decision, population=decision.people(*population))
    decision = decision.measured()
    if decision.choice.suppressed != choice.suppressed:
        raise TransformError("The classes measured differ from those searched; nothing is released.")
    return replace(decision, choice=choice)


def _people_as_they_are(bare: Classes, population: pl.DataFrame) -> Reals:
    """Return the people of each class of ``bare``, where nothing is generalised."""
    names = bare.keys.columns
    people = population.select(pl.col(names).cast(pl.String), COUNT).group_by(names).agg(pl.col(COUNT).sum())
    found = bare.keys.join(people, on=names, how="left", nulls_equal=True, maintain_order="left")
    return found[COUNT].fill_null(0).to_numpy().astype(np.float64)


def _in_words_of_a_search(
    start: Choice, progress: Callable[[Progress], None] | None
) -> Callable[[int, int], None] | None:
    """Return what tells ``progress`` how far a recoding is, as if cells with a class were closed nodes."""
    if progress is None:
        return None
    return lambda done, cells: progress(Progress(start.checks, done / cells, start.loss, None))


def _as_choice(found: Recoding) -> Choice:
    """Return a local recoding in the words of a global choice: ``levels`` are the finest that any row has.

    No bound is known below which no local recoding comes, but that nothing can be lost less than nothing.
    """
    used = found.assignment.levels
    levels = used.min(axis=0) if used.size else np.array(found.start.levels)
    return replace(
        found.start,
        levels=tuple(int(level) for level in levels),
        suppressed=found.suppressed,
        loss=found.loss,
        losses=found.losses,
        optimal=False,
        gap=found.loss,
        objective="loss",
        value=found.loss,
    )


def _kept(grouped: Grouped, allowed: Flags) -> Grouped:
    """Return ``grouped`` with no rows in the classes that may not leave."""
    inside = allowed[grouped.classes]
    return replace(
        grouped,
        classes=grouped.classes[inside],
        rows=grouped.rows[inside],
        sensitive=tuple(codes[inside] for codes in grouped.sensitive),
    )


def _fixed(column: PlanColumn) -> int | None:
    match column.operation:
        case "generalize":
            return column.fixed_level
        case "cut":
            return 1
        case _:
            return 0
