"""Suppressions of alerts as JSON (暂停预警, A50-16)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import PRINTABLE, Model
from gateway.audit.alerts_records import Suppression
from rulebook.alert_records import AlertRule, Severity

Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)]


class SuppressionIn(Model):
    """Why, and until when, further alerts of the group are not raised."""

    until: date
    """The last day, a civil day in Shanghai."""
    reason: Reason
    """It stays in the record; no pupil's data in it."""


class SuppressionQueryIn(Model):
    """Which suppressions."""

    state: Literal["live", "all"] = "live"
    """``live``: what waits for a second person, and what holds."""


class SuppressionOut(Model):
    """Alerts of one group of one rule are counted instead of raised."""

    id: str
    alert: str
    """The alert it was asked for at; its group is what is suppressed."""
    rule: str
    """Code of the rule of ``config/alerts.toml``."""
    label: str
    label_en: str
    severity: Severity
    unit: str
    owner: str
    state: Literal["waiting", "active", "lifted", "ended"]
    reason: str
    asked_by: str
    asked_at: datetime
    confirmed_by: str | None
    since: datetime | None
    """When it began to hold."""
    until: datetime
    """The first moment at which alerts are raised again."""
    ended_at: datetime | None
    hits: int
    """Alerts that were not raised."""
    entries: int
    """Entries of the log that would have raised them."""
    last_index: int | None
    """The newest of those entries."""
    last_at: datetime | None
    version: int

    @classmethod
    def of(cls, one: Suppression, rule: AlertRule | None) -> SuppressionOut:
        """Return a suppression as JSON; ``rule`` is ``None`` when the rule book has it no more."""
        return cls(
            id=one.id,
            alert=one.alert,
            rule=one.rule,
            label=one.rule if rule is None else rule.label,
            label_en=one.rule if rule is None else rule.label_en,
            severity=one.severity,
            unit=one.unit,
            owner=one.owner.value,
            state=one.state.value,
            reason=one.reason,
            asked_by=one.asked_by,
            asked_at=one.asked_at,
            confirmed_by=one.confirmed_by,
            since=one.since,
            until=one.until,
            ended_at=one.ended_at,
            hits=one.hits,
            entries=one.entries,
            last_index=one.last_index,
            last_at=one.last_at,
            version=one.version,
        )


class SuppressionList(Model):
    """Suppressions, the newest first, at most 200."""

    items: list[SuppressionOut]
