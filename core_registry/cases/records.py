"""What the desk takes and gives: drafts, work lists, histories. Nothing of a person is in a ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from core_registry.domain.cases import Case, CaseStatus
from core_registry.domain.facts import ArchiveEntry
from core_registry.domain.states import StudentState


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as it comes from a form or the API: ``values`` are raw (texts, JSON), parsed by the procedure's specs.

    ``version`` is the version of the record that the caller saw. ``key`` is the caller's own mark of this submission:
    the same key again gives the same case and changes nothing (double submission). ``evidence`` are ids of files
    handed in before.
    """

    kind: str
    school: str
    on: date
    applied_on: date
    student_id: str | None = None
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    evidence: tuple[str, ...] = ()
    version: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """A file to be handed in. ``issuer_kind`` and ``issuer_level`` as in ``core_registry.domain.facts.Evidence``."""

    kind: str
    issuer_kind: str
    issuer_level: str
    issued_on: date | None
    media_type: str
    content: bytes = field(repr=False)
    student_id: str | None = None


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something that waits for a unit: a step of a case, or a clock that runs (``source``).

    ``state``: ``open``, ``due-soon`` (within three working days), ``overdue``. Masked name from the sharing view.
    """

    source: Literal["case", "clock", "matter"]
    id: str
    """Case id, clock id or matter id."""
    kind: str
    step: str
    unit: str
    rule: str
    reached: date
    due: date | None
    provisional: bool
    state: Literal["open", "due-soon", "overdue"]
    assignee: str | None
    student_id: str | None
    name_masked: str | None = field(default=None, repr=False)
    school_code: str | None = None


@dataclass(frozen=True, slots=True)
class WorkList:
    """A page of a unit's work, most urgent first, and the counts of all of it."""

    items: tuple[WorkItem, ...]
    total: int
    overdue: int
    next_after: str | None
    """Give it as ``after`` for the next page."""


@dataclass(frozen=True, slots=True)
class TransitionLine:
    """One change of state as it stands in the history (S-4): event day and day of entry, persons, article, evidence."""

    before: StudentState | None
    after: StudentState
    on: date
    entered_at: datetime
    ground: str
    case_id: str | None
    school_code: str
    actor: str
    unit: str
    head: str | None
    """Account of the unit's first responsible person (校长) on that day (A3-3)."""
    registrar: str | None
    evidence: tuple[str, ...]
    """SHA-256 of the evidence."""


@dataclass(frozen=True, slots=True)
class MembershipLine:
    """A school that held the record, from when to when."""

    school_code: str
    school_name: str
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class History:
    """The whole life of a record, oldest first; reading it was recorded before (A50-4)."""

    student_id: str
    state: StudentState
    version: int
    transitions: tuple[TransitionLine, ...]
    memberships: tuple[MembershipLine, ...]
    entries: tuple[ArchiveEntry, ...] = field(repr=False)
    cases: tuple[Case, ...] = field(repr=False)
    texts: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    """Entry id -> what lay under seal, for who may see it."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list."""

    id: str
    kind: str
    status: CaseStatus
    school_code: str
    student_id: str | None
    opened_at: datetime
    name_masked: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Located:
    """A pupil found by document number and name together, for a school that does not hold the record (A16-2)."""

    student_id: str
    version: int
    school_code: str
    state: StudentState
    grade: str
    name_masked: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExceptionGrant:
    """An exception from a PRINCIPLE rule: who granted it, on what reason and evidence; used once, by one request."""

    id: str
    rule: str
    kind: str
    student_id: str
    unit: str
    granted_by: str
    at: datetime
    evidence: str
    reason: str = field(repr=False)
    used_by: str | None = None
