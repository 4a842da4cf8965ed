"""Families on both databases: activations and every attack on them, rights as bonds come and go, endings."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from gateway.accounts.errors import SessionEndedError
from gateway.bootstrap.identity_issuing import may_offer
from gateway.errors import ConflictError, NotFoundError
from gateway.families.errors import ActivationRefusedError, PasskeyRefusedError
from gateway.families.records import MAX_TRIES, Bond, BondId, BondKind, Entered, MadeActivation, Rights
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import Tx
from gateway.principals import AccountKind, Principal, Role
from tests.factories import families as houses
from tests.factories.families import STAFF, STRANGER, House, reference_of
from tests.factories.identity import LI, WANG
from tests.factories.policies import rule_book

house = houses.house_on_both
quick = houses.quick_house
SELF = BondKind.SELF


def wrong(made: MadeActivation) -> str:
    return f"{(int(made.code) + 1) % 10**8:08}"


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ActivationRefusedError) as caught:
        call()
    return caught.value.detail


def pupils_account(house: House) -> Entered:
    """Return Wang, 15, who came in by an activation of the school."""
    return house.redeem(house.made(WANG, SELF))


# --- coming in


def test_an_activation_lets_a_guardian_in_once_and_binds_the_child(house: House) -> None:
    made = house.made()
    assert len(made.code) == 8
    assert made.link.startswith(f"{houses.URL}/family/activate#")
    assert made.code not in made.link
    entered = house.redeem(made)
    who = entered.principal
    assert (who.kind, who.roles, who.assurance) == (AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}), 1)
    assert house.accounts.principal_of_session(entered.token or "") == who
    [child] = house.families.children(who.account)
    assert (child.subject_ref, child.label, child.bond, child.age) == (LI, "李**", BondKind.GUARDIAN, 9)
    assert house.families.may_act_for(who.account, LI)
    assert not house.families.may_act_for(who.account, WANG)
    refused(lambda: house.redeem(made))
    assert house.reasons() == ["used"]
    activated = house.journal.last("family.activated")
    assert activated.subjects == (LI,)


def test_nothing_that_opens_an_activation_is_kept(house: House) -> None:
    made = house.made()
    with house.engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM family_activations")).all())
    assert made.code not in kept
    assert reference_of(made) not in kept
    entries = str(house.journal.entries)
    assert made.code not in entries
    assert reference_of(made) not in entries


def test_five_wrong_codes_end_an_activation_and_every_refusal_looks_the_same(house: House) -> None:
    made, gone = house.made(), house.made()
    redeem = house.families.activations.redeem
    told = {refused(lambda: redeem(reference_of(made), wrong(made))) for _ in range(MAX_TRIES)}
    told.add(refused(lambda: redeem(reference_of(made), made.code)))
    told.add(refused(lambda: redeem("0" * 32, made.code)))
    told.add(refused(lambda: redeem("", "")))
    house.clock.turn(days=7)
    told.add(refused(lambda: house.redeem(gone)))
    assert len(told) == 1
    assert house.reasons() == ["code"] * MAX_TRIES + ["spent", "unknown", "unknown", "expired"]


def test_tries_side_by_side_do_not_outrun_the_limit(house: House) -> None:
    made = house.made()
    codes = [f"{n:08}" for n in range(12)] + [made.code]

    def attempt(code: str) -> bool:
        try:
            house.families.activations.redeem(reference_of(made), code)
        except ActivationRefusedError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, codes))
    assert sum(outcomes) <= 1
    with house.engine.connect() as connection:
        assert connection.execute(text("SELECT tries FROM family_activations")).scalar_one() <= MAX_TRIES


def test_two_browsers_at_once_make_one_account(house: House) -> None:
    made = house.made()

    def attempt(_: int) -> bool:
        try:
            house.redeem(made)
        except ActivationRefusedError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]
    with house.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM family_bonds")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 1


def test_a_code_of_another_activation_does_not_fit(quick: House) -> None:
    one, other = quick.made(), quick.made()
    refused(lambda: quick.families.activations.redeem(reference_of(one), other.code))


def test_a_revoked_activation_opens_nothing(house: House) -> None:
    made = house.made()
    desk = house.families.activations
    unit = UnitCode(str(STAFF.unit))
    [listed] = desk.open_of(unit)
    assert listed.id == made.id
    with pytest.raises(NotFoundError):
        desk.revoke(made.id, STRANGER)
    desk.revoke(made.id, STAFF)
    assert desk.open_of(unit) == ()
    refused(lambda: house.redeem(made))
    with pytest.raises(ConflictError):
        desk.revoke(made.id, STAFF)
    assert house.reasons() == ["revoked"]


def test_a_second_child_is_added_to_the_account_that_is_signed_in(house: House) -> None:
    first = house.guardian()
    again = house.redeem(house.made(WANG), first.principal)
    assert again.token is None
    assert again.principal == first.principal
    assert {one.subject_ref for one in house.families.children(first.principal.account)} == {LI, WANG}
    # the same child a second time changes nothing
    house.redeem(house.made(WANG), first.principal)
    assert len(house.families.members(first.principal.account)) == 2


def test_a_pupil_or_staff_who_is_signed_in_does_not_become_a_guardian(quick: House) -> None:
    pupil = pupils_account(quick)
    for here in (pupil.principal, STAFF):
        entered = quick.redeem(quick.made(LI), here)
        assert entered.token is not None
        assert entered.principal.account != here.account
    assert quick.families.rights(pupil.principal.account, LI) == Rights()


def test_an_account_that_is_opened_again_loses_its_passkeys_and_sessions(house: House) -> None:
    lost, phone = house.with_passkey()
    account = lost.principal.account
    again = house.redeem(house.made(LI, account=account))
    assert again.principal.account == account
    assert house.families.passkeys.of(account) == ()
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(lost.token or "")
    assert house.accounts.principal_of_session(again.token or "").assurance == 1
    with pytest.raises(PasskeyRefusedError):
        house.sign_in(phone)


# --- who may make one


@pytest.mark.parametrize(
    "by",
    [
        STRANGER,
        replace(STAFF, roles=frozenset({Role.DATA_OFFICER})),
        Principal(AccountId("gd-nobody"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN})),
        Principal(AccountId("cl-x"), AccountKind.CLIENT, frozenset({Role.REGISTRAR}), STAFF.unit),
    ],
    ids=["another-school", "another-role", "a-stranger", "a-client"],
)
def test_only_who_has_charge_makes_an_activation(quick: House, by: Principal) -> None:
    for kind in BondKind:
        for subject in (LI, WANG, SubjectRef("f" * 32)):
            with pytest.raises(NotFoundError):
                quick.families.activations.make(subject, kind, by)
    with quick.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM family_activations")).scalar_one() == 0


def test_age_and_record_are_looked_at_when_it_is_made_and_when_it_is_used(quick: House) -> None:
    with pytest.raises(NotFoundError):
        quick.made(LI, SELF)  # nine years old: a guardian opens that
    made = quick.made(WANG, SELF)
    quick.age(WANG, date(2011, 6, 1), state="withdrawn")
    refused(lambda: quick.redeem(made))
    with pytest.raises(NotFoundError):
        quick.made(WANG)
    assert quick.reasons()[-2:] == ["not_allowed", "not_allowed"]


def test_a_stranger_account_cannot_be_named_for_reopening(quick: House) -> None:
    other = quick.guardian(WANG).principal.account
    with pytest.raises(NotFoundError):
        quick.made(LI, account=other)
    with pytest.raises(NotFoundError):
        quick.made(LI, account=AccountId("st-registrar"))


# --- hand-over


def test_a_guardian_opens_and_closes_the_account_of_a_child_under_14(house: House) -> None:
    guardian = house.guardian().principal
    made = house.families.activations.make(LI, SELF, guardian)
    child = house.redeem(made)
    assert child.principal.kind is AccountKind.PUPIL
    mine = child.principal.account
    assert house.families.rights(mine, LI) == Rights(see=True, hold=True)
    assert house.families.children(mine) == ()
    assert house.families.may_hold_for(mine, LI)
    assert house.families.may_act_for(guardian.account, LI)
    with pytest.raises(NotFoundError):
        house.families.close_own_account(LI, child.principal)
    house.families.close_own_account(LI, guardian)
    with pytest.raises(SessionEndedError):
        house.accounts.principal_of_session(child.token or "")
    assert house.families.rights(mine, LI) == Rights()
    with pytest.raises(NotFoundError):
        house.families.close_own_account(LI, guardian)


def test_at_14_the_own_account_takes_over_and_at_18_the_guardian_ends(house: House) -> None:
    guardian = house.guardian().principal
    child = house.redeem(house.families.activations.make(LI, SELF, guardian)).principal
    house.age(LI, date(2012, 11, 23))  # 14 tomorrow: a year is completed the day after
    assert house.families.may_act_for(guardian.account, LI)
    house.clock.turn(days=1)
    assert house.families.rights(guardian.account, LI) == Rights(see=True, close=True)
    assert house.families.may_act_for(child.account, LI)
    with pytest.raises(NotFoundError):  # from 14 on the own account is the pupil's to close
        house.families.close_own_account(LI, guardian)
    house.families.close_own_account(LI, child)
    assert house.families.may_act_for(guardian.account, LI)
    house.age(LI, date(2008, 11, 1))
    assert house.families.rights(guardian.account, LI) == Rights()
    assert house.families.members(guardian.account) == ()


def test_a_pupil_has_one_own_account_which_the_school_opens_again(house: House) -> None:
    first = pupils_account(house)
    second = pupils_account(house)
    assert second.principal.account == first.principal.account
    with house.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM family_bonds WHERE kind = 'self'")).scalar_one() == 1


def test_a_fresh_activation_of_one_account_ends_the_one_before(house: House) -> None:
    earlier, own = house.made(WANG, SELF), house.made(WANG, SELF)
    refused(lambda: house.redeem(earlier))
    house.redeem(own)
    account = house.guardian().principal.account
    lost, again = house.made(LI, account=account), house.made(LI, account=account)
    refused(lambda: house.redeem(lost))
    house.redeem(again)
    assert house.reasons() == ["revoked", "revoked"]
    # two guardians may each wait for an account of their own
    mother, father = house.made(), house.made()
    assert house.redeem(mother).principal.account != house.redeem(father).principal.account


def test_the_database_takes_no_second_own_account_and_no_bond_twice(house: House) -> None:
    pupil = pupils_account(house).principal.account
    guardian = house.guardian().principal.account
    for account, subject, kind in ((guardian, WANG, SELF), (pupil, WANG, SELF), (guardian, LI, BondKind.GUARDIAN)):
        bond = Bond(BondId(f"bo-{kind}-{account}"), account, subject, kind, house.clock(), account)
        with pytest.raises(ConflictError), house.engine.begin() as connection:
            house.store.add_bond(Tx(connection), bond)


# --- ending


def test_the_school_or_the_guardian_ends_a_bond_and_nobody_else(house: House) -> None:
    guardian, other = house.guardian().principal, house.guardian().principal
    [member] = house.families.members(guardian.account)
    for by in (other, STRANGER):
        with pytest.raises(NotFoundError):
            house.families.end_bond(member.bond.id, by)
    house.families.end_bond(member.bond.id, STAFF)
    assert not house.families.may_act_for(guardian.account, LI)
    assert house.families.may_act_for(other.account, LI)
    [theirs] = house.families.members(other.account)
    house.families.end_bond(theirs.bond.id, other)
    assert house.families.members(other.account) == ()
    with pytest.raises(NotFoundError):
        house.families.end_bond(theirs.bond.id, other)
    assert house.journal.kinds().count("family.bond_ended") == 2
    # who lost the child may be given it again
    house.redeem(house.made(), guardian)
    assert house.families.may_act_for(guardian.account, LI)


def test_a_record_that_is_gone_gives_no_right(quick: House) -> None:
    guardian = quick.guardian().principal
    del quick.pupils.rows[LI]
    assert quick.families.rights(guardian.account, LI) == Rights()
    assert quick.families.members(guardian.account) == ()


def test_families_are_never_sealed_for_want_of_use(quick: House) -> None:
    account = quick.guardian().principal.account
    pupil = pupils_account(quick).principal.account
    quick.clock.turn(days=900)
    assert quick.accounts.seal_unused() == ()
    assert quick.families.rights(account, LI).see
    assert quick.families.rights(pupil, WANG).see


def test_what_is_over_is_swept(house: House) -> None:
    house.families.cards.make(LI, house.guardian().principal)
    house.families.passkeys.begin_sign_in()
    assert house.families.sweep() == {"activations": 0, "challenges": 0, "cards": 0}
    house.clock.turn(days=8)
    assert house.families.sweep() == {"activations": 1, "challenges": 1, "cards": 1}


def test_issuing_asks_the_bond(quick: House) -> None:
    guardian = quick.guardian().principal
    child = quick.redeem(quick.families.activations.make(LI, SELF, guardian)).principal
    parts = SimpleNamespace(book=rule_book())  # all that it reads
    allowed = may_offer(parts, quick.families.may_hold_for)  # type: ignore[arg-type]
    assert allowed(guardian, LI, {})
    assert allowed(child, LI, {})
    assert not allowed(guardian, WANG, {})
    client = replace(guardian, kind=AccountKind.CLIENT)
    assert not allowed(client, LI, {})
    quick.age(LI, date(2008, 11, 1))
    assert not allowed(guardian, LI, {})


# --- the guardian's card


def shown(link: str) -> str:
    return link.partition("#")[2]


def test_a_card_is_checked_until_it_is_over_or_replaced(house: House) -> None:
    guardian = house.guardian().principal
    card = house.families.cards.make(LI, guardian)
    assert (card.child.label, card.child.school_name) == ("李**", "太原市第一示例中学")
    assert "李" not in card.link
    answer = house.families.cards.check(shown(card.link))
    assert answer is not None
    assert (answer.id, answer.label) == (card.id, "李**")
    fresh = house.families.cards.make(LI, guardian)
    assert house.families.cards.check(shown(card.link)) is None
    assert house.families.cards.check("0" * 32) is None
    house.clock.turn(hours=24)
    assert house.families.cards.check(shown(fresh.link)) is None
    outcomes = [one.outcome for one in house.journal.entries if one.kind == "family.card_checked"]
    assert outcomes == ["done", "refused", "refused", "refused"]
    with house.engine.connect() as connection:
        assert shown(fresh.link) not in str(connection.execute(text("SELECT * FROM family_cards")).all())


@pytest.mark.parametrize("change", ["withdrawn", "ended", "sealed", "adult"])
def test_a_card_ends_with_the_record_the_bond_the_account_and_with_18(quick: House, change: str) -> None:
    guardian = quick.guardian().principal
    card = quick.families.cards.make(LI, guardian)
    match change:
        case "withdrawn":
            quick.age(LI, date(2017, 6, 1), state="withdrawn")
        case "ended":
            [member] = quick.families.members(guardian.account)
            quick.families.end_bond(member.bond.id, STAFF)
        case "sealed":
            quick.seal(guardian.account)
        case _:
            quick.age(LI, date(2008, 6, 1))
    assert quick.families.cards.check(shown(card.link)) is None
    with pytest.raises(NotFoundError):
        quick.families.cards.make(LI, guardian)


def test_only_a_guardian_of_the_pupil_makes_a_card(quick: House) -> None:
    guardian, pupil = quick.guardian().principal, pupils_account(quick).principal
    for subject, by in ((WANG, guardian), (WANG, pupil), (LI, pupil), (LI, STAFF)):
        with pytest.raises(NotFoundError):
            quick.families.cards.make(subject, by)
