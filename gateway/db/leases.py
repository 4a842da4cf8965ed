"""Queues whose rows are worked on under a lease: one worker at a time, and another when it went silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, select, update

from gateway.db.engine import connection_of
from gateway.instants import micros_text
from gateway.journal import Tx


@dataclass(frozen=True, slots=True)
class Leases:
    """The queue in ``table``: a row ``waiting`` becomes ``running`` when it is claimed.

    The table has columns ``id``, ``state``, ``worker``, ``leased_to``, ``rows_done`` and ``rows_total``; ``asked`` is
    the one that puts its rows in order.
    """

    table: Table
    asked: Column[str]
    waiting: str
    running: str

    def claim(
        self, tx: Tx, worker: str, now: datetime, leased_to: datetime, *among: ColumnElement[bool]
    ) -> Row[Any] | None:
        """Take the oldest row ``among`` that waits, or whose worker has been silent beyond its lease.

        Returns the row as it was before.
        """
        columns = self.table.c
        free = (columns.state == self.waiting) | (
            (columns.state == self.running) & (columns.leased_to < micros_text(now))
        )
        query = select(self.table).where(free, *among).order_by(self.asked).limit(1).with_for_update(skip_locked=True)
        row = connection_of(tx).execute(query).one_or_none()
        if row is not None:
            connection_of(tx).execute(
                update(self.table)
                .where(columns.id == row.id)
                .values(state=self.running, worker=worker, leased_to=micros_text(leased_to))
            )
        return row

    def progress(self, tx: Tx, identifier: str, worker: str, done: int, total: int, leased_to: datetime) -> bool:
        """Note how far the work is and renew its lease; false when ``worker`` does not hold the row any more."""
        values = {"rows_done": done, "rows_total": total, "leased_to": micros_text(leased_to)}
        return self.change(tx, identifier, worker, values)

    def change(self, tx: Tx, identifier: str, worker: str, values: Mapping[str, object]) -> bool:
        """Write ``values`` into a row, but for its ``id``; false when ``worker`` does not hold it any more."""
        columns = self.table.c
        written = {name: value for name, value in values.items() if name != "id"}  # a key written anew locks more
        mine = (columns.id == identifier) & (columns.state == self.running) & (columns.worker == worker)
        return bool(connection_of(tx).execute(update(self.table).where(mine).values(**written)).rowcount == 1)
