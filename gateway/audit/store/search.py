"""Search in the index of the log: newest first, by whatever narrows it most.

Every index of ``log_index`` ends with the entry's number, so that each condition alone gives its hits in the order of
the answer: a page is read from one of them, the rest are checked row by row. Which one is asked of the index itself,
with counts that stop early: a planner's statistics do not know a rare value in a column of common ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from gateway.audit.records import (
    SearchQuery,
)
from gateway.audit.rolls import PackedTags
from gateway.audit.store.following import PERSON, FollowingRows
from gateway.audit.store.tables import log_index, log_tag_lists, log_tags
from gateway.db import connection_of
from gateway.instants import micros_text
from gateway.journal import Tx

_ENOUGH = (2_000, 20_000, 200_000)
"""Hits up to which conditions are counted, to be told apart: the next only when all have more than the one before."""
_AT_ONCE = 500
_SEQ = log_index.c.seq
_BEHIND = log_index.c.at < log_index.c.reached


@dataclass(frozen=True, slots=True)
class Condition:
    """That one of some columns has a value; alternatives, each ``(column, value)``."""

    alternatives: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Entries from ``first`` to ``last``, both inclusive, and the times that they must have."""

    first: int = 0
    last: int | None = None
    times: tuple[ColumnElement[bool], ...] = ()
    seqs: tuple[ColumnElement[bool], ...] = field(init=False)

    def __post_init__(self) -> None:
        seqs = [_SEQ >= self.first] if self.first else []
        if self.last is not None:
            seqs.append(_SEQ <= self.last)
        object.__setattr__(self, "seqs", tuple(seqs))


class SearchRows(FollowingRows):
    """Searches in the index, and in the entries that it does not hold yet."""

    def search(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None) -> list[int]:
        """Return the indexes that match, newest first, at most ``query.limit``.

        ``tags``: epoch -> tag of the subject that is looked for; ``None`` when no subject is.
        """
        known = self.indexed(tx)
        newest = list(islice(self.unindexed(tx, query, tags, known), query.limit))
        before = known if query.before is None else min(known, query.before)
        left = replace(query, before=before, limit=query.limit - len(newest))
        return newest + self._known(tx, left, tags) if left.limit else newest

    def _known(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None) -> list[int]:
        """Return the indexes that match in the index, newest first."""
        connection = connection_of(tx)
        within = _range(connection, query)
        if within is None:
            return []
        conditions = _conditions(connection, query)
        if tags is not None:
            return _among(connection, _tagged(connection, tags, within), conditions, within, query.limit)
        if not conditions:
            every = select(_SEQ).where(and_(True, *within.seqs, *within.times))
            return _numbers(connection, every.order_by(_SEQ.desc()).limit(query.limit))
        least = _narrowest(connection, conditions, within)
        others = [_also(connection, one) for one in conditions if one is not least]
        pages = [
            select(_SEQ)
            .where(log_index.c[column] == value, *within.seqs, *within.times, *others)
            .order_by(_SEQ.desc())
            .limit(query.limit)
            for column, value in least.alternatives
        ]
        if len(pages) == 1:
            return _numbers(connection, pages[0])
        if not pages:
            return []
        merged = union(*(select(page.subquery().c.seq) for page in pages)).subquery()
        return _numbers(connection, select(merged.c.seq).order_by(merged.c.seq.desc()).limit(query.limit))


def _numbers(connection: Connection, query: object) -> list[int]:
    return [int(seq) for seq in connection.execute(query).scalars()]  # type: ignore[call-overload]  # any select


def _range(connection: Connection, query: SearchQuery) -> Range | None:
    """Return where in the log the times of ``query`` can lie; ``None`` for nowhere.

    ``reached`` rises with the log: the first entry that is as late as ``since`` is the first that has reached it. No
    entry before ``until`` lies behind the last that had not reached it, but for those whose clock had gone back.
    """
    first, last = 0, None if query.before is None else query.before - 1
    times: list[ColumnElement[bool]] = []
    if query.since is not None:
        since = micros_text(query.since)
        reached = select(_SEQ).where(log_index.c.reached >= since).order_by(log_index.c.reached, _SEQ).limit(1)
        found = connection.execute(reached).scalar_one_or_none()
        if found is None:
            return None
        first = int(found)
        times.append(log_index.c.at >= since)
    if query.until is not None:
        until = micros_text(query.until)
        short = (
            select(_SEQ).where(log_index.c.reached < until).order_by(log_index.c.reached.desc(), _SEQ.desc()).limit(1)
        )
        behind = select(_SEQ).where(_BEHIND).order_by(_SEQ.desc()).limit(1)
        ends = [*_numbers(connection, short), *_numbers(connection, behind)]
        if not ends:
            return None
        last = max(ends) if last is None else min(last, max(ends))
        times.append(log_index.c.at < until)
    return None if last is not None and last < first else Range(first, last, tuple(times))


def _conditions(connection: Connection, query: SearchQuery) -> list[Condition]:
    """Return what ``query`` asks for, what names least first."""
    found = [Condition(((f"link_{key}", value),)) for key, value in query.links.items()]
    if query.person is not None:
        found.append(Condition(tuple((column, query.person) for column in PERSON)))
    for name in ("actor", "problem", "rule", "policy", "unit", "outcome"):
        value = getattr(query, name)
        if value is not None:
            found.append(Condition(((name, value),)))
    if query.kind is not None:
        below = query.kind.endswith(".")
        kinds = [kind for kind in _kinds(connection) if kind.startswith(query.kind)] if below else [query.kind]
        found.append(Condition(tuple(("kind", kind) for kind in kinds)))
    return found


def _kinds(connection: Connection) -> list[str]:
    """Return the kinds that the log has, each by one step in their index: there are many entries and few kinds."""
    first = select(func.min(log_index.c.kind).label("kind")).cte("kinds", recursive=True)
    step = select(func.min(log_index.c.kind)).where(log_index.c.kind > first.c.kind).scalar_subquery()
    kinds = first.union_all(select(step).where(first.c.kind.is_not(None)))
    return [str(kind) for kind in connection.execute(select(kinds.c.kind)).scalars() if kind is not None]


def _narrowest(connection: Connection, conditions: Sequence[Condition], within: Range) -> Condition:
    """Return the condition with the fewest hits; the first, where all have more than is worth counting."""
    if len(conditions) == 1:
        return conditions[0]
    for enough in _ENOUGH:
        counts = [_hits(connection, one, within, enough) for one in conditions]
        if min(counts) < enough:
            return conditions[counts.index(min(counts))]
    return conditions[0]


def _hits(connection: Connection, condition: Condition, within: Range, enough: int) -> int:
    """Count the hits of a condition, at most ``enough``."""
    count = 0
    for column, value in condition.alternatives:
        some = select(_SEQ).where(log_index.c[column] == value, *within.seqs).limit(enough - count).subquery()
        count += connection.execute(select(func.count()).select_from(some)).scalar_one()
        if count >= enough:
            break
    return count


def _also(connection: Connection, condition: Condition) -> ColumnElement[bool]:
    """Return a condition that is checked row by row, where SQLite might take another index than the narrowest."""
    plain = connection.dialect.name == "postgresql"
    by_column: dict[str, list[str]] = {}
    for column, value in condition.alternatives:
        by_column.setdefault(column, []).append(value)
    tests: list[ColumnElement[bool]] = []
    for name, values in by_column.items():
        tested: ColumnElement[str] = log_index.c[name]
        if not plain:  # "+column" is the column, but no index serves it
            tested = UnaryExpression(tested, operator=custom_op("+"), type_=tested.type)
        tests.append(tested.in_(values) if len(values) > 1 else tested == values[0])
    return or_(False, *tests)


def _among(
    connection: Connection, hits: Iterable[int], conditions: Sequence[Condition], within: Range, limit: int
) -> list[int]:
    """Return those of ``hits`` that meet the conditions too, newest first."""
    tests = [*(_also(connection, one) for one in conditions), *within.times]
    ordered, found = sorted(set(hits), reverse=True), list[int]()
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        query = select(_SEQ).where(_SEQ.in_(some), *tests).order_by(_SEQ.desc())
        found += _numbers(connection, query)
        if len(found) >= limit:
            break
    return found[:limit]


def _tagged(connection: Connection, tags: Mapping[str, bytes], within: Range) -> list[int]:
    """Return the indexes whose leaf or tag list holds one of ``tags``."""
    if not tags:
        return []
    last = within.last
    pairs = or_(*(and_(log_tags.c.epoch == epoch, log_tags.c.tag == tag) for epoch, tag in tags.items()))
    hits = [
        seq
        for seq in _numbers(connection, select(log_tags.c.seq).where(pairs))
        if seq >= within.first and (last is None or seq <= last)
    ]
    lists = select(log_tag_lists.c.seq).where(
        log_tag_lists.c.epoch.in_(list(tags)), log_tag_lists.c.seq >= within.first
    )
    if last is not None:
        lists = lists.where(log_tag_lists.c.seq <= last)
    for seq in _numbers(connection, lists):  # one list at a time: each may hold a million tags
        row = connection.execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one()
        packed, wanted = PackedTags(bytes(row.tags)), tags[row.epoch]
        at = bisect_left(packed, wanted)
        if at < len(packed) and packed[at] == wanted:
            hits.append(int(seq))
    return hits
