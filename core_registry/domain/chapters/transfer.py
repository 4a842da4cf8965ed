"""Transfer inside the province (Arts. 16-21): to the school applied to, or to one that the county arranges."""

from __future__ import annotations

import json
from datetime import date

from core_registry.domain.chapters.transfer_rules import (
    SHARED_CHECKS,
    free_place,
    in_window,
    no_sanction,
    not_inside_one_area,
    target,
    target_stage,
    to_another_school,
    transfer_evidence,
)
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    NO_EFFECTS,
    Act,
    Effects,
    NewEntry,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.validity import in_force

TRANSFER_DAYS = 10
"""Working days of each party of a transfer inside the province (A19-1)."""

GRADE = ValueSpec("grade", ValueType.GRADE, "转入年级", "Grade at the receiving school")
CLASS_NAME = ValueSpec("class_name", ValueType.TEXT, "转入班级", "Class at the receiving school", longest=40)
GROUND = ValueSpec(
    "ground",
    ValueType.CHOICE,
    "转学事由",
    "Ground of the transfer",
    choices={
        "household-move": ("户籍变动", "Household registration moved"),
        "residence-move": ("家庭居住地变动", "Family residence moved"),
        "other": ("其他正当事由", "Another proper ground"),
    },
)
GROUND_DETAIL = ValueSpec(
    "ground_detail",
    ValueType.TEXT,
    "事由说明",
    "The ground in words",
    personal=True,
    when=("ground", frozenset({"other"})),
)
CONDITIONS_MET = ValueSpec(
    "conditions_met",
    ValueType.BOOLEAN,
    "符合转入地就学条件（义务教育阶段）",
    "The receiving place's conditions are met (compulsory stage)",
    required=False,
)
SENIOR_FIELDS = (
    ValueSpec(
        "household_from",
        ValueType.DIVISION,
        "原户籍地（高中）",
        "Former household division (senior)",
        required=False,
        personal=True,
    ),
    ValueSpec(
        "household_to",
        ValueType.DIVISION,
        "现户籍地（高中）",
        "Household division now (senior)",
        required=False,
        personal=True,
    ),
    ValueSpec(
        "residence_to",
        ValueType.DIVISION,
        "现居住地（高中）",
        "Division of residence now (senior)",
        required=False,
        personal=True,
    ),
    ValueSpec(
        "comparable",
        ValueType.BOOLEAN,
        "经转入学校认定办学水平相当（高中）",
        "Found comparable by the receiving school (senior)",
        required=False,
    ),
    ValueSpec(
        "plan_considered",
        ValueType.BOOLEAN,
        "已核对招生计划和中考成绩（民办高中）",
        "Admission plan and entrance examination considered (private senior)",
        required=False,
    ),
)

SENDING = StepPlan(
    "sending-school",
    Party.SCHOOL,
    Act.AGREE,
    3,
    "A19-1",
    TRANSFER_DAYS,
    act_zh="同意转出，确认无在期处分，留存档案备份",
)
"""To agree is to attest that no sanction is in force, of whatever kind (A20-6, Q-8), and to keep the backup (A19-3)."""


@enforces("A16-2", "A19-1", "A21-1", how="procedure")
def deciding(facts: Facts, order: int) -> tuple[StepPlan, ...]:
    """Return the decisions of both superiors, reached together, each with its own ten working days.

    Into a private school the receiving supervising department and registry superior decide jointly: two decisions
    are on record, also where one department is both (A21-1).
    """
    joint = target(facts).private
    steps = [
        StepPlan(
            "sending-superior",
            Party.REGISTRY_SUPERIOR,
            Act.REVIEW,
            order,
            "A19-1",
            TRANSFER_DAYS,
            act_zh="核办",
        ),
        StepPlan(
            "receiving-superior",
            Party.RECEIVING_SUPERIOR,
            Act.REVIEW,
            order,
            "A21-1" if joint else "A19-1",
            TRANSFER_DAYS,
            act_zh="共同审核" if joint else "核办",
        ),
    ]
    if joint:
        steps.append(
            StepPlan(
                "receiving-supervising-dept",
                Party.RECEIVING_SUPERVISING_DEPT,
                Act.REVIEW,
                order,
                "A21-1",
                TRANSFER_DAYS,
                act_zh="共同审核",
            )
        )
    return tuple(steps)


def started(request: Request, rule: str, days: int) -> StepPlan:
    """Return the receiving school's start; the case reached the school when the guardian applied (A19-1, Q-20)."""
    return StepPlan("receiving-school", Party.RECEIVING_SCHOOL, Act.START, 2, rule, days, since=request.applied_on)


def _steps(request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A16-2"),
        started(request, "A19-1", TRANSFER_DAYS),
        SENDING,
        *deciding(facts, 4),
    )


def pending(step: str, _request: Request, facts: Facts, _on: date) -> Effects:
    """Return that the record goes into ``transfer-pending`` when the sending school agrees, or stays as it is."""
    if step != SENDING.name or facts.pupil.state is not StudentState.ACTIVE:
        return NO_EFFECTS
    return Effects(move=move(facts.stage, StudentState.ACTIVE, StudentState.TRANSFER_PENDING), ground="16")


def back(_request: Request, facts: Facts, _on: date) -> Effects:
    """Return that a refused or withdrawn transfer leaves the record active where it was."""
    if facts.pupil.state is not StudentState.TRANSFER_PENDING:
        return NO_EFFECTS
    return Effects(move=move(facts.stage, StudentState.TRANSFER_PENDING, StudentState.ACTIVE), ground="16")


@enforces("A19-3", how="record")
def backup_of(facts: Facts, on: date) -> NewEntry:
    """Return the sending school's read-only copy of the archive, under seal; it counts as no record (A19-3)."""
    pupil = facts.pupil
    entries = [
        {"kind": entry.kind.value, "on": entry.on.isoformat(), "data": dict(entry.data)}
        for entry in facts.archive.entries
        if entry.kind is not EntryKind.BACKUP
    ]
    copy = {"grade": pupil.grade, "class": pupil.class_name, "state": pupil.state.value, "entries": entries}
    return NewEntry(
        EntryKind.BACKUP,
        on,
        {"school": facts.school.code, "version": pupil.version},
        {"archive": json.dumps(copy, ensure_ascii=False, sort_keys=True)},
    )


def moved(request: Request, facts: Facts, on: date) -> Effects:
    """Return the completed transfer: active at the new school in the same grade, with entry and backup (A19-3)."""
    pupil = facts.pupil
    data = {"from": facts.school.code, "to": target(facts).code, "grade": pupil.grade, "ground": request.text("ground")}
    if not target_stage(request, facts).compulsory:
        data["comparable"] = "yes" if request.flag("comparable") else "no"
    return Effects(
        move=move(facts.stage, StudentState.TRANSFER_PENDING, StudentState.ACTIVE),
        ground="16",
        school=target(facts).code,
        class_name=request.text("class_name"),
        entries=(NewEntry(EntryKind.TRANSFER, on, data), backup_of(facts, on)),
    )


register(
    Procedure(
        kind="transfer",
        zh="省内转学",
        en="Transfer inside the province",
        chapter=4,
        article="16",
        fields=(GROUND, GROUND_DETAIL, GRADE, CLASS_NAME, CONDITIONS_MET, *SENIOR_FIELDS),
        opened_by=frozenset({Party.RECEIVING_SCHOOL}),
        steps=_steps,
        effects=moved,
        checks=(in_force, to_another_school, not_inside_one_area, *SHARED_CHECKS),
        evidence=transfer_evidence,
        on_step=pending,
        undone=back,
        again=(free_place, no_sanction),
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


# The county of the receiving place arranges a school (A18-2).


@rule("A18-2")
def county_may_arrange(request: Request, facts: Facts) -> Verdict:
    """A18-2: for the compulsory stage, after a named school was full."""
    if not target_stage(request, facts).compulsory:
        return Failure(
            "统筹安排学位仅适用于义务教育阶段。",
            "The county arranges schools in the compulsory stage only.",
            Party.COUNTY,
        )
    if request.text("full_school") in {"", target(facts).code}:
        return Failure(
            "须写明学位已满的学校，且不是拟安排的学校。",
            "Name the school that is full; it is not the one that is arranged.",
            Party.COUNTY,
        )
    return True


@enforces("A18-2", how="procedure")
def _arranging(_request: Request, facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A18-2"),
        StepPlan("arrange", Party.COUNTY, Act.APPROVE, 2, "A18-2", act_zh="统筹安排"),
        SENDING,
        *deciding(facts, 4),
    )


register(
    Procedure(
        kind="county-placement",
        zh="县级统筹安排转入学校",
        en="School arranged by the county",
        chapter=4,
        article="18",
        fields=(
            ValueSpec("full_school", ValueType.SCHOOL, "学位已满的学校", "School that is full"),
            GROUND,
            GROUND_DETAIL,
            GRADE,
            CLASS_NAME,
            CONDITIONS_MET,
        ),
        opened_by=frozenset({Party.COUNTY}),
        steps=_arranging,
        effects=moved,
        # A16-1 is kept by the application to the school that was full: no window closes while the county looks on.
        checks=(
            in_force,
            to_another_school,
            county_may_arrange,
            *(check for check in SHARED_CHECKS if check is not in_window),
        ),
        evidence=transfer_evidence,
        on_step=pending,
        undone=back,
        again=(free_place, no_sanction),
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)
