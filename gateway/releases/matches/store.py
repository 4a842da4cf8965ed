"""Rows of lists that were handed in for a match: how they open and when they were destroyed, nobody's name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Row, String, Table, insert, select, update

from gateway.db import connection_of, metadata
from gateway.ids import ExtractId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.releases.matches.records import HeldList

match_lists = Table(
    "match_lists",
    metadata,
    Column("extract_id", String(40), ForeignKey("extracts.id"), primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sealed_sha256", String(64), nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("received_at", String(32), nullable=False),
    Column("destroyed_at", String(32), index=True),
)


class SqlMatchLists:
    """Repository of lists. It never commits."""

    def add(self, tx: Tx, held: HeldList) -> None:
        """Insert a list, in the transaction of its extract."""
        connection_of(tx).execute(
            insert(match_lists).values(
                extract_id=held.extract,
                rows=held.rows,
                size=held.size,
                sealed_sha256=held.sealed_sha256,
                wrapped_key=held.wrapped_key,
                received_at=micros_text(held.received_at),
            )
        )

    def get(self, tx: Tx, extract: ExtractId) -> HeldList | None:
        """Return the list of an extract."""
        row = connection_of(tx).execute(select(match_lists).where(match_lists.c.extract_id == extract)).one_or_none()
        return None if row is None else _held(row)

    def destroy(self, tx: Tx, extract: ExtractId, at: datetime) -> bool:
        """Destroy the key of a list, so that its file opens for nobody; false when that was done before."""
        there = (match_lists.c.extract_id == extract) & match_lists.c.destroyed_at.is_(None)
        gone = update(match_lists).where(there).values(wrapped_key=b"", destroyed_at=micros_text(at))
        return bool(connection_of(tx).execute(gone).rowcount == 1)

    def standing(self, tx: Tx) -> list[HeldList]:
        """Return the lists that were not destroyed, oldest first."""
        query = select(match_lists).where(match_lists.c.destroyed_at.is_(None)).order_by(match_lists.c.received_at)
        return [_held(row) for row in connection_of(tx).execute(query)]


def _held(row: Row[Any]) -> HeldList:
    return HeldList(
        extract=ExtractId(row.extract_id),
        rows=row.rows,
        size=row.size,
        sealed_sha256=row.sealed_sha256,
        wrapped_key=bytes(row.wrapped_key),
        received_at=instant_of(row.received_at),
        destroyed_at=None if row.destroyed_at is None else instant_of(row.destroyed_at),
    )
