"""A table of facts that stand for what a room writes together with its entries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, func, insert, select

from gateway.db import connection_of, make_engine
from gateway.journal import Tx

TABLE = Table("test_facts", MetaData(), Column("id", Integer, primary_key=True))


@pytest.fixture
def engine_with_facts(database_url: str) -> Iterator[Engine]:
    """A fresh database of each kind with the table; a test file names it ``engine``."""
    made = make_engine(database_url)
    TABLE.create(made)
    yield made
    made.dispose()


def add(number: int, tx: Tx) -> int:
    """Write the fact ``number``; a second of that number is an ``IntegrityError``."""
    connection_of(tx).execute(insert(TABLE).values(id=number))
    return number


def count(engine: Engine, table: Table = TABLE) -> int:
    """Return how many rows a table has."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())
