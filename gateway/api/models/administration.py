"""Accounts, recipients, their clients and delegations as JSON: what managers of accounts send and see."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.accounts.delegation_records import Delegation, Ended
from gateway.accounts.directory import AccountState
from gateway.accounts.recipient_records import Recipient, RecipientAct, Suspension
from gateway.accounts.records import Credentials, ManagedAct, OAuthClient, SecurityRules, SignInSpec
from gateway.api.models.base import Code, Line, Model, Prose
from gateway.api.models.posts import Day, UnitId
from gateway.principals import AccountKind, Role

CreditCode = Annotated[str, Field(pattern=r"^[0-9A-HJ-NP-RTUWXY]{18}$")]
Words = Annotated[Prose, Field(min_length=1, max_length=500)]
Name = Annotated[Line, Field(min_length=1, max_length=100)]
OrganisationName = Annotated[Line, Field(min_length=1, max_length=200)]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class AccountIn(Model):
    """An account to be opened for a member of staff, or for an applicant of a recipient."""

    username: Annotated[Line, Field(min_length=3, max_length=32)]
    name: Name
    """The person's name; it stays in the accounts table."""
    roles: Roles
    unit: UnitId | None = None
    """Division code of a department, or school code."""
    recipient: CreditCode | None = None
    """The organisation for which an applicant acts."""
    post: Annotated[Line, Field(max_length=100)] = ""
    filed_on: Day | None = None
    trained_on: Day | None = None
    second_factor: bool = False
    """Give a second factor even where the roles do not ask for one."""
    acknowledged_on_paper: bool = False
    """The person signed the security rules in force on paper; else the first sign-in asks for it (A50-1)."""


class CredentialsShownOut(Model):
    """First credentials, shown once: hand them over in person."""

    account: str
    username: str
    password: str
    totp_secret: str | None

    @classmethod
    def of(cls, found: Credentials) -> CredentialsShownOut:
        """Return credentials as they are shown."""
        return cls(
            account=found.account, username=found.username, password=found.password, totp_secret=found.totp_secret
        )


class UnsealedOut(Model):
    """A reopened account; a client has no credentials to show."""

    account: str
    credentials: CredentialsShownOut | None


class AccountListIn(Model):
    """Of which unit accounts are listed; without it of the whole territory."""

    unit: UnitId | None = None


class AccountOut(Model):
    """An account as its manager sees it."""

    id: str
    kind: AccountKind
    username: str | None
    name: str
    roles: list[Role]
    effective_roles: list[Role]
    """Roles that hold today: a registrar's only from filing and training on (A48-2, A48-3)."""
    unit: str | None
    recipient: str | None
    post: str
    created_at: datetime
    last_used_at: datetime | None
    sealed_at: datetime | None
    sealed_reason: str
    seals_on: date | None
    """Civil date on which it is sealed if nobody uses it (A50-3)."""
    password_due: bool
    """Whether the next sign-in asks for a new password (A50-2)."""
    rules_acknowledged: bool
    """Whether the security rules in force were acknowledged (A50-1)."""
    second_factor: bool
    filed_on: date | None
    trained_on: date | None

    @classmethod
    def of(cls, state: AccountState) -> AccountOut:
        """Return an account as its manager sees it."""
        account = state.account
        return cls(
            id=account.id,
            kind=account.kind,
            username=account.username,
            name=account.name,
            roles=sorted(account.roles),
            effective_roles=sorted(state.effective_roles),
            unit=account.unit,
            recipient=account.recipient,
            post=account.post,
            created_at=account.created_at,
            last_used_at=account.last_used_at,
            sealed_at=account.sealed_at,
            sealed_reason=account.sealed_reason,
            seals_on=state.seals_on,
            password_due=state.password_due,
            rules_acknowledged=state.rules_acknowledged,
            second_factor=state.second_factor,
            filed_on=account.filed_on,
            trained_on=account.trained_on,
        )


class AccountList(Model):
    """The accounts of the caller's territory, by id; no guardians."""

    items: list[AccountOut]


class RolesIn(Model):
    """All roles that the account has from now on."""

    roles: Roles


class RolesOut(Model):
    """The roles in force, and a new one-time-code secret where they need one and there was none: shown once."""

    account: str
    roles: list[Role]
    totp_secret: str | None


class ReasonIn(Model):
    """Why; it stays with the account and out of the audit trail."""

    reason: Words


class TrainingIn(Model):
    """When a registrar was filed and trained (A48-2, A48-3)."""

    filed_on: Day
    trained_on: Day


class ManagedActOut(Model):
    """What was done to an account, by whom and why."""

    act: str
    at: datetime
    by: str | None
    """``null``: on the host."""
    reason: str

    @classmethod
    def of(cls, act: ManagedAct) -> ManagedActOut:
        """Return an act."""
        return cls(act=act.act, at=act.at, by=act.by, reason=act.reason)


class ManagedActList(Model):
    """What was done to an account, oldest first."""

    items: list[ManagedActOut]


class UnitRulesIn(Model):
    """Whose security rules."""

    unit: UnitId


class SecurityRulesIn(Model):
    """Security rules of a unit with the responsible person; every account of the unit acknowledges them (A50-1)."""

    unit: UnitId
    text: Annotated[Prose, Field(min_length=1, max_length=20_000)]
    responsible: OrganisationName
    """Post and name of the responsible person, an adult in office."""


class SecurityRulesOut(Model):
    """Security rules in force; ``unit`` is ``null`` for the default ones."""

    unit: str | None
    version: str
    text: str
    responsible: str

    @classmethod
    def of(cls, rules: SecurityRules) -> SecurityRulesOut:
        """Return rules."""
        return cls(unit=rules.unit, version=rules.version, text=rules.text, responsible=rules.responsible)


class RecipientIn(Model):
    """A recipient to be registered, as its certificate of registration says."""

    code: CreditCode
    """统一社会信用代码; its check character is verified (GB 32100-2015)."""
    name: OrganisationName
    post: OrganisationName
    """The post there that answers for the use of the data."""
    responsible: OrganisationName
    evidence: Words
    """What was looked at, and when."""
    unit: UnitId | None = None
    """The department that registers; by default the caller's."""


class AttestationIn(Model):
    """Somebody looked, and the recipient is who it was, under this name."""

    name: OrganisationName
    evidence: Words


class RenameIn(Model):
    """The recipient bears another name; it is suspended until it is attested under it."""

    name: OrganisationName
    evidence: Words


class RecipientOut(Model):
    """A registered recipient."""

    code: str
    name: str
    former_name: str
    post: str
    responsible: str
    unit: str
    registered_at: datetime
    attested_on: date
    attested_until: date
    dormant_on: date
    """Civil date from which it lies dormant if nobody comes."""
    used_at: datetime | None
    state: Literal["in_force", "suspended"]
    suspended: list[Suspension]
    """What was recorded."""
    problem: Suspension | None
    """Why nothing goes to it now, recorded or come due since."""

    @classmethod
    def of(cls, found: Recipient, problem: Suspension | None, dormant_months: int) -> RecipientOut:
        """Return a recipient; ``problem`` is what is wrong with it today."""
        return cls(
            code=found.code,
            name=found.name,
            former_name=found.former_name,
            post=found.post,
            responsible=found.responsible,
            unit=found.unit,
            registered_at=found.registered_at,
            attested_on=found.attested_on,
            attested_until=found.attested_until,
            dormant_on=found.dormant_on(dormant_months),
            used_at=found.used_at,
            state="in_force" if problem is None else "suspended",
            suspended=sorted(found.suspended),
            problem=problem,
        )


class RecipientList(Model):
    """The recipients that the caller's department and those below it registered, by code."""

    items: list[RecipientOut]


class RecipientActOut(Model):
    """What was done to a recipient, by whom and on what evidence."""

    act: str
    at: datetime
    by: str | None
    words: str

    @classmethod
    def of(cls, act: RecipientAct) -> RecipientActOut:
        """Return an act."""
        return cls(act=act.act, at=act.at, by=act.by, words=act.words)


class RecipientActList(Model):
    """What was done to a recipient, oldest first."""

    items: list[RecipientActOut]


class KeySetIn(Model):
    """Public keys as a JSON Web Key Set (RFC 7517); old and new ones together rotate without a gap.

    Keys for signatures are on P-256. One of ``use`` ``enc``, on P-256 or RSA, is what extracts are encrypted to.
    """

    keys: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=4)]


RedirectUris = Annotated[list[Annotated[Line, Field(min_length=1, max_length=500)]], Field(max_length=10)]


class SignInIn(Model):
    """Where a relying party takes people who signed in or out (OpenID Connect)."""

    redirect_uris: RedirectUris = Field(default_factory=list)
    """https (http on loopback only), compared character by character; none: nobody signs in there."""
    post_logout_redirect_uris: RedirectUris = Field(default_factory=list)
    backchannel_logout_uri: Annotated[Line, Field(min_length=1, max_length=500)] | None = None
    """https (http on loopback only): is told when a sign-in ends (OpenID Connect Back-Channel Logout 1.0)."""
    sector_identifier: Annotated[Line, Field(min_length=1, max_length=253)] | None = None
    """One of the hosts of ``redirect_uris``, needed where there are several."""

    def spec(self) -> SignInSpec:
        """Return the same for the register."""
        return SignInSpec(
            tuple(self.redirect_uris),
            tuple(self.post_logout_redirect_uris),
            self.sector_identifier,
            self.backchannel_logout_uri,
        )


class ClientIn(Model):
    """A program of the recipient: its keys, or the address at which it publishes them."""

    roles: Annotated[list[Literal["applicant", "executor", "relying_party"]], Field(min_length=1, max_length=3)]
    jwks: KeySetIn | None = None
    jwks_uri: Annotated[Line, Field(min_length=1, max_length=500)] | None = None
    post: Annotated[Line, Field(max_length=100)] = ""
    """What the program is, as 教科书征订系统."""
    dpop_required: bool = True
    """Whether every access token has to be bound to a key (RFC 9449)."""
    encrypt_always: bool = False
    """Whether every extract of the program is encrypted to its key of ``use`` ``enc``, asked for or not."""
    sign_in: SignInIn | None = None
    """Where people who signed in are taken; for relying parties alone."""


class ClientKeysIn(Model):
    """The keys that the client proves itself with from now on, or the address at which it publishes them."""

    jwks: KeySetIn | None = None
    jwks_uri: Annotated[Line, Field(min_length=1, max_length=500)] | None = None


class ClientOut(Model):
    """A program of a recipient."""

    client_id: str
    recipient: str | None
    roles: list[Role]
    post: str
    key_ids: list[str]
    jwks_uri: str | None
    dpop_required: bool
    encrypt_always: bool
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    backchannel_logout_uri: str | None
    sector_identifier: str | None
    created_at: datetime
    last_used_at: datetime | None
    sealed_at: datetime | None

    @classmethod
    def of(cls, found: OAuthClient) -> ClientOut:
        """Return a client with the ids of its keys."""
        account = found.account
        return cls(
            client_id=account.id,
            recipient=account.recipient,
            roles=sorted(account.roles),
            post=account.post,
            key_ids=[str(key["kid"]) for key in found.jwks],
            jwks_uri=found.jwks_uri,
            dpop_required=found.dpop_required,
            encrypt_always=found.encrypt_always,
            redirect_uris=list(found.sign_in.redirect_uris),
            post_logout_redirect_uris=list(found.sign_in.post_logout_redirect_uris),
            backchannel_logout_uri=found.sign_in.backchannel_logout_uri,
            sector_identifier=found.sign_in.sector_identifier,
            created_at=account.created_at,
            last_used_at=account.last_used_at,
            sealed_at=account.sealed_at,
        )


class ClientList(Model):
    """The programs of a recipient, by id."""

    items: list[ClientOut]


class DelegationIn(Model):
    """The caller's approval, lent to another person from one day to another, both included."""

    deputy: Code
    """Account of a member of staff of the same department or of one above it."""
    valid_from: Day
    valid_to: Day
    reason: Words


class DelegationOut(Model):
    """An approval that is lent."""

    id: str
    delegator: str
    deputy: str
    unit: str
    valid_from: date
    valid_to: date
    made_at: datetime
    reason: str
    ended_at: datetime | None
    ended_by: str | None
    ended_why: Ended | None
    in_force: bool

    @classmethod
    def of(cls, found: Delegation, today: date) -> DelegationOut:
        """Return a delegation, and whether its days and its end let it hold today."""
        return cls(
            id=found.id,
            delegator=found.delegator,
            deputy=found.deputy,
            unit=found.unit,
            valid_from=found.valid_from,
            valid_to=found.valid_to,
            made_at=found.made_at,
            reason=found.reason,
            ended_at=found.ended_at,
            ended_by=found.ended_by,
            ended_why=found.ended_why,
            in_force=found.in_force(today),
        )


class DelegationList(Model):
    """Delegations that concern the caller, and those of the units whose accounts the caller manages; newest first."""

    items: list[DelegationOut]
