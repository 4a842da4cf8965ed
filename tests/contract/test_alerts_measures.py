"""Amounts, baselines, shifts: a usual load is no alert and an unusual one is; both databases, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.alerts_records import AlertState, Finding
from gateway.audit.store.amounts import alert_amounts
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft
from gateway.principals import AccountKind, Principal, Role
from rulebook.alert_records import AlertRule
from tests.factories.alerts import CITY, COUNTY, MONDAY, SECURITY, AlertHouse, alert_house, officer
from tests.factories.policies import rule_book

SHIPPED = rule_book().alerts


def only(*codes: str, **changes: AlertRule) -> Any:  # noqa: ANN401  a set of rules
    """Return the shipped rules of these codes alone, some of them changed."""
    rules = {code: SHIPPED.rules[code] for code in codes}
    return replace(SHIPPED, rules=MappingProxyType({**rules, **changes}))


MEASURED = only(
    "bulk-reads",
    "reads-above-usual",
    "unit-reads-above-usual",
    "checks-of-one-fact",
    "same-pupil-again",
    "reads-outside-unit",
    "dormant-account",
    "single-lookups",
)


@pytest.fixture
def house(sqlite_tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(sqlite_tables_url, MEASURED) as found:
        yield found


@pytest.fixture
def both(tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(tables_url, MEASURED) as found:
        yield found


def registrar(name: str, unit: Any = COUNTY) -> Principal:  # noqa: ANN401  a unit code
    return Principal(AccountId(f"st-{name}"), AccountKind.STAFF, frozenset(), unit=unit)


def read(house: AlertHouse, found: int, who: Principal | None = None, act: str = "list", **more: Any) -> int:  # noqa: ANN401
    facts = {"act": act, "found": found, "reason": "核对", "sequence": 1}
    return house.append("registry.read", who or registrar("a"), facts=facts, **more)


def check(house: AlertHouse, claims: list[str], people: int, recipient: str = "91140100MA0GATEW7X") -> None:
    facts: dict[str, Any] = {"check": "ck-1", "claims": claims, "level": "check", "people": people, "purpose": "p"}
    house.append("release.intent", None, facts=facts, links={"recipient": recipient, "grant": "gr-city"})


def rules_of(house: AlertHouse) -> list[str]:
    return sorted(alert.rule for alert in house.all())


@pytest.mark.rule("A50-16")
def test_a_sum_within_its_window_is_an_alert_and_one_less_or_spread_out_is_none(both: AlertHouse) -> None:
    for minutes in (0, 20, 25):
        both.clock.at = MONDAY + timedelta(minutes=minutes)
        read(both, 999, registrar("b"))
    both.follow()
    assert both.all(rule="bulk-reads") == []  # 2,997 within the hour
    last = read(both, 3, registrar("b"))
    read(both, 2999, registrar("c"))
    both.clock.turn(minutes=80)
    read(both, 2999, registrar("c"))
    both.follow()
    found = both.all(rule="bulk-reads")
    assert [(alert.key, alert.count, alert.last_index, alert.unit) for alert in found] == [("st-b", 4, last, COUNTY)]
    assert len(both.alerts.get(SECURITY, found[0].id).evidence) == 4


@pytest.mark.rule("A50-16")
def test_a_countys_usual_load_is_no_alert_and_an_unusual_one_is(house: AlertHouse) -> None:
    for day in range(20):
        house.clock.at = MONDAY + timedelta(days=day)
        for clerk in range(3):
            read(house, 1900 + 10 * day, registrar(f"county-{clerk}"))
        read(house, 300, registrar("city", CITY))
    house.follow()
    assert rules_of(house) == []
    for clerk in range(8):  # three times as much as is usual, by eight people of whom none does much more
        house.clock.turn(minutes=70)
        read(house, 2400, registrar(f"county-{clerk}"))
    read(house, 500, registrar("city", CITY))  # more than usual for the city, far below what is looked at
    house.follow()
    (alert,) = [alert for alert in house.all() if alert.rule == "unit-reads-above-usual"]
    assert (alert.key, alert.unit, alert.severity) == (COUNTY, COUNTY, "medium")


def test_one_burst_does_not_make_bursts_usual(house: AlertHouse) -> None:
    who = registrar("burst")
    for day in range(10):
        house.clock.at = MONDAY + timedelta(days=day)
        read(house, 400, who)
    house.clock.turn(hours=2)
    read(house, 2500, who)
    house.follow()
    (first,) = house.all()
    assert first.rule == "reads-above-usual"
    house.alerts.acknowledge(SECURITY, first.id)
    house.alerts.close(SECURITY, first.id, Finding.EXPLAINED, "学期初核对。")
    read(house, 300, who)  # what was told of does not count again
    house.follow()
    assert [alert.state for alert in house.all()] == [AlertState.CLOSED]
    house.clock.at = MONDAY + timedelta(days=11)
    read(house, 2500, who)
    house.follow()
    assert sorted(alert.state for alert in house.all()) == [AlertState.CLOSED, AlertState.OPEN]


def test_somebody_new_is_taken_to_do_the_least_that_is_looked_at(house: AlertHouse) -> None:
    read(house, 1999, registrar("new"))  # four times 500, less one
    house.follow()
    assert rules_of(house) == []
    read(house, 1, registrar("new"))
    house.follow()
    assert rules_of(house) == ["reads-above-usual"]


@pytest.mark.rule("A50-16")
def test_a_recipient_that_turns_to_bulk_checks_of_age_alone_is_an_alert(both: AlertHouse) -> None:
    mixed, age = ["enrolment_status", "age_band"], ["age_band"]
    for day in range(5):
        both.clock.at = MONDAY + timedelta(days=day)
        check(both, mixed, 120)
        check(both, age, 60)
        check(both, age, 400, "91140000STEADY0001")  # one that has always asked for age alone
    both.follow()
    assert rules_of(both) == []
    both.clock.turn(days=1)
    check(both, age, 400, "91140000STEADY0001")
    check(both, mixed, 40)
    check(both, age, 150)
    both.follow()
    assert rules_of(both) == []  # 79 percent, below 200
    check(both, age, 50)
    both.follow()
    (alert,) = both.all()
    assert (alert.rule, alert.key, alert.unit) == ("checks-of-one-fact", "91140100MA0GATEW7X", CITY)


def test_without_a_past_nothing_shifts(house: AlertHouse) -> None:
    check(house, ["age_band"], 900)
    house.follow()
    assert rules_of(house) == []


@pytest.mark.rule("A50-16")
def test_one_pupils_record_read_again_and_again_by_one_person_is_an_alert(house: AlertHouse) -> None:
    mine, other = SubjectRef("a" * 32), SubjectRef("b" * 32)
    for number in range(12):
        house.clock.turn(hours=6)
        read(house, 1, registrar("kin"), "record", subjects=(mine,))
        read(house, 1, registrar("kin"), "record", subjects=(SubjectRef(f"{number:032x}"),))
        read(house, 2, registrar("kin"), "record", subjects=(mine, other))  # more than one: nobody in particular
        if number % 2:
            read(house, 1, registrar("else"), "record", subjects=(mine,))
    house.follow()
    (alert,) = house.all()
    assert (alert.rule, alert.count, alert.about) == ("same-pupil-again", 12, "st-kin")
    told = str(house.entries("alert.raised"))
    assert alert.key.split(" ")[1] not in told  # the tag stays where it was


def test_lookups_that_find_nobody_of_the_own_unit_are_an_alert(house: AlertHouse) -> None:
    for _ in range(15):
        read(house, 0, registrar("curious"), "lookup")
    house.follow()
    assert rules_of(house) == ["reads-outside-unit"]


def test_a_sign_in_after_months_of_silence_is_an_alert(house: AlertHouse) -> None:
    for idle in (0, 89, 90):
        house.append("account.login", registrar(f"idle-{idle}"), facts={"method": "password", "idle_days": idle})
    house.append("account.login", registrar("family"), facts={"method": "passkey"})
    house.follow()
    assert [(alert.rule, alert.key) for alert in house.all()] == [("dormant-account", "st-idle-90")]


def test_what_came_through_the_outbox_is_answered_by_the_department_of_its_actor(house: AlertHouse) -> None:
    read(house, 3000, Principal(AccountId("st-7"), AccountKind.STAFF, frozenset()))
    house.follow()
    assert {alert.unit for alert in house.all()} == {COUNTY}


@pytest.mark.parametrize("batch", [1, 7])
def test_the_length_of_a_run_changes_nothing(tables_url: str, batch: int) -> None:
    with alert_house(tables_url, MEASURED) as house:
        follower, house.follower = house.follower, replace(house.follower, batch=batch)
        for day in range(8):
            house.clock.at = MONDAY + timedelta(days=day)
            read(house, 1900, registrar("x"))
            check(house, ["age_band", "stage"], 250)
            house.follow()
        house.clock.turn(days=1)
        for number in range(6):
            read(house, 2800, registrar("x"))
            check(house, ["age_band"], 100)
            if number == 2:
                house.clock.at -= timedelta(minutes=30)  # the clock goes back
        house.follow()
        house.follower = follower
        found = sorted((alert.rule, alert.count) for alert in house.all())
        with house.engine.connect() as connection:
            kept = connection.execute(sa.select(sa.func.count()).select_from(alert_amounts)).scalar_one()
    assert found == [
        ("bulk-reads", 4),
        ("checks-of-one-fact", 4),
        ("reads-above-usual", 4),
        ("unit-reads-above-usual", 4),
    ]
    assert kept < 60


def test_what_no_rule_looks_back_to_is_forgotten_and_changes_nothing(both: AlertHouse) -> None:
    read(both, 900, registrar("gone"))
    for _ in range(3):
        read(both, 0, registrar("gone"), "lookup")
    both.follow()
    both.clock.turn(days=40)
    read(both, 1, registrar("here"))
    both.follow()
    assert both.follower.sweep() >= 4
    with both.engine.connect() as connection:
        groups = set(connection.execute(sa.select(alert_amounts.c.group_key)).scalars())
    assert groups == {"st-here", COUNTY}
    assert both.follower.sweep() == 0


# suppression


INSPECTOR_HERE = officer("security-b", Role.SECURITY_ADMINISTRATOR)
ABOVE = officer("security-city", Role.SECURITY_ADMINISTRATOR, unit=CITY)


def test_amounts_that_are_suppressed_are_counted(house: AlertHouse) -> None:
    house.journal.append(EntryDraft("account.logout", SECURITY))
    read(house, 3000, registrar("s"))
    house.follow()
    (bulk,) = [alert for alert in house.all() if alert.rule == "bulk-reads"]
    made = house.suppressions.ask(SECURITY, bulk.id, (MONDAY + timedelta(days=9)).date(), "学期初全县核对，已备案。")
    house.alerts.acknowledge(SECURITY, bulk.id)
    house.alerts.close(SECURITY, bulk.id, Finding.EXPLAINED, "学期初核对。")
    house.clock.turn(days=1)
    read(house, 3100, registrar("s"))
    read(house, 3100, registrar("t"))
    house.follow()
    raised = [alert.key for alert in house.all() if alert.rule == "bulk-reads" and alert.state is AlertState.OPEN]
    assert raised == ["st-t"]  # another group is not suppressed
    held = house.suppressions.get(SECURITY, made.id)
    assert (held.hits, held.entries) == (1, 1)
