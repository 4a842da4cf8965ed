"""The upgrade that brings alerts starts at the head of the log: years of old entries raise nothing at once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from gateway.db import make_engine, metadata, migrate

BEFORE = "4a07assessme"


@pytest.mark.parametrize("size", [0, 7])
def test_alerts_begin_with_what_is_recorded_after_the_upgrade(database_url: str, size: int) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(migrate._config(connection, metadata, migrate.SCRIPTS), BEFORE)
        head = {"id": 1, "size": size, "root": b"0" * 32, "at": ""}
        connection.execute(sa.insert(metadata.tables["log_head"]).values(head))
    migrate.upgrade(database_url)
    with engine.connect() as connection:
        cursors = metadata.tables["audit_cursors"]
        found = connection.execute(sa.select(cursors.c.position).where(cursors.c.name == "alerts")).scalar_one_or_none()
    assert found == (size or None)
    with engine.begin() as connection:
        command.downgrade(migrate._config(connection, metadata, migrate.SCRIPTS), BEFORE)
        assert not [name for name in sa.inspect(connection).get_table_names() if name.startswith("alert")]
        assert connection.execute(sa.select(sa.func.count()).select_from(cursors)).scalar_one() == 0
    engine.dispose()


def test_the_revision_makes_the_tables_that_the_store_declares(database_url: str) -> None:
    migrate.upgrade(database_url)
    mine = [one for one in migrate.differences(database_url) if "alert" in str(one)]
    assert mine == []
