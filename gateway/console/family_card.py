"""The guardian's card, for screen and paper, and the page on which anybody who was shown it checks it."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gateway.console import forms
from gateway.console.family import LONGEST_REFERENCE, families
from gateway.console.pages import page, principal, problem_for, services
from gateway.console.qr import qr
from gateway.errors import GatewayError, ParameterError
from gateway.ids import SubjectRef
from gateway.problems import problem_of

blueprint = Blueprint("family_card", __name__)


@blueprint.post("/family/card")
def show() -> ResponseReturnValue:
    """Make a card and show it. A form, so that no pupil is in an address; the code is new each time."""
    try:
        card = families().cards.make(SubjectRef(forms.text("subject", longest=64)), principal())
    except GatewayError as error:
        return page("problem.html", problem=problem_for(error))
    grades = services().book.code_lists["grades"].labels
    return page("family/card.html", card=card, drawing=qr(card.link), grades=grades)


@blueprint.get("/family/card/check")
def check_form() -> ResponseReturnValue:
    """Show the check; the reference is in the fragment of the link, which is not sent. The same for everybody."""
    return page("family/card_check.html", checked=False, answer=None)


@blueprint.post("/family/card/check")
def check() -> ResponseReturnValue:
    """Say whether the card holds now, in large letters."""
    try:
        answer = families().cards.check(forms.text("reference", longest=LONGEST_REFERENCE))
    except ParameterError as error:
        return page("family/card_check.html", problem=problem_of(error), checked=False, answer=None)
    return page("family/card_check.html", checked=True, answer=answer)
