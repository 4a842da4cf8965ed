"""An issuer with its database, clock, keys and grants, for the tests of identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine

from gateway.audit.entries import check_fits
from gateway.db import make_engine, read_only
from gateway.errors import (
    ForbiddenError,
)
from gateway.identity import status_list
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.holder import Wallet
from gateway.identity.issuer_keys import IssuerKeyService, StoredKeys
from gateway.identity.keys import IssuerKey
from gateway.identity.lifecycle import staff_may_offer
from gateway.identity.records import IdentitySettings, VerificationAnswer
from gateway.identity.service import IdentityService
from gateway.identity.store import IdentityStore, IssuerKeyStore
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from gateway.ids import AccountId, RecipientId, SubjectRef, UnitCode
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.principals import AccountKind, Principal, Role

R = TypeVar("R")
ISSUER = "https://xueji.example"
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

    def answer(
        self, recipient: RecipientId, principal: Principal, purpose: str, claims: frozenset[str], run: Callable[[], R]
    ) -> R:
        if not claims <= self.granted.get((recipient, purpose), frozenset()):
            raise ForbiddenError("No standing grant.", rule="A50-5")
        self.asked += 1
        return run()


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
    journal: SqlJournal
    clock: Clock
    pupils: Pupils
    gate: StandingGrants
    engine: Engine
    keys: IssuerKeyService

    def wallet(self, subject: SubjectRef = LI, count: int = 3, nonce: str | None = None) -> Wallet:
        code = self.service.make_offer(subject, REGISTRAR).code
        found = Wallet()
        proofs = found.proofs(count, issuer=ISSUER, nonce=nonce or self.service.nonce(), now=self.clock())
        found.receive(self.service.issue(code, proofs).credentials)
        return found

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


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    engine = make_engine(tables_url)
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
        now=clock,
        may_offer=staff_may_offer(lambda code: frozenset({code})),
    )
    keys = IssuerKeyService(settings, rows, source, folder, journal, reader, clock)
    yield House(service, journal, clock, pupils, gate, engine, keys)
    engine.dispose()


def reason(call: Callable[[], object]) -> Reason:
    with pytest.raises(CredentialRejectedError) as caught:
        call()
    return caught.value.reason
