"""Migrations: the caller's metadata decides, guards come with every upgrade."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text
from sqlalchemy.exc import DBAPIError

from gateway.db import Guard, make_engine, migrate, protect
from gateway.errors import ConfigurationError


def _tables() -> MetaData:
    tables = MetaData()
    protect(Table("kept", tables, Column("id", Integer, primary_key=True)), Guard())
    return tables


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """An environment without revisions."""
    copied = tmp_path / "migrations"
    shutil.copytree(migrate.SCRIPTS, copied, ignore=shutil.ignore_patterns("versions", "__pycache__"))
    (copied / "versions").mkdir()
    return copied


def test_a_revision_is_written_applied_and_guarded(database_url: str, scripts: Path) -> None:
    tables = _tables()
    assert migrate.differences(database_url, tables=tables)
    written = migrate.autogenerate(database_url, "first", tables=tables, scripts=scripts)
    assert written is not None
    for _ in range(2):
        migrate.upgrade(database_url, tables=tables, scripts=scripts)
    assert migrate.differences(database_url, tables=tables) == []
    assert migrate.revision(database_url) is not None
    engine = make_engine(database_url)
    migrate.require_current(engine, scripts=scripts)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO kept VALUES (1)"))
    with pytest.raises(DBAPIError, match="forbidden"), engine.begin() as connection:
        connection.execute(text("DELETE FROM kept"))
    engine.dispose()


def test_a_table_without_a_revision_stops_the_upgrade(database_url: str, scripts: Path) -> None:
    migrate.autogenerate(database_url, "nothing yet", tables=MetaData(), scripts=scripts)
    with pytest.raises(ConfigurationError, match="kept"):
        migrate.upgrade(database_url, tables=_tables(), scripts=scripts)


def test_an_old_schema_is_told_before_anything_starts(database_url: str, scripts: Path) -> None:
    migrate.autogenerate(database_url, "first", tables=_tables(), scripts=scripts)
    engine = make_engine(database_url)
    with pytest.raises(ConfigurationError, match="xueji init"):
        migrate.require_current(engine, scripts=scripts)
    engine.dispose()
