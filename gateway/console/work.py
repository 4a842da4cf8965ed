"""The first page: what waits for the person, what is due, and what the person may do."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gateway.console.pages import page, principal, services
from gateway.inspections.records import CaseState
from gateway.policies.scope import civil_date

blueprint = Blueprint("work", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Show the work list, the deadlines and the permissions, all as the services see them."""
    who, applications = principal(), services().applications
    rights, account = applications.rights(who), services().own
    orders = services().orders
    return page(
        "work.html",
        items=applications.work_list(who),
        permissions=rights.permissions,
        denied=rights.denied,
        deletions=[one for one in rights.deadlines if one.resource == "Grant"],
        orders=[]
        if orders is None
        else [one.case for one in orders.orders(who) if one.case.state is CaseState.ORDERED],
        today=civil_date(services().now()),
        own=None if account is None else account.facts(who),
    )
