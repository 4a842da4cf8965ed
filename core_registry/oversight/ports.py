"""What the oversight needs of the registry database; ``core_registry.db`` has the one implementation of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from core_registry.domain.cases import Actor
from core_registry.domain.facts import Post, SchoolFacts
from core_registry.domain.states import StudentState
from core_registry.domain.terms import Semester
from core_registry.domain.verification import ChangeReport, VerificationResult
from core_registry.domain.working_days import WorkCalendar
from core_registry.intake.records import Progress
from core_registry.oversight.records import (
    GuardianLink,
    Matter,
    NewFinding,
    PlanRow,
    PlanUpload,
    Quality,
    SchoolAct,
    TermVerification,
)


class PostBook(Protocol):
    """Who is filed for which unit (A48-2)."""

    def post_of(self, account: str, unit: str, on: date) -> Post | None:
        """Return the filed post of an account at a unit on a day."""


class ClockStore(Protocol):
    """The nightly pass (``core_registry.db.clock_store``)."""

    def begin(self, today: date) -> None:
        """Refuse a day before that of the last pass."""

    def divisions(self) -> list[str]:
        """Return the divisions in which schools stand."""

    def recompute(self, calendar: WorkCalendar, progress: Progress) -> int:
        """Compute provisional deadlines anew."""

    def mark_overdue(self, today: date, now: datetime) -> tuple[int, int, int]:
        """Mark and tell what is overdue: clocks, steps, units."""

    def no_shows(
        self, divisions: Sequence[str], start: date, due: date, ends: Mapping[str, date], today: date, now: datetime
    ) -> tuple[int, int]:
        """Open matters and proposals for those who did not come."""

    def lapsed(
        self,
        clock: str,
        state: StudentState,
        rules: tuple[str, str],
        ends: Mapping[str, date],
        today: date,
        now: datetime,
    ) -> tuple[int, int]:
        """Open matters and proposals where a clock ran out."""

    def finish(self, today: date, now: datetime, facts: dict[str, int]) -> None:
        """Record the pass."""


class VerificationStore(Protocol):
    """Verifications and measures (``core_registry.db.verification_store``)."""

    def verify(
        self,
        verification_id: str,
        school: str,
        semester: Semester,
        on: date,
        deviations: Mapping[str, VerificationResult],
        actor: Actor,
        now: datetime,
    ) -> tuple[TermVerification, int]:
        """Write a verification; return it and the number of new matters."""

    def verifications(self, schools_in: Sequence[str], school_year: int | None = None) -> list[TermVerification]:
        """Return verifications, newest first."""

    def check(self, verification_id: str, actor: Actor, on: date, now: datetime) -> TermVerification:
        """Mark one as checked."""

    def changes(self, school: str, since: date, until: date) -> ChangeReport:
        """Return the changes of a period."""

    def quality(self, schools_in: Sequence[str], today: date) -> Quality:
        """Return the measures of A4-1."""


class SchoolActStore(Protocol):
    """Whole-school acts (``core_registry.db.school_acts``)."""

    def school(self, code: str) -> SchoolFacts:
        """Return a school."""

    def acts(self, school: str, kind: str | None = None, limit: int = 100) -> list[SchoolAct]:
        """Return the acts on a school."""

    def promote(
        self, act_id: str, school: str, school_year: int, since: date, on: date, actor: Actor, now: datetime
    ) -> SchoolAct:
        """Move all grades up."""

    def place_classes(
        self, act_id: str, school: str, grade: str, classes: int, standard: int, on: date, actor: Actor, now: datetime
    ) -> SchoolAct:
        """Spread a grade evenly."""

    def merge(self, act_id: str, school: str, into: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Move every record to another school."""

    def close(self, act_id: str, school: str, to_unit: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Close a school."""

    def check_changes(
        self, act_id: str, school: str, since: date, until: date, count: int, actor: Actor, on: date, now: datetime
    ) -> SchoolAct:
        """Record the check of a period."""


class MatterStore(Protocol):
    """Matters (``core_registry.db.matters_store``)."""

    def school(self, code: str) -> SchoolFacts:
        """Return a school."""

    def open(self, matter_id: str, finding: NewFinding, on: date, actor: Actor, now: datetime) -> Matter:
        """Write a new one."""

    def get(self, matter_id: str) -> Matter | None:
        """Return one, opened."""

    def shown(self, matter: Matter) -> Matter:
        """Return a matter with its texts redacted, for a unit that has no part in it."""

    def change(self, before: Matter, after: Matter, act: str, actor: Actor, now: datetime) -> Matter:
        """Write a changed one."""

    def listed(
        self,
        units: Sequence[str] | None,
        schools: Sequence[str] | None,
        state: str | None,
        kind: str | None,
        after: str,
        limit: int,
    ) -> list[Matter]:
        """Return those of units or schools; texts stay under seal."""


class AdmissionStore(Protocol):
    """Plans and guardians' links (``core_registry.db.admissions``)."""

    def upload(self, school: str, school_year: int, rows: Sequence[PlanRow], actor: Actor, now: datetime) -> PlanUpload:
        """Put pupils on a plan."""

    def ask_link(self, id_number: str, name: str, actor: Actor, now: datetime) -> None:
        """Note that a guardian asks for a pupil."""

    def links(self, school: str, *, verified: bool | None) -> list[GuardianLink]:
        """Return the links of a school's pupils."""

    def settle_link(
        self, school: str, account: str, student_id: str, *, accepted: bool, on: date, actor: Actor, now: datetime
    ) -> None:
        """Verify a link, or take it away."""


class RegistrationStore(Protocol):
    """Newcomers who wait for their approval."""

    def approve(self, act_id: str, school: str, on: date, actor: Actor, now: datetime) -> SchoolAct:
        """Make the pupils active whom a form of the school brought. Raises ``RegisterRuleError`` (A10-1)."""
