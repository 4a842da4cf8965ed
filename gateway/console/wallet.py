"""The holder's web wallet (钱包): one page whose scripts keep credentials and their keys in the holder's browser."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint
from flask.typing import ResponseReturnValue

from gateway.console.choices import places
from gateway.console.pages import page, services
from gateway.console.texts import STAGES
from gateway.identity.claims import CLAIM_LABELS, GUARDIAN_LABELS

blueprint = Blueprint("wallet", __name__)


@blueprint.get("/wallet")
def show() -> ResponseReturnValue:
    """Show the wallet: the same page for everybody. Offers and requests come in the fragment, which is not sent."""
    return page("wallet.html", words=_words())


def _words() -> Mapping[str, Mapping[str, str]]:
    """Return the words for claims (``zh`` and ``en``) and for the coded values of some."""
    book = services().book
    labels = {**CLAIM_LABELS, **GUARDIAN_LABELS}
    return {
        "zh": {name: zh for name, (zh, _) in labels.items()},
        "en": {name: en for name, (_, en) in labels.items()},
        "stage": {code: label.zh for code, label in STAGES.items()},
        "grade": dict(book.code_lists["grades"].labels),
        "county": {county.code: county.full_name for _, counties in places(book) for county in counties},
    }
