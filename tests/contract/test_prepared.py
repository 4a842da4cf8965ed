"""Prepared statements do on both databases what SQLAlchemy would do: transactions, rows, counts, errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.db import Prepared, make_engine

THINGS = Table("prepared_things", MetaData(), Column("id", Integer, primary_key=True), Column("body", LargeBinary))
ADD = Prepared(insert(THINGS), ("id", "body"))
CHANGE = Prepared(update(THINGS).where(THINGS.c.id == bindparam("which")), ("body",))
SOME = Prepared(select(THINGS.c.id, THINGS.c.body).where(THINGS.c.id >= bindparam("from_id")).order_by(THINGS.c.id))
SECRET = b"what no error may tell"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    THINGS.metadata.create_all(made)
    yield made
    THINGS.metadata.drop_all(made)
    made.dispose()


def found(connection: Connection) -> list[tuple[int, bytes]]:
    return [(number, bytes(body)) for number, body in SOME.rows(connection, {"from_id": 0})]


def test_rows_are_written_counted_and_read_and_belong_to_the_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        ADD.run_rows(connection, [(1, b"a"), (2, b"b")])
        assert ADD.run(connection, {"id": 3, "body": b"c"}) == 1
        assert CHANGE.run(connection, {"which": 2, "body": b"B"}) == 1
        assert CHANGE.run(connection, {"which": 9, "body": b"B"}) == 0
    with engine.connect() as connection:
        assert found(connection) == [(1, b"a"), (2, b"B"), (3, b"c")]
        ADD.run(connection, {"id": 4, "body": b"d"})  # and nobody commits it
    with engine.connect() as connection:
        assert len(found(connection)) == 3


def test_a_select_alone_begins_the_transaction_that_later_ones_read_in(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.db'}")
    THINGS.metadata.create_all(engine)
    with engine.connect().execution_options(xueji_read=True) as reading:
        assert found(reading) == []
        assert reading.in_transaction()
        with engine.begin() as writing:
            ADD.run(writing, {"id": 1, "body": b"a"})
        assert found(reading) == []
    engine.dispose()


def test_an_error_is_that_of_sqlalchemy_and_tells_no_value(engine: Engine) -> None:
    with engine.begin() as connection:
        ADD.run(connection, {"id": 1, "body": SECRET})
    with pytest.raises(IntegrityError) as told, engine.begin() as connection:
        ADD.run_rows(connection, [(2, b"b"), (1, SECRET)])
    assert SECRET.decode() not in str(told.value)
    with engine.connect() as connection:
        assert found(connection) == [(1, SECRET)]


def test_a_writer_that_waits_in_vain_gets_the_error_of_sqlalchemy(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.db'}")
    with engine.begin(), engine.connect() as second:
        second.connection.cursor().execute("PRAGMA busy_timeout=1")
        with pytest.raises(OperationalError, match="locked"):
            second.begin()
    engine.dispose()
