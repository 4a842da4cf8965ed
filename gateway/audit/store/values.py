"""What reading the rows needs: packed tags, bytes, and the errors of databases."""

from __future__ import annotations

from sqlalchemy import (
    Connection,
)
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.errors import UnavailableError


def unavailable(error: Exception, detail: str = "The gateway database does not answer.") -> UnavailableError:
    """Return what callers are told when the database fails; the driver's error is its cause."""
    told = UnavailableError(detail, detail_zh="网关数据库没有响应，未做任何更改。")
    told.__cause__ = error
    return told


def as_bytes(value: bytes | memoryview | str) -> bytes:
    """Return a column's bytes; SQLite keeps text in it if somebody wrote text: damage to be told, not to fail on."""
    return value.encode() if isinstance(value, str) else bytes(value)


def still_open(connection: Connection) -> bool:
    """Say whether the transaction still stands: SQLite drops a whole one on a full disk or an I/O error."""
    if connection.dialect.name != "sqlite":
        return True
    return bool(getattr(connection.connection.dbapi_connection, "in_transaction", False))


GONE = (OperationalError, InterfaceError, InternalError, PendingRollbackError, PoolTimeoutError)
LOCK_TIMEOUT = "10s"
