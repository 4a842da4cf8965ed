"""The records of the registry: units, schools, students and members of their families.

Everything that says something of a person is kept out of ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NewType

from core_registry.domain.states import Stage, StudentState

StudentId = NewType("StudentId", str)
"""The registry's own key of a student: random, meaningless, never changed (Q-32)."""
SubjectRef = NewType("SubjectRef", str)
"""The permanent reference under which the sharing view knows a student: 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An education department of a province, city or county (A3-1)."""

    code: str
    """Division code of the government it belongs to, six digits."""
    name: str
    level: Literal["province", "city", "county"]
    parent: str | None


@dataclass(frozen=True, slots=True)
class School:
    """A school that may hold records (A2-1)."""

    code: str
    """学校标识码: category (2), province (2), serial (6)."""
    name: str
    division: str
    """County-level division where it stands."""
    managing_authority: str
    """Division code of the department that manages it (Q-4)."""
    stages: frozenset[Stage]
    closed: bool = False

    @property
    def category(self) -> str:
        """The first two digits of the code."""
        return self.code[:2]


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a pupil's family (Annex 1 nos. 18-26, 27-35). Codes are national codes."""

    name: str = field(repr=False)
    relation: str = field(repr=False)
    guardian: bool = field(repr=False)
    ethnicity: str | None = field(repr=False)
    id_type: str = field(repr=False)
    id_number: str | None = field(repr=False)
    employer: str | None = field(repr=False)
    household_address: str = field(repr=False)
    phone: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Placement:
    """Disability and placement of a pupil (Annex 1 nos. 36, 37; A9-4): sensitive."""

    disability_type: str = field(repr=False)
    special_ed_placement: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Student:
    """A student record: Annex 1 and the registry facts. Codes are national codes."""

    id: StudentId
    subject_ref: SubjectRef
    student_number: str = field(repr=False)
    school_code: str
    entry_month: str
    """``YYYY-MM``."""
    state: StudentState
    name: str = field(repr=False)
    former_name: str | None = field(repr=False)
    sex: str = field(repr=False)
    nationality: str = field(repr=False)
    overseas_status: str = field(repr=False)
    ethnicity: str = field(repr=False)
    id_type: str = field(repr=False)
    id_number: str | None = field(repr=False)
    birth_date: date = field(repr=False)
    residence_address: str = field(repr=False)
    household_address: str = field(repr=False)
    grade: str
    class_name: str
    political_status: str | None = field(repr=False)
    boarding: bool = field(repr=False)
    left_behind: bool = field(repr=False)
    placement: Placement | None = field(repr=False)
    """``None`` when no. 16 is no."""
    members: tuple[Member, ...] = field(repr=False)
    """One or two."""
