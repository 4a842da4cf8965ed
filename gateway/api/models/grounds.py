"""Legal grounds as JSON: what is recorded, what is tried, and what was frozen."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import Code, Line, Model, Prose, Version, listed, set_of
from gateway.policies.ground_problems import GroundProblem
from gateway.policies.grounds import government_level
from gateway.policies.records import GovernmentApproval, Ground, Level, StatuteGround
from rulebook.records import Divisions

Act = Literal["reply", "office_document", "minutes", "signed_sheet"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
CreditCode = Annotated[str, Field(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]


class StatuteIn(Model):
    """Art. 50, case (a): a law or regulation of the catalogue, and why this case falls under it."""

    kind: Literal["statute"]
    legal_basis: Code
    """A code of ``GET /v1/legal-bases``; its status must be ``verified``."""
    determined_on: date
    reasoning: Annotated[Prose, Field(max_length=2000)] = ""
    """Why this recipient and this purpose fall under the article; the refusal names it when it is missing."""
    determined_by: Annotated[Line, Field(max_length=120)] = ""
    """Name and post of the officer who determined it; left out, the account that records it."""
    text_sha256: Sha256 | None = None
    """The text that was relied on; left out, the one that stands."""

    def to_record(self) -> Ground:
        """Return the record."""
        return StatuteGround(
            self.legal_basis,
            self.determined_on,
            reasoning=self.reasoning,
            determined_by=self.determined_by,
            text_sha256=self.text_sha256 or "",
        )


class GovernmentApprovalIn(Model):
    """Art. 50, case (b). Members may be left out; the refusal names each that is missing."""

    kind: Literal["government"]
    act: Act
    government: Annotated[Line, Field(max_length=80)] = ""
    division: Annotated[Line, Field(max_length=12)] = ""
    document_number: Annotated[Line, Field(max_length=80)] = ""
    """文号; of a signed sheet the government's registration number, of minutes the number of the meeting will do."""
    signatory: Annotated[Line, Field(max_length=80)] = ""
    dated: date
    valid_to: date
    scope_text: Annotated[Prose, Field(max_length=4000)] = ""
    scan_sha256: Annotated[Line, Field(max_length=64)] = ""
    """Of the scan, as ``POST …/scans`` returns it."""
    fields: Annotated[list[Code], Field(min_length=1, max_length=60)] | None = None
    """Fields that the document names; left out, it names none."""
    levels: Annotated[list[Level], Field(min_length=1, max_length=6)] | None = None
    recipients: Annotated[list[CreditCode], Field(min_length=1, max_length=50)] | None = None
    """Credit codes of the recipients that the document names; left out, it names them in words only."""
    purposes: Annotated[list[Code], Field(min_length=1, max_length=20)] | None = None
    population_text: Annotated[Prose, Field(max_length=2000)] = ""
    """Whose data, in the document's own words."""
    states_consent: bool = False
    """Whether a document of the government's office says that the government agreed (载明经政府同意)."""
    meeting_date: date | None = None
    """Of minutes: the day of the meeting."""

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
            fields=set_of(self.fields),
            levels=set_of(self.levels),
            recipients=set_of(self.recipients),
            purposes=set_of(self.purposes),
            population_text=self.population_text,
            states_consent=self.states_consent,
            meeting_date=self.meeting_date,
        )


GroundIn = Annotated[StatuteIn | GovernmentApprovalIn, Field(discriminator="kind")]


class BasisIn(Model):
    """A legal ground, as recorded."""

    ground: GroundIn
    version: Version | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class GroundTrialIn(Model):
    """A ground to be tried; nothing is recorded."""

    ground: GroundIn


class GroundProblemOut(Model):
    """One thing that is wrong with a ground, and what to change."""

    code: str
    rule: str
    detail: str
    detail_zh: str

    @staticmethod
    def of(found: GroundProblem) -> GroundProblemOut:
        """Return the model of a problem."""
        return GroundProblemOut(code=found.code, rule=found.rule, detail=found.en, detail_zh=found.zh)


class GroundTrialOut(Model):
    """Whether a ground would be taken."""

    holds: bool
    problems: list[GroundProblemOut]


class StatuteOut(Model):
    """A law or regulation as it was recorded: frozen."""

    kind: Literal["statute"]
    legal_basis: str
    article: str
    text_sha256: str
    """SHA-256 of the held text that was relied on."""
    determined_on: date
    determined_by: str
    reasoning: str


class ApprovalOut(Model):
    """A government's approval as it was recorded: frozen."""

    kind: Literal["government"]
    act: Act
    government: str
    division: str
    level: Literal["state", "province", "city", "county"] | None
    """Of the government, by its division code."""
    document_number: str
    signatory: str
    dated: date
    valid_to: date
    scope_text: str
    population_text: str
    scan_sha256: str
    fields: list[str] | None
    levels: list[str] | None
    recipients: list[str] | None
    purposes: list[str] | None
    states_consent: bool
    meeting_date: date | None


GroundOut = StatuteOut | ApprovalOut


def ground_out(ground: Ground, divisions: Divisions) -> GroundOut:
    """Return the model of a recorded ground."""
    if isinstance(ground, StatuteGround):
        return StatuteOut(
            kind="statute",
            legal_basis=ground.legal_basis,
            article=ground.article,
            text_sha256=ground.text_sha256,
            determined_on=ground.determined_on,
            determined_by=ground.determined_by,
            reasoning=ground.reasoning,
        )
    named = ground.recipients if ground.recipient is None else frozenset({ground.recipient})
    return ApprovalOut(
        kind="government",
        act=ground.act,
        government=ground.government,
        division=ground.division,
        level=government_level(ground.division, divisions),
        document_number=ground.document_number,
        signatory=ground.signatory,
        dated=ground.dated,
        valid_to=ground.valid_to,
        scope_text=ground.scope_text,
        population_text=ground.population_text,
        scan_sha256=ground.scan_sha256,
        fields=listed(ground.fields),
        levels=listed(ground.levels),
        recipients=listed(named),
        purposes=listed(ground.purposes),
        states_consent=ground.states_consent,
        meeting_date=ground.meeting_date,
    )


class RecordedGroundOut(Model):
    """The ground of an application, with who recorded and confirmed it and whether its scan is held."""

    application: str
    ground: GroundOut | None
    recorder: str | None
    confirmer: str | None
    scan_held: bool | None
    """Whether the scan of an approval is held here; null for a law, and where this face cannot tell."""
