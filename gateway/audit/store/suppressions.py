"""Rows of suppressions of alerts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    tuple_,
    update,
)

from gateway.audit.alerts_records import AlertId, Mark, Suppression, SuppressionId, SuppressionState
from gateway.audit.store.alerts import GROUP_LENGTH
from gateway.db import Guard, connection_of, metadata, protect
from gateway.ids import AccountId, UnitCode
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.principals import Role

_BIG = BigInteger().with_variant(Integer, "sqlite")
_LIVE = (SuppressionState.WAITING.value, SuppressionState.ACTIVE.value)

alert_suppressions = Table(
    "alert_suppressions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("group_key", String(GROUP_LENGTH), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("owner", String(32), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("about", String(64)),
    Column("alert", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("until", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", String(32)),
    Column("confirmed_by", String(64)),
    Column("ended_at", String(32)),
    Column("hits", Integer, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("last_seq", _BIG),
    Column("last_at", String(32)),
    Column("version", Integer, nullable=False),
    Index("ix_alert_suppressions_group", "rule", "group_key", "state"),
    Index("ix_alert_suppressions_asked", "asked_at", "id"),
)
protect(
    alert_suppressions,
    Guard(
        update_if="NEW.id = OLD.id AND NEW.rule = OLD.rule AND NEW.group_key = OLD.group_key "
        "AND NEW.reason = OLD.reason AND NEW.until = OLD.until AND NEW.asked_by = OLD.asked_by AND NEW.hits >= OLD.hits"
    ),
)


class SqlSuppressions:
    """Implements ``gateway.audit.suppressions.SuppressionStore``, and what the follower needs."""

    def add(self, tx: Tx, suppression: Suppression) -> None:
        """Insert one."""
        connection_of(tx).execute(insert(alert_suppressions).values(**_row(suppression)))

    def get(self, tx: Tx, suppression: SuppressionId) -> Suppression | None:
        """Return one."""
        table = alert_suppressions
        row = connection_of(tx).execute(select(table).where(table.c.id == suppression)).one_or_none()
        return None if row is None else _suppression(row)

    def update(self, tx: Tx, suppression: Suppression, before: int) -> bool:
        """Write a change of one at version ``before``; say whether it was. What it counts moves on its own."""
        values = _row(suppression)
        for name in ("id", "hits", "entries", "last_seq", "last_at"):
            del values[name]
        table = alert_suppressions
        done = connection_of(tx).execute(
            update(table).where(table.c.id == suppression.id, table.c.version == before).values(**values)
        )
        return done.rowcount == 1

    def live_of(self, tx: Tx, rule: str, key: str) -> Suppression | None:
        """Return the one of a group that waits or holds."""
        table = alert_suppressions
        query = select(table).where(
            table.c.rule == rule, table.c.group_key == key[:GROUP_LENGTH], table.c.state.in_(_LIVE)
        )
        row = connection_of(tx).execute(query.order_by(table.c.asked_at).limit(1)).one_or_none()
        return None if row is None else _suppression(row)

    def of_desks(self, tx: Tx, desks: Iterable[tuple[UnitCode, Role]], *, live: bool, limit: int) -> list[Suppression]:
        """Return those of ``desks``, the newest first; ``live`` leaves out what is over."""
        table = alert_suppressions
        pairs = [(unit, owner.value) for unit, owner in desks]
        query = select(table).where(tuple_(table.c.unit, table.c.owner).in_(pairs))
        if live:
            query = query.where(table.c.state.in_(_LIVE))
        query = query.order_by(table.c.asked_at.desc(), table.c.id).limit(limit)
        return [_suppression(row) for row in connection_of(tx).execute(query)]

    def desks(self, tx: Tx) -> list[tuple[UnitCode, Role]]:
        """Return unit and owner of all, each pair once."""
        query = select(alert_suppressions.c.unit, alert_suppressions.c.owner).distinct()
        return [(UnitCode(row.unit), Role(row.owner)) for row in connection_of(tx).execute(query)]

    def covering(self, tx: Tx, after: datetime) -> list[Suppression]:
        """Return all that began to hold and whose end lies after a moment, also those that were lifted meanwhile."""
        table = alert_suppressions
        query = select(table).where(table.c.since.is_not(None), table.c.until > micros_text(after)).order_by(table.c.id)
        return [_suppression(row) for row in connection_of(tx).execute(query)]

    def over(self, tx: Tx, now: datetime, limit: int) -> list[Suppression]:
        """Return those that wait or hold beyond their end."""
        table = alert_suppressions
        query = select(table).where(table.c.state.in_(_LIVE), table.c.until <= micros_text(now)).limit(limit)
        return [_suppression(row) for row in connection_of(tx).execute(query)]

    def count(self, tx: Tx, suppression: SuppressionId, hits: int, entries: int, last: Mark) -> None:
        """Count alerts that were not raised, of so many entries."""
        table = alert_suppressions
        connection_of(tx).execute(
            update(table)
            .where(table.c.id == suppression)
            .values(
                hits=table.c.hits + hits,
                entries=table.c.entries + entries,
                last_seq=last.index,
                last_at=micros_text(last.at),
            )
        )


def _row(one: Suppression) -> dict[str, object]:
    return {
        "id": one.id,
        "rule": one.rule,
        "group_key": one.key[:GROUP_LENGTH],
        "unit": one.unit,
        "owner": one.owner.value,
        "severity": one.severity,
        "about": one.about,
        "alert": one.alert,
        "reason": one.reason,
        "asked_by": one.asked_by,
        "asked_at": micros_text(one.asked_at),
        "until": micros_text(one.until),
        "state": one.state.value,
        "since": None if one.since is None else micros_text(one.since),
        "confirmed_by": one.confirmed_by,
        "ended_at": None if one.ended_at is None else micros_text(one.ended_at),
        "hits": one.hits,
        "entries": one.entries,
        "last_seq": one.last_index,
        "last_at": None if one.last_at is None else micros_text(one.last_at),
        "version": one.version,
    }


def _suppression(row: Row[tuple[object, ...]]) -> Suppression:
    return Suppression(
        id=SuppressionId(row.id),
        rule=row.rule,
        key=row.group_key,
        unit=UnitCode(row.unit),
        owner=Role(row.owner),
        severity=row.severity,
        about=None if row.about is None else AccountId(row.about),
        alert=AlertId(row.alert),
        reason=row.reason,
        asked_by=AccountId(row.asked_by),
        asked_at=instant_of(row.asked_at),
        until=instant_of(row.until),
        state=SuppressionState(row.state),
        since=None if row.since is None else instant_of(row.since),
        confirmed_by=None if row.confirmed_by is None else AccountId(row.confirmed_by),
        ended_at=None if row.ended_at is None else instant_of(row.ended_at),
        hits=row.hits,
        entries=row.entries,
        last_index=row.last_seq,
        last_at=None if row.last_at is None else instant_of(row.last_at),
        version=row.version,
    )
