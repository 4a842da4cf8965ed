"""PostgreSQL: what the roles of the faces may do with cases and questions: a body answers, no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

import gateway.bootstrap  # noqa: F401  every store declares its tables
from gateway.accesses.records import Question, QuestionId
from gateway.accesses.sealing import TextBox
from gateway.accesses.store import SqlQuestionBook
from gateway.db import make_engine, migrate
from gateway.db.roles import grant_face_role
from gateway.ids import AccountId, UnitCode
from gateway.inspections.records import (
    Case,
    CaseEvent,
    CaseId,
    CaseState,
    Evidence,
    Hold,
    HoldId,
    Subject,
    SubjectKind,
)
from gateway.inspections.store import SqlCases
from gateway.journal import Tx
from gateway.keyring import Face
from tests.factories.alerts import MONDAY
from tests.factories.identity import LI
from tests.factories.journal import make_data_keys

WHO = AccountId("st-6")
CASE = Case(
    CaseId("ic-1"), Subject(SubjectKind.UNIT, "140105"), "entry 1", "核查", CaseState.ORDERED, MONDAY, WHO,
    ordered_at=MONDAY, due=date(2026, 12, 1),
)  # fmt: skip
QUESTION = Question(
    QuestionId("fq-1"), AccountId("gd-1"), LI, None, UnitCode("140105"), MONDAY, date(2026, 12, 7), "谁？"
)


@pytest.fixture
def owner(postgres_url: str) -> Iterator[sa.Engine]:
    migrate.upgrade(postgres_url)
    engine = make_engine(postgres_url)
    with engine.begin() as connection:
        SqlCases(make_data_keys()).add(Tx(connection), CASE, CaseEvent(MONDAY, WHO, "opened", "核查"))
    yield engine
    engine.dispose()


def as_role(owner: sa.Engine, face: Face) -> sa.Engine:
    """Return the database as the role of ``face`` sees it."""
    role = f"r{uuid4().hex[:12]}"
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
    grant_face_role(owner, role, face)
    return make_engine(owner.url.set(username=role).render_as_string(hide_password=False))


def refused(engine: sa.Engine, *statements: str) -> None:
    """Assert that the role may do none of these."""
    for statement in statements:
        with pytest.raises(ProgrammingError), engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.postgres
@pytest.mark.parametrize("face", [Face.OFFICE, Face.WORKER])
def test_office_and_worker_keep_cases_and_questions_and_take_nothing_out(owner: sa.Engine, face: Face) -> None:
    engine, store, book = (
        as_role(owner, face),
        SqlCases(make_data_keys()),
        SqlQuestionBook(TextBox.from_root(bytes(32))),
    )
    with engine.begin() as connection:
        tx = Tx(connection)
        late = replace(CASE, overdue=True, version=2)
        assert store.update(tx, CASE, late, CaseEvent(MONDAY, None, "overdue"))
        store.add_evidence(tx, CASE.id, [Evidence(1, MONDAY, WHO, "", "receipt")])
        store.add_hold(tx, Hold(HoldId("ih-1"), CASE.id, (1,), MONDAY, WHO, date(2026, 12, 7), "调查中"))
        assert store.held(tx, [1], date(2026, 12, 1)) == {1}
        assert store.lift_hold(tx, HoldId("ih-1"), MONDAY)
        book.add(tx, QUESTION)
        assert book.mark_overdue(tx, QUESTION.id)
        assert book.answer(tx, replace(QUESTION, answer="因为。", answered_at=MONDAY, answered_by=WHO))
    refused(
        engine,
        "DELETE FROM inspection_cases",
        "DELETE FROM inspection_events",
        "UPDATE inspection_evidence SET note = 'x'",
        "DELETE FROM inspection_held_entries",
        "DELETE FROM access_questions",
    )
    engine.dispose()


@pytest.mark.postgres
def test_where_applicants_sign_in_no_case_is_read_the_worker_answers(owner: sa.Engine) -> None:
    engine = as_role(owner, Face.OUTSIDE)
    refused(
        engine,
        "SELECT * FROM inspection_cases",
        "SELECT * FROM inspection_events",
        "SELECT * FROM inspection_evidence",
        "SELECT * FROM inspection_holds",
        "SELECT * FROM access_questions",
        "SELECT * FROM data_keys",
    )
    engine.dispose()


@pytest.mark.postgres
def test_the_family_face_reads_neither_cases_nor_questions(owner: sa.Engine) -> None:
    engine = as_role(owner, Face.FAMILY)
    refused(
        engine,
        "SELECT * FROM inspection_cases",
        "SELECT * FROM inspection_held_entries",
        "SELECT * FROM access_questions",
        "SELECT * FROM log_tags",
    )
    engine.dispose()
