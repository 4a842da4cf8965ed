"""Contacts with the guardian and unexcused absence: what Arts. 33 and 35 ask a school to have on record."""

from __future__ import annotations

from datetime import date, timedelta

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.procedures import Act, Effects, NewEntry, Procedure, StepPlan, register
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, Verdict, enforces, rule

CHANNELS = {
    "telephone": ("电话", "telephone"),
    "message": ("短信或即时消息", "message"),
    "visit": ("家访", "visit at home"),
    "meeting": ("到校面谈", "meeting at school"),
    "letter": ("书面通知", "letter"),
}
SUBJECTS = {
    "suspension-end": ("休学期满", "end of the suspension"),
    "absence": ("旷课", "unexcused absence"),
    "arrival": ("未按时报到", "no arrival"),
}


@rule("A33-1")
def contact_has_been_made(request: Request, facts: Facts) -> Verdict:
    """A33-1: a contact is recorded after it took place, not before."""
    on = request.day("contacted_on")
    if on is None or on > facts.today:
        return Failure("联系日期不得晚于今天。", "The day of the contact is not in the future.")
    return True


def _contact_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (StepPlan("record", Party.SCHOOL, Act.CONFIRM, 1, "A33-1", act_zh="登记"),)


@enforces("A33-1", "A35-1", how="record")
def contact_effects(request: Request, _facts: Facts, _on: date) -> Effects:
    """Record day and channel; whom the school spoke to and what came of it lies under seal."""
    data = {"channel": request.text("channel"), "about": request.text("about")}
    sealed = {"person": request.text("person"), "result": request.text("result")}
    return Effects(entries=(NewEntry(EntryKind.CONTACT, request.day("contacted_on") or request.on, data, sealed),))


CONTACT = register(
    Procedure(
        kind="contact",
        waits=False,
        zh="联系监护人登记",
        en="Contact with the guardian",
        chapter=5,
        article="33",
        fields=(
            ValueSpec("contacted_on", ValueType.DATE, "联系日期", "day of the contact"),
            ValueSpec("channel", ValueType.CHOICE, "联系方式", "channel", choices=CHANNELS),
            ValueSpec("about", ValueType.CHOICE, "联系事由", "about", choices=SUBJECTS),
            ValueSpec("person", ValueType.TEXT, "联系对象", "person spoken to", personal=True, longest=60),
            ValueSpec("result", ValueType.TEXT, "联系结果", "result", personal=True, longest=300),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_contact_steps,
        effects=contact_effects,
        checks=(contact_has_been_made, keeps_to_the_record),
        needs_evidence=False,
    )
)

# --- unexcused absence

_MOST_WEEKS = 30


@rule("A35-1")
def absence_fits_the_semester(request: Request, facts: Facts) -> Verdict:
    """A35-1: absence is counted within one semester; the longest run lies in it and is no longer than the total."""
    counted = _counted(request, facts)
    if counted is None:
        return Failure(
            "最长一次连续旷课的起止日期应在同一学期内，且不晚于今天。",
            "The longest run of absence lies within one semester and not in the future.",
        )
    total = request.number("total_weeks") or 0
    if not counted["consecutive_weeks"] <= total <= _MOST_WEEKS:
        return Failure(
            "累计旷课周数不少于最长一次连续旷课的整周数。",
            "The weeks in total are not fewer than those of the longest run.",
        )
    return True


def _counted(request: Request, facts: Facts) -> dict[str, int] | None:
    """Return semester and counters of the longest run: school days, full school weeks (Q-17), days beyond these."""
    first, last = request.day("run_from"), request.day("run_until")
    semester = None if first is None else facts.terms.at(first)
    if first is None or last is None or semester is None or not first <= last <= min(semester.end, facts.today):
        return None
    days = weeks = within = 0
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        school_days = [
            day
            for day in (monday + timedelta(days=offset) for offset in range(7))
            if facts.calendar.worked(day) and semester.start <= day <= semester.end
        ]
        missed = [day for day in school_days if first <= day <= last]
        days += len(missed)
        if missed and missed == school_days:
            weeks, within = weeks + 1, within + len(missed)
        monday += timedelta(days=7)
    return {
        "school_year": semester.school_year, "semester": semester.number, "consecutive_days": days,
        "consecutive_weeks": weeks, "extra_days": days - within,
    }  # fmt: skip


def _absence_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (StepPlan("record", Party.SCHOOL, Act.CONFIRM, 1, "A35-1", act_zh="登记"),)


@enforces("A35-1", how="record")
def absence_effects(request: Request, facts: Facts, _on: date) -> Effects:
    """Record the counters of the semester; a newer entry of the same semester takes the place of the older."""
    counted = _counted(request, facts)
    if counted is None:
        raise ValueError("the run of absence was judged before")
    older = [
        entry.id
        for entry in facts.archive.current(EntryKind.ABSENCE)
        if (entry.number("school_year"), entry.number("semester")) == (counted["school_year"], counted["semester"])
    ]
    data = {**counted, "total_weeks": request.number("total_weeks") or 0}
    entry = NewEntry(
        EntryKind.ABSENCE, request.day("run_until") or request.on, data, supersedes=older[-1] if older else None
    )
    return Effects(entries=(entry,))


ABSENCE = register(
    Procedure(
        kind="absence",
        waits=False,
        zh="旷课登记",
        en="Unexcused absence of a semester",
        chapter=6,
        article="35",
        fields=(
            ValueSpec("run_from", ValueType.DATE, "最长一次连续旷课起日", "first day of the longest run"),
            ValueSpec("run_until", ValueType.DATE, "最长一次连续旷课止日", "last day of the longest run"),
            ValueSpec(
                "total_weeks", ValueType.INTEGER, "本学期累计旷课周数", "full school weeks missed in the semester"
            ),
        ),
        opened_by=frozenset({Party.SCHOOL}),
        steps=_absence_steps,
        effects=absence_effects,
        checks=(absence_fits_the_semester,),
        needs_evidence=False,
        opens_in=frozenset({"active", "suspended"}),
    )
)
