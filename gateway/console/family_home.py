"""The family's first page: the children as cards, and what the account may do for each of them now."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.family import families
from gateway.console.pages import FAMILY_HOME, notify, page, principal, problem_for, services
from gateway.console.qr import qr
from gateway.errors import GatewayError, NotFoundError
from gateway.families.records import BondKind, Member
from gateway.families.rules import OWN_ACCOUNT_AGE
from gateway.ids import SubjectRef
from gateway.problems import Problem

blueprint = Blueprint("family_home", __name__)


@blueprint.get("/family")
def show() -> ResponseReturnValue:
    """Show the children."""
    return _page(None)


@blueprint.post("/family/identity")
def offer_identity() -> ResponseReturnValue:
    """Offer a child's identity, or the guardian's, for a wallet: a link and six digits, shown once (A50-14)."""
    configuration = forms.text("configuration", longest=20)
    try:
        offer = services().issuing.make_offer(_subject(), principal(), configuration or "student")
    except GatewayError as error:
        return _page(problem_for(error))
    return page("family/offer.html", offer=offer, drawing=qr(offer.link), app_drawing=qr(offer.uri))


@blueprint.post("/family/identity/end")
def end_identity() -> ResponseReturnValue:
    """End all live credentials of a child, as when a telephone is lost (A50-15)."""
    try:
        services().issuing.end_all(_subject(), principal())
    except GatewayError as error:
        return _page(problem_for(error))
    notify("identity_ended")
    return redirect(url_for(FAMILY_HOME), code=303)


@blueprint.post("/family/account/open")
def open_account() -> ResponseReturnValue:
    """Make the activation of a child's own account, by which the child's device is let in; shown once."""
    try:
        made = families().activations.make(_subject(), BondKind.SELF, principal())
    except GatewayError as error:
        return _page(problem_for(error))
    return page("family/own_account.html", made=made, drawing=qr(made.link))


@blueprint.post("/family/account/close")
def close_account() -> ResponseReturnValue:
    """Close a child's own account, or the pupil's by themselves."""
    try:
        families().close_own_account(_subject(), principal())
    except GatewayError as error:
        return _page(problem_for(error))
    notify("own_account_closed")
    return redirect(url_for(FAMILY_HOME), code=303)


@blueprint.post("/family/bond/end")
def end_bond() -> ResponseReturnValue:
    """Take a child off this account."""
    try:
        families().end_bond(_member().bond.id, principal())
    except GatewayError as error:
        return _page(problem_for(error))
    notify("bond_ended")
    return redirect(url_for(FAMILY_HOME), code=303)


def _subject() -> SubjectRef:
    """Return the pupil that the form names: what may be done for whom, each service asks again."""
    return SubjectRef(forms.text("subject", longest=64))


def _member() -> Member:
    subject = _subject()
    found = next((one for one in families().members(principal().account) if one.child.subject_ref == subject), None)
    if found is None:
        raise NotFoundError("There is no such pupil on this account.", detail_zh="本账号下没有该学生。")
    return found


def _page(problem: Problem | None) -> ResponseReturnValue:
    service, who = families(), principal()
    return page(
        "family/home.html",
        problem=problem,
        members=service.members(who.account),
        grades=services().book.code_lists["grades"].labels,
        own_account_age=OWN_ACCOUNT_AGE,
        without_passkey=service.passkeys.available and not service.passkeys.of(who.account),
    )
