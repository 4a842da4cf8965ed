"""Resident identity numbers: the vectors, and every reason to refuse."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import pytest

from core_registry.domain.identity_number import (
    IdentityNumberError,
    IdentityProblem,
    check_character,
    normalize_identity_number,
    parse_identity_number,
    problem_of,
)

FILE = Path(__file__).parents[2] / "vectors" / "id_number_vectors.csv"
VECTORS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("vector", VECTORS, ids=[str(index) for index in range(len(VECTORS))])
def test_vectors_hold_as_written_and_after_normalization(vector: dict[str, str]) -> None:
    text = vector["id_number"]
    assert (problem_of(text) is None) == (vector["valid_strict"] == "1")
    normal = normalize_identity_number(text)
    assert (problem_of(normal) is None) == (vector["valid_after_normalisation"] == "1")
    if vector["valid_after_normalisation"] == "1":
        parsed = parse_identity_number(normal)
        assert {"1": "男", "2": "女"}[parsed.sex] == vector["sex"]
        assert f"{parsed.birth_date:%Y%m%d}" == vector["birth_date"]
        assert parsed.division == vector["division"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", IdentityProblem.EMPTY),
        ("140105150317001", IdentityProblem.FIRST_GENERATION),
        ("14010520150317001", IdentityProblem.SHAPE),
        ("140105201502300011", IdentityProblem.BIRTH_DATE),
        ("140105201503170010", IdentityProblem.CHECKSUM),
        ("١٤٠١٠٥٢٠١٥٠٣١٧٠٠١١", IdentityProblem.SHAPE),
    ],
)
def test_first_reason_is_named(text: str, problem: IdentityProblem) -> None:
    assert problem_of(text) is problem
    with pytest.raises(IdentityNumberError) as caught:
        parse_identity_number(text)
    assert caught.value.problem is problem


def test_neither_error_nor_repr_holds_the_number() -> None:
    with pytest.raises(IdentityNumberError) as caught:
        parse_identity_number("140105201503170010")
    assert "1401" not in str(caught.value)
    shown = repr(parse_identity_number("140105201503170028"))
    assert "1401" not in shown
    assert str(datetime(2015, 3, 17).year) not in shown  # noqa: DTZ001  # only its year is used


def test_check_character_needs_17_digits() -> None:
    with pytest.raises(ValueError, match="17 ASCII digits"):
        check_character("1401052015031700A")
