"""Placement and grade: disabled pupils (Art. 23), and the grade determination by school and supervising department."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.enrolment_checks import (
    IN_ORDINARY_CLASS,
    IN_SPECIAL_SCHOOL,
    TAUGHT_AT_HOME,
    assessment_need,
    fits_school,
)
from core_registry.domain.chapters.placement_rules import has_assessment
from core_registry.domain.chapters.transfer import CLASS_NAME, SENDING, back, backup_of, deciding, pending
from core_registry.domain.chapters.transfer_rules import free_place, no_sanction, not_suspended, target
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import NO_EFFECTS, Act, Effects, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.terms import YEAR_OF_GRADE
from core_registry.domain.validity import in_force

_ACTIVE = frozenset({StudentState.ACTIVE.value})


def _moves(facts: Facts) -> bool:
    return facts.receiving is not None and facts.receiving.code != facts.school.code


@rule("A23-1")
def placement_fits(request: Request, facts: Facts) -> Verdict:
    """A23-1: of a disabled pupil, between the placements, at a school that gives the new one."""
    if not facts.pupil.disabled:
        return Failure("仅限残疾学生。", "For disabled pupils only.", Party.SCHOOL)
    asked, there = request.text("placement"), target(facts)
    if there.closed:
        return Failure("学校已撤销。", "The school is closed.", Party.SCHOOL)
    if not _moves(facts) and asked == facts.pupil.placement:
        return Failure("就读类型没有变化。", "The placement stays as it is.", Party.SCHOOL)
    return fits_school(asked, there)


@rule("A17-1")
def room_where_moved(request: Request, facts: Facts) -> Verdict:
    """A17-1, Q-9: capacity binds a disabled pupil's move to another school; the windows do not."""
    if not _moves(facts):
        return None
    result = free_place(request, facts)
    if result is None or not result.stops:
        return True
    return Failure(result.needed_zh, result.needed, result.ask)


@enforces("A23-1", how="procedure")
def _placement_steps(_request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    apply = StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A23-1")
    if not _moves(facts):
        return (
            apply,
            StepPlan("receiving-school", Party.RECEIVING_SCHOOL, Act.START, 2, "A23-1"),
            StepPlan("receiving-superior", Party.RECEIVING_SUPERIOR, Act.REVIEW, 3, "A23-1"),
        )
    return (
        apply,
        StepPlan("receiving-school", Party.RECEIVING_SCHOOL, Act.START, 2, "A23-1"),
        SENDING,
        *deciding(facts, 4),
    )


def _on_placement_step(step: str, request: Request, facts: Facts, on: date) -> Effects:
    return pending(step, request, facts, on) if _moves(facts) else NO_EFFECTS


def _placed(request: Request, facts: Facts, on: date) -> Effects:
    placement = request.text("placement")
    entry = NewEntry(EntryKind.PLACEMENT, on, {"before": facts.pupil.placement, "after": placement})
    fields = {"special_ed_placement": placement}
    if not _moves(facts):
        return Effects(ground="23", fields=fields, entries=(entry,))
    data = {"from": facts.school.code, "to": target(facts).code, "grade": facts.pupil.grade}
    return Effects(
        move=move(facts.stage, StudentState.TRANSFER_PENDING, StudentState.ACTIVE),
        ground="16",
        school=target(facts).code,
        class_name=request.text("class_name"),
        fields=fields,
        entries=(entry, NewEntry(EntryKind.TRANSFER, on, data), backup_of(facts, on)),
    )


register(
    Procedure(
        kind="placement-change",
        zh="特教就读类型变更",
        en="Change of special education placement",
        chapter=4,
        article="23",
        fields=(
            ValueSpec(
                "placement",
                ValueType.CHOICE,
                "就读类型",
                "Placement",
                personal=True,
                choices={
                    IN_SPECIAL_SCHOOL: ("特殊教育学校就读", "Special-education school"),
                    IN_ORDINARY_CLASS: ("普通学校随班就读", "Inclusive class of a regular school"),
                    TAUGHT_AT_HOME: ("送教上门", "Teaching at home"),
                },
            ),
            CLASS_NAME,
        ),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_placement_steps,
        effects=_placed,
        checks=(in_force, placement_fits, room_where_moved, not_suspended, no_sanction, keeps_to_the_record),
        evidence=lambda _request, _facts: (assessment_need(),),
        on_step=_on_placement_step,
        undone=back,
        again=(room_where_moved,),
        opens_in=_ACTIVE,
    )
)


# 降级就读.


@rule("A23-3")
def lower_grade_of_disabled(request: Request, facts: Facts) -> Verdict:
    """A23-3: a disabled pupil only, on the committee's assessment, to a lower grade of the same stage."""
    if not facts.pupil.disabled:
        return Failure(
            "仅限残疾学生，其他学生不得降级、留级。", "For disabled pupils only; nobody else repeats a grade."
        )
    if not has_assessment(request, facts):
        return Failure(
            "须附县级残疾人教育专家委员会的评估结论。",
            "Attach the conclusion of the county's committee of experts.",
            Party.SCHOOL,
        )
    grade = request.text("grade")
    lower = YEAR_OF_GRADE[grade] < YEAR_OF_GRADE[facts.pupil.grade]
    if not lower or facts.school.stage_of(grade) is not facts.stage:
        return Failure("须为本学段的较低年级。", "A lower grade of the same stage.", Party.SCHOOL)
    return True


def _demotion_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("school", Party.SCHOOL, Act.START, 1, "A23-3", act_zh="登记"),
        StepPlan("superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 2, "A23-3", act_zh="审批"),
    )


@enforces("A23-3", how="procedure")
def _demoted(request: Request, facts: Facts, on: date) -> Effects:
    grade = request.text("grade")
    data = {"before": facts.pupil.grade, "after": grade, "why": "demotion"}
    return Effects(
        ground="23", grade=grade, class_name=request.text("class_name"), entries=(NewEntry(EntryKind.GRADE, on, data),)
    )


_GRADE = ValueSpec("grade", ValueType.GRADE, "就读年级", "Grade")
_CLASS = ValueSpec("class_name", ValueType.TEXT, "就读班级", "Class", longest=40)

register(
    Procedure(
        kind="demotion",
        zh="降级就读",
        en="To a lower grade",
        chapter=4,
        article="23",
        fields=(_GRADE, _CLASS),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_demotion_steps,
        effects=_demoted,
        checks=(in_force, lower_grade_of_disabled, keeps_to_the_record),
        opens_in=_ACTIVE,
    )
)


# The grade determination. It says only that the school attended and its supervising department set a grade: no ground,
# no article, no reason, no paper. What it rests on lies outside this program.


@rule("A7-1")
def grade_of_this_school(request: Request, facts: Facts) -> Verdict:
    """Judge whether the school has the grade."""
    if facts.school.stage_of(request.text("grade")) in facts.school.stages:
        return True
    return Failure("学校没有这一年级。", "The school does not have this grade.", Party.SCHOOL)


@enforces("A24-1", how="procedure")
def _determination_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("school", Party.SCHOOL, Act.START, 1, "A7-1"),
        StepPlan("supervising-dept", Party.SUPERVISING_DEPT, Act.REVIEW, 2, "A7-1"),
    )


@enforces("A24-2", "A24-3", how="procedure")
def _determined(request: Request, facts: Facts, on: date) -> Effects:
    """Return the grade and the entry in the uniform form, as every determination of a grade leaves it (A26-2)."""
    return Effects(
        grade=request.text("grade"),
        class_name=request.text("class_name"),
        entries=(determination(facts.pupil.grade, request.text("grade"), on),),
        neutral=True,
    )


def determination(before: str, after: str, on: date) -> NewEntry:
    """Return the uniform entry of a grade that school and department determined, whatever led to it (A24-3)."""
    return NewEntry(EntryKind.GRADE, on, {"before": before, "after": after, "why": "determination"})


register(
    Procedure(
        kind="grade-determination",
        zh="年级核定",
        en="Grade determination",
        chapter=4,
        article="",
        fields=(_GRADE, _CLASS),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_determination_steps,
        effects=_determined,
        checks=(in_force, grade_of_this_school, keeps_to_the_record),
        needs_evidence=False,
        opens_in=_ACTIVE,
        private=True,
    )
)
