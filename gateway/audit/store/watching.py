"""The row of the watch over the chain: how far the running pass came, and which damage was told of."""

from __future__ import annotations

import json

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, insert, select, update

from gateway.audit.log_watch_records import WatchState
from gateway.audit.store.tables import log_witness
from gateway.db import connection_of, metadata
from gateway.journal import Tx

_BIG = BigInteger().with_variant(Integer, "sqlite")

log_watch = Table(
    "log_watch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("started_at", String(32), nullable=False),
    Column("size", _BIG, nullable=False),
    Column("levels", Text, nullable=False),
    Column("passed_at", String(32), nullable=False),
    Column("passed_size", _BIG, nullable=False),
    Column("kept", Text, nullable=False),
    Column("damage", Text, nullable=False),
)


class SqlWatching:
    """Implements ``gateway.audit.log_watch.WatchRow``."""

    def watch_state(self, tx: Tx) -> WatchState:
        """Return the row, as it begins where there is none."""
        row = connection_of(tx).execute(select(log_watch).where(log_watch.c.id == 1)).one_or_none()
        if row is None:
            return WatchState()
        levels = tuple(tuple(bytes.fromhex(text) for text in level) for level in json.loads(row.levels))
        return WatchState(row.started_at, row.size, levels, row.passed_at, row.passed_size, row.kept, row.damage)

    def set_watch_state(self, tx: Tx, state: WatchState) -> None:
        """Write the row."""
        connection = connection_of(tx)
        values = {
            "started_at": state.started_at,
            "size": state.size,
            "levels": json.dumps([[one.hex() for one in level] for level in state.levels]),
            "passed_at": state.passed_at,
            "passed_size": state.passed_size,
            "kept": state.kept,
            "damage": state.damage,
        }
        if connection.execute(update(log_watch).where(log_watch.c.id == 1).values(**values)).rowcount == 0:
            connection.execute(insert(log_watch).values(id=1, **values))

    def set_damaged(self, tx: Tx, since: str) -> None:
        """Say to the faces that release since when the log is known to be damaged; empty when it holds."""
        connection = connection_of(tx)
        values = {"damaged_since": since}
        if connection.execute(update(log_witness).where(log_witness.c.id == 1).values(**values)).rowcount == 0:
            first = {"cosigned_size": 0, "waiting_since": "", "silent": False, "contradicted": False}
            connection.execute(insert(log_witness).values(id=1, **first, **values))
