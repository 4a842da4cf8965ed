"""What follows when nobody acts in time: a deadline that passed is recorded, then the alert goes to somebody higher.

Tasks of the worker. Escalation (升级) gives the alert to the same role in the department above; from the province to
the last role of the rule book. It is open again there, its deadline stays passed, and each step is an entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from gateway.articles import keeps
from gateway.audit.alerts_records import Alert, AlertEvent, AlertState
from gateway.audit.alerts_rules import Worked, due_of
from gateway.ids import UnitCode
from gateway.instants import seconds_text
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Role
from rulebook.alert_records import Alerting

AT_ONCE: Final = 200


class LateStore(Protocol):
    """Alerts that nobody handled in time."""

    def past_due(self, tx: Tx, now: datetime, limit: int) -> list[Alert]:
        """Return unclosed alerts whose deadline passed unrecorded."""

    def to_escalate(self, tx: Tx, now: datetime, limit: int) -> list[Alert]:
        """Return unclosed alerts that are to be given to somebody higher by ``now``."""

    def update(self, tx: Tx, alert: Alert, before: int, event: AlertEvent) -> bool:
        """Write a change of an alert at version ``before``."""


@keeps("A50-16")
@dataclass(frozen=True, slots=True)
class AlertDeadlines:
    """Records what is overdue and passes it up. ``above`` names the department above one, ``None`` at the top."""

    store: LateStore
    reader: Reader
    journal: Journal
    alerting: Alerting
    worked: Worked
    above: Callable[[UnitCode], UnitCode | None]
    now: Callable[[], datetime]

    def run(self) -> int:
        """Record what is overdue, and escalate what has been so for too long; return how many alerts changed."""
        return self.mark_overdue() + self.escalate()

    def mark_overdue(self) -> int:
        """Record each alert whose deadline passed; return how many."""
        late = self.reader.read(lambda tx: self.store.past_due(tx, self.now(), AT_ONCE))
        return sum(self._overdue(alert) for alert in late)

    def escalate(self) -> int:
        """Give each alert that stayed unhandled for too long to somebody higher; return how many."""
        found = self.reader.read(lambda tx: self.store.to_escalate(tx, self.now(), AT_ONCE))
        return sum(self._escalate(alert) for alert in found)

    def _overdue(self, alert: Alert) -> bool:
        next_time = due_of(self.alerting.escalation.after, self.now(), self.alerting, self.worked)
        changed = replace(alert, overdue=True, escalates_at=next_time, version=alert.version + 1)
        facts = {**_facts(alert), "due": seconds_text(alert.due), "state": alert.state.value}
        return self._record(alert, changed, AlertEvent(self.now(), None, "overdue"), "alert.overdue", facts)

    def _escalate(self, alert: Alert) -> bool:
        to = self._higher(alert)
        if to is None:
            return False
        unit, owner = to
        next_time = due_of(self.alerting.escalation.after, self.now(), self.alerting, self.worked)
        changed = replace(
            alert,
            unit=unit,
            owner=owner,
            state=AlertState.OPEN,
            handler=None,
            escalations=alert.escalations + 1,
            version=alert.version + 1,
        )
        more = self._higher(changed) is not None
        changed = replace(changed, escalates_at=next_time if more else None)
        facts = {
            **_facts(changed),
            "from_unit": alert.unit,
            "from_owner": alert.owner.value,
            "due": seconds_text(alert.due),
            "state": alert.state.value,
            "step": changed.escalations,
        }
        return self._record(alert, changed, AlertEvent(self.now(), None, "escalated"), "alert.escalated", facts)

    def _higher(self, alert: Alert) -> tuple[UnitCode, Role] | None:
        """Return who answers next; ``None`` when the last role of the province has it."""
        above = self.above(alert.unit)
        if above is not None:
            return above, alert.owner
        last = Role(self.alerting.escalation.last)
        return None if alert.owner is last else (alert.unit, last)

    def _record(self, alert: Alert, changed: Alert, event: AlertEvent, kind: str, facts: dict[str, JsonValue]) -> bool:
        def write(tx: Tx) -> None:
            if not self.store.update(tx, changed, alert.version, event):
                raise _HandledError

        try:
            self.journal.record(write, EntryDraft(kind, None, facts=facts))
        except _HandledError:
            return False  # somebody handled it in between
        return True


def _facts(alert: Alert) -> dict[str, JsonValue]:
    return {
        "alert": alert.id,
        "rule": alert.rule,
        "severity": alert.severity,
        "unit": alert.unit,
        "owner": alert.owner.value,
    }


class _HandledError(Exception):
    """A handler took the alert in between; undoes the write."""
