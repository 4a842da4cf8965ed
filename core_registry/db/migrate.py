"""Brings a registry database to the present schema (Alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from core_registry.db.engine import make_engine, reading, writing
from core_registry.errors import RegistryUnavailableError

SCRIPTS = Path(__file__).parent / "migrations"


def configuration() -> Config:
    """Return Alembic's configuration: the scripts of the registry, no file and no logging of its own."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at ``url`` to ``revision``; a new one is created. One transaction where the database can.

    Raises ``RegistryUnavailableError`` when it cannot be reached or written.
    """
    engine = make_engine(url)
    try:
        upgrade_engine(engine, revision)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine, revision: str = "head") -> None:
    """Bring the database behind ``engine`` to ``revision``."""
    config = configuration()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def require_head(engine: Engine) -> None:
    """Raise ``RegistryUnavailableError`` when the schema is not the one that this program was written for."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  only at start
    from alembic.script import ScriptDirectory  # noqa: PLC0415  only at start

    with reading(engine) as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(configuration()).get_current_head()
    if present != wanted:
        raise RegistryUnavailableError(
            f"The registry database is at schema {present or 'none'}, this program needs {wanted}; run 'xueji init'.",
            detail_zh=f"学籍数据库结构版本为 {present or '无'}，程序需要 {wanted}，请先升级数据库。",
        )
