"""Checks, the people in them and their answers, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from gateway.ids import AccountId, GrantId, RecipientId

CheckId = NewType("CheckId", str)
ClaimValue = str | bool

MAX_PEOPLE = 100
"""People of one call, whatever a grant allows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One person as the caller describes them, and what the caller claims of them."""

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    claims: Mapping[str, ClaimValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What is asked under a grant. ``purpose`` is what the caller says it is for; ``None`` is that of the grant."""

    people: tuple[Asked, ...] = field(repr=False)
    purpose: str | None = None


class CheckState(StrEnum):
    """Where a check stands."""

    ASKED = "asked"
    LOOKING = "looking"
    COMPLETE = "complete"
    ERROR = "error"
    UNKNOWN = "unknown"


OPEN = frozenset({CheckState.ASKED, CheckState.LOOKING})


@dataclass(frozen=True, slots=True)
class Check:
    """One call: who asked under which grant, for how many people. Nobody of them is in it."""

    id: CheckId
    grant: GrantId
    recipient: RecipientId
    executor: AccountId
    people: int
    state: CheckState
    asked_at: datetime
    leased_to: datetime


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answers, in the order of the people: confirmed or not."""

    id: CheckId
    confirmed: tuple[bool, ...] = field(repr=False)
