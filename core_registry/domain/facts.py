"""What is known when a request is judged: frozen values that the store reads in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from core_registry.domain.states import Stage, StudentState
from core_registry.domain.terms import SchoolCalendar, SchoolSystem, stage_of
from core_registry.domain.working_days import WorkCalendar


class EntryKind(StrEnum):
    """What an entry of the electronic archive says. The archive is append-only: an entry is superseded, not edited."""

    ENROLMENT = "enrolment"
    DATA_CHANGE = "data-change"
    """Which fields changed; old and new values lie under seal (S-5)."""
    ASSESSMENT = "assessment"
    """A conclusion of the county's committee (A9-4, A23-2)."""
    PLACEMENT = "placement"
    SUSPENSION = "suspension"
    """``from``, ``until``, ``ground`` (illness, force-majeure, infectious); the reason under seal."""
    RESUMPTION = "resumption"
    """``on``, ``grade``: ends the suspension that ran."""
    CONTACT = "contact"
    """A documented contact with the guardian (A33-1, A35-1): ``channel``, ``about`` (suspension-end, absence,
    arrival)."""
    ABSENCE = "absence"
    """Unexcused absence of a semester: ``school_year``, ``semester``, ``consecutive_days`` (school days in a row),
    ``consecutive_weeks`` (full school weeks in a row), ``total_weeks``."""
    WITHDRAWAL = "withdrawal"
    DEATH = "death"
    TRANSFER = "transfer"
    BACKUP = "backup"
    """The sending school's read-only copy (A19-3), under seal."""
    GRADE = "grade"
    """A grade was set: ``before``, ``after``, ``why`` (promotion, demotion, determination)."""
    ABROAD = "abroad"
    RETURN = "return"
    GRADUATION_CONDITIONS = "graduation-conditions"
    """Seven conditions of Art. 39 as yes or no: ``three_years`` … ``exams_passed``."""
    CLASSIFICATION = "classification"
    """毕业, 结业 or 肄业 as classified and reviewed (A42-1)."""
    CERTIFICATE = "certificate"
    AWARD = "award"
    SANCTION = "sanction"
    """``kind``, ``from``, ``until``; the text under seal."""
    SANCTION_END = "sanction-end"
    """``of`` (entry id), ``on``: revoked or expired."""
    PAPER_COPY = "paper-copy"
    """``printed_by``, ``for_unit``, ``kept_by``, the reason (A5-1)."""
    CORRECTION = "correction"
    NUMBER = "number"
    """A student number was assigned (A6-3); the number itself lies under seal."""
    ADMISSION = "admission"


Plain = str | int | bool | None


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One entry of a pupil's archive: ``on`` is the day of the event, ``entered_at`` when it was written (bitemporal).

    ``data`` holds codes, days (ISO text) and numbers; whatever speaks of a person lies under seal and is not here.
    """

    id: str
    kind: EntryKind
    on: date
    entered_at: datetime
    data: Mapping[str, Plain] = field(repr=False)
    case_id: str | None = None
    supersedes: str | None = None

    def text(self, name: str) -> str:
        """Return a text of the entry, empty when there is none."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def day(self, name: str) -> date | None:
        """Return a day of the entry."""
        value = self.text(name)
        return date.fromisoformat(value) if value else None

    def number(self, name: str) -> int:
        """Return a number of the entry, 0 when there is none."""
        value = self.data.get(name)
        return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of one pupil, oldest entry first; superseded entries are left out by ``current``."""

    entries: tuple[ArchiveEntry, ...] = field(default=(), repr=False)

    def current(self, kind: EntryKind) -> Iterator[ArchiveEntry]:
        """Yield the entries of a kind that no later one supersedes, oldest first."""
        gone = {entry.supersedes for entry in self.entries if entry.supersedes}
        return (entry for entry in self.entries if entry.kind is kind and entry.id not in gone)

    def last(self, kind: EntryKind) -> ArchiveEntry | None:
        """Return the newest current entry of a kind."""
        found = None
        for entry in self.current(kind):
            found = entry
        return found


@dataclass(frozen=True, slots=True)
class StudentFacts:
    """The present row of a record, without names, numbers and addresses."""

    student_id: str
    subject_ref: str
    state: StudentState
    school_code: str
    grade: str
    class_name: str
    birth_date: date = field(repr=False)
    entry_month: str = ""
    id_type: str = field(default="1", repr=False)
    number_kind: str = "G"
    nationality: str = field(default="CHN", repr=False)
    overseas_status: str = field(default="00", repr=False)
    disabled: bool = field(default=False, repr=False)
    placement: str | None = field(default=None, repr=False)
    """Code of ``special_ed_placement``."""
    household_division: str | None = field(default=None, repr=False)
    residence_division: str | None = field(default=None, repr=False)
    member_since: date | None = None
    """From when the present school holds the record."""
    version: int = 0
    """Grows with every change of the record (optimistic locking)."""


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """A school and what a case needs of it.

    ``division`` is its county, ``city`` the city above. ``supervising_dept`` and ``registry_superior`` are division
    codes (A3-1). ``admission_area`` is the 招生区域, empty when it is the city. ``free_places``: grade -> places left
    within the class-size standard (A17-1); a grade without classes is not there.
    """

    code: str
    name: str
    category: str
    division: str
    city: str
    managing_authority: str
    supervising_dept: str
    registry_superior: str
    stages: frozenset[Stage]
    system: SchoolSystem = SchoolSystem.SIX_THREE
    private: bool = False
    closed: bool = False
    admission_area: str = ""
    central_school: str | None = None
    """The 中心校 whose registrar acts for this 教学点 (A3-4)."""
    free_places: Mapping[str, int] = field(default_factory=dict)

    def stage_of(self, grade: str) -> Stage:
        """Return the stage of ``grade`` under the school's system (A20-4)."""
        return stage_of(grade, self.system)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that was handed in: its kind, who issued it at which level, and its SHA-256.

    ``issuer_level``: ``township``, ``county``, ``city``, ``province``, ``state``, or empty for a document that nobody
    issues. ``issuer_kind``: ``hospital``, ``police``, ``civil-affairs``, ``housing``, ``education``, ``committee``,
    ``school``, ``guardian``, ``other``.
    """

    id: str
    kind: str
    issuer_kind: str
    issuer_level: str
    issued_on: date | None
    sha256: str


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case of the same pupil that is still open."""

    case_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The parameters of section 10 that rules read, as they hold in the place concerned."""

    class_size: Mapping[str, int]
    """Stage -> standard class size."""
    entry_age: int = 6
    entry_age_month: int = 8
    entry_age_day: int = 31
    """By which day of the entry year the age must be reached (Q-1)."""
    transfer_days: int = 15
    """Q-13: days of a term in which transfers are accepted (A16-1)."""
    contacts: int = 2
    """How many documented contacts are several (A35-1)."""
    semester_end_weeks: int = 4
    """学期末 begins so many weeks before the last day (Q-19)."""
    objection_days: int = 10
    """Working days in which the superior may object to what was filed (Q-27)."""
    cross_province_days: int = 30
    """Working days of the national system for a transfer across provinces (A19-2)."""
    gaokao_closing: Mapping[int, date] = field(default_factory=dict)
    """School year -> last day of the 高考 registration (A20-3)."""
    strict_last_grade: bool = True
    """Q-6: no suspension in the last grade of senior high school."""
    superior_fields: frozenset[str] = frozenset()
    """Annex 1 fields whose change needs the superior (Q-24)."""
    admission_areas: Mapping[str, str] = field(default_factory=dict)
    """Division -> 招生区域."""


@dataclass(frozen=True, slots=True)
class Post:
    """The post of the person who acts, as filed in the registry (A3-3, A48-1 to A48-3)."""

    account: str
    unit: str
    post: str
    """``registrar`` or ``head`` (校长)."""
    since: date
    until: date | None
    on_establishment: bool
    trained_on: date | None
    filed_on: date | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a check may look at.

    ``today`` is the civil day of judging. ``school`` holds the record (a new record's: the registering one);
    ``receiving`` is the school that a transfer or promotion leads to. ``calendar`` and ``terms`` are those of
    ``school``, ``receiving_terms`` of the receiving one's city. ``exceptions`` are rules for which an exception was
    granted. ``findings`` are codes of the Annex 1 checks for a new or changed form (``core_registry.intake``), errors
    only. ``county_of`` maps any division code to its county, and city.
    """

    today: date
    school: SchoolFacts
    calendar: WorkCalendar
    terms: SchoolCalendar
    policy: Policy
    student: StudentFacts | None = None
    receiving: SchoolFacts | None = None
    receiving_terms: SchoolCalendar | None = None
    archive: Archive = field(default_factory=Archive)
    evidence: tuple[Evidence, ...] = ()
    open_cases: tuple[OpenCase, ...] = ()
    exceptions: frozenset[str] = frozenset()
    findings: tuple[str, ...] = ()
    duplicate: bool = False
    """A record with the same document, or the same name, birth date and guardian's document, exists (A6-1)."""
    on_plan: bool = False
    """The pupil stands on the receiving school's admission plan of the year (A13-2)."""
    guardian_verified: bool = True
    """The guardian who applies has a verified link to the pupil (A7-3); asked only where a guardian applies."""
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Division code -> (county, city) for the divisions that the request names."""

    @property
    def pupil(self) -> StudentFacts:
        """The pupil. Raises ``ValueError`` where a case has none."""
        if self.student is None:
            raise ValueError("this case has no pupil yet")
        return self.student

    @property
    def stage(self) -> Stage:
        """The stage of the pupil under the system of the school that holds the record."""
        return self.school.stage_of(self.pupil.grade)
