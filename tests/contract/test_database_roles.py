"""PostgreSQL: a face works with its own database role and can do nothing else (design 2, I2, I5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from gateway import bootstrap, keyring, settings
from gateway.accounts.records import StaffSpec
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.db import make_engine, metadata
from gateway.db.roles import PRIVILEGES, grant_face_role
from gateway.demo import people
from gateway.errors import ConfigurationError
from gateway.keyring import Face
from gateway.principals import Role
from gateway.settings import Settings


@dataclass(frozen=True)
class Town:
    """A worker as the owner of the databases, and the settings of a face with a role of its own."""

    owner: Settings
    worker: Process
    password: str

    def as_role(self, face: Face) -> Settings:
        role = f"r{uuid4().hex[:12]}"
        engine = make_engine(self.owner.gateway_url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        grant_face_role(engine, role, face)
        engine.dispose()
        url = make_url(self.owner.gateway_url).set(username=role).render_as_string(hide_password=False)
        return replace(self.owner, gateway_url=url)


@pytest.fixture
def town(postgres_url: str, postgres_server: str, tmp_path: Path) -> Iterator[Town]:
    registry = f"t{uuid4().hex[:16]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {registry}")
    registry_url = make_url(postgres_url).set(database=registry).render_as_string(hide_password=False)
    environment = {"XUEJI_REGISTRY_URL": registry_url, "XUEJI_GATEWAY_URL": postgres_url}
    owner = settings.from_environment(environment, home=tmp_path)
    keyring.create(owner.keys)
    bootstrap.prepare_databases(owner, bootstrap.load_rulebook(owner))
    worker = bootstrap.open_process(owner, Face.WORKER)
    assert worker.worker is not None
    spec = StaffSpec(
        "applicant", "演示·经办人", frozenset({Role.APPLICANT}), None, "经办人", people.BOOKS,
        acknowledged_on_paper=True, must_change=False,
    )  # fmt: skip
    [credentials] = worker.services.directory.bootstrap_accounts([spec])
    worker.worker.start()
    yield Town(owner, worker, credentials.password)
    worker.close()
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {registry} WITH (FORCE)")


def _keys_of(face: Face, owner: Settings, directory: Path) -> Path:
    """Copy what the face may have: its own private keys, and the public half of every signing key."""
    directory.mkdir()
    own = {f"{key}.key" for key in keyring.PRIVATE_KEYS[face]} | {f"{key}.pem" for key in keyring.PRIVATE_KEYS[face]}
    for path in owner.keys.iterdir():
        if path.name in own or path.name.endswith(".pub.pem"):
            os.link(path, directory / path.name)
    return directory


def test_the_outside_face_signs_in_applies_and_publishes_with_its_own_keys_and_role(town: Town, tmp_path: Path) -> None:
    found = replace(town.as_role(Face.OUTSIDE), keys=_keys_of(Face.OUTSIDE, town.owner, tmp_path / "outside"))
    process = bootstrap.open_process(found, Face.OUTSIDE)
    try:
        client = create_app(process.services).test_client()
        signed = client.post("/v1/sessions", json={"username": "applicant", "password": town.password})
        assert signed.status_code == 201, signed.text
        token = {"Authorization": f"Bearer {signed.get_json()['token']}"}
        body = people.application("textbook", date.today())  # noqa: DTZ011  checked in Shanghai time
        applied = client.post("/v1/applications", json=body, headers=token)
        assert applied.status_code == 201, applied.text
        assert client.get("/v1/applications", headers=token).get_json()["items"][0]["id"] == applied.get_json()["id"]
        assert client.get("/log/checkpoint").status_code == 200
        assert client.get("/v1/register").status_code == 200
        _change_the_logs_key(town)
        applied = client.post("/v1/applications", json=body, headers=token)
        assert applied.status_code == 201, applied.text
        assert len(client.get("/log/keys.json").get_json()["keys"]) == 2
    finally:
        process.close()


def _change_the_logs_key(town: Town) -> None:
    """Change it with the worker's own role, beside the worker that runs."""
    process = bootstrap.open_process(town.as_role(Face.WORKER), Face.WORKER, with_worker=False)
    try:
        process.require_log()
        assert process.services.log_keys is not None
        process.services.log_keys.rotate(timedelta(0))
    finally:
        process.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT body FROM log_entries",
        "INSERT INTO log_head (id, size, root) VALUES (2, 0, '')",
        "UPDATE log_checkpoints SET note = ''",
        "SELECT * FROM log_index",
        "SELECT * FROM identity_offers",
        "DELETE FROM applications",
        "UPDATE grounds SET body = ''",
    ],
)
def test_the_outside_role_can_do_nothing_else(town: Town, statement: str) -> None:
    engine = make_engine(town.as_role(Face.OUTSIDE).gateway_url)
    try:
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


@pytest.mark.parametrize("face", sorted(PRIVILEGES))
def test_no_role_may_change_or_remove_what_stands_in_the_log(face: Face) -> None:
    append_only = {"log_entries", "log_checkpoints", "log_cosignatures", "log_tag_lists"}
    for table in append_only & set(PRIVILEGES[face]):
        assert not {"UPDATE", "DELETE"} & set(PRIVILEGES[face][table].replace(",", " ").split())


def test_every_table_named_exists_and_the_worker_reaches_every_table() -> None:
    tables = {table.name for table in metadata.sorted_tables}
    assert all(set(named) <= tables for named in PRIVILEGES.values())
    assert set(PRIVILEGES[Face.WORKER]) == tables


def test_sqlite_has_no_roles(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(ConfigurationError):
        grant_face_role(engine, "anybody", Face.OUTSIDE)
    engine.dispose()
