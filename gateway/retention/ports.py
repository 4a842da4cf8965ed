"""What retention needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from gateway.journal import Tx
from gateway.principals import Principal
from gateway.retention.records import HoldEvent, LegalHold, LegalHoldId


class HoldRows(Protocol):
    """Holds in the database."""

    def serialize(self, tx: Tx) -> None:
        """Let no hold be set or lifted while this transaction destroys, and the other way round."""

    def add(self, tx: Tx, hold: LegalHold, event: HoldEvent) -> None:
        """Insert a hold."""

    def update(self, tx: Tx, before: LegalHold, hold: LegalHold, event: HoldEvent) -> bool:
        """Write a hold that is still as ``before``; say whether it was."""

    def get(self, tx: Tx, hold: LegalHoldId) -> LegalHold | None:
        """Return a hold."""

    def standing(self, tx: Tx) -> list[LegalHold]:
        """Return the holds that were not lifted, oldest first."""

    def listed(self, tx: Tx, limit: int) -> list[LegalHold]:
        """Return holds, those that stand first, then the newest."""

    def events(self, tx: Tx, hold: LegalHoldId) -> list[HoldEvent]:
        """Return the history of a hold, oldest first."""

    def tell_review(self, tx: Tx, hold: LegalHold, event: HoldEvent) -> bool:
        """Remember that the review of a hold was called for; false when it was before."""

    def review_due(self, tx: Tx, today: date) -> list[LegalHold]:
        """Return the holds that stand, whose review is past and was not called for yet."""


class SweepRows(Protocol):
    """Which days were swept."""

    def finish(self, tx: Tx, day: date, at: datetime, destroyed: int) -> bool:
        """Remember that a day was swept; false when it was."""

    def last(self, tx: Tx) -> date | None:
        """Return the last day that was swept."""


class RetentionGate(Protocol):
    """Asks the decision point. All raise ``ForbiddenError`` after the refusal was recorded (A50-13)."""

    def read(self, principal: Principal) -> None:
        """Return when ``principal`` may see classes and holds."""

    def hold(self, principal: Principal, unit: str | None) -> str:
        """Return the policy that lets ``principal`` hold what belongs to ``unit``, ``None`` for all."""

    def oversees(self, principal: Principal) -> bool:
        """Say whether ``principal`` sees the holds of others: whoever may lift them. Nothing is recorded."""

    def lift(self, principal: Principal) -> str:
        """Return the policy that lets ``principal`` lift holds."""
