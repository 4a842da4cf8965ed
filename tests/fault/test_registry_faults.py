"""A full disk, a killed process, a database that is gone: nothing half-written, and a clear error."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from core_registry.db.state import SqlOutbox
from core_registry.db.tables import metadata
from core_registry.errors import RegistryUnavailableError
from tests.factories.registrydb_rows import SENTINEL, frame_of, land, make_registry, meta_of, pupil, silent

ROWS = 3000


def counts(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        found = {
            table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for table in metadata.sorted_tables
        }
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def test_a_full_disk_leaves_nothing_half_written_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    made = make_registry(f"sqlite:///{path}")
    land(made, [pupil(n) for n in range(10)])
    before = counts(path)
    with sqlite3.connect(path) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    made.engine.dispose()

    def limit(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.execute(f"PRAGMA max_page_count={pages + 50}")

    event.listen(made.engine, "connect", limit)
    with pytest.raises(RegistryUnavailableError, match="SQLITE_FULL") as refused:
        land(made, [pupil(n) for n in range(100, 100 + ROWS)])
    assert SENTINEL not in str(refused.value)
    assert counts(path) == before
    event.remove(made.engine, "connect", limit)
    made.engine.dispose()
    land(made, [pupil(n) for n in range(100, 100 + ROWS)])
    assert counts(path)["students"] == 10 + ROWS
    made.engine.dispose()


def test_kill_9_in_the_middle_of_an_import_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    made = make_registry(f"sqlite:///{path}")
    land(made, [pupil(n) for n in range(10)])
    before = counts(path)
    script = (
        "import sys\n"
        "from core_registry.db import store\n"
        "from tests.factories.registrydb_rows import *\n"
        "store.CHUNK = 500\n"
        "def told(stage, done, total):\n"
        "    print(done, flush=True)\n"
        "    sys.stdin.readline()\n"
        "made = make_registry(sys.argv[1])\n"
        f"frame = frame_of([pupil(n) for n in range(100, {100 + ROWS})], made.store)\n"
        "made.store.apply(frame, meta_of(frame), told)\n"
    )
    for chunks in (1, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", script, made.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(chunks):
            assert process.stdout.readline()  # a chunk was written and the next one waits for us
            if _ < chunks - 1:
                process.stdin.write(b"\n")
                process.stdin.flush()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()
        after = counts(path)
        assert {name: after[name] for name in after} == before
    land(made, [pupil(n) for n in range(100, 110)])
    made.engine.dispose()


def test_a_database_that_is_gone_is_a_clear_error(tmp_path: Path) -> None:
    made = make_registry(f"sqlite:///{tmp_path / 'r.db'}")
    frame = frame_of([pupil(1)], made.store)
    made.engine.dispose()
    for path in list(tmp_path.iterdir()):
        path.unlink()
    with pytest.raises(RegistryUnavailableError):
        made.store.apply(frame, meta_of(frame), silent)
    with pytest.raises(RegistryUnavailableError):
        made.store.held(frame["id_key"])
    with pytest.raises(RegistryUnavailableError):
        SqlOutbox(made.engine).pending(0, 1)
    made.engine.dispose()


@pytest.mark.postgres
def test_a_postgres_that_ends_the_session_leaves_nothing(postgres_url: str) -> None:
    made = make_registry(postgres_url)
    frame = frame_of([pupil(n) for n in range(100)], made.store)

    def cut(_stage: str, _done: int, _total: int) -> None:
        with made.engine.connect() as other:
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            other.rollback()

    with pytest.raises(RegistryUnavailableError) as refused:
        made.store.apply(frame, meta_of(frame), cut)
    assert SENTINEL not in str(refused.value)
    made.engine.dispose()
    assert made.store.held(frame["id_key"]).height == 0
    made.engine.dispose()
