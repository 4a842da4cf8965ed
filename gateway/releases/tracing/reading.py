"""A file of unknown origin as a frame of columns: CSV, Parquet, NDJSON or a workbook, told apart by its content."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook

from gateway.anonymize.tables.errors import TableFileError
from gateway.anonymize.tables.reading import as_text, read_table

_START = 64


def read_leak(path: Path) -> pl.DataFrame:
    """Return the table in ``path`` as text. Raises ``TableFileError`` when there is none that can be read."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
        if zipfile.is_zipfile(path) and not start.startswith(b"PAR1"):
            frame = _workbook(path)
        elif start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            frame = pl.read_ndjson(path, infer_schema_length=None)
        else:
            frame = read_table(path).frame
    except (pl.exceptions.PolarsError, CalamineError, zipfile.BadZipFile, OSError) as error:
        raise TableFileError(
            f"{path.name} cannot be read as CSV, Parquet, NDJSON or a workbook.",
            detail_zh=f"{path.name} 无法按 CSV、Parquet、NDJSON 或工作簿读取。",
        ) from error
    return frame.select(as_text(frame[name]) for name in frame.columns if not frame[name].dtype.is_nested())


def _workbook(path: Path) -> pl.DataFrame:
    """Return the sheet with the most cells: people add others to what they were given."""
    book = CalamineWorkbook.from_path(path)
    sheets = [book.get_sheet_by_index(place).to_python() for place in range(len(book.sheet_names))]
    header, *body = max(sheets, key=lambda rows: sum(map(len, rows)), default=[[]]) or [[]]
    names: dict[str, None] = {}
    for place, name in enumerate(header):
        text = str(name) or f"column {place + 1}"
        names[text if text not in names else f"{text} ({place + 1})"] = None
    cells = [[str(cell) or None for cell in row] for row in body]
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")
