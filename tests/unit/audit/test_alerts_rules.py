"""The rule engine of alerts: conditions, windows at their boundaries, clocks that go back, deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from gateway.audit.alerts_records import Alert, AlertId, AlertState, Mark, Watch
from gateway.audit.alerts_rules import (
    SHANGHAI,
    Join,
    Raise,
    Skip,
    Wait,
    amount_of,
    due_of,
    group_of,
    matches,
    member,
    outside_office_hours,
    shown,
    step,
    variant_of,
)
from gateway.ids import UnitCode
from gateway.principals import Role
from rulebook.alert_records import AlertCondition, AlertDeadline, Alerting, AlertRule, AlertShift

HOURS = Alerting(time(8), time(18), MappingProxyType({}))
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
RULE = AlertRule(
    code="scope-breach",
    label="超出申请使用范围",
    label_en="Beyond the granted scope",
    rule="A50-9",
    kinds=("release.refused",),
    outcome=None,
    conditions=(),
    outside_office_hours=False,
    count=1,
    window_minutes=0,
    group_by="grant",
    severity="high",
    owner="data_officer",
    unit_from="grant",
    deadline=AlertDeadline(2, "working_days"),
    quiet_minutes=60,
    shown=("facts.dimension", "facts.missing", "facts.nothing"),
)


def worked(day: date) -> bool:
    """Return whether a day is worked: weekdays, but not National Day 2026, and that Saturday instead."""
    if day in {date(2026, 10, 1), date(2026, 10, 2)}:
        return False
    return day == date(2026, 10, 10) or day.weekday() < 5


def entry(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  members of an entry
    found: dict[str, Any] = {
        "kind": "release.refused",
        "at": "2026-11-23T02:00:00.000000Z",
        "actor": {"id": "cl-2", "kind": "client", "recipient": "91140100MA0GXXXX0L"},
        "outcome": "refused",
        "facts": {"dimension": "fields", "missing": ["fields", "rows"], "none": None},
        "links": {"grant": "gr-one", "application": "ap-one"},
        "policy": None,
    }
    return {**found, **changes}


def fits(rule: AlertRule, content: dict[str, Any]) -> bool:
    return matches(rule, content, hours=HOURS, worked=worked)


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        (("release.refused",), True),
        (("release.",), True),
        (("*",), True),
        (("release.refuse",), False),
        (("releas.",), False),
        (("account.", "release.refused"), True),
    ],
)
def test_a_rule_names_kinds_whole_or_by_their_room(kinds: tuple[str, ...], found: bool) -> None:
    assert fits(replace(RULE, kinds=kinds), entry()) is found


def test_no_rule_takes_an_entry_that_an_alert_wrote() -> None:
    assert not fits(replace(RULE, kinds=("*",)), entry(kind="alert.raised"))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (AlertCondition("facts.dimension", "present"), True),
        (AlertCondition("facts.dimension", "absent"), False),
        (AlertCondition("facts.none", "present"), False),
        (AlertCondition("facts.none", "absent"), True),
        (AlertCondition("facts.nowhere.deeper", "absent"), True),
        (AlertCondition("policy", "present"), False),
        (AlertCondition("facts.dimension", "equals", ("fields",)), True),
        (AlertCondition("facts.dimension", "equals", ("rows",)), False),
        (AlertCondition("facts.dimension", "in", ("rows", "fields")), True),
        (AlertCondition("facts.missing", "equals", ("fields",)), False),
        (AlertCondition("facts.missing", "present"), True),
        (AlertCondition("actor.kind", "equals", ("client",)), True),
        (AlertCondition("facts.dimension", "at_least", least=1), False),
    ],
)
def test_a_condition_looks_at_one_member(condition: AlertCondition, found: bool) -> None:
    assert fits(replace(RULE, conditions=(condition,)), entry()) is found


@pytest.mark.parametrize(("value", "found"), [(99, False), (100, True), (101, True), (True, False), ("100", False)])
def test_at_least_includes_the_number_and_takes_numbers_only(value: object, found: bool) -> None:
    rule = replace(RULE, conditions=(AlertCondition("facts.found", "at_least", least=100),))
    assert fits(rule, entry(facts={"found": value})) is found


def test_every_condition_must_hold_and_so_must_the_outcome() -> None:
    both = (AlertCondition("facts.dimension", "present"), AlertCondition("facts.none", "present"))
    assert not fits(replace(RULE, conditions=both), entry())
    assert fits(replace(RULE, outcome="refused"), entry())
    assert not fits(replace(RULE, outcome="failed"), entry())


@pytest.mark.parametrize(
    ("at", "outside"),
    [
        ("2026-11-23T07:59:59+08:00", True),
        ("2026-11-23T08:00:00+08:00", False),
        ("2026-11-23T17:59:59+08:00", False),
        ("2026-11-23T18:00:00+08:00", True),
        ("2026-11-21T10:00:00+08:00", True),  # a Saturday
        ("2026-10-10T10:00:00+08:00", False),  # a Saturday that is worked
        ("2026-10-01T10:00:00+08:00", True),
    ],
)
def test_office_hours_are_those_of_shanghai_on_working_days(at: str, outside: bool) -> None:
    assert outside_office_hours(datetime.fromisoformat(at), HOURS, worked) is outside
    assert fits(replace(RULE, outside_office_hours=True), entry(at=at)) is outside


def test_what_came_through_a_queue_counts_when_it_happened() -> None:
    rule = replace(RULE, outside_office_hours=True)
    assert fits(rule, entry(at="2026-11-23T10:00:00+08:00", occurred="2026-11-22T10:00:00+08:00"))


@pytest.mark.parametrize(
    ("grouping", "key"),
    [
        ("none", ""),
        ("actor", "cl-2"),
        ("grant", "gr-one"),
        ("application", "ap-one"),
        ("recipient", "91140100MA0GXXXX0L"),
        ("account", "cl-2"),
        ("unit", ""),
        ("extract", ""),
    ],
)
def test_entries_are_grouped_by_what_the_rule_says(grouping: Any, key: str) -> None:  # noqa: ANN401  a literal
    assert group_of(replace(RULE, group_by=grouping), entry()) == key


def test_the_account_that_was_tried_goes_before_the_actor() -> None:
    rule = replace(RULE, group_by="account")
    assert group_of(rule, entry(actor=None, facts={"account": "st-7"})) == "st-7"


def test_the_owner_is_shown_the_members_of_the_rule_and_no_others() -> None:
    assert shown(RULE, entry()) == {"facts.dimension": "fields", "facts.missing": "fields, rows"}
    assert member(entry(), "facts.dimension.deeper") is None


# groups

MARKED = replace(RULE, count=3, window_minutes=15)


def mark(index: int, minutes: float) -> Mark:
    return Mark(index, MONDAY.astimezone(UTC) + timedelta(minutes=minutes))


def open_alert(last: Mark, state: AlertState = AlertState.OPEN) -> Alert:
    return Alert(
        id=AlertId("al-one"),
        rule=RULE.code,
        key="gr-one",
        severity="high",
        owner=Role.DATA_OFFICER,
        unit=UnitCode("140000"),
        about=None,
        state=state,
        opened_at=last.at,
        due=last.at + timedelta(days=1),
        count=1,
        last_index=last.index,
        last_at=last.at,
    )


def test_one_entry_is_enough_without_a_count() -> None:
    assert step(RULE, Watch(), mark(1, 0)) == Raise((mark(1, 0),))


def test_the_window_includes_both_ends_and_nothing_beyond() -> None:
    waiting = (mark(1, 0), mark(2, 5))
    assert step(MARKED, Watch(waiting), mark(3, 15)) == Raise((*waiting, mark(3, 15)))
    just_beyond = mark(3, 15 + 1 / 60)
    assert step(MARKED, Watch(waiting), just_beyond) == Wait((mark(2, 5), just_beyond))


def test_a_clock_that_goes_back_hides_nothing_within_the_window() -> None:
    waiting = (mark(1, 14), mark(2, 15))
    assert step(MARKED, Watch(waiting), mark(3, 0)) == Raise((*waiting, mark(3, 0)))


def test_entries_far_in_a_wrong_future_do_not_count_for_ever() -> None:
    waiting = (mark(1, 60 * 24 * 365), mark(2, 60 * 24 * 365))
    assert step(MARKED, Watch(waiting), mark(3, 0)) == Wait((mark(3, 0),))


def test_an_entry_is_taken_once() -> None:
    waiting = (mark(1, 0), mark(2, 5))
    assert step(MARKED, Watch(waiting), mark(2, 5)) == Skip()
    assert step(RULE, Watch((), open_alert(mark(4, 0))), mark(4, 0)) == Skip()
    assert step(RULE, Watch((), open_alert(mark(4, 0), AlertState.CLOSED)), mark(4, 0)) == Skip()


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED])
def test_a_flood_joins_the_alert_as_long_as_it_is_not_closed(state: AlertState) -> None:
    alert = open_alert(mark(4, 0), state)
    assert step(RULE, Watch((), alert), mark(5, 60)) == Join(mark(5, 60))
    assert step(RULE, Watch((), alert), mark(5, 60.1)) == Raise((mark(5, 60.1),))


def test_after_the_end_of_an_alert_the_next_entry_is_a_new_one() -> None:
    alert = open_alert(mark(4, 0), AlertState.CLOSED)
    assert step(RULE, Watch((), alert), mark(5, 1)) == Raise((mark(5, 1),))
    assert step(MARKED, Watch((), alert), mark(5, 1)) == Wait((mark(5, 1),))


# deadlines


def due(number: int, measure: Any, at: str) -> str:  # noqa: ANN401  a literal
    found = due_of(AlertDeadline(number, measure), datetime.fromisoformat(at), HOURS, worked)
    assert found.tzinfo is UTC
    return found.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("number", "measure", "at", "expected"),
    [
        (1, "working_days", "2026-11-23T10:00:00+08:00", "11-24 23:59:59"),
        (1, "working_days", "2026-11-20T23:59:00+08:00", "11-23 23:59:59"),  # a Friday
        (2, "working_days", "2026-09-29T10:00:00+08:00", "10-05 23:59:59"),  # over two days off and a weekend
        (4, "working_hours", "2026-11-23T10:00:00+08:00", "11-23 14:00:00"),
        (4, "working_hours", "2026-11-23T14:00:00+08:00", "11-23 18:00:00"),
        (4, "working_hours", "2026-11-23T15:00:00+08:00", "11-24 09:00:00"),
        (4, "working_hours", "2026-11-23T03:00:00+08:00", "11-23 12:00:00"),
        (4, "working_hours", "2026-11-21T10:00:00+08:00", "11-23 12:00:00"),  # a Saturday
        (4, "working_hours", "2026-11-20T18:00:00+08:00", "11-23 12:00:00"),
        (25, "working_hours", "2026-11-23T08:00:00+08:00", "11-25 13:00:00"),
    ],
)
def test_deadlines_run_in_working_days_and_in_working_hours(number: int, measure: str, at: str, expected: str) -> None:
    assert due(number, measure, at) == expected


def test_an_alert_is_late_after_its_deadline_and_stays_so_when_it_was_closed_late() -> None:
    alert = open_alert(mark(1, 0))
    assert not alert.late(alert.due)
    assert alert.late(alert.due + timedelta(seconds=1))
    closed = replace(alert, state=AlertState.CLOSED, closed_at=alert.due)
    assert not closed.late(alert.due + timedelta(days=9))


# what is added up, told apart and grouped


def read(**more: Any) -> dict[str, Any]:  # noqa: ANN401  members of an entry
    """Return a reading of the registry."""
    facts = {"act": "record", "found": 3, "claims": ["stage", "age_band"]}
    tags = {"epoch": "2026Q4", "tags": ["c4" * 16]}
    return {"kind": "registry.read", "outcome": "done", "actor": {"id": "st-3"}, "facts": facts, "tags": tags, **more}


def test_an_amount_is_a_number_or_the_length_of_a_list_and_never_negative() -> None:
    amounts = {"facts.found": 3, "facts.claims": 2, "facts.act": 0, "facts.nothing": 0, "tags.tags": 1}
    assert {member: amount_of(replace(RULE, sum=member), read()) for member in amounts} == amounts
    assert amount_of(replace(RULE, sum="facts.found"), read(facts={"found": -5})) == 0
    assert amount_of(replace(RULE, sum="facts.found"), read(facts={"found": True})) == 0
    assert amount_of(RULE, read()) == 1


def test_a_list_is_told_apart_by_what_it_holds_not_by_its_order() -> None:
    rule = replace(RULE, shift=AlertShift("facts.claims", 80, 50, 28, 200, 3))
    assert (
        variant_of(rule, read()) == variant_of(rule, read(facts={"claims": ["age_band", "stage"]})) == "age_band,stage"
    )
    assert (variant_of(rule, read(facts={})), variant_of(RULE, read())) == ("-", "")


def test_person_and_pupil_are_a_group_where_an_entry_is_about_exactly_one() -> None:
    rule = replace(RULE, group_by="actor_pupil")
    assert group_of(rule, read()) == f"st-3 {'c4' * 16}"
    assert group_of(rule, read(actor=None)) is None
    assert group_of(rule, read(tags={"epoch": "2026Q4", "tags": ["a", "b"]})) is None
    assert group_of(rule, read(tags={"epoch": "2026Q4", "count": 70, "root": "r"})) is None
    without = read()
    del without["tags"]
    assert group_of(rule, without) is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (AlertCondition("facts.claims", "has", ("stage",)), True),
        (AlertCondition("facts.claims", "has", ("sex",)), False),
        (AlertCondition("facts.act", "has", ("record",)), False),
        (AlertCondition("facts.found", "at_most", least=3), True),
        (AlertCondition("facts.found", "at_most", least=2), False),
        (AlertCondition("facts.nothing", "at_most", least=2), False),
    ],
)
def test_lists_that_hold_and_numbers_that_stay_below(condition: AlertCondition, holds: bool) -> None:
    rule = replace(RULE, kinds=("registry.read",), conditions=(condition,))
    assert matches(rule, read(), hours=HOURS, worked=worked) is holds
