"""Questions, their canonical form, answers and budgets, as frozen values."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

import rfc8785

from gateway.anonymize.noise import Loss, Mechanism
from gateway.ids import AccountId, GrantId, RecipientId

AnswerId = NewType("AnswerId", str)

COUNT = "count"
SHARE = "share"


class AnswerState(StrEnum):
    """Where an answer stands. Its loss is spent from the first state on, whatever comes."""

    QUEUED = "queued"
    COUNTING = "counting"
    READY = "ready"
    FAILED = "failed"


COMING = frozenset({AnswerState.QUEUED, AnswerState.COUNTING})


@dataclass(frozen=True, slots=True)
class Dimension:
    """A field of the profile by which is counted, at a level of its hierarchy; ``None`` is the finest allowed."""

    field: str
    level: str | None = None


@dataclass(frozen=True, slots=True)
class StatisticsRequest:
    """What is asked under a grant. ``None`` is the whole of what was granted, or the default.

    ``measures`` are ``count``, ``share`` and fields of the profile that stand for a mean. ``epsilon`` is in millionths.
    ``refresh`` asks for a new count of a question that was answered before, which costs anew.
    """

    dimensions: tuple[Dimension, ...]
    measures: tuple[str, ...] = (COUNT,)
    epsilon: int | None = None
    mechanism: Mechanism = Mechanism.LAPLACE
    territory: str | None = None
    stages: frozenset[str] | None = None
    grades: frozenset[str] | None = None
    schools: frozenset[str] | None = None
    bounds: tuple[int, int] | None = None
    """Least and greatest age in full years that a mean reckons with; who is outside counts as at the bound."""
    purpose: str | None = None
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class AxisOf:
    """One axis of the canonical form: a column of the sharing view at one level of a hierarchy."""

    column: str
    hierarchy: str | None
    level: str


@dataclass(frozen=True, slots=True)
class Canonical:
    """A question freed of how it was put: two that ask for the same numbers have one canonical form.

    Axes in the order of their columns; one for each hierarchy of labels (a stage is a level of the grades); conditions
    without those that the others imply. How much noise there is and by which mechanism is no part of it: asking again
    with another epsilon is the same question. ``bounds`` are given where a mean is asked for.
    """

    territory: str
    grades: tuple[str, ...] | None
    schools: tuple[str, ...] | None
    axes: tuple[AxisOf, ...]
    bounds: tuple[int, int] | None

    def text(self) -> str:
        """Return the canonical form as canonical JSON (RFC 8785)."""
        encoded: bytes = rfc8785.dumps(asdict(self))
        return encoded.decode()

    def sha256(self) -> str:
        """Return the SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.text().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: what was asked, what it cost, and, once it is ready, what is shown of the table.

    ``content`` holds shown values alone (JSON, ``content.Content``): of what is hidden nothing is kept.
    """

    id: AnswerId
    recipient: RecipientId
    school_year: int
    question: Canonical
    round: int
    grant: GrantId
    executor: AccountId
    state: AnswerState
    loss: Loss
    mechanism: Mechanism
    asked_at: datetime
    content: str = field(default="", repr=False)
    sha256: str = ""
    """Of ``content``."""
    manifest: str = field(default="", repr=False)
    snapshot: str = ""
    ready_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a recipient may still learn in a school year, about every pupil of the register together."""

    recipient: RecipientId
    school_year: int
    limit: Loss
    spent: Loss

    @property
    def left(self) -> Loss:
        """Return what is left."""
        return Loss(max(self.limit.epsilon - self.spent.epsilon, 0), max(self.limit.delta - self.spent.delta, 0))
