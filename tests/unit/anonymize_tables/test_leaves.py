"""Hierarchies in every form a plan can give them, and values that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from gateway.anonymize.tables.errors import TablePlanError
from gateway.anonymize.tables.leaves import Fitted, Shelf, alike_merged, fit
from gateway.anonymize.tables.nearness import nearest, plain
from gateway.anonymize.tables.plan import HierarchyForm
from rulebook.records import Divisions
from tests.unit.anonymize_tables.tables import BOOK

FORM: TypeAdapter[Any] = TypeAdapter(HierarchyForm | None)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "age.csv").write_text("".join(f"{age};{age // 10}x;*\n" for age in range(60)), encoding="utf-8")
    (tmp_path / "comma.csv").write_text("a,x\nb,x\n", encoding="utf-8")
    (tmp_path / "torn.csv").write_text("a;x;*\nb;x;+\n", encoding="utf-8")
    return Shelf(tmp_path, lambda: (BOOK, Divisions({}, {})))


def fitted(values: list[str | None], form: object, shelf: Shelf, *, secret: bool = False) -> Fitted:
    column = pl.Series("age", values, dtype=pl.String)
    return fit(column, FORM.validate_python(form), shelf, "/columns/age/hierarchy", secret=secret)


@pytest.mark.parametrize(
    ("form", "values", "labels"),
    [
        ("age.csv", ["7", "34", None], [["7", "34", None], ["0x", "3x", None], ["*", "*", "*"]]),
        ({"file": "comma.csv", "separator": ","}, ["a", "b"], [["a", "b"], ["x", "x"]]),
        ("sex", ["1", "2"], [["1", "2"], ["*", "*"]]),
        ({"levels": ["v", "g", "*"], "table": {"7": ["low"], "34": ["high"]}}, ["7"], [["7"], ["low"], ["*"]]),
        ({"levels": ["v", "g"], "table": {"7": ["low"], "34": ["high"]}}, ["34"], [["34"], ["high"]]),
        ({"interval": [5, 20]}, ["7", "34"], [["7", "34"], ["5-9", "30-34"], ["0-19", "20-39"], ["*", "*"]]),
        ({"interval": {"widths": [10], "origin": 5}}, ["7"], [["7"], ["5-14"], ["*"]]),
        ({"prefix": [2, 1]}, ["abc", None], [["abc", None], ["ab", None], ["a", None], ["*", "*"]]),
        ({"date": ["month", "year"]}, ["2012-03-04"], [["2012-03-04"], ["2012-03"], ["2012"], ["*"]]),
        (None, ["b", "a"], [["b", "a"], ["*", "*"]]),
    ],
)
def test_every_form_gives_its_levels(
    shelf: Shelf, form: object, values: list[str | None], labels: list[list[str | None]]
) -> None:
    found = fitted(values, form, shelf)
    told = [found.ladder.generalize(found.leaves, level).to_list() for level in range(found.ladder.height)]
    assert told == labels


def test_a_file_counts_all_its_lines_and_a_computed_form_the_values_present(shelf: Shelf) -> None:
    assert len(fitted(["7"], "age.csv", shelf).ladder.leaves) == 60
    assert len(fitted(["7", "8"], {"interval": [5]}, shelf).ladder.leaves) == 2


@pytest.mark.parametrize(
    ("form", "values", "says"),
    [
        ("age.csv", ["7", "7O", "7O"], r"lacks 1 values .*\(2 rows\): '7O' \(row 2, nearest there: '7'\)"),
        ("age.csv", ["61"], "nearest there: '59'"),
        ("age.csv", ["61"], r"add a line like '61;…;\*'"),
        ("aeg.csv", ["7"], "did you mean 'age.csv'"),
        ("sexx", ["1"], "did you mean 'sex'"),
        ("torn.csv", ["a"], "'x' under"),
        ({"interval": [5]}, ["7", "x"], r"'x' \(row 2\)"),
        ({"interval": [5, 7]}, ["7"], "multiple"),
        ({"prefix": [2, 4]}, ["7"], "fall"),
        ({"date": ["year"]}, ["7"], "'7'"),
        ({"levels": ["v", "g", "*"], "table": {"7": []}}, ["7"], "entries"),
        ("birth_date", ["2012-13-01"], "2012-13-01"),
    ],
)
def test_what_does_not_fit_is_named_with_the_row(shelf: Shelf, form: object, values: list[str], says: str) -> None:
    with pytest.raises(TablePlanError, match=says) as caught:
        fitted([*values], form, shelf)
    assert caught.value.problems[0].pointer == "/columns/age/hierarchy"
    assert caught.value.detail_zh


def test_values_of_a_sensitive_column_are_not_named(shelf: Shelf) -> None:
    for form in ("age.csv", {"interval": [5]}):
        with pytest.raises(TablePlanError) as caught:
            fitted(["7", "secret"], form, shelf, secret=True)
        assert "secret" not in caught.value.detail + caught.value.detail_zh


def test_look_alikes_of_a_leaf_are_that_leaf(shelf: Shelf) -> None:
    found = fitted(["７", "7\u200b", " 7", "7"], "age.csv", shelf)
    assert found.leaves.to_list() == ["7"] * 4
    assert found.merged == 3


def test_look_alikes_become_the_commonest_of_them() -> None:
    values = pl.Series(["café", "cafe\u0301", "cafe\u0301", "ＡＢ", "AB", "王 五", "王\u3000五", "王五", None])
    merged = alike_merged(values)
    assert merged.to_list() == ["cafe\u0301"] * 3 + ["AB", "AB", "王 五", "王 五", "王五", None]
    assert alike_merged(merged).to_list() == merged.to_list()
    lone = pl.Series(["café", "x"])
    assert alike_merged(lone).to_list() == ["café", "x"]


def test_the_nearest_is_found_by_value_or_by_spelling() -> None:
    assert nearest("61", ["1", "59", "100"]) == "59"
    assert nearest("Bachelor", ["Bachelors", "Masters"]) == "Bachelors"
    assert nearest("private", ["Privat", "Private"]) == "Private"
    assert nearest("q", ["Bachelors"]) is None
    assert plain("\ufeffＡ \u00a0b\u200b\t") == "A b"
