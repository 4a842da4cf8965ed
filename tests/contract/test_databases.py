"""What tests borrow: a database that comes back is lent again without a row, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select, text

from gateway.audit.store.tables import log_entries
from gateway.db import make_engine
from gateway.journal import EntryDraft
from tests.databases import Emptied
from tests.factories.journal import make_journal

pytestmark = pytest.mark.postgres


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(log_entries)).scalar_one())


def test_a_database_is_lent_again_without_a_row_also_where_nothing_can_be_deleted(postgres_server: str) -> None:
    lender = Emptied(postgres_server)
    url = lender.lend()
    engine = make_engine(url)
    journal = make_journal(engine)
    journal.append(EntryDraft("test.fact", None, facts={"n": 1}))
    journal.close()
    assert rows(engine) == 1
    lender.take_back()
    assert lender.lend() == url
    assert rows(engine) == 0
    engine.dispose()
    lender.close()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE left_behind (id INTEGER)",
        "ALTER TABLE log_entries DISABLE TRIGGER ALL",
        "ALTER TABLE log_entries ADD COLUMN more INTEGER",
        "GRANT DELETE ON log_entries TO PUBLIC",
    ],
)
def test_a_database_that_was_changed_otherwise_is_thrown_away(postgres_server: str, change: str) -> None:
    lender = Emptied(postgres_server)
    url = lender.lend()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text(change))
    engine.dispose()
    lender.take_back()
    assert lender.lend() != url
    lender.close()
