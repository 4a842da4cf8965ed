"""A profile that asks for local recoding: from the database to the file and its report, and a second time."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gateway.releases.records import Extract
from gateway.settings import Settings
from tests.factories.releases import House, make_house, opened

PROFILE = "textbook-anonymous"
K = 10


def locally(home: Path) -> House:
    """Return a house whose rule book recodes the anonymous profile locally."""

    def changed(settings: Settings) -> Settings:
        config = home / "config"
        shutil.copytree(settings.config, config)
        path = config / "release_profiles.toml"
        text = path.read_text(encoding="utf-8")
        head = 'label_en = "Textbook orders, anonymous rows"\nlevel = "anonymous"\n'
        assert head in text
        path.write_text(text.replace(head, head + 'recoding = "local"\n'), encoding="utf-8")
        return replace(settings, config=config)

    return make_house(home, settings=changed)


def told(extract: Extract) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(extract.report)
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened(locally(tmp_path_factory.mktemp("local")))


@pytest.fixture(scope="module")
def made(house: House) -> Extract:
    return house.prepared(PROFILE, "parquet")


def test_the_file_shows_classes_of_k_and_loses_less_than_global_levels(house: House, made: Extract) -> None:
    report = told(made)
    assert report["recoding"] == "local"
    assert report["parts"] > 1
    rows = pl.read_parquet(io.BytesIO(house.content(made)))
    quasi = [column["name"] for column in report["columns"] if column["role"] == "quasi"]
    classes = rows.group_by(quasi).len()["len"]
    assert min(classes.to_list()) == report["after"]["k"] >= K
    assert (rows.height, len(classes)) == (report["rows_out"], report["after"]["classes"])
    assert report["rows_in"] - report["rows_out"] == report["rows_suppressed"] <= 0.02 * report["rows_in"]
    assert report["optimal"] is False


def test_the_report_says_how_many_rows_stand_on_each_level(made: Extract) -> None:
    several = [column for column in told(made)["columns"] if column["role"] == "quasi" and column["level"] is None]
    assert several
    for column in several:
        assert sum(column["levels"].values()) == told(made)["rows_out"]


def test_a_second_release_to_the_same_recipient_is_the_same(house: House, made: Extract) -> None:
    again = house.prepared(PROFILE, "parquet")
    assert told(again)["after"] == told(made)["after"]
    assert told(again)["loss"] == told(made)["loss"]


def test_global_levels_of_the_same_rows_lose_more(made: Extract, tmp_path: Path) -> None:
    for plain in opened(make_house(tmp_path)):
        report = told(plain.prepared(PROFILE, "parquet"))
        assert report["recoding"] == "global"
        assert report["loss"] > told(made)["loss"]
