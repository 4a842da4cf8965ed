"""Columns into tables and back: executemany on SQLite, COPY on PostgreSQL. No row objects on this path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

import polars as pl
import psycopg
from sqlalchemy import Column, Connection, Table, select, text

CHUNK = 20_000
"""Rows that are sealed and written at a time."""
_ID_CHUNK = 50_000


def insert_frame(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Insert ``frame``, whose columns are columns of ``table``, in the transaction of ``connection``."""
    if frame.is_empty():
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table, frame.columns), _rows(frame))
    else:
        _copy(connection, table.name, frame)


def upsert_frame(connection: Connection, table: Table, frame: pl.DataFrame, fixed: Iterable[str] = ()) -> None:
    """Insert ``frame`` or, where the primary key exists, set its columns but those in ``fixed``."""
    if frame.is_empty():
        return
    keys = [column.name for column in table.primary_key]
    kept = {*keys, *fixed}
    sets = ", ".join(f"{name} = excluded.{name}" for name in frame.columns if name not in kept)
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table, frame.columns) + conflict, _rows(frame))
        return
    names = ", ".join(frame.columns)
    stage = _staged(connection, table, frame)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {stage}{conflict}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {stage}")


def update_frame(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Set the columns of ``frame`` in the rows with its primary key.

    Leave indexed columns out where they are the same: both databases would write their index entries anew.
    """
    if frame.is_empty():
        return
    keys = [column.name for column in table.primary_key]
    values = [name for name in frame.columns if name not in keys]
    # all names are those of our own tables
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f"{name} = ?" for name in values)
        where = " AND ".join(f"{name} = ?" for name in keys)
        statement = f"UPDATE {table.name} SET {sets} WHERE {where}"  # noqa: S608
        connection.exec_driver_sql(statement, _rows(frame.select(*values, *keys)))
        return
    stage = _staged(connection, table, frame)
    sets = ", ".join(f"{name} = s.{name}" for name in values)
    where = " AND ".join(f"t.{name} = s.{name}" for name in keys)
    connection.exec_driver_sql(f"UPDATE {table.name} t SET {sets} FROM {stage} s WHERE {where}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {stage}")


def select_in(
    connection: Connection,
    columns: Sequence[Column[Any]],
    key: Column[Any],
    values: Sequence[str],
    *,
    lock: bool = False,
) -> pl.DataFrame:
    """Return the rows whose ``key`` is one of ``values`` as a frame of ``columns``, named and typed as the table is.

    The values travel as one parameter: no list of a hundred thousand place holders. With ``lock`` the rows stay as
    they are until the transaction ends.
    """
    listed = (
        "SELECT value FROM json_each(:wanted)"
        if connection.dialect.name == "sqlite"
        else "SELECT unnest(CAST(:wanted AS text[]))"
    )
    found: list[Sequence[object]] = []
    query = select(*columns).where(text(f"{key.table.name}.{key.name} IN ({listed})"))
    query = query.with_for_update() if lock else query
    for start in range(0, len(values), _ID_CHUNK):
        chunk = list(values[start : start + _ID_CHUNK])
        wanted = json.dumps(chunk) if connection.dialect.name == "sqlite" else chunk
        found.extend(cast("Sequence[object]", row) for row in connection.execute(query, {"wanted": wanted}))
    return pl.DataFrame([tuple(row) for row in found], schema={c.name: _polars_type(c) for c in columns}, orient="row")


def _staged(connection: Connection, table: Table, frame: pl.DataFrame) -> str:
    """Copy ``frame`` into a temporary table shaped like its columns in ``table``; return its name."""
    stage = f"stage_{table.name}"
    names = ", ".join(frame.columns)
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {names} FROM {table.name} LIMIT 0"  # noqa: S608
    )
    _copy(connection, stage, frame)
    return stage


def _polars_type(column: Column[Any]) -> pl.DataType | type[pl.DataType]:
    names: dict[type, type[pl.DataType]] = {bool: pl.Boolean, int: pl.Int64, bytes: pl.Binary, str: pl.String}
    python = column.type.python_type
    return names.get(python, pl.Date)


def _sqlite_insert(table: Table, columns: Sequence[str]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  names of our own tables


def _rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return rows for sqlite3, dates as ISO text: its own adapter for dates is deprecated."""
    return frame.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d")).rows()


def _copy(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """COPY as CSV: Polars writes the text at once; null is the empty field, an empty text is quoted."""
    flat = (
        frame.with_columns((pl.lit("\\x") + pl.col(pl.Binary).bin.encode("hex")).name.keep())
        if _binary(frame)
        else frame
    )
    raw = cast("psycopg.Connection[object]", connection.connection.driver_connection)
    with raw.cursor() as cursor, cursor.copy(_copy_statement(table, frame.columns)) as copy:
        copy.write(flat.write_csv(include_header=False, quote_style="necessary", date_format="%Y-%m-%d"))


def _binary(frame: pl.DataFrame) -> bool:
    return any(kind == pl.Binary for kind in frame.schema.values())


def _copy_statement(table: str, columns: Sequence[str]) -> psycopg.sql.Composed:
    return psycopg.sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL '')").format(
        psycopg.sql.Identifier(table), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    )
