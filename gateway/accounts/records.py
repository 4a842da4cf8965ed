"""Accounts, sessions and OAuth clients, as frozen values. A password, secret or token never shows in a ``repr``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NewType

from gateway.accounts.delegation_records import Delegation, DelegationId
from gateway.accounts.sealing import civil_date, sealing_date
from gateway.articles import keeps
from gateway.ids import AccountId, GrantId, RecipientId, UnitCode
from gateway.journal import JsonValue
from gateway.principals import FAMILIES, AccountKind, Principal, Role, Use, errand

SessionToken = NewType("SessionToken", str)
"""An opaque bearer token of 256 bits; only its SHA-256 is stored."""

CLIENT_CREDENTIALS = "client_credentials"
AUTHORIZATION_CODE = "authorization_code"
"""Sign-in of people at a relying party (OpenID Connect)."""


class Duty(StrEnum):
    """What a person has to do before the account may be used for anything else."""

    CHANGE_PASSWORD = "change_password"  # noqa: S105  the name of a duty, no password
    ACKNOWLEDGE_RULES = "acknowledge_rules"


@dataclass(frozen=True, slots=True)
class SecurityRules:
    """The security rules of a unit (A50-1), ``None`` for the default; ``version`` is the SHA-256 of ``text``."""

    version: str
    text: str
    responsible: str
    """The responsible person: post and name of an adult in office."""
    unit: UnitCode | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of any kind, as stored. ``name`` is a member of staff's and stays in the accounts table."""

    id: AccountId
    kind: AccountKind
    roles: frozenset[Role]
    """Roles that the account was given; ``effective_roles`` says which hold today."""
    created_at: datetime
    username: str | None = None
    name: str = field(default="", repr=False)
    unit: UnitCode | None = None
    post: str = ""
    recipient: RecipientId | None = None
    password_hash: str | None = field(default=None, repr=False)
    password_set_at: datetime | None = None
    must_change: bool = False
    totp_sealed: bytes | None = field(default=None, repr=False)
    totp_step: int | None = field(default=None, repr=False)
    """The last time step whose code was accepted: it and all before are spent."""
    last_used_at: datetime | None = None
    reopened_at: datetime | None = None
    sealed_at: datetime | None = None
    sealed_reason: str = ""
    filed_on: date | None = None
    """When a registrar was filed (备案) with the superior department (A48-2)."""
    trained_on: date | None = None
    """When a registrar was trained (A48-3)."""
    rules_version: str | None = None
    """Version of the security rules that the account acknowledged (A50-1)."""

    def effective_roles(self, today: date) -> frozenset[Role]:
        """Return the roles that hold on ``today``: a registrar's only from filing and training on (A48-2, A48-3)."""
        ready = all(day is not None and day <= today for day in (self.filed_on, self.trained_on))
        return self.roles if ready else self.roles - {Role.REGISTRAR}

    def principal(
        self, today: date, *, assurance: int, lent: Delegation | None = None, acting: bool = False
    ) -> Principal:
        """Return who acts under this account on ``today``; ``lent`` is an approval that was lent to it and holds.

        An approval of the own unit comes on top of the own roles. One of a unit below counts only in a session that
        was opened for it (``acting``), and then it is all that counts: with the unit of who lent it, since the own
        unit reaches further than the approval does (A3-2).
        """
        own = Principal(
            account=self.id,
            kind=self.kind,
            roles=self.effective_roles(today),
            unit=self.unit,
            post=self.post,
            recipient=self.recipient,
            assurance=assurance,
        )
        if lent is None or not (acting or lent.unit == self.unit):
            return own
        borrowed = frozenset({Role.APPROVING_OFFICER})
        roles = own.roles | borrowed if lent.unit == self.unit else borrowed
        return replace(own, roles=roles, unit=lent.unit, on_behalf=lent.delegator)

    def idle_days(self, today: date) -> int:
        """Return for how many civil days the account was not used, counted from its making or reopening if never."""
        uses = [at for at in (self.created_at, self.last_used_at, self.reopened_at) if at is not None]
        return max((today - civil_date(max(uses))).days, 0) if uses else 0

    def seals_on(self, months: int) -> date | None:
        """Return the civil date on which the account is sealed if it stays unused; ``None`` for families (Q-14)."""
        if self.kind in FAMILIES:
            return None
        uses = [at for at in (self.created_at, self.last_used_at, self.reopened_at) if at is not None]
        return sealing_date(civil_date(max(uses)), months)

    @keeps("A50-3")
    def unused_too_long(self, today: date, months: int) -> bool:
        """Say whether the half year is over on ``today`` (A50-3)."""
        due = self.seals_on(months)
        return due is not None and today >= due

    @keeps("A50-2")
    def password_due(self, today: date, days: int) -> bool:
        """Say whether the password is to be changed: it was set by somebody else, or more than ``days`` ago (A50-2)."""
        if self.must_change or self.password_set_at is None:
            return True
        return today > civil_date(self.password_set_at) + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class StaffSpec:
    """What is needed to open an account for a member of staff, or for an applicant of a recipient."""

    username: str
    name: str = field(repr=False)
    roles: frozenset[Role]
    unit: UnitCode | None = None
    post: str = ""
    recipient: RecipientId | None = None
    filed_on: date | None = None
    trained_on: date | None = None
    second_factor: bool = False
    """Give a second factor even where the roles do not ask for one."""
    acknowledged_on_paper: bool = False
    """The person signed the security rules in force on paper; else the first sign-in asks for it (A50-1)."""
    password: str | None = field(default=None, repr=False)
    """``None``: one is generated."""
    must_change: bool = True
    """Whether the first sign-in asks for a password of the person's own."""


@dataclass(frozen=True, slots=True)
class SignInSpec:
    """Where a relying party takes people who signed in; ``redirects.checked`` says what fits."""

    redirect_uris: tuple[str, ...] = ()
    """Addresses that get an authorization code, compared character by character; empty: nobody signs in there."""
    post_logout_redirect_uris: tuple[str, ...] = ()
    """Addresses that get people back who signed out."""
    sector_identifier: str | None = None
    """Host under which pairwise subjects are made (OpenID Connect Core 1.0 section 8.1); ``None``: the one of all
    ``redirect_uris``."""
    backchannel_logout_uri: str | None = None
    """Address that is told of the end of a sign-in (OpenID Connect Back-Channel Logout 1.0 section 2.2)."""


NO_SIGN_IN = SignInSpec()


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """What is needed to register an OAuth client. ``jwks`` holds public P-256 keys only.

    ``jwks_uri`` is the address at which the client publishes its keys instead; ``jwks`` is empty then.
    """

    recipient: RecipientId
    roles: frozenset[Role]
    jwks: Mapping[str, object] = field(repr=False)
    grant_types: frozenset[str] = frozenset({CLIENT_CREDENTIALS})
    post: str = ""
    """What the client is, as 教科书征订系统."""
    jwks_uri: str | None = None
    dpop_required: bool = True
    """Whether every access token of the client has to be bound to a key (RFC 9449)."""
    encrypt_always: bool = False
    """Whether every extract that the client asks for is encrypted to its key of ``use`` ``enc``."""
    sign_in: SignInSpec = NO_SIGN_IN


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a person is handed once, on paper or screen, and the system cannot show again."""

    account: AccountId
    username: str
    password: str = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)
    """Base32; ``None`` when the roles need no second factor."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client and the public keys that it proves itself with; ``jwks`` is a JSON Web Key Set."""

    account: Account
    jwks: tuple[Mapping[str, str], ...] = field(repr=False)
    grant_types: frozenset[str]
    jwks_uri: str | None = None
    """Where the client publishes its keys; ``jwks`` is empty then."""
    dpop_required: bool = True
    encrypt_always: bool = False
    sign_in: SignInSpec = NO_SIGN_IN

    def facts(self) -> dict[str, JsonValue]:
        """Return what the audit trail says of a registration, beside the account."""
        return {
            "keys": [key["kid"] for key in self.jwks],
            "jwks_uri": self.jwks_uri,
            "dpop_required": self.dpop_required,
            **({"encrypt_always": True} if self.encrypt_always else {}),
            **sign_in_facts(self.sign_in),
        }


def sign_in_facts(sign_in: SignInSpec) -> dict[str, JsonValue]:
    """Return what the audit trail says of where people are taken; nothing where nobody signs in."""
    if not sign_in.redirect_uris:
        return {}
    return {
        "redirect_uris": [*sign_in.redirect_uris],
        "post_logout_redirect_uris": [*sign_in.post_logout_redirect_uris],
        "sector_identifier": sign_in.sector_identifier,
        **(
            {} if sign_in.backchannel_logout_uri is None else {"backchannel_logout_uri": sign_in.backchannel_logout_uri}
        ),
    }


@dataclass(frozen=True, slots=True)
class ManagedAct:
    """Why a manager closed, reopened or reset an account, in words that stay out of the audit trail.

    The entry of the trail holds the SHA-256 of ``reason``: free text may name people (I7).
    """

    account: AccountId
    act: str
    at: datetime
    by: AccountId | None
    """``None``: on the host."""
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. ``token_sha256`` is what is stored of its token."""

    token_sha256: str = field(repr=False)
    account: AccountId
    created_at: datetime
    seen_at: datetime
    assurance: int
    acting: DelegationId | None = None
    """The delegation of another unit's approval that the session is for."""

    @property
    def id(self) -> str:
        """A name for lists: it tells nothing about the token."""
        return hashlib.sha256(f"session {self.token_sha256}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class SignIn:
    """The answer to a successful sign-in. With ``duties`` outstanding the session yields no principal yet."""

    token: SessionToken = field(repr=False)
    principal: Principal
    duties: frozenset[Duty]


@dataclass(frozen=True, slots=True)
class AuthorizationDetail:
    """What a token is good for: a grant, and what it may be put to (RFC 9396)."""

    grant: GrantId
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as handed to a client. ``expires_in`` is in seconds; ``bound`` to a key it is of the type DPoP."""

    value: str = field(repr=False)
    expires_in: int
    scope: str
    bound: bool = False
    details: tuple[AuthorizationDetail, ...] = ()

    @property
    def token_type(self) -> str:
        """Return the name of RFC 6750 or RFC 9449."""
        return "DPoP" if self.bound else "Bearer"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a verified access token says; nothing but ``AccessTokens.read`` makes one."""

    jti: str
    client: AccountId
    roles: frozenset[Role]
    issued_at: int
    expires_at: int
    jkt: str | None = None
    """Thumbprint of the key that the token is bound to; ``None`` is a bearer token."""
    details: tuple[AuthorizationDetail, ...] = ()

    @property
    def mandate(self) -> frozenset[str] | None:
        """Return what the token is good for, as ``Principal.mandate``; ``None`` where it names no grant."""
        return frozenset(errand(one.grant, use) for one in self.details for use in one.uses) or None
