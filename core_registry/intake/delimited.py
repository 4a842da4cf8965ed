"""Text files with separators: UTF-8 with and without BOM, UTF-16 with BOM, GBK and GB18030."""

from __future__ import annotations

import codecs
import csv
import io
from itertools import zip_longest
from pathlib import Path

import polars as pl

from core_registry.errors import UnreadableFileError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_delimited(path: Path) -> tuple[pl.DataFrame, list[int]]:
    """Return the columns ``c0``, … as text (blank cells null), and the record number of each row, from 1.

    Blank records are left out. The separator is the comma, tabulator or semicolon that the first record has most of.
    Raises ``UnreadableFileError`` when the file is no text in a known encoding, or its quotes do not pair.
    """
    text = _decode(path.read_bytes()).rstrip(", ;\t\r\n")  # a tail of blank rows costs nothing
    first = text.split("\n", 1)[0]
    separator = max(",\t;", key=first.count)
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 1):
            if any(map(str.strip, row)):
                rows.append(row)
                numbers.append(number)
    except csv.Error as error:
        raise UnreadableFileError(
            "the text file is no CSV: a quotation mark is not closed, or a field is longer than 131072 characters",
            detail_zh="文本文件不是规范的 CSV：引号未成对，或某一字段过长。",
        ) from error
    columns = [pl.Series(f"c{index}", cells, dtype=pl.String) for index, cells in enumerate(zip_longest(*rows))]
    return pl.DataFrame([column.set(column == "", None) for column in columns]), numbers


def _decode(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return _strictly(content, encoding)
    if b"\x00" in content:
        raise _no_text()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(content, "gb18030")  # GBK is a part of it


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text() from error


def _no_text() -> UnreadableFileError:
    return UnreadableFileError(
        "the file is neither a workbook nor a text file in UTF-8 or GB18030; save it as .xlsx",
        detail_zh="文件既不是工作簿，也不是 UTF-8 或 GB18030 编码的文本文件，请另存为 .xlsx 再导入。",
    )
