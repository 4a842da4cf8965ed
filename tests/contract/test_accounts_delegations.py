"""Approvals lent for a time, on both databases: to whom, how long, and how they end (A50-10, A50-11)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.accounts.delegation_records import Delegation, Ended
from gateway.accounts.delegations import DelegationSpec
from gateway.accounts.errors import AccountNotFoundError, DelegationRefusedError, RoleConflictError
from gateway.accounts.records import Credentials
from gateway.errors import ConflictError, ForbiddenError, GatewayError, NotFoundError, ParameterError
from gateway.ids import AccountId, UnitCode
from gateway.principals import Principal, Role
from tests.factories.accounts import ADMINISTRATOR, CITY, COUNTY, OTHER_CITY, RECIPIENT, House, day, make_house

START = day("2026-11-23")


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def enter(house: House, who: Credentials) -> Principal:
    """Return who acts in a fresh session."""
    house.clock.turn(seconds=30)
    return house.accounts.principal_of_session(token_of(house, who))


def token_of(house: House, who: Credentials) -> str:
    return house.accounts.sign_in(who.username, who.password, house.code(who) if who.totp_secret else None).token


def lend(house: House, approver: Credentials, deputy: AccountId, days: int = 10, start: date = START) -> Delegation:
    spec = DelegationSpec(deputy, start, start + timedelta(days=days - 1), "外出培训")
    return house.delegations.make(enter(house, approver), spec)


def test_a_deputy_approves_for_the_days_given_and_the_trail_names_both(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    assert enter(house, deputy).roles == {Role.DATA_OFFICER}
    made = lend(house, approver, deputy.account, days=2)
    entry = house.journal.last("delegation.made")
    assert (entry.policy, entry.facts["deputy"]) == ("delegate-own-approval", deputy.account)
    assert "培训" not in repr(entry.facts)
    acting = enter(house, deputy)
    assert acting.roles == {Role.DATA_OFFICER, Role.APPROVING_OFFICER}
    assert acting.on_behalf == approver.account
    assert acting.unit == COUNTY
    house.clock.at = datetime(2026, 11, 24, 15, 58, tzinfo=UTC)  # the last minutes of the last day in Shanxi
    assert enter(house, deputy).on_behalf == approver.account
    house.clock.at = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    over = enter(house, deputy)
    assert over.roles == {Role.DATA_OFFICER}
    assert over.on_behalf is None
    assert house.delegations.sweep() == 1
    assert house.delegations.sweep() == 0
    ended = house.journal.last("delegation.ended")
    assert (ended.facts["delegation"], ended.facts["why"], ended.actor) == (made.id, "period", None)


def test_a_delegation_that_is_to_come_gives_nothing_yet_and_is_not_swept(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    lend(house, approver, deputy.account, start=START + timedelta(days=3))
    assert enter(house, deputy).on_behalf is None
    assert house.delegations.sweep() == 0
    house.clock.turn(days=3)
    assert enter(house, deputy).on_behalf == approver.account


def test_it_ends_at_once_when_revoked_sealed_or_when_the_role_is_gone(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    token = token_of(house, deputy)

    def acting() -> AccountId | None:
        return house.accounts.principal_of_session(token).on_behalf

    made = lend(house, approver, deputy.account)
    assert acting() == approver.account
    revoked = house.delegations.revoke(enter(house, approver), made.id)
    assert (revoked.ended_why, revoked.ended_by) == (Ended.REVOKED, approver.account)
    assert acting() is None  # in a session that is open
    with pytest.raises(ConflictError):
        house.delegations.revoke(enter(house, approver), made.id)

    lend(house, approver, deputy.account)
    assert acting() == approver.account
    house.directory.set_roles(ADMINISTRATOR, approver.account, frozenset({Role.DATA_OFFICER}))
    assert acting() is None
    assert house.journal.last("delegation.ended").facts["why"] == "delegator"

    house.directory.set_roles(ADMINISTRATOR, approver.account, frozenset({Role.APPROVING_OFFICER}))
    assert acting() is None  # what has ended does not come back
    lend(house, approver, deputy.account)
    house.directory.seal(ADMINISTRATOR, approver.account, "调离")
    assert acting() is None
    assert house.journal.kinds().count("delegation.ended") == 3


def test_it_ends_with_the_deputy_too(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    lend(house, approver, deputy.account)
    house.directory.set_roles(ADMINISTRATOR, deputy.account, frozenset({Role.EXECUTOR}))
    assert house.journal.last("delegation.ended").facts["why"] == "deputy"
    assert enter(house, deputy).roles == {Role.EXECUTOR}


@pytest.mark.rule("A50-11")
def test_nobody_whose_role_excludes_approving_becomes_a_deputy(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    who = enter(house, approver)
    excluded = (
        Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.INSPECTOR, Role.EXECUTOR, Role.APPLICANT,
        Role.APPROVING_OFFICER,
    )  # fmt: skip
    for role in excluded:
        recipient = RECIPIENT if role is Role.APPLICANT else None
        deputy = house.open(f"d.{role}"[:30], role, recipient=recipient, second_factor=True)
        with pytest.raises((RoleConflictError, DelegationRefusedError)):
            house.delegations.make(who, DelegationSpec(deputy.account, START, START, "试"))
        assert house.journal.last("account.refused_act").facts["act"] == "delegate"
        assert enter(house, deputy).on_behalf is None


def test_deputies_are_fit_people_of_the_same_department_or_above(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    school = house.open("school", Role.PRINCIPAL, unit=UnitCode("1401050012"))
    other = house.open("other", Role.DATA_OFFICER, unit=OTHER_CITY)
    sealed = house.open("sealed", Role.DATA_OFFICER)
    house.directory.seal(ADMINISTRATOR, sealed.account, "调离")
    namesake = house.open("pi.zhun2", Role.DATA_OFFICER, name="测试pi.zhun")
    hidden = house.open("hidden", Role.DATA_OFFICER, name="测试一人")
    house.open("hidden2", Role.INSPECTOR, name="测试一人")
    guardian = house.directory.create_guardian(ADMINISTRATOR)
    for deputy, error in [
        (approver.account, DelegationRefusedError),
        (school.account, DelegationRefusedError),
        (other.account, DelegationRefusedError),
        (sealed.account, DelegationRefusedError),
        (namesake.account, DelegationRefusedError),  # one name in one unit is one person
        (hidden.account, RoleConflictError),
        (guardian, AccountNotFoundError),
        (AccountId("st-nobody"), AccountNotFoundError),
    ]:
        with pytest.raises(error):
            lend(house, approver, deputy)
    assert "delegation.made" not in house.journal.kinds()


def test_the_period_begins_today_or_later_and_has_a_limit(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    for start, days in ((START - timedelta(days=1), 3), (START, 0), (START, 61)):
        with pytest.raises(ParameterError):
            lend(house, approver, deputy.account, days=days, start=start)
    with pytest.raises(ParameterError):
        house.delegations.make(enter(house, approver), DelegationSpec(deputy.account, START, START, " "))
    assert lend(house, approver, deputy.account, days=60).valid_to == day("2027-01-21")


def test_a_deputy_lends_nothing_on_and_nobody_is_in_two_delegations_at_once(house: House) -> None:
    first, second = house.open("pi.zhun", Role.APPROVING_OFFICER), house.open("pi.zhun3", Role.APPROVING_OFFICER)
    deputy, further = house.open("dai.xing", Role.DATA_OFFICER), house.open("dai.xing2", Role.DATA_OFFICER)
    lend(house, first, deputy.account)
    with pytest.raises(DelegationRefusedError, match="of one's own"):
        lend(house, deputy, further.account)
    for lender, borrower in ((first, further), (second, deputy)):
        with pytest.raises(DelegationRefusedError, match="some of these days"):
            lend(house, lender, borrower.account, start=START + timedelta(days=9))
    lend(house, second, deputy.account, start=START + timedelta(days=10))
    lend(house, second, further.account, days=5)


def test_only_who_approves_lends_and_only_with_a_second_factor(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    spec = DelegationSpec(deputy.account, START, START, "试")
    who = enter(house, approver)
    for wrong in (replace(who, assurance=1), replace(who, roles=frozenset({Role.DATA_OFFICER})), ADMINISTRATOR):
        with pytest.raises(ForbiddenError):
            house.delegations.make(wrong, spec)
    made = house.delegations.make(who, spec)
    stranger = enter(house, house.open("lu.ren", Role.DATA_OFFICER))
    assert house.delegations.listed(stranger) == ()
    with pytest.raises(NotFoundError):
        house.delegations.revoke(stranger, made.id)
    city = replace(ADMINISTRATOR, unit=CITY)
    assert [one.id for one in house.delegations.listed(city)] == [made.id]
    assert house.delegations.listed(replace(ADMINISTRATOR, unit=OTHER_CITY)) == ()
    assert house.delegations.revoke(city, made.id).ended_by == city.account


def test_a_deputy_from_above_decides_in_the_lenders_territory_alone(house: House) -> None:
    """The own unit reaches further than the approval that is lent: it must not widen it (A3-2)."""
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)  # of the county
    deputy = house.open("dai.xing", Role.DATA_OFFICER, unit=CITY)
    made = lend(house, approver, deputy.account)
    token = token_of(house, deputy)
    own = house.accounts.principal_of_session(token)
    assert own.roles == {Role.DATA_OFFICER}
    assert (own.unit, own.on_behalf) == (CITY, None)
    lent = house.accounts.act_for(token, made.id)
    assert lent == house.accounts.principal_of_session(token)
    assert lent.roles == {Role.APPROVING_OFFICER}
    assert (lent.unit, lent.on_behalf) == (COUNTY, approver.account)
    assert house.journal.last("delegation.acting").actor == lent
    assert house.accounts.act_for(token, None).roles == {Role.DATA_OFFICER}
    house.accounts.act_for(token, made.id)
    house.delegations.revoke(enter(house, approver), made.id)
    assert house.accounts.principal_of_session(token).unit == CITY  # over at once, and the own duties come back
    with pytest.raises(DelegationRefusedError):
        house.accounts.act_for(token, made.id)


def test_of_delegations_side_by_side_one_stands(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputies = [house.open(f"dai.xing{number}", Role.DATA_OFFICER) for number in range(4)]
    who = enter(house, approver)

    def make(deputy: Credentials) -> bool:
        try:
            house.delegations.make(who, DelegationSpec(deputy.account, START, START, "试"))
        except GatewayError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(make, deputies)) == 1


def test_a_clock_set_back_does_not_bring_back_what_was_ended(house: House) -> None:
    approver = house.open("pi.zhun", Role.APPROVING_OFFICER)
    deputy = house.open("dai.xing", Role.DATA_OFFICER)
    lend(house, approver, deputy.account, days=1)
    house.clock.turn(days=2)
    assert house.delegations.sweep() == 1
    house.clock.turn(days=-2)
    assert enter(house, deputy).on_behalf is None
