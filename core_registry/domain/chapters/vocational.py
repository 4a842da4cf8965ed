"""Between regular and vocational senior schooling (Art. 22).

A vocational class holds no record of this register (A2-2): its school's consent comes on paper, and a pupil who goes
there leaves as ``transferred-out``. One who comes from there continues the own record: ``transferred-out`` becomes
active again, a junior graduate is admitted to the senior grade. A pupil without a record here is enrolled (chapter 3).
"""

from __future__ import annotations

from datetime import date, timedelta

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.placement import determination
from core_registry.domain.chapters.transfer import SENDING, TRANSFER_DAYS, back, backup_of, pending, started
from core_registry.domain.chapters.transfer_rules import (
    before_exam_registration_closes,
    free_place,
    grade_asked,
    no_sanction,
    not_suspended,
    target,
    target_stage,
)
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import NextStageMove, Stage, StudentState, move
from core_registry.domain.terms import Semester
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import Measure, Period

THREE_YEARS = 3
_YEAR_ONE, _YEAR_TWO = "31", "32"
_SECOND = 2
_WEEK = Period(1, Measure.WEEKS)


@rule("A22-1")
def senior_and_conditions(request: Request, facts: Facts) -> Verdict:
    """A22-1: a senior pupil, conditions met and a place free at the vocational school, as it confirmed."""
    if facts.stage is not Stage.SENIOR:
        return Failure("仅限普通高中学生。", "For pupils of regular senior high schools only.", Party.SCHOOL)
    if not request.flag("conditions_met"):
        return Failure(
            "须由中职学校确认符合条件且有空余学位。",
            "The vocational school must have confirmed that the conditions are met and a place is free.",
            Party.SCHOOL,
        )
    return True


@rule("A22-2")
def three_year_programme(request: Request, _facts: Facts) -> Verdict:
    """A22-2: only into a three-year programme."""
    if request.number("programme_years") == THREE_YEARS:
        return True
    return Failure("只能转入三年制中职专业。", "Only into a three-year vocational programme.", Party.GUARDIAN)


@rule("A22-3")
def in_one_of_three_windows(request: Request, facts: Facts) -> Verdict:
    """A22-3, Q-19: end of semester 2 of year 1, end of semester 1 of year 2, first week of semester 2 of year 2."""
    semester = facts.terms.at(request.applied_on)
    if semester is not None and _open(facts, semester, request.applied_on):
        return True
    return Failure(
        f"限高一第二学期末、高二第一学期末（学期结束前{facts.policy.semester_end_weeks}周内）或高二第二学期开学一周内申请。",
        "Only at the end of semester 2 of year 1 or of semester 1 of year 2 "
        f"(the last {facts.policy.semester_end_weeks} weeks), or within a week from the start of semester 2 of year 2.",
        Party.GUARDIAN,
    )


def _open(facts: Facts, semester: Semester, day: date) -> bool:
    grade = facts.pupil.grade
    at_the_end = day >= semester.end - timedelta(weeks=facts.policy.semester_end_weeks)
    if grade == _YEAR_ONE:
        return semester.number == _SECOND and at_the_end
    if grade != _YEAR_TWO:
        return False
    if semester.number == _SECOND:
        return day <= facts.calendar.after(semester.start, _WEEK).day
    return at_the_end


@enforces("A22-1", how="procedure")
def _leaving_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A22-1"),
        StepPlan(SENDING.name, Party.SCHOOL, Act.AGREE, 2, "A22-1", TRANSFER_DAYS, act_zh=SENDING.act_zh),
        StepPlan("sending-superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A22-1", TRANSFER_DAYS, act_zh="核办"),
    )


def _left(request: Request, facts: Facts, on: date) -> Effects:
    data = {"from": facts.school.code, "to": request.text("vocational_school"), "grade": facts.pupil.grade}
    return Effects(
        move=move(facts.stage, StudentState.TRANSFER_PENDING, StudentState.TRANSFERRED_OUT),
        ground="22",
        entries=(NewEntry(EntryKind.TRANSFER, on, {**data, "ground": "vocational"}), backup_of(facts, on)),
    )


register(
    Procedure(
        kind="to-vocational",
        zh="普通高中转中职",
        en="Transfer to a vocational school",
        chapter=4,
        article="22",
        fields=(
            ValueSpec("vocational_school", ValueType.SCHOOL, "转入中职学校", "Vocational school"),
            ValueSpec("programme_years", ValueType.INTEGER, "专业学制（年）", "Years of the programme"),
            ValueSpec(
                "conditions_met",
                ValueType.BOOLEAN,
                "中职学校确认符合条件且有空余学位",
                "Conditions met and place free, as the vocational school confirmed",
            ),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_leaving_steps,
        effects=_left,
        checks=(
            in_force,
            senior_and_conditions,
            three_year_programme,
            in_one_of_three_windows,
            not_suspended,
            no_sanction,
        ),
        evidence=lambda _request, _facts: (
            EvidenceNeed(
                ("receiving-consent",),
                "A22-1",
                "中职学校同意接收的证明",
                "the vocational school's consent",
                frozenset({"school"}),
            ),
        ),
        on_step=pending,
        undone=back,
        again=(no_sanction,),
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


# From a vocational school into a regular one.


@rule("A22-1")
def into_senior(request: Request, facts: Facts) -> Verdict:
    """A22-1: into a regular senior grade that the receiving school has."""
    there = target(facts)
    if there.closed or target_stage(request, facts) is not Stage.SENIOR or Stage.SENIOR not in there.stages:
        return Failure("转入学校须为普通高中。", "The receiving school must be a regular senior high.", Party.GUARDIAN)
    if facts.pupil.state is StudentState.GRADUATED and facts.stage is not Stage.JUNIOR:
        return Failure("该学籍已终结。", "This record is final.", Party.SCHOOL)
    return True


def _joining_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A22-1"),
        started(request, "A22-1", TRANSFER_DAYS),
        StepPlan(
            "receiving-superior",
            Party.RECEIVING_SUPERIOR,
            Act.REVIEW,
            3,
            "A22-1",
            TRANSFER_DAYS,
            act_zh="核办",
        ),
    )


@enforces("A22-4", how="evidence")
def _joining_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    return (
        EvidenceNeed(
            ("admission-conditions-proof",),
            "A22-4",
            "符合转入学校录取条件的证明",
            "proof that the receiving school's admission conditions are met",
        ),
        EvidenceNeed(
            ("sending-consent",),
            "A22-1",
            "中职学校同意转出的证明",
            "the vocational school's consent",
            frozenset({"school"}),
        ),
    )


def _joined(request: Request, facts: Facts, on: date) -> Effects:
    pupil, there, grade = facts.pupil, target(facts), grade_asked(request, facts)
    admitted, since = pupil.state is StudentState.GRADUATED, request.day("senior_since")
    data = {"from": request.text("vocational_school"), "to": there.code, "grade": grade, "ground": "vocational"}
    return Effects(
        move=NextStageMove(Stage.JUNIOR, Stage.SENIOR)
        if admitted
        else move(Stage.SENIOR, StudentState.TRANSFERRED_OUT, StudentState.ACTIVE),
        ground="22",
        school=there.code,
        grade=grade,
        class_name=request.text("class_name"),
        fields={"entry_month": f"{since:%Y-%m}"} if admitted and since is not None else {},
        entries=(NewEntry(EntryKind.TRANSFER, on, data), determination(pupil.grade, grade, on)),
    )


register(
    Procedure(
        kind="from-vocational",
        zh="中职转普通高中",
        en="Transfer from a vocational school",
        chapter=4,
        article="22",
        fields=(
            ValueSpec("vocational_school", ValueType.SCHOOL, "原中职学校", "Vocational school"),
            ValueSpec("senior_since", ValueType.DATE, "高中阶段入学日期", "Day of entry into the senior stage"),
            ValueSpec("grade", ValueType.GRADE, "转入年级", "Grade at the receiving school"),
            ValueSpec("class_name", ValueType.TEXT, "转入班级", "Class at the receiving school", longest=40),
        ),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_joining_steps,
        effects=_joined,
        checks=(in_force, into_senior, free_place, before_exam_registration_closes, keeps_to_the_record),
        evidence=_joining_evidence,
        again=(free_place,),
        opens_in=frozenset({StudentState.TRANSFERRED_OUT.value, StudentState.GRADUATED.value}),
    )
)
