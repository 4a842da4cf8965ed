"""What the guardian's view needs from outside, as protocols that the composition root fills."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from gateway.accesses.records import AccessPage, Question, QuestionId, Words
from gateway.audit.records import SearchPage, SearchQuery
from gateway.ids import AccountId, SubjectRef
from gateway.journal import Tx
from gateway.principals import Principal


@dataclass(frozen=True, slots=True)
class GrantWords:
    """A grant as a family reads it."""

    recipient: str
    purpose: Words
    fields: tuple[Words, ...]
    ground: str


class Names(Protocol):
    """Words for what entries name by codes."""

    def unit(self, code: str) -> str:
        """Return the name of a school or department."""

    def recipient(self, code: str) -> str:
        """Return the name of a recipient, its code where nobody knows it."""

    def post(self, account: str) -> tuple[str, str]:
        """Return unit and post of an account of staff, empty for none: never its name."""

    def grant(self, identifier: str) -> GrantWords | None:
        """Return a grant, ``None`` for an unknown one."""

    def purpose(self, code: str) -> Words:
        """Return a purpose."""

    def claim(self, code: str) -> Words:
        """Return a claim of a credential."""


class Trail(Protocol):
    """The audit trail (``gateway.audit.service.AuditService``)."""

    def found(self, query: SearchQuery) -> SearchPage:
        """Return a page of entries, newest first. Nothing is logged."""


class Holds(Protocol):
    """What inspections keep back for now (``gateway.inspections.store.SqlCases``)."""

    def held(self, tx: Tx, entries: Collection[int], today: date) -> frozenset[int]:
        """Return those of ``entries`` that are not shown yet."""


class Bonds(Protocol):
    """Who may see a pupil (``gateway.families.service.FamilyService``)."""

    def may_see(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the account may see a pupil now."""


class PupilView(Protocol):
    """The sharing view."""

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        """Return one row as a mapping, ``None`` when there is none."""


class QuestionStore(Protocol):
    """Questions of families."""

    def add(self, tx: Tx, question: Question) -> None:
        """Insert a question."""

    def get(self, tx: Tx, question: QuestionId) -> Question | None:
        """Return a question."""

    def of_family(self, tx: Tx, account: AccountId, subject_ref: SubjectRef) -> list[Question]:
        """Return the questions of an account about a pupil, newest first."""

    def waiting(self, tx: Tx, limit: int) -> list[Question]:
        """Return the questions without an answer, the most urgent first."""

    def answer(self, tx: Tx, question: Question) -> bool:
        """Write the answer of a question that has none; say whether it had none."""

    def past_due(self, tx: Tx, today: date, limit: int) -> list[Question]:
        """Return questions that wait beyond their last day and of which that was not recorded."""

    def mark_overdue(self, tx: Tx, question: QuestionId) -> bool:
        """Remember that a question is late; say whether it was not known and has no answer yet."""


class AccessDesk(Protocol):
    """What families are answered, here or by the worker. Both raise ``ForbiddenError`` for whoever may not see."""

    def page(self, by: Principal, subject_ref: SubjectRef, before: int | None = None) -> AccessPage:
        """Return a page of accesses to a pupil's data and the family's own questions; the reading is an entry."""

    def ask(self, by: Principal, subject_ref: SubjectRef, text: str, entry: int | None = None) -> datetime:
        """Take a question; return when it was asked."""
