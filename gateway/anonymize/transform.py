"""Carry out a plan on batches of the sharing view: drop, keep, cut, generalise, mask, pseudonymise, suppress.

Two passes: ``choose`` on distinct tuples picks the levels and the classes that may leave; ``apply`` transforms
batch after batch with that decision. What cannot be transformed as planned is an error, never clear data (I8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from gateway.anonymize.errors import PlanError, TransformError
from gateway.anonymize.hierarchies import identity_ladder, ladder_of, prefix_ladder
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.masks import MASK_SHAPES
from gateway.anonymize.models import Grouped, Models, SensitiveDemand, failing, references
from gateway.anonymize.plan import MASKED_COLUMNS, Plan, PlanColumn
from gateway.anonymize.pseudonyms import pseudonymize
from gateway.anonymize.risk import Measures, measure
from gateway.anonymize.search import Choice, search
from rulebook.records import Divisions, Hierarchy

_CLASS = "·class"
_ALLOWED = "·allowed"


@dataclass(frozen=True)
class Decision:
    """The levels chosen, the classes that may leave, and what was measured on them."""

    choice: Choice
    before: Measures
    """Of all rows, nothing generalised."""
    after: Measures
    """Of the rows that leave."""
    ladders: Mapping[str, Ladder] = field(repr=False)
    classes: pl.DataFrame = field(repr=False)
    """Released quasi-identifiers of every class, with whether it may leave."""


class Transformer:
    """A plan with all it needs to be carried out. The pseudonym key appears in no ``repr`` and in no plan."""

    def __init__(
        self,
        plan: Plan,
        hierarchies: Mapping[str, Hierarchy],
        divisions: Divisions,
        *,
        pseudonym_key: str | None = None,
        risk_threshold: float = 0.2,
    ) -> None:
        """Raise ``PlanError`` when the plan names an unknown hierarchy or level, or lacks or does not need the key."""
        for column in plan.columns:
            if column.hierarchy is None:
                continue
            hierarchy = hierarchies.get(column.hierarchy)
            if hierarchy is None:
                raise PlanError(f"There is no hierarchy '{column.hierarchy}' (column '{column.name}').")
            if column.fixed_level is not None and not 0 <= column.fixed_level < len(hierarchy.levels):
                raise PlanError(f"The hierarchy '{column.hierarchy}' has no level {column.fixed_level}.")
        if plan.pseudonymous != (pseudonym_key is not None):
            raise PlanError("A pseudonym key belongs to a plan with a pseudonym, and to no other.")
        self.plan = plan
        self._hierarchies = hierarchies
        self._divisions = divisions
        self._key = pseudonym_key
        self._threshold = risk_threshold
        self._labels: dict[str, tuple[pl.Series, pl.Series]] = {}

    def __repr__(self) -> str:
        return f"Transformer(profile={self.plan.profile!r}, level={self.plan.level!r})"

    # -- first pass

    def models(self) -> Models:
        """Return what every class must meet. Raises ``PlanError`` when the plan demands no ``k``."""
        if self.plan.k is None:
            raise PlanError(f"The plan of profile '{self.plan.profile}' demands no k: there is nothing to choose.")
        if self.plan.l_diversity is None and self.plan.t_closeness is None:
            return Models(self.plan.k)
        demands = (
            SensitiveDemand(column.name, distinct_l=self.plan.l_diversity, t=self.plan.t_closeness)
            for column in self.plan.sensitive
        )
        return Models(self.plan.k, tuple(demands))

    def choose(
        self,
        tuples: pl.DataFrame,
        *,
        population: pl.DataFrame | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Decision:
        """Return the decision for ``tuples``: the distinct values of ``plan.tuple_sources`` with their rows in ``n``.

        ``population`` are the same tuples of everybody an attacker may know, for the journalist's and the marketer's
        risk; the rows themselves when ``None``. Raises ``SearchError`` when no levels meet the plan.
        """
        models = self.models()
        leaf = self._leaf_tuples(tuples)
        ladders = {column.name: self._ladder(column, leaf[column.name]) for column in self.plan.quasi}
        fixed = {column.name: level for column in self.plan.quasi if (level := _fixed(column)) is not None}
        names = [demand.column for demand in models.sensitive]
        choice = search(
            leaf.select(*ladders, *names, COUNT),
            ladders,
            models,
            self.plan.suppression_limit,
            fixed=fixed,
            cancelled=cancelled,
        )
        released = _generalized(leaf, ladders, choice.by_column)
        grouped, keys = _grouped(released, list(ladders), [column.name for column in self.plan.sensitive])
        whole = references(grouped.sensitive, grouped.rows)
        demanded = Grouped(grouped.classes, grouped.count, grouped.rows, grouped.sensitive if names else ())
        failed = failing(models, demanded, whole if names else ())
        suppressed = int(grouped.sizes()[failed].sum())
        if suppressed != choice.suppressed:
            raise TransformError("The classes measured differ from those searched; nothing is released.")
        columns = [column.name for column in self.plan.sensitive]
        people = self._population_sizes(population, keys, list(ladders), choice) if population is not None else None
        first, _ = _grouped(leaf, list(ladders), columns)
        return Decision(
            choice=choice,
            before=measure(first, columns, references(first.sensitive, first.rows), threshold=self._threshold),
            after=measure(
                _kept(grouped, ~failed),
                columns,
                whole,
                population=people,
                threshold=self._threshold,
                suppressed=suppressed,
            ),
            ladders=ladders,
            classes=keys.with_columns(pl.Series(_ALLOWED, ~failed)),
        )

    def _population_sizes(
        self, population: pl.DataFrame, keys: pl.DataFrame, names: Sequence[str], choice: Choice
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        leaf = self._leaf_tuples(population)
        ladders = {column.name: self._ladder(column, leaf[column.name]) for column in self.plan.quasi}
        people = _generalized(leaf, ladders, choice.by_column).group_by(names).agg(pl.col(COUNT).sum())
        found = keys.join(people, on=list(names), how="left", nulls_equal=True, maintain_order="left")
        return found[COUNT].fill_null(0).to_numpy().astype(np.float64)

    def _leaf_tuples(self, tuples: pl.DataFrame) -> pl.DataFrame:
        """Return the tuples under the names of the plan: quasi-identifiers as leaves, sensitive ones as they leave."""
        missing = [source for source in (*self.plan.tuple_sources, COUNT) if source not in tuples.columns]
        if missing:
            raise TransformError(f"The tuples lack the columns {', '.join(missing)}.", missing=tuple(missing))
        columns = [tuples[column.source].cast(pl.String).alias(column.name) for column in self.plan.quasi]
        columns += [self._value(column, tuples[column.source]).cast(pl.String) for column in self.plan.sensitive]
        return pl.DataFrame([*columns, tuples[COUNT].cast(pl.Int64)])

    def _ladder(self, column: PlanColumn, values: pl.Series) -> Ladder:
        if column.operation == "generalize" and column.hierarchy is not None:
            return ladder_of(self._hierarchies[column.hierarchy], self._divisions, values)
        if column.operation == "cut" and column.length is not None:
            return prefix_ladder(column.name, column.length, values)
        return identity_ladder(column.name, values)

    # -- second pass

    def apply(self, batch: pl.DataFrame, decision: Decision | None = None) -> pl.DataFrame:
        """Return what leaves of ``batch``, which has at least the columns of ``plan.sources``.

        Columns and their order are the plan's. Rows whose class may not leave are gone; at level ``anonymous`` the
        others are put in order of their values, so that their place says nothing about who they are.
        Raises ``TransformError`` when a column is missing, a mask is none, a decision is missing, or a row's
        class was not among the tuples; ``UnknownLeafError`` for a value outside its hierarchy.
        """
        if (self.plan.k is None) != (decision is None):
            raise TransformError("A plan that demands k is applied with its decision, any other without one.")
        missing = [source for source in self.plan.sources if source not in batch.columns]
        if missing:
            raise TransformError(f"The batch lacks the columns {', '.join(missing)}.", missing=tuple(missing))
        columns: list[pl.Series] = []
        for column in self.plan.columns:
            values = batch[column.source]
            if decision is not None and column.role == "quasi":
                level = decision.choice.by_column[column.name]
                columns.append(decision.ladders[column.name].generalize(values, level).rename(column.name))
            else:
                columns.append(self._value(column, values))
        result = pl.DataFrame(columns)
        if decision is not None:
            result = self._suppress(result, decision)
        if self.plan.level == "anonymous":
            result = result.sort(self.plan.names, nulls_last=True)
        if tuple(result.columns) != self.plan.names:
            raise TransformError("The result has other columns than the plan; nothing is released.")
        return result

    def _suppress(self, rows: pl.DataFrame, decision: Decision) -> pl.DataFrame:
        quasi = list(decision.choice.columns)
        judged = rows.join(decision.classes, on=quasi, how="left", nulls_equal=True, maintain_order="left")
        unknown = judged[_ALLOWED].null_count()
        if unknown:
            raise TransformError(
                f"{unknown} rows are in classes that were not measured: "
                "the batch is of another snapshot than the tuples.",
                detail_zh=f"有 {unknown} 行所在等价类未经度量：批次与统计不属于同一快照。",
            )
        return judged.filter(pl.col(_ALLOWED)).select(rows.columns)

    def _value(self, column: PlanColumn, values: pl.Series) -> pl.Series:
        """Return the column as it leaves, for everything that does not hang on the search."""
        return self._operate(column, values).rename(column.name)

    def _operate(self, column: PlanColumn, values: pl.Series) -> pl.Series:
        match column.operation:
            case "keep":
                return values
            case "mask":
                return _checked_mask(column, values)
            case "cut":
                return values.cast(pl.String).str.slice(0, column.length or 0)
            case "generalize":
                return self._generalize(column, values)
            case "pseudonymize":
                if self._key is None:
                    raise TransformError("There is no pseudonym key.")
                if values.null_count():
                    raise TransformError("A row has no subject_ref, so that it cannot have a pseudonym.")
                return pseudonymize(values, self._key)
            case "drop":
                raise TransformError(f"The column '{column.name}' is dropped and has no value.")

    def _generalize(self, column: PlanColumn, values: pl.Series) -> pl.Series:
        """Return the labels at the plan's level; each different value goes up its ladder once for all batches."""
        leaves, labels = self._labels.get(column.name, (values.clear(), pl.Series(dtype=pl.String)))
        distinct = values.unique()
        fresh = distinct.filter(~distinct.is_in(leaves.implode(), nulls_equal=True))
        if not fresh.is_empty():
            ladder = self._ladder(column, fresh)
            level = ladder.height - 1 if column.fixed_level is None else column.fixed_level
            leaves, labels = leaves.append(fresh), labels.append(ladder.generalize(fresh, level))
            self._labels[column.name] = (leaves, labels)
        return values.replace_strict(leaves, labels, return_dtype=pl.String)


def _fixed(column: PlanColumn) -> int | None:
    match column.operation:
        case "generalize":
            return column.fixed_level
        case "cut":
            return 1
        case _:
            return 0


def _generalized(leaf: pl.DataFrame, ladders: Mapping[str, Ladder], levels: Mapping[str, int]) -> pl.DataFrame:
    return leaf.with_columns(ladder.generalize(leaf[name], levels[name]) for name, ladder in ladders.items())


def _grouped(rows: pl.DataFrame, quasi: Sequence[str], sensitive: Sequence[str]) -> tuple[Grouped, pl.DataFrame]:
    """Return the classes of ``rows`` by ``quasi``, and their values in the order of the class numbers."""
    distinct = list(dict.fromkeys([*quasi, *sensitive]))
    tuples = rows.group_by(distinct, maintain_order=True).agg(pl.col(COUNT).sum())
    keys = tuples.select(quasi).unique(maintain_order=True).with_row_index(_CLASS)
    classes = tuples.join(keys, on=list(quasi), how="left", nulls_equal=True, maintain_order="left")[_CLASS]
    codes = tuple(
        (tuples[name].cast(pl.String).rank("dense").fill_null(0)).to_numpy().astype(np.int64) for name in sensitive
    )
    numbers = classes.to_numpy().astype(np.int64)
    return Grouped(numbers, keys.height, tuples[COUNT].to_numpy().astype(np.int64), codes), keys.drop(_CLASS)


def _kept(grouped: Grouped, allowed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Grouped:
    """Return ``grouped`` with no rows in the classes that may not leave."""
    inside = allowed[grouped.classes]
    return Grouped(
        grouped.classes[inside],
        grouped.count,
        grouped.rows[inside],
        tuple(codes[inside] for codes in grouped.sensitive),
    )


def _checked_mask(column: PlanColumn, values: pl.Series) -> pl.Series:
    """Return a column that the sharing view holds masked, after a look at its shape: clear text never passes."""
    kind = MASKED_COLUMNS[column.source]
    text = values.cast(pl.String)
    clear = int((~text.str.contains(MASK_SHAPES[kind])).sum())
    if clear:
        raise TransformError(
            f"{clear} values of the column '{column.source}' are not masked; nothing is released.",
            detail_zh=f"列 {column.source} 有 {clear} 个值未经掩码，停止提供。",
        )
    return text
