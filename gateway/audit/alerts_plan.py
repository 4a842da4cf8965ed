"""What a run of entries does to the groups of all rules: planned in memory, written by the follower in one transaction.

The same plan serves the worker, which follows the log as it grows, and a replay of history against changed rules,
which writes nothing. All that decides comes from the entries and from what is kept of the groups.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.audit.alerts_amounts import SlotRow, Tally
from gateway.audit.alerts_records import Alert, AlertState, Mark, SuppressionId, Watch
from gateway.audit.alerts_rules import (
    Content,
    Join,
    Raise,
    Skip,
    Wait,
    Worked,
    amount_of,
    group_of,
    matches,
    moment_of,
    rules_of,
    step,
    variant_of,
)
from rulebook.alert_records import Alerting, AlertRule

PROOF_KEPT: Final = 20
"""Entries that are remembered as the proof of an amount; beyond them it is counted."""
GroupKey = tuple[str, str]
"""Code of a rule, group."""


class Groups(Protocol):
    """What is kept of groups."""

    def load(self, wanted: Mapping[AlertRule, Collection[str]]) -> Mapping[GroupKey, Kept]:
        """Return what is kept of the groups of rules; one of which nothing is kept may be left out."""

    def suppressed(self, rule: str, key: str, at: datetime) -> SuppressionId | None:
        """Return the suppression that covers a group at a moment."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one group: what waits and its newest alert, and its amounts."""

    watch: Watch
    slots: Sequence[SlotRow] = ()


@dataclass(slots=True)
class Raised:
    """A new alert: its rule, the entry that raised it, its proof, and what joined it in the same run."""

    rule: AlertRule
    alert: Alert
    content: Content
    proof: tuple[Mark, ...]
    joined: list[Mark] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """One group of one rule, as the run leaves it."""

    rule: AlertRule
    key: str
    watch: Watch
    tally: Tally | None
    before: tuple[Mark, ...] = ()
    """The entries that wait by what is kept."""
    joined: list[Mark] = field(default_factory=list)
    """Entries that joined the alert that was there before the run."""
    stood: Alert | None = None
    """That alert."""
    fresh: Raised | None = None
    """The newest alert of the run."""


_NOTHING: Final = Kept(Watch())


@dataclass(frozen=True, slots=True)
class Counted:
    """An entry that counts for a rule, in its group."""

    rule: AlertRule
    key: str
    mark: Mark
    content: Content


@dataclass(slots=True)
class Hits:
    """Alerts that were not raised because somebody suppressed them: how many, of how many entries, the newest one."""

    raised: int = 0
    entries: int = 0
    last: Mark | None = None


NewAlert = Callable[[AlertRule, str, Content, Sequence[Mark], int], Alert]
"""Makes an alert of rule, group, entry, proof and count."""


def _deaf(_what: str, _rule: str, _mark: Mark, _count: int) -> None:
    return None


@dataclass(slots=True)
class Plan:
    """Takes entries in the order of the log."""

    alerting: Alerting
    worked: Worked
    groups: Groups
    new_alert: NewAlert
    known: dict[GroupKey, Group] = field(default_factory=dict)
    raised: list[Raised] = field(default_factory=list)
    hits: dict[SuppressionId, Hits] = field(default_factory=dict)
    hear: Callable[[str, str, Mark, int], object] = _deaf
    """Hears ``matched``, ``raised``, ``joined`` or ``suppressed``, code of the rule, the entry, how many entries."""
    _by_kind: dict[str, tuple[AlertRule, ...]] = field(default_factory=dict)

    def take(self, entries: Iterable[tuple[int, Content]]) -> None:
        """Take entries in order: those that follow what was taken before. What is kept of their groups is read once."""
        found = [counted for index, content in entries for counted in self._counted(index, content)]
        wanted: dict[AlertRule, set[str]] = {}
        for one in found:
            if (one.rule.code, one.key) not in self.known:
                wanted.setdefault(one.rule, set()).add(one.key)
        kept = self.groups.load(wanted) if wanted else {}
        for one in found:
            self._take(one, kept)

    def _counted(self, index: int, content: Content) -> Iterator[Counted]:
        """Yield the rules for which an entry counts, with its group."""
        for rule in self._rules_of(str(content["kind"])):
            if matches(rule, content, hours=self.alerting, worked=self.worked):
                key = group_of(rule, content)
                if key is not None:
                    yield Counted(rule, key, Mark(index, moment_of(content)), content)

    def settle(self) -> None:
        """Take all as written: what a replay has heard need not be held."""
        self.raised.clear()
        self.hits.clear()
        for group in self.known.values():
            group.joined.clear()
            group.fresh, group.before = None, group.watch.waiting
            if group.tally is not None:
                group.tally.changed.clear()
                group.tally.dropped.clear()

    def _rules_of(self, kind: str) -> tuple[AlertRule, ...]:
        found = self._by_kind.get(kind)
        if found is None:
            found = tuple(rule for rule in rules_of(self.alerting) if rule.covers(kind))
            self._by_kind[kind] = found
        return found

    def _take(self, one: Counted, kept: Mapping[GroupKey, Kept]) -> None:
        self.hear("matched", one.rule.code, one.mark, 1)
        group = self.known.get((one.rule.code, one.key))
        if group is None:
            found = kept.get((one.rule.code, one.key), _NOTHING)
            tally = Tally.of(one.rule, found.slots) if one.rule.measures else None
            group = Group(one.rule, one.key, found.watch, tally, found.watch.waiting, stood=found.watch.alert)
            self.known[one.rule.code, one.key] = group
        if group.tally is None:
            self._apply(group, step(one.rule, group.watch, one.mark), one.mark, one.content)
        else:
            self._measure(group, group.tally, one.mark, one.content)

    def _measure(self, group: Group, tally: Tally, mark: Mark, content: Content) -> None:
        """Take an entry of a rule that adds up amounts: another such amount joins, single entries below it do not."""
        rule, watch = group.rule, group.watch
        amount = amount_of(rule, content)
        if amount <= 0:
            return
        slot = tally.add(mark.at, amount, variant_of(rule, content))
        reach = timedelta(minutes=rule.window_minutes)
        near = (*(one for one in watch.waiting if abs(mark.at - one.at) <= reach), mark)[-PROOF_KEPT:]
        if not tally.exceeded(slot):
            self._apply(group, Wait(near), mark, content)
            return
        told = tally.tell(slot)
        if joins(rule, watch, mark):
            group.watch = Watch((), watch.alert)
            self._apply(group, Join(mark), mark, content)
        else:
            self._apply(group, Raise(near), mark, content, told)

    def _apply(
        self, group: Group, done: Skip | Wait | Join | Raise, mark: Mark, content: Content, count: int = 0
    ) -> None:
        match done:
            case Skip():
                return
            case Wait(waiting):
                group.watch = Watch(waiting, group.watch.alert)
            case Join():
                self._join(group, mark)
            case Raise(proof):
                self._raise(group, proof, content, count or len(proof))

    def _join(self, group: Group, mark: Mark) -> None:
        alert = group.watch.alert
        assert alert is not None  # noqa: S101  nothing joins without one
        self.hear("joined", group.rule.code, mark, 1)
        group.watch = Watch(group.watch.waiting, joined_by(alert, mark))
        if group.fresh is None:
            group.joined.append(mark)
        else:
            group.fresh.joined.append(mark)
            group.fresh.alert = joined_by(group.fresh.alert, mark)

    def _raise(self, group: Group, proof: tuple[Mark, ...], content: Content, count: int) -> None:
        last = proof[-1]
        covering = self.groups.suppressed(group.rule.code, group.key, last.at)
        if covering is not None:
            hits = self.hits.setdefault(covering, Hits())
            hits.raised, hits.entries, hits.last = hits.raised + 1, hits.entries + count, last
            group.watch = Watch((), group.watch.alert)
            self.hear("suppressed", group.rule.code, last, count)
            return
        alert = self.new_alert(group.rule, group.key, content, proof, count)
        group.fresh = Raised(group.rule, alert, content, proof)
        group.watch = Watch((), alert)
        self.raised.append(group.fresh)
        self.hear("raised", group.rule.code, last, count)


def joins(rule: AlertRule, watch: Watch, mark: Mark) -> bool:
    """Say whether an entry belongs to the alert of its group that is not closed."""
    alert = watch.alert
    if alert is None or alert.state is AlertState.CLOSED:
        return False
    return abs(mark.at - alert.last_at) <= timedelta(minutes=rule.quiet_minutes)


def joined_by(alert: Alert, mark: Mark) -> Alert:
    """Return an alert with one more entry."""
    return replace(alert, count=alert.count + 1, last_index=mark.index, last_at=max(alert.last_at, mark.at))


@dataclass(slots=True)
class NoGroups:
    """Groups of which nothing is kept, as a replay begins; ``suppressions`` are those of the database, if any."""

    suppressions: Mapping[GroupKey, Iterable[tuple[SuppressionId, datetime, datetime]]] = field(default_factory=dict)

    def load(self, wanted: Mapping[AlertRule, Collection[str]]) -> Mapping[GroupKey, Kept]:  # noqa: ARG002  as its like
        """Return nothing."""
        return {}

    def suppressed(self, rule: str, key: str, at: datetime) -> SuppressionId | None:
        """Return the suppression that covered a group at a moment."""
        covering = self.suppressions.get((rule, key), ())
        return next((one for one, since, until in covering if since <= at < until), None)
