"""The sweeper: once a day, class by class, in bounded batches, it destroys what is due and not held.

Keys, rows and the entry that says so commit in one transaction: a process that is killed has destroyed and recorded, or
neither. Where a day's sweep stands is not remembered: what is done is gone, and the rest is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from gateway.data_keys.matters import Cursor, Matter, Shelf
from gateway.data_keys.periods import due_on, last_ended
from gateway.data_keys.records import DataKeyId
from gateway.data_keys.service import DataKeys
from gateway.errors import ConflictError
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.principals import Principal
from gateway.retention.ports import HoldRows, SweepRows
from gateway.retention.records import LegalHold
from rulebook.retention_records import RetentionClass

BATCH: Final = 100
"""Matters that one transaction destroys, and one entry names."""
PAGE: Final = 200
MOST_GAP: Final = timedelta(days=31)
"""After a longer pause nothing is destroyed before somebody has looked at the clock: destroying is for good."""
SWEPT, DESTROYED = "retention.swept", "retention.destroyed"


@dataclass(slots=True)
class Sweeper:
    """Destroys what is due. ``above`` tells the departments over a unit; ``forget`` is told what is gone."""

    classes: Mapping[str, RetentionClass]
    shelves: Mapping[str, Shelf]
    keys: DataKeys
    holds: HoldRows
    rows: SweepRows
    journal: Journal
    reader: Reader
    now: Callable[[], datetime]
    today: Callable[[], date]
    above: Callable[[str], Collection[str]]
    forget: Callable[[Matter], None] = lambda _matter: None
    _day: date | None = None
    _after: dict[str, Cursor] = field(default_factory=dict)
    _done: dict[str, int] = field(default_factory=dict)
    """Classes that are through for the day, and how many of each were destroyed by this process."""
    _count: dict[str, int] = field(default_factory=dict)

    def step(self) -> bool:
        """Destroy one batch, or finish the day; say whether there may be more to do."""
        today = self.today()
        last = self.reader.read(self.rows.last)
        if last is not None and (last >= today or today - last > MOST_GAP):
            return False  # a clock that jumped must destroy nothing: the watch says so, and somebody resumes
        if self._day != today:
            self._day, self._after, self._done, self._count = today, {}, {}, {}
        for code, rules in self.classes.items():
            if not sweeps(rules) or code not in self.shelves or code in self._done:
                continue
            found = self._next(rules, today)
            if found:
                try:
                    self._count[code] = self._count.get(code, 0) + self._destroy(rules, found)
                except Exception:
                    self._day = None  # from the beginning next time: what was not destroyed lies behind the cursor
                    raise
                return True
            self._done[code] = self._count.get(code, 0)
        self._finish(today)
        return False

    def resume(self, principal: Principal) -> None:
        """Let sweeps go on tomorrow after a long pause: somebody looked at the clock. Destroys nothing.

        Raises ``ConflictError`` when no sweep was missed.
        """
        today, last = self.today(), self.reader.read(self.rows.last)

        def write(tx: Tx) -> None:
            if last is None or today - last <= MOST_GAP or not self.rows.finish(tx, today, self.now(), 0):
                raise ConflictError("No sweep was missed.", detail_zh="没有中断的清理。")

        facts: dict[str, JsonValue] = {"day": today.isoformat(), "last_sweep": str(last)}
        self.journal.record(write, EntryDraft("retention.resumed", principal, facts=facts))

    def _next(self, rules: RetentionClass, today: date) -> list[Matter]:
        """Return the next batch that nothing holds, and go on behind it next time."""
        shelf, last = self.shelves[rules.code], last_ended(today, rules.keep_months)
        standing = self.reader.read(self.holds.standing)
        found: list[Matter] = []
        while len(found) < BATCH:
            after = self._after.get(rules.code)
            page = self.reader.read(lambda tx, after=after: shelf.ended(tx, last, after, PAGE))  # type: ignore[misc]  # a default that binds
            for matter in page:
                self._after[rules.code] = matter.cursor
                if due_on(matter.last, rules.keep_months) <= today and not held_by(matter, standing, self.above):
                    found.append(matter)
                if len(found) == BATCH:
                    return found
            if len(page) < PAGE:
                break
        return found

    def _destroy(self, rules: RetentionClass, matters: Sequence[Matter]) -> int:
        def write(tx: Tx) -> _Gone:
            self.holds.serialize(tx)
            standing = self.holds.standing(tx)  # again: one may have been set since
            gone = _Gone()
            for matter in matters:
                if held_by(matter, standing, self.above):
                    continue
                shelf = self.shelves[rules.code]
                if shelf.keyed and rules.end == "delete_row":
                    self.keys.keep_record(tx, rules.code, matter.id)  # one from before keys gets a record of its end
                key = self.keys.destroy(tx, rules.code, matter.id)
                removed = rules.end == "delete_row" and shelf.remove(tx, matter)
                if key is not None or removed:
                    gone.matters.append(matter)
                if key is not None:
                    gone.keys.append(key)
            if not gone.matters:
                raise _NothingError
            return gone

        try:
            gone, _ = self.journal.record(write, lambda found: _entry(rules, found))
        except _NothingError:
            return 0
        for matter in gone.matters:
            self.forget(matter)
        return sum(one.count for one in gone.matters)

    def _finish(self, today: date) -> None:
        def write(tx: Tx) -> None:
            if not self.rows.finish(tx, today, self.now(), sum(self._done.values())):
                raise _NothingError

        destroyed: dict[str, JsonValue] = {code: count for code, count in self._done.items() if count}
        holds = len(self.reader.read(self.holds.standing))
        facts: dict[str, JsonValue] = {"day": today.isoformat(), "destroyed": destroyed, "holds": holds}
        try:
            self.journal.record(write, EntryDraft(SWEPT, None, facts=facts))
        except _NothingError:
            return  # another worker finished the day


@dataclass(slots=True)
class _Gone:
    matters: list[Matter] = field(default_factory=list)
    keys: list[DataKeyId] = field(default_factory=list)


class _NothingError(Exception):
    """There is nothing left to write."""


def sweeps(rules: RetentionClass) -> bool:
    """Say whether the sweeper ever destroys anything of a class."""
    return rules.kept_by == "sweeper" and rules.end != "keep"


def held_by(matter: Matter, holds: Sequence[LegalHold], above: Callable[[str], Collection[str]]) -> list[LegalHold]:
    """Return the holds that keep a matter."""
    return [one for one in holds if one.standing and one.scope.covers(matter, above)]


def grant_is_held(grant: str, data_class: str, days: tuple[date, date], holds: Sequence[LegalHold]) -> bool:
    """Say whether a hold keeps what another room holds for a grant over ``days``, as the keys of its pseudonyms.

    A hold that names the grant keeps it, whatever unit or case it names beside: in doubt it is held.
    """
    matter = Matter(data_class, grant, *days, grant=grant)
    return any(
        replace(one.scope, case=None, unit=None).covers(matter)
        for one in holds
        if one.scope.grant is not None or (one.scope.case is None and one.scope.unit is None)
    )


def _entry(rules: RetentionClass, gone: _Gone) -> EntryDraft:
    facts: dict[str, JsonValue] = {
        "class": rules.code,
        "end": rules.end,
        "from": min(one.first for one in gone.matters).isoformat(),
        "to": max(one.last for one in gone.matters).isoformat(),
        "count": sum(one.count for one in gone.matters),
        "matters": [one.id for one in gone.matters],
        "keys": [*gone.keys],
    }
    return EntryDraft(DESTROYED, None, facts=facts)
