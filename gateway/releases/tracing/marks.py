"""Marks of a file as it left: digests of its values, row by row, in the order of the file.

Of a file with pseudonyms the pseudonyms alone are marked: random numbers that no other file has. Of any other file all
columns are: which rows left, and in which random order, differs between recipients although every choice would have
been equally good. A mark is a digest of text as any program would write the value again: it survives another format,
another case and spaces, not another value. Marks hold no value and no pupil, and lie sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.anonymize.plan import Plan
from gateway.releases.ledger.records import Numbers

_AROUND = " \t\r\n'\ufeff"
"""What programs put around a value: spaces, and the apostrophe that keeps a spreadsheet from calculating."""
_WHOLE_NUMBER = r"^(-?[0-9]+)\.0+$"
NO_VALUE = np.uint64(0)
PSEUDONYMS = "pseudonyms "
"""Stands before the name of a column of marks that are of pseudonyms."""


def marked_columns(plan: Plan) -> dict[str, str]:
    """Return the columns of which marks are kept, and how their marks are called: pseudonyms, or else all columns."""
    pseudonyms = [column.name for column in plan.columns if column.operation == "pseudonymize"]
    return {name: f"{PSEUDONYMS}{name}" for name in pseudonyms} or {name: name for name in plan.names}


def digests(values: pl.Series) -> Numbers:
    """Return 64 bits (xxh3) of each value as text; a missing value and an empty one are 0.

    Whole numbers that became floats, capital letters and spaces around a value make no difference.
    """
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        distinct = values.unique().drop_nulls()
        table = np.full(int(distinct.to_physical().max() or 0) + 2, NO_VALUE)  # type: ignore[arg-type]  # numbers
        table[distinct.to_physical().to_numpy()] = digests(distinct.cast(pl.String))
        codes = values.to_physical().cast(pl.Int64).fill_null(table.size - 1)
        found: Numbers = table[codes.to_numpy()]
        return found
    plain = values.cast(pl.String).str.strip_chars(_AROUND).str.to_lowercase().str.replace(_WHOLE_NUMBER, "$1")
    present = (plain.str.len_bytes() > 0).fill_null(value=False).to_numpy()
    return np.where(present, _hashed(plain), NO_VALUE)


def _hashed(text: pl.Series) -> Numbers:
    hashed = text.rename("value").to_frame().select(plh.col("value").nchash.xxh3_64()).to_series()
    return hashed.fill_null(0).to_numpy().astype(np.uint64, copy=False)


class Marker:
    """Writes the marks of the frames that pass to ``sink`` as Parquet; ``columns`` as of ``marked_columns``."""

    def __init__(self, sink: BinaryIO, columns: Mapping[str, str]) -> None:
        self._columns = dict(columns)
        schema = pa.schema([(name, pa.uint64()) for name in self._columns.values()])
        repeated = [name for name in schema.names if not name.startswith(PSEUDONYMS)]
        self._writer = pq.ParquetWriter(
            sink,
            schema,
            compression={name: "zstd" if name in repeated else "none" for name in schema.names},
            use_dictionary=repeated,
            store_schema=False,
        )

    def passing(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield ``frames`` as they come, each once it is marked."""
        for frame in frames:
            # a pseudonym stands as it was made: 32 digits and small letters, to which ``digests`` would do nothing
            marks = [
                pa.array(_hashed(frame[name]) if mark.startswith(PSEUDONYMS) else digests(frame[name]))
                for name, mark in self._columns.items()
            ]
            self._writer.write_table(pa.table(marks, names=list(self._columns.values())))
            yield frame

    def close(self) -> None:
        """Finish; the sink stays open."""
        self._writer.close()
