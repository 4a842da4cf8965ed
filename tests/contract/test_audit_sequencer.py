"""The sequencer on SQLite and PostgreSQL: fact and entry together, or neither."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.audit.checkpoint import Checkpoint, open_checkpoint
from gateway.audit.errors import EntryRefusedError, LogDamagedError, RolledBackError
from gateway.audit.merkle import leaf_hash, root_of
from gateway.audit.sequencer import CommitUnknownError, Sequencer, SequencerJournal
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.store.tables import log_entries, log_head
from gateway.audit.tags import Tagger
from gateway.audit.verify import trust, verify_log
from gateway.db import create_guards, make_engine, make_read_only_engine, metadata
from gateway.errors import ConfigurationError, UnavailableError
from gateway.journal import EntryDraft, Tx
from tests.factories import facts
from tests.factories.journal import RULEBOOK, TAG_ROOT, make_identity, make_journal, make_reader, make_schema

ROOT = Path(__file__).resolve().parents[2]
engine = facts.engine_with_facts


@pytest.fixture
def journal(engine: Engine) -> Iterator[SequencerJournal]:
    made = make_journal(engine)
    yield made
    made.close()


def _entry(number: int) -> EntryDraft:
    return EntryDraft("test.fact", None, facts={"number": number})


def _entries(engine: Engine) -> int:
    return facts.count(engine, log_entries)


def _holds(url: str) -> None:
    engine = make_read_only_engine(url)
    with DatabaseLogSource(engine) as source:
        report = verify_log(source, trust(str(make_identity().keys[0])))
    engine.dispose()
    assert report.ok, report.findings


def test_fact_and_entry_commit_together_with_a_signed_checkpoint(
    engine: Engine, journal: SequencerJournal, database_url: str
) -> None:
    result, receipt = journal.record(lambda tx: facts.add(7, tx), _entry)
    assert (result, receipt.index, receipt.tree_size) == (7, 0, 1)
    second = journal.append(_entry(8))
    store = SqlLogStore(engine)
    note = make_reader(engine).read(store.checkpoint)
    assert note is not None
    checkpoint = open_checkpoint(note, make_identity().keys)
    assert (checkpoint.size, checkpoint.root) == (2, second.root)
    assert second.root == root_of([receipt.leaf_hash, second.leaf_hash])
    _holds(database_url)


def test_an_error_in_one_write_undoes_it_alone_and_is_raised(engine: Engine, journal: SequencerJournal) -> None:
    barrier = threading.Barrier(8)

    def one(number: int) -> object:
        barrier.wait()
        try:
            return journal.record(lambda tx: facts.add(number % 7, tx), _entry)[1].index
        except IntegrityError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(one, range(8)))
    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 1
    assert sorted(o for o in outcomes if isinstance(o, int)) == list(range(7))
    assert facts.count(engine) == _entries(engine) == 7


def test_a_refused_entry_undoes_its_fact(engine: Engine, journal: SequencerJournal) -> None:
    with pytest.raises(EntryRefusedError):
        journal.record(lambda tx: facts.add(1, tx), lambda _: EntryDraft("test.fact", None, facts={"x": "13812345678"}))
    assert facts.count(engine) == _entries(engine) == 0
    assert journal.append(_entry(1)).index == 0


def test_an_entry_is_refused_before_its_write_runs_when_it_is_known(journal: SequencerJournal) -> None:
    ran: list[int] = []
    with pytest.raises(EntryRefusedError):
        journal.record(lambda _tx: ran.append(1), EntryDraft("test.fact", None, facts={"x": "13812345678"}))
    assert not ran


def test_many_callers_share_a_commit(engine: Engine, journal: SequencerJournal, database_url: str) -> None:
    with ThreadPoolExecutor(100) as pool:
        receipts = list(pool.map(lambda n: journal.record(lambda tx: facts.add(n, tx), _entry)[1], range(400)))
    assert sorted(receipt.index for receipt in receipts) == list(range(400))
    with engine.connect() as connection:
        checkpoints = connection.execute(text("SELECT count(*) FROM log_checkpoints")).scalar_one()
    assert checkpoints < 400
    _holds(database_url)


def test_a_restart_continues_from_the_tiles(engine: Engine, database_url: str) -> None:
    leaves = []
    for _ in range(3):
        journal = make_journal(engine)
        with ThreadPoolExecutor(8) as pool:
            leaves += list(pool.map(journal.append, map(_entry, range(120))))
        journal.close()
    ordered = sorted(leaves, key=lambda receipt: receipt.index)
    assert [receipt.index for receipt in ordered] == list(range(360))
    assert max(leaves, key=lambda r: r.tree_size).root == root_of(r.leaf_hash for r in ordered)
    _holds(database_url)


def test_a_write_that_writes_to_the_journal_itself_fails_and_does_not_hang(journal: SequencerJournal) -> None:
    with pytest.raises(RuntimeError, match="itself"):
        journal.record(lambda _tx: journal.append(_entry(1)), _entry(2))
    assert journal.append(_entry(3)).index == 0


def test_a_closed_journal_refuses(engine: Engine) -> None:
    journal = make_journal(engine)
    journal.append(_entry(1))
    journal.close()
    with pytest.raises(UnavailableError):
        journal.append(_entry(2))


def test_close_commits_what_is_queued(engine: Engine) -> None:
    journal = make_journal(engine)
    futures = [journal.sequencer.submit(lambda _tx: None, _entry(n)) for n in range(50)]
    journal.close()
    assert sorted(future.result()[1].index for future in futures) == list(range(50))


def test_without_the_tables_nothing_happens_and_everybody_hears_it(engine: Engine) -> None:
    journal = make_journal(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE log_checkpoints"))
    with pytest.raises(UnavailableError):
        journal.record(lambda tx: facts.add(1, tx), _entry)
    journal.close()
    assert facts.count(engine) == _entries(engine) == 0


def test_without_the_search_index_the_log_is_written_all_the_same(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    journal = make_journal(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE log_tags"))
        connection.execute(text("DROP TABLE log_index"))
    journal.record(lambda tx: facts.add(1, tx), _entry)
    journal.close()
    assert facts.count(engine) == _entries(engine) == 1
    assert "xueji audit index" in caplog.text


def test_an_unreachable_database_is_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        engine = make_engine(url)
        sequencer = Sequencer(
            SqlLogStore(engine),
            identity=make_identity(),
            tagger=Tagger.from_root(TAG_ROOT),
            rulebook=lambda: RULEBOOK,
            now=lambda: datetime.now(UTC),
        )
        with pytest.raises(UnavailableError):
            SequencerJournal(sequencer).append(_entry(1))
        sequencer.close()
        engine.dispose()


def test_a_full_disk_undoes_fact_and_entry(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'full.db'}"
    engine = make_engine(url)
    facts.TABLE.create(engine)
    journal = make_journal(engine)
    journal.append(_entry(0))
    with engine.connect() as connection:  # the one connection of the pool keeps the limit
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 4}")
    written = 1
    failed = 0
    for number in range(200):
        draft = EntryDraft("test.fact", None, facts={"text": "x" * 3000, "number": number})
        try:
            journal.record(lambda tx, n=number: facts.add(n, tx), draft)  # type: ignore[misc]  # the default binds n
            written += 1
        except UnavailableError:
            failed += 1
            break
    journal.close()
    assert failed == 1
    assert _entries(engine) == written == facts.count(engine) + 1
    engine.dispose()
    _holds(url)


class _LostAnswer(SqlLogStore):
    """Commits and then loses the answer, as a connection cut at the worst moment does."""

    def __init__(self, engine: Engine, *, commits: bool) -> None:
        super().__init__(engine)
        self.commits = commits
        self.armed = True

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        cut, self.armed = self.armed, False
        with super().transaction() as tx:
            yield tx
            if cut and not self.commits:
                raise CommitUnknownError("cut before")
        if cut:
            raise CommitUnknownError("cut after")


@pytest.mark.parametrize("commits", [True, False])
def test_a_commit_whose_answer_is_lost_is_looked_up(engine: Engine, commits: bool) -> None:
    make_schema(engine)
    sequencer = Sequencer(
        _LostAnswer(engine, commits=commits),
        identity=make_identity(),
        tagger=Tagger.from_root(TAG_ROOT),
        rulebook=lambda: RULEBOOK,
        now=lambda: datetime.now(UTC),
    )
    journal = SequencerJournal(sequencer)
    if commits:
        assert journal.append(_entry(1)).index == 0
    else:
        with pytest.raises(UnavailableError):
            journal.append(_entry(1))
    assert journal.append(_entry(2)).index == int(commits)
    journal.close()


def test_a_log_behind_the_witness_is_not_written_to(engine: Engine) -> None:
    journal = make_journal(engine)
    first, second = journal.append(_entry(1)), journal.append(_entry(2))
    journal.close()
    origin = make_identity().origin
    for floor, right in (
        (Checkpoint(origin, 1, first.root), True),
        (Checkpoint(origin, 2, second.root), True),
        (Checkpoint(origin, 1, leaf_hash(b"other")), False),
        (Checkpoint(origin, 99, second.root), False),
    ):
        sequencer = Sequencer(
            SqlLogStore(engine),
            identity=make_identity(),
            tagger=Tagger.from_root(TAG_ROOT),
            rulebook=lambda: RULEBOOK,
            now=lambda: datetime.now(UTC),
            floor=lambda seen=floor: seen,  # type: ignore[misc]  # the one of this round
        )
        if right:
            SequencerJournal(sequencer).append(_entry(3))
        else:
            with pytest.raises(RolledBackError):
                SequencerJournal(sequencer).append(_entry(3))
        sequencer.close()


def test_a_damaged_right_edge_stops_the_log(engine: Engine) -> None:
    journal = make_journal(engine)
    journal.append(_entry(1))
    journal.close()
    on = " ON log_tiles" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER guard_log_tiles_update{on}"))
        connection.execute(text("UPDATE log_tiles SET hashes = :h"), {"h": bytes(32)})
    journal = make_journal(engine)
    with pytest.raises(LogDamagedError):
        journal.append(_entry(2))
    journal.close()
    assert _entries(engine) == 1


def test_the_signing_key_has_the_name_of_the_origin() -> None:
    signer = make_identity().signers[0]
    with pytest.raises(ConfigurationError):
        type(make_identity())("another.example", (signer,))


GUARDED = [
    "UPDATE log_entries SET body = body",
    "DELETE FROM log_entries",
    "UPDATE log_tiles SET hashes = hashes",
    "DELETE FROM log_tiles",
    "UPDATE log_checkpoints SET note = note",
    "DELETE FROM log_checkpoints",
    "UPDATE log_head SET size = 0",
    "DELETE FROM log_head",
    "INSERT INTO log_head (id, size, root, at) SELECT 2, size, root, at FROM log_head",
    "INSERT INTO log_entries (seq, leaf_hash, body) SELECT 7, leaf_hash, body FROM log_entries",
]


def test_guards_refuse_to_change_what_was_written(engine: Engine, journal: SequencerJournal) -> None:
    journal.append(_entry(1))
    statements = list(GUARDED)
    if engine.dialect.name == "sqlite":
        statements.append(
            "INSERT OR REPLACE INTO log_entries (seq, leaf_hash, body) SELECT 0, body, body FROM log_entries"
        )
    else:
        statements += ["TRUNCATE log_entries", "TRUNCATE log_checkpoints", "TRUNCATE log_head"]
    for statement in statements:
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))
    assert journal.append(_entry(2)).index == 1


def test_every_sqlite_connection_is_durable_and_guarded(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'x.db'}")
    reading = engine.execution_options(xueji_read=True)  # two writers at once would wait for each other
    with reading.connect() as first, reading.connect() as second:
        for connection in (first, second):
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
            assert connection.exec_driver_sql("PRAGMA recursive_triggers").scalar_one() == 1
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    engine.dispose()


def test_setting_guards_twice_changes_nothing(engine: Engine, journal: SequencerJournal) -> None:
    with engine.begin() as connection:
        create_guards(connection, metadata)
    assert journal.append(_entry(1)).index == 0
    with engine.connect() as connection:
        assert connection.execute(select(log_head.c.size)).scalar_one() == 1


PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from gateway.db import make_engine
from gateway.journal import EntryDraft
from tests.factories.journal import make_journal
engine = make_engine(sys.argv[1])
journal = make_journal(engine)
with ThreadPoolExecutor(4) as pool:
    done = list(pool.map(lambda n: journal.append(EntryDraft("test.fact", None, facts={"n": n})).index, range(100)))
journal.close()
print(len(set(done)))
"""


def test_two_processes_take_turns(engine: Engine, database_url: str) -> None:
    make_journal(engine).close()
    command = [sys.executable, "-c", PROCESS, database_url]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [output.strip() for output, _ in outputs] == ["100", "100"], [error for _, error in outputs]
    assert _entries(engine) == 200
    _holds(database_url)
