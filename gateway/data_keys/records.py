"""Values of data keys, and what is asked of their store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType, Protocol

from gateway.journal import Tx

DataKeyId = NewType("DataKeyId", str)

DESTROYED_TEXT = "〔已按保存期限销毁〕 destroyed at the end of its retention"
"""Stands where a text was whose key is destroyed."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one matter in one class of data: a case, a question, a quarter of the log.

    ``wrapped`` is the key under the wrapping key whose fingerprint is ``wrapping``; ``None`` once it was destroyed.
    """

    id: DataKeyId
    data_class: str
    matter: str
    created_at: datetime
    wrapping: str
    wrapped: bytes | None = field(repr=False)
    destroyed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs: moved to another matter or member it does not open."""

    data_class: str
    matter: str
    member: str


class DataKeyRows(Protocol):
    """What data keys need of the database."""

    def hold_wrapping(self, tx: Tx, *, alone: bool) -> str | None:
        """Return the fingerprint of the wrapping key in force and keep it so until the transaction ends.

        ``alone``: nobody else may use it meanwhile, as it is about to change. ``None`` before the first key.
        """

    def put_wrapping(self, tx: Tx, fingerprint: str, at: datetime) -> None:
        """Say which wrapping key is in force."""

    def add(self, tx: Tx, key: DataKey) -> bool:
        """Insert a key; false when its matter has one."""

    def find(self, tx: Tx, data_class: str, matter: str) -> DataKey | None:
        """Return the key of a matter, destroyed or not."""

    def any_of(self, tx: Tx, data_class: str) -> bool:
        """Say whether the class has any key, destroyed or not."""

    def standing(self, tx: Tx) -> list[DataKey]:
        """Return every key that was not destroyed."""

    def rewrap(self, tx: Tx, key: DataKey) -> bool:
        """Write ``wrapped`` and ``wrapping`` of a key; false when it was destroyed meanwhile."""

    def destroy(self, tx: Tx, identifier: DataKeyId, at: datetime) -> bool:
        """Destroy a key for good; false when that was done before."""

    def unrenewed(self, tx: Tx) -> int:
        """Return how many keys were destroyed under the wrapping key that is in force: renewing it ends them."""
