"""The school lets families in: activations for guardians and for pupils from 14 on, and the accounts of a pupil.

A pupil is found by number and for a reason, as on the page of pupils; every look-up is recorded (A50-4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from core_registry.errors import RegistryError
from core_registry.office import LABELS, StudentId, StudentLine
from gateway.console import forms
from gateway.console.family import families
from gateway.console.office.reach import registry, schools_for
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.console.qr import qr
from gateway.errors import GatewayError, ParameterError
from gateway.families.records import Activation, ActivationId, Bond, BondId, BondKind
from gateway.families.rules import OWN_ACCOUNT_AGE
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.policies.decision import Action
from gateway.problems import Problem

blueprint = Blueprint("activations", __name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A pupil who was found, and the accounts that stand for them."""

    line: StudentLine = field(repr=False)
    bonds: Sequence[Bond] = field(repr=False)


@blueprint.get("/office/activations")
def index() -> ResponseReturnValue:
    """Show the form to find a pupil, and the open activations of the unit."""
    schools_for(Action.READ_CASES)
    return _page(None, None)


@blueprint.post("/office/activations/pupil")
def find() -> ResponseReturnValue:
    """Find a pupil of the own schools by number; recorded with the reason."""
    schools = frozenset(schools_for(Action.READ_CASES))
    try:
        lines = registry().find_by_id_number(
            forms.text("id_number", longest=40),
            actor=principal().account,
            reason=forms.text("reason", longest=200),
            schools=schools,
        )
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    bonds = families().bonds
    found = [Found(one, bonds.with_pupil(_subject(one.student_id, schools))) for one in lines]
    return _page(found, None)


@blueprint.post("/office/activations")
def make() -> ResponseReturnValue:
    """Make an activation: a QR code to hand over, and eight digits to tell apart; shown once."""
    schools = frozenset(schools_for(Action.READ_CASES))
    try:
        kind = _kind(request.form.get("kind", ""))
        account = forms.text("account", longest=40)
        made = families().activations.make(
            _subject(_student(), schools), kind, principal(), AccountId(account) if account else None
        )
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    return page("office/activation.html", made=made, drawing=qr(made.link), again=bool(account))


@blueprint.post("/office/activations/<activation_id>/revoke")
def revoke(activation_id: str) -> ResponseReturnValue:
    """Revoke an open activation of the own unit."""
    schools_for(Action.READ_CASES)
    try:
        families().activations.revoke(ActivationId(activation_id), principal())
    except GatewayError as error:
        return _page(None, problem_for(error))
    notify("activation_revoked")
    return redirect(url_for("console.activations.index"), code=303)


@blueprint.post("/office/bonds/<bond_id>/end")
def end_bond(bond_id: str) -> ResponseReturnValue:
    """End the bond of an account to a pupil in one's charge, as after a change of guardians."""
    schools_for(Action.READ_CASES)
    try:
        families().end_bond(BondId(bond_id), principal())
    except GatewayError as error:
        return _page(None, problem_for(error))
    notify("bond_ended")
    return redirect(url_for("console.activations.index"), code=303)


@blueprint.post("/office/identity/end")
def end_identity() -> ResponseReturnValue:
    """End all live credentials of a pupil, as when a telephone was lost (A50-15)."""
    schools = frozenset(schools_for(Action.READ_CASES))
    try:
        services().issuing.end_all(_subject(_student(), schools), principal())
    except (GatewayError, RegistryError) as error:
        return _page(None, problem_for(error))
    notify("identity_ended")
    return redirect(url_for("console.activations.index"), code=303)


def _student() -> StudentId:
    return StudentId(forms.text("student_id", longest=64))


def _subject(student: StudentId, schools: frozenset[str]) -> SubjectRef:
    return SubjectRef(registry().subject_ref_of(student, schools=schools))


def _kind(typed: str) -> BondKind:
    try:
        return BondKind(typed)
    except ValueError as error:
        raise ParameterError(
            "Choose whose account it is: the guardian's or the pupil's.",
            detail_zh="请选择监护人账号或学生本人账号。",
            missing=("kind",),
        ) from error


def _page(found: Sequence[Found] | None, problem: Problem | None) -> ResponseReturnValue:
    unit = principal().unit or UnitCode("")
    return page(
        "office/activations.html",
        problem=problem,
        found=found,
        values=request.form,
        listed=[(one, _label(one)) for one in families().activations.open_of(unit)],
        states={state.value: label for state, label in LABELS.items()},
        grades=services().book.code_lists["grades"].labels,
        own_account_age=OWN_ACCOUNT_AGE,
    )


def _label(activation: Activation) -> str:
    """Return the masked name of the pupil of an activation."""
    row = families().bonds.view.pupil(activation.subject_ref)
    return str((row or {}).get("name_masked") or "—")
