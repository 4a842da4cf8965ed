"""Suppression with a reason and an end, by two where it matters; what it hides is counted. Escalation of what waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from gateway.audit.alerts_records import Alert, AlertState, Finding, Suppression, SuppressionState
from gateway.audit.errors import AlertStateError
from gateway.audit.store.suppressions import SqlSuppressions, alert_suppressions
from gateway.audit.suppressions import SuppressionEnds
from gateway.errors import ForbiddenError, NotFoundError, ParameterError
from gateway.ids import UnitCode
from gateway.principals import Role
from tests.factories.alerts import CITY, COUNTY, DATA, INSPECTOR, PROVINCE, SECURITY, AlertHouse, alert_house, officer

CITY_DATA = officer("city-data", Role.DATA_OFFICER, unit=CITY)
CITY_OTHER = officer("city-other", Role.DATA_OFFICER, unit=CITY)
PROVINCE_DATA = officer("province-data", Role.DATA_OFFICER, unit=PROVINCE)
FAR = officer("far-data", Role.DATA_OFFICER, unit=UnitCode("140200"))
UNTIL = date(2026, 12, 10)


@pytest.fixture
def house(sqlite_tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(sqlite_tables_url) as found:
        yield found


@pytest.fixture
def both(tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(tables_url) as found:
        yield found


def failures(house: AlertHouse, times: int = 5, account: str = "st-7") -> None:
    for _ in range(times):
        house.failed(account)
    house.follow()


def medium(house: AlertHouse) -> Alert:
    failures(house)
    (alert,) = house.all()
    return alert


def high(house: AlertHouse) -> Alert:
    house.breach()
    house.follow()
    (alert,) = house.all()
    return alert


def closed(house: AlertHouse, alert: Alert) -> None:
    who = SECURITY if alert.owner is Role.SECURITY_ADMINISTRATOR else CITY_DATA
    house.alerts.acknowledge(who, alert.id)
    house.alerts.close(who, alert.id, Finding.EXPLAINED, "已核查。")


@pytest.mark.rule("A50-16")
def test_what_one_person_suppressed_is_counted_and_raised_again_after_its_end(both: AlertHouse) -> None:
    alert = medium(both)
    made = both.suppressions.ask(SECURITY, alert.id, UNTIL, "该账号的自动任务密码未更新，已通知。")
    assert (made.state, made.since, made.until.isoformat()) == (
        SuppressionState.ACTIVE, both.clock.at, "2026-12-10T16:00:00+00:00",
    )  # fmt: skip
    (entry,) = both.entries("alert.suppressed")
    assert entry["facts"]["until"] == "2026-12-10T16:00:00Z"
    assert (entry["actor"]["id"], entry["policy"]) == (SECURITY.account, "owner-handles-alerts")
    assert "自动任务" not in str(both.entries())
    both.failed()  # the alert that stands is still joined: it is not closed
    both.follow()
    assert [one.count for one in both.all()] == [6]
    closed(both, alert)
    for _ in range(3):
        both.clock.turn(hours=2)
        failures(both)
    failures(both, account="st-8")
    assert [one.key for one in both.all() if one.state is AlertState.OPEN] == ["st-8"]
    held = both.suppressions.get(INSPECTOR, made.id)
    assert (held.hits, held.entries, held.last_at) == (3, 15, both.clock.at)
    ends = SuppressionEnds(SqlSuppressions(), both.follower.reader, both.journal, both.clock)
    assert ends.run() == 0
    both.clock.at = made.until
    assert (ends.run(), ends.run()) == (1, 0)
    (ended,) = both.entries("alert.suppression_ended")
    assert (ended["facts"]["hits"], ended["facts"]["entries"], ended["facts"]["confirmed"]) == (3, 15, True)
    failures(both)
    assert len([one for one in both.all() if one.key == "st-7" and one.state is AlertState.OPEN]) == 1
    assert both.suppressions.list(INSPECTOR) == ()
    assert [one.state for one in both.suppressions.list(INSPECTOR, live=False)] == [SuppressionState.ENDED]


@pytest.mark.rule("A50-11")
@pytest.mark.rule("A50-16")
def test_of_high_severity_it_holds_when_another_person_confirms(both: AlertHouse) -> None:
    alert = high(both)
    made = both.suppressions.ask(CITY_DATA, alert.id, UNTIL, "联调测试，已备案。")
    assert (made.state, made.since) == (SuppressionState.WAITING, None)
    assert [entry["facts"]["suppression"] for entry in both.entries("alert.suppression_asked")] == [made.id]
    closed(both, alert)
    both.clock.turn(days=2)
    both.breach()
    both.follow()  # not confirmed: it is raised
    assert len([one for one in both.all() if one.state is AlertState.OPEN]) == 1
    with pytest.raises(ForbiddenError) as refused:
        both.suppressions.confirm(CITY_DATA, made.id)
    assert (refused.value.rule, refused.value.missing) == ("A50-11", ("another_person",))
    with pytest.raises(ForbiddenError):
        both.suppressions.confirm(INSPECTOR, made.id)  # sees it, does not answer it
    with pytest.raises(NotFoundError):
        both.suppressions.confirm(FAR, made.id)
    acts = [entry["facts"]["act"] for entry in both.entries("alert.refused_act")]
    assert acts == ["confirm_suppression", "confirm_suppression"]
    held = both.suppressions.confirm(PROVINCE_DATA, made.id)
    assert (held.state, held.confirmed_by, held.since) == (
        SuppressionState.ACTIVE, PROVINCE_DATA.account, both.clock.at,
    )  # fmt: skip
    assert both.entries("alert.suppressed")[0]["facts"]["asked_by"] == CITY_DATA.account
    (second,) = [one for one in both.all() if one.state is AlertState.OPEN]
    closed(both, second)
    both.clock.turn(days=3)
    both.breach()
    both.follow()
    assert [one.state for one in both.all()] == [AlertState.CLOSED] * 2
    lifted = both.suppressions.lift(CITY_OTHER, made.id)
    assert (lifted.state, both.entries("alert.suppression_lifted")[0]["facts"]["hits"]) == (
        SuppressionState.LIFTED, 1,
    )  # fmt: skip
    both.clock.turn(days=2)
    both.breach()
    both.follow()
    assert len([one for one in both.all() if one.state is AlertState.OPEN]) == 1


def test_who_may_not_and_what_is_no_suppression(house: AlertHouse) -> None:
    alert = medium(house)
    with pytest.raises(ForbiddenError):
        house.suppressions.ask(DATA, alert.id, UNTIL, "理由")
    with pytest.raises(ForbiddenError):
        house.suppressions.list(officer("registrar", Role.REGISTRAR))
    for until, reason in ((UNTIL, " "), (UNTIL, "x" * 2001), (date(2026, 11, 22), "理由"), (date(2027, 3, 1), "理由")):
        with pytest.raises(ParameterError):
            house.suppressions.ask(SECURITY, alert.id, until, reason)
    made = house.suppressions.ask(SECURITY, alert.id, UNTIL, "理由")
    with pytest.raises(AlertStateError):
        house.suppressions.ask(SECURITY, alert.id, UNTIL, "再次")
    with pytest.raises(AlertStateError):
        house.suppressions.confirm(officer("other", Role.SECURITY_ADMINISTRATOR), made.id)
    house.suppressions.lift(SECURITY, made.id)
    with pytest.raises(AlertStateError):
        house.suppressions.lift(SECURITY, made.id)
    assert house.suppressions.of_alert(alert) is None


def test_some_rules_are_never_suppressed(house: AlertHouse) -> None:
    house.append("log.damaged", None, "failed", facts={"first_index": 1, "damage": ["altered"], "size": 2})
    house.follow()
    (alert,) = house.all()
    with pytest.raises(ParameterError, match="cannot be suppressed"):
        house.suppressions.ask(INSPECTOR, alert.id, UNTIL, "理由")


def test_the_database_keeps_what_was_asked_for(both: AlertHouse) -> None:
    made = both.suppressions.ask(SECURITY, medium(both).id, UNTIL, "理由")
    for statement in (
        sa.delete(alert_suppressions),
        sa.update(alert_suppressions).values(reason="别的"),
        sa.update(alert_suppressions).values(hits=-1),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="forbidden"), both.engine.begin() as connection:
            connection.execute(statement)
    assert both.suppressions.get(SECURITY, made.id) == made


def test_two_who_lift_at_once_lift_once(house: AlertHouse) -> None:
    made = house.suppressions.ask(SECURITY, medium(house).id, UNTIL, "理由")
    seen: list[Suppression] = [house.suppressions.lift(SECURITY, made.id)]
    with pytest.raises(AlertStateError):
        house.suppressions.lift(SECURITY, made.id)
    assert len(seen) == len(house.entries("alert.suppression_lifted")) == 1


# escalation


@pytest.mark.rule("A50-16")
def test_what_stays_unhandled_goes_up_a_department_at_a_time_then_to_the_inspector(house: AlertHouse) -> None:
    house.breach("gr-none")
    house.clock.turn(minutes=1)
    house.append("registry.overdue", None, facts={"unit": str(COUNTY), "clocks": 1, "steps": 0, "rules": "A9-3 1"})
    house.follow()
    (county,) = [one for one in house.all() if one.rule == "registry-overdue"]
    assert (county.unit, county.escalates_at) == (COUNTY, None)
    house.clock.at = county.due + timedelta(seconds=1)
    house.deadlines.run()
    assert house.all(rule="registry-overdue")[0].unit == COUNTY  # overdue, not yet passed up
    desks = []
    for _ in range(6):
        house.clock.turn(days=4)
        house.deadlines.run()
        (now,) = house.all(rule="registry-overdue")
        desks.append((now.unit, now.owner.value, now.escalations))
    assert desks == [
        (CITY, "data_officer", 1),
        (PROVINCE, "data_officer", 2),
        (PROVINCE, "inspector", 3),
        *[(PROVINCE, "inspector", 3)] * 3,
    ]
    (first, *more) = [one["facts"] for one in house.entries("alert.escalated") if one["facts"]["alert"] == county.id]
    assert (first["from_unit"], first["unit"], first["step"], first["state"]) == (COUNTY, CITY, 1, "open")
    assert len(more) == 2
    events = [event.act for event in house.alerts.get(INSPECTOR, county.id).events]
    assert events == ["raised", "overdue", "escalated", "escalated", "escalated"]


def test_a_handler_loses_what_goes_up_and_what_is_closed_stays(house: AlertHouse) -> None:
    alert = high(house)
    house.alerts.acknowledge(CITY_DATA, alert.id)
    house.clock.at = alert.due + timedelta(seconds=1)
    house.deadlines.run()
    house.clock.turn(days=4)
    house.deadlines.run()
    (up,) = house.all()
    assert (up.unit, up.state, up.handler, up.overdue) == (PROVINCE, AlertState.OPEN, None, True)
    house.alerts.acknowledge(PROVINCE_DATA, alert.id)
    house.alerts.close(PROVINCE_DATA, alert.id, Finding.HANDLED, "省级办结。")
    house.clock.turn(days=30)
    assert house.deadlines.run() == 0
