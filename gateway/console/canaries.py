"""Decoy pupils for the two duties that know of them: propose, decide, withdraw, and who touched one (A50-16)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.canaries.records import MOST_AT_ONCE, CanaryId
from gateway.canaries.service import CanaryService
from gateway.console import forms
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.ids import UnitCode
from gateway.problems import Problem

blueprint = Blueprint("canaries", __name__)


@blueprint.get("/canaries")
def index() -> ResponseReturnValue:
    """List decoys and touches, with the form that proposes new ones."""
    return _index(None)


@blueprint.post("/canaries")
def propose() -> ResponseReturnValue:
    """Propose a decoy for each telephone, one a line."""
    try:
        unit = UnitCode(forms.text("unit", longest=6))
        _canaries().propose(principal(), unit, forms.text("phones").splitlines())
    except GatewayError as error:
        return _index(problem_for(error))
    notify("canary_proposed")
    return redirect(url_for("console.canaries.index"), code=303)


@blueprint.post("/canaries/<canary_id>/confirmation")
def confirm(canary_id: str) -> ResponseReturnValue:
    """Confirm what another proposed."""
    return _act(lambda who: who.confirm(principal(), CanaryId(canary_id)))


@blueprint.post("/canaries/<canary_id>/refusal")
def refuse(canary_id: str) -> ResponseReturnValue:
    """Refuse what another proposed."""
    return _act(lambda who: who.refuse(principal(), CanaryId(canary_id)))


@blueprint.post("/canaries/<canary_id>/withdrawal")
def withdraw(canary_id: str) -> ResponseReturnValue:
    """Withdraw a decoy."""
    return _act(lambda who: who.withdraw(principal(), CanaryId(canary_id)))


def _act(run: Callable[[CanaryService], object]) -> ResponseReturnValue:
    try:
        run(_canaries())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _index(problem_for(error))
    notify("canary_done")
    return redirect(url_for("console.canaries.index"), code=303)


def _index(problem: Problem | None) -> ResponseReturnValue:
    service, who = _canaries(), principal()
    return page(
        "canaries.html",
        problem=problem,
        found=service.listed(who),
        touches=service.touches(who),
        typed=request.form,
        unit=who.unit or "",
        most=MOST_AT_ONCE,
    )


def _canaries() -> CanaryService:
    found = services().canaries
    if found is None:
        raise UnavailableError("This face has no decoys.", detail_zh="本端没有诱饵学籍。")
    return found
