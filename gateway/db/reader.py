"""Read-only transactions for services: ``gateway.journal.Reader`` on an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Engine

from gateway.db.engine import read_only
from gateway.journal import Tx

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class DatabaseReader:
    """Runs queries in transactions that are rolled back after."""

    engine: Engine = field(repr=False)

    def read(self, query: Callable[[Tx], R]) -> R:
        """Run ``query``; raises ``UnavailableError`` when the database is gone."""
        return read_only(self.engine, query)
