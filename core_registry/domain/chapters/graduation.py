"""Chapter 7: graduation, completion, incomplete: the school classifies, the superior reviews (Arts. 38-42)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from core_registry.domain.certificates import STATE_OF, CertificateKind
from core_registry.domain.chapters.placement_rules import assessed
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Check, Failure, Party, Verdict, declared, enforces, rule
from core_registry.domain.sanctions import sanctions_in_force
from core_registry.domain.states import Stage, StudentState, move
from core_registry.domain.terms import last_grade

CONDITIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "three_years": ("在校学习满三年", "three full years at school"),
        "programme_completed": ("修完教育教学计划规定内容", "the programme completed"),
        "credits_reached": ("学分达到规定要求", "the credits reached"),
        "fitness_passed": ("学生体质健康测试成绩合格", "the physical health test passed"),
        "quality_met": ("综合素质评价材料符合相关要求", "the comprehensive quality evaluation in order"),
        "no_serious_discipline": ("无严重违纪记录（含处分期满或撤销）", "no serious discipline record in force"),
        "exams_passed": (
            "学业水平合格性考试（含补考）所有科目合格",
            "all subjects of the qualifying examination passed",
        ),
    }
)
"""The seven conditions of Art. 39 in its order, by the name that they have in an entry (A39-1)."""

OUTCOMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"graduation": ("毕业", "graduation"), "completion": ("结业", "completion"), "incomplete": ("肄业", "incomplete")}
)
_GROUNDS = {"graduation": "A39-1", "completion": "A41-1", "incomplete": "A41-2"}
_SEMESTERS = 6
"""Semesters in three school years."""
_AUGUST, _FEBRUARY = 8, 2


def period_finished(facts: Facts, on: date) -> bool:
    """Whether the pupil has finished the period of study of the stage on ``on``.

    So it is in the last grade from the end of the second semester on: 学期末 as in Q-19, since classes of the
    graduating grade end some weeks before the others'. Source: A38-1, A41-1.
    """
    semester = facts.terms.started(on)
    if semester is None or semester.number == 1 or not last_grade(facts.pupil.grade, facts.school.system):
        return False
    return on >= semester.end - timedelta(weeks=facts.policy.semester_end_weeks)


def three_full_years(facts: Facts, on: date) -> bool:
    """Whether six semesters lie between entering senior high school and ``on``, the sixth up to its 学期末.

    Three school years, not 36 months: who enters in September graduates in June or July. Time that the pupil was
    not at school is for the school to judge, in the condition that it records. Source: A39-1 (a), Q-19.
    """
    year, _, month = facts.pupil.entry_month.partition("-")
    semester = facts.terms.started(on)
    if not (year.isdecimal() and month.isdecimal()) or semester is None:
        return False
    entered = 2 * int(year) if int(month) >= _AUGUST else 2 * int(year) - (1 if int(month) >= _FEBRUARY else 2)
    sixth = entered + _SEMESTERS - 1
    now = 2 * semester.school_year + semester.number - 1
    return now > sixth or (now == sixth and on >= semester.end - timedelta(weeks=facts.policy.semester_end_weeks))


def unmet_conditions(facts: Facts, on: date) -> tuple[str, ...]:
    """Return the names of the conditions that do not hold on ``on``, in the order of the article; empty when all hold.

    They stand in the newest entry of conditions; without one none is shown to hold. Two are checked against the record
    too: the years at school, and that no sanction is in force. Source: A39-1.
    """
    entry = facts.archive.last(EntryKind.GRADUATION_CONDITIONS)
    computed = {
        "three_years": three_full_years(facts, on),
        "no_serious_discipline": not sanctions_in_force(facts.archive, on),
    }
    return tuple(
        name for name in CONDITIONS if entry is None or entry.data.get(name) is not True or not computed.get(name, True)
    )


# --- the seven conditions


@rule("A39-1")
def conditions_are_of_senior_high(_request: Request, facts: Facts) -> Verdict:
    """A39-1: only senior high school graduates on conditions; primary and junior on finishing (A38-1)."""
    if facts.stage.compulsory:
        return Failure(
            "小学、初中毕业不设条件，无须登记。", "Primary and junior graduation has no conditions to record."
        )
    return True


@enforces("A39-1", how="effects")
def conditions_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Write the seven conditions in place of the ones recorded before."""
    before = facts.archive.last(EntryKind.GRADUATION_CONDITIONS)
    data = {name: request.flag(name) for name in CONDITIONS}
    entry = NewEntry(
        EntryKind.GRADUATION_CONDITIONS, request.on, data, supersedes=None if before is None else before.id
    )
    return Effects(entries=(entry,))


def _conditions_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (StepPlan("record", Party.SCHOOL, Act.CONFIRM, 1, "A39-1", act_zh="登记"),)


GRADUATION_CONDITIONS = register(
    Procedure(
        kind="graduation-conditions",
        waits=False,
        zh="登记毕业条件（普通高中）",
        en="Conditions of graduation (senior high)",
        chapter=7,
        article="39",
        fields=tuple(
            ValueSpec(name, ValueType.BOOLEAN, zh, en, personal=True) for name, (zh, en) in CONDITIONS.items()
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_conditions_steps,
        effects=conditions_effects,
        checks=(conditions_are_of_senior_high,),
        # No change of the record yet: the classification, which rests on it, has the evidence.
        needs_evidence=False,
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


# --- classification


@rule("A38-1")
def compulsory_pupil_finished(request: Request, facts: Facts) -> Verdict:
    """A38-1: primary and junior pupils graduate on finishing the period, without any other condition."""
    if not facts.stage.compulsory or request.text("outcome") != "graduation":
        return None
    if not period_finished(facts, request.on):
        return Failure(
            "尚未学习期满：须在毕业年级第二学期的学期末以后办理。",
            "The period of study is not finished: not before the end of the second semester of the graduating grade.",
        )
    return True


@rule("A38-2")
def compulsory_pupil_only_graduates(request: Request, facts: Facts) -> Verdict:
    """A38-2: the compulsory stage knows graduation only (Q-35)."""
    if not facts.stage.compulsory:
        return None
    if request.text("outcome") != "graduation":
        return Failure("义务教育阶段只有毕业，没有结业和肄业。", "The compulsory stage ends with graduation only.")
    return True


@rule("A39-1")
def all_conditions_hold(request: Request, facts: Facts) -> Verdict:
    """A39-1: senior graduation needs all seven conditions; the refusal names every one that does not hold."""
    if facts.stage.compulsory or request.text("outcome") != "graduation":
        return None
    unmet = unmet_conditions(facts, request.on)
    if unmet:
        zh = "；".join(CONDITIONS[name][0] for name in unmet)
        en = "; ".join(CONDITIONS[name][1] for name in unmet)
        return Failure(f"未满足：{zh}。按结业办理。", f"Not met: {en}. Classify as completion.", Party.SCHOOL)
    return True


@rule("A41-1")
def completion_for_unmet_conditions(request: Request, facts: Facts) -> Verdict:
    """A41-1: completion when the period is finished and a condition is not met; who meets them all must graduate."""
    if facts.stage.compulsory or request.text("outcome") != "completion":
        return None
    if not period_finished(facts, request.on):
        return Failure("尚未学习期满，不得按结业办理。", "The period of study is not finished: no completion yet.")
    if facts.archive.last(EntryKind.GRADUATION_CONDITIONS) is None:
        return Failure("请先登记七项毕业条件。", "Record the seven conditions of graduation first.", Party.SCHOOL)
    if not unmet_conditions(facts, request.on):
        return Failure("各项毕业条件均已满足，应准予毕业。", "All conditions are met: the pupil graduates.")
    return True


@rule("A41-2")
def incomplete_for_early_end(request: Request, facts: Facts) -> Verdict:
    """A41-2: incomplete for who ends before the period is finished; after it, graduation or completion."""
    if facts.stage.compulsory or request.text("outcome") != "incomplete":
        return None
    if period_finished(facts, request.on):
        return Failure("已学习期满，应按毕业或结业办理。", "The period is finished: graduation or completion.")
    return True


@enforces("A41-2", how="evidence")
def classification_evidence(request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    """Return the need of an early end: its proof (A41-2)."""
    if request.text("outcome") != "incomplete":
        return ()
    return (EvidenceNeed(("early-end-proof",), "A41-2", "未完成学业终止学习的证明", "proof of the early end"),)


@enforces("A42-1", how="procedure")
def classification_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    """Return the steps: the school's registrar classifies and uploads, the registry superior reviews."""
    return (
        StepPlan("classify", Party.SCHOOL, Act.CONFIRM, 1, "A42-1", act_zh="分类上传"),
        StepPlan("review", Party.REGISTRY_SUPERIOR, Act.REVIEW, 2, "A42-1", act_zh="审核"),
    )


@enforces("A38-1", "A38-2", "A39-1", "A41-1", "A41-2", how="effects")
def classification_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """End the stage as it was classified.

    Raises ``RegisterRuleError`` (A34-1) for an outcome that the stage does not have.
    """
    outcome = request.text("outcome")
    unmet = unmet_conditions(facts, request.on) if outcome == "completion" else ()
    why = {"completion": "conditions", "incomplete": "early-end"}.get(outcome, "")
    return _classified(outcome, facts, request.on, why, "A38-1" if facts.stage.compulsory else _GROUNDS[outcome], unmet)


def _classified(outcome: str, facts: Facts, on: date, why: str, ground: str, unmet: tuple[str, ...] = ()) -> Effects:
    data = {"outcome": outcome, "stage": facts.stage.value, "school": facts.school.code, "grade": facts.pupil.grade}
    entry = NewEntry(EntryKind.CLASSIFICATION, on, {**data, "why": why}, {"unmet": ",".join(unmet)} if unmet else {})
    after = STATE_OF[CertificateKind(outcome)]
    return Effects(move=move(facts.stage, facts.pupil.state, after), ground=ground, entries=(entry,))


_CLASSIFICATION_CHECKS: tuple[Check, ...] = (
    compulsory_pupil_finished,
    compulsory_pupil_only_graduates,
    all_conditions_hold,
    completion_for_unmet_conditions,
    incomplete_for_early_end,
    assessed,
)

GRADUATION = register(
    Procedure(
        kind="graduation",
        zh="毕业、结业、肄业认定",
        en="Graduation, completion, incomplete",
        chapter=7,
        article="42",
        fields=(ValueSpec("outcome", ValueType.CHOICE, "结果", "outcome", choices=OUTCOMES),),
        opened_by=frozenset({Party.SCHOOL}),
        steps=classification_steps,
        effects=classification_effects,
        checks=_CLASSIFICATION_CHECKS,
        evidence=classification_evidence,
        again=_CLASSIFICATION_CHECKS,
        opens_in=frozenset({StudentState.ACTIVE.value}),
    )
)


# --- 肄业 after a withdrawal


@rule("A41-2")
def withdrawn_from_senior_high(_request: Request, facts: Facts) -> Verdict:
    """A41-2: of those who withdrew; the compulsory stage has no withdrawal (A34-1)."""
    if facts.stage is not Stage.SENIOR:
        return Failure("肄业仅适用于普通高中。", "Incomplete schooling is of senior high only.")
    return True


@enforces("A41-2", how="effects")
def incomplete_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Mark a withdrawn pupil's schooling as incomplete."""
    return _classified("incomplete", facts, request.on, "withdrawal", "A41-2")


INCOMPLETE = register(
    Procedure(
        kind="incomplete",
        zh="退学学生肄业认定（普通高中）",
        en="Incomplete schooling after a withdrawal (senior high)",
        chapter=7,
        article="41",
        fields=(),
        opened_by=frozenset({Party.SCHOOL}),
        steps=classification_steps,
        effects=incomplete_effects,
        checks=(withdrawn_from_senior_high,),
        opens_in=frozenset({StudentState.WITHDRAWN.value}),
    )
)

declared("A38-2", "core_registry.domain.states:CompulsoryState", "type")
