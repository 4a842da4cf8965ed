"""The search index: a cache of the entries."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
)

from gateway.audit.records import (
    SearchQuery,
    TagList,
)
from gateway.audit.store.tables import log_index, log_tag_lists, log_tags
from gateway.audit.store.values import PackedTags
from gateway.db import connection_of
from gateway.instants import micros_text
from gateway.journal import Tx

_INDEX_COLUMNS = [column.name for column in log_index.columns if column.name != "seq"]
_WINDOW = 50_000
"""Entries compared at a time: tags have no index by entry, so each window reads them all."""


class SearchRows:
    """Rows of the search index."""

    def search(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None) -> list[int]:
        """Return the indexes that match, newest first, at most ``query.limit``.

        ``tags``: epoch -> tag of the subject that is looked for; ``None`` when no subject is.
        """
        connection = connection_of(tx)
        conditions = self._conditions(query)
        if tags is not None:
            hits = self._tagged(connection, tags)
            conditions.append(log_index.c.seq.in_(hits))
        found = (
            select(log_index.c.seq).where(and_(*conditions)).order_by(log_index.c.seq.desc()).limit(query.limit)
            if conditions
            else select(log_index.c.seq).order_by(log_index.c.seq.desc()).limit(query.limit)
        )
        return [int(seq) for seq in connection.execute(found).scalars()]

    def _conditions(self, query: SearchQuery) -> list[ColumnElement[bool]]:
        columns = log_index.c
        conditions: list[ColumnElement[bool]] = []
        if query.kind is not None:
            if query.kind.endswith("."):
                conditions.append(columns.kind.startswith(query.kind, autoescape=True))
            else:
                conditions.append(columns.kind == query.kind)
        for name in ("outcome", "actor", "unit"):
            value = getattr(query, name)
            if value is not None:
                conditions.append(columns[name] == value)
        conditions += [columns[f"link_{key}"] == value for key, value in query.links.items()]
        if query.since is not None:
            conditions.append(columns.at >= micros_text(query.since))
        if query.until is not None:
            conditions.append(columns.at < micros_text(query.until))
        if query.before is not None:
            conditions.append(columns.seq < query.before)
        return conditions

    def _tagged(self, connection: Connection, tags: Mapping[str, bytes]) -> list[int]:
        """Return the indexes whose leaf or tag list holds one of ``tags``."""
        if not tags:
            return []
        pairs = or_(*(and_(log_tags.c.epoch == epoch, log_tags.c.tag == tag) for epoch, tag in tags.items()))
        hits = [int(seq) for seq in connection.execute(select(log_tags.c.seq).where(pairs)).scalars()]
        lists = select(log_tag_lists.c.seq).where(log_tag_lists.c.epoch.in_(list(tags)))
        for seq in connection.execute(lists).scalars().all():  # one list at a time: each may hold a million tags
            row = connection.execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one()
            packed, wanted = PackedTags(bytes(row.tags)), tags[row.epoch]
            at = bisect_left(packed, wanted)
            if at < len(packed) and packed[at] == wanted:
                hits.append(int(seq))
        return hits

    def tag_list(self, tx: Tx, seq: int) -> TagList | None:
        """Return the tag list that lies beside entry ``seq``; ``None`` when there is none."""
        row = connection_of(tx).execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one_or_none()
        return None if row is None else TagList(row.epoch, tuple(PackedTags(bytes(row.tags))), listed=False)

    def index_rows(self, tx: Tx) -> Iterator[tuple[int, dict[str, str | None], list[tuple[str, bytes]]]]:
        """Yield the search index as it stands: index, columns, and listed tags sorted; ascending."""
        connection, start = connection_of(tx), self._next_indexed(tx, None)
        while start is not None:
            found: dict[int, tuple[dict[str, str | None], list[tuple[str, bytes]]]] = {}
            end = start + _WINDOW - 1
            for row in connection.execute(select(log_index).where(log_index.c.seq.between(start, end))).all():
                found[row.seq] = ({name: row._mapping[name] for name in _INDEX_COLUMNS}, [])
            for row in connection.execute(select(log_tags).where(log_tags.c.seq.between(start, end))).all():
                found.setdefault(row.seq, ({}, []))[1].append((row.epoch, bytes(row.tag)))
            for seq, (columns, tags) in sorted(found.items()):
                yield seq, columns, sorted(tags)
            start = self._next_indexed(tx, end)

    def _next_indexed(self, tx: Tx, after: int | None) -> int | None:
        """Return the smallest index above ``after`` that the search index knows: a stray row may lie far away."""
        found: list[int] = []
        for table in (log_index, log_tags):
            query = select(func.min(table.c.seq))
            least = connection_of(tx).execute(query if after is None else query.where(table.c.seq > after)).scalar_one()
            found += [] if least is None else [int(least)]
        return min(found, default=None)

    def clear_index(self, tx: Tx) -> None:
        """Empty the search index, to build it again."""
        connection_of(tx).execute(delete(log_index))
        connection_of(tx).execute(delete(log_tags))

    def add_index(self, tx: Tx, rows: Iterable[tuple[int, Mapping[str, str | None], TagList | None]]) -> None:
        """Add rows to the search index."""
        write_index(connection_of(tx), rows)


def write_index(connection: Connection, rows: Iterable[tuple[int, Mapping[str, str | None], TagList | None]]) -> None:
    """Insert rows of the index with their listed tags."""
    rows = list(rows)
    connection.execute(insert(log_index), [{"seq": seq, **columns} for seq, columns, _ in rows])
    tags = [
        {"epoch": tags.epoch, "tag": tag, "seq": seq}
        for seq, _, tags in rows
        if tags is not None and tags.listed
        for tag in tags.tags
    ]
    if tags:
        connection.execute(insert(log_tags), tags)
