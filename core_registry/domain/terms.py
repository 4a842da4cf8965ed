"""School years, semesters and grades: what the calendar of a city says (Q-1, Q-13, Q-19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from core_registry.domain.states import Stage


class SchoolSystem(StrEnum):
    """How the nine compulsory years are divided (A20-4)."""

    SIX_THREE = "6-3"
    FIVE_FOUR = "5-4"


@dataclass(frozen=True, slots=True)
class Semester:
    """One semester: ``school_year`` is the year in which the school year begins, ``number`` 1 or 2.

    ``start`` and ``end`` are its first and last day. Source: Q-13, Q-19.
    """

    school_year: int
    number: int
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """The semesters of a city in order."""

    semesters: tuple[Semester, ...]

    def at(self, day: date) -> Semester | None:
        """Return the semester in which ``day`` lies, ``None`` in the holidays."""
        return next((s for s in self.semesters if s.start <= day <= s.end), None)

    def started(self, day: date) -> Semester | None:
        """Return the last semester that began on or before ``day``: in the holidays the one that has ended."""
        return next((s for s in reversed(self.semesters) if s.start <= day), None)

    def following(self, day: date) -> Semester | None:
        """Return the first semester that begins after ``day``."""
        return next((s for s in self.semesters if s.start > day), None)

    def of(self, school_year: int, number: int) -> Semester | None:
        """Return a semester by school year and number."""
        return next((s for s in self.semesters if (s.school_year, s.number) == (school_year, number)), None)


YEAR_OF_GRADE = {
    "11": 1, "12": 2, "13": 3, "14": 4, "15": 5, "16": 6, "21": 7, "22": 8, "23": 9, "31": 10, "32": 11, "33": 12,
}  # fmt: skip
"""Grade code -> year of schooling, 1 to 12. A grade keeps its code in both systems: in 五四 year 6 is 初一 (A20-4)."""
GRADE_OF_YEAR = {year: grade for grade, year in YEAR_OF_GRADE.items()}
_LAST_PRIMARY = {SchoolSystem.SIX_THREE: 6, SchoolSystem.FIVE_FOUR: 5}
_LAST_COMPULSORY, _LAST = 9, 12


def stage_of(grade: str, system: SchoolSystem = SchoolSystem.SIX_THREE) -> Stage:
    """Return the stage of a grade under a system. Raises ``KeyError`` for an unknown grade."""
    year = YEAR_OF_GRADE[grade]
    if year > _LAST_COMPULSORY:
        return Stage.SENIOR
    return Stage.PRIMARY if year <= _LAST_PRIMARY[system] else Stage.JUNIOR


def grades_of(stage: Stage, system: SchoolSystem = SchoolSystem.SIX_THREE) -> Sequence[str]:
    """Return the grades of a stage in order."""
    return [grade for grade in YEAR_OF_GRADE if stage_of(grade, system) is stage]


def starting_grade(grade: str, system: SchoolSystem = SchoolSystem.SIX_THREE) -> bool:
    """Whether ``grade`` is the first of its stage."""
    return grade == grades_of(stage_of(grade, system), system)[0]


def last_grade(grade: str, system: SchoolSystem = SchoolSystem.SIX_THREE) -> bool:
    """Whether ``grade`` is the graduating grade of its stage."""
    return grade == grades_of(stage_of(grade, system), system)[-1]


def grade_after(grade: str, years: int) -> str | None:
    """Return the grade ``years`` later (or earlier), ``None`` beyond the twelfth year or before the first."""
    return GRADE_OF_YEAR.get(YEAR_OF_GRADE[grade] + years)
