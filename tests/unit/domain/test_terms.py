"""Semesters and grades."""

from __future__ import annotations

from datetime import date

import pytest

from core_registry.domain.states import Stage
from core_registry.domain.terms import (
    YEAR_OF_GRADE,
    SchoolSystem,
    grade_after,
    grades_of,
    last_grade,
    stage_of,
    starting_grade,
)
from tests.factories.cases import TERMS

FIVE_FOUR = SchoolSystem.FIVE_FOUR


def test_a_semester_holds_its_first_and_its_last_day() -> None:
    first = TERMS.of(2025, 1)
    assert first is not None
    assert TERMS.at(date(2025, 9, 1)) == first
    assert TERMS.at(date(2026, 1, 23)) == first
    assert TERMS.at(date(2026, 1, 24)) is None
    assert TERMS.at(date(2025, 8, 31)) is None


def test_in_the_holidays_the_last_semester_is_the_one_that_ended() -> None:
    assert TERMS.started(date(2026, 2, 1)) == TERMS.of(2025, 1)
    assert TERMS.started(date(2026, 3, 2)) == TERMS.of(2025, 2)
    assert TERMS.started(date(2020, 1, 1)) is None


def test_the_following_semester_begins_after_the_day() -> None:
    assert TERMS.following(date(2026, 2, 1)) == TERMS.of(2025, 2)
    assert TERMS.following(date(2026, 3, 2)) == TERMS.of(2026, 1)
    assert TERMS.following(date(2030, 1, 1)) is None
    assert TERMS.of(2040, 1) is None


@pytest.mark.rule("A20-4")
def test_the_sixth_year_is_junior_where_primary_school_has_five_years() -> None:
    assert stage_of("16") is Stage.PRIMARY
    assert stage_of("16", FIVE_FOUR) is Stage.JUNIOR
    assert starting_grade("16", FIVE_FOUR)
    assert last_grade("15", FIVE_FOUR)
    assert not last_grade("15")
    assert last_grade("16")


@pytest.mark.rule("A20-4")
def test_both_systems_divide_the_same_nine_years() -> None:
    for system in SchoolSystem:
        grades = [grade for stage in Stage for grade in grades_of(stage, system)]
        assert grades == list(YEAR_OF_GRADE)
        assert len(grades_of(Stage.SENIOR, system)) == 3


def test_grades_follow_each_other_across_the_stages() -> None:
    assert grade_after("16", 1) == "21"
    assert grade_after("31", -1) == "23"
    assert grade_after("33", 1) is None
    assert grade_after("11", -1) is None


def test_an_unknown_grade_has_no_stage() -> None:
    with pytest.raises(KeyError):
        stage_of("41")
