"""Write transactions of the log, with a savepoint for each write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy import (
    Connection,
    Engine,
    text,
)
from sqlalchemy.exc import DBAPIError

from gateway.audit.sequencer import CommitUnknownError, TransactionLostError
from gateway.audit.store.values import GONE, LOCK_TIMEOUT, still_open, unavailable
from gateway.db import connection_of
from gateway.journal import Tx

# By hand: SQLAlchemy gives each savepoint a name, and compiles it anew for each.
_SAVE, _UNDO, _KEEP = "SAVEPOINT entry", "ROLLBACK TO SAVEPOINT entry", "RELEASE SAVEPOINT entry"


class TransactionRows:
    """Transactions on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a write transaction; commit it, or roll it back on an error.

        Raises ``UnavailableError`` when the database is gone, ``CommitUnknownError`` when it went during commit.
        """
        try:
            connection = self._engine.connect()
        except (*GONE, DBAPIError) as error:
            raise unavailable(error) from error
        with connection:
            try:
                transaction = connection.begin()
                if connection.dialect.name == "postgresql":
                    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            except DBAPIError as error:
                raise unavailable(error) from error
            try:
                yield cast("Tx", connection)
            except BaseException as error:
                try:
                    transaction.rollback()
                except DBAPIError:
                    connection.invalidate()  # the database rolls back what it cannot hear from any more
                if isinstance(error, GONE):
                    raise unavailable(error) from error
                raise
            if not still_open(connection):
                raise TransactionLostError("The transaction was lost; nothing was written.")
            try:
                transaction.commit()
            except DBAPIError as error:
                connection.invalidate()
                raise CommitUnknownError("The database went away while it committed.") from error

    @contextmanager
    def savepoint(self, tx: Tx) -> Iterator[None]:
        """Run one write: an error undoes it alone. Raises ``TransactionLostError`` when the whole is gone."""
        connection = connection_of(tx)
        _bare(connection, _SAVE)
        try:
            yield
        except Exception as error:
            if not still_open(connection):
                raise TransactionLostError("The transaction was lost; nothing was written.") from error
            _bare(connection, _UNDO)
            _bare(connection, _KEEP)
            if isinstance(error, GONE):
                raise unavailable(error) from error
            raise
        _bare(connection, _KEEP)


def _bare(connection: Connection, statement: str) -> None:
    """Run a statement on the driver's connection: it is one of three, and run twice for every entry.

    Raises ``TransactionLostError`` when it fails: a savepoint fails only with its transaction.
    """
    try:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()
    except Exception as error:  # the driver's own errors: SQLAlchemy does not see this statement
        raise TransactionLostError("The transaction was lost; nothing was written.") from error
