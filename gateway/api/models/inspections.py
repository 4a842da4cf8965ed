"""Inspection cases and orders to correct as JSON (Art. 51)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.api.models.base import PRINTABLE, Code, Line, Model, Text, Version
from gateway.audit.alerts_records import AlertId
from gateway.inspections.records import (
    Case,
    CaseEvent,
    CaseFile,
    CaseFinding,
    CaseId,
    CaseQuery,
    CaseState,
    FromAlert,
    FromChain,
    FromEntry,
    OrderView,
    Source,
    Subject,
    SubjectKind,
)

Days = Annotated[int, Field(ge=1, le=60)]
"""Working days, the first one not counted."""
Index = Annotated[int, Field(ge=0, le=2**53)]
Note = Annotated[str, Field(max_length=2000, pattern=PRINTABLE)]
BodyCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{6,18}$")]
Act = Literal[
    "opened", "evidence_added", "noted", "ordered", "extended", "answered", "overdue", "hold_set", "hold_lifted",
    "closed",
]  # fmt: skip


class InspectionQueryIn(Model):
    """Which cases; every member that is given is one more condition."""

    state: Literal["open", "ordered", "answered", "closed", "unclosed"] | None = None
    overdue: Literal["true", "false"] = "false"
    """Only those whose order was to be answered before today."""
    unit: BodyCode | None = None
    recipient: BodyCode | None = None
    after: Code | None = None
    """The last id of the page before."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    @model_validator(mode="after")
    def _one_body(self) -> InspectionQueryIn:
        if self.unit is not None and self.recipient is not None:
            raise ValueError("give a unit or a recipient, not both")
        return self

    def to_query(self, today: date) -> CaseQuery:
        """Return the query; what is overdue is so on ``today``."""
        subject = None
        if self.unit is not None:
            subject = Subject(SubjectKind.UNIT, self.unit)
        elif self.recipient is not None:
            subject = Subject(SubjectKind.RECIPIENT, self.recipient)
        return CaseQuery(
            state=None if self.state in {None, "unclosed"} else CaseState(self.state),
            unclosed=self.state == "unclosed",
            overdue_on=today if self.overdue == "true" else None,
            subject=subject,
            after=None if self.after is None else CaseId(self.after),
            limit=self.limit,
        )


class InspectionSourceIn(Model):
    """Where the case comes from: exactly one member is given."""

    alert: Code | None = None
    entry: Index | None = None
    """An entry of the log; of kind ``release.traced`` the result of a trace."""
    application: Code | None = None
    grant: Code | None = None
    extract: Code | None = None

    @model_validator(mode="after")
    def _one(self) -> InspectionSourceIn:
        if (
            sum(value is not None for value in (self.alert, self.entry, self.application, self.grant, self.extract))
            != 1
        ):
            raise ValueError("give exactly one of alert, entry, application, grant, extract")
        return self

    def to_source(self) -> Source:
        """Return where the case comes from."""
        if self.alert is not None:
            return FromAlert(AlertId(self.alert))
        if self.entry is not None:
            return FromEntry(self.entry)
        if self.application is not None:
            return FromChain("application", self.application)
        if self.grant is not None:
            return FromChain("grant", self.grant)
        return FromChain("extract", self.extract or "")


class InspectionSubject(Model):
    """The body that is inspected: a school or department by its code, or a recipient by its credit code."""

    kind: SubjectKind
    code: BodyCode


class InspectionIn(Model):
    """A new case."""

    subject: InspectionSubject
    source: InspectionSourceIn
    title: Annotated[Line, Field(min_length=1, max_length=100)]
    note: Note = ""
    """What the first evidence shows, in words."""


class InspectionEvidenceIn(Model):
    """One more entry as evidence."""

    entry: Index
    note: Note = ""
    version: Version | None = None
    """The version that was seen; left out, the present one. Likewise below."""


class InspectionNoteIn(Model):
    """A note on the case."""

    text: Text
    version: Version | None = None


class CorrectionOrderIn(Model):
    """An order to correct."""

    codes: Annotated[list[Code], Field(min_length=1, max_length=9)]
    """Situations of Art. 51, as ``51-7``."""
    text: Text
    days: Days
    version: Version | None = None


class InspectionExtensionIn(Model):
    """More working days for an order."""

    days: Days
    reason: Text
    version: Version | None = None


class InspectionHoldIn(Model):
    """Evidence that guardians see only later."""

    entries: Annotated[list[Index], Field(min_length=1, max_length=500)]
    days: Days
    reason: Text
    version: Version | None = None


class InspectionLiftIn(Model):
    """The end of a hold before its day."""

    reason: Text
    version: Version | None = None


class InspectionClosureIn(Model):
    """What was found."""

    finding: CaseFinding
    text: Text
    version: Version | None = None


class CorrectionAnswerIn(Model):
    """What the body has corrected, and how."""

    text: Text
    version: Version | None = None


class InspectionOut(Model):
    """An inspection case."""

    id: str
    subject: InspectionSubject
    source: str
    """As ``alert al-…``, ``entry 41``, ``grant gr-…``."""
    title: str
    state: CaseState
    opened_at: datetime
    opened_by: str
    codes: list[str]
    order: str
    ordered_at: datetime | None
    due: date | None
    """Last day of the order."""
    late: bool
    finding: CaseFinding | None
    closed_at: datetime | None
    version: int

    @classmethod
    def of(cls, case: Case, today: date) -> InspectionOut:
        """Return a case as JSON."""
        return cls.model_validate(_members(case, today))


class InspectionEvidenceOut(Model):
    """An entry that proves something, with the receipt of when it was added (``c2sp.org/tlog-proof@v1``)."""

    entry: int
    note: str
    added_at: datetime
    added_by: str
    receipt: str


class InspectionEventOut(Model):
    """One step of a case."""

    at: datetime
    account: str | None
    act: Act
    text: str

    @classmethod
    def of(cls, event: CaseEvent) -> InspectionEventOut:
        """Return a step as JSON."""
        return cls(at=event.at, account=event.account, act=event.act, text=event.text)


class InspectionHoldOut(Model):
    """Entries that guardians see after ``until``."""

    id: str
    entries: list[int]
    until: date
    reason: str
    set_at: datetime
    set_by: str
    lifted_at: datetime | None


class InspectionFileOut(InspectionOut):
    """A case with all that belongs to it."""

    evidence: list[InspectionEvidenceOut]
    history: list[InspectionEventOut]
    holds: list[InspectionHoldOut]

    @classmethod
    def of_file(cls, file: CaseFile, today: date) -> InspectionFileOut:
        """Return a case file as JSON."""
        evidence = [
            InspectionEvidenceOut(
                entry=one.index, note=one.note, added_at=one.added_at, added_by=one.added_by, receipt=one.receipt
            )
            for one in file.evidence
        ]
        holds = [
            InspectionHoldOut(
                id=one.id,
                entries=list(one.entries),
                until=one.until,
                reason=one.reason,
                set_at=one.set_at,
                set_by=one.set_by,
                lifted_at=one.lifted_at,
            )
            for one in file.holds
        ]
        history = [InspectionEventOut.of(event) for event in file.events]
        return cls.model_validate(
            {**_members(file.case, today), "evidence": evidence, "history": history, "holds": holds}
        )


class InspectionList(Model):
    """Cases, newest first; ``after`` asks for the next page."""

    items: list[InspectionOut]
    after: str | None


class CorrectionOrderOut(Model):
    """An order to correct as the body that answers sees it."""

    case: str
    state: CaseState
    codes: list[str]
    order: str
    ordered_at: datetime | None
    due: date | None
    late: bool
    finding: CaseFinding | None
    answers: list[InspectionEventOut]
    version: int

    @classmethod
    def of(cls, view: OrderView, today: date) -> CorrectionOrderOut:
        """Return an order as JSON."""
        case = view.case
        return cls(
            case=case.id,
            state=case.state,
            codes=list(case.codes),
            order=case.order,
            ordered_at=case.ordered_at,
            due=case.due,
            late=case.late(today),
            finding=case.finding,
            answers=[InspectionEventOut.of(one) for one in view.answers],
            version=case.version,
        )


class CorrectionOrderList(Model):
    """Orders to the caller's own body, newest first."""

    items: list[CorrectionOrderOut]


def _members(case: Case, today: date) -> dict[str, object]:
    return {
        "id": case.id,
        "subject": InspectionSubject(kind=case.subject.kind, code=case.subject.code),
        "source": case.source,
        "title": case.title,
        "state": case.state,
        "opened_at": case.opened_at,
        "opened_by": case.opened_by,
        "codes": list(case.codes),
        "order": case.order,
        "ordered_at": case.ordered_at,
        "due": case.due,
        "late": case.late(today),
        "finding": case.finding,
        "closed_at": case.closed_at,
        "version": case.version,
    }
