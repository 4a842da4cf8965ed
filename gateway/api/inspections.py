"""``/v1/audit/cases``: inspection cases from the first entry to the package that is taken along (Art. 51)."""

from __future__ import annotations

from datetime import date

from flask import Response

from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint, content
from gateway.api.models.inspections import (
    CorrectionOrderIn,
    InspectionClosureIn,
    InspectionEvidenceIn,
    InspectionExtensionIn,
    InspectionFileOut,
    InspectionHoldIn,
    InspectionIn,
    InspectionLiftIn,
    InspectionList,
    InspectionNoteIn,
    InspectionOut,
    InspectionQueryIn,
)
from gateway.errors import UnavailableError
from gateway.inspections.records import Case, CaseId, HoldId, Subject
from gateway.inspections.service import InspectionService
from gateway.policies.scope import civil_date

blueprint = ApiBlueprint("inspections", __name__, tag="Inspections")


@blueprint.get("/v1/audit/cases")
@blueprint.input(InspectionQueryIn, location="query")
@blueprint.output(InspectionList)
def list_cases(query_data: InspectionQueryIn) -> InspectionList:
    """List inspection cases, newest first; the reading is logged."""
    found = _inspections().listed(principal(), query_data.to_query(_today()))
    return InspectionList(items=[_out(one) for one in found.cases], after=found.after)


@blueprint.post("/v1/audit/cases")
@blueprint.input(InspectionIn)
@blueprint.output(InspectionOut, status_code=201)
def open_case(json_data: InspectionIn) -> InspectionOut:
    """Open a case from an alert, an entry, a chain or a trace; the entries it leads to are the first evidence."""
    subject = Subject(json_data.subject.kind, json_data.subject.code)
    source = json_data.source.to_source()
    return _out(_inspections().open(principal(), subject, source, json_data.title, json_data.note))


@blueprint.get("/v1/audit/cases/<case_id>")
@blueprint.output(InspectionFileOut)
def get_case(case_id: str) -> InspectionFileOut:
    """Show a case with evidence, history and holds; the reading is logged."""
    return InspectionFileOut.of_file(_inspections().get(principal(), CaseId(case_id)), _today())


@blueprint.post("/v1/audit/cases/<case_id>/evidence")
@blueprint.input(InspectionEvidenceIn)
@blueprint.output(InspectionOut)
def add_evidence(case_id: str, json_data: InspectionEvidenceIn) -> InspectionOut:
    """Add an entry of the log as evidence, with its proof."""
    asked = json_data
    return _out(
        _inspections().add_evidence(principal(), CaseId(case_id), asked.entry, asked.note, version=asked.version)
    )


@blueprint.post("/v1/audit/cases/<case_id>/notes")
@blueprint.input(InspectionNoteIn)
@blueprint.output(InspectionOut)
def add_note(case_id: str, json_data: InspectionNoteIn) -> InspectionOut:
    """Add a note; no pupil's data in it."""
    return _out(_inspections().add_note(principal(), CaseId(case_id), json_data.text, version=json_data.version))


@blueprint.post("/v1/audit/cases/<case_id>/order")
@blueprint.input(CorrectionOrderIn)
@blueprint.output(InspectionOut)
def order_correction(case_id: str, json_data: CorrectionOrderIn) -> InspectionOut:
    """Order the body to correct what was found, within working days (责令改正)."""
    asked = json_data
    case = CaseId(case_id)
    return _out(_inspections().order(principal(), case, asked.codes, asked.text, asked.days, version=asked.version))


@blueprint.post("/v1/audit/cases/<case_id>/extension")
@blueprint.input(InspectionExtensionIn)
@blueprint.output(InspectionOut)
def extend_order(case_id: str, json_data: InspectionExtensionIn) -> InspectionOut:
    """Give an order more working days, with a reason."""
    asked = json_data
    return _out(_inspections().extend(principal(), CaseId(case_id), asked.days, asked.reason, version=asked.version))


@blueprint.post("/v1/audit/cases/<case_id>/holds")
@blueprint.input(InspectionHoldIn)
@blueprint.output(InspectionOut)
def hold_entries(case_id: str, json_data: InspectionHoldIn) -> InspectionOut:
    """Keep evidence from the guardian's view until a day; never without one."""
    asked, case = json_data, CaseId(case_id)
    return _out(_inspections().hold(principal(), case, asked.entries, asked.days, asked.reason, version=asked.version))


@blueprint.post("/v1/audit/cases/<case_id>/holds/<hold_id>/end")
@blueprint.input(InspectionLiftIn)
@blueprint.output(InspectionOut)
def lift_hold(case_id: str, hold_id: str, json_data: InspectionLiftIn) -> InspectionOut:
    """End a hold before its day."""
    asked = json_data
    return _out(_inspections().lift(principal(), CaseId(case_id), HoldId(hold_id), asked.reason, version=asked.version))


@blueprint.post("/v1/audit/cases/<case_id>/closure")
@blueprint.input(InspectionClosureIn)
@blueprint.output(InspectionOut)
def close_case(case_id: str, json_data: InspectionClosureIn) -> InspectionOut:
    """End a case with what was found."""
    asked = json_data
    return _out(_inspections().close(principal(), CaseId(case_id), asked.finding, asked.text, version=asked.version))


@blueprint.post("/v1/audit/cases/<case_id>/package")
@blueprint.answers({200: content("An inspection package with the file of the case", "application/zip", BINARY)})
def case_package(case_id: str) -> Response:
    """Return the inspection package of a case: evidence and its own steps with proofs, and the file for people."""
    response = Response(_inspections().export(principal(), CaseId(case_id)), mimetype="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="case.zip"'
    return response


def _inspections() -> InspectionService:
    found = services().inspections
    if found is None:
        raise UnavailableError("This face has no inspection cases.", detail_zh="本端没有检查案件。")
    return found


def _out(case: Case) -> InspectionOut:
    return InspectionOut.of(case, _today())


def _today() -> date:
    return civil_date(services().now())
