"""The search index written anew while others append: it is the one that a quiet log gives; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from sqlalchemy import Engine

from gateway.audit import indexing
from gateway.audit.cache import CacheRow
from gateway.audit.indexing import SearchIndex
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import epoch_of
from gateway.db import make_engine
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft
from tests.factories.journal import make_journal, make_reader
from tests.factories.presence import roll_of

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
STRETCH = 7


class Clock:
    """Goes on by a second each time, and once in a while back."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return AT + timedelta(seconds=self.asked - (90 if self.asked % 11 == 0 else 0))


def draft(number: int) -> EntryDraft:
    pupils = [SubjectRef(f"{one:032x}") for one in range(number, number + (80 if number % 13 == 0 else number % 4))]
    kind = ("release.prepared", "registry.read", "audit.read")[number % 3]
    links = {"grant": f"gr-{number % 5}"} if number % 2 else {}
    subjects = roll_of(pupils, epoch_of(AT)) if number % 13 == 0 else tuple(pupils)
    return EntryDraft(kind, None, facts={"n": number}, links=links, subjects=subjects)


@pytest.fixture
def engine(tables_url: str) -> Iterator[Engine]:
    found = make_engine(tables_url)
    yield found
    found.dispose()


@pytest.fixture
def journal(engine: Engine) -> Iterator[SequencerJournal]:
    found = make_journal(engine, now=Clock())
    for number in range(40):
        found.append(draft(number))
    SearchIndex(SqlLogStore(engine), make_reader(engine)).catch_up()
    yield found
    found.close()


def rows(engine: Engine) -> list[CacheRow]:
    store = SqlLogStore(engine)
    return make_reader(engine).read(lambda tx: list(store.index_rows(tx)))


def damage(engine: Engine) -> None:
    """Empty the first half of the index, and put rows of no entry into it."""
    store = SqlLogStore(engine)
    with store.transaction() as tx:
        store.replace_index(tx, 0, 20, ())


def test_appending_between_any_two_stretches_changes_nothing(
    engine: Engine, journal: SequencerJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_REBUILT", STRETCH)
    damage(engine)
    index = SearchIndex(SqlLogStore(engine), make_reader(engine))
    assert index.compare()
    further = iter(range(40, 46))  # six stretches

    def append(_count: int) -> None:
        for number in islice(further, 1):
            journal.append(draft(number))

    assert index.rebuild(append) >= 40
    index.catch_up()
    assert index.compare() == []
    held = rows(engine)
    assert len(held) == 40 + 6
    index.rebuild()
    assert rows(engine) == held


def test_writers_and_a_rebuild_at_the_same_time_end_with_the_index_of_the_log(
    engine: Engine, journal: SequencerJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_REBUILT", STRETCH)
    damage(engine)
    index = SearchIndex(SqlLogStore(engine), make_reader(engine))
    failed: list[Exception] = []
    begun = threading.Barrier(3)

    def write(first: int) -> None:
        try:
            begun.wait()
            for number in range(first, first + 10):
                journal.append(draft(number))
        except Exception as error:  # noqa: BLE001  told in the test's own thread
            failed.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (100, 200)]
    for writer in writers:
        writer.start()
    begun.wait()
    while True:
        index.rebuild()
        if not any(writer.is_alive() for writer in writers):
            break
    for writer in writers:
        writer.join()
    index.catch_up()
    assert failed == []
    assert index.compare() == []
    held = rows(engine)
    assert [row[0] for row in held] == list(range(60))
    index.rebuild()
    assert rows(engine) == held
