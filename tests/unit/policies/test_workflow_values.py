"""Texts without numbers of people, terms by version, phases by values, steps on the line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.life import line
from gateway.errors import ConfigurationError
from gateway.ids import AccountId, ExtractId, GrantId
from gateway.policies.applying import differences
from gateway.policies.codec import decode_changes, encode_changes
from gateway.policies.deadlines import Deadlines
from gateway.policies.phases import Handed, application_phase, overdue, owed, phase_of
from gateway.policies.queries import GrantLifeView
from gateway.policies.records import ApplicationState, Change, GrantPhase, GrantState, HistoryEvent
from gateway.policies.terms import terms_on
from gateway.record_texts import holds_number
from rulebook.records import SecurityTerms, WorkflowDays
from tests.factories import policies as make

TODAY = date(2026, 7, 1)


@pytest.mark.parametrize(
    "text",
    [
        "13800138000", "电话 138-0013-8000", "０３５１－１２３４５６７", "G140105201001010012",
        "1401 0520 1001 0100 12",
        "14010520100101001X", "1234567", "138.0013.8000", "证件140105 20100101 0012",
    ],
)  # fmt: skip
def test_numbers_of_people_are_found(text: str) -> None:
    assert holds_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "请于 2026-03-01 至 2026-06-30 使用", "自20260301起", "2026年3月1日", "共 120000 人，3 次",
        "晋教〔2026〕1号",
        "第 50 条；每次 5,000,000 行", "2026-03-01 2026-06-30",
    ],
)  # fmt: skip
def test_dates_and_counts_are_none(text: str) -> None:
    assert not holds_number(text)


@given(st.text(alphabet="0123456789", min_size=11, max_size=11), st.sampled_from(["", " ", "-", "．", "·"]))
def test_no_separator_hides_a_mobile_number(digits: str, separator: str) -> None:
    number = "1" + digits[1:]
    assert holds_number(f"请联系{separator.join((number[:3], number[3:7], number[7:]))}。")


def test_the_terms_in_force_are_the_newest_that_have_begun() -> None:
    first = SecurityTerms("1", date(2026, 2, 10), "甲", "a", "0" * 64)
    second = replace(first, version="2", effective=date(2026, 4, 1))
    assert terms_on((first, second), date(2026, 3, 31)).version == "1"
    assert terms_on((first, second), date(2026, 4, 1)).version == "2"
    with pytest.raises(ConfigurationError):
        terms_on((first, second), date(2026, 2, 9))


def handed(**changes: object) -> Handed:
    made = Handed(ExtractId("ex-a"), datetime(2026, 6, 1, tzinfo=UTC), TODAY, settled=True, certified=False)
    return replace(made, **changes)  # type: ignore[arg-type]  # members of the record


@pytest.mark.rule("A50-12")
@pytest.mark.parametrize(
    ("state", "found", "phase"),
    [
        (GrantState.ACTIVE, (), GrantPhase.ACTIVE),
        (GrantState.ACTIVE, (handed(),), GrantPhase.ACTIVE),
        (GrantState.ACTIVE, (handed(delete_by=TODAY - timedelta(days=1)),), GrantPhase.DELETION_OVERDUE),
        (GrantState.SUSPENDED, (handed(),), GrantPhase.SUSPENDED),
        (GrantState.EXPIRED, (), GrantPhase.CLOSED),
        (GrantState.EXPIRED, (handed(),), GrantPhase.DELETION_DUE),
        (GrantState.EXPIRED, (handed(settled=False),), GrantPhase.EXPIRED),
        (GrantState.WITHDRAWN, (handed(certified=True), handed(delivered_at=None)), GrantPhase.CLOSED),
        (GrantState.USED_UP, (handed(certified=True), handed(delivered_at=None, settled=False)), GrantPhase.USED_UP),
    ],
)
def test_the_phase_follows_from_state_and_deletions(
    state: GrantState, found: tuple[Handed, ...], phase: GrantPhase
) -> None:
    assert phase_of(make.grant(state=state), found, TODAY) is phase


def test_a_deletion_is_on_time_on_its_day_and_owed_first_due_first() -> None:
    first, second = handed(extract=ExtractId("ex-b")), handed(delete_by=TODAY + timedelta(days=1))
    assert [one.extract for one in owed((second, first, handed(certified=True)))] == ["ex-b", "ex-a"]
    assert overdue((first, second), TODAY) == ()
    assert overdue((first, second), TODAY + timedelta(days=1)) == (first,)


@given(st.integers(min_value=0, max_value=400), st.sampled_from(list(ApplicationState)))
def test_nothing_that_is_overdue_is_missed_by_the_query(days: int, state: ApplicationState) -> None:
    """Whatever began long enough ago to be overdue began before the instant for which the rows are asked."""
    begun = datetime(2026, 1, 1, 4, tzinfo=UTC)
    deadlines = Deadlines(WorkflowDays(), lambda day, number: day + timedelta(days=number))
    today = begun.date() + timedelta(days=days)
    one = make.application(state=state, since=begun)
    if deadlines.overdue(one, today):
        assert begun < deadlines.waiting_since(today)[state]


def test_what_an_edit_replaced_reads_back() -> None:
    changes = (Change("fields", '["a"]', "[]"), Change("reason", "旧\n行", "“新”"))
    assert decode_changes(encode_changes(changes)) == changes
    before = make.application()
    after = replace(before, scope=make.scope(population=replace(before.scope.population, stages=frozenset({"junior"}))))
    assert differences(before, after) == (Change("stages", "null", '["junior"]'),)
    assert differences(before, before) == ()


def event(act: str, day: int) -> HistoryEvent:
    return HistoryEvent(datetime(2026, 3, day, tzinfo=UTC), AccountId("st-x"), act)


def tones(state: ApplicationState, *acts: str, phase: GrantPhase | None = None, **more: object) -> str:
    """Return the line as letters: d(one), n(ow), a(head), b(ad)."""
    history = tuple(event(act, day) for day, act in enumerate(acts, start=1))
    grant = GrantId("gr-x") if phase is not None else None
    one = make.application(state=state, history=history, grant_id=grant, **more)
    life = None if phase is None else GrantLifeView(phase)
    return "".join(step.tone[0] for step in line(one, life))


def test_the_line_tells_where_an_application_stands() -> None:
    whole = ("drafted", "submitted", "ground_recorded", "ground_confirmed", "approved")
    assert tones(ApplicationState.DRAFT, "drafted") == "naaaaaaa"
    assert tones(ApplicationState.SUBMITTED, *whole[:2]) == "ddnaaaaa"
    assert tones(ApplicationState.RETURNED, *whole[:3], "returned") == "dbaaaaaa"
    assert tones(ApplicationState.CONFIRMED, *whole[:4]) == "ddddnaaa"
    assert tones(ApplicationState.REFUSED, *whole[:2], "refused") == "ddaabaaa"
    assert tones(ApplicationState.GRANTED, *whole, phase=GrantPhase.ACTIVE) == "dddddnaa"
    assert tones(ApplicationState.GRANTED, *whole, phase=GrantPhase.SUSPENDED) == "dddddbaa"
    assert tones(ApplicationState.WITHDRAWN, *whole, phase=GrantPhase.DELETION_DUE) == "ddddddna"
    assert tones(ApplicationState.WITHDRAWN, *whole, phase=GrantPhase.CLOSED) == "dddddddd"
    same_act = (*whole[:3], "approved")
    confirmer = AccountId("st-a")
    assert tones(ApplicationState.GRANTED, *same_act, phase=GrantPhase.ACTIVE, ground_confirmer=confirmer) == "dddddnaa"
    assert tones(ApplicationState.WITHDRAWN, "drafted", "submitted", "taken_back") == "dbaaaaaa"


def test_the_phase_of_an_application_tells_rounds_and_ends_apart() -> None:
    assert application_phase(make.application(round=1)) == "submitted"
    assert application_phase(make.application(round=2)) == "resubmitted"
    ended = make.application(state=ApplicationState.WITHDRAWN)
    assert application_phase(ended) == "withdrawn"
    assert application_phase(replace(ended, history=(event("lapsed", 1),))) == "lapsed"
    assert application_phase(replace(ended, history=(event("taken_back", 1),))) == "withdrawn"
