"""A CSV or Parquet file as a frame of columns; what cannot be read as a table is refused with the line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any, Literal, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from gateway.anonymize.tables.csv_form import Compression, CsvForm, Encoding, look, opened, sha256_of
from gateway.anonymize.tables.errors import TableFileError

_BLOCK = 16 << 20
_SHOWN = 3
_WHOLE = 2**53


@dataclass(frozen=True, slots=True)
class Source:
    """A table that was read. CSV columns are text; those of Parquet keep their types."""

    path: Path
    frame: pl.DataFrame = field(repr=False)
    kind: Literal["csv", "parquet"]
    sha256: str
    size: int
    delimiter: str | None = None
    encoding: Encoding | None = None
    compression: Compression | None = None


def read_table(
    path: Path, *, missing: Sequence[str] = ("",), expected: Collection[str] = (), delimiter: str | None = None
) -> Source:
    """Return the table of a CSV (plain, gzip, zstd) or Parquet file, told apart by its first bytes.

    ``missing`` are texts that count as no value; ``expected`` columns help to find the delimiter. Raises
    ``TableFileError`` with the line when a record has too many or too few cells, else with what to change.
    """
    try:
        if not path.is_file():
            raise TableFileError(f"There is no file {path}.", detail_zh=f"没有文件 {path}。")
        size = path.stat().st_size
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        if parquet:
            return Source(path, _parquet(path, missing), "parquet", sha256_of(path), size)
        form = look(path, expected=expected, delimiter=delimiter)
        frame = _csv(path, form, missing)
    except OSError as error:
        # pyarrow's errors of a broken archive are OSErrors without a strerror
        reason = error.strerror or "the file is damaged"
        raise TableFileError(f"{path} cannot be read: {reason}.", detail_zh=f"{path} 无法读取：{reason}。") from error
    return Source(path, frame, "csv", sha256_of(path), size, form.delimiter, form.encoding, form.compression)


def as_text(values: pl.Series) -> pl.Series:
    """Return the column as the text by which hierarchies know its values; no value (also NaN) is null.

    Whole numbers that stand as floats, as programs leave them where a value is missing, lose their ``.0``; a date
    and time at midnight is a date. Raises ``TableFileError`` for a column of lists, records or bytes.
    """
    dtype = values.dtype
    if dtype == pl.String:
        return values
    if dtype.is_float():
        values = values.fill_nan(None)
        present = values.drop_nulls()
        if bool(((present == present.floor()) & (present.abs() < _WHOLE)).all()):
            return values.cast(pl.Int64).cast(pl.String)
        return values.cast(pl.String)
    if isinstance(dtype, pl.Datetime) and bool((values.drop_nulls().dt.time() == time(0)).all()):
        return values.dt.date().cast(pl.String)
    if dtype.is_nested() or dtype in {pl.Binary, pl.Object}:
        raise TableFileError(
            f"The column '{values.name}' is of type {dtype}, no single value; drop it by the role 'direct', "
            "or take it apart first.",
            detail_zh=f"列 {values.name} 的类型为 {dtype}，不是单一的值；请以角色 direct 删去，或先行拆分。",
        )
    return values.cast(pl.String)


def _parquet(path: Path, missing: Sequence[str]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # a damaged page makes its reader panic
        raise TableFileError(
            f"{path.name} begins like Parquet but cannot be read; write it anew.",
            detail_zh=f"{path.name} 形似 Parquet 但无法读取；请重新生成。",
        ) from error
    return _filled(path, frame.with_columns(pl.col(pl.String).replace(list(missing), None) if missing else []))


def _csv(path: Path, form: CsvForm, missing: Sequence[str]) -> pl.DataFrame:
    try:
        return _filled(path, _parsed(path, form, missing))
    except pa.ArrowInvalid as error:
        odd = _odd_records(path, form)
        if odd:
            number, has = odd[0]
            raise TableFileError(
                f"{path.name}, record {number} (the header is 1), has {has} cells, the header {len(form.header)}; "
                f"{len(odd)} records differ. Correct them: a delimiter inside a cell needs quotes.",
                detail_zh=f"{path.name} 第 {number} 条记录（表头为第 1 条）有 {has} 个单元格，"
                f"表头有 {len(form.header)} 个；共 {len(odd)} 条不符。请更正：含分隔符的单元格须加引号。",
                extra={"record": number, "cells": has, "expected": len(form.header), "records": len(odd)},
            ) from error
        raise TableFileError(
            f"{path.name} cannot be read as CSV; look for a quote that does not end.",
            detail_zh=f"{path.name} 无法按 CSV 读取；请检查未闭合的引号。",
        ) from error


def _parsed(path: Path, form: CsvForm, missing: Sequence[str]) -> pl.DataFrame:
    with opened(path, form.compression) as stream:
        table = pacsv.read_csv(
            stream,
            read_options=pacsv.ReadOptions(
                encoding="utf8" if form.encoding == "utf-8" else form.encoding,
                block_size=_BLOCK,
                column_names=list(form.header),
                skip_rows_after_names=1,
            ),
            parse_options=_parse_options(form),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.large_string() for name in form.header},
                null_values=list(missing),
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    frame = cast("pl.DataFrame", pl.from_arrow(table, rechunk=True))
    if form.quotes % 2 and frame.height and any("\n" in (cell or "") for cell in frame.row(-1)):
        raise pa.ArrowInvalid("the last cell begins with a quote that does not end")
    return frame


def _parse_options(form: CsvForm, handler: Callable[[Any], str] | None = None) -> Any:  # noqa: ANN401  pyarrow has no types
    return pacsv.ParseOptions(
        delimiter=form.delimiter,
        quote_char=form.quote,
        double_quote=True,
        newlines_in_values=form.quotes > 0,
        ignore_empty_lines=len(form.header) > 1,
        invalid_row_handler=handler,
    )


def _odd_records(path: Path, form: CsvForm) -> list[tuple[int, int]]:
    """Return number and cells of the records that have not as many cells as the header; slowly, after a failure."""
    odd: list[tuple[int, int]] = []

    def note(row: Any) -> str:  # noqa: ANN401  pyarrow has no types
        odd.append((row.number or 0, row.actual_columns))
        return "skip"

    try:
        with opened(path, form.compression) as stream:
            pacsv.read_csv(
                stream,
                read_options=pacsv.ReadOptions(
                    encoding="utf8" if form.encoding == "utf-8" else form.encoding,
                    use_threads=False,
                    block_size=_BLOCK,
                    column_names=list(form.header),
                ),
                parse_options=_parse_options(form, note),
            )
    except pa.ArrowInvalid:
        return odd
    return odd


def _filled(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    if frame.is_empty():
        raise TableFileError(
            f"{path.name} has a header and no rows: there is nothing to release.",
            detail_zh=f"{path.name} 只有表头，没有数据行。",
        )
    return frame
