"""Rows of data keys: there is one for each matter for good, with the wrapped key as long as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.data_keys.records import DataKey, DataKeyId
from gateway.db import Guard, connection_of, metadata, protect
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

_LOCK: Final = 0x78756A6964617461  # "xujidata": of advisory locks in this database, nobody else's

data_keys = protect(
    Table(
        "data_keys",
        metadata,
        Column("id", String(40), primary_key=True),
        Column("data_class", String(32), nullable=False),
        Column("matter", String(64), nullable=False),
        Column("created_at", String(32), nullable=False),
        Column("wrapping", String(16), nullable=False),
        Column("wrapped", LargeBinary),
        Column("destroyed_at", String(32), index=True),
        UniqueConstraint("data_class", "matter", name="uq_data_keys_matter"),
    ),
    Guard(
        update_if="NEW.id = OLD.id AND NEW.data_class = OLD.data_class AND NEW.matter = OLD.matter "
        "AND NEW.created_at = OLD.created_at AND OLD.destroyed_at IS NULL "
        "AND (NEW.destroyed_at IS NULL) = (NEW.wrapped IS NOT NULL)"
    ),
)
wrappings = Table(
    "data_key_wrapping",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(16), nullable=False),
    Column("renewed_at", String(32), nullable=False),
)
_columns = data_keys.c


def destroyed_key(data_class: str, matter: str) -> str:
    """Return the query that finds the destroyed key of a matter, an expression: for guards of rows that end with it."""
    return (
        f"SELECT 1 FROM data_keys WHERE data_class = '{data_class}' AND matter = {matter} "  # noqa: S608  names of ours
        "AND destroyed_at IS NOT NULL"
    )


class SqlDataKeys:
    """Implements ``gateway.data_keys.records.DataKeyRows``. It never commits."""

    def hold_wrapping(self, tx: Tx, *, alone: bool) -> str | None:
        """Return the fingerprint in force; on SQLite a writer is alone anyway."""
        connection = connection_of(tx)
        if connection.dialect.name == "postgresql":
            act = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
            connection.execute(text(f"SELECT {act}(:lock)"), {"lock": _LOCK})
        found = connection.execute(select(wrappings.c.fingerprint).where(wrappings.c.id == 1)).scalar_one_or_none()
        return None if found is None else str(found)

    def put_wrapping(self, tx: Tx, fingerprint: str, at: datetime) -> None:
        """Say which wrapping key is in force; the first of two that begin at once stays."""
        connection = connection_of(tx)
        values = {"fingerprint": fingerprint, "renewed_at": micros_text(at)}
        if connection.execute(update(wrappings).where(wrappings.c.id == 1).values(values)).rowcount == 0:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(wrappings).values(id=1, **values).on_conflict_do_nothing())

    def add(self, tx: Tx, key: DataKey) -> bool:
        """Insert a key; false when its matter has one."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {
            "id": key.id,
            "data_class": key.data_class,
            "matter": key.matter,
            "created_at": micros_text(key.created_at),
            "wrapping": key.wrapping,
            "wrapped": key.wrapped,
        }
        added = dialect.insert(data_keys).values(values).on_conflict_do_nothing().returning(_columns.id)
        return connection.execute(added).one_or_none() is not None

    def find(self, tx: Tx, data_class: str, matter: str) -> DataKey | None:
        """Return the key of a matter, destroyed or not."""
        query = select(data_keys).where(_columns.data_class == data_class, _columns.matter == matter)
        row = connection_of(tx).execute(query).one_or_none()
        return None if row is None else _key(row)

    def any_of(self, tx: Tx, data_class: str) -> bool:
        """Say whether the class has any key, destroyed or not."""
        query = select(_columns.id).where(_columns.data_class == data_class).limit(1)
        return connection_of(tx).execute(query).one_or_none() is not None

    def standing(self, tx: Tx) -> list[DataKey]:
        """Return every key that was not destroyed."""
        query = select(data_keys).where(_columns.destroyed_at.is_(None)).order_by(_columns.id)
        return [_key(row) for row in connection_of(tx).execute(query)]

    def rewrap(self, tx: Tx, key: DataKey) -> bool:
        """Write ``wrapped`` and ``wrapping`` of a key; false when it was destroyed meanwhile."""
        there = (_columns.id == key.id) & _columns.destroyed_at.is_(None)
        changed = update(data_keys).where(there).values(wrapped=key.wrapped, wrapping=key.wrapping)
        return bool(connection_of(tx).execute(changed).rowcount == 1)

    def destroy(self, tx: Tx, identifier: DataKeyId, at: datetime) -> bool:
        """Destroy a key for good; false when that was done before."""
        there = (_columns.id == identifier) & _columns.destroyed_at.is_(None)
        changed = update(data_keys).where(there).values(wrapped=None, destroyed_at=micros_text(at))
        return bool(connection_of(tx).execute(changed).rowcount == 1)

    def renewed_at(self, tx: Tx) -> datetime | None:
        """Return since when the present wrapping key is in force."""
        found = connection_of(tx).execute(select(wrappings.c.renewed_at)).scalar_one_or_none()
        return None if found is None else instant_of(found)

    def destroyed_since(self, tx: Tx, moment: datetime) -> int:
        """Return how many keys were destroyed at ``moment`` or later."""
        query = select(func.count()).select_from(data_keys).where(_columns.destroyed_at >= micros_text(moment))
        return int(connection_of(tx).execute(query).scalar_one())


def _key(row: Row[Any]) -> DataKey:
    return DataKey(
        id=DataKeyId(row.id),
        data_class=row.data_class,
        matter=row.matter,
        created_at=instant_of(row.created_at),
        wrapping=row.wrapping,
        wrapped=None if row.wrapped is None else bytes(row.wrapped),
        destroyed_at=None if row.destroyed_at is None else instant_of(row.destroyed_at),
    )
