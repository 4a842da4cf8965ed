"""Rules of the rule book on columns: school years nest, townships climb, a school stands on two columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.hierarchies import ladder_of, pair_leaves
from gateway.anonymize.ladders import Ladder
from rulebook.records import Hierarchy
from tests.unit.anonymize.test_ladders import DIVISIONS

LEVELS = ("day", "month", "quarter", "school year", "3 years", "stage", "*")
BORN = Hierarchy("birth_date", "school_date", LEVELS, None, school_year=2026, bands=((3, 3), (3,), (3,)))
BORN_54 = replace(BORN, bands=((3, 2), (2, 2), (3,)))
ENTERED = Hierarchy(
    "entry_month", "school_date", ("month", "semester", "school year", "3 years", "*"), None, school_year=2026
)
TOWNSHIP = Hierarchy("township", "division", ("township", "county", "city", "province", "*"), None)
VILLAGE = replace(TOWNSHIP, levels=("village", *TOWNSHIP.levels))
SCHOOL = Hierarchy(
    "school_place", "school", ("school", "type in county", "county", "city", "province", "*"), None,
    companion="school_division",
)  # fmt: skip


def climb(hierarchy: Hierarchy, value: str) -> list[str | None]:
    column = pl.Series("c", [value])
    ladder = ladder_of(hierarchy, DIVISIONS, column)
    return [ladder.generalize(column, level).item() for level in range(1, ladder.height - 1)]


@pytest.mark.parametrize(
    ("born", "labels"),
    [
        ("2019-09-01", ["2019-09", "2019-09/2019-11", "2019-09/2020-08", "2017-09/2020-08", "primary"]),
        ("2019-08-31", ["2019-08", "2019-06/2019-08", "2018-09/2019-08", "2017-09/2020-08", "primary"]),
        ("2017-01-15", ["2017-01", "2016-12/2017-02", "2016-09/2017-08", "2014-09/2017-08", "primary"]),
        ("2014-08-31", ["2014-08", "2014-06/2014-08", "2013-09/2014-08", "2011-09/2014-08", "junior"]),
        ("2008-09-01", ["2008-09", "2008-09/2008-11", "2008-09/2009-08", "2008-09/2011-08", "senior"]),
        ("2008-08-31", ["2008-08", "2008-06/2008-08", "2007-09/2008-08", "2005-09/2008-08", "after senior"]),
        ("2020-09-01", ["2020-09", "2020-09/2020-11", "2020-09/2021-08", "2020-09/2023-08", "before primary"]),
        ("1899-12-31", ["1899-12", "1899-12/1900-02", "1899-09/1900-08", "1897-09/1900-08", "after senior"]),
    ],
)
def test_a_birth_date_climbs_by_school_years(born: str, labels: list[str]) -> None:
    assert climb(BORN, born) == labels


@pytest.mark.rule("A16-3")
def test_who_turns_six_by_the_end_of_august_is_in_the_first_grade() -> None:
    youngest, too_young = climb(BORN, "2020-08-31"), climb(BORN, "2020-09-01")
    assert (youngest[4], too_young[4]) == ("primary", "before primary")


@pytest.mark.parametrize(
    ("born", "band", "stage"),
    [
        ("2019-10-01", "2017-09/2020-08", "primary"),
        ("2016-10-01", "2015-09/2017-08", "primary"),  # grade 4 of five
        ("2014-10-01", "2013-09/2015-08", "junior"),  # grade 6 is the first of four
        ("2011-10-01", "2011-09/2013-08", "junior"),
        ("2010-10-01", "2008-09/2011-08", "senior"),
    ],
)
def test_five_years_of_primary_and_four_of_junior_school_nest_as_well(born: str, band: str, stage: str) -> None:
    assert climb(BORN_54, born)[3:] == [band, stage]


@pytest.mark.parametrize("hierarchy", [BORN, BORN_54])
def test_every_day_of_a_century_stands_in_a_tree(hierarchy: Hierarchy) -> None:
    days = pl.date_range(date(1950, 1, 1), date(2050, 12, 31), "1d", eager=True)
    ladder = ladder_of(hierarchy, DIVISIONS, days)  # the ladder proves it
    assert len(ladder.rungs[3].labels) == 102
    assert set(ladder.rungs[5].labels) == {"before primary", "primary", "junior", "senior", "after senior"}


@pytest.mark.parametrize(
    ("month", "labels"),
    [
        ("2024-09", ["2024-2025-1", "2024-09/2025-08", "2024-09/2027-08"]),
        ("2025-01", ["2024-2025-1", "2024-09/2025-08", "2024-09/2027-08"]),
        ("2025-02", ["2024-2025-2", "2024-09/2025-08", "2024-09/2027-08"]),
        ("2024-08", ["2023-2024-2", "2023-09/2024-08", "2021-09/2024-08"]),
    ],
)
def test_a_month_of_entry_climbs_by_semesters(month: str, labels: list[str]) -> None:
    assert climb(ENTERED, month) == labels


@pytest.mark.parametrize(
    ("hierarchy", "value"),
    [
        (BORN, "2015-02-30"), (BORN, "2015-2-3"), (BORN, "15-02-03"), (BORN, "2015-00"), (BORN, "２０１５-02-03"),
        (TOWNSHIP, "140105001002"), (TOWNSHIP, "14010500"), (VILLAGE, "1401050010"), (TOWNSHIP, " 140105"),
        (SCHOOL, "2114000001"), (SCHOOL, "2114000001@14010"), (SCHOOL, "@140105"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_rule_is_unknown(hierarchy: Hierarchy, value: str) -> None:
    with pytest.raises(UnknownLeafError) as caught:
        ladder_of(hierarchy, DIVISIONS, pl.Series("c", [value, None]))
    assert caught.value.extra["count"] == 1
    assert value not in caught.value.detail


def test_a_township_climbs_and_zeros_say_nothing() -> None:
    assert climb(TOWNSHIP, "140105001") == ["140105", "140100", "140000"]
    assert climb(VILLAGE, "140105001203") == ["140105001", "140105", "140100", "140000"]
    assert climb(VILLAGE, "140105001000") == ["140105001", "140105", "140100", "140000"]
    assert climb(VILLAGE, "140105000000") == ["140105", "140105", "140100", "140000"]
    assert climb(VILLAGE, "140199007")[1:] == ["140199", "140100", "140000"]  # abolished


def test_a_school_climbs_through_its_county() -> None:
    codes = pl.Series("school_code", ["2114000001", "2114000002", "3114000003", None])
    pairs = pair_leaves(codes, pl.Series(["140105", "140105", "140171", "140105"]))
    ladder = ladder_of(SCHOOL, DIVISIONS, pairs)
    assert ladder.generalize(pairs, 1).to_list() == ["21@140105", "21@140105", "31@140171", None]
    assert ladder.generalize(pairs, 2).to_list() == ["140105", "140105", "140171", None]
    assert ladder.generalize(pairs, 5).to_list() == ["*"] * 4


def test_a_school_with_two_campuses_is_two_leaves() -> None:
    pairs = pair_leaves(pl.Series(["2114000001"] * 2), pl.Series(["140105", "140171"]))
    assert ladder_of(SCHOOL, DIVISIONS, pairs).generalize(pairs, 2).to_list() == ["140105", "140171"]


def test_a_ladder_takes_a_missing_value_only_when_asked() -> None:
    ladder = Ladder.of("l", ("0", "1", "*"), {"a": ("x", "*"), "b": ("y", "*")})
    column = pl.Series("c", ["a", None])
    assert ladder.missing(pl.Series("c", ["c", "a", None, "c"])).to_list() == ["c", None]
    with pytest.raises(UnknownLeafError):
        ladder.encode(column)
    grown = ladder.with_missing()
    assert [grown.generalize(column, level).to_list() for level in range(3)] == [["a", None], ["x", None], ["*", "*"]]
    assert grown.with_missing() is grown


def test_a_missing_value_keeps_apart_where_there_is_no_common_top() -> None:
    grown = Ladder.of("l", ("0", "1"), {"a": ("x",), "b": ("y",)}).with_missing()
    assert list(grown.rungs[1].labels) == ["x", "y", None]


def test_a_leaf_that_stands_twice_is_refused() -> None:
    with pytest.raises(HierarchyError, match="more than once"):
        Ladder.of_columns("l", ("0", "1"), [pl.Series(["a", "a"]), pl.Series(["x", "x"])])
