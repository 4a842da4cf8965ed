"""Hierarchy files of other programs: any encoding and line end is read, anything broken is named by line and value."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.ladder_files import ladder_from_csv, suggestions
from gateway.anonymize.ladder_rules import interval_ladder, prefixes_ladder

PLAIN = "红;暖色;*\n黄;暖色;*\n蓝;冷色;*\n"
WIDE = "红;暖色;*\n黄;暖色;*\n蓝;冷色;*"


@pytest.mark.parametrize(
    "source",
    [
        PLAIN, WIDE, "\ufeff" + PLAIN, PLAIN.replace("\n", "\r\n"), PLAIN.replace("\n", "\r"), "\n" + PLAIN + "\n\n",
        PLAIN.encode(), PLAIN.encode("utf-8-sig"), PLAIN.encode("utf-16"), PLAIN.encode("gb18030"),
        PLAIN.replace("红", '"红"'), PLAIN.replace(";", ","), PLAIN.replace(";", "\t"),
    ],
)  # fmt: skip
def test_the_same_hierarchy_however_it_was_saved(source: str | bytes) -> None:
    ladder = ladder_from_csv(source, "colour")
    assert (list(ladder.leaves), ladder.level_names) == (["红", "黄", "蓝"], ("0", "1", "2"))
    assert ladder.labels(1).to_list() == ["暖色", "暖色", "冷色"]


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "colour.csv").write_text(PLAIN, encoding="utf-8")
    assert ladder_from_csv(tmp_path / "colour.csv", "colour").height == 3
    with pytest.raises(HierarchyError, match=r"'none.csv' cannot be read"):
        ladder_from_csv(tmp_path / "none.csv", "colour")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("a;x;*\nb;x\n", r"Line 2 .*'b'.* 2 entries, the first line has 3"),
        ("a;x\n\nb;x;*\n", r"Line 3 .*'b'.* 3 entries, the first line has 2"),
        ("a;x;*\nb;y;*\na;x;*\n", r"Line 3 .*'a' of line 1"),
        ("a;x;1\nb;x;2\n", r"Line 2 .*'x' under '2', line 1 under '1'"),
        ("a;;*\n", r"Line 1 .*'a'.* level 1"),
        ("a;x;*\nb;x;\n", r"Line 2 .*'b'.* level 2"),
        ('a;x;*\n"b;x;*\n', r"Line \d .*quotes"),
        ("a;x\0;*\n", r"Line 1 .*zero byte"),
        (b"a;x\n\xff\xff\xff;x\n", r"Line 2 .*neither UTF-8 nor GB18030"),
        ("", "empty"),
        (" \n\n", "empty"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_value(source: str | bytes, says: str) -> None:
    with pytest.raises(HierarchyError, match=says) as caught:
        ladder_from_csv(source, "h")
    assert "层级 h" in caught.value.detail_zh


def test_a_file_with_one_level_is_a_list_of_values() -> None:
    assert ladder_from_csv("a\nb\n", "h").height == 1


def test_an_empty_first_cell_is_the_missing_value() -> None:
    ladder = ladder_from_csv("a;x;*\n;none;*\n", "h")
    assert ladder.generalize(pl.Series("c", [None, "a"]), 1).to_list() == ["none", "x"]


def test_a_missing_value_gets_a_suggestion() -> None:
    ladder = ladder_from_csv("Never-married;alone;*\nDivorced;alone;*\n", "h")
    unknown = ladder.missing(pl.Series("c", ["never-married ", "Divorcd", "xyz", "Divorced"]))
    assert dict(suggestions(unknown, ladder)) == {
        "never-married ": "Never-married", "Divorcd": "Divorced", "xyz": None,
    }  # fmt: skip


def test_bands_of_whole_numbers() -> None:
    column = pl.Series("age", [0, 4, 5, 17, None])
    ladder = interval_ladder("age", column, [5, 10])
    assert ladder.level_names == ("value", "5", "10", "*")
    assert ladder.generalize(column, 1).to_list() == ["0-4", "0-4", "5-9", "15-19", None]
    assert ladder.generalize(column, 2).to_list() == ["0-9", "0-9", "0-9", "10-19", None]
    assert set(ladder.labels(3)) == {"*"}


def test_bands_of_negative_and_broken_numbers() -> None:
    negative = pl.Series("c", [-1, 0])
    assert interval_ladder("c", negative, [5]).generalize(negative, 1).to_list() == ["-5..-1", "0..4"]
    broken = pl.Series("c", ["0.1", "2.5", "1e1"])
    assert interval_ladder("c", broken, [2.5]).generalize(broken, 1).to_list() == ["[0, 2.5)", "[2.5, 5)", "[10, 12.5)"]
    moved = pl.Series("c", [1, 6])
    assert interval_ladder("c", moved, [5], origin=1).generalize(moved, 1).to_list() == ["1-5", "6-10"]


@pytest.mark.parametrize("value", ["NaN", "inf", "1,000", "twelve", "", "1e20", "٣"])
def test_what_is_no_number_is_counted_not_guessed(value: str) -> None:
    with pytest.raises(UnknownLeafError) as caught:
        interval_ladder("c", pl.Series("c", ["1", value]), [5])
    assert caught.value.extra["count"] == 1


@pytest.mark.parametrize("widths", [[], [0], [5, 7], [5, 5], [10, 5], [-1], [float("nan")]])
def test_bands_that_do_not_nest_are_refused(widths: list[float]) -> None:
    with pytest.raises(HierarchyError):
        interval_ladder("c", pl.Series("c", [1]), widths)


def test_leading_characters() -> None:
    column = pl.Series("zip", ["030001", "030606", "0306", None])
    ladder = prefixes_ladder("zip", column, [4, 2])
    assert ladder.generalize(column, 1).to_list() == ["0300", "0306", "0306", None]
    assert ladder.generalize(column, 2).to_list() == ["03", "03", "03", None]
    with pytest.raises(HierarchyError):
        prefixes_ladder("zip", column, [2, 4])
