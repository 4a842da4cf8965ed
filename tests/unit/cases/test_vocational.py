from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from core_registry.domain.cases import CaseStatus
from core_registry.domain.explaining import explain
from core_registry.domain.facts import EntryKind, Facts
from core_registry.domain.requests import Request, Value
from core_registry.domain.rules import Party, Status
from core_registry.domain.states import NextStageMove, SeniorMove, SeniorState, Stage, StudentState
from tests.factories.cases import COUNTY, SENIOR_SCHOOL, archive, asked, facts, paper, pupil, stopping
from tests.factories.chapter_four import (
    DATONG,
    NEW_SCHOOL,
    POLICY,
    after,
    agreed,
    opened,
    receiver,
    refused,
    sanction,
    term,
)

VOCATIONAL = "3614000077"


def leaving(day: date, grade: str = "32", **changes: object) -> Facts:
    values: dict[str, object] = {
        "student": pupil(Stage.SENIOR, grade=grade), "evidence": (paper("receiving-consent", "school"),),
    }  # fmt: skip
    return facts(Stage.SENIOR, day, **{**values, **changes})


def out(known: Facts, **values: Value) -> Request:
    given: dict[str, Value] = {"vocational_school": VOCATIONAL, "programme_years": 3, "conditions_met": True}
    return replace(asked("to-vocational", known), values={**given, **values})


IN_WINDOW = date(2027, 1, 22)


@pytest.mark.rule("A22-3")
@pytest.mark.parametrize(
    ("grade", "year", "number", "first", "last"),
    [
        ("31", 2025, 2, date(2026, 6, 12), date(2026, 7, 10)),
        ("32", 2026, 1, date(2026, 12, 25), date(2027, 1, 22)),
        ("32", 2026, 2, date(2027, 3, 1), date(2027, 3, 8)),
    ],
    ids=["end of semester 2 of year 1", "end of semester 1 of year 2", "week 1 of semester 2 of year 2"],
)
def test_each_window_is_open_from_its_first_to_its_last_day(
    grade: str, year: int, number: int, first: date, last: date
) -> None:
    semester = term(year, number)
    assert semester.start <= first <= last <= semester.end
    day = timedelta(days=1)
    for when, taken in ((first - day, False), (first, True), (last, True), (last + day, False)):
        known = leaving(when, grade)
        assert stopping(out(known), known) == ({} if taken else {"A22-3": Status.FAILED})


@pytest.mark.rule("A22-3")
@pytest.mark.parametrize(
    ("grade", "day"),
    [
        ("31", date(2027, 1, 20)),
        ("31", date(2027, 3, 2)),
        ("32", date(2026, 7, 1)),
        ("33", date(2027, 1, 20)),
        ("33", date(2027, 3, 2)),
        ("32", date(2027, 2, 10)),
    ],
)
def test_no_other_grade_or_time_has_a_window(grade: str, day: date) -> None:
    known = leaving(day, grade)
    assert stopping(out(known), known) == {"A22-3": Status.FAILED}


@pytest.mark.rule("A22-3")
def test_the_end_of_a_semester_is_as_long_as_the_place_sets_it() -> None:
    shorter = replace(POLICY, semester_end_weeks=2)
    for day, taken in ((date(2027, 1, 7), False), (date(2027, 1, 8), True)):
        known = leaving(day, policy=shorter)
        assert (stopping(out(known), known) == {}) is taken


@pytest.mark.rule("A22-2")
@pytest.mark.parametrize(("years", "taken"), [(2, False), (3, True), (5, False)])
def test_only_a_three_year_programme_is_open(years: int, taken: bool) -> None:
    known = leaving(IN_WINDOW)
    assert stopping(out(known, programme_years=years), known) == ({} if taken else {"A22-2": Status.FAILED})


@pytest.mark.rule("A22-1")
def test_the_vocational_school_agrees_and_has_a_place() -> None:
    known = leaving(IN_WINDOW)
    assert stopping(out(known, conditions_met=False), known) == {"A22-1": Status.FAILED}
    alone = leaving(IN_WINDOW, evidence=(paper("receiving-consent", "guardian"),))
    assert stopping(out(alone), alone) == {"A22-1": Status.FAILED}


@pytest.mark.rule("A22-1", "A19-3")
def test_a_pupil_who_leaves_for_a_vocational_school_is_transferred_out_by_school_and_superior() -> None:
    known = leaving(IN_WINDOW)
    change = opened(out(known), known, SENIOR_SCHOOL)
    assert [(s.party, s.unit) for s in change.case.current] == [(Party.SCHOOL, SENIOR_SCHOOL)]
    change = agreed(change.case, "sending-school", known)
    assert change.effects[0].move == SeniorMove(SeniorState.ACTIVE, SeniorState.TRANSFER_PENDING)
    known = after(known, change)
    assert [(s.party, s.unit) for s in change.case.current] == [(Party.REGISTRY_SUPERIOR, COUNTY)]
    back = refused(change.case, "sending-superior", known).effects[0]
    assert back.move == SeniorMove(SeniorState.TRANSFER_PENDING, SeniorState.ACTIVE)
    change = agreed(change.case, "sending-superior", known)
    assert change.effects[0].move == SeniorMove(SeniorState.TRANSFER_PENDING, SeniorState.TRANSFERRED_OUT)
    assert [e.kind for e in change.effects[0].entries] == [EntryKind.TRANSFER, EntryKind.BACKUP]


@pytest.mark.rule("A22-1", "A20-5", "A20-6")
def test_neither_a_junior_nor_a_suspended_nor_a_sanctioned_pupil_leaves_for_a_vocational_school() -> None:
    junior = facts(Stage.JUNIOR, IN_WINDOW, evidence=(paper("receiving-consent", "school"),))
    assert stopping(out(junior), junior)["A22-1"] is Status.FAILED
    known = leaving(IN_WINDOW, archive=archive(sanction("2026-12-01")))
    assert stopping(out(known), known) == {"A20-6": Status.FAILED}
    idle = leaving(IN_WINDOW, student=pupil(Stage.SENIOR, state=StudentState.SUSPENDED))
    assert stopping(out(idle), idle)["A20-5"] is Status.FAILED


# From a vocational school.


def joining(**changes: object) -> Facts:
    values: dict[str, object] = {
        "student": pupil(Stage.SENIOR, state=StudentState.TRANSFERRED_OUT, grade="31"),
        "receiving": receiver(Stage.SENIOR), "policy": POLICY,
        "evidence": (paper("admission-conditions-proof", "education", "county"), paper("sending-consent", "school")),
    }  # fmt: skip
    return facts(Stage.SENIOR, date(2026, 9, 10), **{**values, **changes})


def back_in(known: Facts, grade: str = "32") -> Request:
    return asked(
        "from-vocational",
        known,
        vocational_school=VOCATIONAL,
        grade=grade,
        class_name="4班",
        senior_since=date(2025, 9, 1),
    )


@pytest.mark.rule("A22-4")
def test_who_comes_from_a_vocational_school_proves_the_admission_conditions() -> None:
    known = joining()
    assert stopping(back_in(known), known) == {}
    without = joining(evidence=known.evidence[1:])
    result = next(r for r in explain(back_in(without), without) if r.stops)
    assert (result.rule, result.evidence) == ("A22-4", "admission-conditions-proof")


@pytest.mark.rule("A22-1", "A22-4", "A6-1")
def test_a_known_pupil_who_comes_back_continues_the_own_record() -> None:
    known = joining()
    case = opened(back_in(known), known, NEW_SCHOOL[Stage.SENIOR]).case
    assert [(s.party, s.unit) for s in case.current] == [(Party.RECEIVING_SUPERIOR, DATONG)]
    change = agreed(case, "receiving-superior", known)
    (effects,) = change.effects
    assert change.case.status is CaseStatus.COMPLETED
    assert effects.move == SeniorMove(SeniorState.TRANSFERRED_OUT, SeniorState.ACTIVE)
    assert (effects.school, effects.grade, effects.class_name) == (NEW_SCHOOL[Stage.SENIOR], "32", "4班")


@pytest.mark.rule("A22-1", "A22-4")
def test_a_junior_graduate_from_a_vocational_school_is_admitted_to_the_senior_stage() -> None:
    graduate = pupil(Stage.JUNIOR, state=StudentState.GRADUATED, grade="23")
    known = replace(joining(student=graduate), school=facts(Stage.JUNIOR).school)
    case = opened(back_in(known, "31"), known, NEW_SCHOOL[Stage.SENIOR]).case
    (effects,) = agreed(case, "receiving-superior", known).effects
    assert effects.move == NextStageMove(Stage.JUNIOR, Stage.SENIOR)
    assert dict(effects.fields) == {"entry_month": "2025-09"}
    final = joining(student=pupil(Stage.SENIOR, state=StudentState.GRADUATED, grade="33"))
    assert stopping(back_in(final), final) == {"A22-1": Status.FAILED}


@pytest.mark.rule("A22-1", "A17-1")
def test_who_comes_from_a_vocational_school_needs_a_senior_school_with_a_place() -> None:
    full = joining(receiving=receiver(Stage.SENIOR, free_places={"32": 0}))
    assert stopping(back_in(full), full) == {"A17-1": Status.FAILED}
    junior = joining(receiving=receiver(Stage.JUNIOR))
    assert stopping(back_in(junior), junior)["A22-1"] is Status.FAILED
