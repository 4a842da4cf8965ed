"""Models and risks on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gateway.anonymize.models import Grouped, Models, SensitiveDemand, failing, references
from gateway.anonymize.risk import measure
from gateway.errors import ParameterError

# class 0: 2 rows of value 0; class 1: 3 + 1 rows of values 0, 1; class 2: 2 + 2 + 2 rows of values 0, 1, 2
GROUPED = Grouped(
    np.array([0, 1, 1, 2, 2, 2]),
    3,
    np.array([2, 3, 1, 2, 2, 2]),
    (np.array([0, 0, 1, 0, 1, 2]),),
)
WHOLE = references(GROUPED.sensitive, GROUPED.rows)


def test_k_counts_rows_not_tuples() -> None:
    plain = Grouped(GROUPED.classes, 3, GROUPED.rows, ())
    assert failing(Models(4), plain, ()).tolist() == [True, False, False]
    assert failing(Models(7), plain, ()).tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("demand", "failed"),
    [
        (SensitiveDemand("s", distinct_l=2), [True, False, False]),
        (SensitiveDemand("s", distinct_l=3), [True, True, False]),
        (SensitiveDemand("s", entropy_l=2), [True, True, False]),
        (SensitiveDemand("s", entropy_l=3), [True, True, False]),
        (SensitiveDemand("s", entropy_l=3.01), [True, True, True]),
        (SensitiveDemand("s", t=0.25), [True, False, False]),
        (SensitiveDemand("s", t=0.1), [True, True, True]),
    ],
)
def test_each_demand_fails_the_classes_it_should(demand: SensitiveDemand, failed: list[bool]) -> None:
    assert failing(Models(1, (demand,)), GROUPED, WHOLE).tolist() == failed


def test_only_k_and_distinct_l_count_as_monotone() -> None:
    models = Models(3, (SensitiveDemand("s", distinct_l=2, entropy_l=3, t=0.0),))
    assert not models.monotone
    assert failing(models, GROUPED, WHOLE, monotone_only=True).tolist() == [True, False, False]


def test_what_was_reached_is_the_worst_class() -> None:
    found = measure(GROUPED, ["s"], WHOLE)
    assert (found.rows, found.classes, found.k, found.largest) == (12, 3, 2, 6)
    (s,) = found.sensitive
    assert s.distinct_l == 1
    assert s.entropy_l == pytest.approx(1.0)
    assert s.t == pytest.approx((abs(1 - 7 / 12) + 3 / 12 + 2 / 12) / 2)
    assert found.discernibility == 2**2 + 4**2 + 6**2
    assert found.histogram["2-4"] == 2
    assert found.histogram["5-9"] == 1


def test_prosecutor_journalist_and_marketer_risk() -> None:
    found = measure(GROUPED, ["s"], WHOLE, population=np.array([4.0, 4.0, 12.0]), threshold=0.25)
    assert found.prosecutor.highest == 1 / 2
    assert found.prosecutor.average == pytest.approx(3 / 12)
    assert found.prosecutor.above == pytest.approx(2 / 12)
    assert found.journalist.highest == 1 / 4
    assert found.journalist.average == pytest.approx((2 / 4 + 4 / 4 + 6 / 12) / 12)
    assert found.journalist.above == 0
    assert found.marketer == pytest.approx((2 / 4 + 4 / 4 + 6 / 12) / 12)


def test_suppressed_rows_weigh_in_discernibility() -> None:
    assert measure(GROUPED, ["s"], WHOLE, suppressed=3).discernibility == 56 + 3 * 15


def test_nothing_released_has_no_risk_and_no_k() -> None:
    empty = Grouped(np.array([], dtype=np.int64), 3, np.array([], dtype=np.int64), (np.array([], dtype=np.int64),))
    found = measure(empty, ["s"], WHOLE, suppressed=5)
    assert (found.rows, found.k, found.prosecutor.highest, found.discernibility) == (0, 0, 0.0, 25)


def test_a_population_smaller_than_the_release_is_none() -> None:
    with pytest.raises(ParameterError, match="population"):
        measure(GROUPED, ["s"], WHOLE, population=np.array([1.0, 4.0, 12.0]))


@pytest.mark.parametrize(
    "wrong", [{"distinct_l": 0}, {"entropy_l": 0.5}, {"entropy_l": math.nan}, {"t": 1.5}, {"t": -1}]
)
def test_demands_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        SensitiveDemand("s", **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_k_below_one_and_a_sensitive_attribute_twice_are_refused() -> None:
    with pytest.raises(ParameterError):
        Models(0)
    with pytest.raises(ParameterError):
        Models(2, (SensitiveDemand("s"), SensitiveDemand("s")))
