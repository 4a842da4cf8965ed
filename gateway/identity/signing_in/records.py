"""What signing in knows: a sign-in from its request to its end, consents, and what people and parties are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NewType

from gateway.accounts.dpop import Shown
from gateway.accounts.records import OAuthClient
from gateway.identity.records import ClaimValue
from gateway.ids import AccountId, RecipientId, SubjectRef
from gateway.principals import Principal

SignInId = NewType("SignInId", str)
"""Names a sign-in in addresses and in the log, and is ``sid`` of its ID token; it opens nothing."""

PURPOSE = "identity-verification"
"""The one purpose under which people sign in (``config/purposes.toml``)."""
TOLD = "enrolment_status"
"""What every sign-in tells: that the record is active. Its grant has to cover that, whatever else is asked for."""

REQUEST_LIFE = timedelta(seconds=90)
"""How long a pushed request waits for the person (RFC 9126 section 2.2)."""
DIALOG_LIFE = timedelta(minutes=15)
"""How long the person may take: to find a passkey, to choose, to read."""
CODE_LIFE = timedelta(seconds=60)
TOKEN_LIFE = timedelta(seconds=300)
"""Of the access token for userinfo, and of the ID token."""
KEPT = timedelta(hours=24)
"""How long an ended sign-in is remembered: a code that comes twice, an ID token that signs out."""


class State(StrEnum):
    """Where a sign-in stands. Each step is taken once, atomically."""

    REQUESTED = "requested"
    """The request was pushed; nobody has come yet."""
    OPEN = "open"
    """A browser holds it; the person is being asked."""
    ANSWERED = "answered"
    """The code is out."""
    REDEEMED = "redeemed"
    """The code was redeemed; the access token holds."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a relying party asked for, checked. ``userinfo`` and ``id_token`` are claims, sorted, each where wanted."""

    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    challenge: str = field(repr=False)
    """``code_challenge`` of the method S256 (RFC 7636)."""
    scope: str = "openid"
    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    """Seconds."""
    jkt: str | None = None
    """The key to which the code is bound (RFC 9449 section 10)."""
    response_mode: str = "query"
    """How the answer comes back: in the address, or as a form (OAuth 2.0 Form Post Response Mode)."""
    subject: str | None = field(default=None, repr=False)
    """The pairwise subject that ``id_token_hint`` names: nobody else may be answered."""

    @property
    def claims(self) -> frozenset[str]:
        """Return every claim that was asked for, wherever."""
        return frozenset(self.userinfo) | frozenset(self.id_token)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A row. Of whatever opens something, only digests are kept; an earlier one is gone when a later is there."""

    id: SignInId
    client: AccountId
    recipient: RecipientId
    sector: str
    wish: Wish
    state: State
    made_at: datetime
    expires_at: datetime
    """Until when the present step may be taken."""
    kept_until: datetime
    request_hash: str = field(repr=False)
    opened_at: datetime | None = None
    browser_hash: str | None = field(default=None, repr=False)
    """Of what the browser holds that opened it: no other may go on."""
    subject_ref: SubjectRef | None = field(default=None, repr=False)
    account: AccountId | None = None
    """Who signs in: a guardian or the pupil."""
    signed_in_at: datetime | None = None
    code_hash: str | None = field(default=None, repr=False)
    token_hash: str | None = field(default=None, repr=False)
    jkt: str | None = None
    """Thumbprint of the key that the access token is bound to (RFC 9449)."""


@dataclass(frozen=True, slots=True)
class Logout:
    """A sign-in whose end is to be told, where, and how often that was tried."""

    sign_in: SignIn
    uri: str
    tries: int


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that stands: who gave it, for whom, to whom, for what. A withdrawn one is not there any more."""

    subject_ref: SubjectRef = field(repr=False)
    client: AccountId
    recipient: RecipientId
    sector: str
    claims: frozenset[str]
    purpose_hash: str
    """Over the words of the purpose and the name of the organisation, as they were shown."""
    by: AccountId
    given_at: datetime
    organisation: str
    service: str
    """What the client is, as 图书馆借阅系统."""
    purpose_zh: str
    purpose_en: str
    valid_to: date
    """Last day of the grant under which it was given: what ends first, ends the sign-in."""


@dataclass(frozen=True, slots=True)
class Party:
    """A relying party that may act now; nothing but ``parties.Parties`` makes one."""

    client: OAuthClient
    principal: Principal
    recipient: RecipientId
    sector: str
    """The sector of pairwise subjects, within the organisation: two of them never share a subject."""

    @property
    def id(self) -> AccountId:
        """Return its client id."""
        return self.client.account.id


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sits at the browser: a family account with a session, and since when."""

    principal: Principal
    signed_in_at: datetime

    @property
    def account(self) -> AccountId:
        """Return the account."""
        return self.principal.account


@dataclass(frozen=True, slots=True)
class Pushed:
    """An accepted request: its reference, good once, and for how many seconds (RFC 9126 section 2.2)."""

    request_uri: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A sign-in that a browser holds now. ``holder`` goes into a cookie of its own and nowhere else."""

    id: SignInId
    holder: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the person is told before consenting: who, what for, which claims with their present values, until when."""

    organisation: str
    service: str
    purpose_zh: str
    purpose_en: str
    claims: Mapping[str, ClaimValue | None] = field(repr=False)
    """``None``: the record does not know it; nothing is told then."""
    valid_to: date
    grant: str


class Blocked(StrEnum):
    """Why a person cannot go on."""

    NO_CHILD = "no_child"
    """The account acts for no pupil whose record is active and within the grant."""
    GUARDIAN_FIRST = "guardian_first"
    """Under 14, and no guardian has consented (PIPL art. 31)."""


@dataclass(frozen=True, slots=True)
class SignInNeeded:
    """Nobody is signed in, or too long ago for what the relying party asks."""


@dataclass(frozen=True, slots=True)
class ChooseChild:
    """Several pupils: which one? They are named as the family pages name them, by position."""

    children: tuple[tuple[SubjectRef, str, str], ...] = field(repr=False)
    """Subject, label, school."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The person has to be asked, for this pupil: the form names it again, so that nobody consents for another."""

    subject: SubjectRef = field(repr=False)
    label: str = field(repr=False)
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class Barred:
    """The person cannot go on; they may go back to the relying party, which gets ``access_denied``."""

    why: Blocked
    organisation: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer is ready: where the browser goes, and with ``form_post`` what it sends there in a form."""

    location: str = field(repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


Step = SignInNeeded | ChooseChild | AskConsent | Barred | Answered


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """A request of the authorization code grant, as it was sent (RFC 6749 section 4.1.3)."""

    shown: Shown
    code: str | None = field(default=None, repr=False)
    redirect_uri: str | None = None
    verifier: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was redeemed for (OpenID Connect Core 1.0 section 3.1.3.3). ``expires_in`` is in seconds."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    bound: bool
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """What a sign-out led to: where the browser goes on, ``None`` for a page of ours."""

    location: str | None
