"""Applications, legal grounds, decisions and grants (Art. 50), as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal, NewType

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
    reasoning: str = ""
    """Why this recipient and this purpose fall under the article (``A50-6``)."""
    determined_by: str = ""
    """Who determined it: an account, or name and post of an officer."""
    article: str = ""
    """The article as the catalogue named it when the ground was recorded."""
    text_sha256: str = ""
    """SHA-256 of the held text that was relied on; another text carries no decision."""


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
    """The one recipient that the document names by code; kept for records made before ``recipients``."""
    recipients: frozenset[str] | None = None
    """Credit codes that the document names; ``None`` when it names recipients in words only."""
    purposes: frozenset[str] | None = None
    """Purposes that the document names; ``None`` as for ``fields``."""
    population_text: str = ""
    """Whose data, in the document's own words."""
    states_consent: bool = False
    """Whether an office's document says that the government agreed (载明经政府同意)."""
    meeting_date: date | None = None
    """Of minutes: the day of the meeting that approved."""


Ground = StatuteGround | GovernmentApproval


@dataclass(frozen=True, slots=True)
class Change:
    """One member of an application that an edit replaced: a dimension of the scope, or a text."""

    member: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One step of an application, as people read it."""

    at: datetime
    account: AccountId
    """``SYSTEM`` where nobody acted, as when a returned application lapses."""
    act: str
    comment: str = ""
    post: str = ""
    """The post of the person at that time."""
    on_behalf: AccountId | None = None
    """Who had delegated the approval under which the person acted."""
    changes: tuple[Change, ...] = ()
    """What an edit replaced: together with the present text every older version can be read from them."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark of one side to the other. Comments are only ever added."""

    at: datetime
    account: AccountId
    post: str
    side: Literal["recipient", "office"]
    text: str
    on_behalf: AccountId | None = None


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
    terms_version: str | None = None
    """Which version of the security terms is accepted; ``None`` stands for the one in force."""


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
    terms_version: str = ""
    """Version of the security terms that was accepted; empty for none."""
    round: int = 0
    """How often it was submitted: 0 for a draft, 2 after the first resubmission."""
    since: datetime | None = None
    """When it came into its present state: the day from which the step's deadline is counted."""
    recorder_for: AccountId | None = None
    """Who had delegated to the recorder; likewise for confirmer and approver. Both count for the separation."""
    confirmer_for: AccountId | None = None
    approver_for: AccountId | None = None


SYSTEM: Final = AccountId("system")
"""Stands in a history for the program itself."""


class GrantPhase(StrEnum):
    """Where a grant stands in its whole life; computed, never stored. The last three follow its end."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    USED_UP = "used_up"
    DELETION_DUE = "deletion_due"
    DELETION_OVERDUE = "deletion_overdue"
    CLOSED = "closed"


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
    """SHA-256 of the set of policies that decided (``PolicySet.sha256``)."""
    state: GrantState
    uses_left: int
    jws: str = field(repr=False)
    applicant: AccountId | None = None
    """Who applied: never the approver, never the executor (``A50-11``)."""
    approver_for: AccountId | None = None
    """Who had delegated the approval; the approver decided in their own name and is responsible."""
    approver_unit: str = ""
    approver_post: str = ""
    """Unit and post of the approver at the decision: what the public register names instead of a person."""
    terms_version: str = ""
    terms_sha256: str = ""
    """The security terms that the recipient accepted, by version and hash."""
    state_since: datetime | None = None
    """When the stored state was set, by whom and why; ``None`` while it is as it was granted. Not signed."""
    state_by: AccountId | None = None
    state_reason: str = ""
