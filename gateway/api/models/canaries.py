"""Decoy pupils as JSON: never which pupil one is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.api.models.base import PRINTABLE, Division, Line, Model
from gateway.canaries.records import MOST_AT_ONCE, CanaryState, CanaryView, Touch

Phone = Annotated[Line, Field(min_length=5, max_length=32)]


class CanaryProposalIn(Model):
    """Decoys to be put among the former pupils of schools within a unit, one for each telephone."""

    unit: Division
    phones: Annotated[list[Phone], Field(min_length=1, max_length=MOST_AT_ONCE)]
    """Telephones that the department owns: the guardian's in the record. A call to one is a use of it, too."""


class CanaryRecognitionIn(Model):
    """A text that was found outside, as the rows of a leaked file. Nothing of it is kept."""

    text: Annotated[str, Field(min_length=1, max_length=1_000_000, pattern=PRINTABLE)]


class CanaryOut(Model):
    """A decoy: who answers for it, and where it stands."""

    id: str
    unit: str
    """The department in whose territory it lies, or will."""
    state: CanaryState
    planted: bool
    """Whether its record lies in the registry and is watched."""
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None

    @classmethod
    def of(cls, view: CanaryView) -> CanaryOut:
        """Return a decoy as JSON."""
        one = view.canary
        return cls(
            id=one.id,
            unit=view.unit,
            state=one.state,
            planted=view.planted,
            proposed_at=one.proposed_at,
            proposed_by=one.proposed_by,
            decided_at=one.decided_at,
            decided_by=one.decided_by,
            withdrawn_at=one.withdrawn_at,
            withdrawn_by=one.withdrawn_by,
        )


class CanaryList(Model):
    """Decoys, newest first."""

    items: list[CanaryOut]


class CanaryTouchOut(Model):
    """One use of decoys, as the log tells of it."""

    index: int
    """Of the entry ``canary.touched``."""
    at: str
    entry: int
    """Of the entry that touched."""
    kind: str
    account: str | None
    unit: str | None
    canaries: list[str]

    @classmethod
    def of(cls, touch: Touch) -> CanaryTouchOut:
        """Return a touch as JSON."""
        return cls(
            index=touch.index,
            at=touch.at,
            entry=touch.entry,
            kind=touch.kind,
            account=touch.account,
            unit=touch.unit,
            canaries=list(touch.canaries),
        )


class CanaryTouchList(Model):
    """The latest touches, newest first, 100 at the most."""

    items: list[CanaryTouchOut]


class CanaryRecognitionOut(Model):
    """Which decoys stand in the text."""

    canaries: list[str]
