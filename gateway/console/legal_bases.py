"""The catalogue of laws: which text stands for each, attached by one officer, compared and confirmed by another."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gateway.console import forms
from gateway.console.comparison import Comparison, compare
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, UnavailableError
from gateway.policies.decision import Action
from gateway.policies.legal_texts import FROM_RULEBOOK, HeldText, LegalTextService, NewText, TextState, normalize_text
from gateway.policies.resources import text_resource
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("legal_bases", __name__)
"""Reading, for whoever has signed in."""
texts = Blueprint("legal_texts", __name__)
"""Attaching, confirming and retiring, for the office."""

_LONGEST = 20_000
Values = MultiDict[str, str]


@blueprint.get("/legal-bases")
def index() -> ResponseReturnValue:
    """List the laws and regulations that may be a ground, with the state of their texts."""
    return page("legal_bases.html", bases=_desk().catalogue(), today=civil_date(services().now()))


@blueprint.get("/legal-bases/<code>")
def show(code: str) -> ResponseReturnValue:
    """Show a law with its texts, and the forms of the acts that are the person's to take."""
    return _page(code, MultiDict(), None)


@texts.post("/legal-bases/<code>/texts")
def attach(code: str) -> ResponseReturnValue:
    """Attach a text."""
    try:
        _desk().attach(
            principal(),
            code,
            NewText(forms.text("text", longest=_LONGEST), forms.text("source", longest=400), forms.day("published_on")),
        )
    except NotFoundError:
        raise
    except GatewayError as error:
        return _page(code, request.form, problem_for(error))
    notify("text_attached")
    return redirect(url_for("console.legal_bases.show", code=code))


@texts.post("/legal-bases/<code>/texts/<int:number>/confirmation")
def confirm(code: str, number: int) -> ResponseReturnValue:
    """Confirm a text, or only compare it with the copy that was pasted in."""
    own_copy = forms.text("own_copy", longest=_LONGEST)
    if request.form.get("act") == "compare":
        held = _desk().text(code, number)
        return _page(code, request.form, None, compare(held.text, normalize_text(own_copy)), number)
    try:
        _desk().confirm(principal(), code, number, sha256=forms.text("sha256", longest=64), own_copy=own_copy)
    except NotFoundError:
        raise
    except GatewayError as error:
        return _page(code, request.form, problem_for(error))
    notify("text_confirmed")
    return redirect(url_for("console.legal_bases.show", code=code))


@texts.post("/legal-bases/<code>/texts/<int:number>/retirement")
def retire(code: str, number: int) -> ResponseReturnValue:
    """Retire a text."""
    try:
        _desk().retire(principal(), code, number, reason=forms.text("reason"))
    except NotFoundError:
        raise
    except GatewayError as error:
        return _page(code, request.form, problem_for(error))
    notify("text_retired")
    return redirect(url_for("console.legal_bases.show", code=code))


def _page(
    code: str,
    values: Values,
    problem: Problem | None,
    own: Comparison | None = None,
    own_number: int | None = None,
) -> ResponseReturnValue:
    status = _desk().basis(code)
    pending = [text for text in status.texts if text.state is TextState.PENDING]
    acting = services().scans is not None  # the office face
    return page(
        "legal_basis.html",
        problem=problem,
        status=status,
        values=values,
        today=civil_date(services().now()),
        waiting=[
            (
                text,
                None if status.standing is None else compare(status.standing.text, text.text),
                acting and _may_confirm(text),
                own if own_number == text.number else None,
            )
            for text in pending
        ],
        may_attach=acting and may(services(), principal(), Action.ATTACH_TEXT, text_resource()),
        may_retire=acting and may(services(), principal(), Action.CONFIRM_TEXT, text_resource()),
    )


def _may_confirm(text: HeldText) -> bool:
    recorder = None if text.attached_by == FROM_RULEBOOK else text.attached_by
    return may(services(), principal(), Action.CONFIRM_TEXT, text_resource(recorder))


def _desk() -> LegalTextService:
    found = services().legal_texts
    if found is None:
        raise UnavailableError("This process keeps no texts.", detail_zh="本端不提供依据目录。")
    return found
