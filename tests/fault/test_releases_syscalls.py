"""kill -9 at one write system call after the other while files are handed out: no byte without its durable intent."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway import bootstrap, inspection
from gateway.audit.leaves import decode_entry
from gateway.settings import Settings
from tests.conftest import need
from tests.factories.release_cases import CHAIN
from tests.factories.releases import copied

ROOT = Path(__file__).resolve().parents[2]
# Wires the house once, closes every connection, and forks for each kill: a child hands out one file to be at work, says
# so, waits until it is traced, and goes on handing out: the first byte of each delivery goes to a file at once, as to a
# socket.
DRIVER = """
import ctypes
import gc
import os
import sys

from sqlalchemy import Engine

from gateway import bootstrap
from gateway.ids import ExtractId
from gateway.keyring import Face
from gateway.settings import from_environment
from tests.factories.release_cases import client

released = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def hand_out(releases, extract, told):
    delivery = releases.deliver(extract.id, client(extract.recipient))
    for piece in delivery.content:
        if told:
            os.write(released, f"{delivery.receipt.index}\\n".encode())
            told = False


def child():
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: whoever may trace at all may trace this
    hand_out(releases, extract, told=False)
    os.write(1, f"ready {os.getpid()}\\n".encode())
    os.read(0, 1)
    while True:
        hand_out(releases, extract, told=True)


process = bootstrap.open_process(from_environment(), Face.ALL, with_worker=False)
releases = process.services.releases
extract = releases.reader.read(lambda tx: releases.extracts.get(tx, ExtractId(sys.argv[1])))
for engine in [found for found in gc.get_objects() if isinstance(found, Engine)]:
    engine.dispose()  # no connection is carried over a fork
while os.read(0, 1) == b"f":
    pid = os.fork()
    if pid == 0:
        try:
            child()
        finally:
            os._exit(70)
    _, status = os.waitpid(pid, 0)
    os.write(1, f"ended {status}\\n".encode())
"""


@dataclass
class Killing:
    """The driver, the log that it writes to, and what was handed out until each kill."""

    process: subprocess.Popen[bytes]
    settings: Settings
    extract: str
    released: Path
    seen: int = 0
    checked: int = 0
    lines: list[str] = field(default_factory=list)

    def line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        assert ready, "the driver says nothing"
        return self.process.stdout.readline().decode().strip()

    def send(self, byte: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(byte)
        self.process.stdin.flush()

    def kill_at(self, call: str, when: int) -> int:
        """Let a child hand out files until its ``when``-th ``call`` of one thread; return how many went out."""
        self.send(b"f")
        word, _, pid = self.line().partition(" ")
        assert word == "ready", word
        command = ["strace", "-f", "-p", pid, "-o", "/dev/null", "-e", f"trace={call}"]
        command += ["-e", f"inject={call}:signal=SIGKILL:when={when}"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            assert tracer.stderr is not None
            told = tracer.stderr.readline().decode()
            if "attached" not in told:
                os.kill(int(pid), signal.SIGKILL)
                self.line()
                need(None, "permission to trace a process")
            time.sleep(0.02)  # its threads are attached one after the other
            self.send(b"g")
            assert self.line() == f"ended {int(signal.SIGKILL)}"
            tracer.wait(timeout=30)
        return self.check()

    def check(self) -> int:
        """Assert that every file of which a byte went out has its intent, and that the log holds."""
        report = inspection.verify(lambda: self.settings)
        assert report.ok, report.findings
        content = self.released.read_bytes()
        indexes = [int(line) for line in content.split(b"\n")[self.seen : -1]]
        self.seen += len(indexes)
        with bootstrap.open_log(self.settings.gateway_url) as log:
            entries = {
                stored.index: decode_entry(stored.body) for stored in log.entries(self.checked, log.last_index() + 1)
            }
        for index in indexes:
            entry = entries[index]
            assert entry["kind"] == "release.intent"
            links = entry["links"]
            assert isinstance(links, dict)
            assert links["extract"] == self.extract
            assert set(links) >= CHAIN
        self.checked = report.size
        return len(indexes)


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    need(shutil.which("strace"), "strace")
    folder = tmp_path_factory.mktemp("killing")
    made, settings = copied(folder)
    released = folder / "released"
    released.touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
    env |= {"XUEJI_HOME": str(settings.home), "XUEJI_CONFIG": str(settings.config)}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, made.ready, str(released)],
        cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    yield Killing(process, settings, made.ready, released)
    process.kill()
    process.communicate()


# of one delivery: some twenty pages of the write-ahead log and two flushes; then the bytes themselves
SAMPLED = [("pwrite64", 1), ("pwrite64", 9), ("pwrite64", 120), ("fdatasync", 1), ("fdatasync", 2), ("write", 3)]
SOAKED = [*(("pwrite64", n) for n in range(1, 121)), *(("fdatasync", n) for n in range(1, 21)),
          *(("write", n) for n in range(1, 13))]  # fmt: skip


def test_a_kill_at_a_write_leaves_no_byte_without_its_intent(killing: Killing) -> None:
    released = sum(killing.kill_at(call, when) for call, when in SAMPLED)
    assert released >= 4, "hardly anything was handed out: the kills came too early"


@pytest.mark.soak
def test_two_hundred_releases_killed_at_every_write_in_turn(killing: Killing) -> None:
    released = sum(killing.kill_at(call, when) for call, when in SOAKED)
    assert released >= 200, f"only {released} releases"
