"""Rows of checks, and counts of guesses under opaque keys. Nobody who was asked about is in either."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.db import connection_of, metadata
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.releases.checks.records import OPEN, Check, CheckId, CheckState

_CHUNK = 1_000

checks = Table(
    "release_checks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("grant_id", String(40), nullable=False),
    Column("recipient", String(18), nullable=False),
    Column("executor", String(40), nullable=False),
    Column("people", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("leased_to", String(32), nullable=False),
    Index("ix_release_checks_state_leased_to", "state", "leased_to"),
)

guesses = Table(
    "release_guesses",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("day", String(10), nullable=False, index=True),
    Column("tries", Integer, nullable=False),
)


class SqlChecks:
    """Repository of checks and of guesses. It never commits."""

    def add(self, tx: Tx, check: Check) -> None:
        """Insert a check whose intent is being recorded."""
        connection_of(tx).execute(
            insert(checks).values(
                id=check.id,
                grant_id=check.grant,
                recipient=check.recipient,
                executor=check.executor,
                people=check.people,
                state=check.state,
                asked_at=micros_text(check.asked_at),
                leased_to=micros_text(check.leased_to),
            )
        )

    def get(self, tx: Tx, identifier: CheckId) -> Check | None:
        """Return one check."""
        row = connection_of(tx).execute(select(checks).where(checks.c.id == identifier)).one_or_none()
        return None if row is None else _check(row)

    def begin(self, tx: Tx, identifier: CheckId, leased_to: datetime) -> bool:
        """Take a check that was asked and that nobody has taken; say whether it was there."""
        asked = (checks.c.id == identifier) & (checks.c.state == CheckState.ASKED)
        taken = update(checks).where(asked).values(state=CheckState.LOOKING, leased_to=micros_text(leased_to))
        return bool(connection_of(tx).execute(taken).rowcount == 1)

    def end(self, tx: Tx, identifier: CheckId, state: CheckState, *, among: Collection[CheckState]) -> bool:
        """End a check that is in one of ``among``; say whether it was."""
        mine = (checks.c.id == identifier) & checks.c.state.in_(sorted(among))
        return bool(connection_of(tx).execute(update(checks).where(mine).values(state=state)).rowcount == 1)

    def orphans(self, tx: Tx, now: datetime) -> list[Check]:
        """Return open checks whose lease is over, oldest first."""
        silent = checks.c.state.in_(sorted(OPEN)) & (checks.c.leased_to < micros_text(now))
        query = select(checks).where(silent).order_by(checks.c.asked_at)
        return [_check(row) for row in connection_of(tx).execute(query)]

    def forget_checks(self, tx: Tx, before: datetime) -> int:
        """Remove closed checks asked before ``before``; return how many."""
        old = checks.c.state.not_in(sorted(OPEN)) & (checks.c.asked_at < micros_text(before))
        return int(connection_of(tx).execute(delete(checks).where(old)).rowcount)

    def reserve(self, tx: Tx, day: date, keys: Sequence[str]) -> list[int]:
        """Count one more for each key, atomically; return the counts, in the order of ``keys``.

        Keys are taken in order, so that two who count the same people at once wait for each other and never both.
        """
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(guesses)
        grown = statement.on_conflict_do_update(index_elements=["key"], set_={"tries": guesses.c.tries + 1})
        rows = [{"key": key, "day": day.isoformat(), "tries": 1} for key in sorted(set(keys))]
        connection.execute(grown, rows)
        found: dict[str, int] = {}
        for start in range(0, len(rows), _CHUNK):
            wanted = [row["key"] for row in rows[start : start + _CHUNK]]
            query = select(guesses.c.key, guesses.c.tries).where(guesses.c.key.in_(wanted))
            found.update({key: tries for key, tries in connection.execute(query)})
        return [found[key] for key in keys]

    def give_back(self, tx: Tx, keys: Sequence[str], confirmed: Sequence[bool]) -> None:
        """Count one less for each key whose person was confirmed; touches every key, in order."""
        rows = [{"which": key, "back": int(one)} for key, one in sorted(zip(keys, confirmed, strict=True))]
        statement = (
            update(guesses)
            .where(guesses.c.key == bindparam("which"))
            .values(tries=guesses.c.tries - bindparam("back", type_=Integer))
        )
        connection_of(tx).execute(statement, rows)

    def forget_guesses(self, tx: Tx, before: date) -> int:
        """Remove the counts of days before ``before``; return how many."""
        return int(connection_of(tx).execute(delete(guesses).where(guesses.c.day < before.isoformat())).rowcount)


def _check(row: Row[Any]) -> Check:
    return Check(
        id=CheckId(row.id),
        grant=GrantId(row.grant_id),
        recipient=RecipientId(row.recipient),
        executor=AccountId(row.executor),
        people=row.people,
        state=CheckState(row.state),
        asked_at=instant_of(row.asked_at),
        leased_to=instant_of(row.leased_to),
    )
