"""Values of alerts (预警): what was raised, who answers, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

from gateway.ids import AccountId, UnitCode
from gateway.principals import Role
from rulebook.alert_records import Severity

AlertId = NewType("AlertId", str)
SuppressionId = NewType("SuppressionId", str)
EVIDENCE_KEPT = 100
"""Entries that an alert names one by one; beyond them it counts."""


class AlertState(StrEnum):
    """Open, taken up by somebody, ended with a finding."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Finding(StrEnum):
    """What an alert turned out to be when it was closed."""

    HANDLED = "handled"
    """Something was wrong and has been put right (已处置)."""
    EXPLAINED = "explained"
    """It was as it should be (情况正常)."""
    FALSE_ALARM = "false_alarm"
    """The rule is too sharp (误报)."""
    CASE_OPENED = "case_opened"
    """It goes on as an inspection case or a correction order (已立案)."""


AlertAct = Literal["raised", "acknowledged", "reassigned", "overdue", "escalated", "closed"]


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One step in the life of an alert. ``comment`` is the handler's own words: it stays in the table."""

    at: datetime
    account: AccountId | None
    """``None`` is the system."""
    act: AlertAct
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: ``count`` entries of the group ``key`` matched ``rule``.

    ``about`` is the account whose acts raised it, where there is one: it may not handle the alert (A50-11). Moments are
    UTC. ``due`` is the last moment at which the handling is on time.
    """

    id: AlertId
    rule: str
    key: str
    severity: Severity
    owner: Role
    unit: UnitCode
    about: AccountId | None
    state: AlertState
    opened_at: datetime
    due: datetime
    count: int
    last_index: int
    """The newest entry of the log that belongs to it."""
    last_at: datetime
    overdue: bool = False
    """Whether the deadline passed and that was recorded."""
    handler: AccountId | None = None
    closed_at: datetime | None = None
    finding: Finding | None = None
    version: int = 1
    escalations: int = 0
    """How often it was given to the department above, or to the last role, because it stayed unhandled."""
    escalates_at: datetime | None = None
    """When that happens next; ``None`` where nobody is left, and before the deadline passed."""

    def late(self, now: datetime) -> bool:
        """Say whether the deadline has passed unmet: of a closed alert, whether it was closed too late."""
        return (self.closed_at or now) > self.due


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """What is looked for; every member that is set is one more condition. ``before`` is the last id of a page."""

    state: AlertState | None = None
    unclosed: bool = False
    rule: str | None = None
    severity: Severity | None = None
    owner: Role | None = None
    unit: UnitCode | None = None
    overdue_at: datetime | None = None
    """Only those whose deadline passed before this moment."""
    after: AlertId | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """One entry that proves an alert, as the owner sees it. Entries hold no data of pupils (I7)."""

    index: int
    at: str
    kind: str
    outcome: str
    actor: str | None
    links: Mapping[str, str]
    shown: Mapping[str, str]
    """Member -> text, for the members that the rule shows."""


@dataclass(frozen=True, slots=True)
class AlertFile:
    """An alert with its history and the entries that prove it."""

    alert: Alert
    events: tuple[AlertEvent, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Alerts in the order in which they should be handled; ``after`` asks for the next page, ``None`` at the end."""

    alerts: tuple[Alert, ...]
    after: AlertId | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A matching entry that waits for more of its group."""

    index: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of one group of one rule: entries that wait, and the newest alert."""

    waiting: tuple[Mark, ...] = ()
    alert: Alert | None = None


class SuppressionState(StrEnum):
    """Waits for a second person, holds, was refused or taken back early, is over."""

    WAITING = "waiting"
    ACTIVE = "active"
    LIFTED = "lifted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Alerts of one group of one rule are not raised for a time, and counted instead.

    ``unit`` and ``owner`` are the desk that would answer them. Moments are UTC; entries whose time lies from ``since``
    to ``until``, the second excluded, are covered. ``reason`` is the asker's own words: it stays in the table.
    """

    id: SuppressionId
    rule: str
    key: str
    unit: UnitCode
    owner: Role
    severity: Severity
    about: AccountId | None
    alert: AlertId
    """The alert it was asked for at."""
    reason: str
    asked_by: AccountId
    asked_at: datetime
    until: datetime
    state: SuppressionState
    since: datetime | None = None
    """When it began to hold; ``None`` while it waits for a second person."""
    confirmed_by: AccountId | None = None
    ended_at: datetime | None = None
    hits: int = 0
    """Alerts that were not raised."""
    entries: int = 0
    """Entries that would have raised them."""
    last_index: int | None = None
    last_at: datetime | None = None
    version: int = 1
