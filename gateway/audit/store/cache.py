"""The rows of the search index: written behind the entries, read to be compared, and written anew from the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
)

from gateway.audit.records import TagList
from gateway.audit.rolls import PackedTags
from gateway.audit.store.tables import log_index, log_tag_lists, log_tags
from gateway.db import Prepared, connection_of
from gateway.journal import Tx

IndexRow = tuple[int, Mapping[str, str | None], TagList | None]
"""Index of the entry, what its leaf says in columns, its tags."""

_COLUMNS = [column.name for column in log_index.columns if column.name != "seq"]
_WINDOW = 50_000
"""Entries compared at a time: tags have no index by entry, so each window reads them all."""

_REACHED = (
    select(log_index.c.reached).where(log_index.c.seq < bindparam("before")).order_by(log_index.c.seq.desc()).limit(1)
)
_ADD_ROW = Prepared(insert(log_index), ("seq", *_COLUMNS))
_ADD_TAG = Prepared(insert(log_tags), ("epoch", "tag", "seq"))


class CacheRows:
    """Rows of the search index, and the tag lists beside the log."""

    def tag_list(self, tx: Tx, seq: int) -> TagList | None:
        """Return the tag list that lies beside entry ``seq``; ``None`` when there is none."""
        row = connection_of(tx).execute(select(log_tag_lists).where(log_tag_lists.c.seq == seq)).one_or_none()
        return None if row is None else TagList(row.epoch, PackedTags(bytes(row.tags)), listed=False)

    def index_rows(self, tx: Tx) -> Iterator[tuple[int, dict[str, str | None], list[tuple[str, bytes]]]]:
        """Yield the search index as it stands: index, columns, and listed tags sorted; ascending."""
        connection, start = connection_of(tx), self._next_indexed(tx, None)
        while start is not None:
            found: dict[int, tuple[dict[str, str | None], list[tuple[str, bytes]]]] = {}
            end = start + _WINDOW - 1
            for row in connection.execute(select(log_index).where(log_index.c.seq.between(start, end))).all():
                found[row.seq] = ({name: row._mapping[name] for name in _COLUMNS}, [])
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

    def replace_index(self, tx: Tx, start: int, end: int | None, rows: Sequence[IndexRow]) -> None:
        """Let the search index hold ``rows``, ascending, and nothing else from ``start`` up to below ``end``.

        Without an ``end``: from ``start`` on. The rows before ``start`` must be right already.
        """
        connection = connection_of(tx)
        for table in (log_index, log_tags):
            old = delete(table).where(table.c.seq >= start)
            connection.execute(old if end is None else old.where(table.c.seq < end))
        if start == 0:
            for table in (log_index, log_tags):  # an index below 0 is never an entry's
                connection.execute(delete(table).where(table.c.seq < 0))
        if rows:
            write_index(connection, rows)


def write_index(connection: Connection, rows: Iterable[IndexRow]) -> None:
    """Insert rows of the index, ascending and behind all others, with their listed tags.

    ``reached`` is the latest time of all entries up to this one: a bound for searches by time that a clock which
    went back does not spoil.
    """
    rows = list(rows)
    reached = connection.execute(_REACHED, {"before": rows[0][0]}).scalar_one_or_none() or ""
    added = []
    for seq, columns, _ in rows:
        reached = max(reached, columns["at"] or "")
        told = {**columns, "reached": reached}
        added.append((seq, *(told[name] for name in _COLUMNS)))
    _ADD_ROW.run_rows(connection, added)
    tags = [(tags.epoch, tag, seq) for seq, _, tags in rows if tags is not None and tags.listed for tag in tags.tags]
    if tags:
        _ADD_TAG.run_rows(connection, tags)
