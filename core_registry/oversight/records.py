"""What the oversight of the registry takes and gives: whole-school acts, clocks, matters, plans, the exchange.

Nothing of a person is in a ``repr``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from core_registry.domain.verification import QualityCounts, QualityScore

MatterState = Literal["open", "closed"]
ActKind = Literal["promotion", "class-placement", "merger", "closure", "change-check"]
LinkState = Literal["in-step", "differs", "only-here", "only-there"]


@dataclass(frozen=True, slots=True)
class Night:
    """What one pass over the clocks did; all zero when it was done before on the same day."""

    day: date
    recomputed: int = 0
    """Provisional deadlines that a holiday notice made final or moved (T-7)."""
    overdue: int = 0
    """Clocks that became overdue."""
    steps: int = 0
    """Steps of cases of which an alert was raised."""
    units: int = 0
    """Units that were told of something overdue."""
    no_shows: int = 0
    """Drop-out matters opened for pupils who did not come (A14-1)."""
    lapsed: int = 0
    """Drop-out matters opened after an expired suspension (A33-1)."""
    proposals: int = 0
    """What senior high schools are asked to file (A14-2, A33-1): nothing of it happens by itself."""


@dataclass(frozen=True, slots=True)
class TermVerification:
    """The verification of one school in one term (A49-1). ``counts`` false: made too early in the term."""

    id: str
    school_code: str
    school_year: int
    semester: int
    on: date
    counts: bool
    signed_by: str
    totals: Mapping[str, int]
    """Result -> pupils, and ``pupils`` for all."""
    checked_by: str | None = None
    checked_on: date | None = None


@dataclass(frozen=True, slots=True)
class SchoolAct:
    """An act on a whole school with its count; ``data`` holds codes, days, numbers and lists of record ids."""

    id: str
    kind: str
    school_code: str
    to_unit: str | None
    on: date
    entered_at: datetime
    actor: str
    unit: str
    pupils: int
    data: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Quality:
    """The measures of A4-1 for some schools, and what they were made of; it names no record."""

    records: int
    score: QualityScore
    counts: QualityCounts
    missing: Mapping[str, int]
    """Required field of Annex 1 -> records in which it is empty."""
    wrong: Mapping[str, int]
    """What cannot be -> records: ``birth-in-future``, ``grade-of-another-stage``, ``no-guardian`` …"""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that is followed up, with an owner and an end. ``notes`` are newest last."""

    id: str
    kind: str
    code: str
    rule: str
    student_id: str | None
    school_code: str | None
    owner: str
    opened_on: date
    opened_by: str
    due: date | None
    state: MatterState
    escalated_to: str | None
    assignee: str | None
    closed_on: date | None
    closed_by: str | None
    version: int
    order: str = field(default="", repr=False)
    """The order to correct (责令改正)."""
    result: str = field(default="", repr=False)
    notes: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    """(time, account, text)."""


@dataclass(frozen=True, slots=True)
class NewFinding:
    """A matter that a person opens."""

    kind: str
    rule: str
    owner: str
    school_code: str | None = None
    student_id: str | None = None
    code: str = ""
    due: date | None = None
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One pupil of an admission plan: document number and name as uploaded, in clear."""

    row: int
    id_number: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlanUpload:
    """What became of a plan (A13-2): rows by number, never what they hold."""

    school_code: str
    school_year: int
    added: int
    known: int
    """Stood on the plan before."""
    unknown_rows: tuple[int, ...]
    """No record with this document number and name."""


@dataclass(frozen=True, slots=True)
class GuardianLink:
    """A guardian's account linked to a pupil; without ``verified_on`` it is a request and no link (A7-3)."""

    account: str
    student_id: str
    verified_on: date | None
    verified_by: str | None
    name_masked: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that differs from the national system: which fields, never which values."""

    student_id: str
    school_code: str
    state: str
    fields: tuple[str, ...]
    checked_at: datetime
    name_masked: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What comparing a national file with the register gave: counts of records (A5-2)."""

    file_sha256: str
    schools: int
    in_step: int
    differs: int
    only_here: int
    only_there: int
    rejected: int
    """Rows of the file that cannot be read as a record."""
    fields: Mapping[str, int]
    """Field code -> records in which it differs."""
    numbers: int = 0
    """Provisional numbers replaced by national ones (A6-3)."""
    applied: int = 0
    """Records that took over national values."""
