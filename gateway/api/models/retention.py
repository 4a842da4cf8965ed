"""Retention and holds as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.models.base import PRINTABLE, Code, Line, Model
from gateway.retention.records import ClassStatus, HoldEvent, HoldFile, HoldScope, LegalHold, PlanLine, Status

ClassCode = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
Unit = Annotated[str, Field(pattern=r"^[0-9A-Z]{6,18}$")]
Ground = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]


class RetentionClassOut(Model):
    """A class of data: how long it is kept, and what stands of it. Amounts are null where its own part keeps them."""

    code: ClassCode
    label: Line
    label_en: Line
    basis: Line
    end: Literal["destroy_key", "delete_row", "keep"]
    kept_by: Literal["sweeper", "room"]
    least_months: int
    keep_months: int
    most_months: int
    amount: int | None
    oldest: date | None
    """The earliest day on which something of it ended."""
    next_due: date | None
    due: int
    """Matters due today, 1,000 at the most."""
    held: int
    overdue: bool

    @classmethod
    def of(cls, one: ClassStatus) -> RetentionClassOut:
        """Return the model of a class."""
        rules = one.rules
        return cls(
            code=rules.code, label=rules.label, label_en=rules.label_en, basis=rules.basis, end=rules.end,
            kept_by=rules.kept_by, least_months=rules.least_months, keep_months=rules.keep_months,
            most_months=rules.most_months, amount=one.amount, oldest=one.oldest, next_due=one.next_due, due=one.due,
            held=one.held, overdue=one.overdue,
        )  # fmt: skip


class HoldScopeModel(Model):
    """What a hold covers: all that fits every member that is given; at least one is."""

    data_class: ClassCode | None = None
    case: Code | None = None
    grant: Code | None = None
    unit: Unit | None = None
    """A school, or a department with all below it."""
    first_day: date | None = None
    last_day: date | None = None

    def to_scope(self) -> HoldScope:
        """Return the record."""
        return HoldScope(self.data_class, self.case, self.grant, self.unit, self.first_day, self.last_day)

    @classmethod
    def of(cls, scope: HoldScope) -> HoldScopeModel:
        """Return the model of a scope."""
        return cls(
            data_class=scope.data_class,
            case=scope.case,
            grant=scope.grant,
            unit=scope.unit,
            first_day=scope.first_day,
            last_day=scope.last_day,
        )


class LegalHoldIn(Model):
    """A hold to be set."""

    scope: HoldScopeModel
    ground: Ground
    """The law or file that asks for it."""
    reason: Reason
    review_on: date
    """When it is looked at again, within a year; it goes on to hold until two people lift it."""


class HoldExtensionIn(Model):
    """A later day of review."""

    review_on: date
    reason: Reason


class HoldReasonIn(Model):
    """Why."""

    reason: Reason


class LegalHoldOut(Model):
    """A hold."""

    id: Code
    scope: HoldScopeModel
    ground: Line
    review_on: date
    set_at: datetime
    set_by: Code
    asked_by: Code | None
    """Who asked to lift it; another person decides."""
    lifted_at: datetime | None
    lifted_by: Code | None
    version: int

    @classmethod
    def of(cls, one: LegalHold) -> LegalHoldOut:
        """Return the model of a hold."""
        return cls(
            id=one.id,
            scope=HoldScopeModel.of(one.scope),
            ground=one.ground,
            review_on=one.review_on,
            set_at=one.set_at,
            set_by=one.set_by,
            asked_by=one.asked_by,
            lifted_at=one.lifted_at,
            lifted_by=one.lifted_by,
            version=one.version,
        )


class HoldEventOut(Model):
    """One step in the life of a hold."""

    at: datetime
    account: Code | None
    act: Literal["set", "extended", "lift_asked", "lift_declined", "lifted", "review_due"]
    reason: str

    @classmethod
    def of(cls, one: HoldEvent) -> HoldEventOut:
        """Return the model of a step."""
        return cls(at=one.at, account=one.account, act=one.act, reason=one.reason)


class HoldFileOut(Model):
    """A hold with its history."""

    hold: LegalHoldOut
    events: list[HoldEventOut]

    @classmethod
    def of(cls, one: HoldFile) -> HoldFileOut:
        """Return the model of a file."""
        return cls(hold=LegalHoldOut.of(one.hold), events=[HoldEventOut.of(event) for event in one.events])


class LegalHoldList(Model):
    """Holds, those that stand first."""

    items: list[HoldFileOut]


class RetentionOut(Model):
    """The state of retention."""

    classes: list[RetentionClassOut]
    holds: list[LegalHoldOut]
    last_sweep: date | None
    unrenewed: int
    """Keys destroyed since the wrapping key was renewed: backups from before still open them."""
    overdue: bool

    @classmethod
    def of(cls, status: Status) -> RetentionOut:
        """Return the model of a status."""
        return cls(
            classes=[RetentionClassOut.of(one) for one in status.classes],
            holds=[LegalHoldOut.of(one) for one in status.holds],
            last_sweep=status.last_sweep,
            unrenewed=status.unrenewed,
            overdue=status.overdue,
        )


class PlanLineOut(Model):
    """What the next sweep would do to one matter: destroy it, unless it is held."""

    data_class: ClassCode
    matter: str
    ended_on: date
    count: int
    held_by: list[Code]

    @classmethod
    def of(cls, one: PlanLine) -> PlanLineOut:
        """Return the model of a line."""
        matter = one.matter
        return cls(
            data_class=matter.data_class,
            matter=matter.id,
            ended_on=matter.last,
            count=matter.count,
            held_by=list(one.held_by),
        )


class RetentionPlan(Model):
    """What is due, 1,000 matters of a class at the most."""

    items: list[PlanLineOut]
