"""Transactions for what states no fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import (
    Engine,
)
from sqlalchemy.exc import DBAPIError

from gateway.errors import UnavailableError
from gateway.journal import Tx

R = TypeVar("R")


class SqlBookkeeping:
    """Transactions of their own for counters and last sights; what states a fact goes through the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, change: Callable[[Tx], R]) -> R:
        """Run ``change`` and commit; raises ``UnavailableError`` when the database is gone."""
        try:
            with self._engine.begin() as connection:
                return change(Tx(connection))
        except DBAPIError as error:
            raise UnavailableError("The database does not answer.", detail_zh="数据库没有响应。") from error
