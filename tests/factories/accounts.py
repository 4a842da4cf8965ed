"""Accounts, sessions and OAuth on a real database and journal, with a clock that tests turn."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from sqlalchemy import Engine

from gateway.accounts.access_tokens import AccessTokens
from gateway.accounts.assertions import ASSERTION_TYPE
from gateway.accounts.delegations import Delegations
from gateway.accounts.directory import AccountDirectory, security_rules
from gateway.accounts.dpop import Shown
from gateway.accounts.key_sets import KeySets
from gateway.accounts.passwords import Passwords
from gateway.accounts.recipients import RecipientRegister
from gateway.accounts.records import AccessToken, ClientSpec, Credentials, StaffSpec
from gateway.accounts.service import AccountService
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlClients, SqlSessions
from gateway.accounts.store.delegations import SqlDelegations
from gateway.accounts.store.recipients import SqlRecipients
from gateway.accounts.tokens import TokenRequest, TokenService
from gateway.accounts.totp import SecretBox
from gateway.audit.sequencer import SequencerJournal
from gateway.bootstrap.administration import DecidedAuthority
from gateway.db import make_engine
from gateway.ids import AccountId, GrantId, RecipientId, UnitCode
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.principals import AccountKind, Principal, Role
from rulebook.records import Parameters
from tests.factories.journal import make_journal, make_reader
from tests.factories.policies import decision_point, rule_book

R = TypeVar("R")

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanxi
ISSUER = "https://gateway.example"
ACCOUNTS_KEY = bytes(range(64, 96))
RECIPIENT = RecipientId("91140100MA0GATEW7X")
COUNTY, CITY, OTHER_CITY = UnitCode("140105"), UnitCode("140100"), UnitCode("140200")
DIVISIONS = frozenset({"140000", "140100", "140105", "140200"})
RULES = security_rules("一、账号专人专用。二、密码定期更换。", "办公室主任 张某")
CHEAP = Passwords(time_cost=1, memory_kib=8)
NEW_PASSWORD = "huanghe-lvliang-fenjiu-73"

PARAMETERS = Parameters(
    password_days=90,
    sealing_months=6,
    session_minutes=480,
    idle_minutes=30,
    lockout_attempts=5,
    lockout_seconds=60,
    class_size={"primary": 45},
    school_years={"11": (6, 8)},
    shrink_share=0.2,
    max_upload_bytes=1 << 20,
    max_unpacked_bytes=1 << 22,
    max_rows=1000,
    lease_seconds=120,
    token_seconds=300,
    checkpoint_witness_minutes=60,
    number_authority="national",
)


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **step: float) -> None:
        self.at += timedelta(**step)


class RecordingJournal:
    """The real journal, and what it was given, so that tests read kinds and facts."""

    def __init__(self, journal: SequencerJournal) -> None:
        self._journal = journal
        self.entries: list[EntryDraft] = []

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        result, receipt = self._journal.record(write, entry)
        self.entries.append(entry(result) if callable(entry) else entry)
        return result, receipt

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        result = self._journal.record_all(write, entries)
        self.entries += entries
        return result

    def append(self, entry: EntryDraft) -> Receipt:
        receipt = self._journal.append(entry)
        self.entries.append(entry)
        return receipt

    def close(self) -> None:
        self._journal.close()

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries]

    def last(self, kind: str) -> EntryDraft:
        return [entry for entry in self.entries if entry.kind == kind][-1]


@dataclass
class OwnedGrants:
    """Grants and whose they are, as the composition root would know them."""

    owners: dict[GrantId, RecipientId] = field(default_factory=dict)

    def of(self, recipient: RecipientId) -> set[GrantId]:
        return {grant for grant, owner in self.owners.items() if owner == recipient}


@dataclass
class House:
    """Everything of the room, wired."""

    engine: Engine
    clock: Clock
    journal: RecordingJournal
    accounts: AccountService
    directory: AccountDirectory
    recipients: RecipientRegister
    delegations: Delegations
    tokens: TokenService
    oauth_key: ec.EllipticCurvePrivateKey = field(repr=False)
    grants: OwnedGrants = field(default_factory=OwnedGrants)

    def open(self, username: str = "li.na", *roles: Role, **changes: Any) -> Credentials:  # noqa: ANN401  members of the spec
        """Open an account that is ready for work."""
        spec = StaffSpec(
            username=username,
            name=f"测试{username}",
            roles=frozenset(roles or {Role.DATA_OFFICER}),
            unit=COUNTY,
            post="数据管理员",
            acknowledged_on_paper=True,
            must_change=False,
        )
        return self.directory.create(ADMINISTRATOR, replace(spec, **changes))

    def code(self, credentials: Credentials) -> str:
        """Return the one-time code of the present moment."""
        assert credentials.totp_secret is not None
        return pyotp.TOTP(credentials.totp_secret).at(self.clock.at)

    def close(self) -> None:
        self.journal.close()
        self.engine.dispose()


ADMINISTRATOR = Principal(
    AccountId("st-administrator"),
    AccountKind.STAFF,
    frozenset({Role.SECURITY_ADMINISTRATOR}),
    UnitCode("140000"),
    assurance=2,
)


def make_authority(managing: Mapping[str, str] | None = None) -> DecidedAuthority:
    """Return the real decision point with the shipped policies; ``managing`` is school -> managing authority."""
    return DecidedAuthority(decision_point(), rule_book().divisions, "three", lambda: managing or {})


def make_house(
    database_url: str,
    *,
    clock: Clock | None = None,
    issuer: str = ISSUER,
    key_sets: KeySets | None = None,
    parameters: Parameters = PARAMETERS,
) -> House:
    """Return the room on a fresh database."""
    engine, now = make_engine(database_url), clock or Clock()
    journal = RecordingJournal(make_journal(engine, now=now))
    reader = make_reader(engine)
    people, sessions, clients = SqlAccounts(), SqlSessions(), SqlClients()
    bookkeeping, box = SqlBookkeeping(engine), SecretBox(ACCOUNTS_KEY)
    authority = make_authority({"1401050012": COUNTY})
    recipients = RecipientRegister(
        store=SqlRecipients(),
        journal=journal,
        reader=reader,
        authority=authority,
        parameters=parameters,
        is_division=DIVISIONS.__contains__,
        now=now,
    )
    delegations = Delegations(
        store=SqlDelegations(),
        accounts=people,
        journal=journal,
        reader=reader,
        authority=authority,
        parameters=parameters,
        now=now,
    )
    key, grants = ec.generate_private_key(ec.SECP256R1()), OwnedGrants()
    return House(
        engine,
        now,
        journal,
        AccountService(
            accounts=people,
            sessions=sessions,
            journal=journal,
            reader=reader,
            bookkeeping=bookkeeping,
            box=box,
            passwords=CHEAP,
            parameters=parameters,
            default_rules=RULES,
            now=now,
            deputies=delegations,
            recipients=recipients,
        ),
        AccountDirectory(
            accounts=people,
            sessions=sessions,
            clients=clients,
            journal=journal,
            reader=reader,
            box=box,
            passwords=CHEAP,
            default_rules=RULES,
            is_division=DIVISIONS.__contains__,
            authority=authority,
            now=now,
            registered_by=recipients.unit_of,
            when_changed=delegations.settle,
        ),
        recipients,
        delegations,
        TokenService(
            tokens=AccessTokens(issuer, key, [key.public_key()], PARAMETERS.token_seconds),
            accounts=people,
            clients=clients,
            grants=grants,
            journal=journal,
            reader=reader,
            bookkeeping=bookkeeping,
            parameters=PARAMETERS,
            now=now,
            key_sets=key_sets,
            recipients=recipients,
        ),
        key,
        grants,
    )


class Program:
    """A client as its owner sees it: an id, a private key, and one for proofs where its tokens are bound.

    ``dpop_required`` is what it was registered with; ``jwks_uri`` publishes the key there instead of handing it in.
    """

    def __init__(
        self,
        house: House,
        *roles: Role,
        kid: str | None = "k1",
        dpop_required: bool = False,
        jwks_uri: str | None = None,
        recipient: RecipientId = RECIPIENT,
    ) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": kid} if kid else None)
        self.jwks: dict[str, Any] = {"keys": [self.key.as_dict(private=False)]}
        spec = ClientSpec(
            recipient,
            frozenset(roles or {Role.APPLICANT}),
            {} if jwks_uri else self.jwks,
            jwks_uri=jwks_uri,
            dpop_required=dpop_required,
        )
        self.id = house.directory.register_client(ADMINISTRATOR, spec)
        self.prover = Prover(house.clock)
        self._tokens = house.tokens
        self._clock = house.clock
        self._issuer = house.tokens.issuer

    def asked(self, scope: str | None = None, *, proof: str | None = None, **more: Any) -> TokenRequest:  # noqa: ANN401  members of the request
        """Return a good token request; ``proof`` is the header ``DPoP``."""
        found = TokenRequest(Shown(proof, "POST", f"{self._issuer}/oauth/token"), ASSERTION_TYPE, scope=scope)
        return replace(found, **{"assertion": self.assertion(), **more})

    def token(self, scope: str | None = None, **more: Any) -> AccessToken:  # noqa: ANN401  members of the request
        """Return an access token, a bearer token unless ``bound`` is true."""
        if more.pop("bound", False):
            more["proof"] = self.prover.proof("POST", f"{self._issuer}/oauth/token")
        return self._tokens.request_token(self.asked(scope, **more))

    def claims(self, **changes: object) -> dict[str, Any]:
        """Return the claims of a good assertion, changed; ``None`` leaves one out."""
        now = int(self._clock().timestamp())
        claims: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": self._issuer,
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **changes: object) -> str:
        """Return a signed client assertion."""
        return jwt.encode({"alg": "ES256", **(header or {"kid": "k1"})}, self.claims(**changes), key or self.key)


class Prover:
    """A key that tokens are bound to, and its proofs (RFC 9449)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.key = ECKey.generate_key("P-256")
        self._clock = clock

    @property
    def jkt(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        method: str,
        uri: str,
        token: str | None = None,
        *,
        key: ECKey | None = None,
        header: dict[str, Any] | None = None,
        **changes: object,
    ) -> str:
        """Return a proof, changed; ``None`` leaves a member out. ``key`` signs instead, under the header of ours."""
        claims: dict[str, Any] = {"htm": method, "htu": uri, "iat": int(self._clock().timestamp()), "jti": uuid4().hex}
        if token is not None:
            claims["ath"] = urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False), **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        return jwt.encode(head, kept, key or self.key, registry=registry)


def day(text: str) -> date:
    """Return a date."""
    return date.fromisoformat(text)
