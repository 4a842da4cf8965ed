"""Applications, grounds and decisions as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Division, Line, Model, Prose, SchoolCode, Text, Version, listed, set_of
from gateway.errors import GatewayError
from gateway.policies.phases import application_phase
from gateway.policies.records import Application, Comment, HistoryEvent, Level, Population, Scope
from gateway.policies.service import ApplicationDraft
from rulebook.records import SecurityTerms


class PopulationIn(Model):
    """Whose data."""

    territory: Division
    stages: Annotated[list[Literal["primary", "junior", "senior"]], Field(max_length=3)] | None = None
    grades: Annotated[list[Code], Field(max_length=100)] | None = None
    schools: Annotated[list[SchoolCode], Field(max_length=5000)] | None = None

    def to_record(self) -> Population:
        """Return the record."""
        return Population(self.territory, set_of(self.stages), set_of(self.grades), set_of(self.schools))


class ScopeModel(Model):
    """The six dimensions of a scope (A50-9)."""

    purpose: Code
    profile: Code
    level: Level
    fields: Annotated[list[Code], Field(min_length=1, max_length=60)]
    population: PopulationIn
    valid_from: date
    valid_to: date
    uses: Annotated[int, Field(ge=1, le=10_000_000)]
    row_cap: Annotated[int, Field(ge=1, le=10_000_000)]

    def to_record(self) -> Scope:
        """Return the record."""
        return Scope(
            purpose=self.purpose,
            profile=self.profile,
            level=self.level,
            fields=tuple(sorted(set(self.fields))),
            population=self.population.to_record(),
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            uses=self.uses,
            row_cap=self.row_cap,
        )

    @staticmethod
    def of(scope: Scope) -> ScopeModel:
        """Return the model of a record."""
        where = scope.population
        return ScopeModel.model_validate(
            {
                "purpose": scope.purpose,
                "profile": scope.profile,
                "level": scope.level,
                "fields": list(scope.fields),
                "population": {
                    "territory": where.territory,
                    "stages": listed(where.stages),
                    "grades": listed(where.grades),
                    "schools": listed(where.schools),
                },
                "valid_from": scope.valid_from,
                "valid_to": scope.valid_to,
                "uses": scope.uses,
                "row_cap": scope.row_cap,
            }
        )


class ApplicationBody(Model):
    """What an application says, on behalf of the caller's own recipient."""

    recipient_name: Annotated[Line, Field(min_length=2, max_length=120)]
    responsible: Annotated[Line, Field(min_length=2, max_length=120)]
    scope: ScopeModel
    reason: Text
    protection: Text
    terms_accepted: bool
    terms_version: Annotated[Line, Field(min_length=1, max_length=40)] | None = None
    """Version of the security terms (``GET /v1/terms``) that is accepted; left out, the one in force."""

    def to_draft(self) -> ApplicationDraft:
        """Return what the service takes."""
        return ApplicationDraft(
            recipient_name=self.recipient_name,
            responsible=self.responsible,
            scope=self.scope.to_record(),
            reason=self.reason,
            protection=self.protection,
            terms_accepted=self.terms_accepted,
            terms_version=self.terms_version,
        )


class ApplicationIn(ApplicationBody):
    """An application for data, on behalf of the caller's own recipient."""

    draft: bool = False
    """Keep it as a draft; otherwise it is submitted at once."""


class ApplicationEditIn(ApplicationBody):
    """What a draft or a returned application shall say instead; it is submitted by an act of its own."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ChangeOut(Model):
    """One member that an edit replaced, with both values."""

    member: str
    before: str
    after: str


class HistoryOut(Model):
    """One step."""

    at: datetime
    account: str
    act: str
    comment: str
    post: str
    """Post of the person at that time."""
    on_behalf: str | None
    """Who had delegated the approval under which the person acted."""
    changes: list[ChangeOut]
    """What an edit replaced, member by member."""

    @staticmethod
    def of(event: HistoryEvent) -> HistoryOut:
        """Return the model of a record."""
        return HistoryOut(
            at=event.at,
            account=event.account,
            act=event.act,
            comment=event.comment,
            post=event.post,
            on_behalf=event.on_behalf,
            changes=[ChangeOut(member=one.member, before=one.before, after=one.after) for one in event.changes],
        )


class HindranceOut(Model):
    """Something that the next step would be refused for at this moment."""

    rule: str | None
    detail: str
    detail_zh: str
    missing: list[str]

    @staticmethod
    def of(error: GatewayError) -> HindranceOut:
        """Return the model of the refusal."""
        return HindranceOut(
            rule=error.rule, detail=error.detail, detail_zh=error.detail_zh, missing=list(error.missing)
        )


class CommentIn(Model):
    """A remark to the other side. No telephone, ID number or student number."""

    text: Text


class CommentOut(Model):
    """A remark of one side; ``side`` is ``recipient`` or ``office``."""

    at: datetime
    account: str
    post: str
    side: str
    text: str
    on_behalf: str | None

    @staticmethod
    def of(record: Comment) -> CommentOut:
        """Return the model of a record."""
        return CommentOut(
            at=record.at,
            account=record.account,
            post=record.post,
            side=record.side,
            text=record.text,
            on_behalf=record.on_behalf,
        )


class CommentList(Model):
    """The remarks on an application, the oldest first."""

    items: list[CommentOut]


class TermsVersionOut(Model):
    """A version of the security terms by name and hash."""

    version: str
    effective: date
    sha256: str


class TermsOut(Model):
    """The security terms in force, and all versions there have been."""

    version: str
    effective: date
    zh: str
    en: str
    sha256: str
    """Over version, Chinese and English text in UTF-8, a blank line between them and a line end after the last."""
    versions: list[TermsVersionOut]

    @staticmethod
    def of(now: SecurityTerms, versions: Sequence[SecurityTerms]) -> TermsOut:
        """Return the model of the records."""
        return TermsOut(
            version=now.version,
            effective=now.effective,
            zh=now.zh,
            en=now.en,
            sha256=now.sha256,
            versions=[
                TermsVersionOut(version=one.version, effective=one.effective, sha256=one.sha256) for one in versions
            ],
        )


class ApplicationQuery(Model):
    """Which applications are listed."""

    state: (
        Literal["draft", "submitted", "returned", "basis_recorded", "confirmed", "granted", "refused", "withdrawn"]
        | None
    ) = None
    overdue: bool = False
    """Only those whose present step should have been done by now, the longest waiting first."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class TakeBackIn(Model):
    """Take an own application back before it is decided."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""
    reason: Annotated[Prose, Field(max_length=2000)] = ""


class ConfirmationIn(Model):
    """Another officer's confirmation of the ground."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""
    comment: Annotated[Prose, Field(max_length=2000)] = ""


class DecisionIn(Model):
    """The approving officer's decision. ``narrowed`` goes with ``narrow`` and may only be smaller."""

    decision: Literal["approve", "narrow", "return", "refuse"]
    reason: Annotated[Prose, Field(max_length=2000)] = ""
    """Needed for all but ``approve``."""
    narrowed: ScopeModel | None = None
    dry_run: Code | None = None
    """Id of the dry run that the approver saw; it must have measured what is granted."""
    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ApplicationOut(Model):
    """An application as its parties see it."""

    id: str
    state: str
    applicant: str
    recipient: str
    recipient_name: str
    responsible: str
    unit: str
    scope: ScopeModel
    reason: str
    protection: str
    created_at: datetime
    ground_kind: str | None
    ground_recorder: str | None
    ground_confirmer: str | None
    approver: str | None
    decision_reason: str
    grant_id: str | None
    version: int
    history: list[HistoryOut]
    round: int
    """How often it was submitted; 2 after the first resubmission."""
    phase: str
    """As ``state``, but ``resubmitted`` from the second round on and ``lapsed`` where a return was not answered."""
    due: date | None
    """Last day of the present step, working days after it began."""
    overdue: bool
    terms_version: str
    """Version of the security terms that was accepted."""
    ground_recorder_for: str | None
    """Who had delegated to the recorder; both count for the separation of duties. Likewise below."""
    ground_confirmer_for: str | None
    approver_for: str | None
    hindrances: list[HindranceOut]
    """What the next step would be refused for at this moment; told of a single application only."""

    @staticmethod
    def of(
        record: Application,
        *,
        due: date | None = None,
        overdue: bool = False,
        hindrances: Sequence[GatewayError] = (),
    ) -> ApplicationOut:
        """Return the model of a record."""
        return ApplicationOut(
            id=record.id,
            state=record.state,
            applicant=record.applicant,
            recipient=record.recipient,
            recipient_name=record.recipient_name,
            responsible=record.responsible,
            unit=record.unit,
            scope=ScopeModel.of(record.scope),
            reason=record.reason,
            protection=record.protection,
            created_at=record.created_at,
            ground_kind=None if record.ground is None else record.ground.kind,
            ground_recorder=record.ground_recorder,
            ground_confirmer=record.ground_confirmer,
            approver=record.approver,
            decision_reason=record.decision_reason,
            grant_id=record.grant_id,
            version=record.version,
            history=[HistoryOut.of(event) for event in record.history],
            round=record.round,
            phase=application_phase(record),
            due=due,
            overdue=overdue,
            terms_version=record.terms_version,
            ground_recorder_for=record.recorder_for,
            ground_confirmer_for=record.confirmer_for,
            approver_for=record.approver_for,
            hindrances=[HindranceOut.of(error) for error in hindrances],
        )


class SubmissionIn(Model):
    """Submit a draft or a returned application."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ApplicationList(Model):
    """Applications that the caller may see, newest first."""

    items: list[ApplicationOut]
