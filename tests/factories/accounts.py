"""Accounts, sessions and OAuth on a real database and journal, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Engine

from gateway.accounts.directory import AccountDirectory, security_rules
from gateway.accounts.passwords import Passwords
from gateway.accounts.records import ClientSpec, Credentials, StaffSpec
from gateway.accounts.service import AccountService
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlClients, SqlSessions
from gateway.accounts.tokens import TokenService
from gateway.accounts.totp import SecretBox
from gateway.audit.sequencer import SequencerJournal
from gateway.db import make_engine
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.principals import AccountKind, Principal, Role
from rulebook.records import Parameters
from tests.factories.journal import make_journal, make_reader

R = TypeVar("R")

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanxi
ISSUER = "https://gateway.example"
ACCOUNTS_KEY = bytes(range(64, 96))
RECIPIENT = RecipientId("91140100MA0GATEW7X")
COUNTY = UnitCode("140105")
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
class House:
    """Everything of the room, wired."""

    engine: Engine
    clock: Clock
    journal: RecordingJournal
    accounts: AccountService
    directory: AccountDirectory
    tokens: TokenService
    oauth_key: ec.EllipticCurvePrivateKey = field(repr=False)

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
    AccountId("st-administrator"), AccountKind.STAFF, frozenset({Role.SYSTEM_ADMINISTRATOR}), UnitCode("140000")
)


def make_house(database_url: str, *, clock: Clock | None = None, issuer: str = ISSUER) -> House:
    """Return the room on a fresh database."""
    engine, now = make_engine(database_url), clock or Clock()
    journal = RecordingJournal(make_journal(engine, now=now))
    reader = make_reader(engine)
    people, sessions, clients = SqlAccounts(), SqlSessions(), SqlClients()
    bookkeeping, box = SqlBookkeeping(engine), SecretBox(ACCOUNTS_KEY)
    key = ec.generate_private_key(ec.SECP256R1())
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
            parameters=PARAMETERS,
            default_rules=RULES,
            now=now,
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
            is_division={"140000", "140100", "140105"}.__contains__,
            now=now,
        ),
        TokenService(
            issuer=issuer,
            signing=key,
            verifying=[key.public_key()],
            accounts=people,
            clients=clients,
            journal=journal,
            reader=reader,
            bookkeeping=bookkeeping,
            parameters=PARAMETERS,
            now=now,
        ),
        key,
    )


class Program:
    """A client as its owner sees it: an id and a private key."""

    def __init__(self, house: House, *roles: Role, kid: str | None = "k1") -> None:
        self.key = ECKey.generate_key("P-256", {"kid": kid} if kid else None)
        self.id = house.directory.register_client(
            ADMINISTRATOR,
            ClientSpec(RECIPIENT, frozenset(roles or {Role.APPLICANT}), {"keys": [self.key.as_dict(private=False)]}),
        )
        self._clock = house.clock
        self._issuer = house.tokens.issuer

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


def day(text: str) -> date:
    """Return a date."""
    return date.fromisoformat(text)
