"""Signing in at a relying party (OpenID Connect): the person's pages, from the relying party and back to it.

A page of a sign-in opens to the browser that began it alone: it holds a secret in a cookie of that page's path. The
answer is given on a page of its own, not as a redirect: browsers apply ``form-action`` to what follows a form, and
the address of a relying party has no place in our policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlencode

from flask import Blueprint, Response, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.claim_words import in_words
from gateway.console.pages import TOKEN, page, problem_for, services
from gateway.csp import with_form_to
from gateway.errors import GatewayError, NotFoundError
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.signing_in import errors
from gateway.identity.signing_in.metadata import AUTHORIZE_PATH, END_SESSION_PATH
from gateway.identity.signing_in.records import (
    DIALOG_LIFE,
    Answered,
    AskConsent,
    Barred,
    ChooseChild,
    Sheet,
    SignInId,
    SignInNeeded,
    Step,
    Visitor,
)
from gateway.identity.signing_in.service import SignInService
from gateway.ids import SubjectRef
from gateway.principals import FAMILIES

blueprint = Blueprint("sign_in", __name__)

HOLDER = "xueji_sign_in"
"""The cookie with which a browser holds a sign-in; its path is that of the sign-in's pages."""
_ID = re.compile(r"[0-9a-f]{32}")
_LONGEST = 4096
_LEAVING = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


@blueprint.get(AUTHORIZE_PATH)
def authorize() -> ResponseReturnValue:
    """Take a pushed request for this browser. Whatever else is in the address is not looked at (RFC 9101 section 5)."""
    given = {name: request.args.getlist(name) for name in ("client_id", "request_uri")}
    if any(len(values) != 1 for values in given.values()):
        raise errors.unknown_request()
    opened = provider().dialogs.open(given["client_id"][0], given["request_uri"][0], visitor())
    if isinstance(opened, Answered):
        return redirect(opened.location, code=303) if opened.form is None else _posted(opened.location, opened.form)
    where = url_for("console.sign_in.show", sign_in_id=opened.id)
    response: Response = redirect(where, code=303)  # type: ignore[assignment]  # Werkzeug's, which Flask's own is
    response.set_cookie(
        HOLDER,
        opened.holder,
        max_age=DIALOG_LIFE,
        path=where,
        secure=services().settings.public_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.post(AUTHORIZE_PATH)
def authorize_by_form() -> ResponseReturnValue:
    """Lead a form of a relying party on to the page (OpenID Connect Core 1.0 section 3.1.2.1)."""
    wanted = {name: request.form.get(name, "") for name in ("client_id", "request_uri")}
    return redirect(f"{AUTHORIZE_PATH}?{urlencode(wanted)}", code=303)


@blueprint.get("/sign-in/<sign_in_id>")
def show(sign_in_id: str) -> ResponseReturnValue:
    """Show what comes next: sign in, choose a child, consent; or go back to the relying party."""
    who = visitor()
    return _shown(sign_in_id, provider().dialogs.step(_id(sign_in_id), _holder(), who), who)


@blueprint.post("/sign-in/<sign_in_id>/again")
def again(sign_in_id: str) -> ResponseReturnValue:
    """End the session that is older than the relying party asks, and have the person sign in anew."""
    services().accounts.sign_out(str(session.get(TOKEN, "")))
    session.clear()
    return _shown(sign_in_id, provider().dialogs.step(_id(sign_in_id), _holder(), None), None)


@blueprint.post("/sign-in/<sign_in_id>/child")
def choose(sign_in_id: str) -> ResponseReturnValue:
    """Note for whom the person signs in."""
    who = visitor()
    if who is not None:
        subject = SubjectRef(forms.text("child", longest=64))
        provider().dialogs.choose(_id(sign_in_id), _holder(), who, subject)
    return redirect(url_for("console.sign_in.show", sign_in_id=sign_in_id), code=303)


@blueprint.post("/sign-in/<sign_in_id>/consent")
def agree(sign_in_id: str) -> ResponseReturnValue:
    """Take the consent and answer the relying party."""
    who = visitor()
    if who is None:
        return _to_door(sign_in_id)
    child = SubjectRef(forms.text("child", longest=64))
    return _shown(sign_in_id, provider().dialogs.agree(_id(sign_in_id), _holder(), who, child), who)


@blueprint.post("/sign-in/<sign_in_id>/decline")
def decline(sign_in_id: str) -> ResponseReturnValue:
    """Answer the relying party that nobody signs in."""
    who = visitor()
    return _shown(sign_in_id, provider().dialogs.decline(_id(sign_in_id), _holder(), who), who)


@blueprint.get(END_SESSION_PATH)
def end_session() -> ResponseReturnValue:
    """Ask whether to sign out (OpenID Connect RP-Initiated Logout 1.0 section 2)."""
    typed = {name: request.args.get(name, "") for name in _LEAVING}
    return _sign_out_page(typed)


@blueprint.post(END_SESSION_PATH)
def end_session_by_form() -> ResponseReturnValue:
    """Lead a form of a relying party on to the question."""
    wanted = {name: request.form[name] for name in _LEAVING if request.form.get(name)}
    return redirect(f"{END_SESSION_PATH}?{urlencode(wanted)}", code=303)


@blueprint.post("/sign-in/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here, and the tokens of the sign-in that is named; go back where that is registered."""
    typed = {name: request.form.get(name, "") for name in _LEAVING}
    who, location = visitor(), None
    if typed["id_token_hint"]:
        try:
            desk = provider().signing_out
            found = desk.leaving(*(typed[name] or None for name in _LEAVING))
            location = desk.leave(found, None if who is None else who.principal).location
        except GatewayError as error:
            return page("sign_in/sign_out.html", problem=problem_for(error), typed={}, organisation=None, here=who)
    if who is not None:
        services().accounts.sign_out(str(session.get(TOKEN, "")))
        session.clear()
    if location is not None:
        return page("sign_in/leave.html", location=location)
    return page("sign_in/signed_out.html")


def provider() -> SignInService:
    """Return the provider; raises ``NotFoundError`` on a face without it."""
    found = services().sign_ins
    if found is None:
        _nothing()
    return found


def visitor() -> Visitor | None:
    """Return the family account that is signed in with this browser, and since when; ``None`` for nobody and staff."""
    held = session.get(TOKEN)
    if not isinstance(held, str):
        return None
    accounts = services().accounts
    try:
        who = accounts.principal_of_session(held)
        since = next(one.created_at for one, here in accounts.sessions_of(held) if here)
    except GatewayError:
        return None  # a session that is over is none: the person signs in anew
    if who.kind not in FAMILIES:
        return None
    g.principal = who  # the page shows whose session it is
    return Visitor(who, since)


def _shown(sign_in_id: str, step: Step, who: Visitor | None) -> ResponseReturnValue:
    match step:
        case SignInNeeded():
            return _to_door(sign_in_id) if who is None else page("sign_in/again.html", id=sign_in_id)
        case ChooseChild():
            return page("sign_in/choose.html", id=sign_in_id, children=step.children)
        case AskConsent():
            values = _values(step.sheet)
            return page("sign_in/consent.html", id=sign_in_id, asked=step, sheet=step.sheet, values=values)
        case Barred():
            return page("sign_in/barred.html", id=sign_in_id, why=step.why.value, organisation=step.organisation)
        case Answered():
            if step.form is None:
                response = page("sign_in/leave.html", location=step.location)
            else:
                response = _posted(step.location, step.form)
            where = url_for("console.sign_in.show", sign_in_id=sign_in_id)
            response.delete_cookie(HOLDER, path=where, httponly=True, samesite="Lax")
            return response


def _posted(location: str, members: Mapping[str, str]) -> Response:
    """Return the page whose one form goes to the relying party (OAuth 2.0 Form Post Response Mode section 2)."""
    response = page("sign_in/post.html", location=location, members=members)
    response.headers["Content-Security-Policy"] = with_form_to(location)
    return response


def _values(sheet: Sheet) -> list[tuple[tuple[str, str], str]]:
    """Return the claims of a consent with their labels and present values, as the person sees them."""
    return [
        (CLAIM_LABELS[name], "档案中没有，不会告知" if value is None else in_words(name, value, no="否"))
        for name, value in sheet.claims.items()
    ]


def _sign_out_page(typed: dict[str, str]) -> ResponseReturnValue:
    who = visitor()
    try:
        if any(len(value) > _LONGEST for value in typed.values()):
            raise errors.bad_hint()
        found = provider().signing_out.leaving(*(typed[name] or None for name in _LEAVING))
    except GatewayError as error:
        return page("sign_in/sign_out.html", problem=problem_for(error), typed={}, organisation=None, here=who)
    return page("sign_in/sign_out.html", typed=typed, organisation=found.party.client.account.post, here=who)


def _to_door(sign_in_id: str) -> ResponseReturnValue:
    wanted = url_for("console.sign_in.show", sign_in_id=_id(sign_in_id))
    return redirect(url_for("console.family.sign_in_form", next=wanted), code=303)


def _id(typed: str) -> SignInId:
    if not _ID.fullmatch(typed):
        _nothing()
    return SignInId(typed)


def _holder() -> str:
    return request.cookies.get(HOLDER, "")


def _nothing() -> NoReturn:
    raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
