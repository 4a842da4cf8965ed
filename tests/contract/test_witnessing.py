"""The log brings its witnesses checkpoints, notices when they are silent or contradict it, and stops when it lasts."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import RolledBackError, WitnessSilentError
from gateway.audit.note import COSIGNATURE, NoteSigner, SignedNote
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.publication import LogPublisher
from gateway.audit.sequencer import Sequencer, SequencerJournal
from gateway.audit.served import fetch
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.audit.witness import AddCheckpoint, Witness
from gateway.audit.witness_http import MAX_BODY, application
from gateway.audit.witnessing import WitnessGuard, WitnessPush, WitnessWatch, request_for, seen_by_witnesses
from gateway.db import DatabaseReader, make_engine
from gateway.db.engine import write_scratch
from gateway.demo.server import BackgroundServer
from gateway.journal import EntryDraft
from tests.factories.journal import (
    ORIGIN,
    RULEBOOK,
    TAG_ROOT,
    make_identity,
    make_journal,
    make_reader,
    make_schema,
    trail,
)

SIGNER = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE)
LATE, STOP = timedelta(minutes=60), timedelta(minutes=1440)
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@dataclass
class Clock:
    at: datetime = AT

    def __call__(self) -> datetime:
        return self.at


@dataclass
class House:
    """A log with its side of the witnesses, and a witness that listens on loopback."""

    engine: Engine
    journal: SequencerJournal
    store: SqlLogStore
    reader: DatabaseReader
    clock: Clock
    witness: Witness
    url: str
    policy: TrustPolicy
    audit: AuditService = field(init=False)

    def __post_init__(self) -> None:
        self.audit = AuditService(self.store, self.reader, self.journal, ORIGIN, self.policy, None, self.clock)

    def append(self, count: int = 1) -> None:
        for number in range(count):
            self.journal.append(EntryDraft("test.fact", None, facts={"n": number}))

    def push(self) -> bool:
        return WitnessPush(self.store, self.reader, self.journal, self.audit, self.policy).run()

    def watch(self) -> None:
        WitnessWatch(
            store=self.store,
            reader=self.reader,
            journal=self.journal,
            quorum=self.audit,
            policy=self.policy,
            late_after=LATE,
            now=self.clock,
            write=lambda change: write_scratch(self.engine, change),
        ).run()

    def guard(self, level: str) -> None:
        guard = WitnessGuard(self.store, frozenset({"masked", "pseudonymous"}), STOP, self.clock)
        self.reader.read(lambda tx: guard.require(tx, level))

    def kinds(self) -> list[str]:
        return [str(entry["kind"]) for entry in trail(self.engine, "log.witness")]


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Any], str]]:
    """One server for all: the witness behind it changes with the test."""
    current: list[Any] = [None]

    def serve(environ: dict[str, Any], start: Any) -> Any:  # noqa: ANN401  as WSGI has it
        return current[0](environ, start)

    server = BackgroundServer(serve, host="127.0.0.1", port=0)
    yield current, f"http://127.0.0.1:{server.port}"
    server.close()


@pytest.fixture
def house(tables_url: str, tmp_path: Path, listening: tuple[list[Any], str]) -> Iterator[House]:
    current, url = listening
    clock = Clock()
    engine = make_engine(tables_url)
    witness = Witness(tmp_path / "witness", SIGNER, {ORIGIN: make_identity().keys}, clock)
    current[0] = application(witness)
    policy = parse_policy(f"log {make_identity().keys[0]}\nwitness w1 {SIGNER.verifier} {url}/\nquorum w1\n")
    made = House(
        engine, make_journal(engine, now=clock), SqlLogStore(engine), make_reader(engine), clock, witness, url, policy
    )
    yield made
    made.journal.close()
    engine.dispose()


def test_the_log_brings_its_checkpoint_and_keeps_the_cosignature(house: House) -> None:
    assert not house.push()  # nothing to cosign yet
    for count in (5, 1, 300):
        house.append(count)
        assert house.push()
        seen, kept = house.audit.witnessed(), house.witness.latest(ORIGIN)
        assert seen is not None
        assert seen == kept
        assert not house.push()  # once is enough
    assert house.kinds() == []


def test_a_witness_that_knows_more_or_less_of_the_log_is_met_where_it_stands(house: House) -> None:
    house.append(3)
    publisher = LogPublisher(house.reader, house.store)
    house.witness.once(publisher, ORIGIN)  # the answer got lost: the log does not know of it
    house.append(4)
    assert house.push()
    seen = house.audit.witnessed()
    assert seen is not None
    assert seen.size == 7


def test_an_unreachable_witness_is_silent_and_its_return_ends_all(house: House) -> None:
    away = replace(house, policy=parse_policy(house.policy.text().replace(house.url, "http://127.0.0.1:9")))
    house.append(2)
    assert not away.push()
    away.watch()
    house.clock.at += LATE
    away.watch()
    assert house.kinds() == []
    away.guard("masked")
    house.clock.at += timedelta(seconds=1)
    away.watch()
    away.watch()
    assert house.kinds() == ["log.witness_silent"]  # once, however often it is looked at
    assert trail(house.engine, "log.witness")[0]["facts"] == {"cosigned_size": 0, "size": 2}
    house.clock.at = AT + STOP + timedelta(seconds=1)
    away.watch()
    with pytest.raises(WitnessSilentError) as caught:
        away.guard("masked")
    assert caught.value.missing == ("cosignature",)
    away.guard("anonymous")  # of no high risk
    # back again: also a log that was never cosigned recovers by one cosignature
    assert house.push()
    house.watch()
    house.guard("masked")
    assert house.kinds() == ["log.witness_silent", "log.witness_returned"]


def test_a_log_at_rest_is_never_late(house: House) -> None:
    house.append(2)
    assert house.push()
    house.clock.at += 100 * STOP
    house.watch()
    assert house.kinds() == []
    house.guard("masked")
    house.append()  # the first entry after a long rest has just come in
    house.watch()
    house.guard("masked")
    assert house.kinds() == []


def test_without_a_quorum_nobody_is_waited_for(house: House) -> None:
    alone = replace(house, policy=TrustPolicy((make_identity().keys[0],)))
    house.append(2)
    house.clock.at += 2 * STOP
    alone.watch()
    alone.guard("masked")
    assert house.kinds() == []


def test_a_witness_that_saw_more_than_there_is_contradicts_the_log_once(house: House, tmp_path: Path) -> None:
    house.append(3)
    _other_history(house, tmp_path, 9)
    assert not house.push()
    assert not house.push()
    assert house.kinds() == ["log.witness_contradicts"]
    assert trail(house.engine, "log.witness")[0]["facts"] == {"seen_size": 9, "witness": "w1"}


def test_a_witness_of_another_history_contradicts_the_log(house: House, tmp_path: Path) -> None:
    _other_history(house, tmp_path, 3)
    house.append(8)
    assert not house.push()
    assert house.kinds() == ["log.witness_contradicts"]


def _other_history(house: House, tmp_path: Path, count: int) -> None:
    """Let the witness see a log of the same name and key with other entries."""
    engine = make_engine(f"sqlite:///{tmp_path / 'other.db'}")
    journal = make_journal(engine)
    for number in range(count):
        journal.append(EntryDraft("test.other", None, facts={"n": number}))
    journal.close()
    house.witness.once(LogPublisher(make_reader(engine), SqlLogStore(engine)), ORIGIN)
    engine.dispose()


def test_a_restored_log_asks_its_witness_before_it_writes(house: House, tmp_path: Path) -> None:
    house.append(2)
    assert seen_by_witnesses(house.policy, ORIGIN) is None  # it has seen nothing yet
    assert house.push()
    away = parse_policy(house.policy.text().replace(house.url, "http://127.0.0.1:9"))
    for policy, size in ((house.policy, 2), (away, 0)):
        seen = seen_by_witnesses(policy, ORIGIN)
        assert (0 if seen is None else seen.size) == size
    stranger = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32), COSIGNATURE)
    other = parse_policy(house.policy.text().replace(str(SIGNER.verifier), str(stranger.verifier)))
    assert seen_by_witnesses(other, ORIGIN) is None  # another key cosigned it
    engine = make_engine(f"sqlite:///{tmp_path / 'restored.db'}")  # what a backup of before would be
    make_schema(engine)
    sequencer = Sequencer(
        SqlLogStore(engine),
        identity=make_identity(),
        tagger=Tagger.from_root(TAG_ROOT),
        rulebook=lambda: RULEBOOK,
        now=house.clock,
        floor=lambda: seen_by_witnesses(house.policy, ORIGIN),
    )
    for _ in range(2):  # it is asked again until it is well
        with pytest.raises(RolledBackError):
            SequencerJournal(sequencer).append(EntryDraft("test.fact", None))
    sequencer.close()
    engine.dispose()


def test_the_witness_answers_as_the_specification_says(house: House) -> None:
    house.append(6)
    asked = request_for(house.store, house.reader, SIGNER.verifier)
    add = f"{house.url}/add-checkpoint"

    def post(request: AddCheckpoint | bytes) -> int:
        return fetch(add, body=request if isinstance(request, bytes) else str(request).encode())[0]

    monitor = f"{house.url}/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert fetch(monitor)[0] == 404
    assert post(asked) == 200
    status, body = fetch(monitor)
    assert status == 200
    assert SIGNER.verifier in SignedNote.parse(body.decode()).verify([SIGNER.verifier])
    assert fetch(add, body=str(asked).encode()) == (409, b"6\n")
    request = urllib.request.Request(add, data=str(asked).encode(), method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.headers["Content-Type"] == "text/x.tlog.size"
    caught.value.close()
    forked = str(Checkpoint(ORIGIN, 6, bytes(32)).sign(make_identity().signers))
    assert post(AddCheckpoint(6, (), forked)) == 409
    longer = str(Checkpoint(ORIGIN, 9, bytes(32)).sign(make_identity().signers))
    assert post(AddCheckpoint(6, (), longer)) == 422
    assert post(AddCheckpoint(7, (), asked.checkpoint)) == 400
    assert post(b"old 6\n\nno checkpoint") == 400
    assert post(b"\xff") == 400
    assert post(bytes(MAX_BODY + 1)) == 413
    stranger = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    assert post(AddCheckpoint(6, (), str(Checkpoint(ORIGIN, 6, bytes(32)).sign([stranger])))) == 403
    elsewhere = NoteSigner("other.example", stranger.key)
    assert post(AddCheckpoint(0, (), str(Checkpoint("other.example", 6, bytes(32)).sign([elsewhere])))) == 404
    assert fetch(add)[0] == 405
    assert fetch(f"{house.url}/{'0' * 64}/checkpoint")[0] == 404
    latest = house.witness.latest(ORIGIN)
    assert latest is not None
    assert latest.size == 6
