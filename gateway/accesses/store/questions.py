"""Questions of families: texts sealed, of the pupil the reference alone; an answer is written once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from gateway.accesses.records import Question, QuestionId
from gateway.accesses.sealing import TextBox
from gateway.data_keys.errors import DataGoneError
from gateway.data_keys.matters import Cursor, Matter
from gateway.data_keys.periods import civil_day, end_of_day
from gateway.data_keys.records import DESTROYED_TEXT, Place
from gateway.data_keys.service import DataKeys
from gateway.db import Guard, connection_of, metadata, protect
from gateway.db.data_keys import destroyed_key
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

_BIG = BigInteger().with_variant(Integer, "sqlite")

access_questions = Table(
    "access_questions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("subject_ref", String(64), nullable=False),
    Column("entry", _BIG),
    Column("unit", String(16), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("due", String(10), nullable=False),
    Column("text_sealed", LargeBinary, nullable=False),
    Column("answer_sealed", LargeBinary),
    Column("answered_at", String(32), index=True),
    Column("answered_by", String(64)),
    Column("overdue", Boolean, nullable=False),
    Index("ix_access_questions_family", "account", "subject_ref"),
)
protect(
    access_questions,
    Guard(
        update_if="NEW.id = OLD.id AND NEW.due = OLD.due AND OLD.answered_at IS NULL",
        delete_if=f"EXISTS ({destroyed_key('family_questions', 'OLD.id')})",
    ),
)
FAMILY_QUESTIONS: Final = "family_questions"
"""The class of questions among the data keys; the matter is the question."""
_columns = access_questions.c
_TEXT, _ANSWER = "text", "answer"


@dataclass(frozen=True, slots=True)
class SqlQuestionBook:
    """Implements ``gateway.accesses.ports.QuestionStore``.

    With ``keys`` what the box has sealed is sealed once more, under a key of the question that can be destroyed.
    """

    box: TextBox
    keys: DataKeys | None = None

    def add(self, tx: Tx, question: Question) -> None:
        """Insert a question."""
        connection_of(tx).execute(
            insert(access_questions).values(
                id=question.id,
                account=question.account,
                subject_ref=question.subject_ref,
                entry=question.entry,
                unit=question.unit,
                asked_at=micros_text(question.asked_at),
                due=question.due.isoformat(),
                text_sealed=self._seal(tx, question.id, _TEXT, question.text),
                overdue=False,
            )
        )

    def get(self, tx: Tx, question: QuestionId) -> Question | None:
        """Return a question."""
        row = connection_of(tx).execute(select(access_questions).where(_columns.id == question)).one_or_none()
        return None if row is None else self._question(tx, row)

    def of_family(self, tx: Tx, account: AccountId, subject_ref: SubjectRef) -> list[Question]:
        """Return the questions of an account about a pupil, newest first."""
        query = (
            select(access_questions)
            .where(_columns.account == account, _columns.subject_ref == subject_ref)
            .order_by(_columns.asked_at.desc(), _columns.id)
        )
        return [self._question(tx, row) for row in connection_of(tx).execute(query).all()]

    def waiting(self, tx: Tx, limit: int) -> list[Question]:
        """Return the questions without an answer, the most urgent first."""
        query = (
            select(access_questions)
            .where(_columns.answered_at.is_(None))
            .order_by(_columns.due, _columns.id)
            .limit(limit)
        )
        return [self._question(tx, row) for row in connection_of(tx).execute(query).all()]

    def answer(self, tx: Tx, question: Question) -> bool:
        """Write the answer of a question that has none; say whether it had none."""
        done = connection_of(tx).execute(
            update(access_questions)
            .where(_columns.id == question.id, _columns.answered_at.is_(None))
            .values(
                answer_sealed=self._seal(tx, question.id, _ANSWER, question.answer),
                answered_at=None if question.answered_at is None else micros_text(question.answered_at),
                answered_by=question.answered_by,
            )
        )
        return done.rowcount == 1

    def past_due(self, tx: Tx, today: date, limit: int) -> list[Question]:
        """Return questions that wait beyond their last day and of which that was not recorded."""
        query = (
            select(access_questions)
            .where(_columns.answered_at.is_(None), _columns.due < today.isoformat(), _columns.overdue.is_(False))
            .order_by(_columns.due, _columns.id)
            .limit(limit)
        )
        return [self._question(tx, row) for row in connection_of(tx).execute(query).all()]

    def mark_overdue(self, tx: Tx, question: QuestionId) -> bool:
        """Remember that a question is late; say whether it was not known and has no answer yet."""
        done = connection_of(tx).execute(
            update(access_questions)
            .where(_columns.id == question, _columns.answered_at.is_(None), _columns.overdue.is_(False))
            .values(overdue=True)
        )
        return done.rowcount == 1

    def _seal(self, tx: Tx, question: QuestionId, member: str, text: str) -> bytes:
        sealed = self.box.seal(question, member, text)
        return sealed if self.keys is None else self.keys.seal(tx, Place(FAMILY_QUESTIONS, question, member), sealed)

    def _open(self, tx: Tx, question: QuestionId, member: str, sealed: bytes) -> str:
        if self.keys is not None:
            try:
                if self.keys.find(tx, FAMILY_QUESTIONS, question) is not None:  # one from before has no key of its own
                    sealed = self.keys.open(tx, Place(FAMILY_QUESTIONS, question, member), sealed)
            except DataGoneError:
                return DESTROYED_TEXT
        return self.box.open(question, member, sealed)

    def _question(self, tx: Tx, row: Row[tuple[object, ...]]) -> Question:
        identifier = QuestionId(row.id)
        answer = "" if row.answer_sealed is None else self._open(tx, identifier, _ANSWER, bytes(row.answer_sealed))
        return Question(
            id=identifier,
            account=AccountId(row.account),
            subject_ref=SubjectRef(row.subject_ref),
            entry=None if row.entry is None else int(row.entry),
            unit=UnitCode(row.unit),
            asked_at=instant_of(row.asked_at),
            due=date.fromisoformat(row.due),
            text=self._open(tx, identifier, _TEXT, bytes(row.text_sealed)),
            answer=answer,
            answered_at=None if row.answered_at is None else instant_of(row.answered_at),
            answered_by=None if row.answered_by is None else AccountId(row.answered_by),
            overdue=bool(row.overdue),
        )


class QuestionShelf:
    """Implements ``gateway.data_keys.matters.Shelf``: a question's retention counts from the day of its answer."""

    keyed = True

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> list[Matter]:
        """Return answered questions by instant of the answer and id."""
        query = select(_columns.id, _columns.asked_at, _columns.answered_at, _columns.unit).where(
            _columns.answered_at < micros_text(end_of_day(last))
        )
        if after is not None:
            query = query.where(
                tuple_(_columns.answered_at, _columns.id) > tuple_(literal(after[0]), literal(after[1]))
            )
        rows = connection_of(tx).execute(query.order_by(_columns.answered_at, _columns.id).limit(limit)).all()
        return [
            Matter(
                FAMILY_QUESTIONS,
                row.id,
                civil_day(instant_of(row.asked_at)),
                civil_day(instant_of(row.answered_at)),
                unit=row.unit,
                order=row.answered_at,
            )
            for row in rows
        ]

    def amount(self, tx: Tx) -> int:
        """Return how many questions there are."""
        return int(connection_of(tx).execute(select(func.count()).select_from(access_questions)).scalar_one())

    def remove(self, tx: Tx, matter: Matter) -> bool:
        """Remove an answered question."""
        done = connection_of(tx).execute(
            delete(access_questions).where(_columns.id == matter.id, _columns.answered_at.is_not(None))
        )
        return bool(done.rowcount == 1)
