"""缓学 and 延期入学 (Art. 9 paras. 3 and 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from core_registry.domain.cases import Actor, CaseStatus, Change, act, open_case
from core_registry.domain.chapters import deferral, enrolment, late_entry  # noqa: F401  fill the table of procedures
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Facts, OpenCase
from core_registry.domain.procedures import PROCEDURES
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Status
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.working_days import Measure, Period
from core_registry.errors import CaseRefusedError, RegisterRuleError
from tests.factories.cases import (
    COUNTY,
    OTHER_COUNTY,
    PRIMARY_SCHOOL,
    asked,
    facts,
    paper,
    pupil,
    registrar,
    result_of,
    stopping,
)

NOW = datetime(2026, 9, 10, 4, tzinfo=UTC)
GUARDIAN = Actor("gu-1", "", "guardian")
TERM = date(2026, 9, 1)


def waiting(today: date, stage: Stage = Stage.PRIMARY, **changes: object) -> Facts:
    grade = {Stage.PRIMARY: "11", Stage.JUNIOR: "21", Stage.SENIOR: "31"}[stage]
    child = pupil(stage, state=StudentState.PRE_REGISTERED, grade=grade, entry_month="2026-09")
    values: dict[str, object] = {
        "student": child,
        "evidence": (paper("hospital-record", "hospital", "county"),),
        **changes,
    }
    return facts(stage, today, **values)


def late(today: date, until: date, applied: date | None = None) -> tuple[Request, Facts]:
    known = waiting(today)
    return asked("late-entry", known, applied, until=until, reason="因病"), known


def said_late(request: Request, known: Facts) -> bool:
    return any("late" in result.needed for result in explain(request, known) if result.rule == "A9-9")


@pytest.mark.rule("A9-9")
def test_an_application_on_the_tenth_working_day_is_in_time_and_the_next_day_is_late() -> None:
    request, known = late(date(2026, 9, 15), date(2026, 9, 21))
    assert stopping(request, known) == {}
    assert said_late(request, known) is False
    request, known = late(date(2026, 9, 16), date(2026, 9, 21))
    assert stopping(request, known) == {}
    assert said_late(request, known) is True


@pytest.mark.rule("A9-9")
@pytest.mark.parametrize(("day", "is_late"), [(date(2026, 9, 15), False), (date(2026, 9, 16), True)])
def test_a_late_application_is_recorded_as_late_with_a_clock_that_is_over(day: date, is_late: bool) -> None:
    request, known = late(day, date(2026, 9, 21))
    change = open_case("ca-1", request, known, registrar(PRIMARY_SCHOOL), NOW, None)
    done = change.effects[-1]
    (entry,) = done.entries
    assert (entry.kind, entry.data) == (EntryKind.ADMISSION, {"late_entry_until": "2026-09-21", "late": is_late})
    assert entry.personal == {"reason": "因病"}
    clocks = [clock for effects in change.effects[:-1] for clock in effects.deadlines]
    assert [clock.rule for clock in clocks] == (["A9-9"] if is_late else [])
    for clock in clocks:
        assert known.calendar.after(clock.event, clock.period).day == date(2026, 9, 15)
        assert clock.name in done.met


@pytest.mark.rule("A9-9")
def test_late_entry_needs_proof_and_goes_to_the_school() -> None:
    request, known = late(date(2026, 9, 10), date(2026, 9, 21))
    assert "A9-9" in stopping(request, replace(known, evidence=()))
    change = open_case("ca-1", request, known, GUARDIAN, NOW, None)
    assert [(step.name, step.unit) for step in change.case.current] == [("grant", PRIMARY_SCHOOL)]
    with pytest.raises(RegisterRuleError):
        open_case("ca-1", request, known, registrar(COUNTY), NOW, None)


@pytest.mark.rule("A9-9")
def test_an_application_in_the_holidays_counts_for_the_term_of_entry() -> None:
    for known in (waiting(date(2026, 8, 20)), waiting(date(2026, 6, 20))):
        request = asked("late-entry", known, until=date(2026, 9, 10), reason="因病")
        assert stopping(request, known) == {}
        assert not said_late(request, known)
    unknown = waiting(date(2026, 8, 20), student=pupil(state=StudentState.PRE_REGISTERED, grade="11"))
    request = asked("late-entry", unknown, until=date(2026, 9, 10), reason="因病")
    assert not said_late(request, unknown)


@pytest.mark.rule("A9-9")
def test_a_term_that_the_calendar_does_not_know_is_no_term() -> None:
    child = pupil(state=StudentState.PRE_REGISTERED, grade="11", entry_month="2040-09")
    known = waiting(date(2026, 9, 10), student=child)
    assert stopping(asked("late-entry", known, until=TERM, reason="因病"), known) == {"A9-9": Status.FAILED}


@pytest.mark.rule("A9-10")
@pytest.mark.parametrize(("days", "fits"), [(14, True), (15, False)])
def test_fourteen_days_are_accepted_and_fifteen_refused(days: int, fits: bool) -> None:
    granted = date(2026, 9, 8)
    request, known = late(granted, granted + timedelta(days=days))
    assert stopping(request, known) == ({} if fits else {"A9-10": Status.FAILED})


@pytest.mark.rule("A9-10")
def test_the_two_weeks_end_fourteen_days_after_the_window_even_for_a_late_application() -> None:
    for granted in (date(2026, 9, 15), date(2026, 9, 16), date(2026, 9, 29)):
        request, known = late(granted, date(2026, 9, 29))
        assert stopping(request, known) == {}
        request, known = late(granted, date(2026, 9, 30))
        assert stopping(request, known) == {"A9-10": Status.FAILED}
    request, known = late(date(2026, 9, 30), date(2026, 9, 30))
    assert stopping(request, known) == {"A9-10": Status.FAILED}


@pytest.mark.rule("A9-10")
def test_a_grant_before_the_term_counts_from_its_start() -> None:
    request, known = late(date(2026, 8, 20), date(2026, 9, 15))
    assert stopping(request, known) == {}
    request, known = late(date(2026, 8, 20), date(2026, 9, 16))
    assert stopping(request, known) == {"A9-10": Status.FAILED}


@pytest.mark.rule("A9-10")
def test_the_length_is_judged_again_when_the_school_grants() -> None:
    request, known = late(date(2026, 9, 8), date(2026, 9, 10))
    change = open_case("ca-1", request, known, GUARDIAN, NOW, None)
    with pytest.raises(CaseRefusedError):
        act(
            change.case,
            "grant",
            "agree",
            registrar(PRIMARY_SCHOOL),
            waiting(date(2026, 9, 11)),
            NOW,
            change.case.version,
        )


@pytest.mark.rule("A9-10", "A14-1")
@pytest.mark.parametrize("stage", list(Stage))
def test_late_entry_changes_the_state_and_starts_the_clock_of_its_end(stage: Stage) -> None:
    known = waiting(date(2026, 9, 8), stage)
    request = asked("late-entry", known, until=date(2026, 9, 21), reason="因病")
    change = open_case("ca-1", request, known, registrar(known.school.code), NOW, None)
    assert change.case.status is CaseStatus.COMPLETED
    (done,) = change.effects
    assert done.move is not None
    assert (done.move.before, done.move.after) == ("pre-registered", "late-entry")
    (clock,) = done.deadlines
    assert (clock.name, clock.rule) == ("arrival", "A14-1")
    assert known.calendar.after(clock.event, clock.period).day == date(2026, 9, 21)


def test_only_a_pre_registered_pupil_comes_later() -> None:
    known = waiting(date(2026, 9, 8), student=pupil())
    request = asked("late-entry", known, until=date(2026, 9, 21), reason="因病")
    assert stopping(request, known) == {"S-3": Status.FAILED}


def test_late_entry_runs_beside_the_approval_of_the_record_and_beside_nothing_else() -> None:
    known = waiting(date(2026, 9, 8))
    request = asked("late-entry", known, until=date(2026, 9, 21), reason="因病")
    assert stopping(request, replace(known, open_cases=(OpenCase("ca-0", "enrolment"),))) == {}
    assert stopping(request, replace(known, open_cases=(OpenCase("ca-0", "late-entry"),))) == {"S-4": Status.FAILED}


DEFERRAL: dict[str, Value] = {
    "name": "张一", "sex": "1", "id_type": "1", "id_number": "140105202003010010", "birth_date": date(2020, 3, 1),
    "household_address": "某地", "household_division": "140106", "member1_name": "张甲", "member1_relation": "51",
    "member1_id_type": "1", "member1_id_number": "140105199003010019", "member1_phone": "13900000000",
    "school_year": 2026, "years": 1, "reason": "身体原因",
}  # fmt: skip


def child(today: date = date(2026, 8, 20), **changes: object) -> Facts:
    values: dict[str, object] = {"student": None, "evidence": (paper("deferral-material"),), **changes}
    return facts(Stage.PRIMARY, today, **values)


def deferred(known: Facts, **values: Value) -> Request:
    return replace(asked("deferral", known), values={**DEFERRAL, **values})


def defer(known: Facts, unit: str = OTHER_COUNTY, **values: Value) -> Change:
    return open_case("ca-1", deferred(known, **values), known, registrar(unit), NOW, None)


@pytest.mark.rule("A9-5")
def test_the_county_of_household_registration_decides_and_no_other() -> None:
    known = child()
    change = open_case("ca-1", deferred(known), known, GUARDIAN, NOW, None)
    assert [(step.name, step.unit) for step in change.case.current] == [("approve", OTHER_COUNTY)]
    for unit in (COUNTY, PRIMARY_SCHOOL):
        with pytest.raises(RegisterRuleError):
            act(change.case, "approve", "agree", registrar(unit), known, NOW, change.case.version)
    done = act(change.case, "approve", "agree", registrar(OTHER_COUNTY), known, NOW, change.case.version)
    assert done.case.status is CaseStatus.COMPLETED


@pytest.mark.rule("A9-5")
def test_a_paper_application_is_entered_by_the_county_of_the_household_not_of_the_school() -> None:
    known = child()
    assert [step.name for step in defer(known).case.current] == ["approve"]
    with pytest.raises(RegisterRuleError):
        defer(known, COUNTY)


@pytest.mark.rule("A9-5")
def test_deferral_needs_materials_and_a_known_household() -> None:
    known = child()
    assert "A9-5" in stopping(deferred(known), replace(known, evidence=()))
    assert stopping(deferred(known, household_division="999999"), known) == {"A9-5": Status.FAILED}


@pytest.mark.rule("A9-6")
@pytest.mark.parametrize(("day", "is_late"), [(date(2026, 8, 31), False), (TERM, True)])
def test_an_application_on_the_eve_of_the_school_year_is_in_time_and_on_its_first_day_late(
    day: date, is_late: bool
) -> None:
    known = child(day)
    assert stopping(deferred(known), known) == {}
    assert ("late" in result_of("A9-6", deferred(known), known).needed) is is_late
    change = defer(known)
    clocks = [clock for effects in change.effects for clock in effects.deadlines]
    assert [clock.rule for clock in clocks] == (["A9-6"] if is_late else [])
    for clock in clocks:
        assert known.calendar.after(clock.event, clock.period).day == date(2026, 8, 31)
    done = act(change.case, "approve", "agree", registrar(OTHER_COUNTY), known, NOW, change.case.version)
    assert "application" in done.effects[0].met


@pytest.mark.rule("A9-6")
@pytest.mark.parametrize("values", [{"school_year": 2028}, {"school_year": 0}, {"years": 0}, {"years": 4}])
def test_a_school_year_that_cannot_be_meant_is_refused(values: dict[str, Value]) -> None:
    known = child()
    assert stopping(deferred(known, **values), known)["A9-6"] is Status.FAILED


@pytest.mark.rule("A9-6")
def test_a_school_year_without_a_calendar_begins_on_1_september() -> None:
    assert deferral.year_start(2030, child()) == date(2030, 9, 1)


@pytest.mark.rule("A9-7")
def test_one_school_year_is_accepted_and_two_need_an_exception() -> None:
    known = child()
    assert stopping(deferred(known), known) == {}
    assert stopping(deferred(known, years=2), known) == {"A9-7": Status.EXCEPTION_POSSIBLE}
    assert stopping(deferred(known, years=2), replace(known, exceptions=frozenset({"A9-7"}))) == {}


@pytest.mark.rule("A9-7")
def test_a_deferral_expires_after_its_school_year_and_is_then_applied_for_anew() -> None:
    known = child()
    change = defer(known)
    done = act(change.case, "approve", "agree", registrar(OTHER_COUNTY), known, NOW, change.case.version)
    (clock,) = done.effects[0].deadlines
    assert (clock.rule, clock.unit, clock.event, clock.period) == (
        "A9-7", OTHER_COUNTY, TERM, Period(1, Measure.YEARS),
    )  # fmt: skip
    again = child(date(2027, 8, 20))
    assert stopping(deferred(again, school_year=2027, renewal=True), again) == {}


@pytest.mark.rule("A9-8")
def test_a_deferral_makes_no_record_and_a_child_with_one_is_not_deferred() -> None:
    known = child()
    assert PROCEDURES["deferral"].subject == "none"
    change = defer(known)
    done = act(change.case, "approve", "agree", registrar(OTHER_COUNTY), known, NOW, change.case.version)
    for effects in (*change.effects, *done.effects):
        assert (effects.new_record, effects.move, dict(effects.fields), effects.entries) == (None, None, {}, ())
    assert stopping(deferred(known), replace(known, duplicate=True)) == {"A9-8": Status.FAILED}
