"""Settings come from the environment alone, and what is not known is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import default_config, from_environment


def test_everything_lies_below_home_unless_it_is_placed_elsewhere(tmp_path: Path) -> None:
    found = from_environment({}, home=tmp_path)
    assert found.sqlite
    assert {found.keys.parent, found.files.parent} == {tmp_path}
    assert found.gateway_url == f"sqlite:///{tmp_path / 'gateway.db'}"
    assert found.config == default_config()
    placed = from_environment(
        {"XUEJI_HOME": str(tmp_path), "XUEJI_KEYS": "/k", "XUEJI_FILES": "/f", "XUEJI_PUBLIC_URL": "https://x.example/"}
    )
    assert (placed.home, placed.keys, placed.files) == (tmp_path, Path("/k"), Path("/f"))
    assert placed.public_url == "https://x.example"


def test_home_of_the_command_line_wins(tmp_path: Path) -> None:
    assert from_environment({"XUEJI_HOME": "/elsewhere"}, home=tmp_path).home == tmp_path


@pytest.mark.parametrize(
    "environ", [{"XUEJI_SEPARATON": "two"}, {"XUEJI_SEPARATION": "one"}, {"XUEJI_SEPARATION": ""}], ids=str
)
def test_what_is_unknown_or_impossible_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="XUEJI_SEPARAT"):
        from_environment(environ)


@pytest.mark.parametrize("name", ["XUEJI_REGISTRY_URL", "XUEJI_GATEWAY_URL"])
def test_one_database_on_sqlite_is_enough_to_be_one_host(name: str, tmp_path: Path) -> None:
    both = {"XUEJI_REGISTRY_URL": "postgresql://h/r", "XUEJI_GATEWAY_URL": "postgresql://h/g"}
    assert not from_environment(both, home=tmp_path).sqlite
    assert from_environment({**both, name: "sqlite:///x.db"}, home=tmp_path).sqlite
