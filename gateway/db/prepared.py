"""Statements that run at every commit, compiled once a dialect and handed to the driver as text.

SQLAlchemy takes longer to find a statement in its cache, and to bind its values, than SQLite takes to run it. On
SQLite they go straight to the driver's cursor: what SQLAlchemy does around one takes three times as long as the
statement. On PostgreSQL, where the way there and back is the most of it, SQLAlchemy stays between: it knows which
errors mean that the connection is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
_NONE: Values = {}


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    names: tuple[str, ...] | None
    """Names of the values in their order; ``None`` where the driver takes them by name."""
    fixed: Values
    """Values that the statement brings itself."""

    def bound(self, values: Values) -> Any:  # noqa: ANN401  what a driver takes
        if self.names is None:
            return {**self.fixed, **values}
        fixed = self.fixed
        return tuple(values[name] if name in values else fixed[name] for name in self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A statement whose values are plain (text, numbers, bytes): no type of a column converts them.

    ``sets`` names the columns that an insert or update writes, all for an insert without.
    """

    statement: Select[Any] | Insert | Update | Delete
    sets: Sequence[str] | None = None
    _compiled: dict[str, _Compiled] = field(default_factory=dict, init=False, repr=False)

    def run(self, connection: Connection, values: Values) -> int:
        """Run an insert, update or delete once; return how many rows it wrote."""
        compiled = self._of(connection)
        if connection.dialect.name == "sqlite":
            return _within(connection, compiled.text, compiled.bound(values))[1]
        return connection.exec_driver_sql(compiled.text, compiled.bound(values)).rowcount

    def rows(self, connection: Connection, values: Values = _NONE) -> Sequence[Sequence[Any]]:
        """Run a select; return its rows, values in the order of its columns."""
        compiled = self._of(connection)
        if connection.dialect.name == "sqlite":
            return _within(connection, compiled.text, compiled.bound(values))[0]
        return connection.exec_driver_sql(compiled.text, compiled.bound(values)).all()

    def run_rows(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run an insert for each of ``rows``, at least one, whose values stand in the order of ``sets``."""
        compiled, names = self._of(connection), self.sets or ()
        if compiled.names is None:
            connection.exec_driver_sql(compiled.text, [dict(zip(names, row, strict=True)) for row in rows])
        elif compiled.names != tuple(names):
            raise ValueError("name the columns in the order of their table, all that the statement takes")
        elif connection.dialect.name == "sqlite":
            _within(connection, compiled.text, rows, many=True)
        else:
            connection.exec_driver_sql(compiled.text, list(rows))

    def _of(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._compiled.get(dialect.name)
        if found is None:
            made = self.statement.compile(dialect=dialect, column_keys=self.sets)
            fixed = {name: value for name, value in made.params.items() if value is not None}
            names = None if made.positiontup is None else tuple(made.positiontup)
            found = self._compiled[dialect.name] = _Compiled(str(made), names, fixed)
        return found


def _within(connection: Connection, statement: str, values: Any, *, many: bool = False) -> tuple[Sequence[Any], int]:  # noqa: ANN401  what a driver takes
    """Run a statement on SQLite; as SQLAlchemy does, begin a transaction where none is open."""
    if not connection.in_transaction():
        connection.begin()
    return straight(connection, statement, values, many=many)


def straight(
    connection: Connection,
    statement: str,
    values: Any = (),  # noqa: ANN401  what a driver takes
    *,
    many: bool = False,
) -> tuple[Sequence[Any], int]:
    """Run a statement on the driver's cursor, for SQLite; return its rows, and how many it wrote.

    It begins no transaction. Raises what SQLAlchemy would raise, without the values.
    """
    cursor = connection.connection.cursor()
    try:
        if many:
            cursor.executemany(statement, values)
            return [], cursor.rowcount
        cursor.execute(statement, values)
        return cursor.fetchall(), cursor.rowcount
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, None, error, sqlite3.Error, hide_parameters=True) from error
    finally:
        cursor.close()
