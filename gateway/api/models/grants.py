"""Grants, permissions and the public register as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.accounts.own import OwnFacts
from gateway.api.models.applications import ScopeModel
from gateway.api.models.base import Code, Division, Line, Model, Text
from gateway.policies.permissions import Denied, Due, Permission
from gateway.policies.phases import Handed
from gateway.policies.queries import GrantLifeView
from gateway.policies.records import Grant, GrantPhase, Level
from gateway.policies.register import RegisterEntry, RegisterFilter


class OwedOut(Model):
    """An extract that was delivered and is not certified as deleted yet."""

    extract: str
    delete_by: date | None

    @staticmethod
    def of(record: Handed) -> OwedOut:
        """Return the model of a record."""
        return OwedOut(extract=record.extract, delete_by=record.delete_by)


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
    phase: str
    """Where the grant stands in its life: as ``state``, then ``deletion_due``, ``deletion_overdue``, ``closed``."""
    deletions_owed: list[OwedOut]
    """Delivered extracts of which the deletion certificate is missing, the first due first."""
    delete_by: date | None
    approver_unit: str
    approver_post: str
    approver_for: str | None
    """Who had delegated the approval."""
    terms_version: str
    terms_sha256: str
    """The security terms that the recipient accepted; bound by the signature."""
    state_since: datetime | None
    """When the grant was suspended, resumed or withdrawn, and why."""
    state_reason: str

    @staticmethod
    def of(record: Grant, life: GrantLifeView | None = None) -> GrantOut:
        """Return the model of a record."""
        known = life or GrantLifeView(GrantPhase(record.state.value))
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
            phase=known.phase,
            deletions_owed=[OwedOut.of(one) for one in known.owed],
            delete_by=known.delete_by,
            approver_unit=record.approver_unit,
            approver_post=record.approver_post,
            approver_for=record.approver_for,
            terms_version=record.terms_version,
            terms_sha256=record.terms_sha256,
            state_since=record.state_since,
            state_reason=record.state_reason,
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
    due: date | None
    """By when it is to be done, where a deadline runs."""

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
            due=record.due,
        )


class GrantLimitsOut(Model):
    """What a grant still allows."""

    id: str
    state: str
    phase: str
    purpose: str
    profile: str
    level: Level
    fields: list[str]
    territory: str
    stages: list[str] | None
    grades: list[str] | None
    schools: list[str] | None
    row_cap: int
    uses: int
    uses_left: int
    valid_from: date
    valid_to: date
    delete_by: date | None

    @staticmethod
    def of(record: Grant, life: GrantLifeView) -> GrantLimitsOut:
        """Return the model of the records."""
        scope = ScopeModel.of(record.scope)
        return GrantLimitsOut(
            id=record.id,
            state=record.state,
            phase=life.phase,
            purpose=scope.purpose,
            profile=scope.profile,
            level=scope.level,
            fields=scope.fields,
            territory=scope.population.territory,
            stages=None if scope.population.stages is None else list(scope.population.stages),
            grades=scope.population.grades,
            schools=scope.population.schools,
            row_cap=scope.row_cap,
            uses=scope.uses,
            uses_left=record.uses_left,
            valid_from=scope.valid_from,
            valid_to=scope.valid_to,
            delete_by=life.delete_by,
        )


class DueOut(Model):
    """Something that the caller's side has to do by a day."""

    resource: str
    id: str
    step: str
    due: date
    overdue: bool

    @staticmethod
    def of(record: Due) -> DueOut:
        """Return the model of a record."""
        return DueOut(resource=record.resource, id=record.id, step=record.step, due=record.due, overdue=record.overdue)


class DeniedOut(Model):
    """One thing that the caller may not do now, and why."""

    action: str
    resource: str
    id: str
    policy: str
    rule: str | None
    detail: str
    detail_zh: str
    missing: list[str]

    @staticmethod
    def of(record: Denied) -> DeniedOut:
        """Return the model of a record."""
        return DeniedOut(
            action=record.action,
            resource=record.resource,
            id=record.id,
            policy=record.policy,
            rule=record.rule,
            detail=record.en,
            detail_zh=record.zh,
            missing=list(record.missing),
        )


class HeldRoleOut(Model):
    """A role that holds today, and until when it was lent by whom."""

    role: str
    until: date | None
    on_behalf: str | None


class OwnAccountOut(Model):
    """The days that matter to the holder of an account."""

    roles: list[HeldRoleOut]
    second_factor: bool
    password_due_on: date | None
    seals_on: date | None
    """The day on which the account is sealed if it stays unused (A50-3)."""
    rules_acknowledged: bool

    @staticmethod
    def of(facts: OwnFacts) -> OwnAccountOut:
        """Return the model of the facts."""
        return OwnAccountOut(
            roles=[HeldRoleOut(role=one.role, until=one.until, on_behalf=one.on_behalf) for one in facts.roles],
            second_factor=facts.second_factor,
            password_due_on=facts.password_due_on,
            seals_on=facts.seals_on,
            rules_acknowledged=facts.rules_acknowledged,
        )


class PermissionsOut(Model):
    """Who the caller is to the gateway, what that allows, until when, and why nothing else."""

    account: str
    kind: str
    roles: list[str]
    unit: str | None
    recipient: str | None
    items: list[PermissionOut]
    on_behalf: str | None
    """Who delegated the approval under which the caller acts."""
    own: OwnAccountOut | None
    """The caller's own account; of a client only roles and the day of sealing say something."""
    grants: list[GrantLimitsOut]
    deadlines: list[DueOut]
    denied: list[DeniedOut]


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
    phase: str
    ground_kind: str
    purpose_label: str
    purpose_label_en: str
    field_labels: list[str]
    territory_name: str
    approver_unit: str
    approver_unit_name: str
    approver_post: str
    """Unit and post that approved and answer for it (谁批准、谁负责)."""
    deletions_owed: int
    delete_by: date | None
    terms_version: str

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
            phase=record.phase,
            ground_kind=record.ground_kind,
            purpose_label=record.purpose_label,
            purpose_label_en=record.purpose_label_en,
            field_labels=list(record.field_labels),
            territory_name=record.territory_name,
            approver_unit=record.approver_unit,
            approver_unit_name=record.approver_unit_name,
            approver_post=record.approver_post,
            deletions_owed=record.deletions_owed,
            delete_by=record.delete_by,
            terms_version=record.terms_version,
        )


class RegisterList(Model):
    """The public register of shares, newest first."""

    items: list[RegisterOut]

    @staticmethod
    def of(entries: Sequence[RegisterEntry]) -> RegisterList:
        """Return the model of the lines."""
        return RegisterList(items=[RegisterOut.of(entry) for entry in entries])


class RegisterQuery(Model):
    """Which lines of the register are shown."""

    q: Annotated[Line, Field(max_length=100)] = ""
    """Text that stands in recipient, credit code, purpose, ground, territory, unit or a field."""
    purpose: Code | None = None
    level: Literal["check", "match", "statistics", "anonymous", "pseudonymous", "masked"] | None = None
    phase: (
        Literal["active", "suspended", "withdrawn", "expired", "used_up", "deletion_due", "deletion_overdue", "closed"]
        | None
    ) = None
    territory: Division | None = None
    """A division, with all below it."""
    on: date | None = None
    """A day within the granted period."""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000

    def to_record(self) -> RegisterFilter:
        """Return what the service takes."""
        return RegisterFilter(
            text=self.q,
            purpose=self.purpose,
            level=None if self.level is None else Level(self.level),
            phase=None if self.phase is None else GrantPhase(self.phase),
            territory=self.territory,
            on=self.on,
            limit=self.limit,
        )


class GrantActIn(Model):
    """Why a grant is suspended, resumed or withdrawn."""

    reason: Text


class WithdrawalIn(GrantActIn):
    """Why a grant is withdrawn."""
