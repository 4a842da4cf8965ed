"""The commit counter and the outbox: both belong to every transaction that changes or shows a record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, insert, select, update

from core_registry.db.engine import reading
from core_registry.db.tables import outbox, register_state
from core_registry.db.times import parse, stamp
from core_registry.sharing import OutboxEvent

Fact = str | int | bool | None
_ROW: Final = 1


def advance(connection: Connection) -> int:
    """Count this transaction as one that changed the register; return the new counter.

    The row is locked until the commit. PostgreSQL: whoever writes to the outbox comes here or to ``queue``
    first, so that the order of the outbox is the order of the commits.
    """
    counter: int = connection.execute(
        update(register_state)
        .where(register_state.c.id == _ROW)
        .values(commits=register_state.c.commits + 1)
        .returning(register_state.c.commits)
    ).scalar_one()
    return counter


def commits(connection: Connection) -> int:
    """Return the commit counter."""
    counter: int = connection.execute(select(register_state.c.commits)).scalar_one()
    return counter


def queue(
    connection: Connection,
    kind: str,
    at: datetime,
    actor: str,
    facts: Mapping[str, Fact],
    subjects: Sequence[str] = (),
) -> None:
    """Write an outbox row in the transaction of ``connection``. ``facts`` hold no personal data."""
    connection.execute(select(register_state.c.commits).with_for_update())  # SQLite has locked all
    connection.execute(
        insert(outbox).values(
            kind=kind,
            at=stamp(at),
            actor=actor,
            facts=json.dumps(dict(facts), ensure_ascii=False, sort_keys=True, separators=(",", ":")),
            subjects=" ".join(subjects),
        )
    )


class SqlOutbox:
    """The outbox as the worker reads it; implements ``core_registry.sharing.Outbox``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pending(self, after: int, limit: int) -> list[OutboxEvent]:
        """Return events with a sequence above ``after``, ascending, at most ``limit``."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(outbox).where(outbox.c.sequence > after).order_by(outbox.c.sequence).limit(limit)
            ).all()
        return [
            OutboxEvent(row.sequence, row.kind, parse(row.at), row.actor, json.loads(row.facts), _split(row.subjects))
            for row in rows
        ]


def _split(subjects: str) -> tuple[str, ...]:
    return tuple(subjects.split())
