"""Pupils in the audit trail as JSON: whom an inspector means, and proofs of presence and absence."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from core_registry.sharing import PupilLine
from gateway.api.models.base import PRINTABLE, Code, Line, Model, SchoolCode
from gateway.audit.presence import MAX_BYTES
from gateway.audit.proving import Issued
from gateway.audit.pupils import MAX_REASON, Named, Numbered, PupilQuestion

Reason = Annotated[Line, Field(min_length=1, max_length=MAX_REASON)]
"""Why it is asked; it is recorded, and part of every proof. Never a number of a person."""
Typed = Annotated[Line, Field(min_length=1, max_length=40)]
Number = Annotated[Typed, Field(repr=False)]


class PupilFindIn(Model):
    """Which pupil is meant: by ``number``, or by ``name`` with ``school`` or ``birth_date`` or both."""

    number: Annotated[Typed | None, Field(repr=False)] = None
    """学籍号 or resident identity number."""
    name: Annotated[Annotated[Line, Field(min_length=1, max_length=100)] | None, Field(repr=False)] = None
    school: SchoolCode | None = None
    birth_date: Annotated[date | None, Field(repr=False)] = None
    reason: Reason

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_name = self.name is not None and (self.school is not None or self.birth_date is not None)
        others = self.name is not None or self.school is not None or self.birth_date is not None
        if (self.number is None and not by_name) or (self.number is not None and others):
            raise ValueError("Give a number, or a name with a school or a day of birth.")
        return self

    def to_question(self) -> PupilQuestion:
        """Return the record of the question."""
        if self.number is not None:
            return Numbered(self.number)
        return Named(self.name or "", self.school, self.birth_date)


class PupilOut(Model):
    """A pupil whom the question fits, masked."""

    subject: str
    """The registry's permanent reference, by which the trail is searched."""
    name: str
    school: str
    grade: str
    class_name: str

    @classmethod
    def of(cls, line: PupilLine) -> Self:
        """Return the model of a line."""
        return cls(
            subject=line.subject_ref,
            name=line.name_masked,
            school=line.school_name,
            grade=line.grade,
            class_name=line.class_name,
        )


class PupilList(Model):
    """Whom the question fits: nobody, one, or some to choose from."""

    items: list[PupilOut]


class PupilTagsIn(Model):
    """Whose tags are wanted, and why."""

    number: Number
    """学籍号, resident identity number, or the registry's reference."""
    reason: Reason


class PresenceIn(Model):
    """Of which pupil, and of which ``entry``, or of which ``extract``'s file, it is to be shown."""

    number: Number
    """学籍号, resident identity number, or the registry's reference."""
    entry: Annotated[int, Field(ge=0, le=2**53)] | None = None
    extract: Code | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.entry is None) == (self.extract is None):
            raise ValueError("Give an entry or an extract.")
        return self


class PresenceRenewalIn(Model):
    """A proof whose receipts are to be those of today."""

    file: Annotated[str, Field(min_length=2, max_length=MAX_BYTES, pattern=PRINTABLE, repr=False)]


class PresenceOut(Model):
    """A proof, with what it shows; ``xueji verify-presence`` and docs/presence-proofs.md verify it."""

    present: bool
    """Whether the pupil is among those of the entry."""
    entry: int
    asked: int
    """The entry in which this asking is recorded; it is part of the proof."""
    tree_size: int
    witnessed: bool
    """Whether both entries are under a checkpoint with the quorum of witnesses; if not, renew the proof later."""
    file: str
    """The proof, to be kept byte by byte. Its member ``opening`` says whose the tag is: hand it on with care."""

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Return the model of a proof."""
        return cls(
            present=issued.proof.present,
            entry=issued.index,
            asked=issued.asked,
            tree_size=issued.tree_size,
            witnessed=issued.witnessed,
            file=issued.proof.encode().decode(),
        )
