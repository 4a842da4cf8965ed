"""The worker's end of alerts: follows the audit log from a cursor and raises what the rules say.

Each entry is taken once, in order. What a run of entries does to all groups is planned in memory, on one state of the
database, and written in one transaction: groups, alerts with their entries, and the cursor. So a worker that was
killed, or a second one beside it, goes on where the log was left; when the cursor, or an alert that was joined, is
another than was planned on, nothing is written and the run is planned anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.audit.alerts_amounts import SlotRow, past_of, slot_of
from gateway.audit.alerts_plan import GroupKey, Kept, Plan, Raised
from gateway.audit.alerts_records import (
    EVIDENCE_KEPT,
    Alert,
    AlertEvent,
    AlertId,
    AlertState,
    Mark,
    Suppression,
    SuppressionId,
    Watch,
)
from gateway.audit.alerts_rules import Content, Worked, due_of, member, moment_of
from gateway.audit.errors import MalformedError
from gateway.audit.leaves import decode_entry
from gateway.audit.records import StoredEntry
from gateway.ids import AccountId, UnitCode
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, GroupJournal, JsonValue, Reader, Scratch, Tx
from gateway.principals import Role
from rulebook.alert_records import Alerting, AlertRule

CURSOR: Final = "alerts"
BATCH: Final = 500
NAMED: Final = 20
"""Entries that ``alert.raised`` names."""
_UNWATCHED: Final = Watch()


class WatchStore(Protocol):
    """What the follower keeps of groups and alerts."""

    def watches(self, tx: Tx, rule: str, keys: Collection[str]) -> dict[str, Watch]:
        """Return what is known of groups."""

    def wait(self, tx: Tx, changes: Iterable[tuple[str, str, Sequence[Mark], Sequence[Mark]]]) -> None:
        """Write for each rule and group which entries waited before, and which do now."""

    def join(self, tx: Tx, alert: Alert, marks: Sequence[Mark]) -> bool:
        """Count more entries of an alert; say whether it was not closed."""

    def add(self, tx: Tx, alert: Alert, proof: Sequence[Mark], event: AlertEvent) -> None:
        """Insert an alert."""

    def forget_marks(self, tx: Tx, rule: str, before: datetime) -> int:
        """Forget entries that waited beyond any window of a rule."""


class AmountStore(Protocol):
    """What the follower keeps of amounts."""

    def slots(self, tx: Tx, rule: str, keys: Collection[str]) -> dict[str, list[SlotRow]]:
        """Return what is kept of groups."""

    def put(self, tx: Tx, changes: Iterable[tuple[str, str, Sequence[SlotRow], Sequence[tuple[int, str]]]]) -> None:
        """Write for each rule and group its changed slots, and forget others."""

    def forget(self, tx: Tx, rule: str, before: int) -> int:
        """Forget the slots of a rule before one."""

    def forget_rules(self, tx: Tx, known: Sequence[str]) -> int:
        """Forget the slots of rules that are no more."""


class CountedSuppressions(Protocol):
    """The suppressions that hold, and what they kept from being raised."""

    def covering(self, tx: Tx, after: datetime) -> list[Suppression]:
        """Return all that began to hold and whose end lies after a moment."""

    def count(self, tx: Tx, suppression: SuppressionId, hits: int, entries: int, last: Mark) -> None:
        """Count alerts that were not raised."""


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


@dataclass(frozen=True, slots=True)
class _KeptGroups:
    """What is kept of groups, as one transaction sees it. Implements ``gateway.audit.alerts_plan.Groups``."""

    tx: Tx
    store: WatchStore
    amounts: AmountStore
    suppressions: Mapping[GroupKey, Sequence[Suppression]]

    def load(self, wanted: Mapping[AlertRule, Collection[str]]) -> Mapping[GroupKey, Kept]:
        found: dict[GroupKey, Kept] = {}
        for rule, keys in wanted.items():
            watches = self.store.watches(self.tx, rule.code, keys)
            slots = self.amounts.slots(self.tx, rule.code, keys) if rule.measures else {}
            for key in {*watches, *slots}:
                found[rule.code, key] = Kept(watches.get(key, _UNWATCHED), slots.get(key, ()))
        return found

    def suppressed(self, rule: str, key: str, at: datetime) -> SuppressionId | None:
        for one in self.suppressions.get((rule, key), ()):
            if one.since is not None and one.since <= at < (one.ended_at or one.until):
                return one.id
        return None


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries from ``start`` to before ``end``, and what they do."""

    start: int
    end: int
    plan: Plan


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class AlertFollower:
    """Raises alerts. ``worked`` says whether a day is a working day."""

    store: WatchStore
    amounts: AmountStore
    suppressions: CountedSuppressions
    log: LogCursor
    reader: Reader
    journal: GroupJournal
    scratch: Scratch
    alerting: Alerting
    worked: Worked
    places: Places
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    batch: int = field(default=BATCH)

    def round(self) -> bool:
        """Take the next entries of the log; say whether there were any."""
        run = self.reader.read(self._plan)
        if run is None:
            return False
        raised = [replace_unit(one, self._unit(one.rule, one.content)) for one in run.plan.raised]

        def write(tx: Tx) -> None:
            if not self.log.hold_cursor(tx, CURSOR, run.start):
                raise _OvertakenError
            self._write(tx, run.plan, raised)
            self.log.move_cursor(tx, CURSOR, run.start, run.end)

        try:
            if raised:
                self.journal.record_all(write, [self._entry_of(one) for one in raised])
            else:
                self.scratch.write(write)
        except _OvertakenError:
            return True  # another worker was quicker, or an alert was closed: look again
        return True

    def _plan(self, tx: Tx) -> _Run | None:
        """Plan the next entries on one state of the database; ``None`` at the end of the log."""
        start = self.log.cursor(tx, CURSOR)
        found = list(self.log.entries(tx, start, start + self.batch))
        if not found:
            return None
        contents = list(_read(found))
        covering: dict[GroupKey, list[Suppression]] = {}
        first = min((moment_of(content) for _, content in contents), default=self.now())
        for one in self.suppressions.covering(tx, first):
            covering.setdefault((one.rule, one.key), []).append(one)
        plan = Plan(self.alerting, self.worked, _KeptGroups(tx, self.store, self.amounts, covering), self._alert)
        plan.take(contents)
        return _Run(start, found[-1].index + 1, plan)

    def _write(self, tx: Tx, plan: Plan, raised: Sequence[Raised]) -> None:
        groups = plan.known.values()
        for group in groups:
            if group.joined and group.stood is not None and not self.store.join(tx, group.stood, group.joined):
                raise _OvertakenError
        self.store.wait(tx, [(one.rule.code, one.key, one.before, one.watch.waiting) for one in groups])
        changed = [(one, one.tally) for one in groups if one.tally is not None]
        self.amounts.put(
            tx,
            [
                (one.rule.code, one.key, tally.rows(sorted(tally.changed)), sorted(tally.dropped))
                for one, tally in changed
            ],
        )
        for one in raised:
            proof = (*one.proof[-EVIDENCE_KEPT:], *one.joined)[:EVIDENCE_KEPT]
            self.store.add(tx, one.alert, proof, AlertEvent(one.alert.opened_at, None, "raised"))
        for suppression, hits in plan.hits.items():
            if hits.last is not None:
                self.suppressions.count(tx, suppression, hits.raised, hits.entries, hits.last)

    def _alert(self, rule: AlertRule, key: str, content: Content, proof: Sequence[Mark], count: int) -> Alert:
        """Return a new alert; its unit is found when the run is planned."""
        now = self.now()
        # where the system tells of somebody's act, that person stands among the facts
        actor = member(content, "actor.id") or member(content, "facts.account")
        return Alert(
            id=AlertId(self.new_id("al")),
            rule=rule.code,
            key=key,
            severity=rule.severity,
            owner=Role(rule.owner),
            unit=self.places.province,
            about=None if actor is None else AccountId(str(actor)),
            state=AlertState.OPEN,
            opened_at=now,
            due=due_of(rule.deadline, now, self.alerting, self.worked),
            count=count,
            last_index=proof[-1].index,
            last_at=max(one.at for one in proof),
        )

    def _entry_of(self, one: Raised) -> EntryDraft:
        alert, links = one.alert, one.content["links"]
        facts: dict[str, JsonValue] = {
            "alert": alert.id,
            "rule": alert.rule,
            "severity": alert.severity,
            "unit": alert.unit,
            "owner": alert.owner.value,
            "due": seconds_text(alert.due),
            "count": alert.count - len(one.joined),
            "entries": [mark.index for mark in one.proof[-NAMED:]],
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
            actor = member(content, "actor.id")
            if found is None and actor is not None:
                found = self.places.unit_of_account(str(actor))  # what came through the outbox names no unit
        department = None if found is None else self.places.department_of(found)
        return department or self.places.province

    def sweep(self) -> int:
        """Forget what no rule looks back to any more, counted from the newest entry that was taken; return how much.

        What is forgotten would not be counted either: groups that are never seen again must not fill the table.
        """
        position = self.reader.read(lambda tx: self.log.cursor(tx, CURSOR))
        newest = self.reader.read(lambda tx: list(self.log.entries(tx, position - 1, position))) if position else []
        if not newest:
            return 0
        at = max((moment_of(content) for _, content in _read(newest)), default=self.now())

        def write(tx: Tx) -> int:
            gone = self.amounts.forget_rules(tx, sorted(self.alerting.rules))
            for rule in self.alerting.rules.values():
                gone += self.store.forget_marks(tx, rule.code, at - timedelta(minutes=rule.window_minutes) - _MARGIN)
                if rule.measures:
                    gone += self.amounts.forget(tx, rule.code, slot_of(rule, at - _MARGIN) - past_of(rule))
            return gone

        return self.scratch.write(write)


def _read(found: Iterable[StoredEntry]) -> Iterator[tuple[int, Content]]:
    """Yield index and content of entries. One that cannot be read raises nothing: the watch over the chain tells of it.

    It must not keep the follower from what comes behind it, the entry about the damage among them.
    """
    for stored in found:
        try:
            yield stored.index, decode_entry(stored.body)
        except MalformedError:
            continue


_MARGIN: Final = timedelta(days=1)
"""A clock that went back by less loses nothing."""


def replace_unit(one: Raised, unit: UnitCode) -> Raised:
    """Return a raised alert with the department that answers."""
    return replace(one, alert=replace(one.alert, unit=unit))


class _OvertakenError(Exception):
    """Another worker took the entries, or somebody closed an alert, in between; undoes the write."""
