"""Two ways to a consistent stream of Arrow batches: a process for SQLite, a snapshot for PostgreSQL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pyarrow as pa
from adbc_driver_manager import Error as AdbcError
from adbc_driver_postgresql import dbapi as postgres
from sqlalchemy.engine import URL

from core_registry.db import reader_process
from core_registry.db.reader_process import COLUMNS, listed, schema_of
from core_registry.errors import RegistryUnavailableError

BATCH_BYTES = 16 * 1024 * 1024
"""How much PostgreSQL's driver gathers before it hands on a batch."""


PIPE_BYTES = 1 << 20
"""Capacity of the pipes of a reader process, where the system lets us set it."""


class Source(Protocol):
    """One consistent state of the database."""

    def stream(self, sql: str, kinds: Mapping[str, str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``sql`` as batches with exactly ``kinds`` (column -> text, date, bool, int).

        ``sql`` has ``COLUMNS`` in the place of all columns that are no whole numbers.
        """

    def close(self) -> None:
        """End the transaction and free what it held."""


def gone(error: str) -> RegistryUnavailableError:
    """Return the error for a source that broke off; ``error`` names its kind and holds no data."""
    return RegistryUnavailableError(
        f"The sharing view cannot be read ({error}).", detail_zh="无法读取共享视图，学籍数据库不可用。"
    )


class SqliteSource:
    """A reader process with one open read transaction. One stream at a time; another one waits for its end."""

    def __init__(self, database: str) -> None:
        if not Path(database).exists():
            raise gone("no such database")
        self._process = subprocess.Popen(  # noqa: S603  our own script by our own interpreter
            [sys.executable, "-I", reader_process.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE_BYTES,
            env={},
        )
        self._open: Iterator[pa.RecordBatch] | None = None
        try:
            self._ask({"database": str(Path(database).absolute())})
            self._line()
        except BaseException:
            self.close()
            raise

    def stream(self, sql: str, kinds: Mapping[str, str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield batches; raises ``RegistryUnavailableError`` when the stream ends early."""
        if self._open is not None:
            for _ in self._open:  # an abandoned stream still stands in the pipe
                pass
        self._open = self._stream(sql, kinds, batch_rows)
        return self._open

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # it ended before us
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _stream(self, sql: str, kinds: Mapping[str, str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        self._ask({"sql": sql, "columns": dict(kinds), "batch_rows": batch_rows})
        rows = 0
        try:
            with pa.ipc.open_stream(self._output()) as reader:
                for batch in reader:
                    rows += batch.num_rows
                    if batch.num_rows:
                        yield batch
        except (pa.ArrowException, OSError) as error:
            raise gone(type(error).__name__) from None
        end = self._line()
        if end.get("error") or end.get("rows") != rows:
            raise gone(str(end.get("error") or "stream cut off"))

    def _ask(self, request: Mapping[str, object]) -> None:
        pipe = cast("IO[bytes]", self._process.stdin)
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
        except (OSError, ValueError) as error:
            raise gone(type(error).__name__) from None

    def _line(self) -> dict[str, Any]:
        line = self._output().readline()
        if not line:
            raise gone("the reader ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def _output(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)


class PostgresSource:
    """A REPEATABLE READ snapshot.

    Each stream has a connection of its own that joins it, since a COPY occupies its connection until it ends.
    """

    def __init__(self, url: URL) -> None:
        self._uri = url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            self._anchor = self._connect()
            with self._anchor.cursor() as cursor:
                cursor.execute("SELECT pg_export_snapshot() AS name")
                self._snapshot = str(cursor.fetch_arrow_table().column(0)[0].as_py())
        except AdbcError as error:
            raise gone(type(error).__name__) from None

    def stream(self, sql: str, kinds: Mapping[str, str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """Yield batches of at most ``batch_rows``; raises ``RegistryUnavailableError`` when the stream ends early."""
        schema = schema_of(kinds)
        try:
            with self._connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
                cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
                cursor.execute(sql.replace(COLUMNS, listed(kinds, marks=False), 1))
                for batch in cursor.fetch_record_batch():
                    exact = pa.record_batch(
                        [column.cast(kind) for column, kind in zip(batch.columns, schema.types, strict=True)],
                        schema=schema,
                    )
                    for start in range(0, exact.num_rows, batch_rows):
                        yield exact.slice(start, batch_rows)
        except (AdbcError, pa.ArrowException, OSError) as error:
            raise gone(type(error).__name__) from None

    def close(self) -> None:
        """End the snapshot."""
        self._anchor.close()

    def _connect(self) -> Any:  # noqa: ANN401  ADBC has no types
        connection = postgres.connect(self._uri, autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return connection
