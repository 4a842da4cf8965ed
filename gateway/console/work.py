"""The first page: what waits for the person, and what the person may do."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gateway.console.pages import page, principal, services

blueprint = Blueprint("work", __name__)


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """Show the work list and the permissions, both as the services see them."""
    who, applications = principal(), services().applications
    return page("work.html", items=applications.work_list(who), permissions=applications.permissions(who))
