"""Values of the guardian's view: who had what, why, when; and the questions of families. No officer's name, ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from gateway.ids import AccountId, SubjectRef, UnitCode

QuestionId = NewType("QuestionId", str)
MAX_TEXT = 1000
"""Characters of a question or an answer."""
OPEN_QUESTIONS = 5
"""Questions of one account about one pupil that may wait at a time."""


@dataclass(frozen=True, slots=True)
class Words:
    """The same in Chinese and English; ``en`` may be empty where there is only a Chinese name."""

    zh: str
    en: str = ""


class Sort(StrEnum):
    """What kind of access it was."""

    READ = "read"
    """A school or department looked at the record."""
    RELEASE = "release"
    """An extract or a match that holds the pupil was made for a recipient."""
    CHECK = "check"
    SIGN_IN = "sign_in"
    VERIFICATION = "verification"
    INSPECTION = "inspection"
    """An inspector looked through the log for entries about the pupil."""


@dataclass(frozen=True, slots=True)
class Access:
    """One access: ``body`` and ``post`` say who, ``what`` fields or claims in words, ``ground`` the legal ground."""

    index: int
    """The entry of the audit log that proves it."""
    at: datetime
    sort: Sort
    body: str
    post: str
    purpose: Words
    what: tuple[Words, ...]
    ground: str
    delivered: bool | None
    """Whether what was made has been fetched; ``None`` where it was answered at once."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a family. Its texts lie under seal in the store (``gateway.accesses.sealing``)."""

    id: QuestionId
    account: AccountId
    subject_ref: SubjectRef = field(repr=False)
    entry: int | None
    """The access that is asked about, if it is one."""
    unit: UnitCode
    """The education department that answers: the one that manages the pupil's school."""
    asked_at: datetime
    due: date
    """Last day of the answer, a civil date of Asia/Shanghai."""
    text: str = field(repr=False)
    answer: str = field(default="", repr=False)
    answered_at: datetime | None = None
    answered_by: AccountId | None = None
    overdue: bool = False

    def late(self, today: date) -> bool:
        """Say whether it waits beyond its last day."""
        return self.answered_at is None and today > self.due


@dataclass(frozen=True, slots=True)
class AccessPage:
    """What a family sees of a pupil: accesses, newest first, and its own questions. ``before`` asks for more."""

    accesses: tuple[Access, ...]
    before: int | None
    questions: tuple[Question, ...]
    lost_epochs: tuple[str, ...] = ()
    """Quarters so long ago that nobody can say any more who looked: their keys are destroyed."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question as the office sees it: with the masked name and school of the pupil."""

    question: Question
    label: str = field(repr=False)
    school: str
    late: bool
