"""Inspection cases, wired: who conducts them, which bodies there are, and the clock of orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from core_registry.oversight.service import FINDINGS
from gateway.accounts.recipients import RecipientRegister
from gateway.audit.alerts import AlertService
from gateway.audit.alerts_records import AlertId
from gateway.audit.proving import ProofDesk
from gateway.audit.service import AuditService
from gateway.bootstrap.identity_issuing import worker_asker
from gateway.bootstrap.parts import Parts, Process
from gateway.bootstrap.registry import registry_office
from gateway.bootstrap.workflow import working_days
from gateway.errors import ConfigurationError
from gateway.ids import RecipientId
from gateway.inspections.orders import OrderDesk
from gateway.inspections.ports import Orders
from gateway.inspections.records import Subject, SubjectKind
from gateway.inspections.remote import RemoteOrders, order_handlers
from gateway.inspections.service import InspectionService
from gateway.inspections.steps import CaseSteps
from gateway.inspections.store import SqlCases
from gateway.jobs import Periodic, Task
from gateway.policies.decision import Action
from gateway.policies.resources import audit_log_resource
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.principals import Principal

__all__ = [
    "AuditGate",
    "InspectionService",
    "OrderDesk",
    "inspection_service",
    "inspection_tasks",
    "inspections_of",
    "order_desk",
]


@dataclass(frozen=True, slots=True)
class AuditGate:
    """Implements ``gateway.inspections.ports.CaseGate``: who reads the trail sees cases, who exports it conducts them.

    Both permits are the inspector's alone, and the floor of the policies keeps them: the inspected cannot take them
    away (``gateway.policies.floor``).
    """

    applications: ApplicationService

    def read(self, principal: Principal) -> None:
        """Return when the principal may see cases; a refusal is recorded."""
        self.applications.enter(principal, Action.READ_AUDIT, audit_log_resource())

    def conduct(self, principal: Principal) -> str:
        """Return the policy that lets the principal conduct cases; a refusal is recorded."""
        return self.applications.enter(principal, Action.EXPORT_AUDIT, audit_log_resource()).policy


@dataclass(frozen=True, slots=True)
class AlertEntries:
    """Implements ``gateway.inspections.ports.Raised``."""

    alerts: AlertService

    def entries_of(self, principal: Principal, alert: AlertId) -> Sequence[int]:
        """Return the entries that prove an alert; raises ``NotFoundError``."""
        return [one.index for one in self.alerts.get(principal, alert).evidence]


@dataclass(frozen=True, slots=True)
class KnownBodies:
    """Implements ``gateway.inspections.ports.Bodies``: divisions, schools of the register, recipients of grants."""

    parts: Parts
    recipients: RecipientRegister

    def known(self, subject: Subject) -> bool:
        """Say whether there is such a body."""
        if subject.kind is SubjectKind.RECIPIENT:
            code = RecipientId(subject.code)
            if self.recipients.unit_of(code) is not None:
                return True
            return bool(self.parts.reader.read(lambda tx: SqlPolicyStore().grants(tx, recipient=code)))
        if subject.code in self.parts.book.divisions.by_code:
            return True
        office = registry_office(self.parts)
        return office is not None and subject.code in office.schools()["school_code"].to_list()


def order_desk(parts: Parts) -> Orders:
    """Return the orders to correct, for the people of the bodies that answer them."""
    if parts.data_keys is None:
        return RemoteOrders(worker_asker(parts))
    store = SqlCases(parts.data_keys)
    return OrderDesk(store, CaseSteps(store, parts.journal, parts.now), parts.reader, parts.today)


def inspection_service(
    parts: Parts,
    audit: AuditService,
    alerts: AlertService | None,
    applications: ApplicationService,
    recipients: RecipientRegister,
    proofs: ProofDesk | None,
) -> InspectionService | None:
    """Return the use cases of inspection cases; ``None`` on a face that sees no entry of the log."""
    if alerts is None:
        return None
    store = SqlCases(parts.data_keys)
    return InspectionService(
        store=store,
        steps=CaseSteps(store, parts.journal, parts.now),
        trail=audit,
        alerts=AlertEntries(alerts),
        bodies=KnownBodies(parts, recipients),
        gate=AuditGate(applications),
        reader=parts.reader,
        journal=parts.journal,
        codes=FINDINGS,
        working_days=working_days(parts.book),
        now=parts.now,
        today=parts.today,
        new_id=random_id,
        proofs=proofs,
    )


def asked_orders(orders: Orders | None) -> Mapping[str, Callable[[Mapping[str, object]], object]]:
    """Return what the worker answers to the outside face about orders, by kind."""
    return {} if orders is None else order_handlers(orders)


def inspections_of(process: Process) -> tuple[InspectionService, Orders]:
    """Return cases and orders of a process; raises ``ConfigurationError`` on a face without them."""
    cases, orders = process.services.inspections, process.services.orders
    if cases is None or orders is None:
        raise ConfigurationError("This face has no inspection cases.", detail_zh="本端没有检查案件。")
    return cases, orders


def inspection_tasks(orders: Orders | None) -> list[Task]:
    """Return what the worker does for cases: record which orders are late."""
    return (
        []
        if not isinstance(orders, OrderDesk)
        else [Task("overdue orders to correct", Periodic(orders.mark_overdue, 60))]
    )
