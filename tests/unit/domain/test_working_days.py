"""Computing time: T-1 to T-7, on the shipped holiday notices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_registry.domain.working_days import (
    Deadline,
    Measure,
    Period,
    WorkCalendar,
    add_months,
    civil_date,
    full_years,
)
from tests.factories.cases import CALENDAR

DAY = timedelta(days=1)
days = st.dates(date(2023, 12, 1), date(2029, 12, 31))
numbers = st.integers(1, 120)
measures = st.sampled_from([Measure.WORKING_DAYS, Measure.DAYS, Measure.WEEKS, Measure.MONTHS])


def working(number: int) -> Period:
    return Period(number, Measure.WORKING_DAYS)


def due(event: date, number: int, measure: Measure) -> date:
    return CALENDAR.after(event, Period(number, measure)).day


@pytest.mark.rule("T-1")
def test_the_day_of_the_event_is_not_counted() -> None:
    assert due(date(2026, 9, 1), 1, Measure.WORKING_DAYS) == date(2026, 9, 2)
    assert due(date(2026, 9, 1), 10, Measure.WORKING_DAYS) == date(2026, 9, 15)
    assert due(date(2026, 9, 1), 15, Measure.DAYS) == date(2026, 9, 16)
    assert CALENDAR.working_days_between(date(2026, 9, 1), date(2026, 9, 1)) == 0
    assert CALENDAR.working_days_between(date(2026, 9, 1), date(2026, 9, 15)) == 10


@pytest.mark.rule("T-1", "T-2")
def test_a_period_that_begins_on_a_day_off_counts_from_the_next_working_day() -> None:
    assert due(date(2026, 9, 5), 1, Measure.WORKING_DAYS) == date(2026, 9, 7)


@pytest.mark.rule("T-2")
def test_a_worked_saturday_counts_and_a_holiday_does_not() -> None:
    saturday, sunday = date(2026, 10, 10), date(2026, 9, 20)
    assert saturday.weekday() == 5
    assert CALENDAR.worked(saturday)
    assert sunday.weekday() == 6
    assert CALENDAR.worked(sunday)
    assert not CALENDAR.worked(date(2026, 10, 5))
    assert not CALENDAR.worked(date(2026, 10, 11))
    assert due(date(2026, 10, 9), 1, Measure.WORKING_DAYS) == saturday


@pytest.mark.rule("T-2", "A19-1")
def test_ten_working_days_around_national_day_2026_reach_16_october() -> None:
    deadline = CALENDAR.after(date(2026, 9, 28), working(10))
    assert deadline == Deadline(date(2026, 10, 16), provisional=False)
    assert not deadline.late(date(2026, 10, 16))
    assert deadline.late(date(2026, 10, 17))


@pytest.mark.rule("T-3")
@pytest.mark.parametrize(
    ("event", "months", "end"),
    [
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 2, 28), 1, date(2026, 3, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_end_on_the_day_of_the_same_number_or_the_last_of_the_month(event: date, months: int, end: date) -> None:
    assert add_months(event, months) == end


@pytest.mark.rule("T-3")
def test_a_year_ends_on_the_same_day_of_the_next_year() -> None:
    assert due(date(2025, 3, 10), 1, Measure.YEARS) == date(2026, 3, 10)


@pytest.mark.rule("T-4")
def test_a_period_that_ends_on_a_day_off_ends_on_the_next_working_day() -> None:
    assert due(date(2026, 9, 5), 14, Measure.DAYS) == date(2026, 9, 20)  # a worked Sunday
    assert due(date(2026, 9, 5), 7, Measure.DAYS) == date(2026, 9, 14)  # a Saturday
    assert due(date(2026, 9, 1), 1, Measure.MONTHS) == date(2026, 10, 8)  # National Day
    assert due(date(2025, 8, 31), 6, Measure.MONTHS) == date(2026, 2, 28)  # a Saturday that is worked
    assert due(date(2026, 4, 17), 2, Measure.WEEKS) == date(2026, 5, 6)  # Labour Day


@pytest.mark.rule("T-5", "T-6")
def test_a_deadline_is_met_on_its_last_day_and_missed_on_the_next() -> None:
    deadline = CALENDAR.after(date(2026, 9, 1), working(10))
    last = civil_date(datetime(2026, 9, 15, 15, 59, 59, tzinfo=UTC))
    next_day = civil_date(datetime(2026, 9, 15, 16, 0, tzinfo=UTC))
    assert (last, next_day) == (date(2026, 9, 15), date(2026, 9, 16))
    assert not deadline.late(last)
    assert deadline.late(next_day)


@pytest.mark.rule("T-6")
def test_a_time_without_a_zone_has_no_civil_date() -> None:
    with pytest.raises(ValueError, match="zone"):
        civil_date(datetime(2026, 9, 1, 12, 0))  # noqa: DTZ001  # that is the point


@pytest.mark.rule("T-7")
def test_a_deadline_in_or_through_a_year_without_a_notice_is_provisional() -> None:
    assert not CALENDAR.after(date(2026, 12, 1), working(10)).provisional
    assert CALENDAR.after(date(2026, 12, 25), working(10)).provisional
    assert CALENDAR.after(date(2027, 3, 1), working(10)).provisional
    assert CALENDAR.after(date(2026, 6, 1), Period(1, Measure.YEARS)).provisional


@pytest.mark.rule("T-7")
def test_a_notice_that_is_loaded_settles_and_moves_a_provisional_deadline() -> None:
    event, holiday = date(2026, 12, 24), date(2027, 1, 1)
    before = CALENDAR.after(event, working(6))
    after = WorkCalendar({**CALENDAR.exceptions, holiday: False}, CALENDAR.known_years | {2027}).after(
        event, working(6)
    )
    assert before == Deadline(holiday, provisional=True)
    assert after == Deadline(date(2027, 1, 4), provisional=False)


@pytest.mark.rule("T-2", "T-4")
@given(days, numbers, measures)
def test_a_deadline_is_always_a_working_day_after_the_event(event: date, number: int, measure: Measure) -> None:
    day = due(event, number, measure)
    assert CALENDAR.worked(day)
    assert day > event


@pytest.mark.rule("T-1")
@given(days, numbers, measures)
def test_a_later_event_or_a_longer_period_never_ends_earlier(event: date, number: int, measure: Measure) -> None:
    day = due(event, number, measure)
    assert due(event + DAY, number, measure) >= day
    assert due(event, number + 1, measure) >= day


@pytest.mark.rule("T-1", "T-2")
@given(days, numbers)
def test_working_days_between_is_the_inverse_of_after(event: date, number: int) -> None:
    day = due(event, number, Measure.WORKING_DAYS)
    assert CALENDAR.working_days_between(event, day) == number
    assert CALENDAR.working_days_between(event, day - DAY) == number - 1


def test_an_age_in_full_years_grows_on_the_birthday() -> None:
    born = date(2020, 8, 31)
    assert full_years(born, date(2026, 8, 30)) == 5
    assert full_years(born, date(2026, 8, 31)) == 6
    assert full_years(date(2020, 2, 29), date(2026, 2, 28)) == 5


def test_periods_are_named_in_both_languages() -> None:
    assert (str(working(10)), working(10).zh) == ("10 working days", "10个工作日")
    assert [Period(2, measure).zh for measure in Measure][1:] == ["2日", "2周", "2个月", "2年"]
