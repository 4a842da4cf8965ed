"""Rows of questions to the worker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary, String, Table, delete, insert, select, update

from gateway.db import connection_of, metadata
from gateway.instants import micros_text
from gateway.journal import Tx

questions = Table(
    "broker_questions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("question", LargeBinary, nullable=False),
    Column("asked_at", String(32), nullable=False, index=True),
    Column("answer", LargeBinary),
)


class SqlQuestions:
    """Implements ``gateway.broker.service.QuestionStore``."""

    def add(self, tx: Tx, identifier: str, question: bytes, asked_at: datetime) -> None:
        """Insert a sealed question."""
        values = {"id": identifier, "question": question, "asked_at": micros_text(asked_at)}
        connection_of(tx).execute(insert(questions).values(**values))

    def waiting(self, tx: Tx, limit: int) -> list[tuple[str, bytes]]:
        """Return id and sealed text of questions without an answer, oldest first."""
        query = (
            select(questions.c.id, questions.c.question)
            .where(questions.c.answer.is_(None))
            .order_by(questions.c.asked_at)
            .limit(limit)
        )
        return [(row.id, bytes(row.question)) for row in connection_of(tx).execute(query)]

    def answer(self, tx: Tx, identifier: str, sealed: bytes) -> None:
        """Write the answer of a question."""
        connection_of(tx).execute(update(questions).where(questions.c.id == identifier).values(answer=sealed))

    def answered(self, tx: Tx, identifier: str) -> bytes | None:
        """Return the answer, ``None`` while there is none."""
        query = select(questions.c.answer).where(questions.c.id == identifier)
        found = connection_of(tx).execute(query).scalar_one_or_none()
        return None if found is None else bytes(found)

    def forget(self, tx: Tx, identifier: str) -> None:
        """Remove a question."""
        connection_of(tx).execute(delete(questions).where(questions.c.id == identifier))

    def any_before(self, tx: Tx, moment: datetime) -> bool:
        """Say whether a question was asked before ``moment``."""
        query = select(questions.c.id).where(questions.c.asked_at < micros_text(moment)).limit(1)
        return connection_of(tx).execute(query).first() is not None

    def forget_before(self, tx: Tx, moment: datetime) -> int:
        """Remove questions asked before ``moment``; return how many."""
        return connection_of(tx).execute(delete(questions).where(questions.c.asked_at < micros_text(moment))).rowcount
