"""An older backup is restored: the gateway does not start on a log that is behind its witness."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from gateway import bootstrap, inspection
from gateway.audit.errors import RolledBackError
from gateway.audit.policy import parse_policy
from gateway.audit.witness_http import application
from gateway.cli import cli
from gateway.demo.server import BackgroundServer
from gateway.journal import EntryDraft
from gateway.keyring import Face
from gateway.settings import Settings
from tests.factories.releases import Template, _sql, copied, drop

NAME = "inspector.example/witness"


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> str | None:
    return str(request.getfixturevalue("postgres_server")) if request.param == "postgres" else None


@pytest.fixture
def house(server: str | None, tmp_path: Path) -> Iterator[tuple[Template, Settings]]:
    """A gateway with data; the template that it was copied from is the backup."""
    made, settings = copied(tmp_path, server=server)
    yield made, settings
    if server is not None:
        drop(settings, server)


def _live(settings: Settings, office: Path) -> None:
    """Let the log grow, and the witness cosign it."""
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        process.require_log()
        process.services.audit.journal.append(EntryDraft("test.fact", None))
        inspection.witness_once(process.services, office, NAME)
    finally:
        process.close()


def _restore(made: Template, settings: Settings, server: str | None) -> None:
    name = str(make_url(settings.gateway_url).database)
    if server is not None:
        _sql(server, f"DROP DATABASE {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {made.gateway}")
        return
    for part in ("-wal", "-shm"):
        Path(name + part).unlink(missing_ok=True)
    shutil.copyfile(made.home / "gateway.db", name)


def _start(settings: Settings, *command: str) -> BaseException | None:
    """Start the gateway as an operator does; return why it did not."""
    environment = {
        "XUEJI_REGISTRY_URL": settings.registry_url, "XUEJI_GATEWAY_URL": settings.gateway_url,
        "XUEJI_KEYS": str(settings.keys), "XUEJI_LOG_ORIGIN": settings.log_origin,
        "XUEJI_WITNESS": None if settings.witness is None else str(settings.witness),
    }  # fmt: skip
    return CliRunner().invoke(cli, ["--home", str(settings.home), *command], env=environment).exception


def test_the_gateway_does_not_start_on_a_backup_that_is_behind_the_witness(
    house: tuple[Template, Settings], server: str | None, tmp_path: Path
) -> None:
    made, found = house
    office = tmp_path / "inspector"
    settings = replace(found, witness=office)
    inspection.require_witness(found, [inspection.witness_signer(office, NAME).verifier])
    _live(settings, office)
    _restore(made, settings, server)
    command = ("serve", "--face", "all", "--port", "0") if server is None else ("worker",)
    refused = _start(settings, *command)
    assert isinstance(refused, RolledBackError), refused
    assert "拒绝写入" in str(refused.detail_zh)
    with bootstrap.open_log(settings.gateway_url) as log:
        head = log.head()
    assert head is not None
    seen = inspection.open_witness(office, NAME, []).latest(settings.log_origin)
    assert seen is not None
    assert head.size < seen.size  # nothing was written


@pytest.mark.soak
def test_a_witness_with_an_address_is_asked_at_the_start_as_well(
    house: tuple[Template, Settings], server: str | None, tmp_path: Path
) -> None:
    made, found = house
    office = tmp_path / "inspector"
    key = inspection.witness_signer(office, NAME).verifier
    inspection.require_witness(found, [key])
    policy = found.keys / bootstrap.POLICY_FILE
    (log,) = parse_policy(policy.read_text(encoding="utf-8")).logs
    listening = BackgroundServer(application(inspection.open_witness(office, NAME, [log])), host="127.0.0.1", port=0)
    try:
        lines = f"log {log}\nwitness w {key} http://127.0.0.1:{listening.port}/\nquorum w\n"
        policy.write_text(lines, encoding="utf-8")
        _live(found, office)
        _restore(made, found, server)
        assert isinstance(_start(found, "worker" if server else "serve"), RolledBackError)
    finally:
        listening.close()
