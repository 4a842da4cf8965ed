"""Alerts as JSON (预警, A50-16)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import PRINTABLE, Code, Division, Model, Version
from gateway.audit.alerts_records import Alert, AlertEvent, AlertFile, AlertQuery, AlertState, Evidence, Finding
from gateway.ids import UnitCode
from gateway.principals import Role
from rulebook.alert_records import AlertRule, Severity

Owner = Literal["data_officer", "approving_officer", "security_administrator", "system_administrator", "inspector"]
Comment = Annotated[str, Field(max_length=2000, pattern=PRINTABLE)]
Said = Annotated[str, Field(min_length=1, max_length=2000, pattern=PRINTABLE)]


class AlertQueryIn(Model):
    """Which alerts; every member that is given is one more condition."""

    state: Literal["open", "acknowledged", "closed", "unclosed"] | None = None
    rule: Code | None = None
    severity: Severity | None = None
    owner: Owner | None = None
    unit: Division | None = None
    overdue: Literal["true", "false"] = "false"
    """Only those whose deadline has passed."""
    after: Code | None = None
    """The last id of the page before."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    def to_query(self, now: datetime) -> AlertQuery:
        """Return the query; what is overdue is so at ``now``."""
        return AlertQuery(
            state=None if self.state in {None, "unclosed"} else AlertState(self.state),
            unclosed=self.state == "unclosed",
            rule=self.rule,
            severity=self.severity,
            owner=None if self.owner is None else Role(self.owner),
            unit=None if self.unit is None else UnitCode(self.unit),
            overdue_at=now if self.overdue == "true" else None,
            after=self.after,  # type: ignore[arg-type]  # an id as somebody typed it; an unknown one finds nothing
            limit=self.limit,
        )


class AlertOut(Model):
    """An alert. ``count`` entries of the audit log belong to it."""

    id: str
    rule: str
    """Code of the rule of ``config/alerts.toml``."""
    label: str
    label_en: str
    basis: str | None
    """Rule of the regulation."""
    severity: Severity
    owner: str
    """The role that answers."""
    unit: str
    """The department that answers."""
    state: Literal["open", "acknowledged", "closed"]
    opened_at: datetime
    due: datetime
    late: bool
    count: int
    last_at: datetime
    about: str | None
    """The account whose acts raised it; it may not handle it."""
    handler: str | None
    escalations: int
    """How often it went to the department above, or to the last role, because it stayed unhandled."""
    closed_at: datetime | None
    finding: Literal["handled", "explained", "false_alarm", "case_opened"] | None
    version: int

    @classmethod
    def of(cls, alert: Alert, rule: AlertRule | None, now: datetime) -> AlertOut:
        """Return an alert as JSON; ``rule`` is ``None`` when the rule book has it no more."""
        return cls.model_validate(_members(alert, rule, now))


class AlertEventOut(Model):
    """One step in the life of an alert."""

    at: datetime
    account: str | None
    act: Literal["raised", "acknowledged", "reassigned", "overdue", "escalated", "closed"]
    comment: str

    @classmethod
    def of(cls, event: AlertEvent) -> AlertEventOut:
        """Return a step as JSON."""
        return cls(at=event.at, account=event.account, act=event.act, comment=event.comment)


class AlertEvidenceOut(Model):
    """An entry of the audit log that proves the alert; ``index`` leads to it (``/v1/audit/entries/{index}``)."""

    index: int
    at: str
    kind: str
    outcome: str
    actor: str | None
    links: dict[str, str]
    shown: dict[str, str]

    @classmethod
    def of(cls, one: Evidence) -> AlertEvidenceOut:
        """Return a proof as JSON."""
        return cls(
            index=one.index,
            at=one.at,
            kind=one.kind,
            outcome=one.outcome,
            actor=one.actor,
            links=dict(one.links),
            shown=dict(one.shown),
        )


class AlertFileOut(AlertOut):
    """An alert with its history and the entries that prove it (at most a hundred; ``count`` says how many)."""

    history: list[AlertEventOut]
    entries: list[AlertEvidenceOut]

    @classmethod
    def of_file(cls, file: AlertFile, rule: AlertRule | None, now: datetime) -> AlertFileOut:
        """Return an alert with all that belongs to it as JSON."""
        history = [AlertEventOut.of(event) for event in file.events]
        entries = [AlertEvidenceOut.of(one) for one in file.evidence]
        return cls.model_validate({**_members(file.alert, rule, now), "history": history, "entries": entries})


class AlertList(Model):
    """Alerts in the order in which they should be handled; ``after`` asks for the next page."""

    items: list[AlertOut]
    after: str | None


class AlertAcknowledgementIn(Model):
    """Somebody takes the alert up."""

    comment: Comment = ""
    version: Version | None = None
    """The version that was seen; left out, the present one."""


class AlertClosureIn(Model):
    """What the alert turned out to be."""

    finding: Finding
    comment: Said
    """What was looked at and done, in words. It stays in the record; no pupil's data in it."""
    version: Version | None = None


class AlertReassignmentIn(Model):
    """Who shall answer instead."""

    owner: Owner
    unit: Division | None = None
    """Another department; left out, the same."""
    comment: Said
    version: Version | None = None


def _members(alert: Alert, rule: AlertRule | None, now: datetime) -> dict[str, object]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "label": alert.rule if rule is None else rule.label,
        "label_en": alert.rule if rule is None else rule.label_en,
        "basis": None if rule is None else rule.rule,
        "severity": alert.severity,
        "owner": alert.owner.value,
        "unit": alert.unit,
        "state": alert.state.value,
        "opened_at": alert.opened_at,
        "due": alert.due,
        "late": alert.late(now),
        "count": alert.count,
        "last_at": alert.last_at,
        "about": alert.about,
        "handler": alert.handler,
        "escalations": alert.escalations,
        "closed_at": alert.closed_at,
        "finding": None if alert.finding is None else alert.finding.value,
        "version": alert.version,
    }
