"""Rows to records and back."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import cache

from sqlalchemy import (
    RowMapping,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from gateway.accounts.records import Account
from gateway.db import connection_of
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx
from gateway.principals import AccountKind, Role


def insert_new(tx: Tx, table: Table, **values: str | int | None) -> bool:
    """Insert a row unless its primary key is there; one statement, so that two at once cannot both succeed."""
    connection = connection_of(tx)
    return connection.execute(_insertion(table, connection.dialect.name), values).one_or_none() is not None


@cache
def _insertion(table: Table, dialect: str) -> ReturningInsert[tuple[object, ...]]:
    """Build the statement once in a process: it takes longer than to run it."""
    build = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # RETURNING says whether there was a row; rowcount is not kept for every INSERT.
    return build(table).on_conflict_do_nothing().returning(*table.primary_key)


def lock_or_insert(tx: Tx, table: Table, **values: str | int | None) -> RowMapping:
    """Return the row with the primary key of ``values``, locked; it is inserted when it is not there.

    One statement: between an INSERT and a SELECT another transaction could delete the row.
    """
    connection = connection_of(tx)
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    key = {column.name: values[column.name] for column in table.primary_key}
    statement = (
        build(table).values(values).on_conflict_do_update(index_elements=list(key), set_=key).returning(*table.c)
    )
    return connection.execute(statement).mappings().one()


def account_row(account: Account) -> dict[str, object]:
    """Return the column values of an account."""
    return {
        "id": account.id,
        "kind": account.kind.value,
        "username": account.username,
        "name": account.name,
        "roles": roles_text(account.roles),
        "unit": account.unit,
        "post": account.post,
        "recipient": account.recipient,
        "password_hash": account.password_hash,
        "password_set_at": instant_text(account.password_set_at),
        "must_change": account.must_change,
        "totp_sealed": account.totp_sealed,
        "totp_step": account.totp_step,
        "created_at": instant_text(account.created_at),
        "last_used_at": instant_text(account.last_used_at),
        "reopened_at": instant_text(account.reopened_at),
        "sealed_at": instant_text(account.sealed_at),
        "sealed_reason": account.sealed_reason,
        "filed_on": account.filed_on.isoformat() if account.filed_on else None,
        "trained_on": account.trained_on.isoformat() if account.trained_on else None,
        "rules_version": account.rules_version,
        "rules_acknowledged_at": instant_text(account.created_at) if account.rules_version else None,
    }


def account_of(row: RowMapping) -> Account:
    """Return the account of a row."""
    return Account(
        id=AccountId(row["id"]),
        kind=AccountKind(row["kind"]),
        roles=frozenset(Role(name) for name in json.loads(row["roles"])),
        created_at=instant_of(row["created_at"]),
        username=row["username"],
        name=row["name"],
        unit=UnitCode(row["unit"]) if row["unit"] else None,
        post=row["post"],
        recipient=RecipientId(row["recipient"]) if row["recipient"] else None,
        password_hash=row["password_hash"],
        password_set_at=maybe_instant(row["password_set_at"]),
        must_change=row["must_change"],
        totp_sealed=row["totp_sealed"],
        totp_step=row["totp_step"],
        last_used_at=maybe_instant(row["last_used_at"]),
        reopened_at=maybe_instant(row["reopened_at"]),
        sealed_at=maybe_instant(row["sealed_at"]),
        sealed_reason=row["sealed_reason"],
        filed_on=date.fromisoformat(row["filed_on"]) if row["filed_on"] else None,
        trained_on=date.fromisoformat(row["trained_on"]) if row["trained_on"] else None,
        rules_version=row["rules_version"],
    )


def roles_text(roles: frozenset[Role]) -> str:
    """Return roles as a sorted JSON array."""
    return json_text(sorted(role.value for role in roles))


def json_text(value: object) -> str:
    """Return compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def instant_text(instant: datetime | None) -> str | None:
    """Return RFC 3339 in UTC, to the second; text sorts as time does."""
    return seconds_text(instant) if instant is not None else None


def maybe_instant(text: str | None) -> datetime | None:
    """Return the aware instant of a stored text, ``None`` for none."""
    return instant_of(text) if text else None
