"""Suppressions of alerts for those who answer them: asked for at an alert, confirmed by another, lifted (A50-16)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.audit.alerts_records import AlertId, Suppression, SuppressionId, SuppressionState
from gateway.audit.suppressions import SuppressionService
from gateway.console import forms
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.problems import Problem

blueprint = Blueprint("suppressions", __name__)


@blueprint.get("/suppressions")
def index() -> ResponseReturnValue:
    """Show what is suppressed in the person's territory, and what that kept from being raised."""
    return _index(None)


@blueprint.post("/alerts/<alert_id>/suppression")
def ask(alert_id: str) -> ResponseReturnValue:
    """Suppress further alerts of the group of an alert."""

    def run() -> Suppression:
        return suppressions().ask(principal(), AlertId(alert_id), forms.day("until"), forms.text("reason"))

    return _act(run)


@blueprint.post("/suppressions/<suppression_id>/confirmation")
def confirm(suppression_id: str) -> ResponseReturnValue:
    """Confirm what somebody else asked for."""
    return _act(lambda: suppressions().confirm(principal(), SuppressionId(suppression_id)), "suppression_confirmed")


@blueprint.post("/suppressions/<suppression_id>/lifting")
def lift(suppression_id: str) -> ResponseReturnValue:
    """End a suppression before its time."""
    return _act(lambda: suppressions().lift(principal(), SuppressionId(suppression_id)), "suppression_lifted")


def _act(run: Callable[[], Suppression], done: str | None = None) -> ResponseReturnValue:
    try:
        changed = run()
    except NotFoundError:
        raise
    except GatewayError as error:
        return _index(problem_for(error))
    waits = changed.state is SuppressionState.WAITING
    notify(done or ("alert_suppression_asked" if waits else "alert_suppressed"))
    return redirect(url_for("console.suppressions.index"))


def _index(problem: Problem | None) -> ResponseReturnValue:
    service, who = suppressions(), principal()
    whole = request.args.get("state") == "all"
    found = service.list(who, live=not whole)
    return page(
        "suppressions.html",
        problem=problem,
        found=found,
        whole=whole,
        mine={one.id for one in found if service.may_handle(who, one)},
        me=who.account,
        rules=service.alerting.rules,
    )


def suppressions() -> SuppressionService:
    """Return the service; raises ``UnavailableError`` on a face without it."""
    found = services().suppressions
    if found is None:
        raise UnavailableError("This face has no alerts.", detail_zh="本端没有预警。")
    return found
