"""No arrival, and admission by improper means (Arts. 14 and 15): nothing is ever cancelled in the compulsory stage."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.late_entry import ARRIVAL_CLOCK, LONGEST, WINDOW
from core_registry.domain.chapters.transfer_rules import free_place, target, to_another_school
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import (
    Act,
    Effects,
    EvidenceNeed,
    NewEntry,
    NewMatter,
    Procedure,
    StepPlan,
    register,
)
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import Stage, StudentState, move
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import WorkCalendar


class NoShow(StrEnum):
    """What follows when a pupil did not arrive."""

    DROPOUT = "dropout"
    """Compulsory stage: a 控辍保学 matter is opened, nothing is cancelled (A14-1)."""
    PROPOSAL = "proposal"
    """Senior high: the school may report it; only with the superior's consent the admission is cancelled (A14-2)."""


@enforces("A14-1", "A14-2", how="code")
def no_show(
    state: StudentState,
    stage: Stage,
    term_start: date,
    today: date,
    calendar: WorkCalendar,
    deferred_until: date | None = None,
) -> NoShow | None:
    """Return what follows on ``today`` for a pupil who has not arrived, ``None`` while nothing does.

    It follows from the first day after ten working days from the start of term; after a 延期 from the first day after
    its end, ``deferred_until`` (not known: the latest that can be granted). Source: A14-1, A14-2, Q-13, Q-29.
    """
    if state not in {StudentState.PRE_REGISTERED, StudentState.LATE_ENTRY}:
        return None
    last = calendar.after(term_start, WINDOW).day
    if state is StudentState.LATE_ENTRY:
        last = deferred_until or calendar.after(last, LONGEST).day
    if today <= last:
        return None
    return NoShow.DROPOUT if stage.compulsory else NoShow.PROPOSAL


# Cancelling an admission: senior high only, by the school's report and the superior's consent.


def _improper(request: Request) -> bool:
    return request.text("ground") == "improper"


@rule("A14-1")
def never_compulsory(_request: Request, facts: Facts) -> Verdict:
    """A14-1: in the compulsory stage nothing is cancelled; a drop-out prevention matter is opened instead."""
    if not facts.stage.compulsory:
        return None
    return Failure(
        "义务教育阶段不得取消入学资格，应启动控辍保学。",
        "In the compulsory stage no admission is cancelled; a drop-out prevention matter is opened.",
        Party.COUNTY,
    )


@rule("A14-2")
def did_not_arrive(request: Request, facts: Facts) -> Verdict:
    """A14-2: ten working days after the start of term, or the 延期, have passed without arrival."""
    if _improper(request) or facts.stage.compulsory:
        return None
    started = facts.terms.started(facts.today)
    first = None if started is None else facts.terms.of(started.school_year, 1)
    until = [day for entry in facts.archive.current(EntryKind.ADMISSION) if (day := entry.day("late_entry_until"))]
    state, last = facts.pupil.state, max(until, default=None)
    if first is not None and no_show(state, facts.stage, first.start, facts.today, facts.calendar, last) is not None:
        return True
    return Failure(
        "须在开学10个工作日（或延期入学期满）后仍未报到。",
        "The pupil must still be missing after ten working days from the start of term, or after the deferral.",
        Party.SCHOOL,
    )


def _cancellation_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    name = "A15-1" if _improper(request) else "A14-2"
    report = StepPlan("school", Party.SCHOOL, Act.START, 1, name, act_zh="报告")
    consent = StepPlan("superior", Party.REGISTRY_SUPERIOR, Act.AGREE, 3, name)
    if not _improper(request):
        return (report, consent)
    return (
        report,
        StepPlan("supervising-dept", Party.SUPERVISING_DEPT, Act.REVIEW, 2, "A15-1", act_zh="核实"),
        consent,
    )


def _cancellation_evidence(request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    if _improper(request):
        return (
            EvidenceNeed(("admission-findings",), "A15-1", "入学资格问题的有关材料", "what was found of the admission"),
        )
    return (EvidenceNeed(("no-show-record",), "A14-2", "未报到及联系记录", "record of no arrival and of contacts"),)


@enforces("A14-2", "A15-1", how="procedure")
def _cancelled(request: Request, facts: Facts, on: date) -> Effects:
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.ADMISSION_CANCELLED),
        ground="15" if _improper(request) else "14",
        entries=(
            NewEntry(EntryKind.ADMISSION, on, {"cancelled": request.text("ground"), "school": facts.school.code}),
        ),
        met=(ARRIVAL_CLOCK,),
    )


_BEFORE_ROLL = frozenset({StudentState.PRE_REGISTERED.value, StudentState.LATE_ENTRY.value, StudentState.ACTIVE.value})

register(
    Procedure(
        kind="admission-cancellation",
        zh="取消入学资格（高中）",
        en="Cancellation of an admission (senior high)",
        chapter=4,
        article="14",
        fields=(
            ValueSpec(
                "ground",
                ValueType.CHOICE,
                "事由",
                "Ground",
                choices={
                    "no-show": ("逾期未报到", "No arrival in time"),
                    "improper": ("以不正当手段取得入学资格", "Admission obtained by improper means"),
                },
            ),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_cancellation_steps,
        effects=_cancelled,
        checks=(in_force, never_compulsory, did_not_arrive),
        evidence=_cancellation_evidence,
        opens_in=_BEFORE_ROLL,
    )
)


# Improper admission in the compulsory stage: verified, then the county arranges a school.


@rule("A15-1")
def compulsory_stage(_request: Request, facts: Facts) -> Verdict:
    """A15-1: the county arranges a school in the compulsory stage; a senior admission is cancelled."""
    if facts.stage.compulsory:
        return True
    return Failure(
        "高中阶段按“取消入学资格”办理。", "For senior high use the cancellation of an admission.", Party.SCHOOL
    )


def _report_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("school", Party.SCHOOL, Act.START, 1, "A15-1", act_zh="报告"),
        StepPlan("supervising-dept", Party.SUPERVISING_DEPT, Act.REVIEW, 2, "A15-1", act_zh="核实"),
    )


def _verified(request: Request, facts: Facts, on: date) -> Effects:
    """Give the matter to the county of the place where the pupil should go to school."""
    county, _ = facts.places.get(request.text("division"), (facts.school.division, facts.school.city))
    return Effects(ground="15", matters=(NewMatter("fraud", county, on, "A15-1"),))


register(
    Procedure(
        kind="fraud-report",
        zh="入学资格核实（义务教育）",
        en="Verification of an admission (compulsory stage)",
        chapter=4,
        article="15",
        fields=(
            ValueSpec("division", ValueType.DIVISION, "应就读地", "Place where the pupil should attend", personal=True),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_report_steps,
        effects=_verified,
        checks=(in_force, compulsory_stage),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("admission-findings",), "A15-1", "入学资格问题的有关材料", "what was found of the admission"),
        ),
        opens_in=_BEFORE_ROLL,
    )
)


def _rearranging(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("arrange", Party.COUNTY, Act.START, 1, "A15-1", act_zh="统筹安排"),
        StepPlan("sending-superior", Party.REGISTRY_SUPERIOR, Act.REVIEW, 2, "A15-1", act_zh="核办"),
    )


def _rearranged(request: Request, facts: Facts, on: date) -> Effects:
    data = {"from": facts.school.code, "to": target(facts).code, "grade": facts.pupil.grade}
    return Effects(
        ground="15",
        school=target(facts).code,
        class_name=request.text("class_name"),
        entries=(NewEntry(EntryKind.ADMISSION, on, data),),
    )


register(
    Procedure(
        kind="admission-rearrangement",
        zh="县级另行安排入学（义务教育）",
        en="School arranged anew by the county (compulsory stage)",
        chapter=4,
        article="15",
        fields=(ValueSpec("class_name", ValueType.TEXT, "编入班级", "Class", longest=40),),
        opened_by=frozenset({Party.COUNTY}),
        steps=_rearranging,
        effects=_rearranged,
        checks=(in_force, compulsory_stage, to_another_school, free_place, keeps_to_the_record),
        evidence=lambda _request, _facts: (
            EvidenceNeed(
                ("verification",),
                "A15-1",
                "主管部门核实结论",
                "the supervising department's conclusion",
                frozenset({"education"}),
                "county",
            ),
        ),
        again=(free_place,),
        opens_in=_BEFORE_ROLL,
    )
)
