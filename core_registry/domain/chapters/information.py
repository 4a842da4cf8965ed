"""Changes of registry information, corrections of closed records, paper copies (Arts. 5, 6 and 7).

No procedure takes a student number: it comes by number assignment only and never changes (A6-3). The new values of a
change are pending in the case until they are effective in the record; the archive keeps them under seal (A7-2, S-5).
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.annex1 import ANNEX1, chosen, given
from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.enrolment_checks import (
    DOCUMENTS,
    assessment_need,
    fits_school,
    form_is_complete,
    nobody_twice,
    nothing_is_false,
)
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    Act,
    Effects,
    EvidenceNeed,
    NewEntry,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, Value, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState

CHANGEABLE = tuple(code for code in ANNEX1 if code != "grade")
"""A grade changes by promotion, return or demotion only (A27-3)."""
IDENTITY = frozenset({"name", "sex", "ethnicity", "nationality", "id_type", "id_number", "birth_date"})
"""Fields that follow from a document: a change needs one (A9-2)."""
PLACEMENT = frozenset({"disability", "disability_type", "special_ed_placement"})
FINAL = frozenset(
    {
        StudentState.WITHDRAWN,
        StudentState.GRADUATED,
        StudentState.COMPLETED,
        StudentState.INCOMPLETE,
        StudentState.ADMISSION_CANCELLED,
        StudentState.DECEASED,
    }
)
"""States in which only a correction reaches the record (S-5)."""


def changed(request: Request) -> dict[str, Value]:
    """Return the new values by field code."""
    return given(request, CHANGEABLE)


def needs_superior(request: Request, facts: Facts) -> bool:
    """Whether a field is among those that the superior reviews (必要时, Q-24)."""
    return not facts.policy.superior_fields.isdisjoint(changed(request))


@rule("A7-2")
def something_changes(request: Request, _facts: Facts) -> Verdict:
    """Judge whether the request names a value at all."""
    if changed(request):
        return True
    return Failure("请填写要变更的项目。", "Give the values that change.", Party.SCHOOL)


@rule("A7-3")
def guardian_is_verified(request: Request, facts: Facts) -> Verdict:
    """Judge the link of a guardian who applies: without a verified one there is no application."""
    if not request.flag("by_guardian"):
        return None
    if facts.guardian_verified:
        return True
    return Failure(
        "监护关系尚未核实，请先到学校核实。",
        "The link to the pupil is not verified: the school does that first.",
        Party.SCHOOL,
    )


@rule("A9-4")
def _placement_fits(request: Request, facts: Facts) -> Verdict:
    """Judge a new placement: one of three, at a school that may have charge of it."""
    placement = request.text("special_ed_placement")
    return fits_school(placement, facts.school) if placement else None


def _evidence(request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    new = changed(request)
    needs = []
    if not IDENTITY.isdisjoint(new):
        kinds = (*DOCUMENTS, "police-proof")
        needs.append(
            EvidenceNeed(kinds, "A9-2", "有效身份证件或公安机关证明", "a valid document or proof of the police")
        )
    if not PLACEMENT.isdisjoint(new):
        needs.append(assessment_need())
    return tuple(needs)


@enforces("A7-2", "A7-3", how="procedure")
def _steps(request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    """Return who decides: the school always, the superior where necessary; a guardian only proposes."""
    if request.flag("by_guardian"):
        steps = [
            StepPlan("propose", Party.GUARDIAN, Act.APPLY, 1, "A7-2"),
            StepPlan("check", Party.SCHOOL, Act.REVIEW, 2, "A7-2", act_zh="审核确认"),
        ]
    else:
        steps = [StepPlan("enter", Party.SCHOOL, Act.START, 1, "A7-2")]
    if needs_superior(request, facts):
        steps.append(StepPlan("review", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A7-2"))
    return tuple(steps)


@enforces("A6-3", how="procedure")
def _effects(request: Request, _facts: Facts, on: date) -> Effects:
    """Change the fields. A new document is a new entry under the same student number, which no field names (A6-3).

    The entry tells the names of the fields; the store, which has the old values, adds old and new under seal (S-5).
    """
    new = changed(request)
    entry = NewEntry(EntryKind.DATA_CHANGE, on, {"fields": ",".join(new)})
    return Effects(ground="7", fields=new, entries=(entry,))


DATA_CHANGE = register(
    Procedure(
        kind="data-change",
        zh="学籍信息变更",
        en="change of registry information",
        chapter=2,
        article="7",
        fields=(
            ValueSpec("by_guardian", ValueType.BOOLEAN, "由监护人申请", "applied for by the guardian", False),
            *chosen(CHANGEABLE, required=False),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.SCHOOL}),
        steps=_steps,
        effects=_effects,
        evidence=_evidence,
        checks=(
            guardian_is_verified,
            something_changes,
            form_is_complete,
            nothing_is_false,
            nobody_twice,
            _placement_fits,
            keeps_to_the_record,
        ),
    )
)


def _correction_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("propose", Party.SCHOOL, Act.START, 1, "S-5"),
        StepPlan("approve", Party.REGISTRY_SUPERIOR, Act.APPROVE, 2, "S-5"),
    )


@enforces("S-5", how="procedure")
def _correction_effects(request: Request, _facts: Facts, on: date) -> Effects:
    """Write the correction beside the old entries; none is superseded, and the old value stays under seal."""
    new = changed(request)
    entry = NewEntry(EntryKind.CORRECTION, on, {"fields": ",".join(new)}, {"reason": request.text("reason")})
    return Effects(ground="7", fields=new, entries=(entry,))


CORRECTION = register(
    Procedure(
        kind="correction",
        zh="已终结学籍更正",
        en="correction of a closed record",
        chapter=2,
        article="7",
        fields=(
            ValueSpec("reason", ValueType.TEXT, "更正理由", "reason of the correction", personal=True, longest=500),
            *chosen(CHANGEABLE, required=False),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_correction_steps,
        effects=_correction_effects,
        evidence=_evidence,
        checks=(something_changes, form_is_complete, nothing_is_false, nobody_twice, keeps_to_the_record),
        opens_in=FINAL,
    )
)


@rule("A5-1")
def _special_need_of_paper(_request: Request, _facts: Facts) -> Verdict:
    """Judge a paper copy: none in principle; the special case is an exception that the superior grants."""
    return Failure(
        "原则上不再建立纸质档案；确有特殊需要的，由上级学籍管理部门特批后打印。",
        "No paper archive in principle; in a special case the registry superior grants an exception.",
    )


def _paper_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (StepPlan("print", Party.SCHOOL, Act.START, 1, "A5-1", act_zh="打印"),)


@enforces("A5-1", how="record")
def _paper_effects(request: Request, _facts: Facts, on: date) -> Effects:
    """Record for whom it was printed and who keeps it; who printed it is the person of the entry (A5-1)."""
    data = {"for_unit": request.text("for_unit"), "kept_by": request.text("kept_by")}
    entry = NewEntry(EntryKind.PAPER_COPY, on, data, {"reason": request.text("reason")})
    return Effects(ground="5", entries=(entry,))


PAPER_COPY = register(
    Procedure(
        kind="paper-copy",
        waits=False,
        zh="打印纸质档案",
        en="paper copy of the archive",
        chapter=2,
        article="5",
        fields=(
            ValueSpec("for_unit", ValueType.TEXT, "使用部门", "department that uses it", longest=100),
            ValueSpec("kept_by", ValueType.TEXT, "保管部门", "department that keeps it", longest=100),
            ValueSpec("reason", ValueType.TEXT, "打印事由", "reason", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_paper_steps,
        effects=_paper_effects,
        checks=(_special_need_of_paper, keeps_to_the_record),
        opens_in=frozenset(state.value for state in StudentState if state is not StudentState.DEFERRED),
    )
)
