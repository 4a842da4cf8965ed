"""The sample as files: the form as a workbook or CSV, and the one source table as Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import xlsxwriter

from rulebook import ImportMapping, Rulebook

_TITLE = "学生基本信息采集表（2022年修订版）"
_SHEET = "学生基本信息"


def write_workbook(path: Path, frame: pl.DataFrame, book: Rulebook, mapping: str = "template") -> None:
    """Write ``frame`` (columns by field code, all text) as an ``.xlsx`` in the layout ``mapping``.

    Every cell is text, so that no program turns a number of 18 digits into a float; a null is an empty cell. Raises
    ``KeyError`` for an unknown layout.
    """
    layout, columns = _layout(frame, book, mapping)
    options = {
        "constant_memory": True,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet = workbook.add_worksheet(layout.sheet or _SHEET)
        text = workbook.add_format({"num_format": "@"})
        bold = workbook.add_format({"num_format": "@", "bold": True})
        sheet.set_column(0, len(columns) - 1, 18, text)
        if layout.title_rows:
            sheet.write_string(0, 0, _TITLE, bold)
        for place, column in enumerate(columns):
            sheet.write_string(layout.title_rows, place, layout.headers[column], bold)
        sheet.freeze_panes(layout.title_rows + 1, 0)
        for line, row in enumerate(frame.select(columns).iter_rows(), start=layout.title_rows + 1):
            for place, value in enumerate(row):
                if value is not None:
                    sheet.write_string(line, place, value, text)


def write_csv(path: Path, frame: pl.DataFrame, book: Rulebook, mapping: str = "template") -> None:
    """Write ``frame`` as CSV in the layout ``mapping``: UTF-8 with a byte order mark, title rows, headers, rows.

    Raises ``KeyError`` for an unknown layout.
    """
    layout, columns = _layout(frame, book, mapping)
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        for number in range(layout.title_rows):
            line = [_TITLE if number == 0 else ""] + [""] * (len(columns) - 1)
            file.write((",".join(line) + "\r\n").encode())
        named = frame.select(pl.col(column).alias(layout.headers[column]) for column in columns)
        named.write_csv(file, line_terminator="\r\n")


def write_source(path: Path, batches: Iterable[pl.DataFrame]) -> int:
    """Write all batches into one Parquet file, columns by field code; return the number of rows.

    This is the source table of the demo, with clear identifiers: nothing else beside it holds any.
    Raises ``ValueError`` when there is no batch.
    """
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for batch in batches:
            table = batch.to_arrow(compat_level=pl.CompatLevel.oldest())
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            rows += batch.height
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("no batch: a source table needs at least one row")
    return rows


def _layout(frame: pl.DataFrame, book: Rulebook, mapping: str) -> tuple[ImportMapping, list[str]]:
    layout = book.import_mappings[mapping]
    return layout, [code for code in layout.headers if code in frame.columns]
