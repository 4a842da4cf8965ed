"""The room of families on a real database and journal, pupils whose ages tests set, and a telephone with passkeys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Engine

from gateway.accounts.service import AccountService
from gateway.accounts.store import SqlAccounts, SqlBookkeeping, SqlSessions
from gateway.accounts.totp import SecretBox
from gateway.db import make_engine
from gateway.families.activation import ActivationDesk
from gateway.families.bonds import Bonds
from gateway.families.cards import CardDesk
from gateway.families.entering import Doors
from gateway.families.passkeys import PasskeyDesk, RelyingParty
from gateway.families.records import BondKind, Entered, MadeActivation
from gateway.families.service import FamilyService
from gateway.families.store import FamilyStore
from gateway.identity import jws
from gateway.identity.lifecycle import staff_may_offer
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import Tx
from gateway.principals import AccountKind, Principal, Role
from tests.factories.accounts import ACCOUNTS_KEY, CHEAP, PARAMETERS, RULES, Clock, RecordingJournal
from tests.factories.identity import LI, WANG, Pupils, pupil
from tests.factories.journal import make_journal, make_reader

URL = "https://family.example"
ORIGIN, RP = URL, "family.example"
STAFF = Principal(
    AccountId("st-registrar"), AccountKind.STAFF, frozenset({Role.REGISTRAR}), UnitCode("2114000001"), assurance=2
)
STRANGER = replace(STAFF, account=AccountId("st-elsewhere"), unit=UnitCode("2114009999"))
UP, UV, AT = 0x01, 0x04, 0x40


@dataclass
class House:
    """The room, wired."""

    engine: Engine
    clock: Clock
    pupils: Pupils
    journal: RecordingJournal
    families: FamilyService
    accounts: AccountService
    store: FamilyStore = field(default_factory=FamilyStore)

    def age(self, subject: SubjectRef, born: date, **changes: object) -> None:
        """Say when a pupil was born, and whatever else of the row."""
        self.pupils.rows[subject] = pupil(birth_date=born, **changes)

    def made(self, subject: SubjectRef = LI, kind: BondKind = BondKind.GUARDIAN, **more: AccountId) -> MadeActivation:
        """Return an activation that the school made."""
        return self.families.activations.make(subject, kind, STAFF, **more)

    def redeem(self, made: MadeActivation, here: Principal | None = None) -> Entered:
        """Return who came in by it."""
        return self.families.activations.redeem(reference_of(made), made.code, here)

    def guardian(self, subject: SubjectRef = LI) -> Entered:
        """Return a guardian who has just come in."""
        return self.redeem(self.made(subject))

    def with_passkey(self, subject: SubjectRef = LI) -> tuple[Entered, Phone]:
        """Return a guardian with a passkey, and the telephone that holds it."""
        entered, phone = self.guardian(subject), Phone()
        return self.register(entered, phone), phone

    def register(self, entered: Entered, phone: Phone) -> Entered:
        """Register a passkey of ``phone``."""
        desk = self.families.passkeys
        begun = desk.begin_registering(entered.principal)
        return desk.register(entered.principal, entered.token or "", begun.id, phone.create(begun.options), "手机")

    def sign_in(self, phone: Phone, **changes: Any) -> Entered:  # noqa: ANN401  those of Phone.get
        """Sign in with ``phone``."""
        begun = self.families.passkeys.begin_sign_in()
        return self.families.passkeys.sign_in(begun.id, phone.get(begun.options, **changes))

    def seal(self, account: AccountId) -> None:
        """Close an account, as a manager does."""
        with self.engine.begin() as connection:
            assert self.families.accounts.seal(Tx(connection), account, self.clock(), "closed")

    def reasons(self) -> list[object]:
        """Return the reasons of all refusals, oldest first."""
        return [one.facts["reason"] for one in self.journal.entries if one.outcome == "refused"]


@dataclass
class Phone:
    """An authenticator in software, and the browser around it (Web Authentication, sections 6.3 and 7)."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = b""
    handle: bytes = b""
    count: int = 0
    origin: str = ORIGIN
    rp: str = RP
    flags: int = UP | UV

    def create(self, options: str) -> str:
        """Return the answer to registration options."""
        asked = json.loads(options)
        self.credential_id = hashlib.sha256(str(self.key.private_numbers().private_value).encode()).digest()
        self.handle = jws.decode(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cose
        data = self._data(self.flags | AT) + attested
        response = {
            "clientDataJSON": jws.encode(self._client("webauthn.create", asked["challenge"])),
            "attestationObject": jws.encode(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return self._document(response)

    def get(self, options: str, *, challenge: str | None = None, handle: bytes | None = None, step: int = 1) -> str:
        """Return the answer to sign-in options; the count goes up by ``step``."""
        self.count += step
        client = self._client("webauthn.get", challenge or json.loads(options)["challenge"])
        data = self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": jws.encode(client),
            "authenticatorData": jws.encode(data),
            "signature": jws.encode(signature),
            "userHandle": jws.encode(self.handle if handle is None else handle),
        }
        return self._document(response)

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _document(self, response: dict[str, str]) -> str:
        named = jws.encode(self.credential_id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})


def reference_of(made: MadeActivation) -> str:
    """Return the reference in the fragment of the link."""
    return made.link.partition("#")[2]


def make_house(url: str) -> Iterator[House]:
    """Yield the room on a fresh database; Li is 9 years old, Wang 15."""
    engine, clock, pupils, store = make_engine(url), Clock(), Pupils(), FamilyStore()
    journal, reader, scratch = (
        RecordingJournal(make_journal(engine, now=clock)),
        make_reader(engine),
        SqlBookkeeping(engine),
    )
    bonds = Bonds(store, reader, pupils, clock)
    doors = Doors(SqlAccounts(), SqlSessions())
    in_charge = staff_may_offer(lambda _: frozenset())
    families = FamilyService(
        bonds=bonds,
        activations=ActivationDesk(
            public_url=URL,
            life=timedelta(days=7),
            bonds=bonds,
            store=store,
            doors=doors,
            journal=journal,
            reader=reader,
            scratch=scratch,
            in_charge=in_charge,
            now=clock,
        ),
        passkeys=PasskeyDesk(
            party=RelyingParty.at(URL),
            store=store,
            doors=doors,
            journal=journal,
            reader=reader,
            scratch=scratch,
            now=clock,
        ),
        cards=CardDesk(URL, bonds, store, journal, reader, clock),
        store=store,
        accounts=doors.accounts,
        sessions=doors.sessions,
        journal=journal,
        reader=reader,
        scratch=scratch,
        in_charge=in_charge,
        now=clock,
    )
    accounts = AccountService(
        accounts=doors.accounts,
        sessions=doors.sessions,
        journal=journal,
        reader=reader,
        bookkeeping=scratch,
        box=SecretBox(ACCOUNTS_KEY),
        passwords=CHEAP,
        parameters=PARAMETERS,
        default_rules=RULES,
        now=clock,
    )
    built = House(engine, clock, pupils, journal, families, accounts)
    built.age(LI, date(2017, 6, 1))
    built.age(WANG, date(2011, 6, 1))
    yield built
    journal.close()
    engine.dispose()


@pytest.fixture
def house_on_both(tables_url: str) -> Iterator[House]:
    """A house on a database of each kind."""
    yield from make_house(tables_url)


@pytest.fixture
def quick_house(sqlite_tables_url: str) -> Iterator[House]:
    """A house on SQLite alone, for what is decided before a row is written."""
    yield from make_house(sqlite_tables_url)
