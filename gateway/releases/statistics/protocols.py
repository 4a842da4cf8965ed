"""What statistics need of their store, and who counts."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from gateway.anonymize.noise import Loss
from gateway.ids import GrantId, RecipientId
from gateway.journal import Tx
from gateway.releases.statistics.records import Answer, AnswerId


class Statistics(Protocol):
    """Rows of answers and budgets."""

    def add(self, tx: Tx, answer: Answer) -> bool:
        """Insert an answer that is being paid for; false when the same question has this round already."""

    def spend(self, tx: Tx, recipient: RecipientId, school_year: int, loss: Loss, limit: Loss) -> bool:
        """Add ``loss`` to what was spent if that stays within ``limit``, atomically; say whether it did."""

    def spent(self, tx: Tx, recipient: RecipientId, school_year: int) -> Loss:
        """Return what was spent."""

    def get(self, tx: Tx, identifier: AnswerId) -> Answer | None:
        """Return one answer."""

    def newest(self, tx: Tx, recipient: RecipientId, school_year: int, question: str) -> Answer | None:
        """Return the newest round of a question (by its SHA-256)."""

    def ready(self, tx: Tx, recipient: RecipientId, school_year: int) -> list[Answer]:
        """Return the newest ready round of every question of a recipient, the oldest question first."""

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Answer]:
        """Return the answers that were asked for under a grant, newest first."""

    def claim(
        self, tx: Tx, worker: str, now: datetime, leased_to: datetime, identifier: AnswerId | None = None
    ) -> Answer | None:
        """Take the oldest answer that waits or whose worker went silent, or the one named if it does."""

    def finish(self, tx: Tx, answer: Answer, worker: str) -> bool:
        """Write what a counting came to; false when ``worker`` does not hold the answer any more."""

    def queue_again(self, tx: Tx, identifier: AnswerId) -> bool:
        """Put an answer whose counting failed back in the queue; false when it did not fail."""


class Counter(Protocol):
    """Who has the register: counts an answer that waits."""

    def run(self, identifier: AnswerId) -> bool:
        """Count the answer if it waits for somebody; say whether it did. A failure is recorded, not raised."""
