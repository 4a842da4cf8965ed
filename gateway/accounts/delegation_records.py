"""Approvals lent for a time: who lends to whom, from when to when, and when it is over before that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType, Protocol

from gateway.ids import AccountId, UnitCode
from gateway.journal import Tx

DelegationId = NewType("DelegationId", str)


class Ended(StrEnum):
    """Why a delegation is over."""

    REVOKED = "revoked"
    PERIOD = "period"
    DELEGATOR = "delegator"
    """Who lent it is sealed, or approves no longer, or works elsewhere."""
    DEPUTY = "deputy"
    """Who borrowed it is sealed, has no second factor, or holds a role that excludes it by now."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A delegation as stored. ``unit`` is the delegator's; the deputy decides in its territory and nowhere else."""

    id: DelegationId
    delegator: AccountId
    deputy: AccountId
    unit: UnitCode
    valid_from: date
    valid_to: date
    """The last day, in civil dates of Asia/Shanghai (T-6)."""
    made_at: datetime
    reason: str = field(repr=False)
    ended_at: datetime | None = None
    ended_by: AccountId | None = None
    """``None``: the system."""
    ended_why: Ended | None = None

    def in_force(self, today: date) -> bool:
        """Say whether the delegation holds on ``today``, as far as itself goes."""
        return self.ended_at is None and self.valid_from <= today <= self.valid_to


class DelegationStore(Protocol):
    """Delegations; none is ever deleted."""

    def lock(self, tx: Tx, *accounts: AccountId) -> None:
        """Keep other transactions from lending to or by these accounts until this one is over."""

    def add(self, tx: Tx, delegation: Delegation) -> None:
        """Insert a delegation."""

    def get(self, tx: Tx, delegation: DelegationId) -> Delegation | None:
        """Return a delegation."""

    def live(self, tx: Tx, *accounts: AccountId) -> tuple[Delegation, ...]:
        """Return the delegations that were not ended, by or to one of ``accounts``, of all when none is named."""

    def listed(self, tx: Tx, *, limit: int) -> tuple[Delegation, ...]:
        """Return delegations, newest first."""

    def of_deputy(self, tx: Tx, deputy: AccountId, today: date) -> Delegation | None:
        """Return the delegation to ``deputy`` whose dates hold on ``today`` and that was not ended."""

    def end(self, tx: Tx, delegation: DelegationId, at: datetime, by: AccountId | None, why: Ended) -> bool:
        """End a delegation; ``False`` when it is over already. Atomic."""
