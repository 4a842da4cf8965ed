"""What is destroyed as one, and where it stands: the view of a room's rows that retention has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from gateway.journal import Tx

Cursor = tuple[str, str]
"""``Matter.cursor`` of the last one of the page before."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something of a class that is destroyed as one: a closed case, an answered question, a quarter's key.

    ``first`` and ``last`` are the civil days it speaks of; its retention counts from ``last``. ``wide`` is what speaks
    of all units, cases and grants of its days at once, as the tags of a quarter do.
    """

    data_class: str
    id: str
    first: date
    last: date
    case: str = ""
    grant: str = ""
    unit: str = ""
    wide: bool = False
    count: int = 1
    order: str = ""
    """What the shelf sorts by before the id: the day or instant of its end, as text."""

    @property
    def cursor(self) -> Cursor:
        """Where the page behind this one begins."""
        return self.order or self.last.isoformat(), self.id


class Shelf(Protocol):
    """What a room keeps of one class. ``keyed``: each matter has a data key, or is from before there was one."""

    keyed: bool

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> Sequence[Matter]:
        """Return matters that ended on ``last`` or before and stand, in order, those behind ``after``."""

    def amount(self, tx: Tx) -> int:
        """Return how many stand, ended or not."""

    def remove(self, tx: Tx, matter: Matter) -> bool:
        """Remove the rows of a matter; false when they are gone already, or are kept for good."""
