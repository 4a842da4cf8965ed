"""Models and migrations agree, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from core_registry.db.engine import make_engine, reading
from core_registry.db.migrate import require_head, upgrade
from core_registry.db.tables import metadata, sharing_students
from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import SHARING_COLUMNS


def test_migrations_lead_to_exactly_the_models(database_url: str) -> None:
    upgrade(database_url)
    upgrade(database_url)  # again changes nothing
    engine = make_engine(database_url)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    require_head(engine)
    engine.dispose()


def test_a_database_without_schema_stops_the_start(database_url: str) -> None:
    engine = make_engine(database_url)
    with pytest.raises(RegistryUnavailableError, match="schema none"):
        require_head(engine)
    engine.dispose()


def test_the_sharing_table_has_exactly_the_columns_of_the_contract() -> None:
    # and the version of its redaction, which nobody can ask for
    assert [column.name for column in sharing_students.columns] == [*SHARING_COLUMNS, "text_redaction"]
