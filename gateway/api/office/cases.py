"""``/v1/registry``: procedures, explanations, cases, work lists, histories, exceptions. For the registry line only."""

from __future__ import annotations

from core_registry.office import Actor, CaseDesk, Draft
from gateway.api.authentication import principal, services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.models import (
    AssignmentIn,
    CaseDecisionIn,
    CaseIn,
    CaseLineOut,
    CaseList,
    CaseListIn,
    CaseOut,
    CaseWithdrawalIn,
    DraftIn,
    ExceptionIn,
    ExceptionOut,
    ExplanationOut,
    HistoryIn,
    LifeOut,
    LocatedOut,
    LocationIn,
    ProcedureList,
    WorkListIn,
    WorkOut,
)
from gateway.api.office.answers import case_out, evidence_kind_out, life_out, procedure_out, results_out, work_out
from gateway.api.office.reach import authorize, schools_of
from gateway.errors import UnavailableError
from gateway.policies.decision import Action
from gateway.principals import Role

blueprint = ApiBlueprint("cases", __name__, tag="Cases")
RULE_REFUSED: dict[int, object] = {422: {"description": "A rule of the registry forbids it"}}


def desk() -> CaseDesk:
    """Return the desk of cases; raises ``UnavailableError`` on a face without it."""
    found = services().desk
    if found is None:
        raise UnavailableError("This face has no registry.", detail_zh="本端没有学籍库。")
    return found


def actor(action: Action) -> Actor:
    """Return the caller as the registry's procedures know people; raises ``ForbiddenError``."""
    who = principal()
    unit = authorize(who, action)
    return Actor(who.account, unit, "registrar" if Role.REGISTRAR in who.roles else "principal")


@blueprint.get("/v1/registry/procedures")
@blueprint.output(ProcedureList)
def list_procedures() -> ProcedureList:
    """List what can be asked for: kinds of request with their values and who may open them, by chapter."""
    actor(Action.READ_CASES)
    return ProcedureList(
        items=[procedure_out(one) for one in desk().procedures()],
        evidence_kinds=[evidence_kind_out(one) for one in services().book.evidence_kinds.values()],
    )


@blueprint.post("/v1/registry/explanations")
@blueprint.input(DraftIn)
@blueprint.output(ExplanationOut)
def explain(json_data: DraftIn) -> ExplanationOut:
    """Say what every rule says of a draft, what would be needed and whom to ask; nothing is written."""
    results = desk().explain(_draft(json_data), actor(Action.HANDLE_CASES))
    return ExplanationOut(accepted=not any(result.stops for result in results), results=results_out(results))


@blueprint.post("/v1/registry/cases")
@blueprint.input(CaseIn)
@blueprint.output(CaseOut, status_code=201)
def open_case(json_data: CaseIn) -> tuple[CaseOut, int, dict[str, str]]:
    """Open a case, with the opener's own first step done. The same key again gives the same case."""
    case = case_out(desk().open(_draft(json_data, json_data.key), actor(Action.HANDLE_CASES)))
    return case, 201, {**_tag(case), "Location": f"/v1/registry/cases/{case.id}"}


@blueprint.get("/v1/registry/cases")
@blueprint.input(CaseListIn, location="query")
@blueprint.output(CaseList)
def list_cases(query_data: CaseListIn) -> CaseList:
    """List the cases in which the caller's unit takes part or whose schools it reaches, newest first."""
    schools = schools_of(principal(), Action.READ_CASES)
    names = {one.kind: one.zh for one in desk().procedures()}
    lines = desk().cases(
        actor(Action.READ_CASES),
        schools,
        status=query_data.status,
        kind=query_data.kind,
        after=query_data.after,
        limit=query_data.limit,
    )
    return CaseList(
        items=[
            CaseLineOut(
                id=line.id,
                kind=line.kind,
                zh=names.get(line.kind, line.kind),
                status=line.status,
                school=line.school_code,
                student_id=line.student_id,
                name_masked=line.name_masked,
                opened_at=line.opened_at,
            )
            for line in lines
        ],
        next_after=lines[-1].id if len(lines) == query_data.limit else None,
    )


@blueprint.get("/v1/registry/cases/<case_id>")
@blueprint.output(CaseOut)
@blueprint.answers(RULE_REFUSED)
def get_case(case_id: str) -> tuple[CaseOut, int, dict[str, str]]:
    """Show a case with its steps; the ETag is its version."""
    schools = schools_of(principal(), Action.READ_CASES)
    case = case_out(desk().case(case_id, actor(Action.READ_CASES), schools))
    return case, 200, _tag(case)


@blueprint.post("/v1/registry/cases/<case_id>/decisions")
@blueprint.input(CaseDecisionIn)
@blueprint.output(CaseOut)
def decide_case(case_id: str, json_data: CaseDecisionIn) -> tuple[CaseOut, int, dict[str, str]]:
    """Decide the step that waits for the caller's unit; a stale version is refused and says by whom it changed."""
    found = desk().act(
        case_id, json_data.step, json_data.decision, actor(Action.HANDLE_CASES), json_data.version, json_data.note
    )
    case = case_out(found)
    return case, 200, _tag(case)


@blueprint.post("/v1/registry/cases/<case_id>/withdrawal")
@blueprint.input(CaseWithdrawalIn)
@blueprint.output(CaseOut)
def withdraw_case(case_id: str, json_data: CaseWithdrawalIn) -> tuple[CaseOut, int, dict[str, str]]:
    """Take an open case back; only the unit that opened it may."""
    case = case_out(desk().withdraw(case_id, actor(Action.HANDLE_CASES), json_data.version, json_data.note))
    return case, 200, _tag(case)


@blueprint.get("/v1/registry/work")
@blueprint.input(WorkListIn, location="query")
@blueprint.output(WorkOut)
def list_work(query_data: WorkListIn) -> WorkOut:
    """List what waits for the caller's unit, most urgent first, with the counts of all of it."""
    who = actor(Action.READ_CASES)
    return work_out(desk().work(who, mine=query_data.mine, after=query_data.after, limit=query_data.limit))


@blueprint.post("/v1/registry/work/assignments")
@blueprint.input(AssignmentIn)
@blueprint.output({}, status_code=204)
def assign_work(json_data: AssignmentIn) -> str:
    """Give a work item of the caller's unit to a person of the unit, or to nobody."""
    desk().assign(actor(Action.HANDLE_CASES), json_data.source, json_data.id, json_data.account)
    return ""


@blueprint.get("/v1/registry/students/<student_id>/history")
@blueprint.input(HistoryIn, location="query")
@blueprint.output(LifeOut)
def get_history(student_id: str, query_data: HistoryIn) -> LifeOut:
    """Show the whole life of a record, with persons, articles and evidence; the reading is recorded before."""
    schools = schools_of(principal(), Action.READ_CASES)
    return life_out(desk().history(student_id, actor(Action.READ_CASES), query_data.reason, schools))


@blueprint.post("/v1/registry/students/locations")
@blueprint.input(LocationIn)
@blueprint.output(LocatedOut)
def locate_student(json_data: LocationIn) -> LocatedOut:
    """Find a pupil by document number and name together, for a receiving school (A16-2); recorded in any case."""
    found = desk().locate(json_data.id_number, json_data.name, actor(Action.HANDLE_CASES), json_data.reason)
    return LocatedOut(
        student_id=found.student_id,
        version=found.version,
        school=found.school_code,
        state=found.state,
        grade=found.grade,
        name_masked=found.name_masked,
    )


@blueprint.post("/v1/registry/exceptions")
@blueprint.input(ExceptionIn)
@blueprint.output(ExceptionOut, status_code=201)
def grant_exception(json_data: ExceptionIn) -> ExceptionOut:
    """Grant an exception from a PRINCIPLE rule, for one request of one pupil, with a written reason and evidence."""
    found = desk().grant_exception(
        json_data.rule, _draft(json_data.draft), actor(Action.HANDLE_CASES), json_data.reason, json_data.evidence
    )
    return ExceptionOut(
        id=found.id,
        rule=found.rule,
        kind=found.kind,
        student_id=found.student_id,
        unit=found.unit,
        granted_by=found.granted_by,
        at=found.at,
        evidence=found.evidence,
        used_by=found.used_by,
    )


def _draft(sent: DraftIn, key: str | None = None) -> Draft:
    return Draft(
        kind=sent.kind,
        school=sent.school,
        on=sent.on,
        applied_on=sent.applied_on,
        student_id=sent.student_id,
        values=dict(sent.values),
        evidence=tuple(sent.evidence),
        version=sent.version,
        key=key,
    )


def _tag(case: CaseOut) -> dict[str, str]:
    return {"ETag": f'"{case.version}"'}
