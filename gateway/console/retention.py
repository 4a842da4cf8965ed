"""Retention for inspectors, security administrators and officers: classes, what is due, holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.policies.decision import Action
from gateway.policies.resources import retention_resource
from gateway.policies.scope import civil_date
from gateway.problems import Problem
from gateway.retention.records import MAX_GROUND, MAX_TEXT, HoldScope, LegalHold, LegalHoldId
from gateway.services import Retention

blueprint = Blueprint("retention", __name__)


@blueprint.get("/retention")
def index() -> ResponseReturnValue:
    """Show classes, holds and the form that sets one."""
    return _index(None)


@blueprint.post("/retention/holds")
def set_hold() -> ResponseReturnValue:
    """Hold what the form names."""
    try:
        scope = HoldScope(
            data_class=_optional("data_class"),
            case=_optional("case"),
            grant=_optional("grant"),
            unit=_optional("unit"),
            first_day=_optional_day("first_day"),
            last_day=_optional_day("last_day"),
        )
        review = _optional_day("review_on")
        if review is None:
            raise ParameterError("Give the day of review.", detail_zh="请填写复核日期。", missing=("review_on",))
        _retention().holds.set(
            principal(), scope, forms.text("ground", longest=MAX_GROUND), forms.text("reason", longest=MAX_TEXT), review
        )
    except GatewayError as error:
        return _index(problem_for(error))
    notify("hold_set")
    return redirect(url_for("console.retention.index"), code=303)


@blueprint.post("/retention/holds/<hold_id>/extension")
def extend(hold_id: str) -> ResponseReturnValue:
    """Put the review of a hold off."""

    def run(hold: LegalHoldId, reason: str) -> LegalHold:
        return _retention().holds.extend(principal(), hold, _optional_day("review_on") or _today(), reason)

    return _act(hold_id, run)


@blueprint.post("/retention/holds/<hold_id>/lifting-request")
def ask_lift(hold_id: str) -> ResponseReturnValue:
    """Ask that a hold be lifted."""
    return _act(hold_id, lambda hold, reason: _retention().holds.ask_lift(principal(), hold, reason))


@blueprint.post("/retention/holds/<hold_id>/lifting")
def lift(hold_id: str) -> ResponseReturnValue:
    """Lift a hold that somebody else asked to lift."""
    return _act(hold_id, lambda hold, reason: _retention().holds.lift(principal(), hold, reason))


@blueprint.post("/retention/holds/<hold_id>/lifting-refusal")
def decline(hold_id: str) -> ResponseReturnValue:
    """Let a hold stand that somebody else asked to lift."""
    return _act(hold_id, lambda hold, reason: _retention().holds.decline(principal(), hold, reason))


def _act(hold_id: str, run: Callable[[LegalHoldId, str], LegalHold]) -> ResponseReturnValue:
    try:
        run(LegalHoldId(hold_id), forms.text("reason", longest=MAX_TEXT))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _index(problem_for(error))
    notify("hold_done")
    return redirect(url_for("console.retention.index"), code=303)


def _index(problem: Problem | None) -> ResponseReturnValue:
    who, found = principal(), _retention()
    return page(
        "retention.html",
        problem=problem,
        status=found.service.status(who),
        files=found.holds.listed(who),
        today=_today(),
        typed=request.form or request.args,
        may_hold=may(services(), who, Action.HOLD_DATA, retention_resource(who.unit), territory=who.unit or ""),
        may_lift=may(services(), who, Action.LIFT_HOLD, retention_resource()),
        own=who.account,
        longest_reason=MAX_TEXT,
        longest_ground=MAX_GROUND,
    )


def _optional(name: str) -> str | None:
    value = request.form.get(name, "").strip()
    return forms.readable(name, value[:64]) if value else None


def _optional_day(name: str) -> date | None:
    value = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise ParameterError(
            "Write a day like 2026-09-01.", detail_zh="日期格式应为 2026-09-01。", missing=(name,)
        ) from None


def _today() -> date:
    return civil_date(services().now())


def _retention() -> Retention:
    found = services().retention
    if found is None:
        raise UnavailableError("This face keeps nothing beside the log.", detail_zh="本端没有保存期限功能。")
    return found
