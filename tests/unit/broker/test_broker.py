"""A question is asked and answered under seal, for itself only, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from gateway.accounts.store import SqlBookkeeping
from gateway.broker import service as broker
from gateway.broker.service import LIFE_SECONDS, PUPIL, Answerer, Asker, broker_key, pupil_handler
from gateway.broker.store import SqlQuestions
from gateway.db import DatabaseReader, make_engine
from gateway.errors import ConflictError, ForbiddenError, GatewayError, ParameterError, UnavailableError
from tests.factories.accounts import Clock

KEY = broker_key(bytes(32))
ROWS: dict[str, Mapping[str, object]] = {
    "a" * 32: {"subject_ref": "a" * 32, "state": "active", "birth_date": date(2015, 3, 1), "grade": None},
    "b" * 32: {"subject_ref": "b" * 32, "state": "withdrawn", "birth_date": None, "grade": "12"},
}


@dataclass
class Book:
    asked: list[str] = field(default_factory=list)

    def pupil(self, subject_ref: str) -> Mapping[str, object] | None:
        self.asked.append(subject_ref)
        return ROWS.get(subject_ref)


FAILURES: dict[str, Exception] = {
    "forbidden": ForbiddenError(
        "Not so.", detail_zh="不允许。", rule="A50-9", missing=("rows",), extra={"dimension": "rows"}
    ),
    "conflict": ConflictError("Not now."),
    "parameter": ParameterError("Of no business of theirs."),
    "bug": RuntimeError("郑无此 140105201503010048"),
}


def fail(body: Mapping[str, object]) -> object:
    raise FAILURES[str(body["how"])]


def ask_later(line: Line, identifier: str) -> None:
    """Put a question for ``a`` into the table and let nobody wait for it."""
    asker = line.asker
    question = broker._seal(KEY, broker._question(identifier), {"kind": PUPIL, "body": {"subject_ref": "a" * 32}})
    asker.scratch.write(lambda tx: asker.store.add(tx, identifier, question, line.clock()))


@dataclass
class Line:
    engine: Engine
    clock: Clock
    asker: Asker
    answerer: Answerer
    book: Book

    def rows(self) -> int:
        with self.engine.connect() as connection:
            count: int = connection.execute(text("SELECT count(*) FROM broker_questions")).scalar_one()
            return count


@pytest.fixture
def line(tables_url: str) -> Iterator[Line]:
    engine = make_engine(tables_url)
    clock, book = Clock(datetime(2026, 11, 23, tzinfo=UTC)), Book()
    reader, scratch = DatabaseReader(engine), SqlBookkeeping(engine)
    handlers = {PUPIL: pupil_handler(book), "echo": lambda body: body["say"], "fail": fail}
    answerer = Answerer(SqlQuestions(), reader, scratch, handlers, KEY, clock)

    def wait(_seconds: float) -> None:
        answerer.round()

    yield Line(engine, clock, Asker(SqlQuestions(), reader, scratch, KEY, clock, sleep=wait), answerer, book)
    engine.dispose()


@pytest.mark.parametrize("ref", [*ROWS, "c" * 32])
def test_the_answer_is_the_row_of_the_pupil_and_the_question_is_gone(line: Line, ref: str) -> None:
    assert line.asker.pupil(ref) == ROWS.get(ref)
    assert line.book.asked == [ref]
    assert line.rows() == 0


def test_nobody_answers_and_the_question_is_taken_back(line: Line) -> None:
    alone = replace(line.asker, sleep=lambda _seconds: None, wait_seconds=0.0)
    with pytest.raises(UnavailableError, match="worker"):
        alone.pupil("a" * 32)
    assert line.rows() == 0


def test_an_answer_lies_sealed(line: Line) -> None:
    ask_later(line, "q1")
    assert line.answerer.round()
    sealed = line.asker.reader.read(lambda tx: line.asker.store.answered(tx, "q1"))
    assert sealed is not None
    assert b"active" not in sealed
    assert not line.answerer.round()  # it is answered once


@pytest.mark.parametrize("column", ["question", "answer"])
def test_whoever_changes_rows_gets_no_answer_to_another_question(line: Line, column: str) -> None:
    """The database between the two ends is not trusted: an answer belongs to one question in one row."""
    ask_later(line, "q1")
    line.answerer.round()

    def swap() -> None:
        with line.engine.begin() as connection:
            other = f"(SELECT {column} FROM broker_questions WHERE id = 'q1')"
            connection.execute(text(f"UPDATE broker_questions SET {column} = {other} WHERE id <> 'q1'"))

    def meddle(_seconds: float) -> None:
        for act in (swap, line.answerer.round) if column == "question" else (line.answerer.round, swap):
            act()

    with pytest.raises(UnavailableError, match="open"):
        replace(line.asker, sleep=meddle).pupil("b" * 32)
    assert line.book.asked.count("b" * 32) == (column == "answer")


def test_i7_a_question_lies_sealed_and_its_length_tells_no_name(line: Line) -> None:
    lengths = set()
    for name in ("王一", "阿不都热合曼·买买提明"):
        sealed: list[bytes] = []

        def look(_seconds: float, sealed: list[bytes] = sealed) -> None:
            with line.engine.connect() as connection:
                sealed.append(bytes(connection.execute(text("SELECT question FROM broker_questions")).scalar_one()))
            line.answerer.round()

        assert replace(line.asker, sleep=look).ask("echo", {"say": name}) == name
        assert name.encode() not in sealed[0]
        assert b"echo" not in sealed[0]
        lengths.add(len(sealed[0]))
    assert len(lengths) == 1


def test_a_refusal_of_the_worker_is_told_and_every_other_failure_is_unavailable(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    for how, kind in (("forbidden", ForbiddenError), ("conflict", ConflictError)):
        wanted = FAILURES[how]
        assert isinstance(wanted, GatewayError)
        with pytest.raises(kind) as refused:
            line.asker.ask("fail", {"how": how})
        told = refused.value
        assert (told.detail, told.detail_zh, told.rule) == (wanted.detail, wanted.detail_zh, wanted.rule)
        assert (told.missing, told.extra) == (wanted.missing, wanted.extra)
    for how in ("parameter", "bug"):
        with pytest.raises(UnavailableError):
            line.asker.ask("fail", {"how": how})
    with pytest.raises(UnavailableError):
        line.asker.ask("nothing that is known", {})
    assert "郑无此" not in caplog.text
    assert line.rows() == 0


def test_another_key_opens_nothing(line: Line) -> None:
    with pytest.raises(UnavailableError, match="open"):
        replace(line.asker, key=broker_key(bytes([1]) * 32)).pupil("a" * 32)


def test_what_nobody_fetched_is_forgotten_after_a_minute_also_when_nobody_asks_any_more(line: Line) -> None:
    ask_later(line, "q1")
    line.answerer.round()
    line.clock.turn(seconds=LIFE_SECONDS - 1)
    line.answerer.round()
    assert line.rows() == 1
    line.clock.turn(seconds=2)
    line.answerer.round()
    assert line.rows() == 0


def test_many_ask_at_once_and_each_gets_its_own(line: Line) -> None:
    stop, wrong = threading.Event(), []

    def work() -> None:
        while not stop.is_set():
            line.answerer.round()

    def ask(ref: str) -> None:
        asker = replace(line.asker, sleep=time.sleep)
        for _ in range(5):
            if asker.pupil(ref) != ROWS[ref]:
                wrong.append(ref)

    worker = threading.Thread(target=work)
    askers = [threading.Thread(target=ask, args=(ref,)) for ref in ROWS for _ in range(2)]
    for thread in (worker, *askers):
        thread.start()
    for thread in askers:
        thread.join()
    stop.set()
    worker.join()
    assert not wrong
    assert line.rows() == 0
