"""Several entries about one act: one transaction, all or none, in order, on both journals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest
from sqlalchemy import Engine

from gateway.audit.errors import EntryRefusedError
from gateway.audit.requests import Intake, QueuedJournal
from gateway.audit.sequencer import Sequencer, SequencerJournal
from gateway.audit.store import SqlLogStore
from gateway.audit.store.tables import log_checkpoints, log_entries
from gateway.errors import ConflictError, UnavailableError
from gateway.ids import SubjectRef
from gateway.journal import EntryDraft, Tx
from tests.factories import facts
from tests.factories.journal import make_reader, make_sequencer

engine = facts.engine_with_facts


@pytest.fixture
def sequencer(engine: Engine) -> Iterator[Sequencer]:
    made = make_sequencer(engine)
    yield made
    made.close()


def add(tx: Tx) -> int:
    return facts.add(7, tx)


def refuse(tx: Tx) -> int:
    add(tx)
    raise ConflictError("no")


def entry(name: str, **more: object) -> EntryDraft:
    return EntryDraft(f"test.{name}", None, facts={"n": 1}, **more)  # type: ignore[arg-type]  # members of the entry


def counts(engine: Engine) -> tuple[int, int, int]:
    """Return how many facts, entries and checkpoints there are."""
    return facts.count(engine), facts.count(engine, log_entries), facts.count(engine, log_checkpoints)


def test_two_entries_and_their_fact_are_one_transaction_with_one_checkpoint(
    engine: Engine, sequencer: Sequencer
) -> None:
    assert SequencerJournal(sequencer).record_all(add, [entry("first"), entry("second")]) == 7
    assert counts(engine) == (1, 2, 1)


def test_a_write_that_fails_leaves_neither_entry(engine: Engine, sequencer: Sequencer) -> None:
    journal = SequencerJournal(sequencer)
    with pytest.raises(ConflictError):
        journal.record_all(refuse, [entry("first"), entry("second")])
    assert counts(engine) == (0, 0, 0)
    journal.append(entry("other"))
    assert counts(engine) == (0, 1, 1)


def test_an_entry_that_may_not_be_written_leaves_nothing_wherever_it_stands(
    engine: Engine, sequencer: Sequencer
) -> None:
    journal = SequencerJournal(sequencer)
    personal = EntryDraft("test.personal", None, facts={"number": "13935112345"})
    # what only its encoding finds: the write is done by then, and has to be undone with the entry behind it
    late = entry("late", subjects=(SubjectRef("no reference"),))
    for entries in ([personal, entry("second")], [entry("first"), personal], [late, entry("second")]):
        with pytest.raises((EntryRefusedError, UnavailableError)):
            journal.record_all(add, entries)
        assert counts(engine) == (0, 0, 0)


def test_the_queued_journal_asks_for_both_and_waits_for_the_last(engine: Engine, sequencer: Sequencer) -> None:
    store, reader = SqlLogStore(engine), make_reader(engine)
    intake = Intake(store, reader, sequencer)
    done: list[int] = []

    def work() -> None:
        while not done:
            intake.drain_requests()

    worker = Thread(target=work)
    worker.start()
    try:
        journal = QueuedJournal(store, reader, lambda: datetime.now(UTC))
        with pytest.raises(ConflictError):
            journal.record_all(refuse, [entry("first"), entry("second")])
        assert journal.record_all(add, [entry("first"), entry("second")]) == 7
    finally:
        done.append(1)
        worker.join()
    assert counts(engine)[:2] == (1, 2)
