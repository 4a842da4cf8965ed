"""The four file formats of an extract, written as a stream of frames, and read back for the leak scan."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from python_calamine import CalamineWorkbook

from gateway.policies.records import Format
from gateway.releases.errors import ContentDamagedError, TooManyRowsError

XLSX_ROWS = 200_000
"""A workbook is built in memory, and nobody reads more rows in one: larger extracts take another format."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
READ_ROWS = 131_072
_OLDEST = pl.CompatLevel.oldest()


class Writer(Protocol):
    """Takes frames of one schema, text columns as text or as categories; ``close`` writes what is left."""

    def write(self, frame: pl.DataFrame) -> None:
        """Take some rows."""

    def close(self) -> None:
        """Finish the file; the sink stays open."""


def writer(kind: Format, sink: BinaryIO, schema: pl.Schema) -> Writer:
    """Return the writer of a format on a sink that can only be written forward."""
    match kind:
        case Format.CSV:
            return _Csv(sink, schema)
        case Format.NDJSON:
            return _Ndjson(sink)
        case Format.PARQUET:
            return _Parquet(sink, schema)
        case Format.XLSX:
            return _Xlsx(sink, schema)


def read_back(kind: Format, source: io.RawIOBase) -> Iterator[pl.DataFrame]:
    """Yield what a written file really holds, with its column names, in frames of bounded size.

    Raises ``ContentDamagedError`` when the file cannot be read as what it should be: nothing leaves then.
    """
    try:
        match kind:
            case Format.PARQUET:
                file = pa.PythonFile(source, mode="r")
                # dictionaries stay what they are: a value of theirs is read, and scanned, once
                parquet = pq.ParquetFile(file, read_dictionary=_dictionaries(pq.read_metadata(file)))
                for batch in parquet.iter_batches(batch_size=READ_ROWS):
                    yield cast("pl.DataFrame", pl.from_arrow(batch))
            case Format.CSV:
                yield from _csv_frames(source)
            case Format.NDJSON:
                for block in _line_blocks(source):
                    yield pl.read_ndjson(block, infer_schema_length=None)
            case Format.XLSX:
                sheet = CalamineWorkbook.from_filelike(io.BytesIO(source.read())).get_sheet_by_index(0)
                header, *body = sheet.to_python()
                cells = [[str(cell) or None for cell in row] for row in body]
                yield pl.DataFrame(cells, schema=dict.fromkeys(map(str, header), pl.String), orient="row")
    except (pl.exceptions.PolarsError, pa.ArrowException, ValueError) as error:
        raise ContentDamagedError(
            "The written file cannot be read back; nothing is released.", detail_zh="写出的文件无法回读，已停止提供。"
        ) from error


def _dictionaries(file: pq.FileMetaData) -> list[str]:
    """Return the text columns that stand as dictionaries in every row group."""
    groups = [file.row_group(number) for number in range(file.num_row_groups)]
    return [
        column.name
        for place, column in enumerate(file.schema.to_arrow_schema())
        if pa.types.is_string(column.type) and all(group.column(place).has_dictionary_page for group in groups)
    ]


def _csv_frames(source: io.RawIOBase) -> Iterator[pl.DataFrame]:
    names: list[str] | None = None
    for block in _line_blocks(source):
        if names is None:
            first = pl.read_csv(block, infer_schema=False)
            names = first.columns
            yield first
        else:
            yield pl.read_csv(block, has_header=False, new_columns=names, infer_schema=False)


def _line_blocks(source: io.RawIOBase) -> Iterator[bytes]:
    """Yield whole lines, some megabytes at a time."""
    rest = b""
    while piece := source.read(8 << 20):
        block, newline, rest_of_piece = (rest + piece).rpartition(b"\n")
        rest = rest_of_piece
        if newline:
            yield block + newline
    if rest:
        yield rest


class _Csv:
    """RFC 4180 with a byte order mark, so that Excel shows Chinese; no cell can become a formula."""

    def __init__(self, sink: BinaryIO, schema: pl.Schema) -> None:
        self._sink = sink
        sink.write(b"\xef\xbb\xbf")
        pl.DataFrame(schema=schema).write_csv(sink)

    def write(self, frame: pl.DataFrame) -> None:
        frame = _texts(frame)
        harmless = [_harmless(name) for name, dtype in frame.schema.items() if dtype == pl.String]
        self._sink.write(frame.with_columns(harmless).write_csv(include_header=False).encode())

    def close(self) -> None:
        """Nothing is left to write."""


class _Ndjson:
    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def write(self, frame: pl.DataFrame) -> None:
        self._sink.write(_texts(frame).write_ndjson().encode())

    def close(self) -> None:
        """Nothing is left to write."""


class _Parquet:
    """Text columns that come as categories are written as the dictionaries that they are; the file says text."""

    def __init__(self, sink: BinaryIO, schema: pl.Schema) -> None:
        self._sink = sink
        self._empty = pl.DataFrame(schema=schema)
        self._writer: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        table = _table(frame)
        opened = self._open(table.schema)
        opened.write_table(table.cast(opened.schema), row_group_size=READ_ROWS)

    def close(self) -> None:
        self._open(self._empty.to_arrow(compat_level=_OLDEST).schema).close()

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        """Return the writer; its first table says which columns are categories."""
        if self._writer is None:
            self._writer = self._new(schema)
        return self._writer

    def _new(self, schema: pa.Schema) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            compression_level=1,
            # text without categories hardly repeats itself: a dictionary would only be thrown away again
            use_dictionary=[column.name for column in schema if pa.types.is_dictionary(column.type)],
            store_schema=False,  # that columns were categories here is nobody's business
        )


class _Xlsx:
    """Text cells only, so that nothing is rounded and nothing is a formula; built in memory, no temporary file."""

    def __init__(self, sink: BinaryIO, schema: pl.Schema) -> None:
        self._sink = sink
        self._buffer = io.BytesIO()
        self._book = xlsxwriter.Workbook(
            self._buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._sheet = self._book.add_worksheet("extract")
        self._text = self._book.add_format({"num_format": "@"})
        bold = self._book.add_format({"bold": True, "num_format": "@"})
        for column, name in enumerate(schema):
            self._sheet.write_string(0, column, name, bold)
            self._sheet.set_column(column, column, 18, self._text)
        self._sheet.freeze_panes(1, 0)
        self._row = 1

    def write(self, frame: pl.DataFrame) -> None:
        if self._row + frame.height - 1 > XLSX_ROWS:
            raise TooManyRowsError(
                f"A workbook takes at most {XLSX_ROWS} rows: ask for parquet or csv.",
                detail_zh=f"Excel 文件最多 {XLSX_ROWS} 行：请改用 parquet 或 csv。",
            )
        columns = [frame[name].cast(pl.String).to_list() for name in frame.columns]
        for row in zip(*columns, strict=True):
            for column, value in enumerate(row):
                if value is not None:
                    self._sheet.write_string(self._row, column, value, self._text)
            self._row += 1

    def close(self) -> None:
        self._book.close()
        self._sink.write(self._buffer.getvalue())


def _table(frame: pl.DataFrame) -> pa.Table:
    columns = [
        _dictionary(column) if isinstance(column.dtype, pl.Categorical) else column.to_arrow(compat_level=_OLDEST)
        for column in frame.iter_columns()
    ]
    return pa.table(columns, names=frame.columns)


def _dictionary(column: pl.Series) -> pa.DictionaryArray:
    """Return a column of categories with a dictionary of the values that stand in it, and of no others."""
    codes = column.to_physical().to_arrow(compat_level=_OLDEST)
    numbers = codes.fill_null(0).to_numpy()
    present = np.zeros(int(numbers.max()) + 1 if len(numbers) else 1, dtype=np.bool_)
    present[numbers if not codes.null_count else codes.drop_null().to_numpy()] = True
    used = pl.Series(np.flatnonzero(present), dtype=pl.UInt32).cat.to(column.dtype)
    places = (np.cumsum(present, dtype=np.int32) - 1)[numbers]
    return pa.DictionaryArray.from_arrays(
        pa.array(places, mask=codes.is_null().to_numpy(zero_copy_only=False) if codes.null_count else None),
        used.cast(pl.String).to_arrow(compat_level=_OLDEST).cast(pa.string()),
    )


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with its categories as text."""
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))


def _harmless(name: str) -> pl.Expr:
    column = pl.col(name)
    risky = pl.any_horizontal([column.str.starts_with(start) for start in FORMULA_STARTS])
    return pl.when(risky).then(pl.lit("'") + column).otherwise(column).alias(name)
