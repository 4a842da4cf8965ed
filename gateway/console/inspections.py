"""Inspection cases for inspectors: from an alert, an entry or a chain to the end and the package (Art. 51)."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from gateway.audit.alerts_records import AlertId
from gateway.console import forms, inspection_texts
from gateway.console.held import legal_holds
from gateway.console.pages import notify, page, principal, problem_for, services
from gateway.errors import GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.inspections.records import (
    MAX_HOLD_DAYS,
    MAX_ORDER_DAYS,
    Case,
    CaseFinding,
    CaseId,
    CaseQuery,
    CaseState,
    FromAlert,
    FromChain,
    FromEntry,
    HoldId,
    Source,
    Subject,
    SubjectKind,
)
from gateway.inspections.service import MAX_TITLE, InspectionService
from gateway.policies.scope import civil_date
from gateway.problems import Problem

blueprint = Blueprint("inspections", __name__)

_PAGE = 50
_CHOICES = frozenset({"unclosed", "overdue", "", *CaseState})
_ORIGINS = ("alert", "entry", "application", "grant", "extract")


@blueprint.get("/audit/cases")
def index() -> ResponseReturnValue:
    """List cases, the unclosed ones unless others are asked for, with the form that opens one."""
    return _index(None)


@blueprint.post("/audit/cases")
def open_case() -> ResponseReturnValue:
    """Open a case from the source that the form names."""
    try:
        subject = Subject(_subject_kind(), forms.text("subject", longest=32))
        case = _inspections().open(
            principal(), subject, _source(), forms.text("title", longest=MAX_TITLE), forms.text("note")
        )
    except GatewayError as error:
        return _index(problem_for(error))
    notify("inspection_opened")
    return redirect(url_for("console.inspections.show", case_id=case.id), code=303)


@blueprint.get("/audit/cases/<case_id>")
def show(case_id: str) -> ResponseReturnValue:
    """Show a case with evidence, history and what may be done."""
    return _show(CaseId(case_id), None)


@blueprint.post("/audit/cases/<case_id>/evidence")
def add_evidence(case_id: str) -> ResponseReturnValue:
    """Add an entry of the log as evidence."""
    return _act(
        case_id,
        lambda case: _inspections().add_evidence(
            principal(), case, forms.whole("entry"), forms.text("evidence_note"), version=_version()
        ),
    )


@blueprint.post("/audit/cases/<case_id>/notes")
def add_note(case_id: str) -> ResponseReturnValue:
    """Add a note."""
    return _act(
        case_id,
        lambda case: _inspections().add_note(principal(), case, forms.text("note_text"), version=_version()),
    )


@blueprint.post("/audit/cases/<case_id>/order")
def order(case_id: str) -> ResponseReturnValue:
    """Order the body to correct what was found."""
    return _act(
        case_id,
        lambda case: _inspections().order(
            principal(),
            case,
            forms.chosen("codes"),
            forms.text("order_text"),
            forms.whole("order_days"),
            version=_version(),
        ),
    )


@blueprint.post("/audit/cases/<case_id>/extension")
def extend(case_id: str) -> ResponseReturnValue:
    """Give an order more working days."""
    return _act(
        case_id,
        lambda case: _inspections().extend(
            principal(), case, forms.whole("extension_days"), forms.text("extension_reason"), version=_version()
        ),
    )


@blueprint.post("/audit/cases/<case_id>/holds")
def hold(case_id: str) -> ResponseReturnValue:
    """Keep chosen evidence from the guardian's view until a day."""
    return _act(
        case_id,
        lambda case: _inspections().hold(
            principal(), case, _entries(), forms.whole("hold_days"), forms.text("hold_reason"), version=_version()
        ),
    )


@blueprint.post("/audit/cases/<case_id>/holds/<hold_id>/end")
def lift(case_id: str, hold_id: str) -> ResponseReturnValue:
    """End a hold before its day."""
    return _act(
        case_id,
        lambda case: _inspections().lift(
            principal(), case, HoldId(hold_id), forms.text("lift_reason"), version=_version()
        ),
    )


@blueprint.post("/audit/cases/<case_id>/closure")
def close(case_id: str) -> ResponseReturnValue:
    """End a case with what was found."""
    return _act(
        case_id,
        lambda case: _inspections().close(
            principal(), case, _finding(), forms.text("closing_text"), version=_version()
        ),
    )


@blueprint.post("/audit/cases/<case_id>/package")
def package(case_id: str) -> ResponseReturnValue:
    """Return the inspection package of the case."""
    response = Response(_inspections().export(principal(), CaseId(case_id)), mimetype="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="case.zip"'
    return response


def _act(case_id: str, run: Callable[[CaseId], Case]) -> ResponseReturnValue:
    case = CaseId(case_id)
    try:
        run(case)
    except NotFoundError:
        raise
    except GatewayError as error:
        return _show(case, problem_for(error))
    notify("inspection_done")
    return redirect(url_for("console.inspections.show", case_id=case), code=303)


def _index(problem: Problem | None) -> ResponseReturnValue:
    today, asked = civil_date(services().now()), request.args
    state = asked.get("state", "unclosed")
    after = asked.get("after") or None
    if state not in _CHOICES:
        raise ParameterError("Choose a state from the list.", detail_zh="请从列表中选择状态。", missing=("state",))
    query = CaseQuery(
        state=CaseState(state) if state in set(CaseState) else None,
        unclosed=state == "unclosed",
        overdue_on=today if state == "overdue" else None,
        after=None if after is None else CaseId(forms.readable("after", after)),
        limit=_PAGE,
    )
    return page(
        "inspections.html",
        problem=problem,
        found=_inspections().listed(principal(), query),
        today=today,
        state=state,
        states=inspection_texts.CASE_STATES,
        subjects=inspection_texts.SUBJECTS,
        typed=request.form,
        origin=_origin(),
        longest_title=MAX_TITLE,
    )


def _show(case: CaseId, problem: Problem | None) -> ResponseReturnValue:
    service, today = _inspections(), civil_date(services().now())
    file = service.get(principal(), case)
    return page(
        "inspection.html",
        problem=problem,
        file=file,
        case=file.case,
        today=today,
        codes=service.codes,
        findings=inspection_texts.FINDINGS,
        most_days=MAX_ORDER_DAYS,
        most_hold_days=MAX_HOLD_DAYS,
        legal_holds=legal_holds(case=case),
    )


def _inspections() -> InspectionService:
    found = services().inspections
    if found is None:
        raise UnavailableError("This face has no inspection cases.", detail_zh="本端没有检查案件。")
    return found


def _origin() -> tuple[str, str] | None:
    """Return from what the case is to be opened, by the form or the address; ``None`` for neither."""
    for name in _ORIGINS:
        value = (request.form.get(name) or request.args.get(name) or "").strip()
        if value:
            return name, forms.readable(name, value[:64])
    return None


def _source() -> Source:
    origin = _origin()
    if origin is None:
        raise ParameterError(
            "Name an alert, an entry, or a chain by one of its links.",
            detail_zh="请填写预警、审计条目或责任链中的一项。",
            missing=("source",),
        )
    match origin:
        case ("alert", value):
            return FromAlert(AlertId(value))
        case ("entry", _):
            return FromEntry(forms.whole("entry"))
        case ("application", value):
            return FromChain("application", value)
        case ("grant", value):
            return FromChain("grant", value)
        case (_, value):
            return FromChain("extract", value)


def _subject_kind() -> SubjectKind:
    chosen = request.form.get("subject_kind", "")
    if chosen not in set(SubjectKind):
        raise ParameterError("Choose what is inspected.", detail_zh="请选择检查对象。", missing=("subject",))
    return SubjectKind(chosen)


def _finding() -> CaseFinding:
    chosen = request.form.get("finding", "")
    if chosen not in set(CaseFinding):
        raise ParameterError("Choose a finding.", detail_zh="请选择检查结论。", missing=("finding",))
    return CaseFinding(chosen)


def _entries() -> list[int]:
    return [int(value) for value in forms.chosen("entries") if value.isascii() and value.isdigit() and len(value) <= 15]  # noqa: PLR2004


def _version() -> int:
    return forms.whole("version")
