"""``/v1/registry``: whole-school acts, verifications, matters, plans, links, the exchange. The registry line only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

from apiflask.fields import UploadFile
from flask import Response

from core_registry.oversight.service import (
    ChangeReport,
    Matter,
    RegistryOversight,
    SchoolAct,
    TermVerification,
    VerificationResult,
    scratch_file,
)
from gateway.api.authentication import principal, services
from gateway.api.blueprints import BINARY, ApiBlueprint
from gateway.api.models.oversight import (
    ChangesOut,
    ClassPlacementIn,
    ClosureIn,
    DifferenceList,
    DifferenceListIn,
    DifferenceOut,
    ExportIn,
    LinkDecisionIn,
    LinkList,
    LinkListIn,
    LinkOut,
    MatterActIn,
    MatterIn,
    MatterList,
    MatterListIn,
    MatterOut,
    MergerIn,
    NationalFileIn,
    OrderIn,
    PeriodIn,
    PlanIn,
    PlanOut,
    PromotionIn,
    QualityIn,
    QualityOut,
    ReconciliationOut,
    SchoolActList,
    SchoolActOut,
    SchoolIn,
    TermVerificationIn,
    TermVerificationOut,
    VerificationList,
    VerificationListIn,
)
from gateway.api.office.cases import RULE_REFUSED, actor
from gateway.api.office.reach import registry, schools_of
from gateway.errors import UnavailableError
from gateway.policies.decision import Action

blueprint = ApiBlueprint("oversight", __name__, tag="Oversight")

_MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


class PlanForm(PlanIn):
    """An admission list with 身份证件号 and 姓名, as ``multipart/form-data``."""

    file: UploadFile


class NationalForm(NationalFileIn):
    """A file in the national layout, as ``multipart/form-data``."""

    file: UploadFile


def _door() -> RegistryOversight:
    found = services().oversight
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


def _reach() -> frozenset[str]:
    return schools_of(principal(), Action.READ_CASES)


@blueprint.post("/v1/registry/verifications")
@blueprint.input(TermVerificationIn)
@blueprint.output(TermVerificationOut, status_code=201)
def verify_term(json_data: TermVerificationIn) -> TermVerificationOut:
    """Verify and sign the register of a school for the present term; what is apart becomes matters (A49-1, A49-2)."""
    found = {student: VerificationResult(result) for student, result in json_data.deviations.items()}
    made, matters = _door().verify_term(json_data.school, found, actor(Action.HANDLE_CASES))
    return _verification(made, matters)


@blueprint.get("/v1/registry/verifications")
@blueprint.input(VerificationListIn, location="query")
@blueprint.output(VerificationList)
def list_verifications(query_data: VerificationListIn) -> VerificationList:
    """List verifications of the caller's schools, and which of them owe the one of this term."""
    who, reached = actor(Action.READ_CASES), _reach()
    wanted = reached if query_data.school is None else reached & {query_data.school}
    frame = registry().schools()
    divisions = {
        code: division
        for code, division, closed in frame.select("school_code", "division", "closed").iter_rows()
        if code in wanted and not closed
    }
    return VerificationList(
        items=[_verification(one) for one in _door().verifications(sorted(wanted), who, query_data.school_year)],
        owing=_door().owing(divisions, who),
    )


@blueprint.post("/v1/registry/verifications/<verification_id>/check")
@blueprint.answers({409: {"description": "It is checked already"}, **RULE_REFUSED})
@blueprint.output(TermVerificationOut)
def check_verification(verification_id: str) -> TermVerificationOut:
    """Mark a verification as checked by the county or the registry superior (A3-6)."""
    return _verification(_door().check_verification(verification_id, actor(Action.HANDLE_CASES)))


@blueprint.get("/v1/registry/changes")
@blueprint.input(PeriodIn, location="query")
@blueprint.output(ChangesOut)
def report_changes(query_data: PeriodIn) -> ChangesOut:
    """Report the changes of a school in a period, with the mark of the check (A3-6)."""
    who, reached = actor(Action.READ_CASES), _reach()
    return _changes(_door().changes(query_data.school, query_data.since, query_data.until, who, reached))


@blueprint.post("/v1/registry/changes/check")
@blueprint.input(PeriodIn)
@blueprint.output(ChangesOut)
def check_changes(json_data: PeriodIn) -> ChangesOut:
    """Mark the changes of a period as checked, once, after it is over (A3-6)."""
    who = actor(Action.HANDLE_CASES)
    return _changes(_door().check_changes(json_data.school, json_data.since, json_data.until, who))


@blueprint.get("/v1/registry/quality")
@blueprint.input(QualityIn, location="query")
@blueprint.output(QualityOut)
def measure_quality(query_data: QualityIn) -> QualityOut:
    """Measure the quality of the data of a school, or of all that the caller reaches: counts only (A4-1)."""
    who, reached = actor(Action.READ_CASES), _reach()
    wanted = reached if query_data.school is None else reached & {query_data.school}
    found = _door().quality(sorted(wanted), who)
    score = found.score
    return QualityOut(
        records=found.records,
        completeness=score.completeness,
        accuracy=score.accuracy,
        continuity=score.continuity,
        truth=score.truth,
        missing=dict(found.missing),
        wrong=dict(found.wrong),
    )


@blueprint.post("/v1/registry/registrations")
@blueprint.input(SchoolIn)
@blueprint.output(SchoolActOut, status_code=201)
def approve_registrations(json_data: SchoolIn) -> SchoolActOut:
    """Approve the newcomers that a school's own form brought, as its registry superior (A10-1)."""
    return _act(_door().approve_registrations(json_data.school, actor(Action.HANDLE_CASES)))


@blueprint.post("/v1/registry/promotions")
@blueprint.input(PromotionIn)
@blueprint.output(SchoolActOut, status_code=201)
def promote(json_data: PromotionIn) -> SchoolActOut:
    """Move the grades of a school up for a school year; asking again gives the same act."""
    return _act(_door().promote(json_data.school, json_data.school_year, actor(Action.HANDLE_CASES)))


@blueprint.post("/v1/registry/class-placements")
@blueprint.input(ClassPlacementIn)
@blueprint.output(SchoolActOut, status_code=201)
def place_classes(json_data: ClassPlacementIn) -> SchoolActOut:
    """Spread the newcomers of a starting grade evenly over classes; method and result are kept (A11-1, A13-1)."""
    who = actor(Action.HANDLE_CASES)
    return _act(_door().place_classes(json_data.school, json_data.grade, json_data.classes, who))


@blueprint.post("/v1/registry/mergers")
@blueprint.input(MergerIn)
@blueprint.output(SchoolActOut, status_code=201)
def merge(json_data: MergerIn) -> SchoolActOut:
    """Move every record of a school to another in one listed and counted act, and close the school (A8-1)."""
    return _act(_door().merge(json_data.school, json_data.into, actor(Action.HANDLE_CASES)))


@blueprint.post("/v1/registry/closures")
@blueprint.input(ClosureIn)
@blueprint.output(SchoolActOut, status_code=201)
def close(json_data: ClosureIn) -> SchoolActOut:
    """Close a school that has no pupils any more (A8-2)."""
    return _act(_door().close(json_data.school, json_data.to_unit, actor(Action.HANDLE_CASES)))


@blueprint.get("/v1/registry/school-acts")
@blueprint.input(SchoolIn, location="query")
@blueprint.output(SchoolActList)
def list_school_acts(query_data: SchoolIn) -> SchoolActList:
    """List the acts on a whole school, newest first."""
    who, reached = actor(Action.READ_CASES), _reach()
    return SchoolActList(items=[_act(one) for one in _door().school_acts(query_data.school, who, reached)])


@blueprint.get("/v1/registry/matters")
@blueprint.input(MatterListIn, location="query")
@blueprint.output(MatterList)
def list_matters(query_data: MatterListIn) -> MatterList:
    """List matters that the caller's unit owns or was given, or of schools in reach."""
    who, asked = actor(Action.READ_CASES), query_data
    found = _door().matters.matters(
        who, _reach(), state=asked.state, kind=asked.kind, after=asked.after, limit=asked.limit
    )
    return MatterList(items=[_matter(one) for one in found])


@blueprint.post("/v1/registry/matters")
@blueprint.input(MatterIn)
@blueprint.output(MatterOut, status_code=201)
def open_matter(json_data: MatterIn) -> MatterOut:
    """Open a matter of a school; its owner and its end follow from the rules (A49-2)."""
    who, asked = actor(Action.HANDLE_CASES), json_data
    return _matter(_door().matters.open(asked.kind, asked.school, who, student_id=asked.student_id, text=asked.text))


@blueprint.post("/v1/registry/orders")
@blueprint.input(OrderIn)
@blueprint.output(MatterOut, status_code=201)
def order_correction(json_data: OrderIn) -> MatterOut:
    """Order a school or department to correct a finding of Art. 51 by a day."""
    who, asked = actor(Action.HANDLE_CASES), json_data
    made = _door().matters.order(
        asked.code, asked.unit, asked.due, who, asked.text, rule=asked.rule or "", student_id=asked.student_id
    )
    return _matter(made)


@blueprint.get("/v1/registry/matters/<matter_id>")
@blueprint.answers(RULE_REFUSED)
@blueprint.output(MatterOut)
def get_matter(matter_id: str) -> MatterOut:
    """Return a matter with its texts."""
    return _matter(_door().matters.matter(matter_id, actor(Action.READ_CASES), _reach()))


@blueprint.post("/v1/registry/matters/<matter_id>/acts")
@blueprint.input(MatterActIn)
@blueprint.output(MatterOut)
def act_on_matter(matter_id: str, json_data: MatterActIn) -> MatterOut:
    """Assign a matter, add a note, give it to the department above when it is late, or close it with its result."""
    desk, who, asked = _door().matters, actor(Action.HANDLE_CASES), json_data
    match asked.act:
        case "assign":
            made = desk.assign(matter_id, asked.account, who, asked.version)
        case "note":
            made = desk.note(matter_id, asked.text, who, asked.version)
        case "escalate":
            made = desk.escalate(matter_id, who, asked.version)
        case _:
            made = desk.close(matter_id, asked.text, who, asked.version)
    return _matter(made)


@blueprint.post("/v1/registry/admission-plans")
@blueprint.input(PlanForm, location="form_and_files")
@blueprint.output(PlanOut, status_code=201)
def upload_plan(form_and_files_data: PlanForm) -> PlanOut:
    """Take the admission list of a senior high school; unknown pupils come back as row numbers (A13-2)."""
    who, sent = actor(Action.HANDLE_CASES), form_and_files_data
    with scratch_file() as upload:
        sent.file.save(upload.stream)
        sent.file.close()
        upload.stream.flush()
        made = _door().upload_plan(sent.school, sent.school_year, upload.path, who)
    return PlanOut(
        school_code=made.school_code,
        school_year=made.school_year,
        added=made.added,
        known=made.known,
        unknown_rows=list(made.unknown_rows),
    )


@blueprint.get("/v1/registry/guardian-links")
@blueprint.input(LinkListIn, location="query")
@blueprint.output(LinkList)
def list_links(query_data: LinkListIn) -> LinkList:
    """List the guardians' accounts that ask for a school's pupils, or are linked, masked (A3-5)."""
    found = _door().links(query_data.school, actor(Action.READ_CASES), verified=query_data.verified)
    return LinkList(
        items=[
            LinkOut(
                account=one.account,
                student_id=one.student_id,
                name_masked=one.name_masked,
                verified_on=one.verified_on,
                verified_by=one.verified_by,
            )
            for one in found
        ]
    )


@blueprint.post("/v1/registry/guardian-links")
@blueprint.input(LinkDecisionIn)
@blueprint.output({}, status_code=204)
def settle_link(json_data: LinkDecisionIn) -> tuple[str, int]:
    """Verify a guardian's link after the school saw the papers, or refuse it (A7-3)."""
    who, asked = actor(Action.HANDLE_CASES), json_data
    _door().settle_link(asked.school, asked.account, asked.student_id, who, accepted=asked.accepted)
    return "", 204


@blueprint.post("/v1/registry/exchange/exports")
@blueprint.input(ExportIn)
@blueprint.answers(
    {
        200: {
            "description": "The register in the national layout, in clear",
            "content": {kind: {"schema": BINARY} for kind in _MEDIA.values()},
        }
    }
)
def export_national(json_data: ExportIn) -> Response:
    """Return the register of the caller's schools in the national layout, in clear; recorded before (A5-2)."""
    who = actor(Action.HANDLE_CASES)
    reached = schools_of(principal(), Action.HANDLE_CASES)
    wanted = reached if json_data.school is None else reached & {json_data.school}
    with tempfile.TemporaryDirectory(prefix="xueji-exchange-") as directory:
        path = Path(directory) / f"national.{json_data.layout}"
        _door().export_national(path, wanted, who, json_data.reason)
        made = path.read_bytes()
    response = Response(made, mimetype=_MEDIA[json_data.layout])
    response.headers["Content-Disposition"] = f'attachment; filename="national.{json_data.layout}"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/v1/registry/exchange/imports")
@blueprint.input(NationalForm, location="form_and_files")
@blueprint.output(ReconciliationOut)
def import_national(form_and_files_data: NationalForm) -> ReconciliationOut:
    """Compare a national file with the register; with ``apply`` the national value wins where they differ (A5-2)."""
    who, sent = actor(Action.HANDLE_CASES), form_and_files_data
    allowed = schools_of(principal(), Action.HANDLE_CASES)
    with scratch_file() as upload:
        sent.file.save(upload.stream)
        sent.file.close()
        upload.stream.flush()
        done = _door().import_national(upload.path, allowed, who, apply=sent.apply)
    return ReconciliationOut(
        file_sha256=done.file_sha256,
        schools=done.schools,
        in_step=done.in_step,
        differs=done.differs,
        only_here=done.only_here,
        only_there=done.only_there,
        rejected=done.rejected,
        fields=dict(done.fields),
        numbers=done.numbers,
        applied=done.applied,
    )


@blueprint.get("/v1/registry/exchange/differences")
@blueprint.input(DifferenceListIn, location="query")
@blueprint.output(DifferenceList)
def list_differences(query_data: DifferenceListIn) -> DifferenceList:
    """List the records that are not in step with the national system: names of fields, no values."""
    who, reached, asked = actor(Action.READ_CASES), _reach(), query_data
    found = _door().differences(reached, who, state=asked.state, after=asked.after, limit=asked.limit)
    return DifferenceList(
        items=[
            DifferenceOut(
                student_id=one.student_id,
                name_masked=one.name_masked,
                school_code=one.school_code,
                state=one.state,
                fields=list(one.fields),
                checked_at=one.checked_at,
            )
            for one in found
        ],
        only_there=dict(_door().only_there(reached, who)),
    )


def _verification(one: TermVerification, matters: int | None = None) -> TermVerificationOut:
    return TermVerificationOut(
        id=one.id,
        school_code=one.school_code,
        school_year=one.school_year,
        semester=one.semester,
        on=one.on,
        counts=one.counts,
        signed_by=one.signed_by,
        totals=dict(one.totals),
        checked_by=one.checked_by,
        checked_on=one.checked_on,
        matters=matters,
    )


def _changes(one: ChangeReport) -> ChangesOut:
    return ChangesOut(
        school_code=one.school_code,
        since=one.since,
        until=one.until,
        changes={state.value: count for state, count in one.changes.items()},
        checked_by=one.checked_by,
        checked_on=one.checked_on,
    )


_Details = dict[str, str | int | list[str] | dict[str, int] | dict[str, dict[str, int]] | None]


def _act(one: SchoolAct) -> SchoolActOut:
    return SchoolActOut(
        id=one.id,
        kind=one.kind,
        school_code=one.school_code,
        to_unit=one.to_unit,
        on=one.on,
        actor=one.actor,
        unit=one.unit,
        pupils=one.pupils,
        details=cast("_Details", {name: _keyed(value) for name, value in one.data.items()}),
    )


def _keyed(value: object) -> object:
    """Return a value with texts as names, as JSON has them: class 1 is ``"1"``."""
    return {str(key): _keyed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _matter(one: Matter) -> MatterOut:
    return MatterOut(
        id=one.id,
        kind=one.kind,
        code=one.code,
        rule=one.rule,
        student_id=one.student_id,
        school_code=one.school_code,
        owner=one.owner,
        opened_on=one.opened_on,
        opened_by=one.opened_by,
        due=one.due,
        state=one.state,
        escalated_to=one.escalated_to,
        assignee=one.assignee,
        closed_on=one.closed_on,
        closed_by=one.closed_by,
        version=one.version,
        order=one.order,
        result=one.result,
        notes=[list(note) for note in one.notes],
    )
