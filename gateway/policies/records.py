"""Applications, legal grounds, decisions and grants (Art. 50), as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NewType

from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId, UnitCode

GroundId = NewType("GroundId", str)


class Level(StrEnum):
    """What may leave (design 5). There is no raw level."""

    CHECK = "check"
    MATCH = "match"
    STATISTICS = "statistics"
    ANONYMOUS = "anonymous"
    PSEUDONYMOUS = "pseudonymous"
    MASKED = "masked"


class Format(StrEnum):
    """File formats of an extract."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Population:
    """Whose data: territory by managing authority (``A50-5`` to ``A50-7``, ``Q-4``) and further conditions.

    ``territory`` is one division code (six digits); it covers what that unit manages and, for a city or
    the province, what lies below. ``None`` elsewhere means no condition; an empty set is refused.
    """

    territory: str
    stages: frozenset[str] | None = None
    grades: frozenset[str] | None = None
    schools: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is applied for, or granted: the six dimensions of ``A50-9``."""

    purpose: str
    """A code of ``config/purposes.toml``."""
    profile: str
    """A code of ``config/release_profiles.toml``: how each field leaves at this level."""
    level: Level
    fields: tuple[str, ...]
    """Field names of the profile, sorted."""
    population: Population
    valid_from: date
    valid_to: date
    """Last day, inclusive, civil dates of Asia/Shanghai."""
    uses: int
    """Number of deliveries."""
    row_cap: int
    """Rows of one delivery at the most."""


class ApplicationState(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    BASIS_RECORDED = "basis_recorded"
    CONFIRMED = "confirmed"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class StatuteGround:
    """Art. 50, case (a): a law or regulation from ``config/legal_bases.toml``."""

    legal_basis: str
    determined_on: date
    kind: Literal["statute"] = "statute"


@dataclass(frozen=True, slots=True)
class GovernmentApproval:
    """Art. 50, case (b): an act of a people's government of county level or above (``A50-7``)."""

    act: Literal["reply", "office_document", "minutes", "signed_sheet"]
    """批复 · 政府办公室文件载明经政府同意 · 会议纪要 · 签批件."""
    government: str
    """Name as on the document, as 太原市人民政府."""
    division: str
    document_number: str
    """文号 or the government's registration number, brackets normalised to 〔〕."""
    signatory: str
    dated: date
    valid_to: date
    scope_text: str
    scan_sha256: str
    kind: Literal["government"] = "government"
    fields: frozenset[str] | None = None
    """Fields that the document names; ``None`` when it sets no narrower list than the application."""
    levels: frozenset[str] | None = None
    """Levels that the document names; ``None`` as for ``fields``."""
    recipient: RecipientId | None = None
    """The recipient that the document names by code; ``None`` when it names it in words only."""


Ground = StatuteGround | GovernmentApproval


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One step of an application, as people read it."""

    at: datetime
    account: AccountId
    act: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationDraft:
    """What an applicant writes. The recipient is the applicant's own and is not asked for."""

    recipient_name: str
    responsible: str
    """Name and post of the responsible person at the recipient, without telephone or ID number."""
    scope: Scope
    reason: str
    protection: str
    terms_accepted: bool


@dataclass(frozen=True, slots=True)
class Application:
    """An application for data, with all that was said of it."""

    id: ApplicationId
    state: ApplicationState
    applicant: AccountId
    recipient: RecipientId
    recipient_name: str
    responsible: str
    """Name and post of the responsible person at the recipient (an adult in office, not a pupil)."""
    unit: UnitCode
    """The department that decides: the unit of the territory applied for."""
    scope: Scope
    reason: str
    protection: str
    """Protection measures of the recipient, in words."""
    terms_accepted: bool
    created_at: datetime
    ground_id: GroundId | None = None
    ground: Ground | None = None
    ground_recorder: AccountId | None = None
    ground_confirmer: AccountId | None = None
    approver: AccountId | None = None
    decision_reason: str = ""
    grant_id: GrantId | None = None
    history: tuple[HistoryEvent, ...] = ()
    version: int = 0
    """Counts changes; an act on an older version is a conflict."""


class GrantState(StrEnum):
    """``expired`` and ``used_up`` are computed from time and uses, never stored."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True)
class Grant:
    """A decided, signed permission with limits. The JWS binds every member but ``state`` and ``uses_left``."""

    id: GrantId
    application: ApplicationId
    recipient: RecipientId
    recipient_name: str
    responsible: str
    scope: Scope
    ground_id: GroundId
    ground_kind: str
    ground_label: str
    """What a person reads: law and article, or government and 文号."""
    basis_recorder: AccountId
    basis_confirmer: AccountId
    approver: AccountId
    approved_at: datetime
    policy_set: str
    """SHA-256 of the rule book at the decision."""
    state: GrantState
    uses_left: int
    jws: str = field(repr=False)
    applicant: AccountId | None = None
    """Who applied: never the approver, never the executor (``A50-11``)."""
