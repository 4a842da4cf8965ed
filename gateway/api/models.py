"""What comes in and goes out as JSON. Unknown members are refused; each model knows its record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.policies.records import (
    Application,
    Format,
    GovernmentApproval,
    Grant,
    Ground,
    Level,
    Population,
    Scope,
    StatuteGround,
)
from gateway.policies.service import ApplicationDraft, Permission, RegisterEntry
from gateway.releases.records import Extract, ExtractRequest

Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Division = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
SchoolCode = Annotated[str, Field(pattern=r"^[0-9]{10}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Model(BaseModel):
    """Strict about members, frozen once parsed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PopulationIn(Model):
    """Whose data."""

    territory: Division
    stages: list[Literal["primary", "junior", "senior"]] | None = None
    grades: list[Code] | None = None
    schools: list[SchoolCode] | None = None

    def to_record(self) -> Population:
        """Return the record."""
        return Population(self.territory, _set(self.stages), _set(self.grades), _set(self.schools))


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
                    "stages": _list(where.stages),
                    "grades": _list(where.grades),
                    "schools": _list(where.schools),
                },
                "valid_from": scope.valid_from,
                "valid_to": scope.valid_to,
                "uses": scope.uses,
                "row_cap": scope.row_cap,
            }
        )


class ApplicationIn(Model):
    """An application for data, on behalf of the caller's own recipient; submitted at once unless ``draft``."""

    recipient_name: Annotated[str, Field(min_length=2, max_length=120)]
    responsible: Annotated[str, Field(min_length=2, max_length=120)]
    scope: ScopeModel
    reason: Text
    protection: Text
    terms_accepted: bool
    draft: bool = False

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
    government: Annotated[str, Field(max_length=80)] = ""
    division: Annotated[str, Field(max_length=12)] = ""
    document_number: Annotated[str, Field(max_length=80)] = ""
    signatory: Annotated[str, Field(max_length=80)] = ""
    dated: date
    valid_to: date
    scope_text: Annotated[str, Field(max_length=4000)] = ""
    scan_sha256: Annotated[str, Field(max_length=64)] = ""

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
    version: Annotated[int, Field(ge=0)] | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ConfirmationIn(Model):
    """Another officer's confirmation of the ground."""

    version: Annotated[int, Field(ge=0)] | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""
    comment: Annotated[str, Field(max_length=2000)] = ""


class DecisionIn(Model):
    """The approving officer's decision. ``narrowed`` goes with ``narrow`` and may only be smaller."""

    decision: Literal["approve", "narrow", "return", "refuse"]
    reason: Annotated[str, Field(max_length=2000)] = ""
    """Needed for all but ``approve``."""
    narrowed: ScopeModel | None = None
    version: Annotated[int, Field(ge=0)] | None = None
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

    version: Annotated[int, Field(ge=0)] | None = None
    """Version of the application that the caller saw; left out, the present one is acted on."""


class ApplicationList(Model):
    """Applications that the caller may see, newest first."""

    items: list[ApplicationOut]


class GrantOut(Model):
    """A grant with its limits and its signature."""

    id: str
    application: str
    recipient: str
    recipient_name: str
    responsible: str
    scope: ScopeModel
    ground_kind: str
    ground_label: str
    approver: str
    approved_at: datetime
    state: str
    uses_left: int
    jws: str

    @staticmethod
    def of(record: Grant) -> GrantOut:
        """Return the model of a record."""
        return GrantOut(
            id=record.id,
            application=record.application,
            recipient=record.recipient,
            recipient_name=record.recipient_name,
            responsible=record.responsible,
            scope=ScopeModel.of(record.scope),
            ground_kind=record.ground_kind,
            ground_label=record.ground_label,
            approver=record.approver,
            approved_at=record.approved_at,
            state=record.state,
            uses_left=record.uses_left,
            jws=record.jws,
        )


class GrantList(Model):
    """Grants that the caller may see, newest first."""

    items: list[GrantOut]


class PermissionOut(Model):
    """One thing that the caller may do now."""

    action: str
    resource: str
    id: str
    policy: str
    until: date | None
    uses_left: int | None

    @staticmethod
    def of(record: Permission) -> PermissionOut:
        """Return the model of a record."""
        return PermissionOut(
            action=record.action,
            resource=record.resource,
            id=record.id,
            policy=record.policy,
            until=record.until,
            uses_left=record.uses_left,
        )


class PermissionsOut(Model):
    """Who the caller is to the gateway, and what that allows."""

    account: str
    kind: str
    roles: list[str]
    unit: str | None
    recipient: str | None
    items: list[PermissionOut]


class RegisterOut(Model):
    """One line of the public register of shares; no person is named."""

    grant: str
    recipient: str
    recipient_name: str
    purpose: str
    level: Level
    fields: list[str]
    territory: str
    ground: str
    approved_on: datetime
    valid_from: date
    valid_to: date
    uses: int
    uses_left: int
    state: str

    @staticmethod
    def of(record: RegisterEntry) -> RegisterOut:
        """Return the model of a record."""
        return RegisterOut(
            grant=record.grant,
            recipient=record.recipient,
            recipient_name=record.recipient_name,
            purpose=record.purpose,
            level=record.level,
            fields=list(record.fields),
            territory=record.territory,
            ground=record.ground,
            approved_on=record.approved_on,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            uses=record.uses,
            uses_left=record.uses_left,
            state=record.state,
        )


class RegisterList(Model):
    """The public register of shares, newest first."""

    items: list[RegisterOut]


class WithdrawalIn(Model):
    """Why a grant is withdrawn."""

    reason: Text


class ExtractIn(Model):
    """What is wanted under a grant; what is left out is all that was granted."""

    format: Format
    fields: Annotated[list[Code], Field(min_length=1, max_length=60)] | None = None
    stages: list[Literal["primary", "junior", "senior"]] | None = None
    grades: list[Code] | None = None
    schools: list[SchoolCode] | None = None

    def to_record(self) -> ExtractRequest:
        """Return the record."""
        return ExtractRequest(
            format=self.format,
            fields=None if self.fields is None else tuple(sorted(set(self.fields))),
            stages=_set(self.stages),
            grades=_set(self.grades),
            schools=_set(self.schools),
        )


class ExtractOut(Model):
    """An extract and how far it is."""

    id: str
    grant: str
    state: str
    level: Level
    format: Format
    executor: str
    created_at: datetime
    expires_on: date
    file_name: str
    bytes: int
    rows: int
    rows_done: int
    rows_total: int
    sha256: str
    failure: str

    @staticmethod
    def of(record: Extract) -> ExtractOut:
        """Return the model of a record."""
        return ExtractOut(
            id=record.id,
            grant=record.grant,
            state=record.state,
            level=record.level,
            format=record.request.format,
            executor=record.executor,
            created_at=record.created_at,
            expires_on=record.expires_on,
            file_name=record.file_name,
            bytes=record.size,
            rows=record.rows,
            rows_done=record.rows_done,
            rows_total=record.rows_total,
            sha256=record.sha256,
            failure=record.failure,
        )


class ExtractList(Model):
    """Extracts, newest first."""

    items: list[ExtractOut]


class DeletionIn(Model):
    """销毁证明: the recipient's word that the extract was deleted everywhere."""

    statement: Text
    deleted_on: date
    responsible: Annotated[str, Field(min_length=2, max_length=120)]


class SessionIn(Model):
    """A person signs in to the API."""

    username: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[str, Field(min_length=1, max_length=200)]
    totp: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = None


class SessionOut(Model):
    """A bearer token for people; it dies with idleness, log-out and age."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name
    account: str
    roles: list[str]
    duties: list[str]
    """What must be done before anything else: ``change_password``, ``acknowledge_rules``."""


class TokenOut(Model):
    """A fresh session token."""

    token: str


class RulesOut(Model):
    """The security rules of a unit."""

    version: str
    text: str
    responsible: str


class AcknowledgementIn(Model):
    """Which version of the rules is acknowledged."""

    version: Annotated[str, Field(min_length=1, max_length=128)]


class PasswordIn(Model):
    """The old and the new password."""

    old: Annotated[str, Field(min_length=1, max_length=200)]
    new: Annotated[str, Field(min_length=1, max_length=200)]


class OfferIn(Model):
    """Whose identity is offered: the pupil's ``subject_ref``."""

    subject_ref: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class OfferOut(Model):
    """A one-time code, shown once."""

    offer: str
    code: str
    expires_at: datetime
    uri: str


class NonceOut(Model):
    """A nonce for key proofs."""

    c_nonce: str


class CredentialsIn(Model):
    """A one-time code and key proofs (``openid4vci-proof+jwt``)."""

    code: Annotated[str, Field(min_length=1, max_length=200)]
    proofs: Annotated[list[Annotated[str, Field(max_length=4096)]], Field(min_length=1, max_length=50)]


class CredentialsOut(Model):
    """One-time credentials, in the order of the proofs."""

    credentials: list[str]
    expires_at: datetime


class VerificationIn(Model):
    """A presentation, the audience and nonce it was made for, and the claims wanted."""

    presentation: Annotated[str, Field(min_length=1, max_length=65_536)]
    audience: Annotated[str, Field(min_length=1, max_length=200)]
    nonce: Annotated[str, Field(min_length=1, max_length=200)]
    claims: Annotated[list[Code], Field(min_length=1, max_length=20)]


class VerificationOut(Model):
    """The claims that were asked for, granted and disclosed."""

    claims: dict[str, str | int | bool]
    verified_at: datetime
    expires_at: datetime


Term = Annotated[str, Field(min_length=1, max_length=120)]


class AuditQueryIn(Model):
    """What an inspector looks for; every member that is given is one more condition."""

    kind: Term | None = None
    outcome: Term | None = None
    actor: Term | None = None
    unit: Term | None = None
    application: Term | None = None
    approver: Term | None = None
    executor: Term | None = None
    extract: Term | None = None
    grant: Term | None = None
    ground: Term | None = None
    recipient: Term | None = None
    responsible: Term | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: Annotated[int, Field(ge=0, le=2**53)] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class AuditEntryOut(Model):
    """An entry as people read it."""

    index: int
    leaf_hash: str
    content: dict[str, Any]


class AuditPageOut(Model):
    """Entries, newest first; ``before`` asks for the next page."""

    items: list[AuditEntryOut]
    before: int | None


class ProofOut(Model):
    """An entry's bytes (base64), its inclusion proof and checkpoint."""

    index: int
    entry: str
    tree_size: int
    root: str
    proof: list[str]
    checkpoint: str
    receipt: str


class PackageIn(Model):
    """Which entries go into an inspection package; left out, the whole log."""

    entries: Annotated[list[Annotated[int, Field(ge=0, le=2**53)]], Field(min_length=1, max_length=1000)] | None = None


class ImportIn(Model):
    """How to take a form."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    mapping: Code = "template"
    school: SchoolCode | None = None
    preview: bool = False
    accept_shrink: bool = False


class FindingOut(Model):
    """One thing wrong, or doubtful, in one cell; no value of the row is in it."""

    row: int
    field: str | None
    severity: str
    code: str
    rule: str
    message: str
    message_en: str


class ImportOut(Model):
    """What an import did, or would do."""

    import_id: str | None
    repeated: bool
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    absent: int
    warnings: int
    schools: int
    shrink: list[str]
    finding_counts: dict[str, int]
    findings: list[FindingOut]
    error_workbook: str | None
    """The rejected rows with their reasons, ``.xlsx`` in base64."""


class SchoolListIn(Model):
    """Which students are listed, and why."""

    school: SchoolCode
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    grade: Code | None = None
    class_name: Annotated[str, Field(max_length=40)] | None = None
    after: Annotated[str, Field(max_length=40)] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class StudentLineOut(Model):
    """A student in a list, masked."""

    student_id: str
    name_masked: str | None
    id_number_masked: str | None
    school_code: str
    school_name: str | None
    grade: str | None
    class_name: str | None
    state: str


class StudentListOut(Model):
    """Students of a school, masked."""

    items: list[StudentLineOut]


class SubjectOut(Model):
    """The permanent meaningless reference of a student."""

    subject_ref: str


def _set(values: Sequence[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _list(values: frozenset[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)
