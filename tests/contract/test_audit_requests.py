"""Entries through the database: faces without the log key, and the registry's outbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from core_registry.sharing import OutboxEvent
from gateway.audit.errors import EntryRefusedError, LogDamagedError
from gateway.audit.leaves import decode_entry
from gateway.audit.requests import Intake, QueuedJournal, encode_draft
from gateway.audit.sequencer import Sequencer
from gateway.audit.store import SqlLogStore
from gateway.db import connection_of, make_engine
from gateway.errors import UnavailableError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import EntryDraft, JsonValue
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import make_reader, make_sequencer

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
GUARDIAN = Principal(AccountId("gd-1"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}))


@pytest.fixture
def engine(tables_url: str) -> Iterator[Engine]:
    made = make_engine(tables_url)
    yield made
    made.dispose()


@pytest.fixture
def sequencer(engine: Engine) -> Iterator[Sequencer]:
    made = make_sequencer(engine)
    yield made
    made.close()


@pytest.fixture
def intake(engine: Engine, sequencer: Sequencer) -> Intake:
    return Intake(SqlLogStore(engine), make_reader(engine), sequencer)


def _queued(engine: Engine, *, wait_seconds: float = 10.0) -> QueuedJournal:
    return QueuedJournal(SqlLogStore(engine), make_reader(engine), lambda: AT, wait_seconds=wait_seconds)


def _contents(engine: Engine) -> list[dict[str, JsonValue]]:
    store = SqlLogStore(engine)
    return make_reader(engine).read(lambda tx: [decode_entry(e.body) for e in store.entries(tx, 0, 10_000)])


def test_a_face_without_the_log_key_gets_its_receipt(engine: Engine, intake: Intake) -> None:
    journal = _queued(engine)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            intake.drain_requests()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        subject = SubjectRef("ab" * 16)
        draft = EntryDraft("identity.issued", GUARDIAN, facts={"n": 1}, subjects=(subject,))
        result, receipt = journal.record(lambda _tx: 5, draft)
        assert (result, receipt.index, receipt.tree_size) == (5, 0, 1)
        with ThreadPoolExecutor(4) as pool:
            indexes = list(
                pool.map(lambda n: journal.append(EntryDraft("test.x", None, facts={"n": n})).index, range(20))
            )
        assert sorted(indexes) == list(range(1, 21))
    finally:
        stop.set()
        worker.join()
    content = _contents(engine)[0]
    assert content["actor"] == {"id": "gd-1", "kind": "guardian"}
    assert content["occurred"] == "2026-11-23T10:00:00.000000Z"
    with engine.connect() as connection:
        left = connection.execute(text("SELECT DISTINCT draft FROM audit_requests")).scalars().all()
    assert list(left) == [""]


def test_without_a_worker_it_is_unavailable_and_the_entry_comes_later(engine: Engine, intake: Intake) -> None:
    journal = _queued(engine, wait_seconds=0.05)
    with pytest.raises(UnavailableError):
        journal.append(EntryDraft("test.x", None))
    assert _contents(engine) == []
    assert intake.drain_requests() == 1
    assert intake.drain_requests() == 0
    assert [content["kind"] for content in _contents(engine)] == ["test.x"]


def test_requests_keep_their_order(engine: Engine, intake: Intake) -> None:
    journal = _queued(engine, wait_seconds=0)
    for number in range(30):
        with pytest.raises(UnavailableError):
            journal.append(EntryDraft("test.x", None, facts={"number": number}))
    assert intake.drain_requests(limit=20) == 20
    assert intake.drain_requests(limit=20) == 10
    assert [content["facts"] for content in _contents(engine)] == [{"number": number} for number in range(30)]


def test_two_workers_take_each_request_once(engine: Engine, intake: Intake) -> None:
    journal = _queued(engine, wait_seconds=0)
    for number in range(40):
        with pytest.raises(UnavailableError):
            journal.append(EntryDraft("test.x", None, facts={"number": number}))
    other = make_sequencer(engine)
    second = Intake(SqlLogStore(engine), make_reader(engine), other)
    with ThreadPoolExecutor(2) as pool:
        done = [f.result() for f in [pool.submit(intake.drain_requests), pool.submit(second.drain_requests)]]
    other.close()
    assert sum(done) == 40
    numbers = [content["facts"] for content in _contents(engine)]
    assert sorted(str(n) for n in numbers) == sorted(str({"number": n}) for n in range(40))


def test_a_refused_draft_undoes_its_fact(engine: Engine, intake: Intake) -> None:
    journal = _queued(engine, wait_seconds=0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE test_rows (id INTEGER)"))
    bad = EntryDraft("test.x", None, facts={"x": "13812345678"})
    with pytest.raises(EntryRefusedError):
        journal.record(lambda tx: connection_of(tx).execute(text("INSERT INTO test_rows VALUES (1)")), lambda _: bad)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM test_rows")).scalar_one() == 0
    assert intake.drain_requests() == 0


def test_a_request_that_cannot_be_read_leaves_an_entry_and_does_not_stall(engine: Engine, intake: Intake) -> None:
    store = SqlLogStore(engine)
    with store.transaction() as tx:
        store.add_request(tx, "{not json")
        for facts in ({"x": "13812345678"}, {}):
            store.add_request(tx, encode_draft(EntryDraft("a.b", None, facts=facts), "2026-11-23T10:00:00Z"))
    assert intake.drain_requests() == 3
    kinds = [(content["kind"], content["facts"]) for content in _contents(engine)]
    assert sorted(str(kind) for kind, _ in kinds) == ["a.b", "log.request_refused", "log.request_refused"]
    with engine.connect() as connection:
        errors = connection.execute(text("SELECT error FROM audit_requests ORDER BY id")).scalars().all()
    assert list(errors) == ["MalformedError", "EntryRefusedError", None]


class _Outbox:
    def __init__(self, events: list[OutboxEvent]) -> None:
        self.events = events

    def pending(self, after: int, limit: int) -> list[OutboxEvent]:
        return [event for event in self.events if event.sequence > after][:limit]


def _event(sequence: int, **facts: str | int) -> OutboxEvent:
    return OutboxEvent(sequence, "registry.read", AT, "st-3", {"n": sequence, **facts}, (f"{sequence:032x}",))


def test_outbox_events_are_applied_once_and_in_order(engine: Engine, intake: Intake) -> None:
    outbox = _Outbox([_event(n) for n in (1, 2, 5, 9)])
    assert intake.apply_outbox(outbox, limit=3) == 3
    outbox.events.append(_event(12))
    assert intake.apply_outbox(outbox) == 2
    assert intake.apply_outbox(outbox) == 0
    contents = _contents(engine)
    assert [content["facts"] for content in contents] == [{"n": n, "sequence": n} for n in (1, 2, 5, 9, 12)]
    assert contents[0]["actor"] == {"id": "st-3", "kind": "staff"}
    assert contents[0]["occurred"] == "2026-11-23T10:00:00.000000Z"


def test_an_event_names_unit_and_post_of_a_known_account(engine: Engine, sequencer: Sequencer) -> None:
    asked: list[AccountId] = []

    def person(account: AccountId) -> Principal | None:
        asked.append(account)
        return Principal(
            account, AccountKind.STAFF, frozenset({Role.REGISTRAR}), unit=UnitCode("140105"), post="学籍管理员"
        )

    intake = Intake(SqlLogStore(engine), make_reader(engine), sequencer, person)
    family = OutboxEvent(3, "registry.read", AT, "gd-3", {}, ())
    assert intake.apply_outbox(_Outbox([_event(1), _event(2), family])) == 3
    assert [content["actor"] for content in _contents(engine)] == [
        *[{"id": "st-3", "kind": "staff", "post": "学籍管理员", "unit": "140105"}] * 2,
        {"id": "gd-3", "kind": "guardian"},
    ]
    assert asked == ["st-3"]  # once a run, and families have no post


def test_two_workers_apply_each_event_once(engine: Engine, intake: Intake) -> None:
    outbox = _Outbox([_event(n) for n in range(1, 41)])
    other = make_sequencer(engine)
    second = Intake(SqlLogStore(engine), make_reader(engine), other)

    def apply(one: Intake) -> None:
        while True:
            try:
                if not one.apply_outbox(outbox, limit=7):
                    return
            except LogDamagedError:
                continue  # the other worker was quicker

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apply, (intake, second)))
    other.close()
    assert [content["facts"] for content in _contents(engine)] == [{"n": n, "sequence": n} for n in range(1, 41)]


def test_an_event_with_personal_data_does_not_enter_and_does_not_stall(engine: Engine, intake: Intake) -> None:
    outbox = _Outbox([_event(1, phone="13812345678"), _event(2)])
    assert intake.apply_outbox(outbox) == 2
    first, second = _contents(engine)
    assert (first["kind"], second["kind"]) == ("log.event_refused", "registry.read")
    assert first["facts"] == {"source": "registry", "sequence": 1}
    assert "tags" in first
