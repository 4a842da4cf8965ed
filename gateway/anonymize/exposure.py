"""The risk of rows that leave without a demanded k (pseudonymous, masked): what an attacker sees of them, measured.

Nothing is chosen there, so nothing is grouped beforehand; rows are counted as they pass, by a 64-bit digest of what
an attacker can know: the quasi-identifiers as they leave, and at level ``masked`` the masks, too (a surname and four
digits of a number tell people apart). Two different rows have one digest by accident about once in ten million
releases of five million rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from gateway.anonymize.models import Grouped, Reals, references
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.risk import Measures, measure
from gateway.errors import ParameterError

_DIGEST, _BEFORE, _ROWS = "·digest", "·before", "·n"
_CONDITIONS = {
    "managing_authority": "authorities",
    "stage": "stages",
    "grade": "grades",
    "school_code": "schools",
    "school_division": "school_divisions",
}
"""Columns of the sharing view by which a reading can be narrowed -> member of ``RowFilter``."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """The measured risk: of the rows as the register holds them, and as they leave."""

    columns: tuple[str, ...]
    """What the attacker is taken to know of a person, by the plan's names."""
    before: Measures
    after: Measures


@dataclass(frozen=True, slots=True)
class Beyond:
    """What an attacker could do who knew of a person every value that leaves, sensitive and ordinary ones, too.

    k and the models are about the quasi-identifiers: this says how much hangs on their being the right ones.
    """

    columns: tuple[str, ...]
    k: int
    """Rows that share all values with each other, at the least."""
    highest: float
    average: float
    unique: float
    """Share of rows that no other equals."""


class Crowd:
    """Counts the rows that leave by all their values but the pseudonym, as they pass."""

    def __init__(self, plan: Plan) -> None:
        self._names = [column.name for column in plan.columns if column.operation != "pseudonymize"]
        self._digests: list[pl.Series] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Count rows as they leave."""
        self._digests.append(_digest(frame, self._names, frame.height))

    def measured(self) -> Beyond:
        """Return the risk; without rows all of it is 0."""
        digests = pl.concat([pl.Series(_DIGEST, dtype=pl.UInt64), *self._digests]).rename(_DIGEST)
        sizes = digests.value_counts()["count"].to_numpy()
        rows = len(digests)
        if not rows:
            return Beyond(tuple(self._names), 0, 0.0, 0.0, 0.0)
        k = int(sizes.min())
        return Beyond(tuple(self._names), k, 1 / k, len(sizes) / rows, int((sizes == 1).sum()) / rows)


def exposed_columns(plan: Plan) -> tuple[PlanColumn, ...]:
    """Return the columns of ``plan`` by which an attacker can tell people apart: quasi-identifiers and masks.

    A pseudonym is none: nobody else holds it.
    """
    return tuple(column for column in plan.columns if column.role == "quasi" or column.operation == "mask")


def exposed_plan(plan: Plan) -> Plan | None:
    """Return the part of ``plan`` that an attacker sees, to be carried out on people who are not released.

    ``None`` when the plan demands k (its decision knows the risk), or nothing tells people apart.
    """
    columns = exposed_columns(plan)
    if plan.k is not None or not columns:
        return None
    return replace(plan, columns=columns, longitudinal=False)


@dataclass(slots=True)
class Exposure:
    """Counts rows as they pass; ``threshold`` is the risk above which a record counts as at risk."""

    plan: Plan
    threshold: float
    _rows: list[pl.DataFrame] = field(default_factory=list, repr=False)
    _people: list[pl.DataFrame] = field(default_factory=list, repr=False)
    _kept: dict[str, pl.Series] = field(default_factory=dict, repr=False)
    _values: dict[str, pl.Categorical] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.plan.k is not None:
            raise ParameterError("A plan that demands k is measured by its decision.")

    def add(self, batch: pl.DataFrame, frame: pl.DataFrame) -> None:
        """Count rows that leave: ``batch`` as the sharing view holds them, ``frame`` as they leave, row by row."""
        seen = self._digests(batch, frame)
        names = [column.name for column in self.plan.sensitive]
        self._rows.append(pl.DataFrame([*seen, *(self._coded(frame[name]) for name in names)]))
        for column in self._narrowing():
            values = frame[column.name].unique()
            known = self._kept.get(column.source, values.clear())
            self._kept[column.source] = known.append(values).unique()

    def add_people(self, batch: pl.DataFrame, frame: pl.DataFrame) -> None:
        """Count people of the population, released or not; ``frame`` is by ``exposed_plan``."""
        digests = pl.DataFrame(self._digests(batch, frame))
        self._people.append(digests.group_by(pl.all()).len(_ROWS))

    def narrowed(self) -> dict[str, frozenset[str]]:
        """Return conditions (members of ``RowFilter``) that everybody meets who could be taken for a released row.

        A column that leaves as it is tells everybody apart who has another value: whom it rules out need not be read.
        """
        return {
            _CONDITIONS[source]: frozenset(values.to_list())
            for source, values in self._kept.items()
            if not values.null_count()
        }

    def measured(self) -> Exposed:
        """Return the risk of the rows counted, against the people counted or, without any, the rows themselves.

        Raises ``ParameterError`` when the people do not contain the rows.
        """
        names = [column.name for column in self.plan.sensitive]
        parts, self._rows = self._rows, []  # given away: five million rows are not held twice
        empty = pl.DataFrame(schema={_DIGEST: pl.UInt64, _BEFORE: pl.UInt64} | dict.fromkeys(names, pl.UInt32))
        rows = pl.concat([empty, *(self._ranked(parts.pop(), names) for _ in range(len(parts)))])
        people = pl.concat(self._people) if self._people else None
        return Exposed(
            tuple(column.name for column in exposed_columns(self.plan)),
            self._clear(rows.height) if self._masked() else self._measured(rows, _BEFORE, names, people),
            self._measured(rows, _DIGEST, names, people),
        )

    def _measured(self, rows: pl.DataFrame, digest: str, names: Sequence[str], people: pl.DataFrame | None) -> Measures:
        digests = rows[digest].to_numpy()
        order = np.argsort(digests)
        digests = digests[order]
        first = np.ones(digests.size, dtype=np.bool_)
        np.not_equal(digests[1:], digests[:-1], out=first[1:])
        keys = pl.DataFrame({digest: digests[first]})
        # row by row: nearly all of them differ, so that grouping would only take memory
        grouped = Grouped(
            np.cumsum(first, dtype=np.int64) - 1,
            keys.height,
            np.broadcast_to(np.int64(1), digests.size),
            tuple(rows[name].to_numpy()[order].astype(np.int64) for name in names),
        )
        del digests, order, first
        whole = references(grouped.sensitive, grouped.rows)
        return measure(grouped, names, whole, population=_sizes(people, keys, digest), threshold=self.threshold)

    def _coded(self, values: pl.Series) -> pl.Series:
        """Return values as categories of this release: a few bytes a row, whatever they are."""
        return values.cast(pl.String).cast(self._values.setdefault(values.name, pl.Categorical(pl.Categories.random())))

    def _ranked(self, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Return ``rows`` with numbers for their values, in the order of the values; 0 where one is missing."""
        made = []
        for name in names:
            ranks = self._values[name].categories.to_series().rank("dense").cast(pl.UInt32)
            codes = rows[name].to_physical()
            missing = codes.is_null()
            found = ranks.gather(codes.fill_null(0)) if ranks.len() else codes
            made.append(pl.select(pl.when(missing).then(0).otherwise(found).cast(pl.UInt32).alias(name)).to_series())
        return rows.with_columns(made)

    def _clear(self, rows: int) -> Measures:
        """Return the risk before masking: with the name and the number in clear, every row is one person's."""
        each = np.arange(rows, dtype=np.int64)
        return measure(Grouped(each, rows, np.ones(rows, dtype=np.int64), ()), [], [], threshold=self.threshold)

    def _masked(self) -> bool:
        return any(column.operation == "mask" for column in self.plan.columns)

    def _digests(self, batch: pl.DataFrame, frame: pl.DataFrame) -> list[pl.Series]:
        seen = exposed_columns(self.plan)
        after = _digest(frame, [column.name for column in seen], batch.height)
        same = self._masked() or all(column.operation == "keep" for column in seen)
        before = after if same else _digest(batch, [column.source for column in seen], batch.height)
        return [after.alias(_DIGEST), before.alias(_BEFORE)]

    def _narrowing(self) -> list[PlanColumn]:
        return [
            column
            for column in exposed_columns(self.plan)
            if column.source in _CONDITIONS and (column.operation == "keep" or column.fixed_level == 0)
        ]


def _digest(frame: pl.DataFrame, names: Sequence[str], height: int) -> pl.Series:
    """Return a 64-bit digest of the columns by row; a missing value is a value."""
    if not names:
        return pl.Series([0], dtype=pl.UInt64).new_from_index(0, height)
    texts = frame.select(pl.col(name).cast(pl.String).alias(str(place)) for place, name in enumerate(names))
    return texts.hash_rows(seed=0)


def _sizes(people: pl.DataFrame | None, keys: pl.DataFrame, digest: str) -> Reals | None:
    if people is None:
        return None
    counts = people.group_by(digest).agg(pl.col(_ROWS).sum())
    found = keys.join(counts, on=digest, how="left", maintain_order="left")[_ROWS]
    return found.fill_null(0).to_numpy().astype(np.float64)
