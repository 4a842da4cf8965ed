"""How the registry opens its database: SQLite with durable commits, or PostgreSQL.

The registry does not know the gateway, so this is its own small copy of what a durable engine needs. Every
driver error is translated here, and without its text: PostgreSQL puts whole rows into some of them (I7).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core_registry.errors import RegisterChangedError, RegistryUnavailableError

SQLITE_CACHE = "PRAGMA cache_size=-65536"
"""KiB of page cache a connection."""

SQLITE_PRAGMAS = (
    # of a new file: a sealed row takes most of a kilobyte, and in pages of 4 KiB an import works a fifth longer
    "PRAGMA page_size=16384",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # per connection; anything less loses commits on a power cut
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # else INSERT OR REPLACE passes the guards
    "PRAGMA busy_timeout=10000",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",  # a sort must not leave pupils in a temporary file (I7)
    SQLITE_CACHE,
)


def make_engine(url: str) -> Engine:
    """Return an engine for ``url``; SQLite begins its transactions itself, with ``BEGIN IMMEDIATE`` for writers.

    Parameters never appear in an exception text: they are personal data.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, hide_parameters=True, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, hide_parameters=True, pool_pre_ping=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that commits at the end, or leaves nothing behind.

    Raises ``RegisterChangedError`` when another writer was faster, ``RegistryUnavailableError`` when the
    database is gone, full or locked.
    """
    with _translated(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is rolled back at the end. Raises ``RegistryUnavailableError``."""
    with _translated(), engine.connect().execution_options(xueji_read=True) as connection:
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, psycopg.IntegrityError) as error:
        raise RegisterChangedError(
            f"The register does not take this change ({_name(error)}): it was changed meanwhile, or a guard "
            "forbids it. Check again, then repeat.",
            detail_zh="学籍库拒绝了本次写入：数据已被他人更新，或不允许这样修改。请重新检查后再试。",
        ) from None  # the driver's text may hold a row
    except (DBAPIError, PoolTimeoutError, psycopg.Error) as error:
        raise RegistryUnavailableError(
            f"The registry database does not answer or cannot write ({_name(error)}). Nothing was changed.",
            detail_zh="学籍数据库无法访问或无法写入，未做任何更改。",
        ) from None  # the driver's text may hold a row


def _name(error: Exception) -> str:
    """Return what names the error and holds no data: SQLite's error name, PostgreSQL's SQLSTATE, else the class."""
    original = getattr(error, "orig", None) or error
    name = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return str(name or type(original).__name__)


def _sqlite_connect(dbapi_connection: DBAPIConnection, _record: object) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy would begin late, and deferred
    cursor = dbapi_connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql(
        "BEGIN" if connection.get_execution_options().get("xueji_read", False) else "BEGIN IMMEDIATE"
    )
