"""What an authority wants to be alerted of, as frozen values: config/alerts.toml (预警, A50-16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import Literal

Severity = Literal["high", "medium", "low"]
Grouping = Literal[
    "none", "actor", "actor_pupil", "account", "unit", "recipient", "application", "grant", "extract", "case"
]
UnitFrom = Literal["actor", "account", "grant", "province"]
Measure = Literal["working_hours", "working_days"]
Test = Literal["equals", "in", "has", "present", "absent", "at_least", "at_most"]


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """One condition on a member of an audit entry, named by its dotted path (``facts.dimension``).

    ``equals`` and ``in`` compare texts with ``values``; ``has`` asks whether a list of texts holds the value;
    ``present`` and ``absent`` ask whether the member is there and says something (not null, not an empty list or text);
    ``at_least`` and ``at_most`` compare a whole number with ``least``.
    """

    member: str
    test: Test
    values: tuple[str, ...] = ()
    least: int = 0


@dataclass(frozen=True, slots=True)
class AlertDeadline:
    """How long the owner has: so many working hours, or working days, the day of the alert not counted (T-1)."""

    number: int
    measure: Measure


@dataclass(frozen=True, slots=True)
class AlertBaseline:
    """A group is compared with its own past: the windows of ``days`` days before the present one.

    The amount of the present window raises when it reaches ``least`` and ``factor`` times what is usual: the median of
    the past windows in which there was anything. A group with fewer than ``settled`` of them is taken to usually reach
    ``least``.
    """

    days: int
    factor: int
    least: int
    settled: int


@dataclass(frozen=True, slots=True)
class AlertShift:
    """One value of ``member`` takes over: ``share`` percent of the window's amount, below ``usual`` percent before.

    The window holds ``least`` of that value or more, and at least ``settled`` of the windows of ``days`` days before
    held anything: without a past nothing shifts.
    """

    member: str
    share: int
    usual: int
    days: int
    least: int
    settled: int


@dataclass(frozen=True, slots=True)
class AlertRule:
    """What raises an alert, and who answers it.

    ``kinds`` are kinds of audit entries; one that ends with a dot stands for all below it, ``*`` for every kind. With
    ``count`` above one, so many entries of one group within ``window_minutes``, both ends included, make one alert.
    With ``sum`` the amounts of that member are added up, and ``least`` of them make one; a ``baseline`` or a ``shift``
    compares a window with those before it, in amounts of ``sum`` where there is one, else in entries.
    """

    code: str
    label: str
    label_en: str
    rule: str
    """The rule of the regulation: ``A50-9``."""
    kinds: tuple[str, ...]
    outcome: str | None
    conditions: tuple[AlertCondition, ...]
    outside_office_hours: bool
    """Only what happened outside office hours counts."""
    count: int
    window_minutes: int
    group_by: Grouping
    severity: Severity
    owner: str
    """The role that answers."""
    unit_from: UnitFrom
    """Whose unit answers: the actor's, that of the account that was tried, the grant's territory, the province."""
    deadline: AlertDeadline
    quiet_minutes: int
    """An entry that comes within so many minutes of the last one joins the alert as long as it is not closed."""
    shown: tuple[str, ...]
    """Members of the entries that the owner is shown beside kind, time, actor and links."""
    sum: str | None = None
    """The member that is added up instead of counting entries: a whole number, or a list that counts by its length."""
    least: int = 0
    """What the sum reaches; 0 without ``sum``, and where ``baseline`` or ``shift`` says it."""
    baseline: AlertBaseline | None = None
    shift: AlertShift | None = None
    may_suppress: bool = True
    """Whether hits of the rule may be suppressed for a time, with a reason."""

    def covers(self, kind: str) -> bool:
        """Say whether entries of ``kind`` are looked at; alerts' own entries are by none."""
        if kind.startswith("alert."):
            return False
        return any(wanted in {"*", kind} or (wanted.endswith(".") and kind.startswith(wanted)) for wanted in self.kinds)

    @property
    def measures(self) -> bool:
        """Whether the rule adds up amounts window by window, instead of counting single entries."""
        return self.sum is not None or self.baseline is not None or self.shift is not None


@dataclass(frozen=True, slots=True)
class AlertEscalation:
    """What follows when an alert stays unhandled beyond its deadline.

    ``after`` each such time it goes to the department above, to the same role; from the province to ``last``.
    """

    after: AlertDeadline
    last: str


@dataclass(frozen=True, slots=True)
class Alerting:
    """All rules by code, and the office hours of a working day, ``office_to`` excluded."""

    office_from: time
    office_to: time
    rules: Mapping[str, AlertRule]
    escalation: AlertEscalation = AlertEscalation(AlertDeadline(1, "working_days"), "inspector")
    most_suppressed_days: int = 90
    """The longest time for which hits may be suppressed."""


NO_ALERTS = Alerting(time(8), time(18), MappingProxyType({}))
"""A rule book without rules, as tests make it by hand; the loader refuses an empty file."""
