"""Approvals lent for a time: lend the own one, see who acts for whom, end it, act for another unit (A50-10)."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.accounts.delegation_records import DelegationId
from gateway.accounts.delegations import Delegations, DelegationSpec
from gateway.accounts.sealing import civil_date
from gateway.console import forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services, token
from gateway.errors import GatewayError, UnavailableError
from gateway.ids import AccountId
from gateway.policies.decision import Action
from gateway.policies.resources import system_resource
from gateway.problems import Problem

blueprint = Blueprint("delegations", __name__)


def delegations() -> Delegations:
    """Return the delegations; raises ``UnavailableError`` where there are none."""
    found = services().delegations
    if found is None:
        raise UnavailableError("This process has no delegations.", detail_zh="本进程不办理委托。")
    return found


@blueprint.get("/delegations")
def index() -> ResponseReturnValue:
    """List what concerns the person, and show the form to whoever may lend."""
    return _index(None)


@blueprint.post("/delegations")
def create() -> ResponseReturnValue:
    """Lend the own approval."""
    try:
        spec = DelegationSpec(
            AccountId(forms.text("deputy", longest=64)),
            forms.day("valid_from"),
            forms.day("valid_to"),
            forms.text("reason", longest=500),
        )
        delegations().make(principal(), spec)
    except GatewayError as error:
        return _index(problem_for(error))
    notify("delegated")
    return redirect(url_for("console.delegations.index"))


@blueprint.post("/delegations/<delegation_id>/revocation")
def revoke(delegation_id: str) -> ResponseReturnValue:
    """End a delegation at once."""
    try:
        delegations().revoke(principal(), DelegationId(delegation_id))
    except GatewayError as error:
        return _index(problem_for(error))
    notify("delegation_revoked")
    return redirect(url_for("console.delegations.index"))


@blueprint.post("/delegations/acting")
def act_for() -> ResponseReturnValue:
    """Approve for another unit in this session, or be oneself again."""
    wanted = forms.text("delegation", longest=64)
    try:
        services().accounts.act_for(token(), DelegationId(wanted) if wanted else None)
    except GatewayError as error:
        return _index(problem_for(error))
    notify("acting" if wanted else "not_acting")
    return redirect(url_for("console.delegations.index"))


def _index(problem: Problem | None) -> ResponseReturnValue:
    who, today = principal(), civil_date(services().now())
    unit = who.unit
    lends = who.on_behalf is None and unit is not None
    lends = lends and may(services(), who, Action.DELEGATE, system_resource(unit), territory=unit or "")
    return page(
        "delegations.html",
        problem=problem,
        delegations=delegations().listed(who),
        deputies=delegations().candidates(who) if lends else (),
        lends=lends,
        acting=who.on_behalf,
        longest=services().book.parameters.delegation_days,
        today=today,
        typed=request.form,
    )
