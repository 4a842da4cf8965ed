"""The plain copy: columns of the sharing view from an SQLite file to Parquet, with ADBC and Polars and nothing else.

A process of its own, since two copies of SQLite in one process do not see each other's locks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
from adbc_driver_sqlite import dbapi

from bench.measure import answer, job


def copy(database: Path, target: Path, columns: list[str]) -> None:
    """Copy all rows and print what it cost."""
    with job() as cost:
        with dbapi.connect(f"file:{database}?mode=ro") as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
            cursor.execute(f"SELECT {', '.join(columns)} FROM sharing_students")
            frame = pl.from_arrow(cursor.fetch_arrow_table())
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("a table gives a frame")
        frame.write_parquet(target)
    answer(cost, rows=frame.height, bytes=target.stat().st_size)
    target.unlink()


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(","))
