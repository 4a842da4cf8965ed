"""Rows of data keys: there is one for each matter for good, with the wrapped key as long as it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Row,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.data_keys.records import DataKey, DataKeyId
from gateway.db import connection_of
from gateway.db.data_keys import data_keys, wrappings
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

_LOCK: Final = 0x78756A6964617461  # "xujidata": of advisory locks in this database, nobody else's

_columns = data_keys.c


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

    def unrenewed(self, tx: Tx) -> int:
        """Return how many keys were destroyed under the wrapping key that is in force: renewing it ends them."""
        in_force = select(wrappings.c.fingerprint).where(wrappings.c.id == 1).scalar_subquery()
        query = (
            select(func.count())
            .select_from(data_keys)
            .where(_columns.destroyed_at.is_not(None), _columns.wrapping == in_force)
        )
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
