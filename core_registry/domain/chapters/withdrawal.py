"""Chapter 6: withdrawal and death (Arts. 34 to 37).

A withdrawal is filed, not approved: it takes effect with the filing, and the superior may object for a while (A36-2,
Q-27). The compulsory stage has no state for it, so the move itself cannot be made there (A34-1).
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.suspension import END_CLOCK, PUBLIC_OFFICES, hospital_proof
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts
from core_registry.domain.procedures import (
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
from core_registry.domain.states import StudentState, move
from core_registry.domain.suspensions import lapse_deadline, used_up
from core_registry.domain.terms import Semester
from core_registry.domain.working_days import Measure, Period, full_years

GROUNDS = {
    "absence": ("（一）旷课超过规定且多次联系无效，自行退学", "(1) absence beyond the limit, contacts without effect"),
    "suspension-used": ("（二）累计休学满两年仍不能复学", "(2) two years of suspension used, and not fit to return"),
    "illness": ("（三）患重病或意外伤害不能继续学习", "(3) serious illness or accident"),
    "application": ("（四）监护人申请退学", "(4) application of the guardian"),
    "suspension-lapsed": ("休学期满一个月未复学、未续休，自行退学", "suspension expired a month ago, left of itself"),
}  # fmt: skip
"""Code -> (Chinese, English): the four grounds of Art. 35 and the one of Art. 33."""
OF_ITSELF = frozenset({"absence", "suspension-lapsed"})
"""自行退学: nobody applies (A36-1)."""
OBJECTION_CLOCK = "withdrawal-objection"
_WEEKS_IN_A_ROW, _WEEKS_IN_ALL = 8, 10
_MARKING_DAYS, _DEATH_DAYS, _ADULT = 10, 60, 18


# --- withdrawal


@rule("A34-1")
def senior_only(_request: Request, facts: Facts) -> Verdict:
    """A34-1: nobody withdraws from the compulsory stage."""
    if facts.stage.compulsory:
        return Failure(
            "义务教育阶段不办理退学；学生不到校的，按控辍保学办理。",
            "Not in the compulsory stage; a pupil who stays away is followed up as a drop-out matter.",
        )
    return True


@rule("A35-1")
def absent_beyond_the_limit(request: Request, facts: Facts) -> Verdict:
    """A35-1: more than 8 weeks in a row or 10 in all in one semester (T-5), and several documented contacts (Q-17)."""
    if request.text("ground") != "absence":
        return None
    absence, semester = _absence(facts, request.on)
    if absence is None or semester is None or not _beyond(absence):
        return Failure(
            "本学期旷课登记未达到“连续超过8周或累计10周及以上”。",
            "The recorded absence is neither more than 8 weeks in a row nor 10 weeks in all in one semester.",
        )
    contacts = [
        entry
        for entry in facts.archive.current(EntryKind.CONTACT)
        if entry.text("about") == "absence" and semester.start <= entry.on <= facts.today
    ]
    if len(contacts) < facts.policy.contacts:
        return Failure(
            f"与监护人的联系记录至少 {facts.policy.contacts} 次，现有 {len(contacts)} 次。",
            f"At least {facts.policy.contacts} documented contacts; there are {len(contacts)}.",
        )
    return True


def _beyond(absence: ArchiveEntry) -> bool:
    in_a_row = (absence.number("consecutive_weeks"), absence.number("extra_days"))
    return in_a_row > (_WEEKS_IN_A_ROW, 0) or absence.number("total_weeks") >= _WEEKS_IN_ALL


def _absence(facts: Facts, on: date) -> tuple[ArchiveEntry | None, Semester | None]:
    """Return the newest absence record if it is of the semester of ``on`` or the one before: the past is no ground."""
    begun = [semester for semester in facts.terms.semesters if semester.start <= on][-2:]
    for semester in reversed(begun):
        for entry in facts.archive.current(EntryKind.ABSENCE):
            if (entry.number("school_year"), entry.number("semester")) == (semester.school_year, semester.number):
                return entry, semester
    return None, None


@rule("A35-2")
def two_years_are_used_up(request: Request, facts: Facts) -> Verdict:
    """A35-2: from the first day after two full years of suspension (Q-18), if the pupil is not fit to return."""
    if request.text("ground") != "suspension-used":
        return None
    if not used_up(facts.archive, request.on):
        return Failure("累计休学尚未满两年。", "Two years of suspension have not been used up yet.")
    if not request.flag("unfit"):
        return Failure("须确认学生仍不能复学。", "It must be confirmed that the pupil cannot return.")
    return True


@rule("A33-1")
def suspension_has_lapsed(request: Request, facts: Facts) -> Verdict:
    """A33-1: a month after the end of the suspension (Q-16), when the school contacted the guardian on the expiry."""
    if request.text("ground") != "suspension-lapsed":
        return None
    deadline = lapse_deadline(facts.archive, facts.calendar)
    if facts.pupil.state is not StudentState.SUSPENDED or deadline is None or not deadline.late(facts.today):
        return Failure("休学期满未过1个月。", "The month after the end of the suspension is not over.")
    contacts = facts.archive.current(EntryKind.CONTACT)
    if not any(entry.text("about") == "suspension-end" for entry in contacts):
        return Failure("缺少休学期满后与监护人的联系记录。", "No contact about the end of the suspension is recorded.")
    return True


@rule("A36-4")
def co_applicant_is_adult(request: Request, facts: Facts) -> Verdict:
    """A36-4: a pupil of 18 or more may apply beside the guardian, never instead (Q-10)."""
    if not request.flag("pupil_applies"):
        return None
    if full_years(facts.pupil.birth_date, request.applied_on) < _ADULT:
        return Failure("年满十八周岁的学生方可共同申请。", "A pupil applies jointly from the age of 18.")
    return True


@enforces("A35-3", "A35-4", "A36-1", "A36-4", how="evidence")
def withdrawal_evidence(request: Request, facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Ask for Annex 3 of the guardian (except 自行退学), and for what the ground asks (section 7)."""
    ground = request.text("ground")
    if ground == "absence":
        return (EvidenceNeed(("absence-record",), "A35-1", "旷课记录", "the record of absence"),)
    if ground == "suspension-lapsed":
        return (EvidenceNeed(("contact-record",), "A33-1", "休学期满联系记录", "the record of the contacts"),)
    annex = EvidenceNeed(("annex-3",), "A36-1", "附件3《普通高中学生退学申请表》", "the application form of Annex 3")
    if ground != "illness":
        return (annex,)
    if any(item.kind == "public-proof" for item in facts.evidence):
        # Section 7 asks a level of the hospital only.
        proof = EvidenceNeed(
            ("public-proof",), "A35-3", "公安等部门的证明", "proof of police or a similar office", PUBLIC_OFFICES
        )
        return annex, proof
    return annex, hospital_proof("A35-3")


@enforces("A36-2", "A36-3", how="procedure")
def withdrawal_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    """Return the steps: the guardian unless 自行退学, the school's confirmation, the filing within ten working days."""
    steps = (
        StepPlan("confirm", Party.SCHOOL, Act.CONFIRM, 2, "A36-2"),
        StepPlan(
            "file", Party.SCHOOL, Act.FILE, 3, "A36-3", days=_MARKING_DAYS, since=request.day("completed_on")
        ),
    )  # fmt: skip
    if request.text("ground") in OF_ITSELF:
        return steps
    return (StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A36-1"), *steps)


@enforces("A34-1", "A36-2", "A45-4", how="effects")
def withdrawal_effects(request: Request, facts: Facts, on: date) -> Effects:
    """Withdraw the record on filing; the superior is informed by a clock in which it may object (Q-27).

    Raises ``RegisterRuleError`` (A34-1) for a record of the compulsory stage, which has no such state.
    """
    objection = Period(facts.policy.objection_days, Measure.WORKING_DAYS)
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.WITHDRAWN),
        ground="A36-2",
        entries=(
            NewEntry(
                EntryKind.WITHDRAWAL,
                request.on,
                {"filed_on": on.isoformat()},
                {"ground": request.text("ground"), "reason": request.text("reason")},
            ),
        ),
        deadlines=(NewDeadline(OBJECTION_CLOCK, "A36-2", facts.school.registry_superior, on, objection),),
        met=(END_CLOCK,) if facts.pupil.state is StudentState.SUSPENDED else (),
    )


WITHDRAWAL = register(
    Procedure(
        kind="withdrawal",
        zh="退学（普通高中）",
        en="Withdrawal (senior high)",
        chapter=6,
        article="36",
        fields=(
            ValueSpec("ground", ValueType.CHOICE, "退学事由", "ground", choices=GROUNDS, personal=True),
            ValueSpec(
                "unfit", ValueType.BOOLEAN, "仍不能复学", "still not fit to return", personal=True,
                when=("ground", frozenset({"suspension-used"})),
            ),
            ValueSpec("completed_on", ValueType.DATE, "手续办结日期", "formalities completed on", required=False),
            ValueSpec("pupil_applies", ValueType.BOOLEAN, "成年学生共同申请", "pupil applies too", required=False),
            ValueSpec("reason", ValueType.TEXT, "情况说明", "description", personal=True, required=False, longest=500),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.SCHOOL}),
        steps=withdrawal_steps,
        effects=withdrawal_effects,
        checks=(
            senior_only,
            absent_beyond_the_limit,
            two_years_are_used_up,
            suspension_has_lapsed,
            co_applicant_is_adult,
            keeps_to_the_record,
        ),
        evidence=withdrawal_evidence,
        again=(senior_only,),
        opens_in=frozenset({"active", "suspended"}),
    )
)  # fmt: skip


# --- death


@rule("A37-1")
def death_is_not_in_the_future(request: Request, facts: Facts) -> Verdict:
    """A37-1: the period runs from the day of death; late reporting stays possible and is marked late."""
    died = request.day("died_on")
    if died is None or died > facts.today or died < facts.pupil.birth_date:
        return Failure("死亡日期应在出生之后且不晚于今天。", "The day lies after birth and not in the future.")
    return True


def _death_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    return (EvidenceNeed(("death-proof",), "A37-1", "死亡相关材料", "papers on the death"),)


@enforces("A37-1", how="procedure")
def death_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    """Return the steps: the school reports within sixty working days of the death, the superior cancels."""
    return (
        StepPlan(
            "report", Party.SCHOOL, Act.START, 1, "A37-1", days=_DEATH_DAYS, act_zh="上报", since=request.day("died_on")
        ),
        StepPlan("cancel", Party.REGISTRY_SUPERIOR, Act.CANCEL, 2, "A37-1"),
    )


@enforces("A37-1", how="effects")
def death_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Mark the record, which is kept; the change of state ends every digital identity of the pupil (A50-15)."""
    died = request.day("died_on") or request.on
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.DECEASED),
        ground="A37-1",
        entries=(NewEntry(EntryKind.DEATH, died),),
        met=(END_CLOCK,) if facts.pupil.state is StudentState.SUSPENDED else (),
    )


DEATH = register(
    Procedure(
        kind="death",
        waits=False,
        zh="学生死亡注销学籍",
        en="Cancelling the record on death",
        chapter=6,
        article="37",
        fields=(ValueSpec("died_on", ValueType.DATE, "死亡日期", "day of death", personal=True),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=death_steps,
        effects=death_effects,
        checks=(death_is_not_in_the_future,),
        evidence=_death_evidence,
        opens_in=frozenset(state.value for state in StudentState)
        - {StudentState.DECEASED.value, StudentState.DEFERRED.value},
    )
)
