"""Ladders: trees by proof, and values that never pass unchanged by accident."""

from __future__ import annotations

import polars as pl
import pytest

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.hierarchies import identity_ladder, ladder_of, prefix_ladder
from gateway.anonymize.ladders import Ladder
from rulebook.records import Division, Divisions, Hierarchy

DIVISIONS = Divisions(
    by_code={
        "140000": Division("140000", "山西省", "province", None, False, "山西省"),
        "140100": Division("140100", "太原市", "city", "140000", False, "山西省太原市"),
        "140105": Division("140105", "小店区", "county", "140100", False, "山西省太原市小店区"),
        "140171": Division("140171", "转型区", "county", "140100", True, "山西省太原市转型区"),
    },
    townships={},
)
DATE = Hierarchy("birth_date", "date", ("day", "month", "quarter", "year", "3 years", "*"), None)
DIVISION = Hierarchy("division", "division", ("county", "city", "province", "*"), None)
SCHOOL = Hierarchy("school", "prefix", ("10", "4", "2", "*"), None)
SEX = Hierarchy("sex", "table", ("value", "*"), {"1": ("*",), "2": ("*",), "9": ("*",)})


def levels(hierarchy: Hierarchy, values: list[str | None]) -> list[list[str | None]]:
    column = pl.Series("c", values, dtype=pl.String)
    ladder = ladder_of(hierarchy, DIVISIONS, column)
    return [ladder.generalize(column, level).to_list() for level in range(ladder.height)]


def test_a_date_goes_up_by_the_calendar() -> None:
    column = pl.Series("c", ["2015-03-02", "2015-12-31", None]).str.to_date()
    ladder = ladder_of(DATE, DIVISIONS, column)
    assert [ladder.generalize(column, level).to_list() for level in range(6)] == [
        ["2015-03-02", "2015-12-31", None],
        ["2015-03", "2015-12", None],
        ["2015-Q1", "2015-Q4", None],
        ["2015", "2015", None],
        ["2013-2015", "2013-2015", None],
        ["*", "*", "*"],
    ]


def test_a_division_goes_up_also_when_it_was_abolished() -> None:
    assert levels(DIVISION, ["140105", "140171", "140199", "140100", "140000"])[1:] == [
        ["140100", "140100", "140100", "140100", "140000"],
        ["140000"] * 5,
        ["*"] * 5,
    ]


def test_a_school_code_goes_up_by_its_prefix() -> None:
    assert levels(SCHOOL, ["2114000001", "3114000002"])[1:] == [["2114", "3114"], ["21", "31"], ["*", "*"]]


@pytest.mark.parametrize(
    ("hierarchy", "value"), [(DATE, "02/03/2015"), (DATE, "2015-13-01"), (DIVISION, "小店区"), (SEX, "男")]
)
def test_a_value_that_does_not_fit_is_counted_but_not_shown(hierarchy: Hierarchy, value: str) -> None:
    with pytest.raises(UnknownLeafError) as caught:
        ladder_of(hierarchy, DIVISIONS, pl.Series("c", [value]))
    assert caught.value.extra["count"] == 1
    assert value not in caught.value.detail + caught.value.detail_zh


def test_generalising_an_unknown_value_is_an_error_not_a_pass() -> None:
    ladder = ladder_of(SEX, DIVISIONS, pl.Series("c", ["1"]))
    for level in (0, 1):
        with pytest.raises(UnknownLeafError):
            ladder.generalize(pl.Series("c", ["1", "男"]), level)
        with pytest.raises(UnknownLeafError):
            ladder.generalize(pl.Series("c", ["1", None]), level)


def test_a_table_counts_all_its_leaves_in_the_shares() -> None:
    ladder = ladder_of(SEX, DIVISIONS, pl.Series("c", ["1", "1"]))
    assert len(ladder.leaves) == 3
    assert ladder.rungs[0].shares.tolist() == pytest.approx([1 / 3] * 3)
    assert ladder.rungs[1].shares.tolist() == [1.0]


def test_the_same_label_on_two_levels_keeps_its_own_shares() -> None:
    ladder = Ladder.of("l", ("0", "1", "2"), {"a": ("x", "x"), "b": ("y", "x"), "c": ("y", "x"), "d": ("z", "z")})
    assert ladder.rungs[1].shares.tolist() == [0.25, 0.5, 0.25]
    assert ladder.rungs[2].shares.tolist() == [0.75, 0.25]


def test_two_parents_of_one_label_are_no_tree() -> None:
    with pytest.raises(HierarchyError, match="城区"):
        Ladder.of("l", ("0", "1", "2"), {"a": ("城区", "阳泉"), "b": ("城区", "晋城")})


@pytest.mark.parametrize("chains", [{}, {"a": ("x", "y")}, {"a": ()}])
def test_a_chain_of_another_length_is_refused(chains: dict[str | None, tuple[str, ...]]) -> None:
    with pytest.raises(HierarchyError):
        Ladder.of("l", ("0", "1"), chains)


def test_a_date_rule_with_unknown_levels_is_refused() -> None:
    with pytest.raises(HierarchyError, match="week"):
        ladder_of(Hierarchy("d", "date", ("day", "week", "*"), None), DIVISIONS, pl.Series("c", ["2015-03-02"]))


def test_cut_and_keep_are_ladders_of_their_own() -> None:
    column = pl.Series("c", ["abc", "abd", None])
    assert prefix_ladder("c", 2, column).generalize(column, 1).to_list() == ["ab", "ab", None]
    assert identity_ladder("c", column).generalize(column, 0).to_list() == ["abc", "abd", None]


def test_a_column_without_rows_has_a_ladder() -> None:
    for hierarchy in (DATE, DIVISION, SCHOOL, SEX):
        assert ladder_of(hierarchy, DIVISIONS, pl.Series("c", [], dtype=pl.String)).height == len(hierarchy.levels)
