"""The sample as files."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import polars as pl
import pytest

from core_registry.sample import Sample, generate, write_csv, write_source, write_workbook
from rulebook import Rulebook
from tests.unit.sample.conftest import TODAY


@pytest.fixture(scope="module")
def small(book: Rulebook) -> Sample:
    return generate(300, 9, book, today=TODAY, batch_rows=100)


@pytest.fixture(scope="module")
def rows(small: Sample) -> pl.DataFrame:
    return pl.concat(list(small.batches()))


@pytest.mark.parametrize("mapping", ["template", "national"])
def test_a_workbook_has_title_headers_and_text_cells_only(
    tmp_path: Path, rows: pl.DataFrame, book: Rulebook, mapping: str
) -> None:
    path = tmp_path / "form.xlsx"
    write_workbook(path, rows, book, mapping)
    layout = book.import_mappings[mapping]
    sheet = openpyxl.load_workbook(path).worksheets[0]
    lines = list(sheet.iter_rows())
    assert str(lines[0][0].value).startswith("学生基本信息采集表")
    headers = [cell.value for cell in lines[layout.title_rows]]
    codes = [code for code in layout.headers if code in rows.columns]  # texts where there are any
    assert headers == [layout.headers[code] for code in codes]
    body = lines[layout.title_rows + 1 :]
    written = pl.DataFrame(
        [[cell.value for cell in line] for line in body], schema=dict.fromkeys(codes, pl.String), orient="row"
    )
    assert written.equals(rows.select(codes))
    cells = [cell for line in body for cell in line if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}


def test_a_csv_has_a_byte_order_mark_title_headers_and_rows(tmp_path: Path, rows: pl.DataFrame, book: Rulebook) -> None:
    path = tmp_path / "form.csv"
    write_csv(path, rows, book)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    layout = book.import_mappings["template"]
    again = pl.read_csv(path, skip_rows=layout.title_rows, infer_schema=False)
    codes = [code for code in layout.headers if code in rows.columns]
    assert again.columns == [layout.headers[code] for code in codes]
    assert again.rows() == rows.select(codes).rows()


def test_an_unknown_layout_is_refused(tmp_path: Path, rows: pl.DataFrame, book: Rulebook) -> None:
    with pytest.raises(KeyError):
        write_csv(tmp_path / "form.csv", rows, book, "nothing")


def test_the_source_table_holds_all_batches(tmp_path: Path, small: Sample, rows: pl.DataFrame) -> None:
    path = tmp_path / "source.parquet"
    assert write_source(path, small.batches()) == 300
    assert pl.read_parquet(path).equals(rows)


def test_a_source_table_of_no_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no batch"):
        write_source(tmp_path / "source.parquet", [])
