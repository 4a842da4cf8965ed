"""Requests to the registry's procedures, cases, evidence, work and histories, as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from gateway.api.models.base import PRINTABLE, Code, Line, Model, Prose, SchoolCode, Version

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
Day = Annotated[date, Field(ge=date(1980, 1, 1), le=date(2099, 12, 31))]
Reason = Annotated[Line, Field(min_length=1, max_length=200)]
Note = Annotated[Prose, Field(max_length=500)]
After = Annotated[Line, Field(max_length=80)]
Limit = Annotated[int, Field(ge=1, le=200)]
RawText = Annotated[str, Field(max_length=2000, pattern=PRINTABLE)]
RawValue = RawText | bool | Annotated[int, Field(ge=0, le=10**9)] | None
RuleId = Annotated[str, Field(pattern=r"^[AS][0-9]{1,2}(-[0-9]{1,2})?$|^S-[0-9]$")]
Plain = str | int | bool | None


class DraftIn(Model):
    """A request as it is typed; ``GET /v1/registry/procedures`` says which values a kind takes."""

    kind: Code
    school: SchoolCode
    """The school for which it is opened: of a transfer the receiving one."""
    on: Day
    """The day of the event."""
    applied_on: Day
    """The day on which the guardian applied."""
    student_id: Code | None = None
    values: Annotated[dict[Name, RawValue], Field(max_length=200, default_factory=dict)]
    evidence: Annotated[list[Code], Field(max_length=50, default_factory=list)]
    """Ids of files handed in before (``POST /v1/registry/evidence``)."""
    version: Version | None = None
    """The version of the record that the caller saw."""


class CaseIn(DraftIn):
    """A request to be opened."""

    key: Annotated[Code, Field(min_length=8)]
    """The caller's mark of this submission: the same key again gives the same case and changes nothing."""


class CaseDecisionIn(Model):
    """A decision of a step that waits for the caller's unit."""

    step: Code
    decision: Literal["agree", "refuse"]
    version: Version
    """The version of the case that the caller saw."""
    note: Note = ""
    """Needed for a refusal."""


class CaseWithdrawalIn(Model):
    """An open case is taken back."""

    version: Version
    note: Note = ""


class CaseListIn(Model):
    """Which cases are listed."""

    status: Literal["open", "completed", "refused", "withdrawn"] | None = None
    kind: Code | None = None
    after: After = ""
    limit: Limit = 50


class WorkListIn(Model):
    """Which work is listed: the unit's, or what is given to the caller."""

    mine: bool = False
    after: After = ""
    limit: Limit = 50


class AssignmentIn(Model):
    """A work item is given to a person of the unit, or to nobody."""

    source: Literal["case", "clock", "matter"]
    id: Code
    account: Code | None = None


class EvidenceIn(Model):
    """What a file proves, and who issued it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    kind: Code
    issuer_kind: Literal[
        "hospital", "police", "civil-affairs", "housing", "education", "committee", "school", "guardian", "other"
    ] = "other"
    issuer_level: Literal["", "township", "county", "city", "province", "state"] = ""
    issued_on: Day | None = None
    student_id: Code | None = None


class HistoryIn(Model):
    """Why a history is read; it is recorded."""

    reason: Reason


class LocationIn(Model):
    """Whom a receiving school looks for; number and name must both be right (A16-2)."""

    id_number: Annotated[Line, Field(min_length=4, max_length=40)]
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    reason: Reason


class ExceptionIn(Model):
    """An exception from a PRINCIPLE rule, for one request of one pupil."""

    rule: RuleId
    draft: DraftIn
    reason: Annotated[Prose, Field(min_length=1, max_length=500)]
    evidence: Code


class PartyOut(Model):
    """Who acts."""

    party: str
    zh: str


class ChoiceOut(Model):
    """One value that can be chosen."""

    code: str
    zh: str
    en: str


class ConditionOut(Model):
    """A value is required only where another one is one of these."""

    name: str
    values: list[str]


class ValueSpecOut(Model):
    """One value that a procedure takes."""

    name: str
    type: Literal["text", "date", "integer", "boolean", "choice", "school", "division", "grade"]
    zh: str
    en: str
    required: bool
    personal: bool
    """It may hold something of a person: it is kept under seal."""
    when: ConditionOut | None
    longest: int
    choices: list[ChoiceOut]


class ProcedureOut(Model):
    """One kind of request."""

    kind: str
    zh: str
    en: str
    chapter: int
    article: str
    subject: Literal["student", "new", "none"]
    """An existing pupil, a new record, or no record at all."""
    opened_by: list[PartyOut]
    opens_in: list[str]
    """States of the record in which it can be opened; empty: any that is not final."""
    needs_evidence: bool
    values: list[ValueSpecOut]


class EvidenceKindOut(Model):
    """A kind of evidence, who issues it, and as what sort of file it is taken."""

    code: str
    zh: str
    en: str
    issuers: list[str]
    media_types: list[str]


class ProcedureList(Model):
    """All procedures, by chapter, and all kinds of evidence."""

    items: list[ProcedureOut]
    evidence_kinds: list[EvidenceKindOut]


class RuleResultOut(Model):
    """What one rule says of one request."""

    rule: str
    status: Literal["passed", "failed", "exception_possible", "excepted"]
    title: str
    title_zh: str
    needed: str
    needed_zh: str
    ask: str | None
    """Who can help, or may grant an exception."""
    ask_zh: str | None
    evidence: str | None
    """The kind of evidence that is missing, if that is the reason."""


class ExplanationOut(Model):
    """What every rule says of a draft, failures first."""

    accepted: bool
    results: list[RuleResultOut]


class StepOut(Model):
    """One step of a case."""

    name: str
    party: str
    party_zh: str
    act: str
    act_zh: str
    order: int
    rule: str
    unit: str
    """School or division code; empty for the guardian."""
    state: Literal["ahead", "waiting", "agreed", "refused"]
    reached: date | None
    due: date | None
    """The last day in time."""
    provisional: bool
    """The due date lies in a year whose holidays are not published yet."""
    days: int | None
    """Working days of the party."""
    done_on: date | None
    done_at: datetime | None
    done_by: str | None
    late: bool
    note: str
    head: str | None
    registrar: str | None


class EvidenceOut(Model):
    """A file that was handed in."""

    id: str
    kind: str
    issuer_kind: str
    issuer_level: str
    issued_on: date | None
    sha256: str


class CaseOut(Model):
    """A request on its way."""

    id: str
    kind: str
    zh: str
    en: str
    status: Literal["open", "completed", "refused", "withdrawn"]
    version: int
    school: str
    student_id: str | None
    on: date
    applied_on: date
    values: dict[str, Plain]
    opened_by: str
    opened_at: datetime
    changed_by: str
    changed_at: datetime | None
    closed_on: date | None
    closing_note: str
    steps: list[StepOut]
    evidence: list[EvidenceOut]
    results: list[RuleResultOut]


class CaseLineOut(Model):
    """A case in a list."""

    id: str
    kind: str
    zh: str
    status: str
    school: str
    student_id: str | None
    name_masked: str | None
    opened_at: datetime


class CaseList(Model):
    """Cases, newest first."""

    items: list[CaseLineOut]
    next_after: str | None
    """Give it as ``after`` for the next page."""


class WorkItemOut(Model):
    """Something that waits for a unit."""

    source: Literal["case", "clock", "matter"]
    id: str
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
    name_masked: str | None
    school: str | None


class WorkOut(Model):
    """A page of work, most urgent first, and the counts of all of it."""

    items: list[WorkItemOut]
    total: int
    overdue: int
    next_after: str | None


class TransitionOut(Model):
    """One change of state (S-4)."""

    before: str | None
    after: str
    on: date
    entered_at: datetime
    ground: str
    case_id: str | None
    school: str
    actor: str
    unit: str
    head: str | None
    registrar: str | None
    evidence: list[str]
    """SHA-256 of each item."""


class MembershipOut(Model):
    """A school that held the record."""

    school: str
    name: str
    since: date
    until: date | None


class EntryOut(Model):
    """An entry of the archive; ``text`` is what lay under seal, for who may see it."""

    id: str
    kind: str
    on: date
    entered_at: datetime
    case_id: str | None
    supersedes: str | None
    data: dict[str, Plain]
    text: dict[str, Plain]


class LifeOut(Model):
    """The whole life of a record, oldest first."""

    student_id: str
    state: str
    version: int
    transitions: list[TransitionOut]
    memberships: list[MembershipOut]
    entries: list[EntryOut]
    cases: list[CaseOut]


class LocatedOut(Model):
    """A pupil found for a school that is to receive the record."""

    student_id: str
    version: int
    school: str
    state: str
    grade: str
    name_masked: str | None


class ExceptionOut(Model):
    """An exception that was granted."""

    id: str
    rule: str
    kind: str
    student_id: str
    unit: str
    granted_by: str
    at: datetime
    evidence: str
    used_by: str | None
