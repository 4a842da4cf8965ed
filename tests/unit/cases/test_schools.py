"""Schools as holders of records, merger and closure (Arts. 2, 3, 8), and the validity of the regulation (Art. 53)."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core_registry.domain.chapters.schools import (
    RECORD_CATEGORIES,
    RecordMove,
    closure_problems,
    merger_problems,
    school_problems,
)
from core_registry.domain.facts import SchoolFacts
from core_registry.domain.rules import RuleResult, Status
from core_registry.domain.states import Stage, StudentState
from core_registry.domain.validity import in_force, regime
from tests.factories.cases import COUNTY, OTHER_COUNTY, asked, facts, school

_CATEGORIES = Path(__file__).resolve().parents[3] / "config" / "code_lists" / "school_category.csv"


def rules(problems: tuple[RuleResult, ...]) -> list[str]:
    assert all(problem.stops and problem.needed_zh and problem.needed for problem in problems)
    return [problem.rule for problem in problems]


@pytest.mark.rule("A2-1")
def test_the_categories_that_hold_records_are_those_of_the_code_list() -> None:
    lines = [line for line in _CATEGORIES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    in_scope = {row["code"] for row in csv.DictReader(lines) if row["in_scope_of_regulation"] != "0"}
    assert in_scope == RECORD_CATEGORIES


@pytest.mark.rule("A2-1")
def test_a_kindergarten_holds_no_records_and_a_primary_school_does() -> None:
    assert school_problems(school(), own_registrar=True) == ()
    assert rules(school_problems(school(category="11"), own_registrar=True)) == ["A2-1"]
    assert rules(school_problems(school(stages=frozenset()), own_registrar=True)) == ["A2-1"]


@pytest.mark.rule("A2-2")
def test_a_vocational_school_is_registered_for_the_senior_stage_only() -> None:
    vocational = school(Stage.SENIOR, category="36")
    assert school_problems(vocational, own_registrar=True) == ()
    both = school(Stage.SENIOR, category="36", stages=frozenset({Stage.SENIOR, Stage.JUNIOR}))
    assert rules(school_problems(both, own_registrar=True)) == ["A2-2"]


@pytest.mark.rule("A3-1")
@pytest.mark.parametrize("missing", ["registry_superior", "supervising_dept"])
def test_a_school_needs_one_superior_and_one_supervising_department(missing: str) -> None:
    unit: dict[str, Any] = {missing: ""}
    assert rules(school_problems(replace(school(), **unit), own_registrar=True)) == ["A3-1"]


@pytest.mark.rule("A3-4")
def test_a_teaching_point_without_registrar_needs_an_open_central_school_of_the_county() -> None:
    central = school(code="2114000009")
    point = school(central_school="2114000009")
    assert school_problems(point, own_registrar=False, central=central) == ()
    assert rules(school_problems(point, own_registrar=False)) == ["A3-4"]
    unfit: list[SchoolFacts] = [
        school(code="2114000009", closed=True),
        school(code="2114000009", division=OTHER_COUNTY),
        school(code="2114000009", central_school="2114000010"),
        school(code="2114000011"),
    ]
    for other in unfit:
        assert rules(school_problems(point, own_registrar=False, central=other)) == ["A3-4"]


INTO = school(code="2114000009")
HELD = {"a": Stage.PRIMARY, "b": Stage.PRIMARY}


@pytest.mark.rule("A8-1")
def test_a_merger_moves_exactly_the_records_held() -> None:
    assert merger_problems(school(), INTO, ["a", "b"], HELD, open_cases=0) == ()
    for listed in (["a"], ["a", "b", "c"], ["a", "b", "b"]):
        assert rules(merger_problems(school(), INTO, listed, HELD, open_cases=0)) == ["A8-1"]


@pytest.mark.rule("A8-1")
def test_a_merger_needs_another_open_school_of_the_stages_and_no_open_case() -> None:
    listed = ["a", "b"]
    for into in (school(), school(code="2114000009", closed=True), school(code="2114000009", category="11")):
        assert rules(merger_problems(school(), into, listed, HELD, open_cases=0)) == ["A8-1"]
    held = {"a": Stage.PRIMARY, "b": Stage.JUNIOR}
    assert rules(merger_problems(school(), INTO, listed, held, open_cases=0)) == ["A8-1"]
    assert rules(merger_problems(school(), INTO, listed, HELD, open_cases=1)) == ["A8-1"]


def closing(
    held: dict[str, StudentState],
    holder: str = COUNTY,
    listed: list[str] | None = None,
    named_by: str = COUNTY,
    open_cases: int = 0,
    active_accounts: int = 0,
) -> list[str]:
    problems = closure_problems(
        school(),
        holder,
        sorted(held) if listed is None else listed,
        held,
        named_by=named_by,
        open_cases=open_cases,
        active_accounts=active_accounts,
    )
    return rules(problems)


@pytest.mark.rule("A8-2")
def test_a_school_with_an_active_pupil_is_not_closed_and_one_with_graduates_is() -> None:
    graduated = {"a": StudentState.GRADUATED, "b": StudentState.TRANSFERRED_OUT, "c": StudentState.ABROAD}
    assert closing(graduated) == []
    for state in ("pre-registered", "late-entry", "active", "suspended", "transfer-pending"):
        assert closing({**graduated, "d": StudentState(state)}) == ["A8-2"]


@pytest.mark.rule("A8-2")
def test_closure_moves_all_records_to_the_supervising_department_or_the_unit_it_names() -> None:
    held = {"a": StudentState.GRADUATED}
    assert closing(held, holder="2114000009") == []
    assert closing(held, named_by=OTHER_COUNTY) == ["A8-2"]
    assert closing(held, holder=school().code) == ["A8-2"]
    assert closing(held, listed=[]) == ["A8-2"]


@pytest.mark.rule("A8-2")
def test_a_closed_school_has_no_open_case_and_no_active_account() -> None:
    held = {"a": StudentState.GRADUATED}
    assert closing(held, open_cases=1) == ["A8-2"]
    assert closing(held, active_accounts=1) == ["A8-2"]


@pytest.mark.rule("A8-1", "A8-2")
def test_a_move_of_records_keeps_list_and_count() -> None:
    act = RecordMove("closure", school().code, COUNTY, date(2026, 7, 20), "acc", ("a", "b"))
    assert (act.count, act.records) == (2, ("a", "b"))
    with pytest.raises(ValueError, match="twice"):
        RecordMove("merger", school().code, INTO.code, date(2026, 7, 20), "acc", ("a", "a"))


@pytest.mark.rule("A53-1")
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (date(2026, 2, 9), "pre-regulation"),
        (date(2026, 2, 10), "in-force"),
        (date(2031, 2, 9), "in-force"),
        (date(2031, 2, 10), "expired"),
    ],
)
def test_the_regulation_applies_for_five_years(event: date, expected: str) -> None:
    assert regime(event) == expected


@pytest.mark.rule("A53-1")
def test_history_is_no_case_and_an_expired_regulation_warns() -> None:
    known = facts()
    before = in_force(asked("enrolment", known, on=date(2026, 2, 9)), known)
    first = in_force(asked("enrolment", known, on=date(2026, 2, 10)), known)
    last = in_force(asked("enrolment", known, on=date(2031, 2, 9)), known)
    after = in_force(asked("enrolment", known, on=date(2031, 2, 10)), known)
    assert (before.status, first.status, last.status, after.status) == (
        Status.FAILED, Status.PASSED, Status.PASSED, Status.PASSED,
    )  # fmt: skip
    assert (first.needed, last.needed) == ("", "")
    assert "regulation expired" in after.needed
