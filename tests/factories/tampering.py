"""A real log that a witness follows, and its owner, for whom no guard is in the way."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import make_url

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import COSIGNATURE, NoteSigner
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.publication import LogPublisher
from gateway.audit.records import Cosignature
from gateway.audit.sequencer import Sequencer
from gateway.audit.store import SqlLogStore
from gateway.audit.tiles import Edge
from gateway.audit.witness import Witness
from gateway.db import make_engine
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.journal import EntryDraft
from gateway.principals import AccountKind, Principal, Role
from tests.factories.journal import ORIGIN, make_identity, make_reader, make_sequencer

SIZE = 300
TAGGED, MANY = 40, 77
"""Entries with a listed tag, and with a tag list beside the log."""
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
OFFICER = Principal(AccountId("st-o"), AccountKind.STAFF, frozenset({Role.EXECUTOR}), UnitCode("140105"), "经办人")
WITNESS = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
POLICY: TrustPolicy = parse_policy(f"log {make_identity().keys[0]}\nwitness office {WITNESS.verifier}\nquorum office\n")


@dataclass(frozen=True, slots=True)
class Victim:
    """A log of ``SIZE`` entries, and what the witness kept of it."""

    url: str
    kept: tuple[str, ...]
    sizes: tuple[int, ...]
    """Of its checkpoints, ascending."""

    def group_of(self, index: int) -> int:
        """Return the first index of the commit that wrote an entry."""
        return max((size for size in self.sizes if size <= index), default=0)


def draft(number: int) -> EntryDraft:
    """Return entry ``number`` of the log."""
    subjects: tuple[SubjectRef, ...] = ()
    if number == TAGGED:
        subjects = (SubjectRef("aa" * 16),)
    if number == MANY:
        subjects = tuple(SubjectRef(f"{one:032x}") for one in range(100))
    facts = {"n": number, "note": "第一行\n第二行" if number % 50 == 7 else "行"}
    return EntryDraft("release.intent", OFFICER, facts=facts, links={"grant": f"g-{number % 9}"}, subjects=subjects)


def write_log(sequencer: Sequencer, numbers: Sequence[int], chance: random.Random) -> None:
    """Append entries in commits of one to eight."""
    at = 0
    while at < len(numbers):
        step = chance.choice((1, 1, 2, 3, 5, 8))
        sequencer.submit_all(lambda _tx: None, [draft(number) for number in numbers[at : at + step]]).result()
        at += step


def make_victim(url: str, folder: Path) -> Victim:
    """Write a log on ``url`` that a witness in ``folder`` follows."""
    engine = make_engine(url)
    clock = iter(AT + timedelta(seconds=second) for second in range(10 * SIZE))
    sequencer = make_sequencer(engine, now=lambda: next(clock))
    store, chance = SqlLogStore(engine), random.Random(7)
    publisher = LogPublisher(make_reader(engine), store)
    witness = Witness(folder, WITNESS, {ORIGIN: make_identity().keys}, lambda: AT)
    for start in range(0, SIZE, 60):
        write_log(sequencer, range(start, start + 60), chance)
        checkpoint, line = witness.once(publisher, ORIGIN)
        with store.transaction() as tx:
            store.add_cosignature(
                tx, Cosignature(checkpoint.size, WITNESS.name, int(AT.timestamp()), line.line().rstrip("\n"))
            )
    sequencer.close()
    sizes = tuple(size for size, _, _ in make_reader(engine).read(lambda tx: list(store.checkpoints(tx))))
    engine.dispose()
    return Victim(url, tuple(witness.history(ORIGIN)), sizes)


class Vandal:
    """Whoever owns the database: the guards are gone, or do not run."""

    def __init__(self, run: Callable[[str, Sequence[object]], list[tuple[Any, ...]]]) -> None:
        self._run = run

    def do(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement with ``?`` for values; return its rows, if it has any."""
        return self._run(statement, values)

    def body(self, index: int) -> bytes:
        """Return an entry."""
        return bytes(self.do("SELECT body FROM log_entries WHERE seq = ?", index)[0][0])

    def note(self, size: int) -> str:
        """Return a checkpoint."""
        return str(self.do("SELECT note FROM log_checkpoints WHERE size = ?", size)[0][0])

    def set_note(self, size: int, note: str) -> None:
        """Put another note in the place of a checkpoint."""
        self.do("UPDATE log_checkpoints SET note = ? WHERE size = ?", note, size)

    def shift(self, start: int, by: int) -> None:
        """Move every entry from ``start`` on; keys are unique, so it goes by way of others."""
        self.do("UPDATE log_entries SET seq = -(seq + 1000000) WHERE seq >= ?", start)
        self.do("UPDATE log_entries SET seq = -seq - 1000000 + ? WHERE seq < -1000000", by)

    def put(self, index: int, body: bytes) -> None:
        """Add a row with an entry and its true hash."""
        self.do("INSERT INTO log_entries (seq, leaf_hash, body) VALUES (?, ?, ?)", index, leaf_hash(body), body)

    def rebuild(self, *, sign: Sequence[int] = ()) -> None:
        """Compute tiles and head anew from the entries; ``sign`` checkpoints of these sizes with the stolen key."""
        edge, tiles = Edge(), dict[tuple[int, int], bytes]()
        rows = self.do("SELECT seq, body FROM log_entries ORDER BY seq")
        for _, body in rows:
            edge.append(leaf_hash(bytes(body)), tiles)
            if edge.size in sign:
                note = str(Checkpoint(ORIGIN, edge.size, edge.root()).sign(make_identity().signers))
                self.do("UPDATE log_checkpoints SET note = ?, root = ? WHERE size = ?", note, edge.root(), edge.size)
        tiles.update(edge.partial_tiles(0))
        self.do("DELETE FROM log_tiles")
        for (level, tile), hashes in tiles.items():
            self.do("INSERT INTO log_tiles (level, tile, hashes) VALUES (?, ?, ?)", level, tile, hashes)
        self.do("UPDATE log_head SET size = ?, root = ?", edge.size, edge.root())


@contextmanager
def owner_of(url: str) -> Iterator[Vandal]:
    """Open a database as its owner: no guard is in the way."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
        connection.execute("PRAGMA synchronous=OFF")  # no power cut is waited for
        connection.execute("BEGIN IMMEDIATE")  # a writer that comes between would end a deferred one
        try:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            yield Vandal(lambda statement, values: connection.execute(statement, values).fetchall())
            connection.execute("COMMIT")
        finally:
            connection.close()
        return
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute("SET session_replication_role = replica")  # a superuser's: no trigger runs

        def run(statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
            done = server.execute(statement.replace("?", "%s").encode(), values)
            return [] if done.description is None else done.fetchall()

        yield Vandal(run)


def copy_of(victim: Victim, folder: Path, name: str) -> str:
    """Return the URL of a copy of a log on SQLite."""
    target = folder / f"{name}.db"
    shutil.copyfile(str(make_url(victim.url).database), target)
    return f"sqlite:///{target}"
