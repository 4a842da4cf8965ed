"""线下提供登记: what a law made somebody hand over outside this system, registered, corrected and looked through."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from gateway.console import forms
from gateway.console.entrances import may
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.ids import AccountId, UnitCode
from gateway.policies.decision import Action, Resource
from gateway.policies.disclosures import BodyKind, DeliveryForm, Disclosure, DisclosureService, NewDisclosure, Pupils
from gateway.policies.resources import disclosure_resource
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("disclosures", __name__)

E = TypeVar("E", bound=StrEnum)
Values = MultiDict[str, str]


@blueprint.get("/disclosures")
def index() -> ResponseReturnValue:
    """List the register of the person's territory; the reading is recorded."""
    return page("disclosures.html", entries=_desk().list(principal()), may_register=_may_register())


@blueprint.get("/disclosures/new")
def new() -> ResponseReturnValue:
    """Show the form; with ``corrects`` filled in from the entry that is wrong."""
    services().applications.enter(principal(), Action.REGISTER_DISCLOSURE, _own_register())
    corrects = request.args.get("corrects", "")
    if not corrects:
        return _form(MultiDict(), None)
    return _form(_values_of(_desk().get(principal(), corrects[:64])), None)


@blueprint.post("/disclosures/new")
def register() -> ResponseReturnValue:
    """Write the entry."""
    try:
        entry = _desk().register(principal(), _typed())
    except NotFoundError:
        raise
    except GatewayError as error:
        return _form(request.form, problem_for(error))
    notify("disclosure_registered")
    return redirect(url_for("console.disclosures.show", disclosure_id=entry.id))


@blueprint.get("/disclosures/<disclosure_id>")
def show(disclosure_id: str) -> ResponseReturnValue:
    """Show one entry; the reading is recorded."""
    entry = _desk().get(principal(), disclosure_id)
    own = may(services(), principal(), Action.REGISTER_DISCLOSURE, disclosure_resource(entry.unit), entry.unit)
    correctable = own and entry.corrected_by is None and entry.unit == principal().unit
    return page("disclosure.html", entry=entry, may_correct=correctable)


def _typed() -> NewDisclosure:
    account = forms.text("approver_account", longest=64)
    return NewDisclosure(
        law=forms.text("law", longest=200),
        article=forms.text("article", longest=80),
        law_kind=forms.text("law_kind", longest=40),
        body_kind=_one_of(BodyKind, "body_kind"),
        requesting_body=forms.text("requesting_body", longest=200),
        recipient=forms.text("recipient", longest=200),
        approver=forms.text("approver", longest=120),
        executor=forms.text("executor", longest=120),
        fields=forms.chosen("fields"),
        pupils=_one_of(Pupils, "pupils"),
        handed_over_on=forms.day("handed_over_on"),
        document_number=forms.text("document_number", longest=80),
        delivery_form=_one_of(DeliveryForm, "delivery_form"),
        remarks=forms.text("remarks", longest=1000),
        legal_basis=forms.text("legal_basis", longest=64),
        approver_account=AccountId(account) if account else None,
        corrects=forms.text("corrects", longest=64) or None,
        correction_reason=forms.text("correction_reason", longest=400),
    )


def _one_of(kind: type[E], name: str) -> E:
    try:
        return kind(request.form.get(name, ""))
    except ValueError:
        raise ParameterError(
            f"Choose one for '{name}'.", detail_zh="有一项尚未选择。", missing=(name,), rule="A50-8"
        ) from None


def _form(values: Values, problem: Problem | None) -> ResponseReturnValue:
    book = services().book
    return page(
        "disclosure_form.html",
        problem=problem,
        values=values,
        today=civil_date(services().now()),
        bases=list(book.legal_bases.values()),
        options=[(field.code, field.label, field.label_en) for field in book.fields.values()],
        body_kinds=[one.value for one in BodyKind],
        ranges=[one.value for one in Pupils],
        ways=[one.value for one in DeliveryForm],
    )


def _values_of(entry: Disclosure) -> Values:
    content = entry.content
    single = {
        name: getattr(content, name)
        for name in (
            "law", "article", "law_kind", "body_kind", "requesting_body", "recipient", "approver", "executor",
            "pupils", "document_number", "delivery_form", "remarks", "legal_basis",
        )
    }  # fmt: skip
    return MultiDict(
        [
            *((name, str(value)) for name, value in single.items()),
            ("handed_over_on", content.handed_over_on.isoformat()),
            ("approver_account", content.approver_account or ""),
            ("corrects", entry.id),
            *(("fields", code) for code in content.fields),
        ]
    )


def _own_register() -> Resource:
    return disclosure_resource(principal().unit or UnitCode(""))


def _may_register() -> bool:
    who = principal()
    return may(services(), who, Action.REGISTER_DISCLOSURE, _own_register(), who.unit or "")


def _desk() -> DisclosureService:
    found = services().disclosures
    if found is None:
        raise UnavailableError("This face keeps no register of disclosures.", detail_zh="本端没有线下提供登记。")
    return found
