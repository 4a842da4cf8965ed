"""延期入学: a pupil who cannot come at the start of term (Art. 9 para. 4).

A late application does not cost the pupil the delay: it is taken, recorded as late and alerted. Its end does not move.
"""

from __future__ import annotations

from datetime import date

from core_registry.domain.archive_texts import keeps_to_the_record
from core_registry.domain.chapters.timeliness import APPLICATION_CLOCK, taken_though_late
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
from core_registry.domain.regulation import REGULATION
from core_registry.domain.requests import Request, ValueSpec, ValueType
from core_registry.domain.rules import Failure, Party, RuleResult, Status, Verdict, enforces, rule
from core_registry.domain.states import StudentState, move
from core_registry.domain.terms import Semester
from core_registry.domain.validity import in_force
from core_registry.domain.working_days import Measure, Period

WINDOW = Period(10, Measure.WORKING_DAYS)
"""How long after the start of term 延期 is applied for (A9-9)."""
LONGEST = Period(14, Measure.DAYS)
"""Two weeks (A9-10)."""
ARRIVAL_CLOCK = "arrival"
"""The clock of A14-1: who has not come by its end."""


def _term(request: Request, facts: Facts) -> Semester | None:
    """Return the term of entry: by the record's month of entry, else by the day of application."""
    if facts.pupil.entry_month:
        first = date.fromisoformat(f"{facts.pupil.entry_month}-01")
        return next((term for term in facts.terms.semesters if term.end >= first), None)
    return facts.terms.at(request.applied_on) or facts.terms.following(request.applied_on)


def last_day_to_apply(request: Request, facts: Facts) -> date | None:
    """Return the last day in time: 10 working days after the start of term, which is not counted (A9-9, Q-13)."""
    term = _term(request, facts)
    return facts.calendar.after(term.start, WINDOW).day if term is not None else None


def last_day_of_delay(request: Request, facts: Facts, granted: date) -> date | None:
    """Return the last day to which entry may be put off (A9-10).

    14 days are counted from the end of the window, from the grant if that is earlier (Q-29); a grant before the term
    counts from its start, for until then nobody is late.
    """
    term, window = _term(request, facts), last_day_to_apply(request, facts)
    if term is None or window is None:
        return None
    return facts.calendar.after(min(window, max(granted, term.start)), LONGEST).day


def _late_entry_late(request: Request, facts: Facts) -> bool:
    window = last_day_to_apply(request, facts)
    return window is not None and request.applied_on > window


@enforces("A9-9", how="check")
def _in_the_window(request: Request, facts: Facts) -> RuleResult:
    """Judge the day of application: within 10 working days after the start of term; late is recorded as late."""
    if last_day_to_apply(request, facts) is None:
        entry = REGULATION["A9-9"]
        return RuleResult(
            "A9-9", Status.FAILED, entry.zh, entry.en, "校历尚未设定。", "The school calendar is not set.", Party.CITY
        )
    return taken_though_late("A9-9", late=_late_entry_late(request, facts))


@rule("A9-10")
def _two_weeks(request: Request, facts: Facts) -> Verdict:
    """Judge the length: not more than two weeks, and not into the past."""
    until, last = request.day("until"), last_day_of_delay(request, facts, facts.today)
    if until is None or last is None:
        return None
    if facts.today <= until <= last:
        return True
    return Failure(
        f"延期不得超过两周，至迟到{last.isoformat()}报到。",
        f"Not more than two weeks: the pupil arrives by {last.isoformat()} at the latest.",
        Party.SCHOOL,
    )


def _late_entry_evidence(_request: Request, _facts: Facts) -> tuple[EvidenceNeed, ...]:
    kinds = ("late-entry-proof", "hospital-record", "police-proof", "civil-affairs-proof")
    return (EvidenceNeed(kinds, "A9-9", "不能如期入学的有关证明", "proof of why the pupil comes later"),)


def _late_entry_steps(_request: Request, _facts: Facts) -> tuple[StepPlan, ...]:
    return (
        StepPlan("apply", Party.GUARDIAN, Act.APPLY, 1, "A9-9"),
        StepPlan("grant", Party.SCHOOL, Act.CONFIRM, 2, "A9-9"),
    )


def _late_entry_on_step(_step: str, request: Request, facts: Facts, _on: date) -> Effects:
    term = _term(request, facts)
    if term is None or not _late_entry_late(request, facts):
        return Effects()
    return Effects(deadlines=(NewDeadline(APPLICATION_CLOCK, "A9-9", facts.school.code, term.start, WINDOW),))


def _late_entry_effects(request: Request, facts: Facts, on: date) -> Effects:
    until = request.day("until") or on
    days = Period((until - on).days, Measure.DAYS)
    entry = NewEntry(
        EntryKind.ADMISSION,
        on,
        {"late_entry_until": until.isoformat(), "late": _late_entry_late(request, facts)},
        {"reason": request.text("reason")},
    )
    return Effects(
        move=move(facts.stage, facts.pupil.state, StudentState.LATE_ENTRY),
        ground="9",
        entries=(entry,),
        deadlines=(NewDeadline(ARRIVAL_CLOCK, "A14-1", facts.school.code, on, days),),
        met=(APPLICATION_CLOCK,),
    )


LATE_ENTRY = register(
    Procedure(
        kind="late-entry",
        zh="延期入学",
        en="late entry",
        chapter=3,
        article="9",
        fields=(
            ValueSpec("until", ValueType.DATE, "延期至", "put off until"),
            ValueSpec("reason", ValueType.TEXT, "延期事由", "reason of the late entry", personal=True, longest=500),
        ),
        opened_by=frozenset({Party.GUARDIAN, Party.SCHOOL}),
        steps=_late_entry_steps,
        effects=_late_entry_effects,
        on_step=_late_entry_on_step,
        evidence=_late_entry_evidence,
        checks=(in_force, _in_the_window, _two_weeks, keeps_to_the_record),
        again=(_two_weeks,),
        opens_in=frozenset({StudentState.PRE_REGISTERED}),
        # The approval of the record may still run: the pupil has a school and applies to it.
        beside=frozenset({"enrolment", "registration"}),
    )
)
