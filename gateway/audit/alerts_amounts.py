"""Amounts of a group, window by window: sums, comparison with the group's own past, shifts of a pattern. Pure.

Time is cut into slots of equal length, counted from 1970-01-01 in UTC; what is kept of a group is what each slot held,
at most as many slots as its rule looks back. A sum looks at the last slots that make up its window, twelve of them, so
that an amount on both sides of a full hour is seen; a baseline and a shift look at one slot, which is their window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from rulebook.alert_records import AlertRule

SLICES: Final = 12
"""Slots that make up the window of a sum."""
MOST_VARIANTS: Final = 20
"""Values of a pattern that are told apart in one slot; what comes beyond is counted as one."""
OTHERS: Final = "*"
_DAY: Final = 1440
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Slot:
    """What a slot held of one variant: entries and amount, and how much of both an alert has told of already."""

    entries: int = 0
    amount: int = 0
    told: int = 0
    told_entries: int = 0


@dataclass(frozen=True, slots=True)
class SlotRow:
    """One slot as it is kept."""

    start: int
    variant: str
    slot: Slot


def width_of(rule: AlertRule) -> int:
    """Return the length of a slot in minutes."""
    if rule.baseline is not None or rule.shift is not None:
        return rule.window_minutes
    return max(1, -(-rule.window_minutes // SLICES))


def past_of(rule: AlertRule) -> int:
    """Return how many slots before the present one the rule looks back."""
    compared = rule.baseline or rule.shift
    if compared is not None:
        return compared.days * _DAY // rule.window_minutes
    return -(-rule.window_minutes // width_of(rule)) - 1


def slot_of(rule: AlertRule, at: datetime) -> int:
    """Return the number of the slot that holds ``at``."""
    return int((at - _EPOCH).total_seconds()) // 60 // width_of(rule)


@dataclass(slots=True)
class Tally:
    """The slots of one group of one rule, as a batch of entries changes them."""

    rule: AlertRule
    slots: dict[tuple[int, str], Slot] = field(default_factory=dict)
    changed: set[tuple[int, str]] = field(default_factory=set)
    dropped: set[tuple[int, str]] = field(default_factory=set)
    _usual: tuple[int, int] | None = None
    """The slot that was compared last, and what was usual before it."""

    @classmethod
    def of(cls, rule: AlertRule, rows: Iterable[SlotRow]) -> Tally:
        """Return the tally of a group from what is kept of it."""
        return cls(rule, {(row.start, row.variant): row.slot for row in rows})

    def add(self, at: datetime, amount: int, variant: str = "") -> tuple[int, str]:
        """Count one entry of ``amount``; return the key of its slot."""
        start = slot_of(self.rule, at)
        if variant and (start, variant) not in self.slots:
            if sum(1 for known, _ in self.slots if known == start) >= MOST_VARIANTS:
                variant = OTHERS
        key = (start, variant)
        if key not in self.slots:
            self.slots[key] = Slot()
            self.dropped.discard(key)
            self._drop()
        slot = self.slots[key]
        slot.entries += 1
        slot.amount += amount
        self.changed.add(key)
        if self._usual is not None and self._usual[0] > start:
            self._usual = None  # the clock went back: the past has changed
        return key

    def _drop(self) -> None:
        """Forget the oldest slots beyond what the rule looks back."""
        starts = {start for start, _ in self.slots}
        surplus = len(starts) - (past_of(self.rule) + 2)
        if surplus > 0:
            oldest = set(sorted(starts)[:surplus])
            for key in [key for key in self.slots if key[0] in oldest]:
                del self.slots[key]
                self.changed.discard(key)
                self.dropped.add(key)

    def present(self, key: tuple[int, str]) -> list[Slot]:
        """Return the slots that make up the window of an entry in slot ``key``."""
        start, variant = key
        reach = 0 if self.rule.baseline is not None or self.rule.shift is not None else past_of(self.rule)
        return [slot for (at, name), slot in self.slots.items() if abs(at - start) <= reach and name == variant]

    def exceeded(self, key: tuple[int, str]) -> bool:
        """Say whether what is not told of yet in the window of ``key`` is an alert by the rule."""
        fresh = sum(slot.amount - slot.told for slot in self.present(key))
        if self.rule.shift is not None:
            return self._shifted(key, fresh)
        if self.rule.baseline is not None:
            return fresh >= max(self.rule.baseline.least, self.rule.baseline.factor * self.usual(key[0]))
        return fresh >= self.rule.least

    def usual(self, start: int) -> int:
        """Return the median of the past slots that held anything; ``least`` of the baseline while there are few."""
        assert self.rule.baseline is not None  # noqa: S101  only asked where there is one
        if self._usual is None or self._usual[0] != start:
            past = sorted(self._past(start).values())
            settled = len(past) >= self.rule.baseline.settled
            self._usual = (start, past[(len(past) - 1) // 2] if settled else self.rule.baseline.least)
        return self._usual[1]

    def _past(self, start: int) -> dict[int, int]:
        """Return the amounts of the slots that the rule looks back to from ``start``, those that held anything."""
        found: dict[int, int] = {}
        first = start - past_of(self.rule)
        for (at, _), slot in self.slots.items():
            if first <= at < start and slot.amount:
                found[at] = found.get(at, 0) + slot.amount
        return found

    def _shifted(self, key: tuple[int, str], fresh: int) -> bool:
        shift = self.rule.shift
        assert shift is not None  # noqa: S101  only asked where there is one
        start, variant = key
        if variant == OTHERS or fresh < shift.least:
            return False
        whole = sum(slot.amount - slot.told for (at, _), slot in self.slots.items() if at == start)
        if fresh * 100 < shift.share * whole:
            return False
        past = self._past(start)
        if len(past) < shift.settled:
            return False
        first = start - past_of(self.rule)
        before = sum(slot.amount for (at, name), slot in self.slots.items() if first <= at < start and name == variant)
        return before * 100 < shift.usual * sum(past.values())

    def tell(self, key: tuple[int, str]) -> int:
        """Take the window of ``key`` as told of by an alert; return how many entries that are."""
        told = 0
        start, variant = key
        reach = 0 if self.rule.baseline is not None or self.rule.shift is not None else past_of(self.rule)
        for known, slot in self.slots.items():
            if abs(known[0] - start) <= reach and known[1] == variant and slot.amount > slot.told:
                told += slot.entries - slot.told_entries
                slot.told, slot.told_entries = slot.amount, slot.entries
                self.changed.add(known)
        return told

    def rows(self, keys: Sequence[tuple[int, str]]) -> list[SlotRow]:
        """Return slots as they are kept."""
        return [SlotRow(start, variant, self.slots[start, variant]) for start, variant in keys]
