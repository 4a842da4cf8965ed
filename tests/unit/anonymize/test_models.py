"""Models and risks on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import (
    Grouped,
    Models,
    Presence,
    SensitiveDemand,
    failing,
    references,
    sensitive_codes,
    spread_of,
)
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
        # 2 | 3, 1 | 2, 2, 2 rows: r1 < c (r_l + ...)
        (SensitiveDemand("s", recursive=(2.0, 1)), [False, False, False]),
        (SensitiveDemand("s", recursive=(3.0, 2)), [True, True, False]),
        (SensitiveDemand("s", recursive=(3.1, 2)), [True, False, False]),
        (SensitiveDemand("s", recursive=(1.0, 3)), [True, True, True]),
        (SensitiveDemand("s", recursive=(1.1, 3)), [True, True, False]),
        (SensitiveDemand("s", alpha=0.75), [True, False, False]),
        (SensitiveDemand("s", alpha=0.7), [True, True, False]),
        (SensitiveDemand("s", alpha=1 / 3), [True, True, False]),
    ],
)
def test_each_demand_fails_the_classes_it_should(demand: SensitiveDemand, failed: list[bool]) -> None:
    assert failing(Models(1, (demand,)), GROUPED, WHOLE).tolist() == failed


# The example of the paper on t-closeness: nine salaries, classes {3k, 4k, 5k} and {6k, 8k, 11k}, and its diseases.
DISEASES = Ladder.of(
    "disease",
    ("disease", "organ", "system", "any"),
    {
        "gastric ulcer": ("stomach", "digestive", "*"),
        "gastritis": ("stomach", "digestive", "*"),
        "stomach cancer": ("stomach", "digestive", "*"),
        "colitis": ("colon", "digestive", "*"),
        "flu": ("respiratory infection", "respiratory", "*"),
        "pneumonia": ("respiratory infection", "respiratory", "*"),
        "bronchitis": ("respiratory infection", "respiratory", "*"),
    },
)


def test_the_hierarchical_distance_counts_moves_by_the_level_of_the_common_ancestor() -> None:
    diseases = pl.Series(["gastritis", "colitis", "flu", "gastritis", "flu", "flu"])
    codes = sensitive_codes(diseases, DISEASES)
    own = Grouped(np.array([0, 0, 0, 1, 1, 1]), 2, np.array([1, 1, 2, 2, 1, 1]), (codes,))
    (whole,) = references(own.sensitive, own.rows)
    # all: gastritis 3/8, colitis 1/8, flu 4/8. Class 0: 1/4, 1/4, 2/4, so that 1/8 moves from gastritis to colitis,
    # level 2 of 3; class 1: 2/4, 0, 2/4, the same amount the other way
    spread = spread_of(own, codes, own.sizes(), whole, DISEASES)
    assert spread.distance == pytest.approx([1 / 8 * 2 / 3, 1 / 8 * 2 / 3])
    demand = SensitiveDemand("s", t=0.08, t_tree=DISEASES)
    assert failing(Models(1, (demand,)), own, (whole,)).tolist() == [True, True]
    # 1/3 of the mass from flu to pneumonia is a move of level 1, to gastritis one of level 3
    codes = sensitive_codes(pl.Series(["flu", "pneumonia", "gastritis"]), DISEASES)
    reference = np.bincount(sensitive_codes(pl.Series(["flu", "flu", "gastritis"]), DISEASES), minlength=7) / 3
    one = Grouped(np.zeros(3, dtype=np.int64), 1, np.ones(3, dtype=np.int64), (codes,))
    assert spread_of(one, codes, one.sizes(), reference, DISEASES).distance == pytest.approx([1 / 3 * 1 / 3])


def test_a_flat_tree_is_the_equal_distance_and_a_single_level_none() -> None:
    flat = Ladder.of("s", ("0", "1"), {"a": ("*",), "b": ("*",), "c": ("*",)})
    sizes = GROUPED.sizes()
    plain = spread_of(GROUPED, GROUPED.sensitive[0], sizes, WHOLE[0])
    assert spread_of(GROUPED, GROUPED.sensitive[0], sizes, WHOLE[0], flat).distance == pytest.approx(plain.distance)
    one = Grouped(np.array([0, 1]), 2, np.array([1, 2]), (np.array([0, 0]),))
    lonely = Ladder.identity("s", ["a"])
    assert spread_of(one, one.sensitive[0], one.sizes(), np.array([1.0]), lonely).distance.tolist() == [0, 0]


def test_presence_judges_the_share_of_the_population_and_the_people_without_rows() -> None:
    own = Grouped(np.array([0, 1, 2]), 3, np.array([2, 5, 0]), (), np.array([10, 5, 3]))
    assert failing(Models(1, presence=Presence(0.0, 0.5)), own, ()).tolist() == [False, True, False]
    assert failing(Models(1, presence=Presence(0.2, 1.0)), own, ()).tolist() == [False, False, True]
    assert failing(Models(1, presence=Presence(0.3, 1.0)), own, ()).tolist() == [True, False, True]
    assert failing(Models(3, presence=Presence(0.3, 1.0)), own, (), monotone_only=True).tolist() == [True, False, True]
    with pytest.raises(ParameterError, match="population"):
        failing(Models(1, presence=Presence(0.0, 0.5)), Grouped(own.classes, 3, own.rows, ()), ())


def test_tuples_without_rows_hold_no_sensitive_value() -> None:
    own = Grouped(np.array([0, 0, 1]), 2, np.array([3, 0, 1]), (np.array([0, 1, 1]),))
    models = Models(1, (SensitiveDemand("s", distinct_l=2),))
    assert failing(models, own, references(own.sensitive, own.rows)).tolist() == [True, True]


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
    "wrong",
    [
        {"distinct_l": 0},
        {"entropy_l": 0.5},
        {"entropy_l": math.nan},
        {"entropy_l": math.inf},
        {"t": 1.5},
        {"t": -1},
        {"t": math.nan},
        {"alpha": 0.0},
        {"alpha": 1.1},
        {"recursive": (0.0, 2)},
        {"recursive": (math.inf, 2)},
        {"recursive": (1.0, 0)},
        {"t_tree": DISEASES},
        {"t": 0.2, "t_tree": Ladder.identity("s", ["a", "b"])},
    ],
)
def test_demands_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError) as caught:
        SensitiveDemand("s", **wrong)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.detail_zh


def test_k_below_one_and_a_sensitive_attribute_twice_are_refused() -> None:
    with pytest.raises(ParameterError):
        Models(0)
    with pytest.raises(ParameterError):
        Models(2, (SensitiveDemand("s"), SensitiveDemand("s")))


@pytest.mark.parametrize(("low", "high"), [(-0.1, 1), (0.5, 0.4), (0, 1.1), (math.nan, 1)])
def test_presence_bounds_are_shares_in_order(low: float, high: float) -> None:
    with pytest.raises(ParameterError):
        Presence(low, high)


def test_what_is_monotone_under_suppression() -> None:
    assert Models(2, (SensitiveDemand("s", distinct_l=2),)).monotone
    for demand in ({"entropy_l": 2}, {"t": 0.1}, {"recursive": (1, 2)}, {"alpha": 0.5}):
        assert not Models(2, (SensitiveDemand("s", **demand),)).monotone
    assert not Models(2, presence=Presence(0, 0.5)).monotone
