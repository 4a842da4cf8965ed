"""What checks need of their store, and of the grants beyond what extracts need."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from gateway.ids import GrantId
from gateway.journal import Tx
from gateway.releases.checks.records import Check, CheckId, CheckState
from gateway.releases.protocols import Grants


class Checks(Protocol):
    """Rows of checks."""

    def add(self, tx: Tx, check: Check) -> None:
        """Insert a check whose intent is being recorded."""

    def get(self, tx: Tx, identifier: CheckId) -> Check | None:
        """Return one check."""

    def begin(self, tx: Tx, identifier: CheckId, leased_to: datetime) -> bool:
        """Take a check that was asked and that nobody has taken; say whether it was there."""

    def end(self, tx: Tx, identifier: CheckId, state: CheckState, *, among: Collection[CheckState]) -> bool:
        """End a check that is in one of ``among``; say whether it was."""

    def orphans(self, tx: Tx, now: datetime) -> list[Check]:
        """Return open checks whose lease is over."""

    def forget_checks(self, tx: Tx, before: datetime) -> int:
        """Remove closed checks asked before ``before``: the audit trail has them; return how many."""


class CountedGrants(Grants, Protocol):
    """Grants of which several uses are taken at once."""

    def reserve_uses(self, tx: Tx, identifier: GrantId, count: int) -> bool:
        """Take ``count`` uses, all or none, atomically; false when fewer are left."""
