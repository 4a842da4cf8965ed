"""What the road out needs: grants from the applications' room, rows from its store."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.journal import Tx
from gateway.policies.records import Grant
from gateway.releases.records import Delivery, DeliveryEnd, DeliveryId, Ended, Extract, ExtractState


class Grants(Protocol):
    """What the road needs from the applications' room."""

    def grant(self, identifier: GrantId) -> Grant:
        """Return a grant whose signature was verified; raises ``NotFoundError``."""

    def grant_in(self, tx: Tx, identifier: GrantId) -> Grant:
        """Return the same, read in the caller's transaction."""

    def reserve_use(self, tx: Tx, identifier: GrantId) -> bool:
        """Take one use, atomically; false when none is left."""

    def release_use(self, tx: Tx, identifier: GrantId) -> None:
        """Give one use back: nothing left the house under it."""


class Extracts(Protocol):
    """What the road needs from its store."""

    def add(self, tx: Tx, extract: Extract) -> None:
        """Insert a new extract."""

    def finish(self, tx: Tx, extract: Extract, worker: str) -> bool:
        """Write what a preparation came to; false when ``worker`` does not hold the extract any more."""

    def close(
        self, tx: Tx, identifier: ExtractId, state: ExtractState, *, among: Collection[ExtractState], by: str = ""
    ) -> Ended | None:
        """End an extract that is in one of ``among`` and destroy the key of its file; ``None`` when it was in another.

        Whether its use was consumed is decided by the same statement.
        """

    def get(self, tx: Tx, identifier: ExtractId) -> Extract | None:
        """Return one extract."""

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Extract]:
        """Return the extracts of a grant, newest first."""

    def ready(self, tx: Tx) -> list[Extract]:
        """Return the extracts that have a file."""

    def newest(self, tx: Tx, recipient: RecipientId | None, limit: int) -> list[Extract]:
        """Return the newest extracts, of one recipient or of all."""

    def claim(
        self, tx: Tx, worker: str, now: datetime, leased_to: datetime, *, matches: bool = False
    ) -> Extract | None:
        """Take the oldest extract that waits or whose worker went silent: of level ``match``, or of the others."""

    def progress(self, tx: Tx, identifier: ExtractId, worker: str, done: int, total: int, leased_to: datetime) -> bool:
        """Note how far a preparation is and renew its lease; false when ``worker`` does not hold it any more."""

    def add_delivery(self, tx: Tx, delivery: Delivery, now: datetime) -> bool:
        """Insert a delivery whose intent is being recorded; false when the extract is not ready any more."""

    def renew(self, tx: Tx, identifier: DeliveryId, leased_to: datetime) -> None:
        """Renew the lease of a delivery under way."""

    def end_delivery(self, tx: Tx, identifier: DeliveryId, end: DeliveryEnd, sent: int) -> bool:
        """Close a delivery as its owner saw it end, also one that was taken for lost; false when it was closed.

        When not one byte of the extract was ever handed out, its use counts as reserved again.
        """

    def end_orphan(self, tx: Tx, identifier: DeliveryId, now: datetime) -> bool:
        """Close a delivery as unknown; false when it was closed or its lease renewed meanwhile."""

    def orphans(self, tx: Tx, now: datetime) -> list[Delivery]:
        """Return open deliveries whose owner went silent."""

    def deliveries_of(self, tx: Tx, identifier: ExtractId) -> list[Delivery]:
        """Return the deliveries of an extract."""
