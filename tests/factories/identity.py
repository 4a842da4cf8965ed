"""An issuer with its database, clock, keys and grants, for the tests of identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from gateway.accounts.dpop import Shown
from gateway.audit.entries import check_fits
from gateway.db import make_engine, read_only
from gateway.errors import (
    ForbiddenError,
)
from gateway.identity import holder, status_list
from gateway.identity.errors import CredentialRejectedError, Reason, WalletRefusedError
from gateway.identity.holder import Wallet
from gateway.identity.issuer_keys import IssuerKeyService, StoredKeys
from gateway.identity.issuing.credentials import CredentialDesk
from gateway.identity.issuing.desk import LocalDesk
from gateway.identity.issuing.ending import EndingDesk
from gateway.identity.issuing.notifications import NotificationDesk
from gateway.identity.issuing.offers import OfferDesk
from gateway.identity.issuing.records import CredentialAnswer, MadeOffer, Sent, TokenRequest
from gateway.identity.issuing.service import IssuingService
from gateway.identity.issuing.store import IssuingStore
from gateway.identity.issuing.tokens import TokenDesk
from gateway.identity.keys import IssuerKey
from gateway.identity.lifecycle import staff_may_offer
from gateway.identity.metadata import PRE_AUTHORIZED
from gateway.identity.records import IdentitySettings, VerificationAnswer
from gateway.identity.service import IdentityService
from gateway.identity.store import IdentityStore, IssuerKeyStore
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from gateway.ids import AccountId, RecipientId, SubjectRef, UnitCode
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.policies.records import Grant, Population
from gateway.principals import AccountKind, Principal, Role
from tests.factories.policies import rule_book

R = TypeVar("R")
ISSUER = "https://xueji.example"
TOKEN_ENDPOINT = f"{ISSUER}/oauth/token"
CREDENTIAL_ENDPOINT = f"{ISSUER}/v1/identity/credentials"
START = datetime(2026, 11, 23, 2, 17, 41, tzinfo=UTC)
LI, WANG = SubjectRef("1" * 32), SubjectRef("2" * 32)
LIBRARY = RecipientId("91140000MA0EXAMPLE")
REGISTRAR = Principal(
    AccountId("st-registrar"), AccountKind.STAFF, frozenset({Role.REGISTRAR}), unit=UnitCode("2114000001")
)
STRANGER = replace(REGISTRAR, account=AccountId("st-other"), unit=UnitCode("2114000002"))
PARTY = Principal(
    AccountId("cl-library"), AccountKind.CLIENT, frozenset({Role.RELYING_PARTY}), recipient=LIBRARY, assurance=2
)


def pupil(**changes: object) -> dict[str, object]:
    return {
        "name_masked": "李**",
        "birth_date": date(2012, 3, 1),
        "stage": "junior",
        "grade": "22",
        "school_name": "太原市第一示例中学",
        "school_code": "2114000001",
        "school_division": "140105",
        "managing_authority": "140105",
        "state": "active",
        "entry_month": "2025-09",
        **changes,
    }


class SqlJournal:
    """Writes facts like the sequencer does, and keeps the drafts instead of a log."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.entries: list[EntryDraft] = []

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
        with self.engine.begin() as connection:
            result = write(cast("Tx", connection))
            draft = entry if isinstance(entry, EntryDraft) else entry(result)
        return result, self.append(draft)

    def append(self, entry: EntryDraft) -> Receipt:
        check_fits(entry)  # the audit room's own rules: known links, no personal data, a leaf's size
        self.entries.append(entry)
        return Receipt(len(self.entries) - 1, b"", len(self.entries), b"")


class StandingGrants:
    """A gate with standing grants: what each recipient may ask, by purpose."""

    def __init__(self) -> None:
        self.granted: dict[tuple[RecipientId, str], frozenset[str]] = {}
        self.asked = 0
        self.population = Population("140100", None, None, None)

    def answer(
        self,
        recipient: RecipientId,
        principal: Principal,
        purpose: str,
        claims: frozenset[str],
        run: Callable[[Grant], R],
    ) -> R:
        if not claims <= self.granted.get((recipient, purpose), frozenset()):
            raise ForbiddenError("No standing grant.", rule="A50-5")
        self.asked += 1
        scope = SimpleNamespace(population=self.population)
        return run(cast("Grant", SimpleNamespace(id="gr-1", recipient=recipient, scope=scope)))


@dataclass
class Clock:
    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment

    def pass_by(self, **time: float) -> None:
        self.moment += timedelta(**time)


@dataclass
class Pupils:
    rows: dict[str, dict[str, object]] = field(default_factory=lambda: {LI: pupil(), WANG: pupil()})
    on_read: Callable[[], None] = lambda: None

    def pupil(self, subject_ref: str) -> dict[str, object] | None:
        row = self.rows.get(subject_ref)
        found = None if row is None else dict(row)
        self.on_read()
        return found


class Keys:
    """Private keys in memory, as ``KeyFolder`` has them in the key directory."""

    def __init__(self) -> None:
        self.first = IssuerKey.of(ec.generate_private_key(ec.SECP256R1()))
        self.held = {self.first.kid: self.first}

    def make(self) -> IssuerKey:
        made = IssuerKey.of(ec.generate_private_key(ec.SECP256R1()))
        self.held[made.kid] = made
        return made

    def find(self, kid: str) -> IssuerKey | None:
        return self.held.get(kid)


@dataclass
class House:
    """The service with everything around it."""

    service: IdentityService
    issuing: IssuingService
    journal: SqlJournal
    clock: Clock
    pupils: Pupils
    gate: StandingGrants
    engine: Engine
    keys: IssuerKeyService

    def wallet(
        self, subject: SubjectRef = LI, count: int = 3, nonce: str | None = None, configuration: str = "student"
    ) -> Wallet:
        sent = self.sent(self.issuing.make_offer(subject, REGISTRAR, configuration))
        found = Wallet()
        proofs = found.proofs(count, issuer=ISSUER, nonce=nonce or self.issuing.nonce(), now=self.clock())
        found.receive(self.issue(sent, proofs, configuration).credentials)
        return found

    def sent(self, offer: MadeOffer, tx_code: str | None = None) -> Sent:
        """Redeem an offer, without a key; return the access token as a wallet sends it."""
        answer = self.issuing.redeem(self.asked(offer, tx_code))
        return Sent(answer.value, "bearer", Shown(None, "POST", CREDENTIAL_ENDPOINT))

    def asked(self, offer: MadeOffer, tx_code: str | None = None) -> TokenRequest:
        return TokenRequest(Shown(None, "POST", TOKEN_ENDPOINT), code_of(offer), tx_code or offer.tx_code)

    def issue(self, sent: Sent, proofs: Sequence[str], configuration: str = "student") -> CredentialAnswer:
        wish = {"credential_configuration_id": configuration, "proofs": {"jwt": [*proofs]}}
        return self.issuing.issue(sent, wish)

    def ask(self, presentation: str, *claims: str, **changes: object) -> VerificationAnswer:
        arguments: dict[str, object] = {"audience": str(LIBRARY), "nonce": "n-1", **changes}
        party = cast("Principal", arguments.pop("party", PARTY))
        unverified, requested = UnverifiedPresentation(presentation), frozenset(claims)
        return self.service.verify_online(unverified, party, requested=requested, **arguments)  # type: ignore[arg-type]  # any argument

    def show(self, wallet: Wallet, *claims: str, nonce: str = "n-1", audience: str = LIBRARY) -> str:
        return wallet.present(claims, audience=audience, nonce=nonce, now=self.clock())

    def status_of(self, credential: str) -> int:
        reference = status_reference_of(UnverifiedPresentation(credential))
        shard = self.service.settings.shard_of(reference.uri)
        assert shard is not None
        found = read_only(self.engine, lambda tx: IdentityStore().shard(tx, shard))
        assert found is not None
        return status_list.get(found.statuses, reference.index)

    def last(self) -> EntryDraft:
        return self.journal.entries[-1]


class EngineReader:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def read(self, query: Callable[[Tx], R]) -> R:
        return read_only(self.engine, query)


class EngineScratch:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def write(self, change: Callable[[Tx], R]) -> R:
        with self.engine.begin() as connection:
            return change(cast("Tx", connection))


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    """A house on a database of each kind."""
    yield from make_house(tables_url)


@pytest.fixture
def quick_house(sqlite_tables_url: str) -> Iterator[House]:
    """A house on SQLite alone, for what is decided before a row is written."""
    yield from make_house(sqlite_tables_url)


def make_house(url: str) -> Iterator[House]:
    engine = make_engine(url)
    folder = Keys()
    journal, clock, pupils, gate = SqlJournal(engine), Clock(), Pupils(), StandingGrants()
    reader = EngineReader(engine)
    rows = IssuerKeyStore()
    source = StoredKeys(rows, reader, folder, clock, folder.first.key)
    settings = replace(IdentitySettings.at(ISSUER), shard_size=64, open_shards=2)
    gate.granted[LIBRARY, "identity-verification"] = frozenset({"stage", "school", "age_over_14"})
    service = IdentityService(
        settings=settings,
        journal=journal,
        reader=reader,
        store=IdentityStore(),
        view=pupils,
        gate=gate,
        keys=source,
        divisions=rule_book().divisions,
        now=clock,
    )
    keys = IssuerKeyService(settings, rows, source, folder, journal, reader, clock)
    yield House(service, issuing_of(service), journal, clock, pupils, gate, engine, keys)
    engine.dispose()


def issuing_of(service: IdentityService, **changes: object) -> IssuingService:
    """Return issuing on the database of ``service``; ``changes`` replace its journal."""
    store, may = IssuingStore(), staff_may_offer(lambda code: frozenset({code}))
    journal = cast("SqlJournal", changes.get("journal", service.journal))
    reader, now, rows = service.reader, service.now, service.store
    tokens = TokenDesk(service.settings, journal, reader, EngineScratch(journal.engine), store, rows, now)
    view, keys, settle = service.view, service.keys, service.set_status_by_subject
    credentials = CredentialDesk(service.settings, journal, store, rows, view, keys, tokens, settle, now)
    offers = OfferDesk(service.settings, journal, store, view, lambda by, _subject, row: may(by, row), now)
    ending = EndingDesk(journal, reader, store, rows, service.end, lambda by, _subject: may(by, pupil()), now)
    desk = LocalDesk(tokens, credentials, NotificationDesk(journal, store, tokens, service.end), ending)
    return IssuingService(offers, desk, journal, store, now)


def code_of(offer: MadeOffer) -> str:
    """Return the pre-authorised code of an offer by value."""
    grants = cast("dict[str, dict[str, str]]", offer.document["grants"])
    return grants[PRE_AUTHORIZED]["pre-authorized_code"]


def reason(call: Callable[[], object]) -> Reason:
    with pytest.raises(CredentialRejectedError) as caught:
        call()
    return caught.value.reason


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(WalletRefusedError) as caught:
        call()
    assert caught.value.detail_zh
    return caught.value.code


def offered(house: House, subject: SubjectRef = LI) -> MadeOffer:
    return house.issuing.make_offer(subject, REGISTRAR)


def proof(house: House, *, key: Any = None, nonce: str | None = None, audience: str = ISSUER) -> str:  # noqa: ANN401
    found = key or holder.make_key()
    return holder.make_proof(found, audience=audience, nonce=nonce or house.issuing.nonce(), now=house.clock())
