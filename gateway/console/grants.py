"""Grants: limits, uses left, signature, their extracts; start an extract, withdraw the grant."""

from __future__ import annotations

from typing import Protocol

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import choices, forms
from gateway.console.entrances import may
from gateway.console.held import legal_holds
from gateway.console.life import Step, line
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import GrantId
from gateway.policies.decision import Action
from gateway.policies.queries import GrantLifeView
from gateway.policies.records import Format, Grant, GrantState
from gateway.policies.resources import grant_resource
from gateway.policies.scope import civil_date
from gateway.principals import Principal
from gateway.problems import Problem
from gateway.releases.records import ExtractRequest

blueprint = Blueprint("grants", __name__)

_WITHDRAWABLE = frozenset({GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.USED_UP})
"""A grant that is used up still delivers what was reserved under it, so withdrawing it has an effect."""


@blueprint.get("/grants")
def index() -> ResponseReturnValue:
    """List the grants that the person may read; each row's signature was verified."""
    applications = services().applications
    grants = applications.grants(principal())
    return page("grants.html", grants=grants, lives=applications.lives(grants))


@blueprint.get("/grants/<grant_id>")
def show(grant_id: str) -> ResponseReturnValue:
    """Show a grant with its extracts, and what the person may do with it."""
    return _show(GrantId(grant_id), None)


@blueprint.post("/grants/<grant_id>/suspension")
def suspend(grant_id: str) -> ResponseReturnValue:
    """Suspend a grant at once."""
    return _act(grant_id, "suspended", services().applications.suspend_grant)


@blueprint.post("/grants/<grant_id>/resumption")
def resume(grant_id: str) -> ResponseReturnValue:
    """Let a suspended grant go on."""
    return _act(grant_id, "resumed", services().applications.resume_grant)


@blueprint.post("/grants/<grant_id>/withdrawal")
def withdraw(grant_id: str) -> ResponseReturnValue:
    """Withdraw a grant at once (A50-12)."""
    return _act(grant_id, "withdrawn", services().applications.withdraw_grant)


@blueprint.post("/grants/<grant_id>/extracts")
def start_extract(grant_id: str) -> ResponseReturnValue:
    """Queue an extract of all that was granted; it reserves one use."""
    which = GrantId(grant_id)
    try:
        wanted = request.form.get("format", "")
        if wanted not in set(Format):
            raise ParameterError("Choose a file format.", detail_zh="请选择文件格式。", missing=("format",))
        extract = services().releases.start(which, ExtractRequest(Format(wanted)), principal())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    return redirect(url_for("console.extracts.show", extract_id=extract.id))


class _Act(Protocol):
    def __call__(self, principal: Principal, grant_id: GrantId, /, *, reason: str) -> Grant: ...


def _act(grant_id: str, notice: str, act: _Act) -> ResponseReturnValue:
    which = GrantId(grant_id)
    try:
        act(principal(), which, reason=forms.text("reason"))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify(notice)
    return redirect(url_for("console.grants.show", grant_id=which))


def _line_of(grant: Grant, life: GrantLifeView) -> tuple[Step, ...]:
    """Return the line of the application behind a grant, for those who may read that too."""
    try:
        application = services().applications.get(principal(), grant.application)
    except NotFoundError:
        return ()
    return line(application, life)


def _show(which: GrantId, problem: Problem | None) -> ResponseReturnValue:
    who, applications = principal(), services().applications
    grant = applications.grant_for(who, which)
    life = applications.lives([grant])[grant.id]
    resource = grant_resource(grant)
    extracts = services().releases.of_grant(which, who)
    scope, today = grant.scope, civil_date(services().now())
    all_days = (scope.valid_to - scope.valid_from).days + 1
    may_stop = may(services(), who, Action.SUSPEND_GRANT, resource)
    return page(
        "grant.html",
        problem=problem,
        grant=grant,
        labels=choices.fields_of(services().book, grant.scope.profile),
        extracts=extracts,
        life=life,
        line=_line_of(grant, life),
        today=today,
        days_all=all_days,
        days_gone=min(max((today - scope.valid_from).days + 1, 0), all_days),
        most_rows=max((one.rows for one in extracts), default=None),
        may_suspend=grant.state is GrantState.ACTIVE and may_stop,
        may_resume=grant.state is GrantState.SUSPENDED and may_stop,
        may_withdraw=grant.state in _WITHDRAWABLE and may(services(), who, Action.WITHDRAW_GRANT, resource),
        may_execute=grant.state is GrantState.ACTIVE and may(services(), who, Action.EXECUTE_RELEASE, resource),
        formats=list(Format),
        legal_holds=legal_holds(grant=which),
    )
