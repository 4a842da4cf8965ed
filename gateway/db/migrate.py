"""Brings a database to the newest schema, and writes new revisions.

The caller has imported every store, so that ``metadata`` knows all tables; only the composition root may
do that. Guards are put on again after each upgrade, in the same transaction.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import DBAPIError

from gateway.db.engine import make_engine
from gateway.db.guards import create_guards
from gateway.db.metadata import metadata
from gateway.errors import ConfigurationError, UnavailableError

SCRIPTS = Path(__file__).with_name("migrations")
_MIGRATION_LOCK = 0x78756A69


def upgrade(url: str, *, tables: MetaData = metadata, scripts: Path = SCRIPTS) -> None:
    """Bring the database at ``url`` to the newest revision and set the guards; twice changes nothing.

    Raises ``UnavailableError`` when the database is gone, ``ConfigurationError`` when a guarded table is in the
    metadata and not in the revisions.
    """
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # two hosts that start at once take turns
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            command.upgrade(_config(connection, tables, scripts), "head")
            _require_tables(connection, tables)
            create_guards(connection, tables, replace=True)
    except DBAPIError as error:
        raise UnavailableError("The database cannot be migrated.", detail_zh="数据库迁移失败。") from error
    finally:
        engine.dispose()


def revision(url: str) -> str | None:
    """Return the revision that the database at ``url`` is at; ``None`` before the first."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise UnavailableError("The database does not answer.", detail_zh="数据库没有响应。") from error
    finally:
        engine.dispose()


def require_current(engine: Engine, *, scripts: Path = SCRIPTS) -> None:
    """Return when the schema is the newest; raise ``ConfigurationError`` that says what to run when not."""
    newest = ScriptDirectory(str(scripts)).get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != newest:
        raise ConfigurationError(
            f"The gateway database is at revision {current or 'none'}, the program needs {newest}; run 'xueji init'.",
            detail_zh="网关数据库结构不是最新，请运行 xueji init。",
        )


def autogenerate(url: str, message: str, *, tables: MetaData = metadata, scripts: Path = SCRIPTS) -> Path | None:
    """Write a revision that brings the database at ``url`` from its revision to ``tables``; return its file.

    The database has to be at the newest revision. For developers, at integration.
    """
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            made = command.revision(_config(connection, tables, scripts), message, autogenerate=True)
    finally:
        engine.dispose()
    found = made[0] if isinstance(made, list) else made
    return None if found is None else Path(found.path)


def differences(url: str, *, tables: MetaData = metadata) -> list[str]:
    """Return where the database at ``url`` differs from ``tables``; empty when a migration is not needed."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return [str(found) for found in cast("list[object]", compare_metadata(context, tables))]
    finally:
        engine.dispose()


def _config(connection: Connection, tables: MetaData, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = tables
    return config


def _require_tables(connection: Connection, tables: MetaData) -> None:
    present = set(connection.dialect.get_table_names(connection))
    missing = sorted(table.name for table in tables.sorted_tables if table.name not in present)
    if missing:
        raise ConfigurationError(
            f"No revision makes the tables {', '.join(missing)}; write one with 'autogenerate'.",
            detail_zh="缺少数据表的迁移脚本。",
            missing=tuple(missing),
        )
