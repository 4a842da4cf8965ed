"""The log is followed once, in order, whatever happens in between; both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from gateway.audit.alerts_follower import AlertFollower, WatchStore
from gateway.audit.alerts_records import EVIDENCE_KEPT, AlertState, Finding
from gateway.audit.store.alerts import alert_events, alert_marks, alerts
from gateway.ids import AccountId, UnitCode
from gateway.principals import Role
from tests.factories.alerts import (
    CITY,
    COUNTY,
    DATA,
    MONDAY,
    PROVINCE,
    SECURITY,
    AlertHouse,
    alert_house,
    officer,
)


@pytest.fixture
def house(tables_url: str) -> Iterator[AlertHouse]:
    with alert_house(tables_url) as found:
        yield found


@pytest.mark.rule("A50-16")
@pytest.mark.rule("A50-9")
def test_a_breach_of_scope_raises_an_alert_with_owner_unit_deadline_and_proof(house: AlertHouse) -> None:
    index = house.breach()
    house.follow()
    (alert,) = house.all()
    assert (alert.rule, alert.owner, alert.unit, alert.severity) == ("scope-breach", Role.DATA_OFFICER, CITY, "high")
    assert (alert.state, alert.count, alert.last_index) == (AlertState.OPEN, 1, index)
    assert alert.about == AccountId("cl-2")
    # Monday; two working days, its own not counted
    assert alert.due.isoformat() == "2026-11-25T15:59:59+00:00"
    (raised,) = house.entries("alert.raised")
    assert raised["actor"] is None
    assert raised["facts"] == {
        "alert": alert.id,
        "rule": "scope-breach",
        "severity": "high",
        "unit": CITY,
        "owner": "data_officer",
        "due": "2026-11-25T15:59:59Z",
        "count": 1,
        "entries": [index],
    }
    assert raised["links"]["grant"] == "gr-city"


def test_five_failed_sign_ins_are_one_alert_and_four_are_none(house: AlertHouse) -> None:
    indexes = [house.failed() for _ in range(4)]
    house.follow()
    assert house.all() == []
    indexes.append(house.failed())
    house.failed("st-8")
    house.follow()
    (alert,) = house.all()
    assert (alert.rule, alert.key, alert.count, alert.unit) == ("failed-sign-ins", "st-7", 5, COUNTY)
    file = house.alerts.get(SECURITY, alert.id)
    assert [one.index for one in file.evidence] == indexes
    assert file.evidence[0].shown == {"facts.account": "st-7", "facts.reason": "password"}
    assert [event.act for event in file.events] == ["raised"]


def test_a_window_that_is_over_begins_anew(house: AlertHouse) -> None:
    for _ in range(4):
        house.failed()
    house.clock.at += timedelta(minutes=15, seconds=1)
    house.failed()
    house.follow()
    assert house.all() == []


def test_a_flood_is_one_alert_with_a_counter_and_bounded_proof(house: AlertHouse) -> None:
    for _ in range(EVIDENCE_KEPT + 7):
        house.breach()
    house.follow()
    (alert,) = house.all(rule="scope-breach")
    assert alert.count == EVIDENCE_KEPT + 7
    assert len(house.alerts.get(DATA_OF_CITY, alert.id).evidence) == EVIDENCE_KEPT
    assert len(house.entries("alert.raised")) == 2  # and one for so many refusals of one actor


DATA_OF_CITY = officer("data-city", Role.DATA_OFFICER, unit=CITY)


@pytest.mark.rule("A50-9")
def test_beyond_any_dimension_is_alerted(house: AlertHouse) -> None:
    dimensions = ["fields", "rows", "uses", "period", "recipient", "purpose"]
    for dimension in dimensions:
        house.breach(f"gr-{dimension}", dimension)
    house.follow()
    shown = [house.alerts.get(PROVINCIAL, alert.id).evidence[0].shown["facts.dimension"] for alert in house.all()]
    assert sorted(shown) == sorted(dimensions)


PROVINCIAL = officer("data-province", Role.DATA_OFFICER, unit=PROVINCE)


def test_an_entry_that_several_rules_match_raises_each_once(house: AlertHouse) -> None:
    for _ in range(10):
        house.breach()
    house.follow()
    found = {alert.rule: alert.count for alert in house.all()}
    assert found == {"scope-breach": 10, "repeated-refusals": 10}


def test_after_the_end_of_an_alert_the_next_breach_is_a_new_one(house: AlertHouse) -> None:
    house.breach()
    house.follow()
    (first,) = house.all()
    house.alerts.acknowledge(DATA_OF_CITY, first.id)
    house.breach()
    house.follow()
    (first,) = house.all()
    assert (first.count, first.state) == (2, AlertState.ACKNOWLEDGED)
    house.alerts.close(DATA_OF_CITY, first.id, Finding.HANDLED, "已联系使用方更正。")
    house.breach()
    house.follow()
    assert [(one.state, one.count) for one in house.all()] == [(AlertState.OPEN, 1), (AlertState.CLOSED, 2)]


@pytest.mark.parametrize(
    ("kind", "facts", "unit"),
    [
        ("account.login_failed", {"account": "st-8", "reason": "sealed"}, CITY),
        ("account.login_failed", {"account": "st-7", "reason": "sealed"}, COUNTY),  # a school: its department
        ("account.login_failed", {"account": "st-unknown", "reason": "sealed"}, PROVINCE),
        ("account.login_failed", {"account": "cl-2", "reason": "replayed"}, PROVINCE),
        ("registry.overdue", {"unit": "2114010501", "clocks": 1}, COUNTY),
        ("registry.overdue", {"unit": "9999999999", "clocks": 1}, PROVINCE),
        ("log.request_refused", {"reason": "EntryRefusedError", "request": 1}, PROVINCE),
    ],
)
def test_the_unit_that_answers_is_the_nearest_department(
    house: AlertHouse, kind: str, facts: dict[str, Any], unit: UnitCode
) -> None:
    house.append(kind, None, "refused", facts=facts)
    house.follow()
    assert [alert.unit for alert in house.all()] == [unit]


def test_a_clock_that_went_back_is_alerted(house: AlertHouse) -> None:
    house.append("account.logout", SECURITY)
    house.clock.at -= timedelta(hours=1)
    house.append("account.logout", SECURITY)
    house.follow()
    (alert,) = house.all()
    assert (alert.rule, alert.owner) == ("clock-back", Role.SYSTEM_ADMINISTRATOR)


# exactly once, in order, restart-safe


class Killed(BaseException):
    """The process ends here."""


class Broken:
    """Stands before a part of the house and kills the process at one call of one method, before or after it."""

    def __init__(self, inner: object, method: str, at: int, *, after: bool) -> None:
        self._inner, self._method, self._at, self._after, self._calls = inner, method, at, after, 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it is
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401  whatever it takes
            self._calls += 1
            if self._calls == self._at and not self._after:
                raise Killed
            result = found(*arguments, **named)
            if self._calls == self._at and self._after:
                raise Killed
            return result

        return call


def killed(house: AlertHouse, part: str, method: str, at: int, *, after: bool) -> bool:
    """Follow the log, five entries at once, with a worker that is killed; say whether it was."""
    broken: Any = Broken(getattr(house.follower, part), method, at, after=after)
    worker = replace(house.follower, batch=5, **{part: broken})
    try:
        while worker.round():
            continue
    except Killed:
        return True
    return False


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("part", "method"), [("journal", "record_all"), ("scratch", "write")])
@pytest.mark.parametrize("at", [1, 2])
def test_a_worker_killed_between_two_writes_raises_nothing_twice_and_loses_nothing(
    house: AlertHouse, part: str, method: str, at: int, after: bool
) -> None:
    for number in range(12):
        house.breach()
        if number % 2:
            house.failed()
    assert killed(house, part, method, at, after=after)
    house.follow()
    found = {alert.rule: alert.count for alert in house.all()}
    assert found == {"scope-breach": 12, "repeated-refusals": 12, "failed-sign-ins": 6}
    assert len(house.entries("alert.raised")) == 3
    with house.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(alert_marks)).scalar_one() == 0


def test_two_workers_at_once_raise_each_alert_once(house: AlertHouse) -> None:
    for _ in range(20):
        house.breach()
        house.failed()
    problems: list[Exception] = []

    def work(follower: AlertFollower) -> None:
        try:
            while follower.round():
                continue
        except Exception as error:  # noqa: BLE001  the test looks at it
            problems.append(error)

    threads = [threading.Thread(target=work, args=(house.another_worker(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.follow()
    assert [type(problem).__name__ for problem in problems if "locked" not in str(problem.__cause__)] == []
    found = {alert.rule: alert.count for alert in house.all()}
    assert found == {"scope-breach": 20, "repeated-refusals": 20, "failed-sign-ins": 20}
    assert len(house.entries("alert.raised")) == 3


def test_an_alert_that_is_closed_while_a_run_is_planned_is_not_joined(house: AlertHouse) -> None:
    house.breach()
    house.follow()
    (alert,) = house.all()
    house.alerts.acknowledge(DATA_OF_CITY, alert.id)
    house.breach()
    inner = house.follower.store

    class Meanwhile:
        """The store of groups; somebody closes the alert right after it was looked up."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it is
            return getattr(inner, name)

        def watches(self, *arguments: Any) -> Any:  # noqa: ANN401  as the store's
            found = inner.watches(*arguments)
            if house.alerts.get(DATA_OF_CITY, alert.id).alert.state is AlertState.ACKNOWLEDGED:
                house.alerts.close(DATA_OF_CITY, alert.id, Finding.HANDLED, "已处置。")
            return found

    worker = replace(house.follower, store=cast(WatchStore, Meanwhile()))
    while worker.round():
        continue
    found = sorted((one.state.value, one.count) for one in house.all())
    assert found == [("closed", 1), ("open", 1)]


def test_following_the_log_ends(house: AlertHouse) -> None:
    house.breach()
    house.follow()
    size = len(house.entries())
    assert not house.follower.round()
    assert len(house.entries()) == size


# deadlines


@pytest.mark.rule("A50-16")
def test_an_alert_past_its_deadline_is_recorded_once(house: AlertHouse) -> None:
    house.breach()
    house.follow()
    (alert,) = house.all()
    house.clock.at = alert.due
    assert house.deadlines.mark_overdue() == 0
    house.clock.at += timedelta(seconds=1)
    assert house.deadlines.mark_overdue() == 1
    assert house.deadlines.mark_overdue() == 0
    (entry,) = house.entries("alert.overdue")
    assert entry["facts"]["alert"] == alert.id
    assert house.all(overdue_at=house.clock.at)[0].overdue
    assert [one.act for one in house.alerts.get(DATA_OF_CITY, alert.id).events] == ["raised", "overdue"]


def test_a_closed_alert_is_never_overdue(house: AlertHouse) -> None:
    house.breach()
    house.follow()
    (alert,) = house.all()
    house.alerts.acknowledge(DATA_OF_CITY, alert.id)
    house.alerts.close(DATA_OF_CITY, alert.id, Finding.EXPLAINED, "使用方测试，情况正常。")
    house.clock.at = alert.due + timedelta(days=30)
    assert house.deadlines.mark_overdue() == 0
    assert house.all(overdue_at=house.clock.at) == []


# what the database itself refuses


@pytest.mark.parametrize("table", [alert_events, alerts])
def test_history_and_closed_alerts_cannot_be_changed_or_removed(house: AlertHouse, table: sa.Table) -> None:
    house.breach()
    house.follow()
    (alert,) = house.all()
    house.alerts.acknowledge(DATA_OF_CITY, alert.id)
    house.alerts.close(DATA_OF_CITY, alert.id, Finding.HANDLED, "已处置。")
    for statement in (sa.delete(table), sa.update(table).values({table.c[0]: "al-other"})):
        with pytest.raises(sa.exc.DBAPIError, match="forbidden"), house.engine.begin() as connection:
            connection.execute(statement)


def test_alerts_hold_nothing_of_what_was_typed(house: AlertHouse) -> None:
    house.failed(None, "password")
    house.follow()
    assert MONDAY.isoformat() not in str(house.entries("alert."))
    assert DATA.account not in str(house.entries("alert."))
