"""One consistent state of the log for the verifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from types import TracebackType
from typing import Self, cast

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.exc import DBAPIError

from gateway.audit.cache import Cached
from gateway.audit.records import Head, LogKeyRecord, StoredEntry, TagList
from gateway.audit.store.rows import SqlLogStore
from gateway.audit.store.tables import log_cosignatures, log_entries, log_keys
from gateway.audit.store.values import as_bytes, unavailable
from gateway.db import Prepared
from gateway.journal import Tx

_ROWS = Prepared(
    select(log_entries.c.seq, log_entries.c.leaf_hash, log_entries.c.body)
    .where(log_entries.c.seq >= bindparam("start"))
    .order_by(log_entries.c.seq)
    .limit(bindparam("at_most"))
)
_LEAF_HASH, _BODY = itemgetter(1), itemgetter(2)


class DatabaseLogSource:
    """One consistent state of the log for the verifier (``LogSource``): a single read-only snapshot."""

    def __init__(self, engine: Engine, *, with_index: bool = False, after: int = -1) -> None:
        """Open the snapshot; ``with_index`` lets the verifier compare the search index with the log too.

        With ``after`` only checkpoints and cosignatures of larger sizes are shown: for who goes on from there.
        """
        self._with_index = with_index
        self._after = after
        self._store = SqlLogStore(engine)
        options: dict[str, object] = {"xueji_read": True}
        if engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        try:
            self._connection = engine.connect().execution_options(**options)
        except DBAPIError as error:
            raise unavailable(error) from error
        self._tx = cast("Tx", self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.rollback()
        self._connection.close()

    def head(self) -> Head | None:
        """Return the head row."""
        return self._store.head(self._tx)

    def rows(self, start: int, limit: int) -> Sequence[tuple[int, bytes, bytes]]:
        """Return the first ``limit`` rows from index ``start`` on: index, hash beside the entry, entry."""
        rows = _ROWS.rows(self._connection, {"start": start, "at_most": limit})
        if {*map(type, map(_LEAF_HASH, rows)), *map(type, map(_BODY, rows))} <= {bytes}:
            return cast("Sequence[tuple[int, bytes, bytes]]", rows)
        return [(seq, as_bytes(leaf), as_bytes(body)) for seq, leaf, body in rows]

    def last_index(self) -> int:
        """Return the highest index with an entry, -1 for none."""
        return self._store.last_index(self._tx)

    def entries(self, start: int, end: int) -> Sequence[StoredEntry]:
        """Return the entries of a range that are there, ascending."""
        return list(self._store.entries(self._tx, start, end))

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""
        return self._store.tile(self._tx, level, tile)

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield size and note of the checkpoints, ascending."""
        for size, _, note in self._store.checkpoints(self._tx, self._after):
            yield size, note

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield size and line of every cosignature."""
        query = select(log_cosignatures.c.size, log_cosignatures.c.line).order_by(log_cosignatures.c.size)
        query = query.where(log_cosignatures.c.size > self._after)
        for row in self._connection.execute(query):
            yield row.size, row.line

    def rotations(self) -> Sequence[tuple[int, bytes]]:
        """Return the entries that changed the log's key, as the table of keys has them."""
        return [(one.entry, one.body) for one in self.keys() if one.entry is not None and one.body is not None]

    def keys(self) -> list[LogKeyRecord]:
        """Return the table of keys; none in a database of before, which lacks it."""
        known = self._connection.dialect.has_table(self._connection, log_keys.name)
        return self._store.log_keys(self._tx) if known else []

    def tag_list(self, index: int) -> TagList | None:
        """Return the tag list beside an entry."""
        return self._store.tag_list(self._tx, index)

    def cached(self) -> Cached | None:
        """Return the search index, if it is to be compared."""
        if not self._with_index:
            return None
        return Cached(self._store.index_rows(self._tx), self._store.indexed(self._tx))
