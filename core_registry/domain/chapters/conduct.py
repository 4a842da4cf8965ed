"""Chapter 8: awards and sanctions (Arts. 44 and 45). The texts lie under seal and go nowhere."""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.facts import ArchiveEntry, EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, EvidenceNeed, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move

AWARD_LEVELS = {
    "school": ("校级", "school"),
    "county": ("县级", "county"),
    "city": ("市级", "city"),
    "province": ("省级", "province"),
    "state": ("国家级", "national"),
}
"""From the school upwards (T-5: 以上 includes it); what a class gives is no value."""
SANCTIONS = {"demerit": ("记过", "demerit"), "probation": ("留校察看", "probation")}
"""What the archive holds, with ``expulsion`` of senior high, which has a procedure of its own (Q-8, Q-30)."""
ENDS = {"revoked": ("撤销", "revoked"), "expired": ("期满解除", "expired")}


def _recorded_by_school(name: str, rule_id: str) -> tuple[StepPlan, ...]:
    return (StepPlan(name, Party.SCHOOL, Act.CONFIRM, 1, rule_id),)


# --- awards


@rule("A44-1")
def award_of_school_level_or_above(request: Request, facts: Facts) -> Verdict:
    """A44-1: awards of the school or above are recorded, when they have been given."""
    if request.text("level") not in AWARD_LEVELS:
        return Failure("只登记校级以上奖励。", "Only awards of school level or above are recorded.")
    on = request.day("awarded_on")
    if on is None or on > facts.today:
        return Failure("奖励日期不得晚于今天。", "The day of the award is not in the future.")
    return True


@enforces("A44-1", how="record")
def award_effects(request: Request, _facts: Facts, _on: date) -> Effects:
    """Record the award with its level; title and giver lie under seal."""
    sealed = {"title": request.text("title"), "given_by": request.text("given_by")}
    on = request.day("awarded_on") or request.on
    return Effects(entries=(NewEntry(EntryKind.AWARD, on, {"level": request.text("level")}, sealed),))


AWARD = register(
    Procedure(
        kind="award",
        waits=False,
        zh="奖励登记",
        en="Award",
        chapter=8,
        article="44",
        fields=(
            ValueSpec("level", ValueType.CHOICE, "奖励级别", "level", choices=AWARD_LEVELS),
            ValueSpec("awarded_on", ValueType.DATE, "奖励日期", "day of the award"),
            ValueSpec("title", ValueType.TEXT, "奖励名称", "title", personal=True, longest=100),
            ValueSpec("given_by", ValueType.TEXT, "授予单位", "given by", personal=True, longest=100),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=lambda _request, _facts: _recorded_by_school("record", "A44-1"),
        effects=award_effects,
        checks=(award_of_school_level_or_above, keeps_to_the_record),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("award-proof",), "A44-1", "奖励证书或文件", "certificate or notice of the award"),
        ),
    )
)


# --- sanctions


@rule("A45-1")
def sanction_of_demerit_or_above(request: Request, _facts: Facts) -> Verdict:
    """A45-1: the archive holds demerit and above."""
    if request.text("sanction") in SANCTIONS:
        return True
    return Failure("学籍档案只记载记过及以上处分。", "The archive holds sanctions of demerit or above only.")


@rule("A45-2")
def nothing_below_is_written(request: Request, _facts: Facts) -> Verdict:
    """A45-2: warnings and educational measures are no values, and the text does not bring them in (Q-8)."""
    text = request.text("text")
    if request.text("sanction") not in SANCTIONS or "警告" in text or "教育惩戒" in text:
        return Failure(
            "警告、严重警告和教育惩戒不写入学籍档案。", "Warnings and educational measures are not written here."
        )
    return True


@rule("A45-4")
def sanction_has_its_days(request: Request, facts: Facts) -> Verdict:
    """A45-4: a sanction has a start, and an end after it or a later revocation."""
    since, until = request.day("from"), request.day("until")
    if since is None or since > facts.today or (until is not None and until < since):
        return Failure(
            "处分起日不得晚于今天，止日不得早于起日。",
            "It starts today at the latest and does not end before its start.",
        )
    return True


@enforces("A45-1", "A45-4", how="record")
def sanction_effects(request: Request, _facts: Facts, _on: date) -> Effects:
    """Record kind and days; the text lies under seal."""
    since, until = request.day("from") or request.on, request.day("until")
    data = {
        "kind": request.text("sanction"),
        "from": since.isoformat(),
        "until": None if until is None else until.isoformat(),
    }
    return Effects(entries=(NewEntry(EntryKind.SANCTION, since, data, {"text": request.text("text")}),))


SANCTION = register(
    Procedure(
        kind="sanction",
        waits=False,
        zh="处分登记",
        en="Sanction",
        chapter=8,
        article="45",
        fields=(
            ValueSpec("sanction", ValueType.CHOICE, "处分种类", "kind", choices=SANCTIONS, personal=True),
            ValueSpec("from", ValueType.DATE, "处分起日", "first day"),
            ValueSpec("until", ValueType.DATE, "处分止日", "last day", required=False),
            ValueSpec("text", ValueType.TEXT, "处分决定摘要", "summary of the decision", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=lambda _request, _facts: _recorded_by_school("record", "A45-1"),
        effects=sanction_effects,
        checks=(sanction_of_demerit_or_above, nothing_below_is_written, sanction_has_its_days, keeps_to_the_record),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("sanction-decision",), "A45-1", "处分决定", "the decision on the sanction"),
        ),
    )
)


# --- end of a sanction


def _open_sanction(request: Request, facts: Facts) -> ArchiveEntry | None:
    """Return the sanction that the request names, ``None`` when there is none or it was ended before."""
    ended = {entry.text("of") for entry in facts.archive.current(EntryKind.SANCTION_END)}
    found = (entry for entry in facts.archive.current(EntryKind.SANCTION) if entry.id == request.text("of"))
    return next((entry for entry in found if entry.id not in ended), None)


@rule("A45-4")
def ends_a_sanction_in_the_archive(request: Request, facts: Facts) -> Verdict:
    """A45-4: what is ended is a sanction of this archive, once, and not before it began."""
    entry, on = _open_sanction(request, facts), request.day("ended_on")
    if entry is None:
        return Failure("档案中没有这项未解除的处分。", "The archive has no such sanction that is not ended.")
    if on is None or on > facts.today or on < (entry.day("from") or entry.on):
        return Failure("解除日期不得早于处分起日，也不得晚于今天。", "It ends between its start and today.")
    return True


@enforces("A45-4", how="record")
def sanction_end_effects(request: Request, _facts: Facts, _on: date) -> Effects:
    """Record that the sanction was revoked or expired; the sanction stays in the archive (S-5)."""
    on = request.day("ended_on") or request.on
    data = {"of": request.text("of"), "on": on.isoformat(), "how": request.text("how")}
    return Effects(entries=(NewEntry(EntryKind.SANCTION_END, on, data),))


SANCTION_END = register(
    Procedure(
        kind="sanction-end",
        waits=False,
        zh="处分解除登记",
        en="End of a sanction",
        chapter=8,
        article="45",
        fields=(
            ValueSpec("of", ValueType.TEXT, "处分记录", "archive entry of the sanction", longest=64),
            ValueSpec("ended_on", ValueType.DATE, "解除日期", "day of the end"),
            ValueSpec("how", ValueType.CHOICE, "解除方式", "how it ended", choices=ENDS),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=lambda _request, _facts: _recorded_by_school("record", "A45-4"),
        effects=sanction_end_effects,
        checks=(ends_a_sanction_in_the_archive, keeps_to_the_record),
        evidence=lambda _request, _facts: (
            EvidenceNeed(("sanction-decision",), "A45-4", "解除或撤销处分的决定", "the decision that ends it"),
        ),
    )
)


# --- expulsion: no withdrawal, but another early end


@rule("A34-2")
def nobody_is_expelled_from_compulsory_school(_request: Request, facts: Facts) -> Verdict:
    """A34-2: a compulsory-stage school expels nobody, for whatever reason."""
    if facts.stage.compulsory:
        return Failure("义务教育阶段不得开除学生。", "No pupil of the compulsory stage is expelled.")
    return True


def _expulsion_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    return (EvidenceNeed(("sanction-decision",), "A45-1", "开除学籍处分决定", "the decision on the sanction"),)


def _expulsion_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("report", Party.SCHOOL, Act.START, 1, "A45-1", act_zh="上报"),
        StepPlan("review", Party.REGISTRY_SUPERIOR, Act.REVIEW, 2, "A41-2", act_zh="审核"),
    )


@enforces("A34-2", "A45-1", "A45-4", how="effects")
def expulsion_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """End the record as incomplete after the superior's review; the sanction stands in the archive, its text sealed.

    Raises ``RegisterRuleError`` (A34-1) for a record of the compulsory stage, which has no such state.
    """
    decided = request.day("decided_on") or request.on
    data = {"kind": "expulsion", "from": decided.isoformat()}
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.INCOMPLETE),
        ground="A41-2",
        entries=(NewEntry(EntryKind.SANCTION, decided, data, {"text": request.text("text")}),),
    )


EXPULSION = register(
    Procedure(
        kind="expulsion",
        zh="开除学籍（普通高中）",
        en="Expulsion (senior high)",
        chapter=8,
        article="45",
        fields=(
            ValueSpec("decided_on", ValueType.DATE, "处分决定日期", "day of the decision"),
            ValueSpec("text", ValueType.TEXT, "处分决定摘要", "summary of the decision", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_expulsion_steps,
        effects=expulsion_effects,
        checks=(nobody_is_expelled_from_compulsory_school, keeps_to_the_record),
        evidence=_expulsion_evidence,
        again=(nobody_is_expelled_from_compulsory_school,),
        opens_in=frozenset({"active"}),
    )
)
