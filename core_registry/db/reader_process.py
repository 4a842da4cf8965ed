"""A process of its own that reads the sharing view from an SQLite file by ADBC; a script without imports of ours.

Why a process: the ADBC driver carries its own copy of SQLite. Two copies in one process do not see each
other's POSIX locks, and closing a file in one drops the locks of the other
(https://www.sqlite.org/howtocorrupt.html, section 2.2.1): a checkpoint under an open snapshot tore reads and ended in
SIGBUS when it was tried. The process holds no key.

Protocol: one JSON line in, for each request; an Arrow IPC stream and then one JSON line out. The first request is
``{"database": path}``, answered by a line alone. The line after a stream says how many rows it had, so that
a stream cut off is never taken for a whole one.

The driver takes the type of a column from its first batch. Where that holds nothing but nulls, the query runs again
with marks in the place of nulls ('' and -1, which the sharing view never holds: sharing_row.py): marks for every
query would take half as long again.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import adbc_driver_manager as adbc
import adbc_driver_sqlite
import pyarrow as pa
import pyarrow.compute as pc

COLUMNS = "{columns}"
"""Where a request's SQL has its list of columns."""
TYPES = {"text": pa.string(), "date": pa.date32(), "bool": pa.bool_(), "int": pa.int64()}


def schema_of(kinds: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema for column name -> text, date, bool or int."""
    return pa.schema([(name, TYPES[kind]) for name, kind in kinds.items()])


def exact(batch: pa.RecordBatch, kinds: Mapping[str, str]) -> pa.RecordBatch:
    """Return ``batch`` with exact types; SQLite has neither dates nor booleans."""
    columns = []
    for column, kind in zip(batch.columns, kinds.values(), strict=True):
        if kind == "bool":
            columns.append(pc.equal(column, 1))
        else:
            columns.append(column if column.type == TYPES[kind] else column.cast(TYPES[kind]))
    return pa.record_batch(columns, schema=schema_of(kinds))


def unmarked(batch: pa.RecordBatch, kinds: Mapping[str, str]) -> pa.RecordBatch:
    """Return ``batch`` with nulls where a marked query put '' and -1."""
    columns = []
    for column, kind in zip(batch.columns, kinds.values(), strict=True):
        if kind == "bool":
            columns.append(pc.if_else(pc.less(column, 0), pa.scalar(None, column.type), column))
        elif kind == "int":
            columns.append(column)
        else:
            columns.append(pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column))
    return pa.record_batch(columns, names=list(kinds))


def listed(kinds: Mapping[str, str], *, marks: bool) -> str:
    """Return the list of columns of a query, whose whole numbers are expressions of its own."""
    names = ((name, kind) for name, kind in kinds.items() if kind != "int")
    if not marks:
        return ", ".join(name for name, _ in names)
    return ", ".join(f"coalesce({name}, {'-1' if kind == 'bool' else repr('')}) AS {name}" for name, kind in names)


class Database:
    """One connection with an open read transaction, through the driver's own interface.

    Its DBAPI layer would import Polars and Pandas where they are installed: a third of a second at every start.
    """

    def __init__(self, path: str) -> None:
        self._database = adbc_driver_sqlite.connect(f"file:{path}?mode=rw")
        self._connection = adbc.AdbcConnection(self._database)
        for setting in ("query_only=ON", "temp_store=MEMORY", "busy_timeout=10000"):
            self.run(f"PRAGMA {setting}")
        self.run("BEGIN")

    def close(self) -> None:
        """End the transaction and close the file."""
        self._connection.close()
        self._database.close()

    def run(self, sql: str) -> None:
        """Run a statement without a result of interest."""
        self.query(sql, 1, lambda reader: reader.read_all())

    def query(self, sql: str, batch_rows: int, take: Callable[[Any], object]) -> None:
        """Hand the result of ``sql`` to ``take`` as a reader of batches, and close it after."""
        with adbc.AdbcStatement(self._connection) as statement:
            statement.set_options(**{"adbc.sqlite.query.batch_rows": str(batch_rows)})
            statement.set_sql_query(sql)
            stream, _ = statement.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as reader:
                take(reader)

    def batches(self, sql: str, kinds: Mapping[str, str], batch_rows: int, write: Callable[[Any], object]) -> int:
        """Give every batch of ``sql`` to ``write``, with exact types; return the number of rows."""
        rows, again = 0, False

        def plain(reader: Any) -> None:  # noqa: ANN401  Arrow has no types
            nonlocal rows, again
            first = next(reader, None)
            if first is None:
                return
            again = any(
                kind in {"text", "date"} and not pa.types.is_string(found.type)
                for found, kind in zip(first.columns, kinds.values(), strict=True)
            )
            if not again:
                for batch in itertools.chain([first], reader):
                    write(exact(batch, kinds))
                    rows += batch.num_rows

        def marked(reader: Any) -> None:  # noqa: ANN401  Arrow has no types
            nonlocal rows
            for batch in reader:
                write(exact(unmarked(batch, kinds), kinds))
                rows += batch.num_rows

        self.query(sql.replace(COLUMNS, listed(kinds, marks=False), 1), batch_rows, plain)
        if again:
            self.query(sql.replace(COLUMNS, listed(kinds, marks=True), 1), batch_rows, marked)
        return rows


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the input ends."""
    database = Database(json.loads(requests.readline())["database"])
    say(answers, {"ready": True})
    for line in requests:
        answer(database, json.loads(line), answers)
    database.close()


def answer(database: Database, request: Mapping[str, Any], answers: BinaryIO) -> None:
    """Write the stream and the closing line of one request."""
    kinds: Mapping[str, str] = request["columns"]
    rows, problem = 0, None
    with pa.ipc.new_stream(answers, schema_of(kinds)) as writer:
        try:
            rows = database.batches(request["sql"], kinds, request["batch_rows"], writer.write_batch)
        except (adbc.Error, pa.ArrowException, OSError) as error:
            problem = type(error).__name__
    say(answers, {"rows": rows, "error": problem})


def say(answers: BinaryIO, message: Mapping[str, object]) -> None:
    """Write one line and flush."""
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
        os._exit(0)  # nothing is open; taking the interpreter down keeps whoever waits for us waiting
    except BrokenPipeError:  # the reader of our answers is gone, and so is the need for them
        sys.stderr.close()
        sys.exit(1)
