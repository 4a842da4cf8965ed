"""Fixtures that open a house of releases; a test file gives one a name: ``house = house_fixtures.shared_on_both``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories.releases import House, make_house, opened


def _server(request: pytest.FixtureRequest) -> str | None:
    """Return the PostgreSQL that the parameter asks for; without one the house is on SQLite."""
    if request.param != "postgres":
        return None
    server: str = request.getfixturevalue("postgres_server")
    return server


@pytest.fixture(params=["sqlite", "postgres"])
def fresh_on_both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house for each test, on each kind of database."""
    yield from opened(make_house(tmp_path, server=_server(request)))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[House]:
    """A house for each test, on SQLite: for what no database decides, and changes what others rely on."""
    yield from opened(make_house(tmp_path))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_on_both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for all tests of a file, on each kind of database: each test takes a grant of its own."""
    yield from opened(make_house(tmp_path_factory.mktemp("house"), server=_server(request)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house for all tests of a file, on SQLite: each test takes a grant of its own."""
    yield from opened(make_house(tmp_path_factory.mktemp("house")))
