"""Drawing columns."""

from __future__ import annotations

import numpy as np
import pytest

from core_registry.sample.draw import Table, permute, take_numbers


@pytest.mark.parametrize("size", [1, 2, 3, 166, 60_590])
def test_a_permutation_meets_every_number_once(size: int) -> None:
    numbers = np.arange(size, dtype=np.int64)
    found = permute(numbers, np.full(size, size), np.full(size, 5), bound=max(size, 9))
    assert np.array_equal(np.sort(found), numbers)


def test_a_permutation_does_not_depend_on_the_company_of_a_number() -> None:
    numbers = np.arange(1_000, dtype=np.int64)
    sizes = np.where(numbers % 2 == 0, 60_590, 60_756)
    tweaks = numbers % 7
    whole = permute(numbers, sizes, tweaks, bound=70_000)
    single = [permute(numbers[i : i + 1], sizes[i : i + 1], tweaks[i : i + 1], bound=70_000)[0] for i in range(1_000)]
    assert whole.tolist() == single


def test_another_tweak_is_another_permutation() -> None:
    numbers = np.arange(1_000, dtype=np.int64)
    one, other = (permute(numbers, np.full(1_000, 1_000), np.full(1_000, key), bound=1_000) for key in (1, 2))
    assert (one != other).mean() > 0.9


def test_numbers_run_within_groups_and_across_calls() -> None:
    counters = np.zeros(3, dtype=np.int64)
    assert take_numbers(counters, np.array([2, 0, 2, 2])).tolist() == [0, 0, 1, 2]
    assert take_numbers(counters, np.array([0, 1, 2])).tolist() == [1, 0, 3]
    assert counters.tolist() == [2, 1, 4]


def test_a_table_draws_by_weight() -> None:
    drawn = Table(["a", "b", "c"], [0.7, 0.3, 0.0]).texts(np.random.default_rng(1), 10_000)
    assert 6_700 < (drawn == "a").sum() < 7_300
    assert (drawn == "c").sum() == 0
