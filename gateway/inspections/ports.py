"""What inspection cases need from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Protocol

from gateway.audit.alerts_records import AlertId
from gateway.audit.records import ProvenEntry, SearchPage, SearchQuery
from gateway.inspections.records import (
    Case,
    CaseEvent,
    CaseId,
    CaseQuery,
    Evidence,
    Hold,
    HoldId,
    OrderView,
    Subject,
)
from gateway.journal import Tx
from gateway.principals import Principal


class CaseGate(Protocol):
    """Asks the decision point. Both raise ``ForbiddenError`` after the refusal was recorded (A50-13)."""

    def read(self, principal: Principal) -> None:
        """Return when ``principal`` may see cases."""

    def conduct(self, principal: Principal) -> str:
        """Return the id of the policy that lets ``principal`` open and conduct cases."""


class CaseStore(Protocol):
    """What the service needs of the database."""

    def add(self, tx: Tx, case: Case, event: CaseEvent) -> None:
        """Insert a case with its first event."""

    def update(self, tx: Tx, before: Case, case: Case, event: CaseEvent) -> bool:
        """Write what changed of a case that is still as ``before``; say whether it was."""

    def add_evidence(self, tx: Tx, case: CaseId, evidence: Collection[Evidence]) -> None:
        """Insert entries as evidence."""

    def add_hold(self, tx: Tx, hold: Hold) -> None:
        """Insert a hold with its entries."""

    def lift_hold(self, tx: Tx, hold: HoldId, at: datetime) -> bool:
        """End a hold early; say whether it had not been lifted before."""

    def get(self, tx: Tx, case: CaseId) -> Case | None:
        """Return a case."""

    def find(self, tx: Tx, query: CaseQuery) -> list[Case]:
        """Return the cases that fit, newest first."""

    def evidence(self, tx: Tx, case: CaseId) -> list[Evidence]:
        """Return the evidence of a case in the order of the log."""

    def events(self, tx: Tx, case: CaseId) -> list[CaseEvent]:
        """Return the history of a case, oldest first."""

    def holds(self, tx: Tx, case: CaseId) -> list[Hold]:
        """Return the holds of a case, oldest first."""

    def past_due(self, tx: Tx, today: date, limit: int) -> list[Case]:
        """Return cases whose order is late and of which that was not recorded."""


class Trail(Protocol):
    """What cases need of the audit trail (``gateway.audit.service.AuditService``)."""

    def proof(self, index: int) -> ProvenEntry:
        """Return an entry with its proof; raises ``NotFoundError``. Nothing is logged."""

    def found(self, query: SearchQuery) -> SearchPage:
        """Return a page of entries, newest first. Nothing is logged."""

    def export(
        self,
        principal: Principal,
        indexes: Sequence[int] | None = None,
        *,
        beside: Sequence[tuple[str, bytes]] = (),
        case: str | None = None,
    ) -> bytes:
        """Return an inspection package; ``beside`` are further members of it."""


class Proofs(Protocol):
    """Proofs that a pupil is or is not in an entry (``gateway.audit.proving.ProofDesk``)."""

    def of_statement(self, index: int) -> bytes | None:
        """Return the proof to which the asking in an entry belongs; it names nobody. ``None`` for another entry."""


class Raised(Protocol):
    """What cases need of alerts."""

    def entries_of(self, principal: Principal, alert: AlertId) -> Sequence[int]:
        """Return the entries that prove an alert; raises ``NotFoundError``."""


class Bodies(Protocol):
    """Which bodies there are."""

    def known(self, subject: Subject) -> bool:
        """Say whether there is such a school, department or recipient."""


class Orders(Protocol):
    """Orders to correct for the people of the bodies that answer them, here or by the worker."""

    def orders(self, principal: Principal) -> tuple[OrderView, ...]:
        """Return the orders to the principal's own body, newest first."""

    def answer(self, principal: Principal, case: CaseId, text: str, *, version: int | None = None) -> OrderView:
        """Answer an order; raises ``NotFoundError`` for one to another body, ``ConflictError``, ``ParameterError``."""
