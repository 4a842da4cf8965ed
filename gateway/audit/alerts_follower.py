"""The worker's end of alerts: follows the audit log from a cursor and raises what the rules say.

Each entry is taken once, in order. What an entry does to a group is written in the transaction that moves the cursor
past it; where several rules take one entry, the last moves it, and a group knows which entry it took last. So a worker
that was killed, or a second one beside it, goes on where the log was left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.audit.alerts_records import Alert, AlertEvent, AlertId, AlertState, Mark, Watch
from gateway.audit.alerts_rules import (
    Content,
    Join,
    Raise,
    Skip,
    Step,
    Wait,
    Worked,
    due_of,
    group_of,
    matches,
    member,
    moment_of,
    rules_of,
    step,
)
from gateway.audit.entries import decode_entry
from gateway.audit.records import StoredEntry
from gateway.ids import AccountId, UnitCode
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.principals import Role
from rulebook.alert_records import Alerting, AlertRule

CURSOR: Final = "alerts"
BATCH = 500
OVERDUE_AT_ONCE = 200
NAMED = 20
"""Entries that ``alert.raised`` names."""


class WatchStore(Protocol):
    """What the follower keeps of groups and alerts."""

    def watch(self, tx: Tx, rule: str, key: str) -> Watch:
        """Return what is known of a group."""

    def wait(self, tx: Tx, rule: str, key: str, waiting: Sequence[Mark]) -> None:
        """Remember the entries of a group that wait."""

    def join(self, tx: Tx, alert: Alert, mark: Mark) -> None:
        """Count one more entry of an alert."""

    def add(self, tx: Tx, alert: Alert, proof: Sequence[Mark], event: AlertEvent) -> None:
        """Insert an alert."""

    def update(self, tx: Tx, alert: Alert, before: int, event: AlertEvent) -> bool:
        """Write a change of an alert at version ``before``."""

    def past_due(self, tx: Tx, now: datetime, limit: int) -> list[Alert]:
        """Return unclosed alerts whose deadline passed unrecorded."""


class LogCursor(Protocol):
    """The log, and how far it was read."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the rows of a range."""

    def cursor(self, tx: Tx, name: str) -> int:
        """Return how far the log was read."""

    def hold_cursor(self, tx: Tx, name: str, expected: int) -> bool:
        """Lock a cursor that is at ``expected`` for this transaction; say whether it was."""

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move a cursor that is at ``expected``."""


class Places(Protocol):
    """Which department answers."""

    @property
    def province(self) -> UnitCode:
        """The department that answers when nobody nearer is known."""

    def department_of(self, unit: str) -> UnitCode | None:
        """Return the department of a unit: itself, or that which manages the school; ``None`` for an unknown unit."""

    def unit_of_account(self, account: str) -> str | None:
        """Return the unit of an account, ``None`` for a client's and an unknown one."""

    def territory_of(self, *, grant: str | None, application: str | None) -> str | None:
        """Return the territory of a grant, or the unit that decides an application; ``None`` for an unknown one."""


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class AlertFollower:
    """Raises alerts. ``worked`` says whether a day is a working day."""

    store: WatchStore
    log: LogCursor
    reader: Reader
    journal: Journal
    scratch: Scratch
    alerting: Alerting
    worked: Worked
    places: Places
    now: Callable[[], datetime]
    new_id: Callable[[str], str]

    def round(self) -> bool:
        """Take the next entries of the log; say whether there were any."""
        position = self.reader.read(lambda tx: self.log.cursor(tx, CURSOR))
        found = self.reader.read(lambda tx: list(self.log.entries(tx, position, position + BATCH)))
        rules = rules_of(self.alerting)
        try:
            for stored in found:
                content = decode_entry(stored.body)
                taken = [rule for rule in rules if matches(rule, content, hours=self.alerting, worked=self.worked)]
                for number, rule in enumerate(taken, start=1):
                    past = stored.index + 1 if number == len(taken) else None
                    self._take(rule, content, stored.index, position, past)
                if taken:
                    position = stored.index + 1
            if found and found[-1].index >= position:
                self._move(position, found[-1].index + 1)
        except _OvertakenError:
            return True  # another worker was quicker: look again
        return bool(found)

    def _take(self, rule: AlertRule, content: Content, index: int, position: int, past: int | None) -> None:
        """Do what one entry does to one group; move the cursor ``past`` it when this is the last rule."""
        key, mark = group_of(rule, content), Mark(index, moment_of(content))
        planned = step(rule, self.reader.read(lambda tx: self.store.watch(tx, rule.code, key)), mark)

        def write(tx: Tx, raised: Alert | None) -> None:
            if not self.log.hold_cursor(tx, CURSOR, position):
                raise _OvertakenError
            watch = self.store.watch(tx, rule.code, key)
            actual = step(rule, watch, mark)
            if type(actual) is not type(planned):
                raise _OvertakenError
            self._apply(tx, rule, key, actual, watch, raised)
            if past is not None:
                self.log.move_cursor(tx, CURSOR, position, past)

        if isinstance(planned, Raise):
            alert = self._alert(rule, key, content, planned)
            self.journal.record(lambda tx: write(tx, alert), self._raised(alert, content, planned))
        else:
            self.scratch.write(lambda tx: write(tx, None))

    def _apply(self, tx: Tx, rule: AlertRule, key: str, done: Step, watch: Watch, raised: Alert | None) -> None:
        match done:
            case Skip():
                return
            case Wait(waiting):
                self.store.wait(tx, rule.code, key, waiting)
            case Join(mark):
                if watch.alert is not None:
                    self.store.join(tx, watch.alert, mark)
            case Raise(proof):
                if raised is not None:
                    self.store.wait(tx, rule.code, key, ())
                    self.store.add(tx, raised, proof, AlertEvent(raised.opened_at, None, "raised"))

    def _move(self, expected: int, position: int) -> None:
        def write(tx: Tx) -> None:
            if not self.log.hold_cursor(tx, CURSOR, expected):
                raise _OvertakenError
            self.log.move_cursor(tx, CURSOR, expected, position)

        self.scratch.write(write)

    def _alert(self, rule: AlertRule, key: str, content: Content, raised: Raise) -> Alert:
        now = self.now()
        # where the system tells of somebody's act, that person stands among the facts
        actor = member(content, "actor.id") or member(content, "facts.account")
        return Alert(
            id=AlertId(self.new_id("al")),
            rule=rule.code,
            key=key,
            severity=rule.severity,
            owner=Role(rule.owner),
            unit=self._unit(rule, content),
            about=None if actor is None else AccountId(str(actor)),
            state=AlertState.OPEN,
            opened_at=now,
            due=due_of(rule.deadline, now, self.alerting, self.worked),
            count=len(raised.proof),
            last_index=raised.proof[-1].index,
            last_at=max(one.at for one in raised.proof),
        )

    def _raised(self, alert: Alert, content: Content, raised: Raise) -> EntryDraft:
        links = content["links"]
        facts: dict[str, JsonValue] = {
            "alert": alert.id,
            "rule": alert.rule,
            "severity": alert.severity,
            "unit": alert.unit,
            "owner": alert.owner.value,
            "due": seconds_text(alert.due),
            "count": alert.count,
            "entries": [one.index for one in raised.proof[-NAMED:]],
        }
        named = {name: str(value) for name, value in links.items()} if isinstance(links, Mapping) else {}
        return EntryDraft("alert.raised", None, facts=facts, links=named)

    def _unit(self, rule: AlertRule, content: Content) -> UnitCode:
        """Return the department that answers; the province when nobody nearer is known."""
        found: str | None = None
        match rule.unit_from:
            case "account":
                account = member(content, "facts.account")
                found = self.places.unit_of_account(str(account)) if account is not None else None
            case "grant":
                grant, application = (member(content, f"links.{name}") for name in ("grant", "application"))
                found = self.places.territory_of(
                    grant=None if grant is None else str(grant),
                    application=None if application is None else str(application),
                )
            case "actor" | "province":
                pass
        if found is None and rule.unit_from != "province":
            told = member(content, "actor.unit") or member(content, "facts.unit")
            found = None if told is None else str(told)
        department = None if found is None else self.places.department_of(found)
        return department or self.places.province

    # deadlines

    def mark_overdue(self) -> int:
        """Record each alert whose deadline passed; return how many."""
        late = self.reader.read(lambda tx: self.store.past_due(tx, self.now(), OVERDUE_AT_ONCE))
        return sum(self._overdue(alert) for alert in late)

    def _overdue(self, alert: Alert) -> bool:
        changed = replace(alert, overdue=True, version=alert.version + 1)

        def write(tx: Tx) -> None:
            if not self.store.update(tx, changed, alert.version, AlertEvent(self.now(), None, "overdue")):
                raise _OvertakenError

        facts: dict[str, JsonValue] = {
            "alert": alert.id,
            "rule": alert.rule,
            "severity": alert.severity,
            "unit": alert.unit,
            "owner": alert.owner.value,
            "due": seconds_text(alert.due),
            "state": alert.state.value,
        }
        try:
            self.journal.record(write, EntryDraft("alert.overdue", None, facts=facts))
        except _OvertakenError:
            return False  # somebody handled it in between
        return True


class _OvertakenError(Exception):
    """Another worker took the entry, or a handler the alert, in between; undoes the write."""
