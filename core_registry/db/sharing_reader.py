"""The sharing view as releases, identity and policies read it; implements ``core_registry.sharing.SharingView``.

Filters become quoted literals, not parameters: PostgreSQL's COPY, on which the streaming stands, takes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl
import pyarrow as pa
from sqlalchemy import Engine, select
from sqlalchemy.engine import make_url

from core_registry.db.bulk import select_in
from core_registry.db.engine import make_engine, reading
from core_registry.db.reader_process import COLUMNS, schema_of
from core_registry.db.sharing_sources import PostgresSource, Source, SqliteSource
from core_registry.db.state import commits
from core_registry.db.tables import sharing_students
from core_registry.sharing import SHARING_COLUMNS, RowFilter

_SORT_ROWS = 200_000
"""Up to so many rows SQLite may find by an index and sort in memory; beyond, it walks the table in order."""
_COUNT_ROWS = 65_536
_COUNTED_BY_INDEX = frozenset({"managing_authority", "state"})
"""Columns of one index of the sharing view."""


def literal(value: str) -> str:
    """Return ``value`` as an SQL text literal for SQLite and for PostgreSQL with standard strings.

    Raises ``ValueError`` for a text with NUL, which neither can hold.
    """
    if "\0" in value:
        raise ValueError("a filter value cannot hold NUL")
    return "'" + value.replace("'", "''") + "'"


class SqlSharingView:
    """Read access to the sharing view at ``url``; on PostgreSQL the URL's role needs SELECT on two tables only."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine: Engine = make_engine(url)

    @contextmanager
    def snapshot(self) -> Iterator[SqlSharingSnapshot]:
        """Open a snapshot. Raises ``RegistryUnavailableError`` when the database does not answer."""
        source: Source = SqliteSource(self._url.database or "") if self._sqlite else PostgresSource(self._url)
        try:
            yield SqlSharingSnapshot(source, sqlite=self._sqlite)
        finally:
            source.close()

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row as column -> value (text, date, bool or ``None``), ``None`` when there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(*(sharing_students.c[name] for name in SHARING_COLUMNS)).where(
                    sharing_students.c.subject_ref == subject_ref
                )
            ).one_or_none()
        return None if row is None else dict(row._mapping)

    def pupils(self, subject_refs: Sequence[str], columns: Sequence[str]) -> tuple[str, pl.DataFrame]:
        """Return the commit counter and the rows of ``subject_refs`` that there are, in one read transaction.

        The frame holds ``subject_ref`` and ``columns``, in no order. The references travel as one parameter, so that
        the statement is the same whatever is found. Raises ``ValueError`` on a column outside ``SHARING_COLUMNS``.
        """
        names = list(dict.fromkeys(["subject_ref", *columns]))
        _kinds(names)
        with reading(self._engine) as connection:
            version = str(commits(connection))
            wanted = [sharing_students.c[name] for name in names]
            return version, select_in(connection, wanted, sharing_students.c.subject_ref, subject_refs)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


class SqlSharingSnapshot:
    """One consistent state; implements ``core_registry.sharing.SharingSnapshot``."""

    def __init__(self, source: Source, *, sqlite: bool) -> None:
        self._source = source
        self._sqlite = sqlite
        self._counts: dict[str, int] = {}
        # The first read: it fixes the state that all later reads see.
        self._version = str(self._number("SELECT commits AS n FROM register_state"))

    @property
    def version(self) -> str:
        """The registry's commit counter at this snapshot, as decimal text."""
        return self._version

    def count(self, rows: RowFilter) -> int:
        """Return the number of rows."""
        return self._counted(rows.conditions())

    def batches(self, columns: Sequence[str], rows: RowFilter, *, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches with exactly ``columns``, ordered by ``subject_ref``.

        Memory does not grow with the rows. On SQLite one stream is open at a time: beginning another, or
        counting, reads the rest of the first. Raises ``ValueError`` on a column outside ``SHARING_COLUMNS``
        or twice, ``RegistryUnavailableError`` when the stream breaks off.
        """
        kinds = _kinds(columns)
        if batch_rows < 1:
            raise ValueError("a batch has at least one row")
        conditions, sign = rows.conditions(), ""
        if self._sqlite and conditions and self.count(rows) > _SORT_ROWS:
            # A unary plus keeps SQLite from an index whose rows it would have to sort, all of them in memory.
            conditions, sign = self._selective(conditions), "+"
        order = "subject_ref" if self._sqlite else 'subject_ref COLLATE "C"'
        sql = f"SELECT {COLUMNS} FROM sharing_students{_where(conditions, sign)} ORDER BY {order}"  # noqa: S608  quoted literals
        return self._source.stream(sql, kinds, batch_rows)

    def tuples(self, columns: Sequence[str], rows: RowFilter) -> pl.DataFrame:
        """Return the distinct tuples of ``columns`` with their count in ``n``, grouped in the database.

        Raises ``ValueError`` as ``batches`` does.
        """
        kinds = {**_kinds(columns), "n": "int"}
        group = f" GROUP BY {', '.join(columns)}" if columns else " HAVING count(*) > 0"
        what = f"{COLUMNS}, count(*) AS n" if columns else "count(*) AS n"
        sql = f"SELECT {what} FROM sharing_students{_where(rows.conditions())}{group}"  # noqa: S608  quoted literals
        table = pa.Table.from_batches(self._source.stream(sql, kinds, _COUNT_ROWS), schema=schema_of(kinds))
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame):
            raise TypeError("a table gives a frame")
        return frame

    def _number(self, sql: str) -> int:
        (batch,) = self._source.stream(sql, {"n": "int"}, 1)
        found: int = batch.column(0)[0].as_py()
        return found

    def _counted(self, conditions: Mapping[str, frozenset[str]]) -> int:
        """Count once: a snapshot does not change, and on SQLite a count may walk an index from end to end."""
        where = _where(conditions)
        if where not in self._counts:
            self._counts[where] = self._number(f"SELECT count(*) AS n FROM sharing_students{where}")  # noqa: S608  quoted literals
        return self._counts[where]

    def _selective(self, conditions: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Return ``conditions`` without those that every row meets: a walk need not ask a million times.

        Only those that one index answers are tried, which takes a fraction of what they cost in the walk.
        """
        total = self._counted({})
        if self._counted(conditions) == total:
            return {}
        return {
            column: values
            for column, values in conditions.items()
            if column not in _COUNTED_BY_INDEX or self._counted({column: values}) < total
        }


def _kinds(columns: Sequence[str]) -> dict[str, str]:
    unknown = [column for column in columns if column not in SHARING_COLUMNS]
    if unknown or len(set(columns)) != len(columns):
        raise ValueError(f"not columns of the sharing view, or twice: {', '.join(unknown) or 'twice'}")
    return {column: SHARING_COLUMNS[column] for column in columns}


def _where(conditions: Mapping[str, frozenset[str]], sign: str = "") -> str:
    parts = []
    for column, values in conditions.items():
        listed = ", ".join(literal(value) for value in sorted(values))
        parts.append(f"{sign}{column} IN ({listed})" if values else "1 = 0")
    return f" WHERE {' AND '.join(parts)}" if parts else ""
