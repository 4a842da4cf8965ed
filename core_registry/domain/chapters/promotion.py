"""Entry to the next stage: admission by the plan, and arrival (Art. 13). A first-grader registers by chapter 3."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.late_entry import ARRIVAL_CLOCK
from core_registry.domain.chapters.placement_rules import assessed
from core_registry.domain.chapters.transfer_rules import target
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    NO_EFFECTS,
    Act,
    Effects,
    EvidenceNeed,
    NewDeadline,
    NewEntry,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import NextStageMove, Stage, StudentState, move
from core_registry.domain.terms import grade_after, starting_grade
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import Measure, Period

REGISTRATION_CLOCK = "arrival-registration"
"""The clock of A13-1: from arrival to the record and the class."""
UNASSIGNED = "待编班"
"""The class of a pupil who has been admitted and has not arrived."""


# Admission: graduated -> pre-registered at the next stage's school.


def _next_grade(facts: Facts) -> str:
    """Return the year after the one graduated from, empty after the twelfth."""
    return grade_after(facts.pupil.grade, 1) or ""


@rule("A13-2")
def on_admission_plan(_request: Request, facts: Facts) -> Verdict:
    """A13-2: to a school of the next stage, and a senior record only for a pupil on the admission plan."""
    there, grade = target(facts), _next_grade(facts)
    if not grade or there.closed:
        return Failure("没有可以升入的学校或年级。", "There is no next stage, or the school is closed.")
    stage = there.stage_of(grade)
    if stage not in there.stages or stage is facts.stage:
        return Failure(
            "拟升入学校没有下一学段的相应年级。",
            "The school has no grade of the next stage for this pupil.",
            Party.SCHOOL,
        )
    if not stage.compulsory and not facts.on_plan:
        return Failure(
            "该生不在该校当年招生计划的录取名单内，不得转接学籍。",
            "The pupil is not on this year's admission plan of the school.",
            Party.RECEIVING_SUPERIOR,
        )
    return True


def _admission_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("receiving-school", Party.RECEIVING_SCHOOL, Act.START, 1, "A13-2"),
        StepPlan("receiving-superior", Party.RECEIVING_SUPERIOR, Act.REVIEW, 2, "A13-2"),
    )


def _admission_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    return (EvidenceNeed(("admission-list",), "A13-2", "招生录取名单", "the admission list"),)


def _entry_month(facts: Facts, on: date) -> str:
    """Return the month of entry into the new stage: that in which the term of ``on``, or the next one, starts."""
    terms = facts.receiving_terms or facts.terms
    term = terms.at(on) or terms.following(on)
    return f"{on if term is None else term.start:%Y-%m}"


def _admitted(_request: Request, facts: Facts, on: date) -> Effects:
    there, grade = target(facts), _next_grade(facts)
    return Effects(
        move=NextStageMove(facts.stage, there.stage_of(grade)),
        ground="13",
        school=there.code,
        grade=grade,
        class_name=UNASSIGNED,
        fields={"entry_month": _entry_month(facts, on)},
        entries=(NewEntry(EntryKind.ADMISSION, on, {"from": facts.school.code, "to": there.code, "grade": grade}),),
    )


register(
    Procedure(
        kind="admission",
        zh="升学录取",
        en="Admission to the next stage",
        chapter=4,
        article="13",
        fields=(),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_admission_steps,
        effects=_admitted,
        checks=(in_force, on_admission_plan, assessed),
        evidence=_admission_evidence,
        again=(on_admission_plan,),
        opens_in=frozenset({StudentState.GRADUATED.value}),
    )
)


# Arrival: pre-registered or late-entry -> active, with a class.


@rule("A13-1")
def class_within_size(request: Request, facts: Facts) -> Verdict:
    """A13-1: the class assigned stays within the class-size standard of the stage, this pupil included."""
    size, number = facts.policy.class_size.get(facts.stage.value), request.number("class_members")
    if size is None:
        return Failure("该学段规定班容量尚未设置。", "No class-size standard is set for this stage.")
    if number is None or number < 1 or number > size:
        return Failure(
            f"编入后班级人数应在规定班容量{size}人以内。",
            f"With this pupil the class has at most {size} members.",
            Party.SCHOOL,
        )
    return True


@rule("A13-2")
def has_arrived(request: Request, facts: Facts) -> Verdict:
    """A13-2: records move on actual arrival, never in advance."""
    if facts.stage is Stage.PRIMARY:
        return Failure(
            "小学一年级新生按建籍注册办理，不适用本业务。", "A first-grader is registered by chapter 3.", Party.SCHOOL
        )
    if request.on <= facts.today:
        return True
    return Failure("须在学生实际报到后办理。", "Only after the pupil has actually arrived.", Party.SCHOOL)


def _arrival_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("school", Party.SCHOOL, Act.CONFIRM, 1, "A13-1"),
        StepPlan("superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 2, "A13-1"),
    )


@enforces("A13-1", how="procedure")
def _reported(step: str, request: Request, facts: Facts, _on: date) -> Effects:
    """Start the month of A13-1 on the day of arrival."""
    if step != "school":
        return NO_EFFECTS
    month = Period(1, Measure.MONTHS)
    return Effects(deadlines=(NewDeadline(REGISTRATION_CLOCK, "A13-1", facts.school.code, request.on, month),))


def _arrived(request: Request, facts: Facts, on: date) -> Effects:
    # "arrived" is the day of entry into the stage, from which A39-1 counts; who joins a later grade entered elsewhere.
    day = "arrived" if starting_grade(facts.pupil.grade, facts.school.system) else "joined"
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.ACTIVE),
        ground="13",
        class_name=request.text("class_name"),
        entries=(
            NewEntry(
                EntryKind.ADMISSION,
                on,
                {day: request.on.isoformat(), "school": facts.school.code, "grade": facts.pupil.grade},
            ),
        ),
        met=(REGISTRATION_CLOCK, ARRIVAL_CLOCK),
    )


@enforces("A13-1", how="procedure")
def _not_arrived(_request: Request, _facts: Facts, _on: date) -> Effects:
    """Stop the clock of an arrival that is refused or withdrawn."""
    return Effects(met=(REGISTRATION_CLOCK,))


register(
    Procedure(
        kind="arrival",
        zh="报到编班",
        en="Arrival and class",
        chapter=4,
        article="13",
        fields=(
            ValueSpec("class_name", ValueType.TEXT, "编入班级", "Class", longest=40),
            ValueSpec("class_members", ValueType.INTEGER, "编入后班级人数", "Members of the class with this pupil"),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_arrival_steps,
        effects=_arrived,
        checks=(in_force, has_arrived, class_within_size, keeps_to_the_record),
        on_step=_reported,
        undone=_not_arrived,
        opens_in=frozenset({StudentState.PRE_REGISTERED.value, StudentState.LATE_ENTRY.value}),
    )
)
