"""Alerts for those who answer: what is open by severity and deadline, its proof, and how it ends (A50-16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.audit.alerts import AlertService
from gateway.audit.alerts_records import Alert, AlertId, AlertQuery, AlertState, Finding
from gateway.console import alert_texts, forms, texts
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import UnitCode
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.policies.scope import civil_date
from gateway.principals import Role
from gateway.problems import Problem
from rulebook.alerts import OWNERS

blueprint = Blueprint("alerts", __name__)

_PAGE: Final = 200
SEVERITIES: Final = ("high", "medium", "low")
_COLUMNS: Final = ("late", "today", "tomorrow", "soon", "week", "later")
_SOON, _WEEK = 3, 7
_LEFT, _TOP, _WIDE, _HIGH = 84, 34, 92, 62
_LARGEST, _SMALLEST = 24.0, 11.0


@dataclass(frozen=True, slots=True)
class Cell:
    """How many alerts of one severity are due then, and where their circle stands in the drawing."""

    severity: str
    column: str
    count: int
    x: int
    y: int
    radius: float


@dataclass(frozen=True, slots=True)
class Board:
    """Open alerts by severity (lanes) and deadline (columns)."""

    cells: tuple[Cell, ...]
    columns: tuple[tuple[str, int], ...]
    lanes: tuple[tuple[str, int], ...]
    width: int = _LEFT + _WIDE * len(_COLUMNS)
    height: int = _TOP + _HIGH * len(SEVERITIES)
    left: int = _LEFT
    top: int = _TOP
    lane_height: int = _HIGH


def board(found: Sequence[Alert], now: datetime) -> Board:
    """Return where the circles of unclosed alerts stand; the area of a circle grows with their number."""
    counts = Counter((one.severity, _column(one, now)) for one in found if one.state is not AlertState.CLOSED)
    most = max([*counts.values(), 1])
    cells = tuple(
        Cell(
            severity,
            column,
            count,
            _LEFT + _WIDE * _COLUMNS.index(column) + _WIDE // 2,
            _TOP + _HIGH * SEVERITIES.index(severity) + _HIGH // 2,
            round(_SMALLEST + (_LARGEST - _SMALLEST) * sqrt((count - 1) / max(most - 1, 1)), 1),
        )
        for (severity, column), count in sorted(counts.items())
    )
    return Board(
        cells,
        tuple((name, _LEFT + _WIDE * place + _WIDE // 2) for place, name in enumerate(_COLUMNS)),
        tuple((name, _TOP + _HIGH * place + _HIGH // 2) for place, name in enumerate(SEVERITIES)),
    )


def _column(alert: Alert, now: datetime) -> str:
    if alert.late(now):
        return "late"
    days = (civil_date(alert.due) - civil_date(now)).days
    if days <= 0:
        return "today"
    if days == 1:
        return "tomorrow"
    return "soon" if days <= _SOON else "week" if days <= _WEEK else "later"


@blueprint.get("/alerts")
def index() -> ResponseReturnValue:
    """Show the alerts of the person's territory, the unclosed ones unless others are asked for."""
    asked, now = request.args, services().now()
    problem: Problem | None = None
    try:
        query = _query(now)
    except ParameterError as error:
        problem, query = problem_for(error), AlertQuery(unclosed=True, limit=_PAGE)
    found = _alerts().list(principal(), query)
    counts = Counter(one.severity for one in found.alerts if one.state is not AlertState.CLOSED)
    late = sum(one.late(now) for one in found.alerts if one.state is not AlertState.CLOSED)
    again = {name: value for name, value in asked.items() if value and name in {"state", "rule", "severity", "unit"}}
    return page(
        "alerts.html",
        problem=problem,
        found=found,
        now=now,
        counts=counts,
        late=late,
        board=board(found.alerts, now),
        asked=asked,
        again=again,
        rules=_alerts().alerting.rules,
        states=alert_texts.ALERT_STATES,
        severities=alert_texts.SEVERITIES,
        columns=alert_texts.DUE_COLUMNS,
    )


@blueprint.get("/alerts/<alert_id>")
def show(alert_id: str) -> ResponseReturnValue:
    """Show an alert with its history and the entries that prove it."""
    return _show(AlertId(alert_id), None)


@blueprint.post("/alerts/<alert_id>/acknowledgement")
def acknowledge(alert_id: str) -> ResponseReturnValue:
    """Take an alert up."""
    return _act(alert_id, "alert_acknowledged", lambda which: _alerts().acknowledge(principal(), which))


@blueprint.post("/alerts/<alert_id>/closure")
def close(alert_id: str) -> ResponseReturnValue:
    """End an alert with a finding."""
    return _act(
        alert_id,
        "alert_closed",
        lambda which: _alerts().close(principal(), which, _finding(), forms.text("comment"), version=_version()),
    )


@blueprint.post("/alerts/<alert_id>/reassignment")
def reassign(alert_id: str) -> ResponseReturnValue:
    """Give an alert to another role or department."""
    return _act(
        alert_id,
        "alert_reassigned",
        lambda which: _alerts().reassign(
            principal(),
            which,
            _owner(),
            forms.text("comment"),
            unit=UnitCode(forms.text("unit", longest=16)) if forms.text("unit", longest=16) else None,
            version=_version(),
        ),
    )


def _act(alert_id: str, done: str, run: Callable[[AlertId], Alert]) -> ResponseReturnValue:
    which = AlertId(alert_id)
    try:
        run(which)
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify(done)
    try:
        _alerts().get(principal(), which)
    except NotFoundError:
        return redirect(url_for("console.alerts.index"))  # it was given to a department beyond the person's own
    return redirect(url_for("console.alerts.show", alert_id=which))


def _show(which: AlertId, problem: Problem | None) -> ResponseReturnValue:
    file = _alerts().get(principal(), which)
    alert = file.alert
    rule = _alerts().alerting.rules.get(alert.rule)
    suppressions = services().suppressions
    return page(
        "alert.html",
        problem=problem,
        file=file,
        alert=alert,
        rule=rule,
        suppression=None if suppressions is None else suppressions.of_alert(alert),
        may_suppress=rule is not None and rule.may_suppress and _alerts().answers(principal(), alert),
        most_days=_alerts().alerting.most_suppressed_days,
        late=alert.late(services().now()),
        may_handle=_alerts().may_handle(principal(), alert),
        may_read_log=may(services(), principal(), Action.READ_AUDIT, audit_log_resource()),
        findings=alert_texts.FINDINGS,
        owners=alert_texts.OWNERS,
        links=texts.LINKS,
    )


def _alerts() -> AlertService:
    found = services().alerts
    if found is None:
        raise UnavailableError("This face has no alerts.", detail_zh="本端没有预警。")
    return found


def _query(now: datetime) -> AlertQuery:
    state = request.args.get("state", "unclosed")
    severity, rule, unit = (request.args.get(name) or None for name in ("severity", "rule", "unit"))
    if state not in {"unclosed", "overdue", "", *AlertState} or severity not in {None, *SEVERITIES}:
        raise ParameterError("Choose a state and a severity from the lists.", detail_zh="请从列表中选择状态和级别。")
    after = request.args.get("after") or None
    return AlertQuery(
        state=AlertState(state) if state in set(AlertState) else None,
        unclosed=state == "unclosed",
        overdue_at=now if state == "overdue" else None,
        severity=severity,  # type: ignore[arg-type]  # one of SEVERITIES, by the line above
        rule=None if rule is None else forms.readable("rule", rule),
        unit=None if unit is None else UnitCode(forms.readable("unit", unit)),
        after=None if after is None else AlertId(forms.readable("after", after)),
        limit=_PAGE,
    )


def _finding() -> Finding:
    chosen = request.form.get("finding", "")
    if chosen not in set(Finding):
        raise ParameterError("Choose a finding.", detail_zh="请选择核查结论。", missing=("finding",))
    return Finding(chosen)


def _owner() -> Role:
    chosen = request.form.get("owner", "")
    if chosen not in OWNERS:
        raise ParameterError("Choose who shall answer.", detail_zh="请选择责任岗位。", missing=("owner",))
    return Role(chosen)


def _version() -> int:
    return forms.whole("version")
