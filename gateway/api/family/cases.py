"""``/v1/family/children/…/cases``: what a guardian applies for at the school (A7-2, A28-1, A31-1, A36-1).

A guardian proposes, the school decides: nothing here changes a record. Evidence, values and rules are those of the
registrars' own interface.
"""

from __future__ import annotations

from apiflask.fields import UploadFile

from core_registry.office import Case, GuardianDesk, GuardianRequest, NewEvidence
from gateway.api.authentication import services
from gateway.api.blueprints import ApiBlueprint
from gateway.api.family.doors import guardian, member
from gateway.api.models.cases import CaseWithdrawalIn, EvidenceOut, ExplanationOut, ProcedureList
from gateway.api.models.family import (
    ChildCaseIn,
    ChildCaseLineOut,
    ChildCaseList,
    ChildCaseListIn,
    ChildCaseOut,
    ChildDraftIn,
    ChildEvidenceIn,
    ChildStepOut,
)
from gateway.api.office.answers import (
    evidence_kind_out,
    evidence_out,
    plain_values,
    procedure_out,
    results_out,
    step_state,
)
from gateway.api.office.cases import RULE_REFUSED
from gateway.errors import UnavailableError

blueprint = ApiBlueprint("family_cases", __name__, tag="Families")


class ChildEvidenceForm(ChildEvidenceIn):
    """A file and what it proves, as ``multipart/form-data``."""

    file: UploadFile


@blueprint.get("/v1/family/procedures")
@blueprint.output(ProcedureList)
def list_procedures() -> ProcedureList:
    """List what a guardian may apply for, with the values and the kinds of evidence."""
    guardian()
    return ProcedureList(
        items=[procedure_out(one) for one in _desk().procedures()],
        evidence_kinds=[evidence_kind_out(one) for one in services().book.evidence_kinds.values()],
    )


@blueprint.post("/v1/family/children/<bond_id>/evidence")
@blueprint.input(ChildEvidenceForm, location="form_and_files")
@blueprint.answers(RULE_REFUSED)
@blueprint.output(EvidenceOut, status_code=201)
def hand_in(bond_id: str, form_and_files_data: ChildEvidenceForm) -> EvidenceOut:
    """Hand in a file (PDF, JPEG, PNG) for a request; it is kept sealed, with its SHA-256."""
    account, subject = _child(bond_id)
    sent = form_and_files_data
    content = sent.file.read()
    sent.file.close()  # its own temporary file, if it was large
    new = NewEvidence(sent.kind, sent.issuer_kind, sent.issuer_level, sent.issued_on, sent.file.mimetype, content)
    return evidence_out(_desk().hand_in(account, subject, new))


@blueprint.post("/v1/family/children/<bond_id>/explanations")
@blueprint.input(ChildDraftIn)
@blueprint.answers(RULE_REFUSED)
@blueprint.output(ExplanationOut)
def explain(bond_id: str, json_data: ChildDraftIn) -> ExplanationOut:
    """Say what every rule says of a request, and what would be needed; nothing is written."""
    account, subject = _child(bond_id)
    results = _desk().explain(account, subject, _request(json_data))
    return ExplanationOut(accepted=not any(result.stops for result in results), results=results_out(results))


@blueprint.post("/v1/family/children/<bond_id>/cases")
@blueprint.input(ChildCaseIn)
@blueprint.answers(RULE_REFUSED)
@blueprint.output(ChildCaseOut, status_code=201)
def open_case(bond_id: str, json_data: ChildCaseIn) -> ChildCaseOut:
    """Apply; the school is next. The same key again gives the same case."""
    account, subject = _child(bond_id)
    return _out(_desk().open(account, subject, _request(json_data, json_data.key)))


@blueprint.get("/v1/family/children/<bond_id>/cases")
@blueprint.input(ChildCaseListIn, location="query")
@blueprint.output(ChildCaseList)
def list_cases(bond_id: str, query_data: ChildCaseListIn) -> ChildCaseList:
    """List what the account applied for, newest first."""
    account, subject = _child(bond_id)
    names = {one.kind: one.zh for one in _desk().procedures()}
    lines = _desk().cases(account, subject, after=query_data.after, limit=query_data.limit)
    return ChildCaseList(
        items=[
            ChildCaseLineOut(
                id=line.id,
                kind=line.kind,
                zh=names.get(line.kind, line.kind),
                status=line.status.value,
                opened_at=line.opened_at,
            )
            for line in lines
        ]
    )


@blueprint.get("/v1/family/children/<bond_id>/cases/<case_id>")
@blueprint.answers(RULE_REFUSED)
@blueprint.output(ChildCaseOut)
def get_case(bond_id: str, case_id: str) -> ChildCaseOut:
    """Show where an own application stands."""
    account, subject = _child(bond_id)
    return _out(_desk().case(account, subject, case_id))


@blueprint.post("/v1/family/children/<bond_id>/cases/<case_id>/withdrawal")
@blueprint.input(CaseWithdrawalIn)
@blueprint.answers(RULE_REFUSED)
@blueprint.output(ChildCaseOut)
def withdraw_case(bond_id: str, case_id: str, json_data: CaseWithdrawalIn) -> ChildCaseOut:
    """Take an own application back while it is open."""
    account, subject = _child(bond_id)
    return _out(_desk().withdraw(account, subject, case_id, json_data.version, json_data.note))


def _desk() -> GuardianDesk:
    found = services().guardians
    if found is None:
        raise UnavailableError(
            "This face has no registry; the school takes the application.",
            detail_zh="本端没有学籍库，请向学校提出申请。",
        )
    return found


def _child(bond_id: str) -> tuple[str, str]:
    """Return the guardian's account and the child: a bond in the account, a verified link in the registry."""
    who = guardian()
    return who.account, member(who, bond_id).child.subject_ref


def _request(sent: ChildDraftIn, key: str | None = None) -> GuardianRequest:
    return GuardianRequest(sent.kind, sent.on, sent.applied_on, dict(sent.values), tuple(sent.evidence), key)


def _out(case: Case) -> ChildCaseOut:
    """Return a case as a family sees it: bodies and steps, no officer's account."""
    return ChildCaseOut(
        id=case.id,
        kind=case.request.kind,
        zh=case.procedure.zh,
        en=case.procedure.en,
        status=case.status.value,
        version=case.version,
        on=case.request.on,
        applied_on=case.request.applied_on,
        values=plain_values(case.request.values),
        opened_at=case.opened_at,
        closed_on=case.closed_on,
        steps=[
            ChildStepOut(
                name=step.name,
                party=step.party.value,
                party_zh=step.party_zh,
                act_zh=step.word,
                rule=step.rule,
                state=step_state(step),
                due=step.due,
                done_on=step.done_on,
                note=step.note,
            )
            for step in case.steps
        ],
        evidence=[evidence_out(one) for one in case.evidence],
        results=results_out(case.results),
    )
