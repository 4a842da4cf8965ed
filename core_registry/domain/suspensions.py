"""Suspensions of a record summed up: how much was used, the grades on return, and what an expired one leads to.

A day count leaves the first day out (T-1): a suspension from 10 September to 10 September of the next year is one year.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from core_registry.domain.facts import Archive, ArchiveEntry, EntryKind, Facts
from core_registry.domain.procedures import NewMatter
from core_registry.domain.rules import enforces
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import YEAR_OF_GRADE, SchoolCalendar, grade_after
from core_registry.domain.working_days import Deadline, Measure, Period, WorkCalendar, add_months

if TYPE_CHECKING:
    from core_registry.domain.facts import SchoolFacts

LONGEST_MONTHS = 12
"""A29-1: one application."""
TOTAL_MONTHS = 24
"""A29-2: the whole of senior high school, as one block."""
TOTAL_DAYS = 2 * 365
"""A29-2 and Q-21: the whole of senior high school, as a sum."""
AFTER_EXPIRY = Period(1, Measure.MONTHS)
"""A33-1, from the expiry (Q-16)."""
_FIRST_SENIOR_YEAR = 10


@dataclass(frozen=True, slots=True)
class Block:
    """An uninterrupted suspension; a renewal from the next day belongs to it."""

    since: date
    until: date

    @property
    def days(self) -> int:
        """Its length in days, the first not counted (T-1)."""
        return (self.until - self.since).days


def senior_blocks(archive: Archive, *, extra: Block | None = None, on: date | None = None) -> tuple[Block, ...]:
    """Return the suspensions of the senior stage as blocks, oldest first (Q-21: of all its schools together).

    A resumption ends the suspension that ran. ``extra`` is one that is asked for, ``on`` cuts what lies after that day.
    An entry without a grade (imported history) counts as one of the senior stage.
    """
    ends = sorted(entry.day("on") or entry.on for entry in archive.current(EntryKind.RESUMPTION))
    spans = [_span(entry, ends) for entry in archive.current(EntryKind.SUSPENSION) if _senior(entry)]
    if extra is not None:
        spans.append(extra)
    if on is not None:
        spans = [Block(span.since, min(span.until, on)) for span in spans if span.since <= on]
    return tuple(_joined(spans))


@enforces("A29-2", how="sum over the senior stage")
def within_total(blocks: tuple[Block, ...]) -> bool:
    """Whether the blocks stay within two years: 2 x 365 days in all, or two calendar years for a single one (Q-21)."""
    if sum(block.days for block in blocks) <= TOTAL_DAYS:
        return True
    return len(blocks) == 1 and blocks[0].until <= add_months(blocks[0].since, TOTAL_MONTHS)


@enforces("A35-2", how="sum over the senior stage")
def used_up(archive: Archive, on: date) -> bool:
    """Whether two years of suspension lie behind ``on``: from the first day after them (Q-18)."""
    blocks = senior_blocks(archive, on=on)
    return bool(blocks) and sum(block.days for block in blocks) >= TOTAL_DAYS and on > blocks[-1].until


def running(archive: Archive) -> ArchiveEntry | None:
    """Return the suspension that no resumption ended, the newest of its renewals; expired or not."""
    entry = archive.last(EntryKind.SUSPENSION)
    if entry is None:
        return None
    since = entry.day("from") or entry.on
    ended = any((e.day("on") or e.on) >= since for e in archive.current(EntryKind.RESUMPTION))
    return None if ended else entry


@enforces("A31-2", how="computed from the school calendar")
def grades_on_return(archive: Archive, facts: Facts, on: date) -> tuple[str, ...]:
    """Return the grades in which the pupil may resume on ``on``: the original one, and the one where its cohort is now.

    The cohort moves one grade with each school year. Its grade is left out when it lies beyond the stage (the cohort
    has graduated), or when the calendar does not reach.
    """
    entry = running(archive)
    original = entry.text("grade") if entry is not None else ""
    original = original if original in YEAR_OF_GRADE else facts.pupil.grade
    years = 0 if entry is None else _school_years(facts.terms, entry.day("from") or entry.on, on)
    now = grade_after(original, years)
    if years == 0 or now is None or facts.school.stage_of(now) is not facts.school.stage_of(original):
        return (original,)
    return original, now


@dataclass(frozen=True, slots=True)
class WithdrawalProposal:
    """What the school of a senior pupil may now file: a withdrawal of itself (A33-1). Nothing happens by itself."""

    owner: str
    on: date
    rule: str = "A33-1"
    ground: str = "suspension-lapsed"


def lapse_deadline(archive: Archive, calendar: WorkCalendar) -> Deadline | None:
    """Return the last day for resumption or renewal, ``None`` when no suspension runs (A33-1, Q-16)."""
    entry = running(archive)
    until = None if entry is None else entry.day("until")
    return None if until is None else calendar.after(until, AFTER_EXPIRY)


@enforces("A33-1", "A33-2", how="nightly clock")
def after_expiry(
    stage: Stage, state: StudentState, archive: Archive, school: SchoolFacts, calendar: WorkCalendar, today: date
) -> NewMatter | WithdrawalProposal | None:
    """Return what an expired suspension leads to on ``today``, ``None`` while there is time or the pupil is back.

    Compulsory stage: a drop-out matter, never a withdrawal. Senior high: a proposal, which the school has to file.
    """
    deadline = lapse_deadline(archive, calendar)
    if state is not StudentState.SUSPENDED or deadline is None or not deadline.late(today):
        return None
    owner = school.central_school or school.code
    if stage.compulsory:
        return NewMatter("dropout", owner, today, "A33-1")
    return WithdrawalProposal(owner, today)


def _senior(entry: ArchiveEntry) -> bool:
    return YEAR_OF_GRADE.get(entry.text("grade"), _FIRST_SENIOR_YEAR) >= _FIRST_SENIOR_YEAR


def _span(entry: ArchiveEntry, ends: list[date]) -> Block:
    since = entry.day("from") or entry.on
    until = entry.day("until") or since
    ended = next((day for day in ends if day >= since), until)
    return Block(since, min(until, ended))


def _joined(spans: Iterable[Block]) -> list[Block]:
    blocks: list[Block] = []
    for span in sorted(spans, key=lambda one: (one.since, one.until)):
        if blocks and span.since <= blocks[-1].until + timedelta(days=1):
            blocks[-1] = Block(blocks[-1].since, max(blocks[-1].until, span.until))
        else:
            blocks.append(span)
    return blocks


def _school_years(terms: SchoolCalendar, since: date, on: date) -> int:
    first, now = terms.started(since), terms.started(on)
    return 0 if first is None or now is None else max(0, now.school_year - first.school_year)
