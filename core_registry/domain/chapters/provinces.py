"""Transfers between provinces (A19-2, A25-1): out of this one, and back into it.

The other province's side runs in the national system; its consent comes on paper. A pupil whom this register does not
know is enrolled as a new record (chapter 3); one whom it knows as ``transferred-out`` continues the own record under
the same number (S-2, A6-1).
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.chapters.placement import determination
from core_registry.domain.chapters.transfer import (
    CLASS_NAME,
    CONDITIONS_MET,
    GRADE,
    GROUND,
    GROUND_DETAIL,
    SENDING,
    SENIOR_FIELDS,
    back,
    backup_of,
    pending,
    started,
)
from core_registry.domain.chapters.transfer_rules import (
    SHARED_CHECKS,
    free_place,
    no_sanction,
    not_suspended,
    target,
    target_stage,
    transfer_evidence,
)
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.validity import in_force

_PROVINCE_DIGITS = 2


@rule("A19-2")
def to_another_province(request: Request, facts: Facts) -> Verdict:
    """A19-2: this procedure is for another province; inside the province the receiving school starts the transfer."""
    division = request.text("destination")
    if division and division[:_PROVINCE_DIGITS] != facts.school.division[:_PROVINCE_DIGITS]:
        return True
    return Failure(
        "转入地须在外省；省内转学由转入学校发起。",
        "The destination must lie in another province; inside the province the receiving school starts.",
        Party.GUARDIAN,
    )


@enforces("A19-2", how="procedure")
def _leaving_steps(_request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    days = facts.policy.cross_province_days
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A19-2"),
        StepPlan(SENDING.name, Party.SCHOOL, Act.AGREE, 2, "A19-2", days, act_zh=SENDING.act_zh),
        StepPlan("sending-superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A19-2", days, act_zh="核办"),
    )


def _left(request: Request, facts: Facts, on: date) -> Effects:
    data = {
        "from": facts.school.code,
        "to": request.text("destination"),
        "grade": facts.pupil.grade,
        "ground": "province",
    }
    return Effects(
        move=move(facts.stage, StudentState.TRANSFER_PENDING, StudentState.TRANSFERRED_OUT),
        ground="19",
        entries=(NewEntry(EntryKind.TRANSFER, on, data), backup_of(facts, on)),
    )


register(
    Procedure(
        kind="transfer-out",
        zh="跨省转出",
        en="Transfer to another province",
        chapter=4,
        article="19",
        fields=(ValueSpec("destination", ValueType.DIVISION, "转入地（外省）", "Destination (another province)"),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_leaving_steps,
        effects=_left,
        checks=(in_force, to_another_province, not_suspended, no_sanction),
        evidence=lambda _request, _facts: (
            EvidenceNeed(
                ("receiving-consent",),
                "A19-2",
                "外省学校同意接收的证明",
                "the consent of the school in the other province",
                frozenset({"school", "education"}),
            ),
        ),
        on_step=pending,
        undone=back,
        again=(no_sanction,),
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


def _joining_steps(request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    days = facts.policy.cross_province_days
    steps = (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A16-2"),
        started(request, "A19-2", days),
        StepPlan("receiving-superior", Party.RECEIVING_SUPERIOR, Act.REVIEW, 3, "A19-2", days, act_zh="核办"),
    )
    if not target(facts).private:
        return steps
    return (
        *steps,
        StepPlan(
            "receiving-supervising-dept",
            Party.RECEIVING_SUPERVISING_DEPT,
            Act.REVIEW,
            3,
            "A21-1",
            days,
            act_zh="共同审核",
        ),
    )


@enforces("A25-1", how="evidence")
def _joining_evidence(request: Request, facts: Facts) -> tuple[EvidenceNeed, ...]:
    needs = (
        *transfer_evidence(request, facts),
        EvidenceNeed(("sending-consent",), "A16-2", "外省学校同意转出的证明", "the consent of the school that is left"),
    )
    if target_stage(request, facts).compulsory or not request.flag("exam_taken"):
        return needs
    exam = EvidenceNeed(
        ("exam-certificate",),
        "A25-1",
        "省级教育考试机构出具的学业水平考试证明",
        "the academic proficiency test certificate of the province",
        frozenset({"education"}),
        "province",
    )
    return (*needs, exam)


def _joined(request: Request, facts: Facts, on: date) -> Effects:
    there, grade = target(facts), request.text("grade")
    data = {"from": request.text("origin"), "to": there.code, "grade": grade, "ground": "province"}
    return Effects(
        move=move(there.stage_of(grade), StudentState.TRANSFERRED_OUT, StudentState.ACTIVE),
        ground="19",
        school=there.code,
        grade=grade,
        class_name=request.text("class_name"),
        entries=(NewEntry(EntryKind.TRANSFER, on, data), determination(facts.pupil.grade, grade, on)),
    )


register(
    Procedure(
        kind="transfer-in",
        zh="跨省转入（本省曾有学籍）",
        en="Transfer from another province (record known here)",
        chapter=4,
        article="19",
        fields=(
            ValueSpec("origin", ValueType.DIVISION, "转出地（外省）", "Place that is left (another province)"),
            ValueSpec("origin_grade", ValueType.GRADE, "外省现就读年级", "Grade at the school that is left"),
            GROUND,
            GROUND_DETAIL,
            GRADE,
            CLASS_NAME,
            ValueSpec(
                "exam_taken",
                ValueType.BOOLEAN,
                "已在外省参加学业水平考试（高中）",
                "Academic proficiency test taken in the other province (senior)",
                required=False,
            ),
            CONDITIONS_MET,
            *SENIOR_FIELDS,
        ),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_joining_steps,
        effects=_joined,
        checks=(in_force, *SHARED_CHECKS),
        evidence=_joining_evidence,
        again=(free_place,),
        opens_in=frozenset({StudentState.TRANSFERRED_OUT.value}),
    )
)
