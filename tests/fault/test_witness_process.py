"""A witness in a process of its own catches rollback, fork and rewriting, and is killed at every write without harm."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import bootstrap, inspection
from gateway.audit.findings import Damage
from gateway.audit.note import COSIGNATURE, NoteSigner, VerifierKey
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.verify import verify_log
from gateway.audit.witness import last_seen
from gateway.audit.witnessing import WitnessPush, request_for, seen_by_witnesses
from gateway.db import make_engine, make_read_only_engine
from gateway.journal import EntryDraft
from gateway.keyring import Face
from tests.conftest import need
from tests.factories.journal import ORIGIN, make_identity, make_journal, make_reader, trail
from tests.factories.releases import copied
from tests.factories.rotation import FIRST, Signed, key_folder

ROOT = Path(__file__).resolve().parents[2]
XUEJI = [sys.executable, "-m", "gateway"]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}


@dataclass
class Served:
    """``xueji witness serve``, and what it said of itself."""

    process: subprocess.Popen[str]
    directory: Path
    key: VerifierKey
    url: str

    def policy(self) -> TrustPolicy:
        return parse_policy(f"log {make_identity().keys[0]}\nwitness w1 {self.key} {self.url}\nquorum w1\n")

    def kept(self) -> list[str]:
        return inspection.kept_notes(self.directory)


def start(directory: Path, *keys: VerifierKey) -> Served:
    vkeys = [part for key in keys or make_identity().keys for part in ("--vkey", str(key))]
    process = subprocess.Popen(
        [*XUEJI, "witness", "serve", str(directory), *vkeys, "--port", "0"],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    key = VerifierKey.parse(process.stdout.readline().rpartition(" ")[2])
    url = process.stdout.readline().removeprefix("xueji: ").strip()
    return Served(process, directory, key, url)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = start(tmp_path / "witness")
    yield made
    made.process.kill()
    made.process.communicate()


class Log:
    """A log on a file, as a worker writes it and brings it to its witness."""

    def __init__(self, file: Path, policy: TrustPolicy) -> None:
        self.file = file
        self.policy = policy
        self.engine = make_engine(f"sqlite:///{file}")
        self.journal: SequencerJournal = make_journal(self.engine)
        self.store, self.reader = SqlLogStore(self.engine), make_reader(self.engine)

    def append(self, kind: str, count: int) -> None:
        for number in range(count):
            self.journal.append(EntryDraft(kind, None, facts={"n": number}))

    def push(self) -> bool:
        now = datetime.now(UTC)
        audit = AuditService(self.store, self.reader, self.journal, ORIGIN, self.policy, None, lambda: now)
        return WitnessPush(self.store, self.reader, self.journal, audit, self.policy).run()

    def damages(self, kept: list[str]) -> set[Damage]:
        engine = make_read_only_engine(f"sqlite:///{self.file}")
        with DatabaseLogSource(engine) as source:
            report = verify_log(source, self.policy, witnessed=kept)
        engine.dispose()
        return {finding.damage for finding in report.findings}

    def contradicted(self) -> int:
        return len(trail(self.engine, "log.witness_contradicts"))

    def close(self) -> None:
        self.journal.close()
        self.engine.dispose()
        with closing(sqlite3.connect(self.file)) as connection:  # the one file is the whole log then
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_another_process_catches_a_restored_backup_a_fork_and_a_rewritten_log(served: Served, tmp_path: Path) -> None:
    log = Log(tmp_path / "log.db", served.policy())
    log.append("test.fact", 10)
    assert log.push()
    log.close()
    shutil.copyfile(tmp_path / "log.db", tmp_path / "backup.db")
    log = Log(tmp_path / "log.db", served.policy())
    log.append("test.fact", 10)
    assert log.push()
    assert log.damages(served.kept()) == set()
    log.close()

    rolled_back = Log(tmp_path / "backup.db", served.policy())  # an operator restores, and goes on with another history
    assert rolled_back.damages(served.kept()) == {Damage.ROLLED_BACK}
    rolled_back.append("test.other", 3)
    assert not rolled_back.push()
    assert rolled_back.contradicted() == 1
    rolled_back.append("test.other", 30)  # longer than what the witness saw: a fork
    assert not rolled_back.push()
    assert Damage.FORKED in rolled_back.damages(served.kept())
    rolled_back.close()

    rewritten = Log(tmp_path / "new.db", served.policy())  # all anew, with the log's own key: it verifies by itself
    rewritten.append("test.fact", 25)
    assert rewritten.damages([]) <= {Damage.UNWITNESSED}
    assert not rewritten.push()
    assert rewritten.contradicted() == 1
    assert Damage.FORKED in rewritten.damages(served.kept())
    rewritten.close()
    seen = last_seen(served.directory / inspection.CHECKPOINTS, ORIGIN)
    assert seen is not None
    assert seen.size == 20


def test_a_witness_of_its_own_follows_a_change_of_the_logs_key(tmp_path: Path) -> None:
    log = Signed(f"sqlite:///{tmp_path / 'log.db'}", key_folder(tmp_path / "keys"))
    log.append(2)
    served = start(tmp_path / "witness", FIRST.verifier, log.keys.prepare())  # the inspector got both
    try:
        audit = log.audit(served.policy())
        push = WitnessPush(log.store, log.reader, audit.journal, audit, audit.policy)
        for act in (log.append, log.rotate, log.end_overlap):
            act()
            log.append()
            assert push.run()
            seen = audit.witnessed()
            assert seen is not None
            assert seen.size == max(log.notes())
        report = log.verify(FIRST.verifier, witnessed=tuple(served.kept()))
        assert report.ok, report.findings
        # a backup of before the change does not know the key that signed what the witness saw
        policy = parse_policy(f"log {FIRST.verifier}\nwitness w1 {served.key} {served.url}\nquorum w1\n")
        assert seen_by_witnesses(policy, ORIGIN) == audit.witnessed()
    finally:
        served.process.kill()
        served.process.communicate()
        log.close()


def test_a_killed_witness_goes_on_where_it_was(tmp_path: Path) -> None:
    first = start(tmp_path / "witness")
    log = Log(tmp_path / "log.db", first.policy())
    log.append("test.fact", 3)
    assert log.push()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.communicate()
    log.append("test.fact", 3)
    assert not log.push()  # nobody is there; nothing is lost by it
    second = start(tmp_path / "witness")
    try:
        assert second.key == first.key
        log.policy = second.policy()
        assert log.push()
        assert len(second.kept()) == 2
    finally:
        second.process.kill()
        second.process.communicate()
        log.close()


ONCE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway.audit.note import COSIGNATURE, NoteSigner, VerifierKey
from gateway.audit.witness import AddCheckpoint, Witness

signer = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE)
key = VerifierKey.parse(sys.argv[2])
witness = Witness(Path(sys.argv[1]), signer, {key.name: (key,)}, lambda: datetime.now(UTC))
print(witness.add_checkpoint(AddCheckpoint.parse(Path(sys.argv[3]).read_text())).line(), end="", flush=True)
"""


def test_a_witness_killed_at_any_write_has_signed_nothing_that_it_does_not_hold(tmp_path: Path) -> None:
    need(shutil.which("strace"), "strace")
    log = Log(tmp_path / "log.db", TrustPolicy((make_identity().keys[0],)))
    key = NoteSigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32), COSIGNATURE).verifier
    requests = []
    for old in (0, 5):
        log.append("test.fact", 5)
        requests.append(tmp_path / f"request-{old}")
        requests[-1].write_text(str(request_for(log.store, log.reader, key, old)), encoding="utf-8")
    log.close()
    template = tmp_path / "template"
    vkey = str(make_identity().keys[0])
    run = [sys.executable, "-c", ONCE]
    subprocess.run([*run, str(template), vkey, str(requests[0])], cwd=ROOT, env=environment(), check=True, timeout=60)
    killed = 0
    # two files are written, fsynced, renamed, and their folders fsynced; then the cosignature is printed
    steps = [*(("write", n) for n in (1, 2, 3)), *(("fsync", n) for n in (1, 2, 3, 4)), ("rename", 1), ("rename", 2)]
    for call, when in steps:
        state = tmp_path / f"state-{call}-{when}"
        shutil.copytree(template, state)
        traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
        traced += ["-e", f"inject={call}:signal=SIGKILL:when={when}"]
        command = [*traced, *run, str(state), vkey, str(requests[1])]
        done = subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, timeout=60)
        if b"ptrace" in done.stderr.lower() and not done.stdout:
            need(None, "permission to trace a process")
        seen = last_seen(state, ORIGIN)
        assert seen is not None
        assert seen.size in {5, 10}
        if done.stdout:
            assert seen.size == 10, "it signed and did not keep it"
        killed += done.returncode != 0
        again = subprocess.run(  # and it goes on: from 5, or it has 10 already and says so
            [*run, str(state), vkey, str(requests[1])], cwd=ROOT, env=environment(), check=False, capture_output=True
        )
        assert (again.returncode == 0) == (seen.size == 5), again.stderr.decode()[-500:]
    assert killed == len(steps), "the sweep did not kill: the system calls have other names here"


def test_checkpoints_go_by_file_to_an_office_without_a_network(tmp_path: Path) -> None:
    _, settings = copied(tmp_path)
    office = tmp_path / "inspector"
    signer = inspection.witness_signer(office, "inspector.example/witness")
    inspection.require_witness(settings, [signer.verifier])
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        asked, answered = tmp_path / "ask.txt", tmp_path / "answer.txt"
        keys = process.services.log_keys
        assert keys is not None
        for act in (list, lambda: keys.rotate(timedelta(0))):  # the file brings the office the change of the key
            act()
            asked.write_text(inspection.request_file(process, None), encoding="utf-8")
            log = process.services.audit.policy.logs[0]
            done = inspection.witness_request(asked, office, "inspector.example/witness", [log])
            answered.write_text(done.answer, encoding="utf-8")
            assert inspection.take_answer(process, answered.read_text(encoding="utf-8")) == done.size
            seen = process.services.audit.witnessed()
            assert seen is not None
            assert seen.size == done.size
            process.services.audit.journal.append(EntryDraft("test.more", None))
    finally:
        process.close()
    report = inspection.verify(lambda: settings, witnessed=inspection.kept_notes(office))
    assert report.ok, report.findings
    assert report.cosigned_size
