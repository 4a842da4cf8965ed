"""Decoys (诱饵学籍): what their rows show, what is sealed in them, and the touches that the log tells of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.principals import Role

CanaryId = NewType("CanaryId", str)
"""``cn-…``. It names a decoy without saying which pupil it is."""
MOST_AT_ONCE = 20
"""Decoys of one proposal."""


class CanaryState(StrEnum):
    """Where a decoy stands. Whether its record lies in the registry yet is sealed: it would tell when to look."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Canary:
    """A decoy as its row shows it: people and times, and nothing by which its record could be found."""

    id: CanaryId
    state: CanaryState
    proposed_at: datetime
    proposed_by: AccountId
    proposed_as: Role
    """The duty in which it was proposed; the other one confirms."""
    box: bytes = field(repr=False)
    """``Secret`` under seal, of one size whatever is in it."""
    decided_at: datetime | None = None
    decided_by: AccountId | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: AccountId | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Secret:
    """What only a process with the registry's data key reads of a decoy."""

    unit: UnitCode
    """The department in whose territory it is to lie."""
    phone: str = field(repr=False)
    """A telephone that the department owns; whoever calls it has the record."""
    due: datetime | None = None
    """When the worker puts it into the registry, at the earliest; set when it is confirmed, at random."""
    person: Mapping[str, str | None] | None = field(default=None, repr=False)
    """The record, by field code of Annex 1, as soon as it was drawn."""
    subject: SubjectRef | None = field(default=None, repr=False)
    """Its reference, once it lies in the registry."""

    @property
    def school(self) -> str | None:
        """The school under which the record lies."""
        return None if self.person is None else self.person["school_code"]


@dataclass(frozen=True, slots=True)
class CanaryView:
    """A decoy for an officer who may know of it: not which pupil it is."""

    canary: Canary
    unit: UnitCode
    planted: bool
    """Whether it lies in the registry and is watched."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One use of decoys, from the log."""

    index: int
    """Of the entry ``canary.touched``."""
    at: str
    entry: int
    """Of the entry that touched."""
    kind: str
    account: str | None
    unit: str | None
    canaries: tuple[CanaryId, ...]
