"""The risk of rows that leave without a demanded k (pseudonymous, masked): what an attacker sees of them, measured.

Nothing is chosen there, so nothing is grouped beforehand; rows are counted as they pass, by a 64-bit digest of what
an attacker can know: the quasi-identifiers as they leave, and at level ``masked`` the masks, too (a surname and four
digits of a number tell people apart). Two different rows have one digest by accident about once in a million releases
of five million rows.

Of five million rows hardly two are alike: digests are sorted, not grouped, and of the rows that stand alone one of each
value says what all of them say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.models import Flags, Grouped, Reals
from gateway.anonymize.plan import Plan, PlanColumn
from gateway.anonymize.risk import Measures, SensitiveReached, measure
from gateway.errors import ParameterError

Digests = NDArray[np.uint64]
Numbers = NDArray[np.unsignedinteger]

_DIGEST, _BEFORE, _ROWS = "·digest", "·before", "·n"
_PIECE = 1 << 20
"""Rows whose sensitive values are looked at in one go: what that takes does not grow with the release."""
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
        self._seen = exposed_columns(plan)
        seen = {column.name for column in self._seen}
        self._others = [name for name in self._names if name not in seen]
        self._digests: list[Digests] = []

    def add(self, frame: pl.DataFrame, seen: pl.Series | None = None) -> None:
        """Count rows as they leave; ``seen`` is what ``Exposure.add`` gave for them: then they are read half."""
        digests = _after(self._seen, frame) if seen is None else seen
        self._digests.append(_joined(digests, frame, self._others).to_numpy())

    def measured(self) -> Beyond:
        """Return the risk; without rows all of it is 0."""
        digests = _whole(self._digests)
        digests.sort()
        sizes = _sizes_of(_firsts(digests))
        rows = digests.size
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
    whole: bool = False
    """Whether the rows are everybody: then nobody is ruled out, and ``narrowed`` has nothing to say."""
    _after: list[Digests] = field(default_factory=list, repr=False)
    _before: list[Digests] = field(default_factory=list, repr=False)
    """Empty where it is the same as after."""
    _codes: dict[str, list[Numbers]] = field(default_factory=dict, repr=False)
    """Of each sensitive column the categories plus one; 0 where a value is missing."""
    _people: list[pl.DataFrame] = field(default_factory=list, repr=False)
    _kept: dict[str, pl.Series] = field(default_factory=dict, repr=False)
    _values: dict[str, pl.Series] = field(default_factory=dict, repr=False)
    """Of each sensitive column that is coded a column without rows, which keeps its categories."""

    def __post_init__(self) -> None:
        if self.plan.k is not None:
            raise ParameterError("A plan that demands k is measured by its decision.")

    def add(self, batch: pl.DataFrame, frame: pl.DataFrame) -> pl.Series:
        """Count rows that leave: ``batch`` as the sharing view holds them, ``frame`` as they leave, row by row.

        Returns the digests of what an attacker sees of them, for ``Crowd.add``.
        """
        after, before = self._digests(batch, frame)
        self._after.append(after.to_numpy())
        if before is not None:
            self._before.append(before.to_numpy())
        for column in self.plan.sensitive:
            self._codes.setdefault(column.name, []).append(self._coded(frame[column.name]))
        for column in [] if self.whole else self._narrowing():
            values = frame[column.name].unique()
            known = self._kept.get(column.source, values.clear())
            self._kept[column.source] = known.append(values).unique()
        return after

    def add_people(self, batch: pl.DataFrame, frame: pl.DataFrame) -> None:
        """Count people of the population, released or not; ``frame`` is by ``exposed_plan``."""
        after, before = self._digests(batch, frame)
        digests = pl.DataFrame([after.alias(_DIGEST), (after if before is None else before).alias(_BEFORE)])
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
        people = pl.concat(self._people) if self._people else None
        codes = [self._ranked(column.name) for column in self.plan.sensitive]
        same = not self._before
        after, self._after = _whole(self._after), []  # given away: five million rows are not held twice
        found = self._measured(after, codes, people, _DIGEST)
        rows = after.size
        del after
        if self._masked():
            before = self._clear(rows)
        elif same:
            before = found
        else:
            held, self._before = _whole(self._before), []
            before = self._measured(held, codes, people, _BEFORE)
        return Exposed(tuple(column.name for column in exposed_columns(self.plan)), before, found)

    def _measured(
        self, digests: Digests, codes: Sequence[Numbers], people: pl.DataFrame | None, digest: str
    ) -> Measures:
        order = np.argsort(digests)
        digests = digests[order]
        first = _firsts(digests)
        keys = digests[first]
        del digests
        sizes = _sizes_of(first)
        classes = Grouped(np.arange(sizes.size), sizes.size, sizes, ())
        found = measure(classes, [], [], population=_people_of(people, keys, digest), threshold=self.threshold)
        if not found.rows:
            return found
        del keys, classes
        return replace(found, sensitive=self._reached(order, first, np.repeat(sizes == 1, sizes), codes))

    def _reached(
        self, order: NDArray[np.int64], first: Flags, alone: Flags, codes: Sequence[Numbers]
    ) -> tuple[SensitiveReached, ...]:
        """Return what the worst class holds of the sensitive columns; the classes are rows in ``order``.

        ``first`` says where one begins, ``alone`` which have one row: of those that have the same value in a column,
        all have the same figures of it.
        """
        whole = [np.bincount(numbers) / numbers.size for numbers in codes]
        looked = ~alone
        single = np.flatnonzero(alone)
        for numbers, shares in zip(codes, whole, strict=True):
            one = np.full(shares.size, -1)
            one[numbers[order[single]]] = single
            looked[one[one >= 0]] = True
        rows, starts = order[looked], first[looked]
        names = [column.name for column in self.plan.sensitive]
        pieces = []
        for piece in _pieces(starts):
            inside = starts[piece]
            grouped = Grouped(
                np.cumsum(inside, dtype=np.int64) - 1,
                int(inside.sum()),
                np.broadcast_to(np.int64(1), inside.size),
                tuple(numbers[rows[piece]].astype(np.int64) for numbers in codes),
            )
            pieces.append(measure(grouped, names, whole, threshold=self.threshold).sensitive)
        # all rows leave: what leaves is distributed as the whole table is
        return tuple(
            replace(worst, t_released=worst.t)
            for worst in (reduce(_worse, found) for found in zip(*pieces, strict=True))
        )

    def _coded(self, values: pl.Series) -> Numbers:
        """Return values as categories of this release, plus one: a byte a row where there are few, whatever they are.

        A missing value is 0.
        """
        if values.dtype == pl.Boolean:  # in the order of their texts: false, true
            return (values.cast(pl.UInt8) + 1).fill_null(0).to_numpy()
        known = self._values.get(values.name)
        coded = values.cast(pl.String).cast(pl.Categorical(pl.Categories.random()) if known is None else known.dtype)
        self._values.setdefault(values.name, coded.clear())  # categories live as long as a column of them
        many = len(_categories(coded))
        return (coded.to_physical() + 1).fill_null(0).to_numpy().astype(np.min_scalar_type(many))

    def _ranked(self, name: str) -> Numbers:
        """Return the numbers of the values of a column, in the order of the values; 0 where one is missing."""
        codes = _whole(self._codes.pop(name, []))
        if name not in self._values:
            return codes
        ranks = _categories(self._values[name]).rank("dense").to_numpy()
        table = np.concatenate([[0], ranks]).astype(np.min_scalar_type(ranks.size))
        found: Numbers = table[codes]
        return found

    def _clear(self, rows: int) -> Measures:
        """Return the risk before masking: with the name and the number in clear, every row is one person's."""
        each = np.arange(rows, dtype=np.int64)
        return measure(Grouped(each, rows, np.ones(rows, dtype=np.int64), ()), [], [], threshold=self.threshold)

    def _masked(self) -> bool:
        return any(column.operation == "mask" for column in self.plan.columns)

    def _digests(self, batch: pl.DataFrame, frame: pl.DataFrame) -> tuple[pl.Series, pl.Series | None]:
        """Return the digests of rows as they leave and as they are held; ``None`` where these are the same.

        What leaves as it is held is read once for both.
        """
        seen = exposed_columns(self.plan)
        changed = [column for column in seen if column.operation != "keep"]
        if self._masked() or not changed:
            return _after(seen, frame), None
        same = _digest(frame, [column.name for column in seen if column.operation == "keep"])
        before = _joined(same, batch, [column.source for column in changed])
        return _joined(same, frame, [column.name for column in changed]), before

    def _narrowing(self) -> list[PlanColumn]:
        return [
            column
            for column in exposed_columns(self.plan)
            if column.source in _CONDITIONS and (column.operation == "keep" or column.fixed_level == 0)
        ]


def _categories(coded: pl.Series) -> pl.Series:
    return cast("pl.Categorical", coded.dtype).categories.to_series()


def _after(seen: Sequence[PlanColumn], frame: pl.DataFrame) -> pl.Series:
    """Return the digests of what an attacker sees of rows that leave: first what is as it is held, then the rest."""
    same = _digest(frame, [column.name for column in seen if column.operation == "keep"])
    return _joined(same, frame, [column.name for column in seen if column.operation != "keep"])


def _digest(frame: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return a 64-bit digest of the columns by row; a missing value is a value."""
    if not names:
        return pl.Series([0], dtype=pl.UInt64).new_from_index(0, frame.height)
    return pl.DataFrame(_hashable(frame[name]).alias(str(place)) for place, name in enumerate(names)).hash_rows(seed=0)


def _joined(digests: pl.Series, frame: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    """Return a digest of ``digests`` and the columns of ``frame`` beside them."""
    if not names:
        return digests
    columns = (_hashable(frame[name]).alias(str(place)) for place, name in enumerate(names))
    return pl.DataFrame([digests.alias(_DIGEST), *columns]).hash_rows(seed=0)


def _hashable(values: pl.Series) -> pl.Series:
    """Return values in the one form in which they are hashed: as text, but dates and truth values as numbers."""
    if values.dtype == pl.Boolean:
        return values.cast(pl.UInt8)
    return values.to_physical() if values.dtype == pl.Date else values.cast(pl.String)


def _whole(parts: list[NDArray[np.unsignedinteger]]) -> Digests:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _firsts(digests: Digests) -> Flags:
    """Return where in sorted digests another one begins."""
    first = np.ones(digests.size, dtype=np.bool_)
    np.not_equal(digests[1:], digests[:-1], out=first[1:])
    return first


def _sizes_of(first: Flags) -> NDArray[np.int64]:
    """Return how many rows each class has that begins at ``first``."""
    return np.diff(np.flatnonzero(first), append=first.size)


def _pieces(first: Flags) -> Iterator[slice]:
    """Yield ranges of about ``_PIECE`` rows that begin where a class does."""
    start = 0
    while start < first.size:
        later = first[start + _PIECE :]
        end = start + _PIECE + int(later.argmax()) if later.any() else first.size
        yield slice(start, end)
        start = end


def _worse(one: SensitiveReached, other: SensitiveReached) -> SensitiveReached:
    return replace(
        one,
        distinct_l=min(one.distinct_l, other.distinct_l),
        entropy_l=min(one.entropy_l, other.entropy_l),
        t=max(one.t, other.t),
        alpha=max(one.alpha, other.alpha),
    )


def _people_of(people: pl.DataFrame | None, keys: Digests, digest: str) -> Reals | None:
    if people is None:
        return None
    counts = people.group_by(digest).agg(pl.col(_ROWS).sum())
    found = pl.DataFrame({digest: keys}).join(counts, on=digest, how="left", maintain_order="left")[_ROWS]
    return found.fill_null(0).to_numpy().astype(np.float64)
