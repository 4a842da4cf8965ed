"""What a family consented to at relying parties, and taking it back (PIPL art. 15)."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.pages import notify, page, principal, services
from gateway.errors import NotFoundError
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.signing_in.consents import ConsentDesk
from gateway.ids import AccountId, SubjectRef

blueprint = Blueprint("family_consents", __name__)


@blueprint.get("/family/consents")
def index() -> ResponseReturnValue:
    """List the consents for the person's children, child by child."""
    return page("family/consents.html", members=_desk().listed(principal()), labels=CLAIM_LABELS)


@blueprint.post("/family/consents/withdrawal")
def withdraw() -> ResponseReturnValue:
    """Withdraw a consent; it takes effect at once."""
    child, client = (forms.text(name, longest=64) for name in ("child", "client"))
    _desk().withdraw(principal(), SubjectRef(child), AccountId(client))
    notify("consent_withdrawn")
    return redirect(url_for("console.family_consents.index"), code=303)


def _desk() -> ConsentDesk:
    found = services().consents
    if found is None:
        raise NotFoundError("There is no such page.", detail_zh="没有这一页面。")
    return found
