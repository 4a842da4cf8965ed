"""Rows of pseudonym keys: which there were, and the wrapped salt of those that stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, Integer, LargeBinary, Row, String, Table, UniqueConstraint, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.anonymize.pseudonyms import PseudonymAlgorithm
from gateway.db import connection_of, metadata
from gateway.ids import ApplicationId, ExtractId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.releases.pseudonym_keys.records import KeyScope, PseudonymKey, PseudonymKeyId

_ALL_EXTRACTS = ""
"""Stands for the extract of a longitudinal key: a null would not be unique."""

pseudonym_keys = Table(
    "pseudonym_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("recipient", String(18), nullable=False),
    Column("application_id", String(40), nullable=False),
    Column("extract_id", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("grant_id", String(40), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("key_id", String(16), nullable=False),
    Column("wrapped_salt", LargeBinary),
    Column("created_at", String(32), nullable=False),
    Column("destroyed_at", String(32), index=True),
    UniqueConstraint("recipient", "application_id", "extract_id", "version"),
)


class SqlPseudonymKeys:
    """Repository of pseudonym keys. It never commits."""

    def add(self, tx: Tx, key: PseudonymKey) -> bool:
        """Insert a key; false when its scope has this version already."""
        connection = connection_of(tx)
        values = {
            "id": key.id,
            "recipient": key.scope.recipient,
            "application_id": key.scope.application,
            "extract_id": key.scope.extract or _ALL_EXTRACTS,
            "version": key.version,
            "grant_id": key.grant,
            "algorithm": key.algorithm,
            "key_id": key.key_id,
            "wrapped_salt": key.wrapped_salt,
            "created_at": micros_text(key.created_at),
            "destroyed_at": None if key.destroyed_at is None else micros_text(key.destroyed_at),
        }
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        # RETURNING and not the row count, which psycopg does not give for such a statement
        added = dialect.insert(pseudonym_keys).values(values).on_conflict_do_nothing().returning(pseudonym_keys.c.id)
        return connection.execute(added).one_or_none() is not None

    def newest(self, tx: Tx, scope: KeyScope) -> PseudonymKey | None:
        """Return the highest version of a scope, destroyed or not."""
        there = (
            (pseudonym_keys.c.recipient == scope.recipient)
            & (pseudonym_keys.c.application_id == scope.application)
            & (pseudonym_keys.c.extract_id == (scope.extract or _ALL_EXTRACTS))
        )
        query = select(pseudonym_keys).where(there).order_by(pseudonym_keys.c.version.desc()).limit(1)
        row = connection_of(tx).execute(query).one_or_none()
        return None if row is None else _key(row)

    def standing(self, tx: Tx) -> list[PseudonymKey]:
        """Return the keys that were not destroyed, oldest first."""
        query = select(pseudonym_keys).where(pseudonym_keys.c.destroyed_at.is_(None))
        rows = connection_of(tx).execute(query.order_by(pseudonym_keys.c.created_at, pseudonym_keys.c.id))
        return [_key(row) for row in rows]

    def destroy(self, tx: Tx, identifier: PseudonymKeyId, at: datetime) -> bool:
        """Destroy the salt of a key for good; false when that was done before."""
        there = (pseudonym_keys.c.id == identifier) & pseudonym_keys.c.destroyed_at.is_(None)
        gone = update(pseudonym_keys).where(there).values(wrapped_salt=None, destroyed_at=micros_text(at))
        return bool(connection_of(tx).execute(gone).rowcount == 1)


def _key(row: Row[Any]) -> PseudonymKey:
    return PseudonymKey(
        id=PseudonymKeyId(row.id),
        scope=KeyScope(
            RecipientId(row.recipient),
            ApplicationId(row.application_id),
            ExtractId(row.extract_id) if row.extract_id != _ALL_EXTRACTS else None,
        ),
        grant=GrantId(row.grant_id),
        version=row.version,
        algorithm=cast(PseudonymAlgorithm, row.algorithm),
        key_id=row.key_id,
        created_at=instant_of(row.created_at),
        wrapped_salt=None if row.wrapped_salt is None else bytes(row.wrapped_salt),
        destroyed_at=None if row.destroyed_at is None else instant_of(row.destroyed_at),
    )
