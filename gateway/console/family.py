"""Families come in: by a passkey, or by a link and a code that the school gave them (design 9)."""

from __future__ import annotations

import json

from flask import Blueprint, Response, jsonify, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.pages import FAMILY_DOOR, FAMILY_HOME, TOKEN, local_path, notify, page, services
from gateway.errors import ForbiddenError, GatewayError, NotFoundError, ParameterError
from gateway.families.records import Ceremony, CeremonyId, Entered
from gateway.families.service import FamilyService
from gateway.principals import FAMILIES, Principal
from gateway.problems import problem_of

blueprint = Blueprint("family", __name__)

_CEREMONY = "ceremony"
LONGEST_REFERENCE = 64
LONGEST_CREDENTIAL = 16 * 1024


def families() -> FamilyService:
    """Return the service; raises ``NotFoundError`` on a face without it."""
    found = services().families
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found


def options_of(ceremony: Ceremony) -> Response:
    """Return the options of a ceremony for the browser, and bind it to this browser by the cookie."""
    session[_CEREMONY] = ceremony.id
    return jsonify(json.loads(ceremony.options))


def spent_ceremony() -> CeremonyId:
    """Return the ceremony of this browser, and take it out of the cookie: it is for one answer."""
    return CeremonyId(str(session.pop(_CEREMONY, "")))


def enter(entered: Entered) -> None:
    """Let the browser hold the new session; whatever was in its cookie before is worth nothing."""
    session.clear()
    session[TOKEN] = entered.token


@blueprint.get("/family/sign-in")
def sign_in_form() -> ResponseReturnValue:
    """Show the sign-in by passkey; a family that is signed in goes on."""
    wanted = request.args.get("next", "")
    if _here() is not None:
        return redirect(local_path(wanted, FAMILY_HOME))
    return page("family/sign_in.html", next=wanted, passkeys=families().passkeys.available)


@blueprint.post("/family/sign-in/options")
def begin_sign_in() -> ResponseReturnValue:
    """Return what the browser asks its passkeys to sign."""
    return options_of(families().passkeys.begin_sign_in())


@blueprint.post("/family/sign-in")
def sign_in() -> ResponseReturnValue:
    """Open a session by a passkey. What failed is never told."""
    wanted = request.form.get("next", "")
    try:
        entered = families().passkeys.sign_in(spent_ceremony(), forms.text("credential", longest=LONGEST_CREDENTIAL))
    except (ForbiddenError, ParameterError) as error:
        return page("family/sign_in.html", problem=problem_of(error), next=wanted, passkeys=True)
    enter(entered)
    return redirect(local_path(wanted, FAMILY_HOME), code=303)


@blueprint.post("/family/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here and in this browser."""
    services().accounts.sign_out(str(session.get(TOKEN, "")))
    session.clear()
    notify("signed_out")
    return redirect(url_for(FAMILY_DOOR), code=303)


@blueprint.get("/family/activate")
def activation_form() -> ResponseReturnValue:
    """Ask for the code; the reference is in the fragment of the link, which is not sent. The same for everybody."""
    return page("family/activate.html", reference="", here=_here())


@blueprint.post("/family/activate")
def activate() -> ResponseReturnValue:
    """Redeem an activation: a session for a new or reopened account, or one more child for who is signed in."""
    here = _here()
    reference = ""
    try:
        reference = forms.text("reference", longest=LONGEST_REFERENCE)
        entered = families().activations.redeem(reference, forms.text("code", longest=20).replace(" ", ""), here)
    except (ForbiddenError, ParameterError) as error:
        return page("family/activate.html", problem=problem_of(error), reference=reference, here=here)
    if entered.token is None:
        notify("child_added")
        return redirect(url_for(FAMILY_HOME), code=303)
    enter(entered)
    notify("activated")
    target = "console.family_passkeys.index" if families().passkeys.available else FAMILY_HOME
    return redirect(url_for(target), code=303)


def _here() -> Principal | None:
    """Return the family that is signed in with this browser; ``None`` for nobody, and for staff."""
    held = session.get(TOKEN)
    if not isinstance(held, str):
        return None
    try:
        who = services().accounts.principal_of_session(held)
    except GatewayError:
        return None  # a session that is over is none: the page is the same as for a stranger
    return who if who.kind in FAMILIES else None
