"""What an authority wants to be alerted of, as frozen values: config/alerts.toml (预警, A50-16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import Literal

Severity = Literal["high", "medium", "low"]
Grouping = Literal["none", "actor", "account", "unit", "recipient", "application", "grant", "extract", "case"]
UnitFrom = Literal["actor", "account", "grant", "province"]
Measure = Literal["working_hours", "working_days"]
Test = Literal["equals", "in", "present", "absent", "at_least"]


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """One condition on a member of an audit entry, named by its dotted path (``facts.dimension``).

    ``equals`` and ``in`` compare texts with ``values``; ``present`` and ``absent`` ask whether the member is there and
    says something (not null, not an empty list or text); ``at_least`` compares a whole number with ``least``.
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
class AlertRule:
    """What raises an alert, and who answers it.

    ``kinds`` are kinds of audit entries; one that ends with a dot stands for all below it, ``*`` for every kind. With
    ``count`` above one, so many entries of one group within ``window_minutes``, both ends included, make one alert.
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


@dataclass(frozen=True, slots=True)
class Alerting:
    """All rules by code, and the office hours of a working day, ``office_to`` excluded."""

    office_from: time
    office_to: time
    rules: Mapping[str, AlertRule]


NO_ALERTS = Alerting(time(8), time(18), MappingProxyType({}))
"""A rule book without rules, as tests make it by hand; the loader refuses an empty file."""
