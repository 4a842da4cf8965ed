"""Orders to correct (责令改正) for the people of the body that answers them."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError
from gateway.inspections.ports import Orders
from gateway.inspections.records import CaseId
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("orders", __name__)


@blueprint.get("/orders")
def index() -> ResponseReturnValue:
    """List the orders to the person's own body, with their answers."""
    return _index(None)


@blueprint.post("/orders/<case_id>/answer")
def answer(case_id: str) -> ResponseReturnValue:
    """Answer an order: what was corrected, and how."""
    try:
        _desk().answer(principal(), CaseId(case_id), forms.text("answer"), version=forms.whole("version"))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _index(problem_for(error))
    notify("order_answered")
    return redirect(url_for("console.orders.index"), code=303)


def _index(problem: Problem | None) -> ResponseReturnValue:
    desk = _desk()
    return page(
        "orders.html",
        problem=problem,
        orders=desk.orders(principal()),
        today=civil_date(services().now()),
        codes=services().article_51,
    )


def _desk() -> Orders:
    found = services().orders
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
