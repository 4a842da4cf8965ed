"""How the gateway opens its database: SQLite with durable commits, or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from gateway.db.prepared import straight
from gateway.errors import UnavailableError
from gateway.journal import Tx

R = TypeVar("R")

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # per connection; anything less loses commits on a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # else INSERT OR REPLACE passes the guards of the audit tables
    "PRAGMA busy_timeout=10000",
    "PRAGMA secure_delete=ON",
)


def make_engine(url: str) -> Engine:
    """Return an engine for ``url``; SQLite begins its transactions itself, with ``BEGIN IMMEDIATE`` for writers.

    Use ``engine.connect().execution_options(xueji_write=True)`` or ``engine.begin()`` for writing: both take
    the write lock at once, so that a transaction never fails half way because another one wrote.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)


def make_read_only_engine(url: str) -> Engine:
    """Return an engine that cannot write: for verifiers and inspectors, who may not own the database.

    SQLite is opened with ``mode=ro``; raises ``UnavailableError`` on first use when the file is not there.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "").absolute()
        uri = f"file:{quote(str(path))}?mode=ro"

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=10, isolation_level=None)
            connection.execute("PRAGMA query_only=ON")
            return connection

        engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
        event.listen(engine, "begin", _sqlite_begin_reading)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = {"options": "-c default_transaction_read_only=on"}
    return create_engine(parsed, pool_pre_ping=True, connect_args=options, hide_parameters=True)


def connection_of(tx: Tx) -> Connection:
    """Return the connection behind an opaque transaction; for stores only."""
    return cast("Connection", tx)


def read_only(engine: Engine, query: Callable[[Tx], R]) -> R:
    """Run ``query`` in a transaction that is rolled back after.

    Raises ``UnavailableError`` when the database is gone.
    """
    try:
        with engine.connect().execution_options(xueji_read=True) as connection:
            try:
                return query(cast("Tx", connection))
            finally:
                connection.rollback()
    except DBAPIError as error:
        raise UnavailableError("The database does not answer.", detail_zh="数据库没有响应。") from error


def _sqlite_connect(dbapi_connection: DBAPIConnection, _record: object) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy would begin late, and deferred
    cursor = dbapi_connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _sqlite_begin_reading(connection: Connection) -> None:
    straight(connection, "BEGIN")


def _sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("xueji_read", False)
    straight(connection, "BEGIN" if reading else "BEGIN IMMEDIATE")


def write_scratch(engine: Engine, change: Callable[[Tx], R]) -> R:
    """Run ``change`` in a transaction of its own. Raises ``UnavailableError`` when the database is gone."""
    try:
        with engine.begin() as connection:
            return change(cast("Tx", connection))
    except DBAPIError as error:
        raise UnavailableError("The database does not answer.", detail_zh="数据库没有响应。") from error
