"""Log in and out, change the password, acknowledge the security rules (A50-1, A50-2)."""

from __future__ import annotations

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.pages import TOKEN, local_path, notify, page, problem_for, services, token
from gateway.errors import GatewayError, ParameterError, UnauthenticatedError
from gateway.problems import Problem, problem_of

blueprint = Blueprint("auth", __name__)


@blueprint.get("/login")
def sign_in_form() -> ResponseReturnValue:
    """Show the log-in; somebody who is signed in goes on."""
    if TOKEN in session:
        return redirect(local_path(request.args.get("next", "")))
    return page("login.html", next=request.args.get("next", ""), username="")


@blueprint.post("/login")
def sign_in() -> ResponseReturnValue:
    """Open a session. What failed is never told: one answer for user name, password and code."""
    username = request.form.get("username", "")
    wanted = request.form.get("next", "")
    try:
        found = services().accounts.sign_in(
            username, request.form.get("password", ""), request.form.get("totp") or None
        )
    except GatewayError as error:
        known = problem_of(error)
        if known is None or (not isinstance(error, UnauthenticatedError) and known.kind.status != 403):  # noqa: PLR2004
            raise
        return page("login.html", problem=known, next=wanted, username=username)
    session.clear()  # a cookie from before the log-in is worth nothing after it
    session[TOKEN] = found.token
    return redirect(local_path(wanted))


@blueprint.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session here and in this browser."""
    services().accounts.sign_out(str(session.get(TOKEN, "")))
    session.clear()
    notify("signed_out")
    return redirect(url_for("console.auth.sign_in_form"))


@blueprint.get("/account/sessions")
def sessions() -> ResponseReturnValue:
    """List the person's own sessions."""
    return page("sessions.html", sessions=services().accounts.sessions_of(token()))


@blueprint.post("/account/sessions/<session_id>/end")
def end_session(session_id: str) -> ResponseReturnValue:
    """End one of the person's own sessions."""
    services().accounts.end_session(token(), session_id)
    notify("session_ended")
    return redirect(url_for("console.auth.sessions"))


@blueprint.post("/account/sessions/end")
def end_sessions() -> ResponseReturnValue:
    """End every session of the person, this one too."""
    services().accounts.sign_out_everywhere(token())
    session.clear()
    notify("signed_out")
    return redirect(url_for("console.auth.sign_in_form"))


@blueprint.get("/account/password")
def password_form() -> ResponseReturnValue:
    """Show the form for a new password."""
    return _password_page(None)


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Replace the password; the browser goes on with a new session."""
    new = request.form.get("new", "")
    try:
        if new != request.form.get("again", ""):
            raise ParameterError("The two new passwords differ.", detail_zh="两次填写的新密码不一致。", rule="A50-2")
        session[TOKEN] = services().accounts.change_password(token(), request.form.get("old", ""), new)
    except GatewayError as error:
        known = problem_of(error)
        if known is None or not isinstance(error, UnauthenticatedError | ParameterError):
            raise
        return _password_page(known)
    notify("password_changed")
    return redirect(url_for("console.work.home"))


@blueprint.get("/account/rules")
def rules_form() -> ResponseReturnValue:
    """Show the security rules of the person's unit."""
    return _rules_page(None)


@blueprint.post("/account/rules")
def acknowledge_rules() -> ResponseReturnValue:
    """Record that the person acknowledged them."""
    try:
        services().accounts.acknowledge_rules(token(), forms.text("version", longest=64))
    except GatewayError as error:
        return _rules_page(problem_for(error))
    notify("rules_acknowledged")
    return redirect(url_for("console.work.home"))


def _password_page(problem: Problem | None) -> ResponseReturnValue:
    return page("password.html", problem=problem, days=services().book.parameters.password_days)


def _rules_page(problem: Problem | None) -> ResponseReturnValue:
    accounts = services().accounts
    return page("rules.html", problem=problem, rules=accounts.rules_for(accounts.account_of_session(token())))
