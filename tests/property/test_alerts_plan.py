"""Whatever the entries and however they are cut into runs, a plan raises the same; a baseline is the median it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.alerts_amounts import Tally, past_of, slot_of
from gateway.audit.alerts_plan import NoGroups, Plan
from gateway.audit.alerts_records import Mark
from gateway.audit.alerts_replay import _alert
from rulebook.alert_records import AlertBaseline, Alerting, AlertRule, AlertShift
from tests.factories.policies import rule_book
from tests.unit.audit.test_alerts_rules import RULE, worked

START = datetime(2026, 11, 2, tzinfo=UTC)
KIND = ("registry.read",)
BASE = replace(RULE, kinds=KIND, group_by="actor", sum="facts.n", window_minutes=60, quiet_minutes=30, conditions=())
RULES: Mapping[str, AlertRule] = {
    "sum": replace(BASE, code="sum", least=10),
    "usual": replace(BASE, code="usual", baseline=AlertBaseline(2, 3, 6, 2)),
    "shift": replace(BASE, code="shift", shift=AlertShift("facts.of", 80, 50, 2, 6, 2)),
    "count": replace(BASE, code="count", sum=None, count=3),
    "all": replace(BASE, code="all", sum=None, window_minutes=0),
}
ALERTING: Alerting = replace(rule_book().alerts, rules=RULES)
entries = st.lists(
    st.tuples(st.integers(-30, 200), st.integers(0, 12), st.sampled_from("ab"), st.sampled_from("xyz")), max_size=60
)


def contents(found: Sequence[tuple[int, int, str, str]]) -> list[tuple[int, dict[str, Any]]]:
    """Return entries: minutes since the one before, amount, who, of what."""
    at, made = START, []
    for index, (minutes, amount, who, of) in enumerate(found):
        at += timedelta(minutes=minutes)
        text = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        facts = {"n": amount, "of": [of]}
        actor = {"id": f"st-{who}"}
        made.append((index, {"kind": KIND[0], "at": text, "actor": actor, "outcome": "done", "facts": facts}))
    return made


def heard(found: Sequence[tuple[int, dict[str, Any]]], cuts: set[int]) -> list[tuple[str, str, int, int]]:
    """Return what a plan says of the entries, cut into runs; after each it is settled."""
    told: list[tuple[str, str, int, int]] = []

    def hear(what: str, rule: str, mark: Mark, count: int) -> None:
        told.append((what, rule, mark.index, count))

    plan = Plan(ALERTING, worked, NoGroups(), _alert, hear=hear)
    run: list[tuple[int, dict[str, Any]]] = []
    for one in found:
        run.append(one)
        if one[0] in cuts:
            plan.take(run)
            plan.settle()
            run = []
    plan.take(run)
    return sorted(told)


@given(entries, st.sets(st.integers(0, 60)))
@settings(max_examples=60)
def test_the_cuts_between_runs_change_nothing(found: list[tuple[int, int, str, str]], cuts: set[int]) -> None:
    made = contents(found)
    assert heard(made, cuts) == heard(made, set())


@given(entries)
@settings(max_examples=60)
def test_no_amount_is_told_of_twice(found: list[tuple[int, int, str, str]]) -> None:
    told = heard(contents(found), set())
    for code, least in (("sum", 10), ("usual", 6), ("shift", 6)):
        alerts = sum(1 for what, rule, _, _ in told if rule == code and what in {"raised", "joined"})
        assert alerts * least <= sum(amount for _, amount, _, _ in found)


@given(st.lists(st.tuples(st.integers(0, 60 * 24 * 4), st.integers(1, 50)), max_size=80))
def test_what_is_usual_is_the_median_of_the_windows_that_held_anything(found: list[tuple[int, int]]) -> None:
    rule = RULES["usual"]
    tally = Tally(rule)
    held: dict[int, int] = {}
    for minutes, amount in sorted(found):
        at = START + timedelta(minutes=minutes)
        start, _ = tally.add(at, amount)
        assert start == slot_of(rule, at)
        held[start] = held.get(start, 0) + amount
        past = sorted(value for slot, value in held.items() if start - past_of(rule) <= slot < start)
        expected = past[(len(past) - 1) // 2] if len(past) >= 2 else 6
        assert tally.usual(start) == expected
    assert len(tally.slots) <= past_of(rule) + 2
