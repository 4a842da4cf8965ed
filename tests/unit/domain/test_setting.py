"""The rule book as domain values."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from chinese_calendar import constants

import rulebook
from core_registry.domain.facts import Policy
from core_registry.domain.terms import SchoolSystem
from core_registry.domain.working_days import Measure, Period
from core_registry.setting import Setting, policy, school_calendar, work_calendar
from rulebook import CalendarDay, PlaceParameters, RegistryParameters, Rulebook
from tests.factories.cases import CALENDAR, TERMS
from tests.unit.rulebook.conftest import SHIPPED


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return rulebook.load(SHIPPED)


def changed(book: Rulebook, **values: object) -> Rulebook:
    registry: RegistryParameters = dataclasses.replace(book.registry, **values)  # type: ignore[arg-type]  # a builder
    return dataclasses.replace(book, registry=registry)


def with_days(book: Rulebook, *days: CalendarDay, without: int | None = None) -> Rulebook:
    kept = {day: moved for day, moved in book.calendar.items() if day.year != without}
    return dataclasses.replace(book, calendar=MappingProxyType({**kept, **{day.day: day for day in days}}))


@pytest.mark.rule("T-2")
def test_the_library_and_the_notices_agree_on_every_day_of_2024_to_2026(book: Rulebook) -> None:
    calendar, day = work_calendar(book), date(2024, 1, 1)
    while day.year < 2027:
        library = day in constants.workdays or (day.weekday() < 5 and day not in constants.holidays)
        assert calendar.worked(day) is library is CALENDAR.worked(day), day
        day += timedelta(days=1)


@pytest.mark.rule("T-7")
def test_years_are_known_from_the_library_or_from_the_notices(book: Rulebook) -> None:
    assert work_calendar(book).known_years == frozenset(range(2004, 2027))
    one_day = CalendarDay(date(2027, 1, 1), "元旦", off=True, notice_url="https://www.gov.cn/")
    notice = CalendarDay(date(2027, 10, 1), "国庆节", off=True, notice_url="https://www.gov.cn/")
    assert 2027 not in work_calendar(with_days(book, one_day)).known_years
    assert 2027 in work_calendar(with_days(book, one_day, notice)).known_years
    assert 2025 in work_calendar(with_days(book, without=2025)).known_years


@pytest.mark.rule("T-2")
def test_the_rule_books_own_days_win_over_the_library(book: Rulebook) -> None:
    ordinary, library_holiday = date(2023, 3, 8), date(2025, 5, 1)
    moved = CalendarDay(ordinary, "调休", off=True, notice_url="https://www.gov.cn/")
    assert work_calendar(book).worked(ordinary)
    assert not work_calendar(with_days(book, moved)).worked(ordinary)
    own = dataclasses.replace(
        book, calendar=MappingProxyType({d: m for d, m in book.calendar.items() if d != library_holiday})
    )
    assert work_calendar(own).worked(library_holiday)  # the notice of 2025 is held, so it alone counts
    assert not work_calendar(with_days(book, without=2025)).worked(library_holiday)


def test_the_semesters_are_those_of_the_province_until_a_city_has_its_own(book: Rulebook) -> None:
    assert school_calendar(book, "140100") == TERMS
    assert school_calendar(book, "130100") == TERMS
    first = dataclasses.replace(book.school_terms["140000"][0], start=date(2024, 8, 28))
    own = dataclasses.replace(
        book, school_terms={**book.school_terms, "140200": (first, *book.school_terms["140000"][1:])}
    )
    setting = Setting.of(own)
    assert setting.terms("140200").semesters[0].start == date(2024, 8, 28)
    assert setting.terms("140213") == school_calendar(own, "140200")
    assert setting.terms("140105") == TERMS
    assert setting.terms("110101") == setting.terms("999999") == TERMS


@pytest.mark.rule("A9-1")
def test_the_shipped_policy_is_the_reading_of_the_rules(book: Rulebook) -> None:
    found = policy(book, "140105")
    assert found.superior_fields == {"name", "id_type", "id_number", "birth_date", "sex", "ethnicity"}
    plain = dataclasses.replace(found, superior_fields=frozenset(), gaokao_closing={}, admission_areas={})
    assert plain == Policy(class_size={"primary": 45, "junior": 50, "senior": 55})


@pytest.mark.rule("A16-3")
def test_a_county_sets_over_its_city_and_a_city_over_the_province(book: Rulebook) -> None:
    places = {
        "140100": PlaceParameters(transfer_days=20, entry_by=(9, 30), class_size={"primary": 40}),
        "140105": PlaceParameters(transfer_days=None, entry_by=(12, 31), class_size={"junior": 48}),
    }
    setting = Setting.of(changed(book, places=places))
    county, city, other = (setting.policy(code) for code in ("140105", "140106", "140200"))
    assert (county.transfer_days, county.entry_age_month, county.entry_age_day) == (20, 12, 31)
    assert dict(county.class_size) == {"primary": 40, "junior": 48, "senior": 55}
    assert (city.transfer_days, city.entry_age_month, city.class_size["junior"]) == (20, 9, 50)
    assert other == setting.policy("999999") == policy(book, "140000")


def test_a_division_has_a_county_and_a_city(book: Rulebook) -> None:
    setting = Setting.of(book)
    assert setting.place("140105") == ("140105", "140100")
    assert setting.place("140100") == ("140100", "140100")
    assert setting.place("140000") == ("140000", "140000")
    assert setting.place("999999") is None
    assert setting.places(["130102", "999999"]) == {"130102": ("130102", "130100")}


def test_areas_and_systems_hold_for_all_below_a_division(book: Rulebook) -> None:
    setting = Setting.of(
        changed(book, admission_areas={"140100": "城区", "140121": "清徐"}, five_four=frozenset({"140200"}))
    )
    assert [setting.area(code) for code in ("140105", "140121", "140213")] == ["城区", "清徐", ""]
    assert setting.system("140213") is SchoolSystem.FIVE_FOUR
    assert setting.system("140105") is SchoolSystem.SIX_THREE


@pytest.mark.rule("A43-3")
def test_no_two_certificates_have_one_number(book: Rulebook) -> None:
    setting = Setting.of(book)
    numbers = {
        setting.certificate_number(kind, issuer=issuer, year=year, serial=serial)
        for kind in book.registry.certificate_numbers
        for issuer in ("140100", "3414000003")
        for year in (2026, 2027)
        for serial in (1, 20, 26000001)
    }
    assert len(numbers) == 4 * 2 * 2 * 3
    assert max(map(len, numbers)) <= 60
    assert "晋毕证字第（34140000032026000001）号" in numbers


def test_every_kind_of_matter_has_a_time(book: Rulebook) -> None:
    assert Setting.of(book).matter_period("dropout") == Period(20, Measure.WORKING_DAYS)
    with pytest.raises(KeyError):
        Setting.of(book).matter_period("unknown")
