"""Alerts have an owner, a state and an end (A50-16); who sees and who handles is decided by the policies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway.audit.alerts_records import Alert, AlertId, AlertQuery, AlertState, Finding
from gateway.audit.errors import AlertStateError, AlertVersionError
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import UnitCode
from gateway.principals import AccountKind, Principal, Role
from tests.factories.alerts import CITY, COUNTY, INSPECTOR, PROVINCE, SECURITY, AlertHouse, alert_house, officer

CITY_DATA = officer("city-data", Role.DATA_OFFICER, unit=CITY)
CITY_SECURITY = officer("city-security", Role.SECURITY_ADMINISTRATOR, unit=CITY)
COUNTY_DATA = officer("county-data", Role.DATA_OFFICER, unit=COUNTY)
OTHER_CITY = officer("other-city", Role.DATA_OFFICER, unit=UnitCode("140200"))
REGISTRAR = officer("registrar", Role.REGISTRAR)
APPLICANT = Principal(SECURITY.account, AccountKind.STAFF, frozenset({Role.APPLICANT}), assurance=2)


@pytest.fixture
def house(tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(tables_url) as found:
        yield found


@pytest.fixture
def breach(house: AlertHouse) -> Alert:
    """A breach of a grant of the city."""
    house.breach()
    house.follow()
    (alert,) = house.all()
    return alert


def seen(house: AlertHouse, who: Principal) -> list[str]:
    return [alert.rule for alert in house.alerts.list(who, AlertQuery()).alerts]


@pytest.mark.rule("A50-16")
def test_an_alert_is_taken_up_and_ended_with_a_finding(house: AlertHouse, breach: Alert) -> None:
    taken = house.alerts.acknowledge(CITY_DATA, breach.id)
    assert (taken.state, taken.handler) == (AlertState.ACKNOWLEDGED, CITY_DATA.account)
    house.clock.turn(hours=1)
    ended = house.alerts.close(CITY_DATA, breach.id, Finding.HANDLED, "已要求使用方更正程序。")
    assert (ended.state, ended.finding, ended.closed_at) == (AlertState.CLOSED, Finding.HANDLED, house.clock.at)
    assert not ended.late(house.clock.at)
    file = house.alerts.get(INSPECTOR, breach.id)
    assert [(event.act, event.account) for event in file.events] == [
        ("raised", None),
        ("acknowledged", CITY_DATA.account),
        ("closed", CITY_DATA.account),
    ]
    closed = house.entries("alert.closed")[0]
    assert closed["policy"] == "owner-handles-alerts"
    assert closed["actor"]["id"] == CITY_DATA.account
    assert closed["facts"]["finding"] == "handled"
    assert closed["facts"]["late"] is False
    assert "更正" not in str(house.entries())  # the handler's words stay in the table


@pytest.mark.rule("A50-16")
def test_who_sees_what_is_the_territory_and_an_inspector_sees_all(house: AlertHouse, breach: Alert) -> None:
    house.append("account.login_failed", None, "refused", facts={"account": "st-7", "reason": "sealed"})
    house.follow()
    assert seen(house, INSPECTOR) == ["scope-breach", "sealed-account"]
    assert seen(house, officer("far-inspector", Role.INSPECTOR, unit=UnitCode("140200"))) == seen(house, INSPECTOR)
    assert seen(house, CITY_DATA) == ["scope-breach", "sealed-account"]
    assert seen(house, COUNTY_DATA) == ["sealed-account"]
    assert seen(house, OTHER_CITY) == []
    for who in (OTHER_CITY, COUNTY_DATA):
        with pytest.raises(NotFoundError):
            house.alerts.get(who, breach.id)
    for who in (REGISTRAR, APPLICANT):
        with pytest.raises(ForbiddenError):
            house.alerts.list(who, AlertQuery())
        with pytest.raises(NotFoundError):
            house.alerts.get(who, breach.id)


def test_what_is_not_there_looks_like_what_one_may_not_see(house: AlertHouse, breach: Alert) -> None:
    with pytest.raises(NotFoundError) as none:
        house.alerts.get(CITY_DATA, AlertId("al-none"))
    with pytest.raises(NotFoundError) as hidden:
        house.alerts.get(OTHER_CITY, breach.id)
    assert none.value.detail == hidden.value.detail


@pytest.mark.rule("A50-13")
@pytest.mark.rule("A50-16")
def test_only_the_role_that_owns_it_handles_it_and_a_refusal_is_recorded(house: AlertHouse, breach: Alert) -> None:
    for who in (CITY_SECURITY, officer("approver", Role.APPROVING_OFFICER, unit=CITY), INSPECTOR):
        assert not house.alerts.may_handle(who, breach)
        with pytest.raises(ForbiddenError) as refused:
            house.alerts.acknowledge(who, breach.id)
        assert refused.value.rule == "A50-16"
    told = house.entries("alert.refused_act")
    assert [entry["actor"]["id"] for entry in told] == [CITY_SECURITY.account, "st-approver", INSPECTOR.account]
    assert house.all()[0].state is AlertState.OPEN


@pytest.mark.rule("A50-11")
def test_whoever_raised_it_does_not_handle_it(house: AlertHouse) -> None:
    for _ in range(10):
        house.append("application.refused_act", CITY_SECURITY, "refused", facts={"act": "x"}, policy="some-policy")
    house.follow()
    (alert,) = house.all(rule="repeated-refusals")
    assert (alert.owner, alert.about) == (Role.SECURITY_ADMINISTRATOR, CITY_SECURITY.account)
    with pytest.raises(ForbiddenError) as refused:
        house.alerts.acknowledge(CITY_SECURITY, alert.id)
    assert (refused.value.rule, refused.value.missing) == ("A50-11", ("another_person",))
    above = officer("above", Role.SECURITY_ADMINISTRATOR, unit=PROVINCE)
    assert house.alerts.acknowledge(above, alert.id).handler == above.account


def test_the_states_follow_one_another(house: AlertHouse, breach: Alert) -> None:
    def close() -> None:
        house.alerts.close(CITY_DATA, breach.id, Finding.EXPLAINED, "情况正常。")

    with pytest.raises(AlertStateError) as refused:
        close()
    assert (refused.value.rule, refused.value.missing) == ("A50-16", ("acknowledged",))
    house.alerts.acknowledge(CITY_DATA, breach.id)
    with pytest.raises(AlertStateError):
        house.alerts.acknowledge(CITY_DATA, breach.id)
    close()
    for act in (close, lambda: house.alerts.reassign(CITY_DATA, breach.id, Role.INSPECTOR, "转办。")):
        with pytest.raises(AlertStateError):
            act()
    assert not house.alerts.may_handle(CITY_DATA, house.all()[0])


def test_two_handlers_of_one_version_cannot_both_succeed(house: AlertHouse, breach: Alert) -> None:
    second = officer("city-data-2", Role.DATA_OFFICER, unit=CITY)
    house.alerts.acknowledge(CITY_DATA, breach.id, version=breach.version)
    with pytest.raises(AlertVersionError):
        house.alerts.reassign(second, breach.id, Role.INSPECTOR, "转办。", version=breach.version)
    assert [one["kind"] for one in house.entries("alert.") if one["kind"] != "alert.raised"] == ["alert.acknowledged"]


def test_it_is_given_to_another_role_or_department_with_a_reason(house: AlertHouse, breach: Alert) -> None:
    house.alerts.acknowledge(CITY_DATA, breach.id)
    moved = house.alerts.reassign(CITY_DATA, breach.id, Role.INSPECTOR, "涉嫌违规，转检查员。", unit=PROVINCE)
    assert (moved.state, moved.handler, moved.owner, moved.unit) == (AlertState.OPEN, None, Role.INSPECTOR, PROVINCE)
    assert moved.due == breach.due
    assert house.alerts.waiting(CITY_DATA) == 0
    assert house.alerts.acknowledge(INSPECTOR, breach.id).handler == INSPECTOR.account
    assert house.entries("alert.reassigned")[0]["facts"]["owner"] == "inspector"


@pytest.mark.parametrize("comment", ["", "  \n"])
def test_nothing_ends_or_moves_without_words(house: AlertHouse, breach: Alert, comment: str) -> None:
    house.alerts.acknowledge(CITY_DATA, breach.id)
    with pytest.raises(ParameterError) as refused:
        house.alerts.close(CITY_DATA, breach.id, Finding.HANDLED, comment)
    assert refused.value.missing == ("comment",)
    with pytest.raises(ParameterError):
        house.alerts.reassign(CITY_DATA, breach.id, Role.INSPECTOR, comment)


def test_it_goes_to_no_role_without_alerts_and_to_no_unknown_department(house: AlertHouse, breach: Alert) -> None:
    for owner, unit in ((Role.REGISTRAR, None), (Role.INSPECTOR, UnitCode("999999"))):
        with pytest.raises(ParameterError):
            house.alerts.reassign(CITY_DATA, breach.id, owner, "转办。", unit=unit)


def test_pages_go_through_all_by_severity_and_deadline(house: AlertHouse) -> None:
    for number in range(7):
        house.breach(f"gr-{number}")
        house.clock.turn(minutes=1)
        house.append("account.login_failed", None, "refused", facts={"account": f"st-{number}", "reason": "sealed"})
    house.follow()
    whole = house.all(limit=200)
    assert [alert.severity for alert in whole] == ["high"] * 7 + ["medium"] * 7
    paged: list[Alert] = []
    after: AlertId | None = None
    while True:
        page = house.alerts.list(INSPECTOR, AlertQuery(limit=3, after=after))
        paged += page.alerts
        after = page.after
        if after is None:
            break
    assert paged == whole
    assert house.alerts.list(INSPECTOR, AlertQuery(after=AlertId("al-none"))).alerts == ()
    for limit in (0, 201):
        with pytest.raises(ParameterError):
            house.all(limit=limit)


def test_conditions_narrow_and_late_ones_are_counted(house: AlertHouse, breach: Alert) -> None:
    house.append("account.login_failed", None, "refused", facts={"account": "st-8", "reason": "sealed"})
    house.follow()
    assert [one.rule for one in house.all(severity="medium")] == ["sealed-account"]
    assert [one.rule for one in house.all(owner=Role.DATA_OFFICER)] == ["scope-breach"]
    assert [one.rule for one in house.all(unit=CITY, rule="scope-breach")] == ["scope-breach"]
    assert house.all(unit=COUNTY) == []
    assert house.all(state=AlertState.ACKNOWLEDGED) == []
    assert house.alerts.gauges() == [("scope-breach", "high", 1, 0), ("sealed-account", "medium", 1, 0)]
    house.clock.at = breach.due + timedelta(seconds=1)
    assert house.alerts.gauges() == [("scope-breach", "high", 1, 1), ("sealed-account", "medium", 1, 1)]
    assert {one.rule for one in house.all(overdue_at=house.clock.at)} == {"scope-breach", "sealed-account"}
    assert (house.alerts.waiting(CITY_DATA), house.alerts.waiting(CITY_SECURITY)) == (1, 1)
    assert (house.alerts.waiting(COUNTY_DATA), house.alerts.waiting(REGISTRAR)) == (0, 0)
