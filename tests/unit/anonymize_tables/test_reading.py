"""Files as people have them: what is found by itself, and what is refused with the line."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from gateway.anonymize.tables.errors import TableFileError
from gateway.anonymize.tables.reading import as_text, read_table

ROWS = [("王五", "1,5"), ('said "no"', "2"), ("two\nlines", "3")]


def _csv(delimiter: str, quote: str = '"', ending: str = "\n") -> str:
    def cell(text: str) -> str:
        return quote + text.replace(quote, quote * 2) + quote

    return ending.join(delimiter.join(map(cell, row)) for row in [("姓名", "b"), *ROWS]) + ending


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_delimiter_and_encoding_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(_csv(delimiter, ending="\r\n").encode(encoding))
    source = read_table(path)
    assert source.delimiter == delimiter
    assert source.frame.columns == ["姓名", "b"]
    assert source.frame.rows() == ROWS


def test_single_quotes_are_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("'a';'b'\n'x;y';'it''s'\n", encoding="utf-8")
    assert read_table(path).frame.rows() == [("x;y", "it's")]


def test_the_columns_of_the_plan_decide_where_two_delimiters_fit(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;x,b\n1;2,3\n", encoding="utf-8")
    assert read_table(path, expected=["a", "x,b"]).frame.columns == ["a", "x,b"]
    assert read_table(path, expected=["a;x", "b"]).frame.columns == ["a;x", "b"]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(pa.compress(b"a,b\n1,2\n", codec=kind, asbytes=True))
    source = read_table(path)
    assert source.compression == kind
    assert source.frame.rows() == [("1", "2")]


def test_one_column_has_no_delimiter_and_may_have_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1,5\n\n2\n", encoding="utf-8")
    assert read_table(path).frame["a"].to_list() == ["1,5", None, "2"]


def test_missing_values_are_what_the_plan_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\nNA,?\n"",2\n', encoding="utf-8")
    assert read_table(path).frame.rows() == [("NA", "?"), (None, "2")]
    assert read_table(path, missing=["", "NA", "?"]).frame.rows() == [(None, None), (None, "2")]
    parquet = tmp_path / "t.parquet"
    pl.DataFrame({"a": ["NA", ""], "n": [1, None]}).write_parquet(parquet)
    assert read_table(parquet, missing=["", "NA"]).frame.rows() == [(None, 1), (None, None)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n1\n3,4,5\n", "record 3 .* has 1 cells, the header 2; 2 records"),
        (b"a;b\n" + b"1;2\n" * 700 + b"1;2;3\n", "record 702 .* has 3 cells"),
        (b"a,a\n1,2\n", "two columns 'a'"),
        ("e\u0301,\u00e9\n1,2\n".encode(), "two columns"),
        (b"a, a \n1,2\n", "two columns"),
        (b",a\n1,2\n", "Column 1 .* no name"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n", "no rows"),
        (b'a,b\n1,"2\n3,4\n', "quote"),
        (b"a,b\n1,\xff\xff\n", "line 2"),
        (b"a,b\n1,\x00\n", "zero bytes"),
        (b"PK\x03\x04xxxx", "workbook"),
        (b"PAR1xxxxxxxx", "Parquet"),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:40], "damaged"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(TableFileError, match=says) as caught:
        read_table(path)
    assert caught.value.detail_zh


def test_an_error_shows_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\nsecret,2\nsecret,2,3\n", encoding="utf-8")
    with pytest.raises(TableFileError) as caught:
        read_table(path)
    assert "secret" not in caught.value.detail + caught.value.detail_zh


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TableFileError, match="no file"):
            read_table(path)


def test_columns_of_any_type_have_the_text_that_hierarchies_know() -> None:
    assert as_text(pl.Series([39.0, None, float("nan")])).to_list() == ["39", None, None]
    assert as_text(pl.Series([39.5, 1.0])).to_list() == ["39.5", "1.0"]
    assert as_text(pl.Series([date(2012, 3, 4)])).to_list() == ["2012-03-04"]
    assert as_text(pl.Series([datetime(2012, 3, 4), None])).to_list() == ["2012-03-04", None]  # noqa: DTZ001
    assert as_text(pl.Series([True])).to_list() == ["true"]
    assert as_text(pl.Series(["a"], dtype=pl.Categorical)).to_list() == ["a"]
    for odd in (pl.Series([[1]]), pl.Series([b"x"]), pl.Series([{"a": 1}])):
        with pytest.raises(TableFileError, match="no single value"):
            as_text(odd)
