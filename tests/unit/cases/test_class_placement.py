"""Even class placement (A11-1, A13-1)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_registry.domain.chapters.class_placement import place_evenly, placement_record
from core_registry.errors import RegisterRuleError


def pupils(boys: int, girls: int) -> list[tuple[str, str]]:
    return [(f"s{n}", "1" if n < boys else "2") for n in range(boys + girls)]


@pytest.mark.rule("A11-1", "A13-1")
@given(
    boys=st.integers(0, 120), girls=st.integers(0, 120), others=st.integers(0, 5), classes=st.integers(1, 9),
    seed=st.text(max_size=8),
)  # fmt: skip
def test_classes_differ_by_at_most_one_in_size_and_in_each_sex(
    boys: int, girls: int, others: int, classes: int, seed: str
) -> None:
    new = pupils(boys, girls) + [(f"o{n}", "9") for n in range(others)]
    standard = max(1, -(-len(new) // classes))
    placed = place_evenly(new, classes, standard, seed)
    assert set(placed) == {student for student, _ in new}
    sizes = Counter(placed.values())
    counts = [sizes[number] for number in range(1, classes + 1)]
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= standard
    for sex in ("1", "2", "9"):
        of = Counter(placed[student] for student, own in new if own == sex)
        per_class = [of[number] for number in range(1, classes + 1)]
        assert max(per_class) - min(per_class) <= 1
    record = placement_record(new, placed, classes, standard, by="2114000001", seed=seed)
    assert sum(record.sizes.values()) == len(new)
    assert sum(sum(of.values()) for of in record.sexes.values()) == len(new)


@pytest.mark.rule("A11-1")
def test_full_classes_are_accepted_and_one_pupil_more_is_refused() -> None:
    assert len(place_evenly(pupils(45, 45), 2, 45, "2026")) == 90
    with pytest.raises(RegisterRuleError) as refused:
        place_evenly(pupils(46, 45), 2, 45, "2026")
    assert refused.value.rule == "A11-1"


@pytest.mark.rule("A11-1")
def test_the_same_seed_gives_the_same_classes_whatever_the_order() -> None:
    new = pupils(20, 17)
    assert place_evenly(new, 3, 45, "a") == place_evenly(new[::-1], 3, 45, "a")
    assert place_evenly(new, 3, 45, "a") != place_evenly(new, 3, 45, "b")


@pytest.mark.rule("A11-1")
def test_the_record_names_method_unit_sizes_and_sexes() -> None:
    new = pupils(3, 2)
    record = placement_record(new, place_evenly(new, 2, 45, "x"), 2, 45, by="140105", seed="x")
    assert (record.by, record.seed, bool(record.method_zh), bool(record.method)) == ("140105", "x", True, True)
    assert sorted(record.sizes.values()) == [2, 3]
    assert sorted(of["2"] for of in record.sexes.values()) == [1, 1]


@pytest.mark.rule("A11-1")
@pytest.mark.parametrize(
    "placed",
    [
        {"s0": 1, "s1": 1, "s2": 1, "s3": 2},  # sizes 3 and 1
        {"s0": 1, "s1": 1, "s2": 2, "s3": 2},  # the sexes apart
        {"s0": 1, "s1": 2, "s2": 1},  # one without a class
        {"s0": 1, "s1": 2, "s2": 1, "s3": 3},  # a class that is none
    ],
)
def test_an_uneven_placement_by_hand_is_refused(placed: dict[str, int]) -> None:
    with pytest.raises(RegisterRuleError) as refused:
        placement_record(pupils(2, 2), placed, 2, 45, by="140105", seed="")
    assert refused.value.rule == "A11-1"


@pytest.mark.rule("A11-1")
def test_a_class_over_the_standard_is_refused() -> None:
    even = {"s0": 1, "s1": 2, "s2": 1, "s3": 2}
    assert placement_record(pupils(2, 2), even, 2, 2, by="140105", seed="").standard == 2
    with pytest.raises(RegisterRuleError):
        placement_record(pupils(2, 2), even, 2, 1, by="140105", seed="")


def test_a_pupil_who_stands_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        place_evenly([("s1", "1"), ("s1", "1")], 1, 45, "")
