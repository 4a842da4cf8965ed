"""The public register of shares: who received what on which ground. It names no person and needs no log-in."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from gateway.console import choices, forms
from gateway.console.pages import page, recognize, services
from gateway.policies.records import GrantPhase, Level
from gateway.policies.register import RegisterFilter

blueprint = Blueprint("register", __name__)

_LONGEST = 100


@blueprint.get("/register")
def index() -> ResponseReturnValue:
    """Show the lines of the register that are asked for, from the same rows as the grants."""
    recognize()
    book = services().book
    wanted = _wanted()
    here = current_app.view_functions
    return page(
        "register.html",
        entries=services().applications.public_register(wanted),
        wanted=wanted,
        purposes=list(book.purposes.values()),
        levels=list(Level),
        phases=list(GrantPhase),
        places=choices.places(book),
        has_notice="console.assessments.notice" in here,
        csv=_csv() if "grants.public_register_csv" in here else "",
    )


def _csv() -> str:
    """Return the address of the same lines as CSV."""
    asked = urlencode(_asked())
    return url_for("grants.public_register_csv") + (f"?{asked}" if asked else "")


def _wanted() -> RegisterFilter:
    """Return what was asked for; a code that there is not finds nothing rather than everything."""
    asked = _asked()
    return RegisterFilter(
        text=asked.get("q", ""),
        purpose=asked.get("purpose"),
        level=Level(asked["level"]) if "level" in asked else None,
        phase=GrantPhase(asked["phase"]) if "phase" in asked else None,
        territory=asked.get("territory"),
    )


def _asked() -> dict[str, str]:
    """Return the conditions that were filled in and can be read."""
    known: dict[str, set[str]] = {"level": set(Level), "phase": set(GrantPhase)}
    found = {
        name: forms.readable(name, request.args.get(name, ""))[:_LONGEST]
        for name in ("q", "purpose", "level", "phase", "territory")
    }
    return {name: value for name, value in found.items() if value and value in known.get(name, {value})}
