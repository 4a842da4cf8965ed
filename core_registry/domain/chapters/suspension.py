"""Chapter 5: suspension and its renewal (Arts. 27 to 30).

Illness, force majeure and infectious disease leave the same public trace: the article of the decision. The reason
lies under seal.
"""

from __future__ import annotations

from datetime import date, timedelta

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.facts import EntryKind, Facts
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
from core_registry.domain.suspensions import (
    AFTER_EXPIRY,
    LONGEST_MONTHS,
    Block,
    running,
    senior_blocks,
    within_total,
)
from core_registry.domain.terms import last_grade
from core_registry.domain.working_days import add_months

GROUNDS = {
    "illness": ("疾病治疗、休养", "illness that needs rest"),
    "force-majeure": ("其他不可抗力", "other force majeure"),
    "infectious": ("传染病需隔离治疗", "isolation for an infectious disease"),
}
"""Code -> (Chinese, English). An infectious disease is no third ground but another way to file (A28-5)."""
PUBLIC_GROUND = "A28-3"
"""What the transition names whatever the reason: it must tell no circumstance (A45-4)."""
END_CLOCK = "suspension-end"
HOSPITAL = frozenset({"hospital"})
PUBLIC_OFFICES = frozenset({"police", "civil-affairs", "other"})
"""公安、民政等部门: the level, not the list, is what binds."""
_SHARE = 3


def _ground(request: Request) -> str:
    return request.text("ground")


@rule("A27-1")
def ground_is_one_of_two(request: Request, _facts: Facts) -> Verdict:
    """A27-1: illness for at least one third of the term's class hours (T-5: a third is enough), or force majeure."""
    ground = _ground(request)
    if ground not in GROUNDS:
        return Failure("休学事由只限疾病或其他不可抗力。", "The ground is illness or other force majeure.")
    if ground != "illness":
        return True
    lost, total = request.number("hours_lost"), request.number("hours_total")
    if lost is None or total is None or total == 0 or lost > total:
        return Failure(
            "请填写本学期总课时和因病缺课课时，缺课课时不超过总课时。",
            "Give the term's class hours and the hours lost, not more than all.",
        )
    if _SHARE * lost < total:
        return Failure(
            f"缺课课时应达到总课时的三分之一：{total} 课时中至少 {-(-total // _SHARE)} 课时。",
            f"At least one third of the hours: {-(-total // _SHARE)} of {total}.",
        )
    return True


@rule("A29-1")
def at_most_one_year(request: Request, _facts: Facts) -> Verdict:
    """A29-1: one application is for one year at most; the same day of the next year is still within it (T-1, T-3)."""
    since, until = request.day("from"), request.day("until")
    if since is None or until is None or until <= since:
        return Failure("休学止日应当晚于起日。", "The last day lies after the first.")
    if until > add_months(since, LONGEST_MONTHS):
        return Failure(
            "每次休学不超过一年，止日至迟为次年的同一日；期满可续休。",
            "At most one year: until the same day of the next year. It can be renewed then.",
        )
    return True


@rule("A29-1")
def renewal_is_new(request: Request, facts: Facts) -> Verdict:
    """A29-1: a renewal follows the suspension without a gap and brings evidence issued since that one began."""
    if facts.pupil.state is not StudentState.SUSPENDED:
        return None
    before = running(facts.archive)
    if before is None:
        return True
    until, since = before.day("until"), request.day("from")
    if until is not None and since not in {until, until + timedelta(days=1)}:
        return Failure("续休应当自原休学期满次日起。", "A renewal begins on the day after the present suspension ends.")
    began = before.day("from") or before.on
    proofs = [item for item in facts.evidence if item.kind in {"hospital-record", "public-proof"}]
    if not any(item.issued_on is not None and item.issued_on > began for item in proofs):
        return Failure(
            "续休应当重新提供证明，证明的出具日期应在本次休学开始之后。",
            "A renewal needs a new proof, issued after the present suspension began.",
        )
    return True


@rule("A29-2")
def senior_total_two_years(request: Request, facts: Facts) -> Verdict:
    """A29-2: two years in the whole of senior high; the compulsory stage has no such limit."""
    since, until = request.day("from"), request.day("until")
    if facts.stage.compulsory or since is None or until is None:
        return None
    if not within_total(senior_blocks(facts.archive, extra=Block(since, max(since, until)))):
        return Failure("高中阶段累计休学将超过两年。", "The suspensions in senior high would exceed two years.")
    return True


@rule("A30-1")
def not_in_last_compulsory_semester(request: Request, facts: Facts) -> Verdict:
    """A30-1: in principle none that begins in the second semester of the last grade of primary or junior high."""
    since = request.day("from")
    if since is None or not facts.stage.compulsory or not last_grade(facts.pupil.grade, facts.school.system):
        return None
    semester = facts.terms.started(since)
    if semester is not None and semester.number == 2:  # noqa: PLR2004  the second of two
        return Failure("毕业年级第二学期原则上不办理休学。", "Not in the second semester of the last grade.")
    return True


@rule("A30-2")
def not_in_last_senior_grade(_request: Request, facts: Facts) -> Verdict:
    """A30-2: none in the last grade of senior high. Q-6: a place may be less strict by parameter."""
    if facts.stage.compulsory or not facts.policy.strict_last_grade:
        return None
    if last_grade(facts.pupil.grade, facts.school.system):
        return Failure("普通高中毕业年级不办理休学。", "Not in the last grade of senior high school.")
    return True


@enforces("A28-1", "A28-2", "A28-5", how="evidence")
def suspension_evidence(request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Ask for Annex 2 and the proof of county level or above (Q-23: the hospital's own administrative level)."""
    if _ground(request) == "infectious":
        return (hospital_proof("A28-5"),)
    annex = EvidenceNeed(("annex-2",), "A28-1", "附件2《休学、复学申请表》", "the application form of Annex 2")
    if _ground(request) == "illness":
        return annex, hospital_proof("A28-2")
    proof = EvidenceNeed(
        ("public-proof",), "A28-2", "县级以上公安、民政等部门的证明", "proof of police, civil affairs or the like",
        PUBLIC_OFFICES, "county",
    )  # fmt: skip
    return annex, proof


def hospital_proof(name: str) -> EvidenceNeed:
    """Return the need for a hospital's proof of county level or above, under the rule ``name``."""
    return EvidenceNeed(
        ("hospital-record",), name, "县级以上医院的病历或其他有效证明",
        "record or proof of a hospital of county level or above", HOSPITAL, "county",
    )  # fmt: skip


@enforces("A28-1", "A28-3", "A28-5", how="procedure")
def suspension_steps(request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    """Guardian, school, registry superior; for an infectious disease school and supervising department."""
    if _ground(request) == "infectious":
        return (
            StepPlan("file", Party.SCHOOL, Act.START, 1, "A28-5", act_zh="上报"),
            StepPlan("review", Party.SUPERVISING_DEPT, Act.REVIEW, 2, "A28-5"),
        )
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A28-1"),
        StepPlan("confirm", Party.SCHOOL, Act.CONFIRM, 2, "A28-3"),
        StepPlan("review", Party.REGISTRY_SUPERIOR, Act.REVIEW, 3, "A28-3"),
    )


@enforces("A27-2", "A28-4", "A28-6", "A33-1", "A45-4", how="effects")
def suspension_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Suspend the record, which stays at its school (A28-6), and start the clock of its end; so for all stages."""
    since, until = request.day("from") or request.on, request.day("until") or request.on
    data = {
        "from": since.isoformat(), "until": until.isoformat(), "ground": _ground(request), "grade": facts.pupil.grade,
    }  # fmt: skip
    school = facts.school.central_school or facts.school.code
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.SUSPENDED),
        ground=PUBLIC_GROUND,
        entries=(NewEntry(EntryKind.SUSPENSION, since, data, {"reason": request.text("reason")}),),
        deadlines=(NewDeadline(END_CLOCK, "A33-1", school, until, AFTER_EXPIRY),),
    )


_ILLNESS = ("ground", frozenset({"illness"}))

SUSPENSION = register(
    Procedure(
        kind="suspension",
        zh="休学",
        en="Suspension",
        chapter=5,
        article="28",
        fields=(
            ValueSpec("from", ValueType.DATE, "休学起日", "first day"),
            ValueSpec("until", ValueType.DATE, "休学止日", "last day"),
            ValueSpec("ground", ValueType.CHOICE, "休学事由", "ground", choices=GROUNDS, personal=True),
            ValueSpec("hours_total", ValueType.INTEGER, "本学期总课时", "class hours of the term", when=_ILLNESS),
            ValueSpec(
                "hours_lost", ValueType.INTEGER, "因病缺课课时", "class hours lost", when=_ILLNESS, personal=True
            ),
            ValueSpec("reason", ValueType.TEXT, "情况说明", "description", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.SCHOOL}),
        steps=suspension_steps,
        effects=suspension_effects,
        checks=(
            ground_is_one_of_two,
            at_most_one_year,
            renewal_is_new,
            senior_total_two_years,
            not_in_last_compulsory_semester,
            not_in_last_senior_grade,
            keeps_to_the_record,
        ),
        evidence=suspension_evidence,
        again=(senior_total_two_years,),
        opens_in=frozenset({"active", "suspended"}),
    )
)
