"""Grants: limits, uses left, signature, their extracts; start an extract, withdraw the grant."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import choices, forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError
from gateway.ids import GrantId
from gateway.policies.decision import Action
from gateway.policies.records import Format, GrantState
from gateway.policies.resources import grant_resource
from gateway.problems import Problem
from gateway.releases.records import ExtractRequest

blueprint = Blueprint("grants", __name__)

_WITHDRAWABLE = frozenset({GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.USED_UP})
"""A grant that is used up still delivers what was reserved under it, so withdrawing it has an effect."""


@blueprint.get("/grants")
def index() -> ResponseReturnValue:
    """List the grants that the person may read; each row's signature was verified."""
    return page("grants.html", grants=services().applications.grants(principal()))


@blueprint.get("/grants/<grant_id>")
def show(grant_id: str) -> ResponseReturnValue:
    """Show a grant with its extracts, and what the person may do with it."""
    return _show(GrantId(grant_id), None)


@blueprint.post("/grants/<grant_id>/withdrawal")
def withdraw(grant_id: str) -> ResponseReturnValue:
    """Withdraw a grant at once (A50-12)."""
    which = GrantId(grant_id)
    try:
        services().applications.withdraw_grant(principal(), which, reason=forms.text("reason"))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(which, problem_for(error))
    notify("withdrawn")
    return redirect(url_for("console.grants.show", grant_id=which))


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


def _show(which: GrantId, problem: Problem | None) -> ResponseReturnValue:
    who, applications = principal(), services().applications
    grant = applications.grant_for(who, which)
    resource = grant_resource(grant)
    return page(
        "grant.html",
        problem=problem,
        grant=grant,
        labels=choices.fields_of(services().book, grant.scope.profile),
        extracts=services().releases.of_grant(which, who),
        may_withdraw=grant.state in _WITHDRAWABLE and may(services(), who, Action.WITHDRAW_GRANT, resource),
        may_execute=grant.state is GrantState.ACTIVE and may(services(), who, Action.EXECUTE_RELEASE, resource),
        formats=list(Format),
    )
