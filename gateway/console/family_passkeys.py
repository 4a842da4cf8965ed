"""A family's own ways in: passkeys and sessions. Only the signed-in account's; no page takes the id of another."""

from __future__ import annotations

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.family import LONGEST_CREDENTIAL, enter, families, options_of, spent_ceremony
from gateway.console.pages import FAMILY_DOOR, notify, page, principal, problem_for, services, token
from gateway.errors import GatewayError
from gateway.families.records import LONGEST_NAME, PasskeyId
from gateway.problems import Problem

blueprint = Blueprint("family_passkeys", __name__)


@blueprint.get("/family/passkeys")
def index() -> ResponseReturnValue:
    """Show passkeys and sessions, and offer to add a passkey."""
    return _page(None)


@blueprint.post("/family/passkeys/options")
def begin() -> ResponseReturnValue:
    """Return what the browser needs to make a passkey."""
    return options_of(families().passkeys.begin_registering(principal()))


@blueprint.post("/family/passkeys")
def add() -> ResponseReturnValue:
    """Keep a new passkey; the browser goes on with a stronger session."""
    try:
        entered = families().passkeys.register(
            principal(),
            token(),
            spent_ceremony(),
            forms.text("credential", longest=LONGEST_CREDENTIAL),
            forms.text("name", longest=LONGEST_NAME),
        )
    except GatewayError as error:
        return _page(problem_for(error))
    enter(entered)
    notify("passkey_added")
    return redirect(url_for("console.family_passkeys.index"), code=303)


@blueprint.post("/family/passkeys/<passkey_id>/remove")
def remove(passkey_id: str) -> ResponseReturnValue:
    """Remove a passkey; the last one only when the person says so."""
    try:
        families().passkeys.remove(principal(), PasskeyId(passkey_id), last_too=forms.ticked("last_too"))
    except GatewayError as error:
        return _page(problem_for(error))
    notify("passkey_removed")
    return redirect(url_for("console.family_passkeys.index"), code=303)


@blueprint.post("/family/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """End one of the account's sessions."""
    services().accounts.end_session(token(), session_id)
    notify("session_ended")
    return redirect(url_for("console.family_passkeys.index"), code=303)


@blueprint.post("/family/sessions/end")
def end_sessions() -> ResponseReturnValue:
    """End every session of the account, this one too."""
    services().accounts.sign_out_everywhere(token())
    session.clear()
    notify("signed_out")
    return redirect(url_for(FAMILY_DOOR), code=303)


def _page(problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    return page(
        "family/passkeys.html",
        problem=problem,
        passkeys=families().passkeys.of(who.account),
        available=families().passkeys.available,
        sessions=services().accounts.sessions_of(token()),
        longest=LONGEST_NAME,
        name=request.form.get("name", ""),
    )
