"""Every format holds exactly the rows that were given, and no cell can become a formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import openpyxl
import polars as pl
import pytest

from gateway.policies.records import Format
from gateway.releases.errors import TooManyRowsError
from gateway.releases.shuffle import Shuffle
from gateway.releases.writers import XLSX_ROWS, read_back, writer

FRAME = pl.DataFrame(
    {
        "grade": ["11", None, "=cmd|' /C calc'!A0"],
        "born": [date(2015, 3, 17), None, date(2016, 1, 1)],
        "boarding": [True, False, None],
    }
)


def _written(kind: Format, *frames: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    out = writer(kind, sink, frames[0].schema)
    for frame in frames:
        out.write(frame)
    out.close()
    return sink.getvalue()


def test_csv_neutralizes_formulas_and_has_one_header() -> None:
    rows = list(csv.reader(io.StringIO(_written(Format.CSV, FRAME, FRAME).decode("utf-8-sig"))))
    assert rows[0] == ["grade", "born", "boarding"]
    assert len(rows) == 7
    assert rows[3][0] == "'=cmd|' /C calc'!A0"


def test_ndjson_keeps_types_and_nulls() -> None:
    rows = [json.loads(line) for line in _written(Format.NDJSON, FRAME).decode().splitlines()]
    assert rows[0] == {"grade": "11", "born": "2015-03-17", "boarding": True}
    assert rows[1]["grade"] is None


def test_parquet_reads_back_equal() -> None:
    assert pl.read_parquet(_written(Format.PARQUET, FRAME, FRAME)).equals(pl.concat([FRAME, FRAME]))


def test_xlsx_holds_text_cells_and_no_formula() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(_written(Format.XLSX, FRAME))).worksheets[0]
    assert sheet["A4"].value == "=cmd|' /C calc'!A0"
    assert sheet["A4"].data_type == "s"
    assert sheet["A2"].number_format == "@"


def test_a_workbook_refuses_more_rows_than_it_takes() -> None:
    out = writer(Format.XLSX, io.BytesIO(), pl.Schema({"a": pl.String}))
    with pytest.raises(TooManyRowsError):
        out.write(pl.DataFrame({"a": ["x"] * (XLSX_ROWS + 1)}))


@pytest.mark.parametrize("kind", list(Format))
def test_what_was_written_can_be_read_back_for_the_scan(kind: Format) -> None:
    content = _written(kind, FRAME)
    text = "\n".join(frame.write_csv() for frame in read_back(kind, io.BytesIO(content)))  # type: ignore[arg-type]  # BytesIO reads alike
    assert "calc" in text
    assert "2015-03-17" in text


@pytest.mark.parametrize("rows", [0, 10, 450_000])
def test_a_shuffle_keeps_every_row_and_not_the_order(rows: int) -> None:
    frame = pl.DataFrame({"n": pl.int_range(rows, eager=True), "t": pl.int_range(rows, eager=True).cast(pl.String)})
    with Shuffle() as shuffle:
        for start in range(0, rows, 60_000):
            shuffle.add(frame[start : start + 60_000])
        out = list(shuffle.frames())
    if rows == 0:
        assert out == []
        return
    mixed = pl.concat(out)
    assert mixed.sort("n").equals(frame)
    if rows > 100:
        near = ((mixed["n"] - pl.int_range(rows, eager=True)).abs() < 65_536).mean()
        assert isinstance(near, float)
        assert near < 0.5
