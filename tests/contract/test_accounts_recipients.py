"""Recipients as organisations, on both databases: attested every year, suspended by a new name and by silence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.accounts.errors import (
    ClientAuthenticationError,
    CreditCodeError,
    InvalidTokenError,
    RecipientNotFoundError,
)
from gateway.accounts.recipient_records import Recipient, RecipientSpec, Suspension
from gateway.accounts.recipients import suspended_error
from gateway.errors import ConflictError, ForbiddenError, GatewayError, ParameterError
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import Role
from tests.factories.accounts import (
    ADMINISTRATOR,
    CITY,
    COUNTY,
    OTHER_CITY,
    PARAMETERS,
    House,
    Program,
    day,
    make_house,
)

CODE = RecipientId("91140100MA0GATEW7P")
NAME = "虚构教科书发行有限公司"
SPEC = RecipientSpec(CODE, NAME, "教材部", "张某（教材部主任）", "营业执照，2026年11月23日核对", COUNTY)
CITY_MANAGER = replace(ADMINISTRATOR, account=AccountId("st-city"), unit=CITY)
OTHER_MANAGER = replace(ADMINISTRATOR, account=AccountId("st-other"), unit=OTHER_CITY)


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    built = make_house(tables_url)
    yield built
    built.close()


def registered(house: House, **changes: Any) -> Recipient:  # noqa: ANN401  members of the spec
    return house.recipients.register(CITY_MANAGER, replace(SPEC, **changes))


def program(house: House) -> Program:
    return Program(house, Role.APPLICANT, recipient=CODE)


def test_a_recipient_is_registered_by_a_department_under_a_code_that_holds(house: House) -> None:
    found = registered(house, code=f" {CODE.lower()} ")
    assert (found.code, found.unit, found.attested_until) == (CODE, COUNTY, day("2027-11-23"))
    assert house.recipients.get(CITY_MANAGER, CODE) == found
    entry = house.journal.last("recipient.registered")
    assert (entry.links, entry.policy) == ({"recipient": CODE}, "security-administrator-manages-clients")
    assert NAME not in repr(entry.facts)  # the name of a firm may be a person's
    bad: list[tuple[dict[str, str], type[GatewayError]]] = [
        ({"code": "91140100MA0GATEW7X"}, CreditCodeError),
        ({"code": ""}, CreditCodeError),
        ({"name": " "}, ParameterError),
        ({"name": "联系13800138000"}, ParameterError),
        ({"post": ""}, ParameterError),
        ({"responsible": ""}, ParameterError),
        ({"evidence": " "}, ParameterError),
        ({"unit": UnitCode("1401050012")}, ParameterError),  # a school registers nobody
        ({}, ConflictError),
    ]
    for changes, error in bad:
        with pytest.raises(error):
            registered(house, **changes)


def test_only_managers_of_the_territory_keep_a_recipient(house: House) -> None:
    registered(house)
    acts = (
        lambda who: house.recipients.attest(who, CODE, name=NAME, evidence="年度核验"),
        lambda who: house.recipients.rename(who, CODE, name="另一名称", evidence="变更通知书"),
        lambda who: house.recipients.suspend(who, CODE, "试"),
        lambda who: house.recipients.resume(who, CODE, "试"),
        lambda who: house.recipients.get(who, CODE),
        lambda who: house.recipients.acts(who, CODE),
    )
    for act in acts:
        with pytest.raises(ForbiddenError) as refused:
            act(OTHER_MANAGER)
        assert refused.value.extra["policy"] == "recipients-of-another-territory"
        for role in set(Role) - {Role.SECURITY_ADMINISTRATOR}:
            with pytest.raises(ForbiddenError):
                act(replace(CITY_MANAGER, roles=frozenset({role})))
        with pytest.raises(ForbiddenError):
            act(replace(CITY_MANAGER, assurance=1))
    assert house.recipients.listed(OTHER_MANAGER) == ()
    assert [one.code for one in house.recipients.listed(CITY_MANAGER)] == [CODE]
    assert house.journal.last("account.refused_act").facts["recipient"] == CODE
    with pytest.raises(RecipientNotFoundError):
        house.recipients.get(CITY_MANAGER, RecipientId("91140000MA0DEMB015"))


def test_the_attestation_holds_to_its_last_day_and_not_a_minute_longer(house: House) -> None:
    registered(house)
    house.clock.at = datetime(2027, 11, 23, 15, 59, tzinfo=UTC)  # 23:59 in Shanxi on the last day
    assert house.recipients.problem(CODE, day("2027-11-23")) == Suspension.DORMANT  # long before it is overdue
    house.recipients.resume(CITY_MANAGER, CODE, "恢复")
    assert house.recipients.problem(CODE, day("2027-11-23")) is None
    assert house.recipients.problem(CODE, day("2027-11-24")) == Suspension.ATTESTATION_OVERDUE
    house.clock.turn(minutes=1)
    told = suspended_error(str(house.recipients.problem(CODE, day("2027-11-24"))))
    assert (told.rule, told.missing) == ("A50-9", ("attestation_overdue",))
    assert "核验" in told.detail_zh
    with pytest.raises(ConflictError, match="attestation"):
        house.recipients.resume(CITY_MANAGER, CODE, "试")
    assert house.recipients.sweep() == 1
    assert house.recipients.sweep() == 0
    assert house.journal.last("recipient.suspended").facts["suspended"] == ["attestation_overdue"]
    after = house.recipients.attest(CITY_MANAGER, CODE, name=NAME, evidence="营业执照，2027年核对")
    assert (after.attested_until, after.suspended) == (day("2028-11-24"), frozenset())
    assert house.recipients.problem(CODE, day("2027-11-24")) is None


def test_a_new_name_suspends_until_it_is_attested_under_it(house: House) -> None:
    """The lesson: a database stayed open to a firm that had changed its name."""
    registered(house)
    client = program(house)
    token = client.token("applicant").value
    assert house.tokens.principal_of_token(token).recipient == CODE
    with pytest.raises(ConflictError, match="name already"):
        house.recipients.rename(CITY_MANAGER, CODE, name=f" {NAME} ", evidence="试")
    renamed = house.recipients.rename(CITY_MANAGER, CODE, name="更名后的公司", evidence="登记机关变更通知书")
    assert (renamed.former_name, set(renamed.suspended)) == (NAME, {Suspension.RENAMED})
    with pytest.raises(InvalidTokenError):  # tokens in use end at once
        house.tokens.principal_of_token(token)
    with pytest.raises(ClientAuthenticationError) as refused:
        client.token("applicant")
    assert "renamed" not in refused.value.detail  # one text for every cause; the entry tells
    with pytest.raises(ConflictError, match="attestation"):
        house.recipients.resume(CITY_MANAGER, CODE, "急用")
    with pytest.raises(ConflictError, match="another name"):
        house.recipients.attest(CITY_MANAGER, CODE, name=NAME, evidence="旧照")
    assert house.recipients.attest(CITY_MANAGER, CODE, name="更名后的公司", evidence="新照").suspended == frozenset()
    assert house.tokens.principal_of_token(client.token("applicant").value).recipient == CODE
    acts = house.recipients.acts(CITY_MANAGER, CODE)
    assert [(one.act, one.words) for one in acts] == [
        ("register", SPEC.evidence),
        ("rename", "登记机关变更通知书"),
        ("attest", "新照"),
    ]


@pytest.mark.rule("A50-3")
def test_half_a_year_of_silence_suspends_and_coming_back_does_not_hide_it(house: House) -> None:
    registered(house)
    house.clock.turn(days=1)
    client = program(house)  # a day younger, so that the account itself is not due for sealing yet
    house.clock.at = datetime(2027, 5, 22, 15, 59, tzinfo=UTC)  # the last minute of the last good day in Shanxi
    assert house.recipients.problem(CODE, day("2027-05-22")) is None
    house.clock.turn(minutes=1)
    assert house.recipients.problem(CODE, day("2027-05-23")) == Suspension.DORMANT
    with pytest.raises(ClientAuthenticationError):
        client.token("applicant")
    assert house.journal.last("recipient.suspended").facts["suspended"] == ["dormant"]
    assert house.recipients.problem(CODE, day("2027-05-23")) == Suspension.DORMANT
    house.recipients.resume(CITY_MANAGER, CODE, "新学期征订")
    assert house.recipients.problem(CODE, day("2027-05-23")) is None


def test_an_applicant_who_comes_in_time_keeps_the_recipient_awake(house: House) -> None:
    registered(house)
    person = house.open("jing.ban", Role.APPLICANT, unit=None, recipient=CODE)
    house.clock.turn(days=150)
    with pytest.raises(Exception, match="must be changed"):
        house.accounts.authenticate("jing.ban", person.password)
    signed = house.accounts.sign_in("jing.ban", person.password)
    assert signed.principal.recipient == CODE
    house.clock.turn(days=60)
    assert house.recipients.problem(CODE, day("2027-06-21")) is None


def test_signing_in_after_the_silence_records_the_dormancy_first(house: House) -> None:
    short = replace(PARAMETERS, dormant_months=3)
    lively = make_house(str(house.engine.url.render_as_string(hide_password=False)), parameters=short)
    try:
        registered(lively)
        person = lively.open("jing.ban", Role.APPLICANT, unit=None, recipient=CODE)
        lively.clock.turn(days=100)
        assert lively.accounts.sign_in("jing.ban", person.password).principal.recipient == CODE  # to read, to be told
        assert lively.recipients.problem(CODE, day("2027-03-03")) == Suspension.DORMANT
        kinds = lively.journal.kinds()
        assert kinds.index("recipient.suspended") < len(kinds) - 1 - kinds[::-1].index("account.login")
    finally:
        lively.close()


def test_a_manager_suspends_at_once_and_lifts_it_with_a_reason(house: House) -> None:
    registered(house)
    client = program(house)
    token = client.token("applicant").value
    house.recipients.suspend(CITY_MANAGER, CODE, "涉嫌违规使用")
    with pytest.raises(ConflictError):
        house.recipients.suspend(CITY_MANAGER, CODE, "再试")
    with pytest.raises(InvalidTokenError):
        house.tokens.principal_of_token(token)
    assert house.recipients.problem(CODE, day("2026-11-23")) == Suspension.MANAGER
    house.recipients.attest(CITY_MANAGER, CODE, name=NAME, evidence="核验")  # does not lift it
    assert house.recipients.problem(CODE, day("2026-11-23")) == Suspension.MANAGER
    house.recipients.resume(CITY_MANAGER, CODE, "核查完毕")
    assert house.tokens.principal_of_token(token).recipient == CODE
    with pytest.raises(ConflictError, match="nothing to resume"):
        house.recipients.resume(CITY_MANAGER, CODE, "再试")
    assert "违规" not in repr([entry.facts for entry in house.journal.entries])


def test_the_end_of_an_attestation_is_announced_once_a_month_before(house: House) -> None:
    registered(house)
    house.clock.at = datetime(2027, 5, 1, 4, tzinfo=UTC)
    program(house).token("applicant")
    house.clock.at = datetime(2027, 10, 23, 15, 59, tzinfo=UTC)
    assert house.recipients.sweep() == 0
    house.clock.turn(minutes=1)  # 24 October in Shanxi: thirty days to go
    assert house.recipients.sweep() == 1
    assert house.recipients.sweep() == 0
    assert house.journal.kinds().count("recipient.attestation_due") == 1
    house.recipients.attest(CITY_MANAGER, CODE, name=NAME, evidence="核验")
    assert house.recipients.sweep() == 0


def test_a_clock_set_back_reopens_nothing_that_was_recorded(house: House) -> None:
    registered(house)
    house.clock.at = datetime(2028, 1, 1, tzinfo=UTC)
    house.recipients.sweep()
    assert house.recipients.problem(CODE, day("2026-11-24")) == Suspension.ATTESTATION_OVERDUE


def test_of_acts_side_by_side_none_undoes_another(house: House) -> None:
    registered(house)

    def act(number: int) -> str:
        try:
            if number % 2:
                house.recipients.suspend(CITY_MANAGER, CODE, "试")
            else:
                house.recipients.attest(CITY_MANAGER, CODE, name=NAME, evidence="核验")
        except ConflictError:
            return "refused"
        return "done"

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(act, range(12)))
    assert house.recipients.problem(CODE, day("2026-11-23")) == Suspension.MANAGER
    assert house.journal.kinds().count("recipient.suspended") == 1


def test_who_was_never_registered_is_in_force_until_registration_is_required(house: House, tables_url: str) -> None:
    stranger = RecipientId("91140000MA0DEMB015")
    assert house.recipients.problem(stranger, day("2026-11-23")) is None
    strict = make_house(tables_url, parameters=replace(PARAMETERS, recipient_registration_required=True))
    try:
        assert strict.recipients.problem(stranger, day("2026-11-23")) == "unregistered"
        assert "nobody registered" in suspended_error("unregistered").detail
        with pytest.raises(ClientAuthenticationError):
            Program(strict, Role.APPLICANT, recipient=stranger).token("applicant")
    finally:
        strict.close()


def test_the_months_are_bounded_by_the_rule_book(house: House) -> None:
    shorter = replace(PARAMETERS, attestation_months=1, dormant_months=1)
    found = registered(house)
    assert found.problem(day("2026-12-22"), shorter) is None
    assert found.problem(day("2026-12-23"), shorter) == Suspension.DORMANT
