"""Whole-school acts, matters, plans, links and the exchange, as JSON. No name and no number of a pupil is in any."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from gateway.api.models.base import Code, Division, Line, Model, Prose, SchoolCode, Version

Day = Annotated[date, Field(ge=date(1980, 1, 1), le=date(2099, 12, 31))]
Year = Annotated[int, Field(ge=2000, le=2099)]
Unit = SchoolCode | Division
After = Annotated[Line, Field(max_length=80)]
Limit = Annotated[int, Field(ge=1, le=200)]
Note = Annotated[Prose, Field(max_length=500)]
Reason = Annotated[Line, Field(min_length=1, max_length=200)]
RuleId = Annotated[str, Field(pattern=r"^A[0-9]{1,2}-[0-9]{1,2}$")]
Result = Literal["person-record", "hollow", "formalities-missing", "data-wrong"]


class TermVerificationIn(Model):
    """The register of a school as it was verified this term: every pupil is consistent but for those named."""

    school: SchoolCode
    deviations: Annotated[dict[Code, Result], Field(max_length=20_000, default_factory=dict)]
    """Id of the record -> what was found."""


class TermVerificationOut(Model):
    """A verification of one school in one term."""

    id: str
    school_code: str
    school_year: int
    semester: int
    on: date
    counts: bool
    """False: made earlier than one month after the start of the term."""
    signed_by: str
    totals: dict[str, int]
    checked_by: str | None
    checked_on: date | None
    matters: int | None = None
    """How many matters it opened; only in the answer to the act."""


class VerificationListIn(Model):
    """Which verifications are listed."""

    school: SchoolCode | None = None
    school_year: Year | None = None


class VerificationList(Model):
    """Verifications, newest first, and the schools that owe the one of this term."""

    items: list[TermVerificationOut]
    owing: list[str]


class PeriodIn(Model):
    """A period of a school, both days included."""

    school: SchoolCode
    since: Day
    until: Day


class ChangesOut(Model):
    """The changes of a school in a period, by the state they led to, with the mark of the check."""

    school_code: str
    since: date
    until: date
    changes: dict[str, int]
    checked_by: str | None
    checked_on: date | None


class QualityIn(Model):
    """Of which school; all that the caller reaches without."""

    school: SchoolCode | None = None


class QualityOut(Model):
    """The four measures in parts of a thousand; null of nothing."""

    records: int
    completeness: int | None
    accuracy: int | None
    continuity: int | None
    truth: int | None
    missing: dict[str, int]
    wrong: dict[str, int]


class PromotionIn(Model):
    """A school whose grades move up for a school year."""

    school: SchoolCode
    school_year: Year


class ClassPlacementIn(Model):
    """A starting grade whose newcomers are spread over classes."""

    school: SchoolCode
    grade: Code
    classes: Annotated[int, Field(ge=1, le=99)]


class MergerIn(Model):
    """A school and the one that it becomes part of."""

    school: SchoolCode
    into: SchoolCode


class ClosureIn(Model):
    """A school without pupils, and who takes its archives: a department or the school that it names."""

    school: SchoolCode
    to_unit: Unit


class SchoolIn(Model):
    """One school."""

    school: SchoolCode


class SchoolActOut(Model):
    """An act on a whole school with its count."""

    id: str
    kind: str
    school_code: str
    to_unit: str | None
    on: date
    actor: str
    unit: str
    pupils: int
    details: dict[str, str | int | list[str] | dict[str, int] | dict[str, dict[str, int]] | None]
    """Codes, days, numbers, ids of records."""


class SchoolActList(Model):
    """Acts on a school, newest first."""

    items: list[SchoolActOut]


class MatterIn(Model):
    """A matter to be followed up."""

    kind: Literal["dropout", "person-record", "hollow-record", "fraud", "special-case"]
    school: SchoolCode
    student_id: Code | None = None
    text: Note = ""


class OrderIn(Model):
    """An order to correct a finding of Art. 51."""

    code: Annotated[str, Field(pattern=r"^51-[1-9]$")]
    unit: Unit
    due: Day
    text: Annotated[Note, Field(min_length=1)]
    rule: RuleId | None = None
    """Needed for (八) and (九), which name no rule."""
    student_id: Code | None = None


class MatterActIn(Model):
    """What is done with a matter: ``assign`` takes an account, ``note`` and ``close`` take a text."""

    act: Literal["assign", "note", "escalate", "close"]
    version: Version
    text: Note = ""
    account: Code | None = None


class MatterOut(Model):
    """A matter. Its texts are there only when one is read by itself."""

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
    state: str
    escalated_to: str | None
    assignee: str | None
    closed_on: date | None
    closed_by: str | None
    version: int
    order: str
    result: str
    notes: list[list[str]]
    """Time, account, text."""


class MatterListIn(Model):
    """Which matters are listed."""

    state: Literal["open", "closed"] = "open"
    kind: Code | None = None
    after: After = ""
    limit: Limit = 50


class MatterList(Model):
    """Matters by id, without their texts."""

    items: list[MatterOut]


class PlanIn(Model):
    """Of which school and year an admission list is."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    school: SchoolCode
    school_year: Year


class PlanOut(Model):
    """What became of an admission list: rows by number, never what they hold."""

    school_code: str
    school_year: int
    added: int
    known: int
    unknown_rows: list[int]


class LinkListIn(Model):
    """Which links of guardians are listed: by default those that wait for the school."""

    school: SchoolCode
    verified: bool = False


class LinkOut(Model):
    """A guardian's account and a pupil, masked."""

    account: str
    student_id: str
    name_masked: str | None
    verified_on: date | None
    verified_by: str | None


class LinkList(Model):
    """Links of guardians."""

    items: list[LinkOut]


class LinkDecisionIn(Model):
    """Whether a link is one."""

    school: SchoolCode
    account: Code
    student_id: Code
    accepted: bool


class ExportIn(Model):
    """Which register is exported, and why; the reason is recorded."""

    reason: Reason
    school: SchoolCode | None = None
    layout: Literal["xlsx", "csv"] = "xlsx"


class NationalFileIn(Model):
    """How to take a national file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    apply: bool = False
    """Take national values over where they differ."""


class ReconciliationOut(Model):
    """What comparing gave: counts of records, and of records by field that differs."""

    file_sha256: str
    schools: int
    in_step: int
    differs: int
    only_here: int
    only_there: int
    rejected: int
    fields: dict[str, int]
    numbers: int
    applied: int


class DifferenceListIn(Model):
    """Which records that are not in step are listed."""

    state: Literal["differs", "only-here"] | None = None
    after: After = ""
    limit: Limit = 100


class DifferenceOut(Model):
    """A record that is not in step: names of fields, no values."""

    student_id: str
    name_masked: str | None
    school_code: str
    state: str
    fields: list[str]
    checked_at: datetime


class DifferenceList(Model):
    """Records that are not in step, and how many national records are not here, by school."""

    items: list[DifferenceOut]
    only_there: dict[str, int]
