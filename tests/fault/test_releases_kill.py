"""kill -9 of a real ``xueji serve`` at random instants: no byte without its entry, and everything goes on after."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import bootstrap, inspection
from gateway.audit.leaves import decode_entry
from gateway.keyring import Face
from gateway.releases.records import DeliveryEnd, ExtractState
from gateway.remote import Caller, UnexpectedAnswerError, client_token
from gateway.settings import Settings, default_config
from tests.factories.accounts import Clock
from tests.factories.release_cases import CASES, CHAIN, EXECUTOR, client, grant_for
from tests.factories.releases import House, copied

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "bus-pseudonymous"
START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """``xueji serve`` in a process of its own."""

    def __init__(self, settings: Settings, port: int) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
        env |= {
            "XUEJI_HOME": str(settings.home),
            "XUEJI_CONFIG": str(settings.config),
            "XUEJI_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", str(port)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("xueji: "), (line, self.process.stderr and self.process.stderr.read())

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        assert self.process.returncode == -signal.SIGKILL


@dataclass
class Seen:
    """What clients got: the audit index and the extract of each response of which at least a byte came."""

    begun: list[tuple[int, str]] = field(default_factory=list)
    whole: int = 0
    asked: list[str] = field(default_factory=list)


def fetch(port: int, token: str, extract: str, seen: Seen, stop: threading.Event) -> None:
    """Fetch the content again and again, slowly, until the server is gone."""
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", f"/v1/extracts/{extract}/content", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            if answer.status != 200:
                return
            piece = answer.read1(2048)
            if piece:
                seen.begun.append((int(answer.headers["Xueji-Audit-Index"]), extract))
            while piece and not stop.is_set():
                time.sleep(0.002)
                piece = answer.read1(2048)
            seen.whole += answer.isclosed()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()


def ask(base: str, token: str, grant: str, seen: Seen, stop: threading.Event, kinds: Iterator[str]) -> None:
    """Ask for new extracts until the server is gone, at most three."""
    for kind in kinds:
        if stop.is_set():
            return
        with suppress(OSError, http.client.HTTPException):
            try:
                answer = Caller(base, token).call("POST", f"/v1/grants/{grant}/extracts", {"format": kind}, expect=202)
            except UnexpectedAnswerError:
                return
            seen.asked.append(answer.text("id"))
        time.sleep(0.2)


def entries_of(settings: Settings) -> list[dict[str, object]]:
    with bootstrap.open_log(settings.gateway_url) as log:
        return [dict(decode_entry(stored.body)) for stored in log.entries(0, log.last_index() + 1)]


def check_after_kill(settings: Settings, seen: Seen) -> None:
    """Assert what has to hold right after a kill, before anything is repaired."""
    report = inspection.verify(lambda: settings)
    assert report.ok, report.findings
    entries = entries_of(settings)
    for index, extract in seen.begun:
        entry = entries[index]
        assert entry["kind"] == "release.intent"
        links = entry["links"]
        assert isinstance(links, dict)
        assert links["extract"] == extract
        assert set(links) >= CHAIN


def run(tmp_path: Path, kills: int, seed: int, asks: tuple[str, ...]) -> None:
    made, settings = copied(tmp_path)
    config = tmp_path / "config"
    shutil.copytree(default_config(), config)
    parameters = config / "parameters.toml"
    lease = 10
    text = parameters.read_text(encoding="utf-8")
    assert "lease_seconds = 120" in text
    parameters.write_text(text.replace("lease_seconds = 120", f"lease_seconds = {lease}"), encoding="utf-8")
    settings = replace(settings, config=config)
    process = bootstrap.open_process(settings, Face.ALL)
    grants = [grant_for(process.services, CASES[PROFILE]) for _ in range(kills)]
    process.close()
    process.services.sharing.close()  # type: ignore[union-attr]  # the real view has it
    chance = random.Random(seed)
    client_id, key = made.clients[PROFILE]
    seen = Seen()
    for grant in grants:
        port = free_port()
        server = Server(settings, port)
        token = client_token(server.base, client_id, key)
        stop = threading.Event()
        threads = [
            threading.Thread(target=fetch, args=(port, token, made.ready, seen, stop)),
            threading.Thread(target=fetch, args=(port, token, made.ready, seen, stop)),
            threading.Thread(target=ask, args=(server.base, token, grant, seen, stop, iter(asks))),
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.15, 1.5))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        check_after_kill(settings, seen)
    assert len(seen.begun) >= kills, "clients hardly got anything: the kills came too early"
    assert len(seen.asked) >= kills
    check_recovery(made.ready, settings, seen, lease)


def check_recovery(ready: str, settings: Settings, seen: Seen, lease: int) -> None:
    """Start once more, after the leases, and assert that nothing is left half done."""
    clock = Clock(datetime.now(UTC) + timedelta(seconds=lease + 1))
    process = bootstrap.open_process(settings, Face.ALL, now=clock)
    house = House(settings, clock, process, {}, {}, source=None, _ready=ready)  # type: ignore[arg-type]  # not looked at
    try:
        check_house(house, settings, seen)
    finally:
        house.close()


def check_house(house: House, settings: Settings, seen: Seen) -> None:
    """Work, and assert that every delivery is closed, every extract ready, and the log whole."""
    house.work(rounds=len(seen.asked) * 2 + 20)
    releases = house.services.releases
    stored = releases.reader.read(lambda tx: releases.extracts.deliveries_of(tx, house.ready().id))
    assert stored
    assert DeliveryEnd.OPEN not in {delivery.end for delivery in stored}
    outcomes = {entry["facts"]["delivery"] for entry in house.entries("release.outcome")}
    intents = {entry["facts"]["delivery"] for entry in house.entries("release.intent")}
    assert outcomes == intents == {delivery.id for delivery in stored}
    for extract in releases.newest(EXECUTOR, limit=1000):
        assert extract.state is ExtractState.READY, (extract.id, extract.failure)
        assert releases.file_of(extract.id).exists()
    for identifier in seen.asked:  # what was promised with 202 is there, and whole
        extract = house.extract(type(house.ready().id)(identifier))
        content = b"".join(releases.deliver(extract.id, client(extract.recipient)).content)
        assert len(content) == extract.size
    names = {path.name for path in settings.files.iterdir()}
    assert {name for name in names if name.endswith(".part")} == set()
    assert inspection.verify(lambda: settings).ok


def test_six_kills_at_random_instants_leave_no_byte_without_an_entry_and_nothing_half_done(tmp_path: Path) -> None:
    run(tmp_path, 6, seed=1, asks=("parquet",))


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
def test_sixty_kills_at_random_instants(tmp_path: Path, seed: int) -> None:
    run(tmp_path, 60, seed=seed, asks=("csv", "parquet", "ndjson"))
