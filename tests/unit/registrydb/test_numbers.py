"""Student numbers that the registry makes."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from core_registry.db.numbers import missing_numbers
from core_registry.domain.student_number import StudentNumberKind, kind_of
from core_registry.errors import RegisterRuleError
from tests.factories.registrydb_rows import id_number


def pupils(count: int, **changes: object) -> pl.DataFrame:
    row = {"school_division": "140105", "birth_date": date(2015, 3, 9), "id_type": "Z", "id_number": None, **changes}
    return pl.DataFrame([row] * count, schema_overrides={"id_number": pl.String, "school_division": pl.String,
                                                         "birth_date": pl.Date}, infer_schema_length=None)  # fmt: skip


def nothing_taken(_numbers: list[str]) -> set[str]:
    return set()


def test_provisional_numbers_are_well_formed_and_never_given_twice() -> None:
    made = missing_numbers(pupils(5000), "national", nothing_taken)
    assert made.n_unique() == 5000
    assert {kind_of(number) for number in made.to_list()} == {StudentNumberKind.PROVISIONAL}
    assert made.str.starts_with("L14010520150309").all()
    last = made.str.slice(18, 1).value_counts()
    assert last.height == 34  # every character of the alphabet comes
    assert last["count"].max() < 2 * last["count"].min()  # type: ignore[operator]  # numbers


def test_a_number_that_exists_is_not_given_again() -> None:
    asked: list[list[str]] = []

    def first_round_taken(numbers: list[str]) -> set[str]:
        asked.append(numbers)
        return set(numbers) if len(asked) == 1 else set()

    made = missing_numbers(pupils(3), "national", first_round_taken)
    assert not set(made.to_list()) & set(asked[0])


def test_a_place_with_authority_gives_g_and_j_numbers() -> None:
    (national,) = missing_numbers(pupils(1, id_type="1", id_number=id_number(1)), "local", nothing_taken).to_list()
    assert national == f"G{id_number(1)}"
    own = missing_numbers(pupils(999), "local", nothing_taken).to_list()
    assert len(set(own)) == 999
    assert {kind_of(number) for number in own} == {StudentNumberKind.SELF_CODED}


def test_a_thousandth_serial_of_a_day_and_division_is_refused() -> None:
    with pytest.raises(RegisterRuleError) as refused:
        missing_numbers(pupils(1000), "local", nothing_taken)
    assert refused.value.rule == "A6-3"


@pytest.mark.parametrize("lacking", [{"birth_date": None}, {"school_division": None}])
def test_a_number_needs_birth_date_and_division(lacking: dict[str, object]) -> None:
    with pytest.raises(RegisterRuleError):
        missing_numbers(pupils(1, **lacking), "national", nothing_taken)
