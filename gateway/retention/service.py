"""What stands, what is due, what is held, and what is late: for people, and for the alert."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

from gateway.data_keys.matters import Matter, Shelf
from gateway.data_keys.periods import due_on, last_ended
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from gateway.retention.ports import HoldRows, RetentionGate, SweepRows
from gateway.retention.records import ClassStatus, LegalHold, PlanLine, Status
from gateway.retention.sweeper import held_by, sweeps
from rulebook.retention_records import RetentionClass

DUE_COUNTED: Final = 1000
"""Matters of a class that a status or a plan looks at."""
LATE_DAYS: Final = 3
"""Days without a sweep after which the worker is late."""
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class RetentionService:
    """Reads the state of retention. ``unrenewed`` counts keys that backups still open."""

    classes: Mapping[str, RetentionClass]
    shelves: Mapping[str, Shelf]
    holds: HoldRows
    rows: SweepRows
    gate: RetentionGate
    reader: Reader
    today: Callable[[], date]
    above: Callable[[str], Collection[str]]
    unrenewed: Callable[[], int]

    def status(self, principal: Principal) -> Status:
        """Return all classes with amounts, the holds that stand, and when the sweeper ran last.

        An officer sees of the holds the own ones alone.
        """
        self.gate.read(principal)
        found = self.state()
        if self.gate.oversees(principal):
            return found
        return replace(found, holds=tuple(one for one in found.holds if one.set_by == principal.account))

    def state(self) -> Status:
        """Return the status for the system itself, as for the host's command."""
        today = self.today()

        def run(tx: Tx) -> Status:
            standing = self.holds.standing(tx)
            found = tuple(self._class(tx, rules, standing, today) for rules in self.classes.values())
            return Status(found, tuple(standing), self.rows.last(tx), self.unrenewed())

        return self.reader.read(run)

    def plan(self, principal: Principal) -> tuple[PlanLine, ...]:
        """Return what the next sweep would meet, held or not, 1,000 of each class at the most; destroys nothing.

        For whoever oversees holds.
        """
        self.gate.lift(principal)
        return self.planned()

    def planned(self) -> tuple[PlanLine, ...]:
        """Return the plan for the system itself."""
        today = self.today()

        def run(tx: Tx) -> tuple[PlanLine, ...]:
            standing = self.holds.standing(tx)
            return tuple(
                PlanLine(matter, tuple(one.id for one in held_by(matter, standing, self.above)))
                for rules in self.classes.values()
                for matter in self._due(tx, rules, today)
            )

        return self.reader.read(run)

    def late(self) -> tuple[tuple[RetentionClass, date], ...]:
        """Return the classes of which something stands, unheld, beyond its longest time, and the day it ended."""
        today = self.today()

        def run(tx: Tx) -> tuple[tuple[RetentionClass, date], ...]:
            standing = self.holds.standing(tx)
            found = []
            for rules in self.classes.values():
                oldest = next(
                    (one.last for one in self._due(tx, rules, today) if not held_by(one, standing, self.above)), None
                )
                if oldest is not None and due_on(oldest, rules.most_months) <= today:
                    found.append((rules, oldest))
            return tuple(found)

        return self.reader.read(run)

    def _class(self, tx: Tx, rules: RetentionClass, standing: list[LegalHold], today: date) -> ClassStatus:
        shelf = self.shelves.get(rules.code)
        if shelf is None:
            return ClassStatus(rules)
        oldest = next(iter(shelf.ended(tx, today, None, 1)), None)
        due = self._due(tx, rules, today)
        free = [one for one in due if not held_by(one, standing, self.above)]
        return ClassStatus(
            rules=rules,
            amount=shelf.amount(tx),
            oldest=None if oldest is None else oldest.last,
            next_due=None if oldest is None or not sweeps(rules) else due_on(oldest.last, rules.keep_months),
            due=len(due),
            held=len(due) - len(free),
            overdue=any(due_on(one.last, rules.most_months) <= today for one in free),
        )

    def _due(self, tx: Tx, rules: RetentionClass, today: date) -> list[Matter]:
        shelf = self.shelves.get(rules.code)
        if shelf is None or not sweeps(rules):
            return []
        found: list[Matter] = []
        last = last_ended(today, rules.keep_months)
        while len(found) < DUE_COUNTED:
            after = found[-1].cursor if found else None
            page = shelf.ended(tx, last, after, _PAGE)
            found += page
            if len(page) < _PAGE:
                break
        return found


@dataclass(slots=True)
class OverdueWatch:
    """Says in the log, once a day, that something should have been destroyed, or that the sweeper has not run."""

    service: RetentionService
    journal: Journal
    _said: date | None = field(default=None)

    def run(self) -> bool:
        """Look once; say whether anything is late."""
        today = self.service.today()
        late = self.service.late()
        last = self.service.reader.read(self.service.rows.last)
        still = last is not None and today - last > timedelta(days=LATE_DAYS)
        if not late and not still:
            return False
        if self._said != today:
            for rules, oldest in late:
                self._say({"class": rules.code, "oldest": oldest.isoformat(), "most_months": rules.most_months})
            if still and last is not None:
                self._say({"class": "*", "last_sweep": last.isoformat()})
            self._said = today
        return True

    def _say(self, facts: dict[str, JsonValue]) -> None:
        self.journal.append(EntryDraft("retention.overdue", None, outcome="failed", facts=facts))
