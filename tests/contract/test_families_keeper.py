"""What follows from a bond: the registry knows the guardian, and a wallet that may hold no longer is emptied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from core_registry.db.case_tables import guardian_accounts
from core_registry.db.engine import reading
from core_registry.db.guardian_links import SqlGuardianLinks
from core_registry.db.posts_store import guardian_verified
from gateway.families.keeper import BondKeeper
from gateway.families.records import BondKind, Entered
from gateway.families.store import FamilyStore
from gateway.families.store.tables import bonds
from gateway.identity.errors import Reason, WalletRefusedError
from gateway.identity.holder import Wallet
from gateway.identity.issuing.ending import EndingDesk
from gateway.identity.issuing.records import MadeOffer
from gateway.identity.issuing.store import IssuingStore
from gateway.identity.offline import verify_credential
from gateway.identity.records import Status
from gateway.identity.signing_in.consents import ConsentKeeper
from gateway.identity.signing_in.store import SignInStore
from gateway.identity.store import IdentityStore
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from gateway.ids import SubjectRef
from tests.factories import casedb, families, identity
from tests.factories.casedb import TODAY, Office, make_office
from tests.factories.identity import ISSUER, LI, LIBRARY, WANG, reason


@dataclass
class Register:
    """Which links the registry was told of; the real one has tests of its own below."""

    links: dict[tuple[str, str], str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def link(self, account: str, subject_ref: str, *, verified_by: str, on: date, now: datetime) -> bool:
        assert on <= now.date() + timedelta(days=1)
        self.links[account, subject_ref] = verified_by
        self.told.append("link")
        return True

    def unlink(self, account: str, subject_ref: str, *, by: str, now: datetime) -> bool:
        self.told.append(f"unlink by {by}")
        return self.links.pop((account, subject_ref), None) is not None


@dataclass
class House:
    """Families and the issuer on one database, with what the worker does between them."""

    families: families.House
    identity: identity.House
    keeper: BondKeeper
    register: Register

    def wallet(self, who: Entered, subject: SubjectRef, count: int = 2) -> Wallet:
        """Return a wallet that an account of a family filled for a pupil."""
        offers = self.identity.issuing.offers
        assert offers is not None
        may_hold = self.families.families.may_hold_for
        made = replace(offers, may_offer=lambda by, about, _row: may_hold(by.account, about)).make(
            subject, who.principal
        )
        wallet = Wallet()
        nonce = self.identity.issuing.nonce()
        proofs = wallet.proofs(count, issuer=ISSUER, nonce=nonce, now=self.identity.clock())
        wallet.receive(self.identity.issue(self.identity.sent(made), proofs).credentials)
        return wallet

    def statuses(self, wallet: Wallet) -> set[int]:
        return {self.identity.status_of(credential) for credential, _key in wallet.held}

    def at(self, moment: datetime) -> None:
        self.families.clock.at = self.identity.clock.moment = moment

    def ends(self) -> list[object]:
        """Return the entries by which bonds ended with age."""
        return [one.facts["account"] for one in self.families.journal.entries if one.facts.get("reason") == "age"]


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    for room, issuer in zip(families.make_house(tables_url), identity.make_house(tables_url), strict=True):
        room.clock.at = issuer.clock.moment
        room.pupils.rows[WANG] = identity.pupil(birth_date=date(2008, 12, 20), stage="senior", grade="31")
        issuer.pupils.rows = room.pupils.rows
        register, rows = Register(), IdentityStore()
        reader, service, clock = issuer.service.reader, issuer.service, issuer.clock
        ending = EndingDesk(issuer.journal, reader, IssuingStore(), rows, service.end, lambda *_: False, clock)
        scratch = identity.EngineScratch(issuer.engine)
        sign_ins = ConsentKeeper(SignInStore(), issuer.journal, reader, clock)
        keeper = BondKeeper(
            FamilyStore(), register, ending, sign_ins, room.pupils, room.journal, reader, scratch, clock
        )
        yield House(room, issuer, keeper, register)


def test_the_registry_learns_of_a_guardian_and_of_the_end_of_it(house: House) -> None:
    mother = house.families.guardian()
    assert house.keeper.follow()
    assert house.register.links == {(mother.principal.account, LI): "st-registrar"}
    assert not house.keeper.follow()
    (bond,) = house.families.families.bonds.with_pupil(LI)
    house.families.families.end_bond(bond.id, families.STAFF)
    assert house.keeper.follow()
    assert not house.keeper.follow()
    assert house.register.told == ["link", "unlink by st-registrar"]


def test_a_bond_that_was_made_anew_keeps_its_link(house: House) -> None:
    mother = house.families.guardian()
    house.keeper.follow()
    (bond,) = house.families.families.bonds.with_pupil(LI)
    house.families.families.end_bond(bond.id, families.STAFF)
    house.families.redeem(house.families.made(LI), mother.principal)
    house.keeper.follow()
    assert house.register.told == ["link", "link"]


@pytest.mark.rule("A50-15")
def test_what_lies_in_a_wallet_ends_with_the_bond_and_nothing_else_does(house: House) -> None:
    mother, father = house.families.guardian(), house.families.guardian()
    hers, his, school = house.wallet(mother, LI), house.wallet(father, LI), house.identity.wallet(LI)
    house.keeper.follow()
    assert house.statuses(hers) == {Status.VALID}
    account = mother.principal.account
    (bond,) = (one for one in house.families.families.bonds.with_pupil(LI) if one.account == account)
    waiting = house.identity.sent(_offer(house, mother))
    house.families.families.end_bond(bond.id, mother.principal)
    house.keeper.follow()
    assert house.statuses(hers) == {Status.INVALID}
    assert house.statuses(his) == house.statuses(school) == {Status.VALID}
    entry = house.identity.last()
    assert (entry.kind, entry.actor, entry.subjects) == ("identity.ended", None, (LI,))
    assert (entry.facts, entry.links) == (
        {"credentials": 2, "offers": 1, "reason": "bond_ended"}, {"executor": mother.principal.account}
    )  # fmt: skip
    # the list that anybody fetches says so at once, and what waited fetches nothing
    shown = house.identity.show(hers, "stage")
    assert reason(lambda: _offline(house, shown)) is Reason.REVOKED
    with pytest.raises(WalletRefusedError):
        house.identity.issue(waiting, [identity.proof(house.identity)])
    told = len(house.identity.journal.entries)
    house.keeper.follow()
    assert len(house.identity.journal.entries) == told


def _offer(house: House, who: Entered) -> MadeOffer:
    offers = house.identity.issuing.offers
    assert offers is not None
    return replace(offers, may_offer=lambda *_: True).make(LI, who.principal)


def _offline(house: House, shown: str) -> object:
    service = house.identity.service
    shard = service.settings.shard_of(status_reference_of(UnverifiedPresentation(shown)).uri)
    assert shard is not None
    return verify_credential(
        shown,
        audience=LIBRARY,
        nonce="n-1",
        issuer=ISSUER,
        vct=service.settings.vct,
        jwks=service.jwks(),
        status_list_token=service.status_list_token(shard).token,
        now=house.identity.clock(),
    )


@pytest.mark.rule("A50-15")
def test_at_18_a_bond_ends_once_with_its_credentials(house: House) -> None:
    mother = house.families.guardian(WANG)
    wallet = house.wallet(mother, WANG)
    house.keeper.follow()
    assert house.keeper.review() == 0
    with house.identity.engine.connect() as connection:
        again = connection.execute(select(bonds.c.review_on)).scalar_one()
    start = house.identity.clock()
    assert again == (start.date() + timedelta(days=1)).isoformat()  # near: every day, which tells no birthday
    house.at(start + timedelta(days=20))
    renewed = house.wallet(mother, WANG)
    birthday = datetime(2026, 12, 20, 2, tzinfo=start.tzinfo)
    house.at(birthday)
    assert house.keeper.review() == 0
    house.at(birthday + timedelta(days=1))
    assert house.keeper.review() == 1
    assert house.keeper.review() == 0
    assert house.ends() == [mother.principal.account]
    house.keeper.follow()
    assert house.statuses(renewed) == {Status.INVALID}
    assert house.statuses(wallet) == {Status.INVALID}
    assert house.register.told[-1] == "unlink by age"


def test_two_workers_write_one_entry(house: House) -> None:
    house.families.guardian(WANG)
    house.at(datetime(2026, 12, 30, 2, tzinfo=house.identity.clock().tzinfo))
    store = FamilyStore()
    due = house.keeper.reader.read(lambda tx: store.for_review(tx, date(2026, 12, 30), 9))
    assert house.keeper.review() == 1
    assert [house.keeper._end(bond) for bond in due] == [0]
    assert len(house.ends()) == 1


def test_the_guardians_wallet_is_emptied_when_the_pupil_takes_over(house: House) -> None:
    mother = house.families.guardian(WANG)
    wallet = house.wallet(mother, WANG)
    house.keeper.review()
    assert house.statuses(wallet) == {Status.VALID}
    own = house.families.redeem(house.families.made(WANG, BondKind.SELF))
    theirs = house.wallet(own, WANG)
    house.keeper.review()  # due at once, whatever day was noted before
    assert house.statuses(wallet) == {Status.INVALID}
    assert house.statuses(theirs) == {Status.VALID}
    assert house.identity.last().facts["reason"] == "handed_over"
    assert house.families.families.rights(mother.principal.account, WANG).see


# --- the registry's end of it


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = make_office(database_url)
    yield made
    made.engine.dispose()


@pytest.mark.rule("A3-5", "A7-3")
def test_a_link_is_kept_and_told_once_and_taken_away_once(office: Office) -> None:
    links, now, subject = SqlGuardianLinks(office.engine), casedb.NOW, str(office.row(1)["subject_ref"])
    assert not links.link("gd-1", "0" * 32, verified_by="st-r", on=TODAY, now=now)
    for _ in range(2):
        assert links.link("gd-1", subject, verified_by="st-r", on=TODAY, now=now)
    with reading(office.engine) as connection:
        assert guardian_verified(connection, "gd-1", office.ids[1])
        assert connection.execute(select(guardian_accounts.c.verified_by)).scalar_one() == "st-r"
    assert links.unlink("gd-1", subject, by="age", now=now)
    assert not links.unlink("gd-1", subject, by="age", now=now)
    events = [(event.actor, event.facts["verified"], event.subjects) for event in office.events("registry.guardian")]
    assert events == [("st-r", True, (subject,)), ("age", False, (subject,))]
