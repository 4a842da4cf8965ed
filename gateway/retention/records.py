"""Values of retention: what has ended, what holds it, how much of it there is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NewType

from gateway.data_keys.matters import Matter
from gateway.ids import AccountId
from rulebook.retention_records import RetentionClass

LegalHoldId = NewType("LegalHoldId", str)
MAX_TEXT = 500
"""Characters of a reason."""
MAX_GROUND = 200
MAX_REVIEW_DAYS = 366
"""Days after which a hold is looked at again at the latest."""


@dataclass(frozen=True, slots=True)
class HoldScope:
    """What a hold covers: all that fits every member that is set. At least one is."""

    data_class: str | None = None
    case: str | None = None
    grant: str | None = None
    unit: str | None = None
    """A department or school; a department stands for all below it."""
    first_day: date | None = None
    last_day: date | None = None

    def covers(self, matter: Matter, above: Callable[[str], Collection[str]] = lambda _unit: ()) -> bool:
        """Say whether ``matter`` is held; ``above`` tells the departments over a unit. In doubt it is held."""
        if self.data_class is not None and self.data_class != matter.data_class:
            return False
        if self.first_day is not None and matter.last < self.first_day:
            return False
        if self.last_day is not None and matter.first > self.last_day:
            return False
        if matter.wide:
            return True
        if self.unit is not None and self.unit != matter.unit and self.unit not in above(matter.unit):
            return False
        return self.case in {None, matter.case} and self.grant in {None, matter.grant}


HoldAct = Literal["set", "extended", "lift_asked", "lift_declined", "lifted", "review_due"]


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold (留存). It stands until two people lift it; ``review_on`` is the day by which it is looked at again."""

    id: LegalHoldId
    scope: HoldScope
    ground: str
    review_on: date
    set_at: datetime
    set_by: AccountId
    asked_by: AccountId | None = None
    """Who asked to lift it, until that is decided."""
    lifted_at: datetime | None = None
    lifted_by: AccountId | None = None
    version: int = 1

    @property
    def standing(self) -> bool:
        """Whether it holds."""
        return self.lifted_at is None


@dataclass(frozen=True, slots=True)
class HoldEvent:
    """One step in the life of a hold; ``account`` is ``None`` for the system."""

    at: datetime
    account: AccountId | None
    act: HoldAct
    reason: str


@dataclass(frozen=True, slots=True)
class HoldFile:
    """A hold with its history."""

    hold: LegalHold
    events: tuple[HoldEvent, ...]


@dataclass(frozen=True, slots=True)
class ClassStatus:
    """A class with what stands of it. Amounts are ``None`` where the part that it belongs to keeps them."""

    rules: RetentionClass
    amount: int | None = None
    oldest: date | None = None
    """The earliest day on which something of it ended."""
    next_due: date | None = None
    """When the next of it is destroyed; today or earlier: with the next sweep, unless it is held."""
    due: int = 0
    """Matters that are due today, up to ``DUE_COUNTED``."""
    held: int = 0
    """Those of them that a hold keeps."""
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """All classes, the holds that stand, and the state of the sweeper."""

    classes: tuple[ClassStatus, ...]
    holds: tuple[LegalHold, ...]
    last_sweep: date | None
    unrenewed: int
    """Keys destroyed since the wrapping key was renewed: backups from before still open them with the old one."""

    @property
    def overdue(self) -> bool:
        """Whether anything stands that should not."""
        return any(one.overdue for one in self.classes)


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What the next sweep would do to one matter; ``held_by`` names the holds that keep it."""

    matter: Matter
    held_by: tuple[LegalHoldId, ...]
