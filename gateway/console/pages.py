"""What every page needs: who is signed in, protection against forged forms, notices, and problems as pages."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Response, current_app, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from gateway.accounts.records import Duty
from gateway.console.entrances import Entrance, entrances
from gateway.errors import ForbiddenError, GatewayError, NotFoundError, UnauthenticatedError, UnavailableError
from gateway.principals import FAMILIES, Principal
from gateway.problems import NOT_FOUND, Problem, problem_of
from gateway.services import Services

TOKEN = "token"  # noqa: S105  the name of a member of the cookie
SPEND = "xueji-spend"
"""Counts the request of a known person against the rate limits (``gateway.app``)."""
FAMILY_DOOR, FAMILY_HOME = "console.family.sign_in_form", "console.family_home.show"
_STAFF_DOOR = "console.auth.sign_in_form"
_CSRF = "csrf"
_NOTICE = "notice"
_UNAUTHENTICATED = 401
_UNAVAILABLE = 503
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
"""What an id in an address looks like; anything else names nothing, and no store is asked."""
_LARGEST = 2**53
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset(
    {
        "console.static",
        "console.auth.sign_in_form",
        "console.auth.sign_in",
        "console.auth.sign_out",
        "console.certificates.check",
        "console.certificates.check_form",
        "console.register.index",
        "console.assessments.notice",
        "console.wallet.show",
        "console.family.activate",
        "console.family.activation_form",
        "console.family.begin_sign_in",
        "console.family.sign_in",
        "console.family.sign_in_form",
        "console.family.sign_out",
        "console.family_card.check",
        "console.family_card.check_form",
        "console.sign_in.agree",
        "console.sign_in.again",
        "console.sign_in.authorize",
        "console.sign_in.authorize_by_form",
        "console.sign_in.choose",
        "console.sign_in.decline",
        "console.sign_in.end_session",
        "console.sign_in.end_session_by_form",
        "console.sign_in.show",
        "console.sign_in.sign_out",
    }
)
"""Pages without a session. Every other page needs one: what is not listed here is closed."""
FOREIGN = frozenset({"console.sign_in.authorize_by_form", "console.sign_in.end_session_by_form"})
"""Pages to which other sites may send a form (OpenID Connect): they change nothing and lead on to a page that asks."""
DUTIES = {
    Duty.CHANGE_PASSWORD: "console.auth.password_form",
    Duty.ACKNOWLEDGE_RULES: "console.auth.rules_form",
}
"""Where a duty is fulfilled, in the order in which people are asked."""
_DUTY_PAGES = frozenset({*DUTIES.values(), "console.auth.change_password", "console.auth.acknowledge_rules"})


def services() -> Services:
    """Return the services of this application."""
    found: Services = current_app.extensions["xueji"]
    return found


def principal() -> Principal:
    """Return who is signed in; only on pages behind the fence."""
    found: Principal = g.principal
    return found


def token() -> str:
    """Return the session token of the browser; raises ``UnauthenticatedError`` without one."""
    found = session.get(TOKEN)
    if not isinstance(found, str):
        raise UnauthenticatedError("Sign in first.", detail_zh="请先登录。")
    return found


def fence() -> ResponseReturnValue | None:
    """Stand before every page: refuse forged forms, send strangers to the log-in and debtors to their duties."""
    if request.method not in _SAFE and request.endpoint not in FOREIGN:
        _refuse_forgery()
    if request.endpoint in OPEN:
        return None
    if not all(_names_something(value) for value in (request.view_args or {}).values()):
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    try:
        who, duties = services().accounts.duties_of_session(token())
    except UnauthenticatedError:
        session.clear()
        return redirect(to_sign_in())
    g.principal = who
    if (who.kind in FAMILIES) is not of_families(request.endpoint):
        raise _wrong_door()
    current_app.extensions[SPEND](who)
    due = next((endpoint for duty, endpoint in DUTIES.items() if duty in duties), None)
    if due is not None and request.endpoint not in _DUTY_PAGES:
        return redirect(url_for(due))
    g.settled = due is None
    return None


def of_families(endpoint: str | None) -> bool:
    """Say whether a page is for guardians and pupils: the name of its blueprint begins with ``family``.

    Such a page opens to sessions of families alone, every other one to none of theirs.
    """
    return endpoint is not None and endpoint.startswith("console.family")


def to_sign_in() -> str:
    """Return the address of the log-in, staff's or families', which leads back to a page that was asked for."""
    wanted = request.full_path.rstrip("?") if request.method in _SAFE else None
    return url_for(_sign_in_endpoint(), next=None if wanted == "/" else wanted)


def _sign_in_endpoint() -> str:
    family = of_families(request.endpoint) or _STAFF_DOOR not in current_app.view_functions
    return FAMILY_DOOR if family else _STAFF_DOOR


def local_path(wanted: str, home: str = "console.work.home") -> str:
    """Return ``wanted`` if it is a path of this site, else the page ``home``: a log-in leads nowhere else."""
    parts = urlsplit(wanted)
    safe = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return wanted if safe and wanted.isprintable() else url_for(home)


def csrf_token() -> str:
    """Return the form token of this browser session; made when the first form is shown."""
    if _CSRF not in session:
        session[_CSRF] = secrets.token_urlsafe(32)
    return str(session[_CSRF])


def notify(code: str) -> None:
    """Show the notice ``code`` (``texts.NOTICES``) on the next page."""
    session[_NOTICE] = code


def page(template: str, status: int = 200, /, *, problem: Problem | None = None, **values: object) -> Response:
    """Return ``template`` as a response; ``problem`` stands above the content and gives the status."""
    who: Principal | None = g.get("principal")
    family = who is not None and who.kind in FAMILIES
    shown = entrances(services(), who) if who is not None and not family and g.get("settled", False) else ()
    html = render_template(
        template,
        who=who,
        entrances=shown,
        alerts_waiting=_alerts_waiting(who, shown),
        csrf_token=csrf_token,
        notice=session.pop(_NOTICE, None) if _NOTICE in session else None,
        problem=problem,
        book=services().book,
        family=family,
        has_families=FAMILY_DOOR in current_app.view_functions,
        has_sign_in=_STAFF_DOOR in current_app.view_functions,
        has_check="console.certificates.check_form" in current_app.view_functions,
        has_register="console.register.index" in current_app.view_functions,
        **values,
    )
    return make_response(html, status if problem is None else problem.kind.status)


def _alerts_waiting(who: Principal | None, shown: Sequence[Entrance]) -> int:
    """Return how many alerts wait for the person, for the menu; 0 for whoever has no such entrance."""
    found = services().alerts
    if who is None or found is None or all(one.endpoint != "console.alerts.index" for one in shown):
        return 0
    try:
        return found.waiting(who)
    except UnavailableError:
        return 0  # the page that says so must still be shown


def problem_page(problem: Problem) -> Response:
    """Return a problem as a page for people: Chinese first, what is missing, the rule. A lost session leads to log in.

    Asks no database that may be the cause of the problem, but for the name of who looks for a page that is not there.
    """
    if problem.kind.status == _UNAUTHENTICATED and _sign_in_endpoint() in current_app.view_functions:
        return make_response(redirect(to_sign_in()))
    if problem.kind is NOT_FOUND and "principal" not in g:
        recognize()
    response = page("problem.html", problem=problem)
    if problem.kind.status == _UNAVAILABLE:
        response.headers["Retry-After"] = "10"
    return response


def problem_for(error: Exception) -> Problem:
    """Return the problem of an error that a form can show; any other error goes on its way."""
    found = problem_of(error)
    if found is None or found.kind.status in {_UNAUTHENTICATED, _UNAVAILABLE}:
        raise error
    return found


def _names_something(value: object) -> bool:
    """Say whether a part of an address can name anything: a database may choke on what cannot."""
    return value <= _LARGEST if isinstance(value, int) else _ID.fullmatch(str(value)) is not None


def recognize() -> None:
    """Find out who is signed in, so that the page of a wrong address still has its menu."""
    held = session.get(TOKEN)
    if not isinstance(held, str):
        return
    try:
        g.principal = services().accounts.principal_of_session(held)
    except GatewayError:
        return  # the page of a wrong address is the same for a stranger: nothing depends on it
    g.settled = True


def _refuse_forgery() -> None:
    sent, held = request.form.get(_CSRF, ""), session.get(_CSRF, "")
    if not held or not hmac.compare_digest(sent.encode(), str(held).encode()):
        raise ForbiddenError(
            "The form has expired or did not come from this site: load the page again and send it once more.",
            detail_zh="表单已失效，或并非由本站页面提交。请刷新页面后重新提交。",
            missing=("csrf",),
        )


def _wrong_door() -> ForbiddenError:
    return ForbiddenError(
        "This page is for another kind of account: sign out, then sign in with the account that it is for.",
        detail_zh="本页面不对此类账号开放。请退出后用相应账号登录。",
    )
