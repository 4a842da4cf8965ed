"""Identity numbers: columns and single values agree, one changed digit is always noticed."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from core_registry.domain.identity_number import (
    check_character,
    normalize_identity_number,
    parse_identity_number,
    problem_of,
)
from core_registry.domain.phone_numbers import is_phone, normalize_phone
from core_registry.intake import identity_columns
from core_registry.intake.normalization import Normalizer, written_codes
from tests.factories.intake_forms import book

bodies = st.builds(
    lambda division, born, order: f"{division:06d}{born:%Y%m%d}{order:03d}",
    st.integers(110000, 659999),
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.integers(0, 999),
)
numbers = bodies.map(lambda body: body + check_character(body))
texts = st.text(alphabet="0123456789Xx１ \u3000A-", max_size=20)


@given(numbers)
def test_made_numbers_are_valid(number: str) -> None:
    assert problem_of(number) is None
    assert parse_identity_number(number).value == number


@given(numbers, st.integers(0, 17), st.integers(1, 9))
def test_one_changed_digit_is_noticed(number: str, place: int, shift: int) -> None:
    old = number[place]
    new = "5" if old == "X" else str((int(old) + shift) % 10)
    assert problem_of(number[:place] + new + number[place + 1 :]) is not None


@given(st.lists(st.one_of(numbers, bodies, texts, st.none()), min_size=1, max_size=20))
def test_columns_say_what_single_values_say(written: list[str | None]) -> None:
    column = pl.Series([None if text is None else normalize_identity_number(text) for text in written], dtype=pl.String)
    holds = identity_columns.checksum_holds(column)
    born = identity_columns.birth_dates(column)
    sexes = identity_columns.sexes(column)
    for text, good, day, sex in zip(column, holds, born, sexes, strict=True):
        valid = text is not None and problem_of(text) is None
        assert valid == (good and day is not None)
        if valid:
            parsed = parse_identity_number(text)
            assert (parsed.birth_date, parsed.sex) == (day, sex)


@given(st.text(max_size=30))
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    assert normalize_identity_number(normalize_identity_number(text)) == normalize_identity_number(text)
    assert normalize_phone(normalize_phone(text)) == normalize_phone(text)


@given(st.text(alphabet="0123456789-+() 　－８６", max_size=18))
def test_phone_columns_say_what_single_values_say(text: str) -> None:
    from core_registry.intake.normalization import _clean, _phone

    column = _clean(pl.Series([text]))
    number, found = _phone(column, pl.Series([1], dtype=pl.UInt32), "member1_phone")
    if number[0]:
        assert (len(found[0]) == 0) == is_phone(normalize_phone(text))


def test_every_code_and_label_of_every_list_is_understood() -> None:
    assert Normalizer(book()).annex
    for name, code_list in book().code_lists.items():
        written = written_codes(code_list)
        for code, label in code_list.labels.items():
            assert written["".join(code.split()).upper()] == code, name
            assert code in written.values()
            assert label
