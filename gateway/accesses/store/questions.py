"""Questions of families: texts sealed, of the pupil the reference alone; an answer is written once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

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
    insert,
    select,
    update,
)

from gateway.accesses.records import Question, QuestionId
from gateway.accesses.sealing import TextBox
from gateway.db import Guard, connection_of, metadata, protect
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
protect(access_questions, Guard(update_if="NEW.id = OLD.id AND NEW.due = OLD.due AND OLD.answered_at IS NULL"))
_columns = access_questions.c
_TEXT, _ANSWER = "text", "answer"


@dataclass(frozen=True, slots=True)
class SqlQuestionBook:
    """Implements ``gateway.accesses.ports.QuestionStore``."""

    box: TextBox

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
                text_sealed=self.box.seal(question.id, _TEXT, question.text),
                overdue=False,
            )
        )

    def get(self, tx: Tx, question: QuestionId) -> Question | None:
        """Return a question."""
        row = connection_of(tx).execute(select(access_questions).where(_columns.id == question)).one_or_none()
        return None if row is None else self._question(row)

    def of_family(self, tx: Tx, account: AccountId, subject_ref: SubjectRef) -> list[Question]:
        """Return the questions of an account about a pupil, newest first."""
        query = (
            select(access_questions)
            .where(_columns.account == account, _columns.subject_ref == subject_ref)
            .order_by(_columns.asked_at.desc(), _columns.id)
        )
        return [self._question(row) for row in connection_of(tx).execute(query)]

    def waiting(self, tx: Tx, limit: int) -> list[Question]:
        """Return the questions without an answer, the most urgent first."""
        query = (
            select(access_questions)
            .where(_columns.answered_at.is_(None))
            .order_by(_columns.due, _columns.id)
            .limit(limit)
        )
        return [self._question(row) for row in connection_of(tx).execute(query)]

    def answer(self, tx: Tx, question: Question) -> bool:
        """Write the answer of a question that has none; say whether it had none."""
        done = connection_of(tx).execute(
            update(access_questions)
            .where(_columns.id == question.id, _columns.answered_at.is_(None))
            .values(
                answer_sealed=self.box.seal(question.id, _ANSWER, question.answer),
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
        return [self._question(row) for row in connection_of(tx).execute(query)]

    def mark_overdue(self, tx: Tx, question: QuestionId) -> bool:
        """Remember that a question is late; say whether it was not known and has no answer yet."""
        done = connection_of(tx).execute(
            update(access_questions)
            .where(_columns.id == question, _columns.answered_at.is_(None), _columns.overdue.is_(False))
            .values(overdue=True)
        )
        return done.rowcount == 1

    def _question(self, row: Row[tuple[object, ...]]) -> Question:
        identifier = QuestionId(row.id)
        answer = "" if row.answer_sealed is None else self.box.open(identifier, _ANSWER, bytes(row.answer_sealed))
        return Question(
            id=identifier,
            account=AccountId(row.account),
            subject_ref=SubjectRef(row.subject_ref),
            entry=None if row.entry is None else int(row.entry),
            unit=UnitCode(row.unit),
            asked_at=instant_of(row.asked_at),
            due=date.fromisoformat(row.due),
            text=self.box.open(identifier, _TEXT, bytes(row.text_sealed)),
            answer=answer,
            answered_at=None if row.answered_at is None else instant_of(row.answered_at),
            answered_by=None if row.answered_by is None else AccountId(row.answered_by),
            overdue=bool(row.overdue),
        )
