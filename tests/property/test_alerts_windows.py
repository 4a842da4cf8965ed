"""Whatever the times of entries, a count within its window raises an alert and nothing is counted twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.alerts_records import AlertState, Mark, Watch
from gateway.audit.alerts_rules import Join, Raise, Skip, Step, Wait, step
from rulebook.alert_records import AlertRule
from tests.unit.audit.test_alerts_rules import MARKED, open_alert

START = datetime(2026, 11, 23, tzinfo=UTC)
seconds = st.integers(0, 4 * 3600)
counts = st.integers(1, 6)
windows = st.integers(1, 60)


def rule_of(count: int, window: int, quiet: int = 30) -> AlertRule:
    return replace(MARKED, count=count, window_minutes=window, quiet_minutes=quiet)


def run(rule: AlertRule, marks: list[Mark], *, close: bool = False) -> list[Step]:
    """Take the marks as the follower does; with ``close`` each alert is closed as soon as it is raised."""
    watch, steps = Watch(), []
    for mark in marks:
        done = step(rule, watch, mark)
        steps.append(done)
        match done:
            case Wait(waiting):
                watch = replace(watch, waiting=waiting)
            case Raise(proof):
                last = Mark(proof[-1].index, max(one.at for one in proof))
                watch = Watch((), open_alert(last, AlertState.CLOSED if close else AlertState.OPEN))
            case Join(taken):
                assert watch.alert is not None
                at = max(taken.at, watch.alert.last_at)
                watch = replace(watch, alert=replace(watch.alert, last_index=taken.index, last_at=at))
            case Skip():
                raise AssertionError("nothing was taken before")
    return steps


def marks_at(times: list[int]) -> list[Mark]:
    return [Mark(index, START + timedelta(seconds=time)) for index, time in enumerate(times)]


@given(st.lists(seconds, max_size=40).map(sorted), counts, windows)
def test_in_order_an_alert_is_raised_as_soon_as_a_window_holds_the_count(
    times: list[int], count: int, window: int
) -> None:
    steps = run(rule_of(count, window), marks_at(times), close=True)
    # the oracle: walk through the times; a window that ends here and holds the count since the last alert raises
    since = 0
    for index, time in enumerate(times):
        held = [other for other in times[since : index + 1] if time - other <= window * 60]
        raised = len(held) >= count
        assert isinstance(steps[index], Raise) is raised
        since = index + 1 if raised else since


@given(st.data(), counts, windows)
def test_within_one_window_the_order_of_times_does_not_matter(data: st.DataObject, count: int, window: int) -> None:
    times = data.draw(st.lists(st.integers(0, window * 60), min_size=count, max_size=count))
    steps = run(rule_of(count, window), marks_at(times))
    assert [type(one) for one in steps] == [Wait] * (count - 1) + [Raise]


@given(st.lists(seconds, max_size=40), counts, windows, st.booleans())
def test_every_entry_is_proof_of_at_most_one_alert(times: list[int], count: int, window: int, close: bool) -> None:
    steps = run(rule_of(count, window), marks_at(times), close=close)
    proofs = [mark.index for one in steps if isinstance(one, Raise) for mark in one.proof]
    assert len(proofs) == len(set(proofs))
    for one in steps:
        if isinstance(one, Raise):
            assert len(one.proof) >= count
            last = one.proof[-1]
            assert all(abs(last.at - mark.at) <= timedelta(minutes=window) for mark in one.proof)


@given(st.lists(seconds, max_size=60), counts, windows)
def test_what_waits_is_never_more_than_the_count(times: list[int], count: int, window: int) -> None:
    for one in run(rule_of(count, window), marks_at(times)):
        if isinstance(one, Wait):
            assert len(one.waiting) < count


@given(st.lists(st.integers(0, 1800), min_size=1, max_size=60))
def test_a_flood_is_one_alert_with_a_counter(times: list[int]) -> None:
    steps = run(rule_of(1, 1, quiet=30), marks_at(times))
    assert [type(one) for one in steps] == [Raise] + [Join] * (len(times) - 1)


@given(st.lists(seconds, max_size=30), counts, windows)
def test_taking_an_entry_again_changes_nothing(times: list[int], count: int, window: int) -> None:
    rule, watch = rule_of(count, window), Watch()
    for mark in marks_at(times):
        done = step(rule, watch, mark)
        if isinstance(done, Wait):
            watch = replace(watch, waiting=done.waiting)
        if isinstance(done, Raise):
            watch = Watch((), open_alert(Mark(mark.index, max(one.at for one in done.proof))))
        if isinstance(done, Join):
            assert watch.alert is not None
            watch = replace(watch, alert=replace(watch.alert, last_index=mark.index))
        assert step(rule, watch, mark) == Skip()
