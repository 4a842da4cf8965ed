"""Going abroad and coming back (Art. 26): one record, continued."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.placement import determination
from core_registry.domain.chapters.transfer_rules import grade_asked, target
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.terms import YEAR_OF_GRADE
from core_registry.domain.validity import in_force


@rule("A26-1")
def document_valid(request: Request, _facts: Facts) -> Verdict:
    """A26-1: the document is valid on the day of leaving."""
    until = request.day("document_until")
    if until is not None and until >= request.on:
        return True
    return Failure("出境证件须在出境之日有效。", "The document must be valid on the day of leaving.", Party.GUARDIAN)


def _leaving_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A26-1"),
        StepPlan("school", Party.SCHOOL, Act.CONFIRM, 2, "A26-1", act_zh="标注出境"),
        StepPlan("superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A26-1", act_zh="核准并接收档案"),
    )


@enforces("A26-1", "A6-2", how="procedure")
def _left(request: Request, facts: Facts, on: date) -> Effects:
    """Return that the registry superior keeps the archive while the pupil is abroad (A26-1)."""
    data = {"from": request.on.isoformat(), "school": facts.school.code, "grade": facts.pupil.grade}
    return Effects(
        move=move(facts.stage, StudentState.ACTIVE, StudentState.ABROAD),
        ground="26",
        holder=facts.school.registry_superior,
        entries=(NewEntry(EntryKind.ABROAD, on, data),),
    )


register(
    Procedure(
        kind="abroad",
        zh="出境",
        en="Going abroad",
        chapter=4,
        article="26",
        fields=(ValueSpec("document_until", ValueType.DATE, "证件有效期至", "Document valid until"),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_leaving_steps,
        effects=_left,
        checks=(in_force, document_valid),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("exit-document",), "A26-1", "护照、签证等有效出境证件", "a valid passport, visa or the like"),
        ),
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


@rule("A26-2")
def continues(request: Request, facts: Facts) -> Verdict:
    """A26-2: back after leaving, in a grade that the school has and not below the one left, as policy allows."""
    there, grade = target(facts), grade_asked(request, facts)
    gone = facts.archive.last(EntryKind.ABROAD)
    left_on = None if gone is None else gone.day("from")
    if left_on is not None and request.on < left_on:
        return Failure("返回日期不得早于出境日期。", "The return cannot lie before the day of leaving.", Party.SCHOOL)
    if there.closed or there.stage_of(grade) not in there.stages:
        return Failure("学校没有这一年级。", "The school does not have this grade.", Party.SCHOOL)
    if YEAR_OF_GRADE[grade] < YEAR_OF_GRADE[facts.pupil.grade]:
        return Failure("不得低于出境前的年级。", "The grade is not below the one that was left.", Party.SCHOOL)
    if not request.flag("policy_met"):
        return Failure("须符合现行招生入学政策。", "The current admission policy must be met.", Party.REGISTRY_SUPERIOR)
    return True


def _returning_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A26-2"),
        StepPlan("school", Party.RECEIVING_SCHOOL, Act.START, 2, "A26-2"),
        StepPlan(
            "superior",
            Party.RECEIVING_SUPERIOR,
            Act.REVIEW,
            3,
            "A26-2",
        ),
    )


@enforces("A26-2", how="procedure")
def _returned(request: Request, facts: Facts, on: date) -> Effects:
    there, grade = target(facts), grade_asked(request, facts)
    gone = facts.archive.last(EntryKind.ABROAD)
    data = {"from": "" if gone is None else gone.text("from"), "on": request.on.isoformat(), "grade": grade}
    return Effects(
        move=move(there.stage_of(grade), StudentState.ABROAD, StudentState.ACTIVE),
        ground="26",
        school=there.code,
        grade=grade,
        class_name=request.text("class_name"),
        entries=(NewEntry(EntryKind.RETURN, on, data), determination(facts.pupil.grade, grade, on)),
    )


register(
    Procedure(
        kind="return",
        zh="返回就读",
        en="Return from abroad",
        chapter=4,
        article="26",
        fields=(
            ValueSpec("grade", ValueType.GRADE, "就读年级（按学习经历）", "Grade, by the learning record"),
            ValueSpec("class_name", ValueType.TEXT, "就读班级", "Class", longest=40),
            ValueSpec("policy_met", ValueType.BOOLEAN, "符合现行招生入学政策", "Current admission policy met"),
        ),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_returning_steps,
        effects=_returned,
        checks=(in_force, continues, keeps_to_the_record),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("learning-record",), "A26-2", "境外学习经历证明", "the learning record from abroad"),
        ),
        opens_in=frozenset({StudentState.ABROAD.value}),
    )
)
