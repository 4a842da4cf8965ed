"""I8: what is gone or broken gives a clear error; nothing is released, nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url

from gateway import bootstrap
from gateway.errors import ConfigurationError, GatewayError, UnavailableError
from gateway.journal import EntryDraft
from gateway.keyring import Face
from gateway.problems import problem_of
from gateway.releases.records import ExtractState
from gateway.settings import default_config
from tests.factories.invariants import report_of
from tests.factories.release_cases import client
from tests.factories.releases import House, copied, make_house, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


@pytest.fixture
def large(tmp_path: Path, postgres_server: str) -> Iterator[House]:
    yield from opened(make_house(tmp_path, server=postgres_server))


@pytest.mark.postgres
def test_i8_a_gateway_database_that_is_gone_gives_a_clear_error_and_no_byte(large: House, postgres_server: str) -> None:
    extract = large.ready()
    delivery = large.deliver(extract)  # under way: its intent is durable
    name = make_url(large.settings.gateway_url).database
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for call in (
        lambda: large.deliver(extract),
        lambda: large.start("bus-pseudonymous"),
        lambda: large.services.applications.grant(extract.grant),
    ):
        with pytest.raises(UnavailableError) as refused:
            call()
        problem = problem_of(refused.value)
        assert problem is not None
        assert problem.kind.status == 503
    assert large.services.ready()["gateway_database"] != "ok"
    with pytest.raises(UnavailableError):
        list(delivery.content)  # what was under way cannot record its outcome, and says so


def test_i8_a_registry_that_is_gone_fails_the_extract_and_gives_its_use_back(house: House) -> None:
    extract = house.start("bus-pseudonymous")
    left = house.services.applications.grant(extract.grant).uses_left
    for path in house.settings.home.glob("registry.db*"):
        path.unlink()
    house.work(calm=False)
    failed = house.extract(extract.id)
    assert (failed.state, failed.manifest) == (ExtractState.FAILED, "")
    assert house.services.applications.grant(extract.grant).uses_left == left + 1
    assert not house.services.releases.file_of(extract.id).exists()


def test_i8_a_database_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    _, settings = copied(tmp_path)
    (settings.home / "gateway.db").unlink()
    with pytest.raises(ConfigurationError, match="xueji init"):
        bootstrap.open_process(settings, Face.ALL)


@pytest.mark.parametrize("damage", ["missing", "empty", "other"])
@pytest.mark.parametrize("name", ["delivery.key", "grant.pem", "log.pem"])
def test_i8_a_missing_or_damaged_key_stops_the_start_and_is_named(tmp_path: Path, name: str, damage: str) -> None:
    _, settings = copied(tmp_path)
    path = settings.keys / name
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case _:
            path.write_bytes(b"not a key")
    with pytest.raises(ConfigurationError) as refused:
        bootstrap.open_process(settings, Face.ALL)
    assert name.split(".", maxsplit=1)[0] in str(refused.value)
    assert str(settings.home) not in str(refused.value)


def test_i8_with_another_key_of_delivery_nothing_opens(house: House) -> None:
    extract = house.ready()
    other = replace(house.services.releases, delivery_key=bytes(32))
    with pytest.raises(GatewayError):
        other.deliver(extract.id, client(extract.recipient))
    assert not house.entries("release.intent")


def test_i8_a_full_disk_gives_a_clear_error_loses_nothing_and_releases_nothing(house: House) -> None:
    extract = house.ready()
    size = len(house.entries())

    def full(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def free(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA max_page_count=1073741823")

    event.listen(Engine, "begin", full)
    try:
        for length in (3000, 300, 1):  # until not even the smallest entry finds room in the pages that are there
            refused = 0
            for _ in range(200):
                draft = EntryDraft("test.fact", None, facts={"fill": "x" * length})
                try:
                    house.services.releases.journal.append(draft)
                except UnavailableError:
                    refused += 1
                    if refused > 2:
                        break
            assert refused > 2
        with pytest.raises(UnavailableError):
            house.deliver(extract)
        with pytest.raises(UnavailableError):
            house.start("bus-pseudonymous")
    finally:
        event.remove(Engine, "begin", full)
    event.listen(Engine, "begin", free)
    try:
        assert not house.entries("release.intent")
        assert len(house.entries()) >= size
        assert len(house.content(extract)) == extract.size
    finally:
        event.remove(Engine, "begin", free)
    assert report_of(house).ok


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("policies/grants.cedar", "permit (", "permit ((", ),
        ("policies/grants.cedar", "principal.recipient == resource.recipient", "principal.recipiant == resource.x"),
        ("release_profiles.toml", 'operation = "mask"', 'operation = "keep"'),
        ("purposes.toml", "max_uses", "max_usage"),
        ("parameters.toml", "lease_seconds = 120", "lease_seconds = 0"),
    ],
)  # fmt: skip
def test_i8_a_broken_rule_stops_the_start_and_says_where(tmp_path: Path, file: str, old: str, new: str) -> None:
    _, settings = copied(tmp_path)
    config = tmp_path / "config"
    shutil.copytree(default_config(), config)
    path = config / file
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        bootstrap.open_process(replace(settings, config=config), Face.ALL)
    assert file.rsplit("/", maxsplit=1)[-1] in str(refused.value)


def test_i8_a_clock_that_goes_back_brings_nothing_to_life_again(house: House) -> None:
    extract = house.ready()
    house.content(extract)
    house.clock.turn(hours=25)
    with pytest.raises(GatewayError):
        house.deliver(extract)
    house.clock.turn(days=-3)
    with pytest.raises(UnavailableError, match="clock"):
        house.deliver(extract)
    with pytest.raises(UnavailableError, match="clock"):
        house.start("bus-pseudonymous")
    assert len(house.entries("release.intent")) == 1
    assert [entry for entry in house.entries("release.refused") if "clock_back" in entry]  # and the log says so
    house.clock.turn(days=3)
    assert house.start("bus-pseudonymous").state is ExtractState.QUEUED
