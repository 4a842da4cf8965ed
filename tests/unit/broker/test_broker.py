"""A question is answered under seal, for its own pupil only, and leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from gateway.accounts.store import SqlBookkeeping
from gateway.broker.service import LIFE_SECONDS, Answerer, Asker, broker_key
from gateway.broker.store import SqlQuestions
from gateway.db import DatabaseReader, make_engine, metadata
from gateway.errors import UnavailableError
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
def line(database_url: str) -> Iterator[Line]:
    engine = make_engine(database_url)
    metadata.create_all(engine)
    clock, book = Clock(datetime(2026, 11, 23, tzinfo=UTC)), Book()
    reader, scratch = DatabaseReader(engine), SqlBookkeeping(engine)
    answerer = Answerer(SqlQuestions(), reader, scratch, book, KEY, clock)

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
    line.asker.scratch.write(lambda tx: line.asker.store.add(tx, "q1", "a" * 32, line.clock()))
    assert line.answerer.round()
    sealed = line.asker.reader.read(lambda tx: line.asker.store.answered(tx, "q1"))
    assert sealed is not None
    assert b"active" not in sealed
    assert not line.answerer.round()  # it is answered once


@pytest.mark.parametrize("what", ["subject_ref = :v", "answer = (SELECT answer FROM broker_questions WHERE id = 'q1')"])
def test_whoever_changes_rows_gets_no_answer_for_another_pupil(line: Line, what: str) -> None:
    """The database between the two ends is not trusted: an answer belongs to one question and one pupil."""
    line.asker.scratch.write(lambda tx: line.asker.store.add(tx, "q1", "b" * 32, line.clock()))
    line.answerer.round()

    def meddle(_seconds: float) -> None:
        early = "subject_ref" in what
        for act in (swap, line.answerer.round) if early else (line.answerer.round, swap):
            act()

    def swap() -> None:
        with line.engine.begin() as connection:
            named = {"v": "b" * 32} if ":v" in what else {}
            connection.execute(text(f"UPDATE broker_questions SET {what} WHERE id <> 'q1'"), named)

    with pytest.raises(UnavailableError, match="open"):
        replace(line.asker, sleep=meddle).pupil("a" * 32)


def test_another_key_opens_nothing(line: Line) -> None:
    with pytest.raises(UnavailableError, match="open"):
        replace(line.asker, key=broker_key(bytes([1]) * 32)).pupil("a" * 32)


def test_what_nobody_fetched_is_forgotten_after_a_minute_also_when_nobody_asks_any_more(line: Line) -> None:
    line.asker.scratch.write(lambda tx: line.asker.store.add(tx, "q1", "a" * 32, line.clock()))
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
