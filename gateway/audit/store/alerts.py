"""Rows of alerts, of the entries that prove them, of their history, and of entries that wait for more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from gateway.audit.alerts_records import (
    EVIDENCE_KEPT,
    Alert,
    AlertEvent,
    AlertId,
    AlertQuery,
    AlertState,
    Finding,
    Mark,
    Watch,
)
from gateway.db import Guard, connection_of, metadata, protect
from gateway.ids import AccountId, UnitCode
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.principals import Role

_BIG = BigInteger().with_variant(Integer, "sqlite")
_URGENCY = {"high": 0, "medium": 1, "low": 2}
_CLOSED = 10
"""Added to the urgency of a closed alert: the open ones come first."""
GROUP_LENGTH = 120

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("rule", String(64), nullable=False),
    Column("group_key", String(GROUP_LENGTH), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("about", String(64)),
    Column("state", String(16), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("due", String(32), nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_seq", _BIG, nullable=False),
    Column("last_at", String(32), nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("handler", String(64)),
    Column("closed_at", String(32)),
    Column("finding", String(16)),
    Column("version", Integer, nullable=False),
    Column("escalations", Integer, nullable=False, server_default="0"),
    Column("escalates_at", String(32)),
    Index("ix_alerts_rule_group", "rule", "group_key", "last_seq"),
    Index("ix_alerts_urgency_due", "urgency", "due", "id"),
)
alert_entries = Table(
    "alert_entries",
    metadata,
    Column("alert", String(40), nullable=False),
    Column("seq", _BIG, nullable=False),
    PrimaryKeyConstraint("alert", "seq"),
)
alert_events = Table(
    "alert_events",
    metadata,
    Column("alert", String(40), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", String(32), nullable=False),
    Column("account", String(64)),
    Column("act", String(16), nullable=False),
    Column("comment", Text, nullable=False),
    PrimaryKeyConstraint("alert", "sequence"),
)
alert_marks = Table(
    "alert_marks",
    metadata,
    Column("rule", String(64), nullable=False),
    Column("group_key", String(GROUP_LENGTH), nullable=False),
    Column("seq", _BIG, nullable=False),
    Column("at", String(32), nullable=False),
    PrimaryKeyConstraint("rule", "group_key", "seq"),
)
protect(alert_entries, Guard())
protect(alert_events, Guard())
protect(alerts, Guard(update_if="NEW.id = OLD.id AND NEW.rule = OLD.rule AND OLD.state <> 'closed'"))


class SqlAlertStore:
    """Implements ``gateway.audit.alerts.AlertStore`` and ``gateway.audit.alerts_follower.WatchStore``."""

    # what the follower keeps

    def watches(self, tx: Tx, rule: str, keys: Collection[str]) -> dict[str, Watch]:
        """Return of groups the entries that wait, in order of the log, and the newest alert."""
        connection, names = connection_of(tx), {key[:GROUP_LENGTH] for key in keys}
        of_rule = (alerts.c.rule == rule) & alerts.c.group_key.in_(names)
        newest = select(alerts.c.group_key, func.max(alerts.c.last_seq).label("last")).where(of_rule)
        last = newest.group_by(alerts.c.group_key).subquery()
        joined = alerts.join(last, (alerts.c.group_key == last.c.group_key) & (alerts.c.last_seq == last.c.last))
        found = {
            row.group_key: _alert(row)
            for row in connection.execute(select(alerts).select_from(joined).where(alerts.c.rule == rule))
        }
        marks = select(alert_marks).where(alert_marks.c.rule == rule, alert_marks.c.group_key.in_(names))
        waiting: dict[str, list[Mark]] = {}
        for row in connection.execute(marks.order_by(alert_marks.c.seq)):
            waiting.setdefault(row.group_key, []).append(Mark(row.seq, instant_of(row.at)))
        known = {*found, *waiting}
        return {name: Watch(tuple(waiting.get(name, ())), found.get(name)) for name in known}

    def wait(self, tx: Tx, changes: Iterable[tuple[str, str, Sequence[Mark], Sequence[Mark]]]) -> None:
        """Write for each rule and group which entries wait no more, and which do now."""
        gone, new = [], []
        for rule, key, before, waiting in changes:
            name, held, wanted = key[:GROUP_LENGTH], set(before), set(waiting)
            gone += [{"rule_": rule, "key_": name, "seq_": one.index} for one in held - wanted]
            new += [
                {"rule": rule, "group_key": name, "seq": one.index, "at": micros_text(one.at)} for one in wanted - held
            ]
        connection, table = connection_of(tx), alert_marks
        if gone:
            one = (table.c.rule == bindparam("rule_")) & (table.c.group_key == bindparam("key_"))
            connection.execute(delete(table).where(one, table.c.seq == bindparam("seq_")), gone)
        if new:
            connection.execute(insert(table), new)

    def join(self, tx: Tx, alert: Alert, marks: Sequence[Mark]) -> bool:
        """Count more entries of an alert that is not closed; say whether it is not. The first ones are named too."""
        connection = connection_of(tx)
        done = connection.execute(
            update(alerts)
            .where(alerts.c.id == alert.id, alerts.c.urgency < _CLOSED, alerts.c.last_seq < marks[0].index)
            .values(
                count=alerts.c.count + len(marks),
                last_seq=marks[-1].index,
                last_at=micros_text(max(alert.last_at, *(mark.at for mark in marks))),
            )
        )
        named = marks[: max(0, EVIDENCE_KEPT - alert.count)]
        if done.rowcount == 1 and named:
            connection.execute(insert(alert_entries), [{"alert": alert.id, "seq": mark.index} for mark in named])
        return done.rowcount == 1

    def forget_marks(self, tx: Tx, rule: str, before: datetime) -> int:
        """Forget entries that waited beyond any window of a rule; return how many."""
        table = alert_marks
        done = connection_of(tx).execute(delete(table).where(table.c.rule == rule, table.c.at < micros_text(before)))
        return done.rowcount

    # alerts

    def add(self, tx: Tx, alert: Alert, proof: Sequence[Mark], event: AlertEvent) -> None:
        """Insert an alert with the entries that prove it and its first event."""
        connection = connection_of(tx)
        connection.execute(insert(alerts).values(**_row(alert)))
        connection.execute(insert(alert_entries), [{"alert": alert.id, "seq": one.index} for one in proof])
        self._note(tx, alert.id, event)

    def update(self, tx: Tx, alert: Alert, before: int, event: AlertEvent) -> bool:
        """Write a change of an alert that is at version ``before``, with its event; say whether it was."""
        values = _row(alert)
        for name in ("id", "count", "last_seq", "last_at"):  # these move on their own
            del values[name]
        done = connection_of(tx).execute(
            update(alerts).where(alerts.c.id == alert.id, alerts.c.version == before).values(**values)
        )
        if done.rowcount == 1:
            self._note(tx, alert.id, event)
        return done.rowcount == 1

    def _note(self, tx: Tx, alert: AlertId, event: AlertEvent) -> None:
        connection = connection_of(tx)
        last = connection.execute(
            select(func.coalesce(func.max(alert_events.c.sequence), 0)).where(alert_events.c.alert == alert)
        ).scalar_one()
        connection.execute(
            insert(alert_events).values(
                alert=alert,
                sequence=int(last) + 1,
                at=micros_text(event.at),
                account=event.account,
                act=event.act,
                comment=event.comment,
            )
        )

    def get(self, tx: Tx, alert: AlertId) -> Alert | None:
        """Return an alert."""
        row = connection_of(tx).execute(select(alerts).where(alerts.c.id == alert)).one_or_none()
        return None if row is None else _alert(row)

    def events(self, tx: Tx, alert: AlertId) -> list[AlertEvent]:
        """Return the history of an alert, oldest first."""
        query = select(alert_events).where(alert_events.c.alert == alert).order_by(alert_events.c.sequence)
        return [
            AlertEvent(
                instant_of(row.at), None if row.account is None else AccountId(row.account), row.act, row.comment
            )
            for row in connection_of(tx).execute(query)
        ]

    def entries_of(self, tx: Tx, alert: AlertId) -> list[int]:
        """Return the entries that prove an alert, oldest first, at most ``EVIDENCE_KEPT``."""
        query = select(alert_entries.c.seq).where(alert_entries.c.alert == alert).order_by(alert_entries.c.seq)
        return [int(seq) for seq in connection_of(tx).execute(query).scalars()]

    def desks(self, tx: Tx, *, unclosed: bool = False) -> list[tuple[UnitCode, Role]]:
        """Return unit and owner of all alerts, each pair once."""
        query = select(alerts.c.unit, alerts.c.owner).distinct().order_by(alerts.c.unit, alerts.c.owner)
        if unclosed:
            query = query.where(alerts.c.urgency < _CLOSED)
        return [(UnitCode(row.unit), Role(row.owner)) for row in connection_of(tx).execute(query)]

    def find(self, tx: Tx, query: AlertQuery, desks: Iterable[tuple[UnitCode, Role]]) -> list[Alert]:
        """Return the alerts of ``desks`` that fit, unclosed ones first, then by severity and deadline."""
        order = (alerts.c.urgency, alerts.c.due, alerts.c.id)
        found = select(alerts).where(_of_desks(desks), *_conditions(query)).order_by(*order).limit(query.limit)
        if query.after is not None:
            row = connection_of(tx).execute(select(*order).where(alerts.c.id == query.after)).one_or_none()
            if row is None:
                return []
            found = found.where(
                or_(
                    alerts.c.urgency > row.urgency,
                    and_(alerts.c.urgency == row.urgency, alerts.c.due > row.due),
                    and_(alerts.c.urgency == row.urgency, alerts.c.due == row.due, alerts.c.id > row.id),
                )
            )
        return [_alert(row) for row in connection_of(tx).execute(found)]

    def count_unclosed(self, tx: Tx, desks: Iterable[tuple[UnitCode, Role]]) -> int:
        """Return how many alerts of ``desks`` are not closed."""
        query = select(func.count()).select_from(alerts).where(alerts.c.urgency < _CLOSED, _of_desks(desks))
        return int(connection_of(tx).execute(query).scalar_one())

    def gauges(self, tx: Tx, now: datetime) -> list[tuple[str, str, int, int]]:
        """Return rule, severity, and how many are not closed and how many of them late."""
        late = func.sum(case((alerts.c.due < micros_text(now), 1), else_=0))
        query = (
            select(alerts.c.rule, alerts.c.severity, func.count().label("n"), late.label("late"))
            .where(alerts.c.urgency < _CLOSED)
            .group_by(alerts.c.rule, alerts.c.severity)
            .order_by(alerts.c.rule, alerts.c.severity)
        )
        return [(row.rule, row.severity, int(row.n), int(row.late or 0)) for row in connection_of(tx).execute(query)]

    def to_escalate(self, tx: Tx, now: datetime, limit: int) -> list[Alert]:
        """Return unclosed alerts that are to be given to somebody higher by ``now``, most urgent first."""
        query = (
            select(alerts)
            .where(alerts.c.urgency < _CLOSED, alerts.c.escalates_at < micros_text(now))
            .order_by(alerts.c.urgency, alerts.c.due, alerts.c.id)
            .limit(limit)
        )
        return [_alert(row) for row in connection_of(tx).execute(query)]

    def past_due(self, tx: Tx, now: datetime, limit: int) -> list[Alert]:
        """Return unclosed alerts whose deadline passed before ``now`` and was not recorded, most urgent first."""
        query = (
            select(alerts)
            .where(alerts.c.urgency < _CLOSED, alerts.c.due < micros_text(now), alerts.c.overdue.is_(False))
            .order_by(alerts.c.urgency, alerts.c.due, alerts.c.id)
            .limit(limit)
        )
        return [_alert(row) for row in connection_of(tx).execute(query)]


def _of_desks(desks: Iterable[tuple[UnitCode, Role]]) -> ColumnElement[bool]:
    pairs = [(unit, owner.value) for unit, owner in desks]
    return tuple_(alerts.c.unit, alerts.c.owner).in_(pairs)


def _conditions(query: AlertQuery) -> list[ColumnElement[bool]]:
    wanted = {
        "state": None if query.state is None else query.state.value,
        "rule": query.rule,
        "severity": query.severity,
        "owner": None if query.owner is None else query.owner.value,
        "unit": query.unit,
    }
    asked = {name: value for name, value in wanted.items() if value is not None}
    conditions: list[ColumnElement[bool]] = [alerts.c[name] == value for name, value in asked.items()]
    if query.unclosed:
        conditions.append(alerts.c.urgency < _CLOSED)
    if query.overdue_at is not None:
        conditions += [alerts.c.urgency < _CLOSED, alerts.c.due < micros_text(query.overdue_at)]
    return conditions


def _row(alert: Alert) -> dict[str, object]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "group_key": alert.key[:GROUP_LENGTH],
        "severity": alert.severity,
        "urgency": _URGENCY[alert.severity] + (_CLOSED if alert.state is AlertState.CLOSED else 0),
        "owner": alert.owner.value,
        "unit": alert.unit,
        "about": alert.about,
        "state": alert.state.value,
        "opened_at": micros_text(alert.opened_at),
        "due": micros_text(alert.due),
        "count": alert.count,
        "last_seq": alert.last_index,
        "last_at": micros_text(alert.last_at),
        "overdue": alert.overdue,
        "handler": alert.handler,
        "closed_at": None if alert.closed_at is None else micros_text(alert.closed_at),
        "finding": None if alert.finding is None else alert.finding.value,
        "version": alert.version,
        "escalations": alert.escalations,
        "escalates_at": None if alert.escalates_at is None else micros_text(alert.escalates_at),
    }


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    return Alert(
        id=AlertId(row.id),
        rule=row.rule,
        key=row.group_key,
        severity=row.severity,
        owner=Role(row.owner),
        unit=UnitCode(row.unit),
        about=None if row.about is None else AccountId(row.about),
        state=AlertState(row.state),
        opened_at=instant_of(row.opened_at),
        due=instant_of(row.due),
        count=row._mapping["count"],  # Row.count is a method of tuples
        last_index=row.last_seq,
        last_at=instant_of(row.last_at),
        overdue=bool(row.overdue),
        handler=None if row.handler is None else AccountId(row.handler),
        closed_at=None if row.closed_at is None else instant_of(row.closed_at),
        finding=None if row.finding is None else Finding(row.finding),
        version=row.version,
        escalations=row.escalations,
        escalates_at=None if row.escalates_at is None else instant_of(row.escalates_at),
    )
