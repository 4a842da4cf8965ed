"""Class lists, masked, and digital identities as QR codes. Each list is recorded with its reason (A50-4)."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import LABELS, StudentId, StudentLine
from gateway.console import choices, forms
from gateway.console.entrances import may, own_registry
from gateway.console.office.reach import registry, schools_for
from gateway.console.pages import page, principal, problem_for, services
from gateway.console.qr import qr
from gateway.errors import GatewayError
from gateway.ids import SubjectRef
from gateway.policies.decision import Action
from gateway.policies.resources import identity_resource
from gateway.problems import Problem

blueprint = Blueprint("classes", __name__)

_LINES = 50


@blueprint.get("/office/classes")
def search_form() -> ResponseReturnValue:
    """Show the form: school, grade, class and the reason."""
    return _page(None, None)


@blueprint.post("/office/classes")
def search() -> ResponseReturnValue:
    """Show a page of a class, masked; who asked and why is recorded before. A form, so that no reason is in a URL."""
    schools = schools_for(Action.READ_REGISTRY)
    try:
        lines = registry().find_by_class(
            forms.text("school", longest=10),
            actor=principal().account,
            reason=forms.text("reason", longest=400),
            grade=forms.text("grade", longest=8) or None,
            class_name=forms.text("class_name", longest=40) or None,
            schools=frozenset(schools),
            after=forms.text("after", longest=64),
            limit=_LINES,
        )
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    return _page(lines, None)


@blueprint.post("/office/identity")
def offer_identity() -> ResponseReturnValue:
    """Offer a pupil's digital identity: a link for the wallet as a QR code, and six digits apart (A50-14)."""
    schools = schools_for(Action.READ_REGISTRY)
    subject = registry().subject_ref_of(StudentId(forms.text("student_id", longest=64)), schools=frozenset(schools))
    offer = services().issuing.make_offer(SubjectRef(subject), principal())
    return page("office/identity.html", offer=offer, drawing=qr(offer.link), app_drawing=qr(offer.uri))


def _page(lines: list[StudentLine] | None, problem: Problem | None) -> ResponseReturnValue:
    who = principal()
    after = lines[-1].student_id if lines and len(lines) == _LINES else None
    return page(
        "office/classes.html",
        problem=problem,
        schools=schools_for(Action.READ_REGISTRY),
        grades=dict(choices.grades(services().book)),
        values=request.form,
        lines=lines,
        after=after,
        states={state.value: name for state, name in LABELS.items()},
        may_read=may(services(), who, Action.READ_CASES, own_registry(who), who.unit or ""),
        may_offer=may(services(), who, Action.ISSUE_IDENTITY, identity_resource(unit=who.unit), who.unit or ""),
    )
