"""The service of the policies room with what stands behind it, on a database of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gateway.audit.sequencer import SequencerJournal
from gateway.audit.store import SqlLogStore
from gateway.db import make_engine
from gateway.policies.service import ApplicationService
from gateway.policies.store import SqlPolicyStore
from rulebook import Rulebook
from tests.factories import policies as make
from tests.factories.journal import make_journal, make_reader


@dataclass
class House:
    """Database, audit trail, store and clock of a test."""

    engine: sa.Engine
    journal: SequencerJournal
    store: SqlPolicyStore
    clock: make.Clock

    def service(self, separation: str = "three", *, book: Rulebook | None = None) -> ApplicationService:
        """Return the service on these parts."""
        return make.make_service(
            self.store, self.journal, make_reader(self.engine), separation=separation, clock=self.clock, book=book
        )

    def entries(self) -> list[dict[str, Any]]:
        """Return all entries of the audit trail, oldest first."""
        log = SqlLogStore(self.engine)
        return make_reader(self.engine).read(
            lambda tx: [json.loads(entry.body) for entry in log.entries(tx, 0, log.head(tx).size)]
        )

    def last(self) -> dict[str, Any]:
        """Return the newest entry."""
        return self.entries()[-1]


@contextmanager
def open_house(database_url: str) -> Iterator[House]:
    """Open a house on the database at ``database_url``."""
    engine = make_engine(database_url)
    clock = make.Clock()
    journal = make_journal(engine, now=clock)
    try:
        yield House(engine, journal, SqlPolicyStore(), clock)
    finally:
        journal.close()
        engine.dispose()
