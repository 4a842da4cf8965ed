"""Schools, pupils and facts for the tests of the procedures; all invented."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

from core_registry.domain import chapters
from core_registry.domain.cases import Actor
from core_registry.domain.explaining import explain
from core_registry.domain.facts import (
    Archive,
    ArchiveEntry,
    EntryKind,
    Evidence,
    Facts,
    Plain,
    Policy,
    SchoolFacts,
    StudentFacts,
)
from core_registry.domain.procedures import PROCEDURES
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import RuleResult, Status
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import SchoolCalendar, Semester
from core_registry.domain.working_days import WorkCalendar

__all__ = ["PROCEDURES", "chapters"]

_HOLIDAYS = Path(__file__).resolve().parents[2] / "config" / "calendar" / "cn_holidays.csv"
_numbers = count(1)


def work_calendar() -> WorkCalendar:
    """Return the calendar of the published notices (2024 to 2026)."""
    lines = [line for line in _HOLIDAYS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    exceptions = {date.fromisoformat(row["date"]): row["is_off_day"] == "0" for row in rows}
    return WorkCalendar(exceptions, frozenset(day.year for day in exceptions if day.year < 2027))


CALENDAR = work_calendar()
TERMS = SchoolCalendar(
    (
        Semester(2024, 1, date(2024, 9, 1), date(2025, 1, 17)),
        Semester(2024, 2, date(2025, 2, 17), date(2025, 7, 4)),
        Semester(2025, 1, date(2025, 9, 1), date(2026, 1, 23)),
        Semester(2025, 2, date(2026, 3, 2), date(2026, 7, 10)),
        Semester(2026, 1, date(2026, 9, 1), date(2027, 1, 22)),
        Semester(2026, 2, date(2027, 3, 1), date(2027, 7, 9)),
        Semester(2027, 1, date(2027, 9, 1), date(2028, 1, 21)),
        Semester(2027, 2, date(2028, 2, 28), date(2028, 7, 7)),
    )
)
COUNTY, OTHER_COUNTY, CITY, OTHER_CITY = "140105", "140106", "140100", "140200"
PRIMARY_SCHOOL, JUNIOR_SCHOOL, SENIOR_SCHOOL = "2114000001", "3114000002", "3414000003"


def school(stage: Stage = Stage.PRIMARY, **changes: object) -> SchoolFacts:
    """Return a school of one stage in Xiaodian with five free places in each grade."""
    code = {Stage.PRIMARY: PRIMARY_SCHOOL, Stage.JUNIOR: JUNIOR_SCHOOL, Stage.SENIOR: SENIOR_SCHOOL}[stage]
    values: dict[str, object] = {
        "code": code, "name": "某校", "category": code[:2], "division": COUNTY, "city": CITY,
        "managing_authority": COUNTY, "supervising_dept": COUNTY, "registry_superior": COUNTY,
        "stages": frozenset({stage}),
        "free_places": {g: 5 for g in ("11", "12", "13", "14", "15", "16", "21", "22", "23", "31", "32", "33")},
    }  # fmt: skip
    return SchoolFacts(**{**values, **changes})  # type: ignore[arg-type]  # a builder


def pupil(stage: Stage = Stage.PRIMARY, **changes: object) -> StudentFacts:
    """Return an active pupil in the middle grade of a stage."""
    grade, born = {
        Stage.PRIMARY: ("14", date(2016, 3, 9)),
        Stage.JUNIOR: ("22", date(2012, 3, 9)),
        Stage.SENIOR: ("32", date(2009, 3, 9)),
    }[stage]
    code = {Stage.PRIMARY: PRIMARY_SCHOOL, Stage.JUNIOR: JUNIOR_SCHOOL, Stage.SENIOR: SENIOR_SCHOOL}[stage]
    values: dict[str, object] = {
        "student_id": "s1", "subject_ref": "0" * 31 + "1", "state": StudentState.ACTIVE, "school_code": code,
        "grade": grade, "class_name": "1班", "birth_date": born, "household_division": COUNTY,
        "residence_division": COUNTY, "version": 1,
    }  # fmt: skip
    return StudentFacts(**{**values, **changes})  # type: ignore[arg-type]  # a builder


def facts(stage: Stage = Stage.PRIMARY, today: date = date(2026, 9, 10), **changes: object) -> Facts:
    """Return what is known of an active pupil of ``stage`` on ``today``; ``changes`` replace members of ``Facts``."""
    values: dict[str, object] = {
        "today": today, "school": school(stage), "calendar": CALENDAR, "terms": TERMS, "receiving_terms": TERMS,
        "policy": Policy(class_size={"primary": 45, "junior": 50, "senior": 55}), "student": pupil(stage),
        "places": {"140105": ("140105", "140100"), "140106": ("140106", "140100"), "140200": ("140200", "140200"),
                   "140213": ("140213", "140200"), "130102": ("130102", "130100")},
    }  # fmt: skip
    return Facts(**{**values, **changes})  # type: ignore[arg-type]  # a builder


def paper(kind: str, issuer: str = "other", level: str = "", issued: date | None = None) -> Evidence:
    """Return an item of evidence."""
    return Evidence(f"ev-{next(_numbers)}", kind, issuer, level, issued, "0" * 64)


def entry(kind: EntryKind, on: date, /, supersedes: str | None = None, **data: Plain) -> ArchiveEntry:
    """Return an archive entry, entered on the day of the event."""
    at = datetime(on.year, on.month, on.day, 4, 0, tzinfo=UTC)
    return ArchiveEntry(f"en-{next(_numbers)}", kind, on, at, data, supersedes=supersedes)


def archive(*entries: ArchiveEntry) -> Archive:
    """Return an archive of ``entries``."""
    return Archive(entries)


def asked(kind: str, known: Facts, applied: date | None = None, on: date | None = None, **values: Value) -> Request:
    """Return a request of the school that holds the record (of the receiving one where there is one)."""
    there = known.receiving or known.school
    applied_on = applied or known.today
    student = None if known.student is None else known.student.student_id
    return Request(kind, there.code, on or applied_on, applied_on, student, values)


def registrar(unit: str) -> Actor:
    """Return the registrar of a unit."""
    return Actor(f"st-{unit}", unit, "registrar")


def stopping(request: Request, known: Facts) -> dict[str, Status]:
    """Return the rules that stop a request, with their answers."""
    return {result.rule: result.status for result in explain(request, known) if result.stops}


def result_of(rule: str, request: Request, known: Facts) -> RuleResult:
    """Return what one rule says of a request; fails when it does not speak."""
    return next(result for result in explain(request, known) if result.rule == rule)


class _AnyKind:
    """Every kind of evidence: tests invent their own."""

    def __contains__(self, kind: object) -> bool:
        return True


ANY_KIND = _AnyKind()
