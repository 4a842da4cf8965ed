"""Applications, grounds and decisions as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Division, Line, Model, Prose, SchoolCode, Text, Version, listed, set_of
from gateway.policies.records import Application, GovernmentApproval, Ground, Level, Population, Scope, StatuteGround
from gateway.policies.service import ApplicationDraft


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

    def to_draft(self) -> ApplicationDraft:
        """Return what the service takes."""
        return ApplicationDraft(
            recipient_name=self.recipient_name,
            responsible=self.responsible,
            scope=self.scope.to_record(),
            reason=self.reason,
            protection=self.protection,
            terms_accepted=self.terms_accepted,
        )


class ApplicationIn(ApplicationBody):
    """An application for data, on behalf of the caller's own recipient."""

    draft: bool = False
    """Keep it as a draft; otherwise it is submitted at once."""


class ApplicationEditIn(ApplicationBody):
    """What a draft or a returned application shall say instead; it is submitted by an act of its own."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class HistoryOut(Model):
    """One step."""

    at: datetime
    account: str
    act: str
    comment: str


class StatuteIn(Model):
    """Art. 50, case (a)."""

    kind: Literal["statute"]
    legal_basis: Code
    determined_on: date

    def to_record(self) -> Ground:
        """Return the record."""
        return StatuteGround(self.legal_basis, self.determined_on)


class GovernmentApprovalIn(Model):
    """Art. 50, case (b). Members may be left out; the refusal names each that is missing."""

    kind: Literal["government"]
    act: Literal["reply", "office_document", "minutes", "signed_sheet"]
    government: Annotated[Line, Field(max_length=80)] = ""
    division: Annotated[Line, Field(max_length=12)] = ""
    document_number: Annotated[Line, Field(max_length=80)] = ""
    signatory: Annotated[Line, Field(max_length=80)] = ""
    dated: date
    valid_to: date
    scope_text: Annotated[Prose, Field(max_length=4000)] = ""
    scan_sha256: Annotated[Line, Field(max_length=64)] = ""

    def to_record(self) -> Ground:
        """Return the record."""
        return GovernmentApproval(
            act=self.act,
            government=self.government,
            division=self.division,
            document_number=self.document_number,
            signatory=self.signatory,
            dated=self.dated,
            valid_to=self.valid_to,
            scope_text=self.scope_text,
            scan_sha256=self.scan_sha256,
        )


GroundIn = Annotated[StatuteIn | GovernmentApprovalIn, Field(discriminator="kind")]


class BasisIn(Model):
    """A legal ground, as recorded."""

    ground: GroundIn
    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


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

    @staticmethod
    def of(record: Application) -> ApplicationOut:
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
            history=[HistoryOut(at=e.at, account=e.account, act=e.act, comment=e.comment) for e in record.history],
        )


class SubmissionIn(Model):
    """Submit a draft or a returned application."""

    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ApplicationList(Model):
    """Applications that the caller may see, newest first."""

    items: list[ApplicationOut]
