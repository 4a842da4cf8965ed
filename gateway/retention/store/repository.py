"""Holds, their history, and the days that were swept. A lifted hold is never changed again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.db import Guard, connection_of, metadata, protect
from gateway.ids import AccountId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.retention.records import HoldEvent, HoldScope, LegalHold, LegalHoldId

_LOCK: Final = 0x78756A69686F6C64  # "xujihold": of advisory locks in this database, nobody else's

holds = protect(
    Table(
        "retention_holds",
        metadata,
        Column("id", String(40), primary_key=True),
        Column("data_class", String(32)),
        Column("case_id", String(40)),
        Column("grant_id", String(64)),
        Column("unit", String(32)),
        Column("first_day", String(10)),
        Column("last_day", String(10)),
        Column("ground", String(200), nullable=False),
        Column("review_on", String(10), nullable=False),
        Column("review_told", String(10)),
        Column("set_at", String(32), nullable=False),
        Column("set_by", String(64), nullable=False),
        Column("asked_by", String(64)),
        Column("lifted_at", String(32)),
        Column("lifted_by", String(64)),
        Column("version", Integer, nullable=False),
    ),
    # lifted by somebody else than who asked, and then for good
    Guard(
        update_if="NEW.id = OLD.id AND OLD.lifted_at IS NULL AND NEW.set_by = OLD.set_by AND NEW.set_at = OLD.set_at "
        "AND (NEW.lifted_at IS NULL OR (OLD.asked_by IS NOT NULL AND NEW.lifted_by <> OLD.asked_by))"
    ),
)
acts = protect(
    Table(
        "retention_hold_acts",
        metadata,
        Column("hold", String(40), nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("at", String(32), nullable=False),
        Column("account", String(64)),
        Column("act", String(16), nullable=False),
        Column("reason", Text, nullable=False),
        PrimaryKeyConstraint("hold", "sequence"),
    ),
    Guard(),
)
sweeps = protect(
    Table(
        "retention_sweeps",
        metadata,
        Column("day", String(10), primary_key=True),
        Column("finished_at", String(32), nullable=False),
        Column("destroyed", Integer, nullable=False),
    ),
    Guard(),
)
_columns = holds.c


class SqlHolds:
    """Implements ``gateway.retention.ports.HoldRows``. It never commits."""

    def serialize(self, tx: Tx) -> None:
        """Wait for whoever destroys or holds; on SQLite a writer is alone anyway."""
        connection = connection_of(tx)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

    def add(self, tx: Tx, hold: LegalHold, event: HoldEvent) -> None:
        """Insert a hold."""
        connection_of(tx).execute(insert(holds).values(**_row(hold)))
        self._note(tx, hold.id, event)

    def update(self, tx: Tx, before: LegalHold, hold: LegalHold, event: HoldEvent) -> bool:
        """Write a hold that is still as ``before``; say whether it was."""
        there = (_columns.id == hold.id) & (_columns.version == before.version) & _columns.lifted_at.is_(None)
        done = connection_of(tx).execute(update(holds).where(there).values(**_row(hold)))
        if done.rowcount == 1:
            self._note(tx, hold.id, event)
        return bool(done.rowcount == 1)

    def get(self, tx: Tx, hold: LegalHoldId) -> LegalHold | None:
        """Return a hold."""
        row = connection_of(tx).execute(select(holds).where(_columns.id == hold)).one_or_none()
        return None if row is None else _hold(row)

    def standing(self, tx: Tx) -> list[LegalHold]:
        """Return the holds that were not lifted, oldest first."""
        query = select(holds).where(_columns.lifted_at.is_(None)).order_by(_columns.set_at, _columns.id)
        return [_hold(row) for row in connection_of(tx).execute(query)]

    def listed(self, tx: Tx, limit: int) -> list[LegalHold]:
        """Return holds, those that stand first, then the newest."""
        order = (_columns.lifted_at.is_not(None), _columns.set_at.desc(), _columns.id)
        return [_hold(row) for row in connection_of(tx).execute(select(holds).order_by(*order).limit(limit))]

    def events(self, tx: Tx, hold: LegalHoldId) -> list[HoldEvent]:
        """Return the history of a hold, oldest first."""
        query = select(acts).where(acts.c.hold == hold).order_by(acts.c.sequence)
        return [
            HoldEvent(instant_of(row.at), None if row.account is None else AccountId(row.account), row.act, row.reason)
            for row in connection_of(tx).execute(query)
        ]

    def tell_review(self, tx: Tx, hold: LegalHold, event: HoldEvent) -> bool:
        """Remember that the review of a hold was called for; false when it was before."""
        day = hold.review_on.isoformat()
        untold = _columns.review_told.is_(None) | (_columns.review_told < day)
        there = (_columns.id == hold.id) & _columns.lifted_at.is_(None) & untold
        done = connection_of(tx).execute(update(holds).where(there).values(review_told=day))
        if done.rowcount == 1:
            self._note(tx, hold.id, event)
        return bool(done.rowcount == 1)

    def review_due(self, tx: Tx, today: date) -> list[LegalHold]:
        """Return the holds that stand, whose review is past and was not called for yet."""
        query = select(holds).where(
            _columns.lifted_at.is_(None),
            _columns.review_on < today.isoformat(),
            _columns.review_told.is_(None) | (_columns.review_told < _columns.review_on),
        )
        return [_hold(row) for row in connection_of(tx).execute(query.order_by(_columns.id))]

    def _note(self, tx: Tx, hold: LegalHoldId, event: HoldEvent) -> None:
        connection = connection_of(tx)
        last = connection.execute(
            select(func.coalesce(func.max(acts.c.sequence), 0)).where(acts.c.hold == hold)
        ).scalar_one()
        values = {
            "hold": hold,
            "sequence": int(last) + 1,
            "at": micros_text(event.at),
            "account": event.account,
            "act": event.act,
            "reason": event.reason,
        }
        connection.execute(insert(acts).values(values))


class SqlSweeps:
    """Implements ``gateway.retention.ports.SweepRows``. It never commits."""

    def finish(self, tx: Tx, day: date, at: datetime, destroyed: int) -> bool:
        """Remember that a day was swept; false when it was."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        values = {"day": day.isoformat(), "finished_at": micros_text(at), "destroyed": destroyed}
        added = dialect.insert(sweeps).values(values).on_conflict_do_nothing().returning(sweeps.c.day)
        return connection.execute(added).one_or_none() is not None

    def last(self, tx: Tx) -> date | None:
        """Return the last day that was swept."""
        found = connection_of(tx).execute(select(func.max(sweeps.c.day))).scalar_one()
        return None if found is None else date.fromisoformat(found)


def _row(hold: LegalHold) -> dict[str, object]:
    scope = hold.scope
    return {
        "id": hold.id,
        "data_class": scope.data_class,
        "case_id": scope.case,
        "grant_id": scope.grant,
        "unit": scope.unit,
        "first_day": None if scope.first_day is None else scope.first_day.isoformat(),
        "last_day": None if scope.last_day is None else scope.last_day.isoformat(),
        "ground": hold.ground,
        "review_on": hold.review_on.isoformat(),
        "set_at": micros_text(hold.set_at),
        "set_by": hold.set_by,
        "asked_by": hold.asked_by,
        "lifted_at": None if hold.lifted_at is None else micros_text(hold.lifted_at),
        "lifted_by": hold.lifted_by,
        "version": hold.version,
    }


def _hold(row: Row[Any]) -> LegalHold:
    scope = HoldScope(
        data_class=row.data_class,
        case=row.case_id,
        grant=row.grant_id,
        unit=row.unit,
        first_day=None if row.first_day is None else date.fromisoformat(row.first_day),
        last_day=None if row.last_day is None else date.fromisoformat(row.last_day),
    )
    return LegalHold(
        id=LegalHoldId(row.id),
        scope=scope,
        ground=row.ground,
        review_on=date.fromisoformat(row.review_on),
        set_at=instant_of(row.set_at),
        set_by=AccountId(row.set_by),
        asked_by=None if row.asked_by is None else AccountId(row.asked_by),
        lifted_at=None if row.lifted_at is None else instant_of(row.lifted_at),
        lifted_by=None if row.lifted_by is None else AccountId(row.lifted_by),
        version=row.version,
    )
