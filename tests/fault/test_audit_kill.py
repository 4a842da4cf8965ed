"""kill -9 at any system call: no fact without its entry, no entry without its fact, and the log verifies."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.audit.store import DatabaseLogSource
from gateway.audit.verify import trust, verify_log
from gateway.db import make_engine, make_read_only_engine
from gateway.journal import EntryDraft
from tests.conftest import need
from tests.factories.journal import make_identity, make_journal

ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import sys
from sqlalchemy import text
from gateway.db import connection_of, make_engine
from gateway.journal import EntryDraft
from tests.factories.journal import make_journal

journal = make_journal(make_engine(sys.argv[1]))

def write(tx):
    return connection_of(tx).execute(text("INSERT INTO test_facts DEFAULT VALUES RETURNING id")).scalar_one()

print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    number, receipt = journal.record(write, lambda n: EntryDraft("test.fact", None, facts={"id": n}))
    print(number, receipt.index, flush=True)
journal.close()
"""


def _prepare(path: Path) -> str:
    url = f"sqlite:///{path}"
    engine = make_engine(url)
    journal = make_journal(engine)
    journal.append(EntryDraft("test.start", None))
    journal.close()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE test_facts (id INTEGER PRIMARY KEY AUTOINCREMENT)"))
    engine.dispose()
    return url


def _check(url: str, promised: list[str]) -> int:
    """Return the number of facts after asserting what has to hold after a kill."""
    engine = make_engine(url)
    with engine.connect() as connection:
        facts = set(connection.execute(text("SELECT id FROM test_facts")).scalars())
        bodies = connection.execute(text("SELECT body FROM log_entries WHERE seq > 0 ORDER BY seq")).scalars().all()
    told = {int(bytes(body).split(b'"id":')[1].split(b"}")[0]) for body in bodies}
    assert told == facts, "a fact without its entry, or an entry without its fact"
    assert {int(line.split()[0]) for line in promised} <= facts, "a receipt was given for nothing"
    reading = make_read_only_engine(url)
    with DatabaseLogSource(reading) as source:
        report = verify_log(source, trust(str(make_identity().keys[0])))
    reading.dispose()
    assert report.ok, report.findings
    journal = make_journal(engine)  # the log goes on where it stopped
    assert journal.append(EntryDraft("test.fact", None, facts={"id": 0})).index == len(bodies) + 1
    journal.close()
    engine.dispose()
    return len(facts)


def _promised(output: str) -> list[str]:
    lines = output.split("\n")[:-1]  # a line without its newline was not finished
    return [line for line in lines if line and line != "ready"]


def test_kill_at_system_calls_loses_nothing_and_leaves_no_half(tmp_path: Path) -> None:
    need(shutil.which("strace"), "strace")
    _prepare(tmp_path / "template.db")
    survived = killed = 0
    deadline = time.monotonic() + 60
    for when in (1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 23, 29, 36, 44, 53):
        if time.monotonic() > deadline:
            break
        path = tmp_path / f"{when}.db"
        shutil.copy(tmp_path / "template.db", path)
        command = [
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync,ftruncate",
            "-e", f"inject=pwrite64,fdatasync,ftruncate:signal=SIGKILL:when={when}",
            sys.executable, "-c", WORKER, f"sqlite:///{path}", "4",
        ]  # fmt: skip
        ran = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
        if "ptrace" in ran.stderr.lower() and not ran.stdout:
            need(None, "permission to trace a process")
        _check(f"sqlite:///{path}", _promised(ran.stdout))
        killed += ran.returncode != 0
        survived += ran.returncode == 0
    assert killed >= 4, "the sweep did not kill: the system calls have other names here"


@pytest.mark.parametrize("seed", range(3))
def test_kill_at_a_random_time_leaves_fact_and_entry_together(tmp_path: Path, seed: int) -> None:
    url = _prepare(tmp_path / "log.db")
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url, "1000000"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.05, 0.4))
    os.kill(process.pid, signal.SIGKILL)
    output = process.stdout.read()
    process.stdout.close()
    process.wait()
    _check(url, _promised(output))
