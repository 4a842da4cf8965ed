"""A process of its own that reads the sharing view from an SQLite file by ADBC; a script without imports of ours.

Why a process: the ADBC driver carries its own copy of SQLite. Two copies in one process do not see each
other's POSIX locks, and closing a file in one drops the locks of the other
(https://www.sqlite.org/howtocorrupt.html, section 2.2.1): a checkpoint under an open snapshot tore reads and ended in
SIGBUS when it was tried. The process holds no key.

Protocol: one JSON line in, for each request; an Arrow IPC stream and then one JSON line out. The first request is
``{"database": path}``, answered by a line alone. The line after a stream says how many rows it had, so that
a stream cut off is never taken for a whole one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager import Error as AdbcError
from adbc_driver_sqlite import dbapi

TYPES = {"text": pa.string(), "date": pa.date32(), "bool": pa.bool_(), "int": pa.int64()}


def schema_of(kinds: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema for column name -> text, date, bool or int."""
    return pa.schema([(name, TYPES[kind]) for name, kind in kinds.items()])


def exact(batch: pa.RecordBatch, kinds: Mapping[str, str]) -> pa.RecordBatch:
    """Return ``batch`` with exact types; SQLite has neither dates nor booleans, and nulls come as '' and -1."""
    columns = []
    for column, kind in zip(batch.columns, kinds.values(), strict=True):
        if kind == "int":
            columns.append(column.cast(pa.int64()))
        elif kind == "bool":
            columns.append(pc.if_else(pc.less(column, 0), pa.scalar(None, pa.bool_()), pc.equal(column, 1)))
        else:
            text = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
            columns.append(text.cast(TYPES[kind]))
    return pa.record_batch(columns, schema=schema_of(kinds))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the input ends."""
    first = json.loads(requests.readline())
    with dbapi.connect(f"file:{first['database']}?mode=rw", autocommit=True) as connection:
        with connection.cursor() as cursor:
            for pragma in ("query_only=ON", "temp_store=MEMORY", "busy_timeout=10000"):
                cursor.execute(f"PRAGMA {pragma}")
                cursor.fetchall()
            cursor.execute("BEGIN")
        say(answers, {"ready": True})
        for line in requests:
            answer(connection, json.loads(line), answers)


def answer(connection: Any, request: Mapping[str, Any], answers: BinaryIO) -> None:  # noqa: ANN401  ADBC has no types
    """Write the stream and the closing line of one request."""
    kinds: Mapping[str, str] = request["columns"]
    rows, problem = 0, None
    with pa.ipc.new_stream(answers, schema_of(kinds)) as writer, connection.cursor() as cursor:
        try:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(request["batch_rows"])})
            cursor.execute(request["sql"])
            for batch in cursor.fetch_record_batch():
                writer.write_batch(exact(batch, kinds))
                rows += batch.num_rows
        except (AdbcError, pa.ArrowException, OSError) as error:
            problem = type(error).__name__
    say(answers, {"rows": rows, "error": problem})


def say(answers: BinaryIO, message: Mapping[str, object]) -> None:
    """Write one line and flush."""
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # the reader of our answers is gone, and so is the need for them
        sys.stderr.close()
        sys.exit(1)
