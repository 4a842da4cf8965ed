"""The public register of shares: who received what on which ground. It names no person and needs no log-in."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gateway.console.pages import page, recognize, services

blueprint = Blueprint("register", __name__)


@blueprint.get("/register")
def index() -> ResponseReturnValue:
    """Show the register, from the same rows as the grants."""
    recognize()
    labels = {field.name: field.label for profile in services().book.profiles.values() for field in profile.fields}
    return page("register.html", labels=labels, entries=services().applications.public_register())
