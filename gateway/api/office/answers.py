"""The registry's records as answers of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from core_registry.office import (
    PARTY_LABELS,
    ArchiveEntry,
    Case,
    Evidence,
    History,
    Procedure,
    RuleResult,
    Step,
    ValueSpec,
    WorkList,
)
from gateway.api.models import (
    CaseOut,
    ChoiceOut,
    ConditionOut,
    EntryOut,
    EvidenceKindOut,
    EvidenceOut,
    LifeOut,
    MembershipOut,
    PartyOut,
    ProcedureOut,
    RuleResultOut,
    StepOut,
    TransitionOut,
    ValueSpecOut,
    WorkItemOut,
    WorkOut,
)
from rulebook import EvidenceKind

Plain = str | int | bool | None
StepState = Literal["ahead", "waiting", "agreed", "refused"]
_STATES: dict[str | None, StepState] = {None: "waiting", "agree": "agreed", "refuse": "refused"}


def procedure_out(one: Procedure) -> ProcedureOut:
    """Return what can be asked under a procedure, and by whom."""
    return ProcedureOut(
        kind=one.kind,
        zh=one.zh,
        en=one.en,
        chapter=one.chapter,
        article=one.article,
        subject=one.subject,
        opened_by=[PartyOut(party=party, zh=PARTY_LABELS[party]) for party in sorted(one.opened_by)],
        opens_in=sorted(one.opens_in),
        needs_evidence=one.needs_evidence,
        values=[_spec_out(spec) for spec in one.fields],
    )


def evidence_kind_out(one: EvidenceKind) -> EvidenceKindOut:
    """Return a kind of evidence."""
    return EvidenceKindOut(
        code=one.code,
        zh=one.label,
        en=one.label_en,
        issuers=sorted(one.issuers),
        media_types=sorted(one.media_types),
    )


def evidence_out(one: Evidence) -> EvidenceOut:
    """Return an item of evidence."""
    return EvidenceOut(
        id=one.id,
        kind=one.kind,
        issuer_kind=one.issuer_kind,
        issuer_level=one.issuer_level,
        issued_on=one.issued_on,
        sha256=one.sha256,
    )


def results_out(results: Iterable[RuleResult]) -> list[RuleResultOut]:
    """Return what the rules say; the same members as in a problem ``case-refused``."""
    return [RuleResultOut.model_validate(result.document()) for result in results]


def case_out(case: Case) -> CaseOut:
    """Return a case with its steps and the rules as they were judged at its opening."""
    request, procedure = case.request, case.procedure
    return CaseOut(
        id=case.id,
        kind=request.kind,
        zh=procedure.zh,
        en=procedure.en,
        status=case.status.value,
        version=case.version,
        school=request.school,
        student_id=request.student_id,
        on=request.on,
        applied_on=request.applied_on,
        values=plain_values(request.values),
        opened_by=case.opened_by,
        opened_at=case.opened_at,
        changed_by=case.changed_by,
        changed_at=case.changed_at,
        closed_on=case.closed_on,
        closing_note=case.closing_note,
        steps=[_step_out(step) for step in case.steps],
        evidence=[evidence_out(one) for one in case.evidence],
        results=results_out(case.results),
    )


def work_out(work: WorkList) -> WorkOut:
    """Return a page of work."""
    return WorkOut(
        items=[
            WorkItemOut(
                source=one.source,
                id=one.id,
                kind=one.kind,
                step=one.step,
                unit=one.unit,
                rule=one.rule,
                reached=one.reached,
                due=one.due,
                provisional=one.provisional,
                state=one.state,
                assignee=one.assignee,
                student_id=one.student_id,
                name_masked=one.name_masked,
                school=one.school_code,
            )
            for one in work.items
        ],
        total=work.total,
        overdue=work.overdue,
        next_after=work.next_after,
    )


def life_out(history: History) -> LifeOut:
    """Return the life of a record."""
    return LifeOut(
        student_id=history.student_id,
        state=history.state,
        version=history.version,
        transitions=[
            TransitionOut(
                before=one.before,
                after=one.after,
                on=one.on,
                entered_at=one.entered_at,
                ground=one.ground,
                case_id=one.case_id,
                school=one.school_code,
                actor=one.actor,
                unit=one.unit,
                head=one.head,
                registrar=one.registrar,
                evidence=list(one.evidence),
            )
            for one in history.transitions
        ],
        memberships=[
            MembershipOut(school=one.school_code, name=one.school_name, since=one.since, until=one.until)
            for one in history.memberships
        ],
        entries=[_entry_out(one, history.texts.get(one.id, {})) for one in history.entries],
        cases=[case_out(case) for case in history.cases],
    )


def _spec_out(spec: ValueSpec) -> ValueSpecOut:
    return ValueSpecOut(
        name=spec.name,
        type=spec.kind.value,
        zh=spec.zh,
        en=spec.en,
        required=spec.required,
        personal=spec.personal,
        when=None if spec.when is None else ConditionOut(name=spec.when[0], values=sorted(spec.when[1])),
        longest=spec.longest,
        choices=[ChoiceOut(code=code, zh=zh, en=en) for code, (zh, en) in spec.choices.items()],
    )


def step_state(step: Step) -> StepState:
    """Return where a step stands."""
    return "ahead" if step.reached is None else _STATES[step.decision]


def _step_out(step: Step) -> StepOut:
    return StepOut(
        name=step.name,
        party=step.party,
        party_zh=step.party_zh,
        act=step.act,
        act_zh=step.word,
        order=step.order,
        rule=step.rule,
        unit=step.unit,
        state=step_state(step),
        reached=step.reached,
        due=step.due,
        provisional=step.provisional,
        days=step.days,
        done_on=step.done_on,
        done_at=step.done_at,
        done_by=step.done_by,
        late=step.late,
        note=step.note,
        head=step.head,
        registrar=step.registrar,
    )


def _entry_out(one: ArchiveEntry, texts: Mapping[str, object]) -> EntryOut:
    return EntryOut(
        id=one.id,
        kind=one.kind,
        on=one.on,
        entered_at=one.entered_at,
        case_id=one.case_id,
        supersedes=one.supersedes,
        data=dict(one.data),
        text=plain_values(texts),
    )


def plain_values(values: Mapping[str, object]) -> dict[str, Plain]:
    """Return values as JSON has them: dates as text, and whatever is no plain value as text."""
    return {name: _json(value) for name, value in values.items()}


def _json(value: object) -> Plain:
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int | bool) or value is None else str(value)
