"""The rule engine of alerts: whether an entry matches a rule, to which group it belongs, and what follows. Pure.

Time is that of the entries, never of the machine that reads them: a log that is read late, or again, raises the same
alerts. A clock that went back hides nothing: entries count when their times lie within the window of the present one,
on either side of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

from gateway.audit.alerts_records import AlertState, Mark, Watch
from gateway.journal import JsonValue
from rulebook.alert_records import AlertCondition, AlertDeadline, Alerting, AlertRule

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "actor": ("actor.id",),
    "account": ("facts.account", "actor.id"),
    "unit": ("facts.unit", "actor.unit"),
    "recipient": ("links.recipient", "facts.recipient", "actor.recipient"),
    "application": ("links.application", "facts.application"),
    "grant": ("links.grant", "links.application", "links.recipient", "actor.id"),
    "extract": ("links.extract",),
    "case": ("facts.case",),
}
"""Grouping -> the members that name the group, the first that is there."""

MAX_GROUP: Final = 120
"""Characters of a group; what names one is an id of ours, and shorter."""
Worked = Callable[[date], bool]
"""Says whether a day is a working day (T-2)."""
Content = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Skip:
    """The entry was taken before."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not enough yet: ``waiting`` is what is remembered of the group."""

    waiting: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """The entry belongs to the alert that is not closed."""

    mark: Mark


@dataclass(frozen=True, slots=True)
class Raise:
    """A new alert, proved by these entries, the present one last."""

    proof: tuple[Mark, ...]


Step = Skip | Wait | Join | Raise


def member(content: Content, path: str) -> JsonValue:
    """Return a member of an entry by its dotted path, ``None`` when it is not there."""
    found: JsonValue = dict(content)
    for part in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def moment_of(content: Content) -> datetime:
    """Return when the fact of an entry happened: ``occurred`` where it came through a queue, else ``at``."""
    text = content.get("occurred") or content["at"]
    return datetime.fromisoformat(str(text)).astimezone(UTC)


def matches(rule: AlertRule, content: Content, *, hours: Alerting, worked: Worked) -> bool:
    """Say whether an entry counts for ``rule``: its kind, its outcome, every condition, the hour."""
    if not rule.covers(str(content["kind"])):
        return False
    if rule.outcome is not None and content["outcome"] != rule.outcome:
        return False
    if not all(_holds(condition, member(content, condition.member)) for condition in rule.conditions):
        return False
    return not rule.outside_office_hours or outside_office_hours(moment_of(content), hours, worked)


def _holds(condition: AlertCondition, value: JsonValue) -> bool:
    match condition.test:
        case "equals" | "in":
            return isinstance(value, str) and value in condition.values
        case "has":
            return isinstance(value, list) and condition.values[0] in value
        case "present":
            return _says_something(value)
        case "absent":
            return not _says_something(value)
        case "at_least":
            return isinstance(value, int) and not isinstance(value, bool) and value >= condition.least
        case "at_most":
            return isinstance(value, int) and not isinstance(value, bool) and value <= condition.least


def _says_something(value: JsonValue) -> bool:
    return value is not None and value not in ("", [], {})


def group_of(rule: AlertRule, content: Content) -> str | None:
    """Return the group of an entry: entries of one group are counted together. Empty when nothing names one.

    ``None`` for an entry that cannot be told apart: ``actor_pupil`` groups those that are about exactly one pupil, by
    who acted and the pupil's tag. Tags change with the quarter, and with them the groups.
    """
    if rule.group_by == "actor_pupil":
        actor, tags = member(content, "actor.id"), member(content, "tags.tags")
        return f"{actor} {tags[0]}" if actor and isinstance(tags, list) and len(tags) == 1 else None
    found = (member(content, path) for path in _GROUPS[rule.group_by])
    return next((str(value) for value in found if isinstance(value, str) and value), "")[:MAX_GROUP]


def amount_of(rule: AlertRule, content: Content) -> int:
    """Return how much an entry adds: one, or the member that the rule adds up, a number or the length of a list."""
    if rule.sum is None:
        return 1
    value = member(content, rule.sum)
    if isinstance(value, list):
        return len(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def variant_of(rule: AlertRule, content: Content) -> str:
    """Return the value by which a shift tells entries apart; of a list its members in order, at most 120 characters."""
    if rule.shift is None:
        return ""
    value = member(content, rule.shift.member)
    text = (
        ",".join(sorted(str(one) for one in value)) if isinstance(value, list) else "" if value is None else str(value)
    )
    return text[:120] or "-"


def step(rule: AlertRule, watch: Watch, mark: Mark) -> Step:
    """Return what the entry ``mark``, which matches ``rule``, does to its group.

    It joins an alert that is not closed when it comes within ``quiet_minutes`` of its last entry. Otherwise it waits
    until ``count`` entries lie within ``window_minutes`` of it, both ends included (T-5); they are then consumed: what
    a closed alert was raised for does not count again.
    """
    if watch.alert is not None and mark.index <= watch.alert.last_index:
        return Skip()
    if any(mark.index <= one.index for one in watch.waiting):
        return Skip()
    if watch.alert is not None and watch.alert.state is not AlertState.CLOSED:
        if abs(mark.at - watch.alert.last_at) <= timedelta(minutes=rule.quiet_minutes):
            return Join(mark)
    window = timedelta(minutes=rule.window_minutes)
    near = (*(one for one in watch.waiting if abs(mark.at - one.at) <= window), mark)
    return Raise(near) if len(near) >= rule.count else Wait(near)


def outside_office_hours(at: datetime, hours: Alerting, worked: Worked) -> bool:
    """Say whether a moment lies on a day off, before office hours or after them (``office_to`` is after)."""
    local = at.astimezone(SHANGHAI)
    return not worked(local.date()) or not hours.office_from <= local.time() < hours.office_to


def due_of(deadline: AlertDeadline, at: datetime, hours: Alerting, worked: Worked) -> datetime:
    """Return the last moment at which the handling is on time, UTC.

    Working days end at the last second of the day (T-6), the day of the alert not counted (T-1). Working hours run
    within office hours: an alert of Saturday with four working hours is due on Monday, four hours after the opening.
    """
    local = at.astimezone(SHANGHAI)
    if deadline.measure == "working_days":
        day = local.date()
        left = deadline.number
        while left:
            day += timedelta(days=1)
            left -= worked(day)
        return datetime.combine(day, time(23, 59, 59), SHANGHAI).astimezone(UTC)
    left_over = timedelta(hours=deadline.number)
    day, start = local.date(), max(local.time(), hours.office_from)
    while True:
        opens, closes = (datetime.combine(day, clock, SHANGHAI) for clock in (start, hours.office_to))
        here = closes - opens if worked(day) and closes > opens else timedelta()
        if left_over <= here:
            return (opens + left_over).astimezone(UTC)
        left_over -= here
        day, start = day + timedelta(days=1), hours.office_from


def shown(rule: AlertRule, content: Content) -> dict[str, str]:
    """Return what the owner is shown of an entry beyond kind, time, actor and links: member -> text."""
    found: dict[str, str] = {}
    for path in rule.shown:
        value = member(content, path)
        if isinstance(value, list):
            found[path] = ", ".join(str(item) for item in value)
        elif value is not None:
            found[path] = str(value)
    return found


def rules_of(alerting: Alerting) -> Sequence[AlertRule]:
    """Return the rules in a fixed order: an entry that several rules match is taken by each, in it."""
    return sorted(alerting.rules.values(), key=lambda rule: rule.code)
