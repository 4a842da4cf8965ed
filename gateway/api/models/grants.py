"""Grants, permissions and the public register as JSON."""

from __future__ import annotations

from datetime import date, datetime

from gateway.api.models.applications import ScopeModel
from gateway.api.models.base import Model, Text
from gateway.policies.records import Grant, Level
from gateway.policies.service import Permission, RegisterEntry


class GrantOut(Model):
    """A grant with its limits and its signature."""

    id: str
    application: str
    recipient: str
    recipient_name: str
    responsible: str
    scope: ScopeModel
    ground_kind: str
    ground_label: str
    approver: str
    approved_at: datetime
    state: str
    uses_left: int
    jws: str

    @staticmethod
    def of(record: Grant) -> GrantOut:
        """Return the model of a record."""
        return GrantOut(
            id=record.id,
            application=record.application,
            recipient=record.recipient,
            recipient_name=record.recipient_name,
            responsible=record.responsible,
            scope=ScopeModel.of(record.scope),
            ground_kind=record.ground_kind,
            ground_label=record.ground_label,
            approver=record.approver,
            approved_at=record.approved_at,
            state=record.state,
            uses_left=record.uses_left,
            jws=record.jws,
        )


class GrantList(Model):
    """Grants that the caller may see, newest first."""

    items: list[GrantOut]


class PermissionOut(Model):
    """One thing that the caller may do now."""

    action: str
    resource: str
    id: str
    policy: str
    until: date | None
    uses_left: int | None

    @staticmethod
    def of(record: Permission) -> PermissionOut:
        """Return the model of a record."""
        return PermissionOut(
            action=record.action,
            resource=record.resource,
            id=record.id,
            policy=record.policy,
            until=record.until,
            uses_left=record.uses_left,
        )


class PermissionsOut(Model):
    """Who the caller is to the gateway, and what that allows."""

    account: str
    kind: str
    roles: list[str]
    unit: str | None
    recipient: str | None
    items: list[PermissionOut]


class RegisterOut(Model):
    """One line of the public register of shares; no person is named."""

    grant: str
    recipient: str
    recipient_name: str
    purpose: str
    level: Level
    fields: list[str]
    territory: str
    ground: str
    approved_on: datetime
    valid_from: date
    valid_to: date
    uses: int
    uses_left: int
    state: str

    @staticmethod
    def of(record: RegisterEntry) -> RegisterOut:
        """Return the model of a record."""
        return RegisterOut(
            grant=record.grant,
            recipient=record.recipient,
            recipient_name=record.recipient_name,
            purpose=record.purpose,
            level=record.level,
            fields=list(record.fields),
            territory=record.territory,
            ground=record.ground,
            approved_on=record.approved_on,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            uses=record.uses,
            uses_left=record.uses_left,
            state=record.state,
        )


class RegisterList(Model):
    """The public register of shares, newest first."""

    items: list[RegisterOut]


class WithdrawalIn(Model):
    """Why a grant is withdrawn."""

    reason: Text
