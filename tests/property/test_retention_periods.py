"""The calendar of retention and what a hold covers, on any day, at any instant, in Asia/Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.tags import days_of_epoch, epoch_of
from gateway.data_keys.matters import Matter
from gateway.data_keys.periods import add_months, civil_day, due_on, end_of_day, last_ended
from gateway.ids import AccountId
from gateway.retention.records import HoldScope, LegalHold, LegalHoldId
from gateway.retention.sweeper import grant_is_held

DAYS = st.dates(date(2000, 1, 1), date(2200, 12, 31))
MONTHS = st.integers(1, 1200)
INSTANTS = st.integers(0, 150 * 365 * 86_400_000_000).map(
    lambda micros: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(DAYS, MONTHS)
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day == day.day or (later.day < day.day and (later + timedelta(days=1)).day == 1)
    assert due_on(day, months) == later + timedelta(days=1)


@given(DAYS, DAYS, MONTHS)
def test_what_ended_later_is_never_due_earlier(one: date, other: date, months: int) -> None:
    first, second = sorted((one, other))
    assert due_on(first, months) <= due_on(second, months)


@given(DAYS, MONTHS)
def test_the_last_day_that_is_due_is_exactly_the_border(today: date, months: int) -> None:
    last = last_ended(today, months)
    assert due_on(last, months) <= today < due_on(last + timedelta(days=1), months)


@given(INSTANTS, MONTHS)
def test_what_the_database_finds_by_instant_is_what_is_due_by_the_calendar(ended: datetime, months: int) -> None:
    """Rows hold instants in UTC, retention counts civil days of Shanxi: around midnight the two must not part."""
    for today in (due_on(civil_day(ended), months), due_on(civil_day(ended), months) - timedelta(days=1)):
        found = ended < end_of_day(last_ended(today, months))
        assert found is (due_on(civil_day(ended), months) <= today)


@given(INSTANTS)
def test_the_days_of_an_epoch_hold_its_instants_and_no_others(at: datetime) -> None:
    first, last = days_of_epoch(epoch_of(at))
    assert first <= civil_day(at) <= last
    assert epoch_of(end_of_day(last) - timedelta(microseconds=1)) == epoch_of(at)
    assert epoch_of(end_of_day(last)) != epoch_of(at)


UNITS = st.sampled_from(["", "140000", "140100", "140105", "2114010501"])
NAMES = st.sampled_from(["", "a", "b"])
ABOVE = {"140105": ("140105", "140100", "140000"), "140100": ("140100", "140000"), "140000": ("140000",)}
OPTIONAL = st.one_of(st.none(), st.sampled_from(["a", "b"]))


@given(
    matter=st.builds(
        lambda first, days, **named: Matter(first=first, last=first + timedelta(days=days), **named),
        DAYS, st.integers(0, 400), data_class=NAMES, id=st.just("x"), case=NAMES, grant=NAMES, unit=UNITS,
        wide=st.booleans(),
    ),
    scope=st.builds(
        HoldScope, OPTIONAL, OPTIONAL, OPTIONAL, st.one_of(st.none(), UNITS.filter(bool)),
        st.one_of(st.none(), DAYS), st.one_of(st.none(), DAYS),
    ),
)  # fmt: skip
def test_a_narrower_hold_covers_no_more_and_what_is_wide_is_kept_in_doubt(matter: Matter, scope: HoldScope) -> None:
    def above(unit: str) -> tuple[str, ...]:
        return ABOVE.get(unit, ())

    covered = scope.covers(matter, above)
    wider = (
        HoldScope(scope.data_class, None, scope.grant, scope.unit, scope.first_day, scope.last_day),
        HoldScope(scope.data_class, scope.case, scope.grant, None, scope.first_day, scope.last_day),
        HoldScope(scope.data_class, scope.case, scope.grant, scope.unit, None, None),
        HoldScope(None, scope.case, scope.grant, scope.unit, scope.first_day, scope.last_day),
    )
    if covered:
        assert all(one.covers(matter, above) for one in wider)
    if matter.wide and scope.data_class in {None, matter.data_class} and scope.first_day is scope.last_day is None:
        assert covered  # the tags of a quarter speak of every unit and case: kept
    assert HoldScope().covers(matter, above)


def test_a_hold_that_names_a_grant_keeps_what_is_kept_for_it_whatever_else_it_names() -> None:
    days = date(2026, 9, 1), date(2027, 6, 30)

    def held(**named: object) -> bool:
        scope = HoldScope(**named)  # type: ignore[arg-type]  # by name
        hold = LegalHold(LegalHoldId("rh-x"), scope, "x", days[1], datetime(2026, 9, 1, tzinfo=UTC), AccountId("st-x"))
        return grant_is_held("gr-1", "pseudonym_keys", days, [hold])

    assert held(grant="gr-1")
    assert held(grant="gr-1", unit="140105", case="ic-x")
    assert held(data_class="pseudonym_keys")
    assert held(first_day=date(2027, 6, 30))
    assert not held(grant="gr-2")
    assert not held(unit="140105")
    assert not held(data_class="case_texts", grant="gr-1")
    assert not held(last_day=date(2026, 8, 31), grant="gr-1")
