"""Term verification, the county's check of changes, and measures of data quality."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_registry.domain.states import StudentState
from core_registry.domain.terms import Semester
from core_registry.domain.verification import (
    RESULT_LABELS,
    QualityCounts,
    QualityScore,
    Verification,
    VerificationResult,
    change_report,
    checked,
    counts,
    follow_ups,
    gaps_and_overlaps,
    quality,
    verification_missing,
    verification_problems,
)
from core_registry.errors import RegisterRuleError
from tests.factories.cases import CITY, COUNTY, OTHER_COUNTY, school

AUTUMN = Semester(2026, 1, date(2026, 9, 1), date(2027, 1, 22))
SPRING = Semester(2025, 2, date(2026, 1, 31), date(2026, 7, 10))
R = VerificationResult


def _signed(on: date, results: dict[str, VerificationResult], signed_by: str = "st-a") -> Verification:
    return Verification(school().code, AUTUMN, on, signed_by, results)


@pytest.mark.rule("A49-1")
@pytest.mark.parametrize(
    ("semester", "on", "good"),
    [
        (AUTUMN, date(2026, 9, 30), False),
        (AUTUMN, date(2026, 10, 1), True),
        (AUTUMN, date(2027, 1, 22), True),
        (AUTUMN, date(2027, 1, 23), False),
        (SPRING, date(2026, 2, 27), False),
        (SPRING, date(2026, 2, 28), True),
    ],
)
def test_a_verification_counts_from_one_month_after_the_start_of_the_term(
    semester: Semester, on: date, good: bool
) -> None:
    assert counts(semester, on) is good


@pytest.mark.rule("A49-1")
def test_an_early_verification_leaves_the_term_unverified() -> None:
    assert not verification_missing(AUTUMN, [], date(2026, 9, 30))
    assert verification_missing(AUTUMN, [date(2026, 9, 30)], date(2026, 10, 1))
    assert not verification_missing(AUTUMN, [date(2026, 10, 8)], date(2026, 10, 8))


@pytest.mark.rule("A49-1")
def test_a_verification_names_every_pupil_and_is_signed() -> None:
    whole = _signed(date(2026, 10, 8), {"s1": R.CONSISTENT, "s2": R.DATA_WRONG})
    assert verification_problems(whole, frozenset({"s1", "s2"})) == ()
    assert len(verification_problems(whole, frozenset({"s1", "s2", "s3"}))) == 1
    assert len(verification_problems(whole, frozenset({"s1"}))) == 1
    assert len(verification_problems(_signed(date(2026, 9, 30), {}, ""), frozenset({"s1"}))) == 3
    assert dict(whole.totals) == {
        R.CONSISTENT: 1, R.PERSON_RECORD: 0, R.HOLLOW: 0, R.FORMALITIES_MISSING: 0, R.DATA_WRONG: 1,
    }  # fmt: skip
    assert set(RESULT_LABELS) == set(R)


@pytest.mark.rule("A49-2")
def test_a_pupil_apart_and_a_hollow_record_become_matters_with_owner_and_end() -> None:
    results = {
        "s1": R.CONSISTENT,
        "s2": R.PERSON_RECORD,
        "s3": R.HOLLOW,
        "s4": R.DATA_WRONG,
        "s5": R.FORMALITIES_MISSING,
    }
    here = school()
    opened = follow_ups(_signed(date(2026, 10, 8), results), here)
    assert [(one.student_id, one.matter.kind) for one in opened] == [("s2", "person-record"), ("s3", "hollow-record")]
    assert {(one.matter.owner, one.matter.rule, one.until) for one in opened} == {(here.code, "A49-2", AUTUMN.end)}
    point = school(central_school="2114000009")
    assert follow_ups(_signed(date(2026, 10, 8), results), point)[0].matter.owner == "2114000009"


@pytest.mark.rule("A3-6")
def test_a_change_report_counts_the_period_and_is_marked_once_by_the_county() -> None:
    moves = [
        (date(2026, 8, 31), StudentState.ACTIVE), (date(2026, 9, 1), StudentState.ACTIVE),
        (date(2026, 9, 30), StudentState.SUSPENDED), (date(2026, 10, 1), StudentState.SUSPENDED),
    ]  # fmt: skip
    report = change_report(school().code, date(2026, 9, 1), date(2026, 9, 30), moves)
    assert report.changes == {StudentState.ACTIVE: 1, StudentState.SUSPENDED: 1}
    marked = checked(report, school(), unit=COUNTY, by="st-county", on=date(2026, 10, 8))
    assert (marked.checked_by, marked.checked_on) == ("st-county", date(2026, 10, 8))
    with pytest.raises(RegisterRuleError):
        checked(marked, school(), unit=COUNTY, by="st-county", on=date(2026, 10, 9))


@pytest.mark.rule("A3-6")
@pytest.mark.parametrize(
    ("unit", "on"), [(OTHER_COUNTY, date(2026, 10, 8)), (CITY, date(2026, 10, 8)), (COUNTY, date(2026, 9, 30))]
)
def test_a_change_report_is_not_checked_by_another_county_or_before_its_end(unit: str, on: date) -> None:
    report = change_report(school().code, date(2026, 9, 1), date(2026, 9, 30), [])
    with pytest.raises(RegisterRuleError) as refused:
        checked(report, school(), unit=unit, by="st-x", on=on)
    assert refused.value.rule == "A3-6"


@pytest.mark.rule("A4-1")
def test_quality_reads_a_thousand_only_where_nothing_is_missing() -> None:
    full = QualityCounts(10, 10, 8, 8, 3, 3, 2, 2)
    assert quality(full) == QualityScore(1000, 1000, 1000, 1000)
    nearly = QualityCounts(100_000, 99_999, 8, 7, 3, 2, 0, 0)
    assert quality(nearly) == QualityScore(999, 875, 666, None)
    with pytest.raises(ValueError, match="part"):
        quality(QualityCounts(1, 2, 0, 0, 0, 0, 0, 0))


@pytest.mark.rule("A4-1")
@pytest.mark.parametrize(
    ("spans", "found"),
    [
        ([], (0, 0)),
        ([(date(2024, 9, 1), None)], (0, 0)),
        ([(date(2024, 9, 1), date(2025, 8, 31)), (date(2025, 9, 1), None)], (0, 0)),
        ([(date(2024, 9, 1), date(2025, 9, 1)), (date(2025, 9, 1), None)], (0, 0)),
        ([(date(2024, 9, 1), date(2025, 8, 30)), (date(2025, 9, 1), None)], (1, 0)),
        ([(date(2024, 9, 1), date(2025, 9, 2)), (date(2025, 9, 1), None)], (0, 1)),
        ([(date(2024, 9, 1), None), (date(2025, 9, 1), None)], (0, 1)),
        ([(date(2024, 9, 1), None), (date(2025, 9, 1), date(2025, 9, 5)), (date(2026, 1, 1), None)], (0, 2)),
    ],
)
def test_gaps_and_overlaps_between_schools_are_counted(
    spans: list[tuple[date, date | None]], found: tuple[int, int]
) -> None:
    assert gaps_and_overlaps(spans) == found
    assert gaps_and_overlaps(list(reversed(spans))) == found


@pytest.mark.rule("A4-1")
@given(st.lists(st.dates(date(2020, 1, 1), date(2030, 1, 1)), min_size=2, max_size=8, unique=True))
def test_memberships_that_follow_each_other_have_no_gap_and_no_overlap(days: list[date]) -> None:
    days = sorted(days)
    spans: list[tuple[date, date | None]] = list(zip(days, [*days[1:]], strict=False))
    assert gaps_and_overlaps([*spans, (days[-1], None)]) == (0, 0)
