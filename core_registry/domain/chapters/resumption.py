"""Chapter 5: resumption (Arts. 31 and 32), and no repeating of a grade but by it (A27-3)."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.suspension import END_CLOCK
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.suspensions import grades_on_return
from core_registry.domain.terms import YEAR_OF_GRADE

_DAYS = 10


@rule("A31-2")
def grade_is_original_or_corresponding(request: Request, facts: Facts) -> Verdict:
    """A31-2: the grade suspended from, or the one where the cohort is now; nothing else."""
    allowed = grades_on_return(facts.archive, facts, request.day("returned_on") or request.on)
    if request.text("grade") in allowed:
        return True
    return Failure(
        "只能进入休学时所在的年级，或同届学生现在就读的年级。",
        "Only the grade suspended from, or the one in which the cohort is now.",
    )


@rule("A27-3")
def no_grade_is_repeated(request: Request, facts: Facts) -> Verdict:
    """A27-3: a return never leads below the grade suspended from: Art. 31 allows no other repetition."""
    original = grades_on_return(facts.archive, facts, request.on)[0]
    year = YEAR_OF_GRADE.get(request.text("grade"))
    if year is None or year < YEAR_OF_GRADE[original]:
        return Failure("复学不得低于休学前的年级。", "The grade must not lie below the one suspended from.")
    return True


@enforces("A31-1", how="evidence")
def resumption_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Ask for Annex 2 and the proof that the pupil can come back."""
    return (
        EvidenceNeed(("annex-2",), "A31-1", "附件2《休学、复学申请表》", "the application form of Annex 2"),
        EvidenceNeed(
            ("resumption-proof", "hospital-record", "public-proof"),
            "A31-1",
            "可以复学的证明",
            "proof that the pupil can resume",
        ),
    )


@enforces("A31-1", "A32-1", "A32-2", how="procedure")
def resumption_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    """Guardian, school within ten working days of the return, registry superior within ten of arrival."""
    returned = request.day("returned_on")
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A31-1"),
        StepPlan(
            "confirm", Party.SCHOOL, Act.CONFIRM, 2, "A32-1", days=_DAYS, act_zh="核准并申请", since=returned
        ),
        StepPlan(
            "review", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A32-2", days=_DAYS, act_zh="审核"
        ),
    )  # fmt: skip


@enforces("A32-2", how="effects")
def resumption_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Make the record active in the grade asked for: only now, though the pupil attends already."""
    returned, grade = request.day("returned_on") or request.on, request.text("grade")
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.ACTIVE),
        ground="A31-1",
        grade=grade,
        class_name=request.text("class_name") or None,
        entries=(NewEntry(EntryKind.RESUMPTION, returned, {"on": returned.isoformat(), "grade": grade}),),
        met=(END_CLOCK,),
    )


RESUMPTION = register(
    Procedure(
        kind="resumption",
        zh="复学",
        en="Resumption",
        chapter=5,
        article="31",
        fields=(
            ValueSpec("returned_on", ValueType.DATE, "返校日期", "day of return"),
            ValueSpec("grade", ValueType.GRADE, "拟就读年级", "grade asked for"),
            ValueSpec("class_name", ValueType.TEXT, "编入班级", "class", required=False, longest=40),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.SCHOOL}),
        steps=resumption_steps,
        effects=resumption_effects,
        checks=(grade_is_original_or_corresponding, no_grade_is_repeated, keeps_to_the_record),
        evidence=resumption_evidence,
        opens_in=frozenset({"suspended"}),
    )
)
