"""Entries, tiles, checkpoints and cosignatures."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.audit.errors import LogDamagedError
from gateway.audit.merkle import EMPTY_ROOT
from gateway.audit.records import (
    Batch,
    Cosignature,
    Head,
    StoredEntry,
)
from gateway.audit.rolls import packed
from gateway.audit.store.tables import (
    log_checkpoints,
    log_cosignatures,
    log_entries,
    log_head,
    log_tag_lists,
    log_tiles,
)
from gateway.audit.store.values import as_bytes
from gateway.db import Prepared, connection_of
from gateway.journal import Tx

CHECKPOINTS_AT_ONCE = 1000


_HEAD_QUERY = select(log_head.c.size, log_head.c.root, log_head.c.at).where(log_head.c.id == 1)
_HEAD = {"postgresql": Prepared(_HEAD_QUERY.with_for_update()), "sqlite": Prepared(_HEAD_QUERY)}
"""By dialect: SQLite has locked the whole database."""
_MOVE_HEAD = Prepared(
    update(log_head).where(
        log_head.c.id == 1, log_head.c.size == bindparam("was_size"), log_head.c.root == bindparam("was_root")
    ),
    ("size", "root", "at"),
)
_ADD_ENTRY = Prepared(insert(log_entries), ("seq", "leaf_hash", "body"))
_ADD_CHECKPOINT = Prepared(insert(log_checkpoints))
_TILE = ("level", "tile", "hashes")
_TILE_OF_POSTGRESQL, _TILE_OF_SQLITE = postgresql.insert(log_tiles), sqlite.insert(log_tiles)
_PUT_TILE = {
    "postgresql": Prepared(
        _TILE_OF_POSTGRESQL.on_conflict_do_update(
            index_elements=["level", "tile"], set_={"hashes": _TILE_OF_POSTGRESQL.excluded.hashes}
        ),
        _TILE,
    ),
    "sqlite": Prepared(
        _TILE_OF_SQLITE.on_conflict_do_update(
            index_elements=["level", "tile"], set_={"hashes": _TILE_OF_SQLITE.excluded.hashes}
        ),
        _TILE,
    ),
}


class LogRows:
    """Rows of the log itself."""

    def lock_head(self, tx: Tx) -> Head:
        """Lock the head row for this transaction and return it; the first time it is made."""
        connection = connection_of(tx)
        locked = _HEAD[connection.dialect.name]
        rows = locked.rows(connection)
        if not rows:
            first = {"id": 1, "size": 0, "root": EMPTY_ROOT, "at": ""}
            if connection.dialect.name == "postgresql":
                connection.execute(postgresql.insert(log_head).values(first).on_conflict_do_nothing())
            else:
                connection.execute(insert(log_head).values(first))
            rows = locked.rows(connection)
        ((size, root, at),) = rows
        return Head(size, bytes(root), at)

    def head(self, tx: Tx) -> Head:
        """Return the head without a lock; an empty log has size 0."""
        row = connection_of(tx).execute(select(log_head).where(log_head.c.id == 1)).one_or_none()
        return Head(0, EMPTY_ROOT) if row is None else Head(row.size, bytes(row.root), row.at)

    def append(self, tx: Tx, expected: Head, batch: Batch) -> None:
        """Write a batch behind ``expected``; raises ``LogDamagedError`` when another writer was there (fencing)."""
        connection = connection_of(tx)
        head = {"size": batch.head.size, "root": batch.head.root, "at": batch.head.at}
        if _MOVE_HEAD.run(connection, {**head, "was_size": expected.size, "was_root": expected.root}) != 1:
            raise LogDamagedError("Another writer has moved the head of the log.")
        numbered = enumerate(batch.entries, start=batch.start)
        _ADD_ENTRY.run_rows(connection, [(seq, leaf, entry.body) for seq, (leaf, entry) in numbered])
        lists = [
            {"seq": seq, "epoch": tags.epoch, "tags": packed(tags.tags).packed}
            for seq, (_, entry) in enumerate(batch.entries, start=batch.start)
            if (tags := entry.tags) is not None and not tags.listed
        ]
        if lists:
            connection.execute(insert(log_tag_lists), lists)
        tiles = [(level, tile, hashes) for (level, tile), hashes in sorted(batch.tiles.items())]
        _PUT_TILE[connection.dialect.name].run_rows(connection, tiles)
        checkpoint = {"size": batch.head.size, "root": batch.head.root, "note": batch.checkpoint}
        _ADD_CHECKPOINT.run(connection, checkpoint)

    def tile(self, tx: Tx, level: int, tile: int) -> bytes:
        """Return the hashes of a tile, as many as there are; empty when there is none."""
        query = select(log_tiles.c.hashes).where(log_tiles.c.level == level, log_tiles.c.tile == tile)
        return bytes(connection_of(tx).execute(query).scalar_one_or_none() or b"")

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return the signed checkpoint of ``size``, or the latest."""
        query = select(log_checkpoints.c.note).order_by(log_checkpoints.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(log_checkpoints.c.size == size)
        found = connection_of(tx).execute(query).scalar_one_or_none()
        return None if found is None else str(found)

    def checkpoints(self, tx: Tx, after: int = -1) -> Iterator[tuple[int, bytes, str]]:
        """Yield size, root and note of every checkpoint of a size above ``after``, ascending."""
        connection = connection_of(tx)
        query = select(log_checkpoints).order_by(log_checkpoints.c.size).limit(CHECKPOINTS_AT_ONCE)
        while rows := connection.execute(query.where(log_checkpoints.c.size > after)).all():
            for row in rows:
                yield row.size, bytes(row.root), row.note
            after = rows[-1].size

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the rows with ``start <= index < end``, ascending; a missing one is simply not there."""
        query = (
            select(log_entries).where(log_entries.c.seq >= start, log_entries.c.seq < end).order_by(log_entries.c.seq)
        )
        for row in connection_of(tx).execute(query).all():
            yield StoredEntry(row.seq, as_bytes(row.leaf_hash), as_bytes(row.body))

    def last_index(self, tx: Tx) -> int:
        """Return the highest index that has a row, -1 when there is none."""
        return int(connection_of(tx).execute(select(func.coalesce(func.max(log_entries.c.seq), -1))).scalar_one())

    # cosignatures

    def add_cosignature(self, tx: Tx, cosignature: Cosignature) -> None:
        """Keep a witness's signature; the same one twice changes nothing."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {
            "size": cosignature.size,
            "name": cosignature.name,
            "timestamp": cosignature.timestamp,
            "line": cosignature.line,
        }
        connection.execute(dialect.insert(log_cosignatures).values(values).on_conflict_do_nothing())

    def cosignatures(self, tx: Tx, size: int) -> list[Cosignature]:
        """Return the cosignatures on the checkpoint of ``size``, newest last."""
        query = select(log_cosignatures).where(log_cosignatures.c.size == size).order_by(log_cosignatures.c.timestamp)
        rows = connection_of(tx).execute(query)
        return [Cosignature(row.size, row.name, row.timestamp, row.line) for row in rows]

    def cosigned_sizes(self, tx: Tx, *, at_least: int = 0) -> list[int]:
        """Return the sizes with a cosignature, descending, at most 1,000."""
        query = (
            select(log_cosignatures.c.size)
            .where(log_cosignatures.c.size >= at_least)
            .distinct()
            .order_by(log_cosignatures.c.size.desc())
            .limit(1000)
        )
        return [int(size) for size in connection_of(tx).execute(query).scalars()]
