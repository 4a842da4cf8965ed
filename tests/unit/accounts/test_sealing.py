"""The half year of Article 50, by T-3, T-5 and T-6."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.records import Account
from gateway.accounts.sealing import civil_date, sealing_date
from gateway.errors import ParameterError
from gateway.ids import AccountId
from gateway.principals import AccountKind, Role


@pytest.mark.parametrize(
    ("last_use", "sealed"),
    [
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2026-08-30", "2027-02-28"),
        ("2026-08-28", "2027-02-28"),
        ("2026-03-31", "2026-09-30"),
        ("2026-07-01", "2027-01-01"),
        ("2026-12-31", "2027-06-30"),
        ("2026-02-28", "2026-08-28"),
    ],
)
def test_six_months_end_on_the_day_of_the_same_number_or_the_last_of_the_month(last_use: str, sealed: str) -> None:
    assert sealing_date(date.fromisoformat(last_use), 6) == date.fromisoformat(sealed)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 6))
def test_the_sealing_date_lies_in_the_right_month_and_never_after_the_day_of_the_same_number(
    day: date, months: int
) -> None:
    sealed = sealing_date(day, months)
    assert (sealed.year * 12 + sealed.month) - (day.year * 12 + day.month) == months
    assert sealed.day == day.day or (sealed.day < day.day and (sealed + timedelta(days=1)).day == 1)


@pytest.mark.parametrize("months", [0, -1, 7, 12])
def test_an_authority_may_only_shorten_the_half_year(months: int) -> None:
    with pytest.raises(ParameterError) as refused:
        sealing_date(date(2026, 1, 1), months)
    assert refused.value.rule == "A50-3"


def test_the_civil_date_is_that_of_shanghai() -> None:
    assert civil_date(datetime(2026, 8, 30, 16, 0, tzinfo=UTC)) == date(2026, 8, 31)
    assert civil_date(datetime(2026, 8, 30, 15, 59, 59, tzinfo=UTC)) == date(2026, 8, 30)


def test_the_half_year_counts_from_creation_last_use_or_reopening_whichever_is_latest() -> None:
    at = [datetime(2026, month, 10, tzinfo=UTC) for month in (1, 3, 5)]
    account = Account(AccountId("st-1"), AccountKind.STAFF, frozenset({Role.PRINCIPAL}), at[0])
    assert account.seals_on(6) == date(2026, 7, 10)
    used = Account(AccountId("st-1"), AccountKind.STAFF, frozenset(), at[0], last_used_at=at[1])
    assert used.seals_on(6) == date(2026, 9, 10)
    reopened = Account(AccountId("st-1"), AccountKind.STAFF, frozenset(), at[0], last_used_at=at[1], reopened_at=at[2])
    assert reopened.seals_on(6) == date(2026, 11, 10)
    assert (account.idle_days(date(2026, 1, 20)), used.idle_days(date(2026, 3, 9))) == (10, 0)
    assert (used.idle_days(date(2026, 6, 8)), reopened.idle_days(date(2026, 6, 8))) == (90, 29)
    assert not reopened.unused_too_long(date(2026, 11, 9), 6)
    assert reopened.unused_too_long(date(2026, 11, 10), 6)


def test_a_guardian_is_never_sealed() -> None:
    account = Account(AccountId("gd-1"), AccountKind.GUARDIAN, frozenset(), datetime(2020, 1, 1, tzinfo=UTC))
    assert account.seals_on(6) is None
    assert not account.unused_too_long(date(2100, 1, 1), 6)
