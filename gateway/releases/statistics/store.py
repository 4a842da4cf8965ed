"""Rows of statistics and of budgets. No count of a pupil stands here but what was shown, with its noise."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.anonymize.noise import Loss, Mechanism
from gateway.db import Leases, connection_of, metadata
from gateway.ids import AccountId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.releases.statistics.records import Answer, AnswerId, AnswerState, AxisOf, Canonical

answers = Table(
    "statistics_answers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("recipient", String(18), nullable=False),
    Column("school_year", Integer, nullable=False),
    Column("question_sha256", String(64), nullable=False),
    Column("round", Integer, nullable=False),
    Column("question", Text, nullable=False),
    Column("grant_id", String(64), nullable=False, index=True),
    Column("executor", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("epsilon", BigInteger, nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("mechanism", String(12), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("ready_at", String(32)),
    Column("content", Text, nullable=False, default=""),
    Column("sha256", String(64), nullable=False, default=""),
    Column("manifest", Text, nullable=False, default=""),
    Column("snapshot", String(40), nullable=False, default=""),
    Column("failure", String(60), nullable=False, default=""),
    Column("rows_done", Integer, nullable=False, default=0),
    Column("rows_total", Integer, nullable=False, default=0),
    Column("worker", String(80)),
    Column("leased_to", String(32)),
    UniqueConstraint("recipient", "school_year", "question_sha256", "round", name="uq_statistics_answers_question"),
    Index("ix_statistics_answers_state_asked", "state", "asked_at"),
)

budgets = Table(
    "statistics_budgets",
    metadata,
    Column("recipient", String(18), nullable=False),
    Column("school_year", Integer, nullable=False, autoincrement=False),
    Column("epsilon", BigInteger, nullable=False),
    Column("delta", BigInteger, nullable=False),
    PrimaryKeyConstraint("recipient", "school_year", name="pk_statistics_budgets"),
)

_QUEUE = Leases(answers, answers.c.asked_at, AnswerState.QUEUED, AnswerState.COUNTING)


class SqlStatistics:
    """Repository of answers and budgets. It never commits."""

    def add(self, tx: Tx, answer: Answer) -> bool:
        """Insert an answer that is being paid for; false when the same question has this round already."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(answers).values(**_values(answer))
        once = statement.on_conflict_do_nothing(
            index_elements=["recipient", "school_year", "question_sha256", "round"]
        ).returning(answers.c.id)
        return connection.execute(once).first() is not None

    def spend(self, tx: Tx, recipient: RecipientId, school_year: int, loss: Loss, limit: Loss) -> bool:
        """Add ``loss`` to what was spent if that stays within ``limit``: one statement decides, not a race."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        row = {"recipient": recipient, "school_year": school_year, "epsilon": 0, "delta": 0}
        statement = dialect.insert(budgets).values(**row)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["recipient", "school_year"]))
        columns = budgets.c
        fits = (
            (columns.recipient == recipient)
            & (columns.school_year == school_year)
            & (columns.epsilon + loss.epsilon <= limit.epsilon)
            & (columns.delta + loss.delta <= limit.delta)
        )
        grown = {"epsilon": columns.epsilon + loss.epsilon, "delta": columns.delta + loss.delta}
        return bool(connection.execute(update(budgets).where(fits).values(**grown)).rowcount == 1)

    def spent(self, tx: Tx, recipient: RecipientId, school_year: int) -> Loss:
        """Return what was spent."""
        mine = (budgets.c.recipient == recipient) & (budgets.c.school_year == school_year)
        row = connection_of(tx).execute(select(budgets.c.epsilon, budgets.c.delta).where(mine)).one_or_none()
        return Loss(0) if row is None else Loss(int(row.epsilon), int(row.delta))

    def get(self, tx: Tx, identifier: AnswerId) -> Answer | None:
        """Return one answer."""
        row = connection_of(tx).execute(select(answers).where(answers.c.id == identifier)).one_or_none()
        return None if row is None else _answer(row)

    def newest(self, tx: Tx, recipient: RecipientId, school_year: int, question: str) -> Answer | None:
        """Return the newest round of a question (by its SHA-256)."""
        mine = (
            (answers.c.recipient == recipient)
            & (answers.c.school_year == school_year)
            & (answers.c.question_sha256 == question)
        )
        query = select(answers).where(mine).order_by(answers.c.round.desc()).limit(1)
        row = connection_of(tx).execute(query).one_or_none()
        return None if row is None else _answer(row)

    def ready(self, tx: Tx, recipient: RecipientId, school_year: int) -> list[Answer]:
        """Return the newest ready round of every question of a recipient, the oldest question first."""
        latest = (
            select(answers.c.question_sha256, func.max(answers.c.round).label("round"))
            .where(
                answers.c.recipient == recipient,
                answers.c.school_year == school_year,
                answers.c.state == AnswerState.READY,
            )
            .group_by(answers.c.question_sha256)
            .subquery()
        )
        same = (answers.c.question_sha256 == latest.c.question_sha256) & (answers.c.round == latest.c.round)
        query = (
            select(answers)
            .join(latest, same)
            .where(answers.c.recipient == recipient, answers.c.school_year == school_year)
            .order_by(answers.c.asked_at, answers.c.id)
        )
        return [_answer(row) for row in connection_of(tx).execute(query)]

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Answer]:
        """Return the answers that were asked for under a grant, newest first."""
        query = select(answers).where(answers.c.grant_id == grant).order_by(answers.c.asked_at.desc(), answers.c.id)
        return [_answer(row) for row in connection_of(tx).execute(query)]

    def claim(
        self, tx: Tx, worker: str, now: datetime, leased_to: datetime, identifier: AnswerId | None = None
    ) -> Answer | None:
        """Take the oldest answer that waits or whose worker went silent, or the one named if it does."""
        among = [] if identifier is None else [answers.c.id == identifier]
        row = _QUEUE.claim(tx, worker, now, leased_to, *among)
        return None if row is None else _answer(row)

    def finish(self, tx: Tx, answer: Answer, worker: str) -> bool:
        """Write what a counting came to; false when ``worker`` does not hold the answer any more."""
        values = {
            "state": answer.state,
            "content": answer.content,
            "sha256": answer.sha256,
            "manifest": answer.manifest,
            "snapshot": answer.snapshot,
            "failure": answer.failure,
            "ready_at": None if answer.ready_at is None else micros_text(answer.ready_at),
        }
        return _QUEUE.change(tx, answer.id, worker, values)

    def queue_again(self, tx: Tx, identifier: AnswerId) -> bool:
        """Put an answer whose counting failed back in the queue: it was paid for."""
        failed = (answers.c.id == identifier) & (answers.c.state == AnswerState.FAILED)
        again = update(answers).where(failed).values(state=AnswerState.QUEUED, failure="")
        return bool(connection_of(tx).execute(again).rowcount == 1)


def _values(answer: Answer) -> dict[str, object]:
    return {
        "id": answer.id,
        "recipient": answer.recipient,
        "school_year": answer.school_year,
        "question_sha256": answer.question.sha256(),
        "round": answer.round,
        "question": answer.question.text(),
        "grant_id": answer.grant,
        "executor": answer.executor,
        "state": answer.state,
        "epsilon": answer.loss.epsilon,
        "delta": answer.loss.delta,
        "mechanism": answer.mechanism,
        "asked_at": micros_text(answer.asked_at),
        "ready_at": None,
        "content": "",
        "sha256": "",
        "manifest": "",
        "snapshot": "",
        "failure": "",
        "rows_done": 0,
        "rows_total": 0,
    }


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        id=AnswerId(row.id),
        recipient=RecipientId(row.recipient),
        school_year=row.school_year,
        question=canonical_of(row.question),
        round=row.round,
        grant=GrantId(row.grant_id),
        executor=AccountId(row.executor),
        state=AnswerState(row.state),
        loss=Loss(int(row.epsilon), int(row.delta)),
        mechanism=Mechanism(row.mechanism),
        asked_at=instant_of(row.asked_at),
        content=row.content,
        sha256=row.sha256,
        manifest=row.manifest,
        snapshot=row.snapshot,
        ready_at=None if row.ready_at is None else instant_of(row.ready_at),
        failure=row.failure,
    )


def canonical_of(text: str) -> Canonical:
    """Return the canonical form that ``Canonical.text`` wrote."""
    told = json.loads(text)
    return Canonical(
        territory=told["territory"],
        grades=_tuple(told["grades"]),
        schools=_tuple(told["schools"]),
        axes=tuple(AxisOf(**one) for one in told["axes"]),
        bounds=None if told["bounds"] is None else (told["bounds"][0], told["bounds"][1]),
    )


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
