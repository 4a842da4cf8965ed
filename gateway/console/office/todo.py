"""待办: what waits for the person's unit, most urgent first, with last days and who has it."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.office import REGULATION
from gateway.console import forms
from gateway.console.entrances import may, own_registry
from gateway.console.office.reach import actor, desk, unit_names
from gateway.console.pages import notify, page, principal, services
from gateway.policies.decision import Action

blueprint = Blueprint("todo", __name__)

_LINES = 50


@blueprint.get("/office/work")
def index() -> ResponseReturnValue:
    """Show the work of the unit, or what is given to the person."""
    mine = request.args.get("mine") == "yes"
    who = principal()
    after = forms.readable("after", request.args.get("after", "")[:80])
    work = desk().work(actor(Action.READ_CASES), mine=mine, after=after, limit=_LINES)
    return page(
        "office/todo.html",
        work=work,
        mine=mine,
        kinds={one.kind: one.zh for one in desk().procedures()},
        rules=REGULATION,
        names=unit_names(one.school_code or "" for one in work.items),
        may_handle=may(services(), who, Action.HANDLE_CASES, own_registry(who), who.unit or ""),
    )


@blueprint.post("/office/work")
def assign() -> ResponseReturnValue:
    """Take an item, or give it back to the unit."""
    who = actor(Action.HANDLE_CASES)
    account = who.account if forms.ticked("take") else None
    desk().assign(who, forms.text("source", longest=8), forms.text("item", longest=64), account)
    notify("assigned")
    return redirect(url_for("console.todo.index"))
