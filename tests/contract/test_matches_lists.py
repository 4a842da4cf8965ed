"""Lists that were handed in: destroyed whatever happens, and nobody of them stands anywhere in clear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from core_registry.errors import RegistryUnavailableError
from gateway.db import make_engine
from gateway.errors import ConflictError
from gateway.releases.errors import LeakSuspectedError
from gateway.releases.matches import matching as module
from gateway.releases.matches.matching import Matching
from gateway.releases.matches.records import Upload
from gateway.releases.records import ExtractState
from gateway.releases.workbench import Workbench
from tests.factories import house_fixtures
from tests.factories.checks import UNKNOWN, people_of
from tests.factories.matches import (
    HEADER,
    MATCH,
    destroyed,
    files_of_lists,
    first_of,
    listed,
    match_grant,
    matching_of,
    start,
    sweep,
    workbook,
)
from tests.factories.release_cases import APPROVER
from tests.factories.releases import House

small = house_fixtures.shared
own = house_fixtures.fresh


@pytest.mark.parametrize("error", [LeakSuspectedError("leak"), RuntimeError("bug")], ids=["leak", "bug"])
def test_a_match_that_fails_gives_the_use_back_and_destroys_the_list(
    small: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_a: object, **_k: object) -> None:
        raise error

    monkeypatch.setattr(Workbench, "scan", fail)
    grant = match_grant(small.services)
    extract = start(small, grant, first_of(small))
    small.work(calm=False)
    found = small.extract(extract.id)
    assert found.state is ExtractState.FAILED
    assert small.uses_left(grant) == MATCH.uses
    assert files_of_lists(small) == []
    assert not small.services.releases.file_of(extract.id).exists()
    (entry,) = destroyed(small, extract.id)
    assert entry["facts"]["reason"] == "failed"


def test_an_identifier_in_the_answer_stops_it(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    number = people_of(small)[0]["id_number"]
    original = Matching._look

    def leaking(self: Matching, *arguments: Any) -> Any:  # noqa: ANN401  as the original
        looked = original(self, *arguments)
        return replace(looked, frame=looked.frame.with_columns(pl.lit(number).alias("grade")))

    monkeypatch.setattr(Matching, "_look", leaking)
    extract = start(small, match_grant(small.services), first_of(small))
    small.work()
    assert small.extract(extract.id).failure == "LeakSuspectedError"


def test_a_grant_that_ends_while_the_list_waits_matches_nothing(small: House) -> None:
    grant = match_grant(small.services)
    extract = start(small, grant, first_of(small))
    small.services.applications.withdraw_grant(APPROVER, grant, reason="测试")
    small.work()
    assert small.extract(extract.id).failure == "GrantEndedError"
    assert files_of_lists(small) == []
    assert destroyed(small, extract.id)


def test_a_registry_that_is_gone_fails_nothing_and_the_list_waits(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_a: object) -> None:
        raise RegistryUnavailableError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Matching, "_look", gone)
        extract = start(small, match_grant(small.services), first_of(small))
        small.work(calm=False, rounds=1)
    assert small.extract(extract.id).state is ExtractState.PREPARING
    assert len(files_of_lists(small)) == 1
    small.clock.turn(seconds=small.services.book.parameters.lease_seconds + 1)
    small.work()
    assert small.extract(extract.id).state is ExtractState.READY
    assert files_of_lists(small) == []


def test_a_list_that_nobody_matched_in_time_is_destroyed_and_its_use_goes_back(small: House) -> None:
    grant = match_grant(small.services)
    extract = start(small, grant, first_of(small))
    minutes = small.services.book.parameters.match_list_minutes
    small.clock.turn(minutes=minutes - 1)
    assert not sweep(small)
    small.clock.turn(minutes=2)
    assert sweep(small)
    assert not sweep(small)
    assert small.extract(extract.id).state is ExtractState.FAILED
    assert small.uses_left(grant) == MATCH.uses
    assert files_of_lists(small) == []
    (entry,) = destroyed(small, extract.id)
    assert entry["facts"]["reason"] == "overdue"
    small.work()
    assert small.extract(extract.id).state is ExtractState.FAILED


def test_a_clock_that_went_back_does_not_lengthen_the_life_of_a_list(own: House) -> None:
    extract = start(own, match_grant(own.services), first_of(own))
    own.clock.turn(hours=-3)
    assert sweep(own)
    assert destroyed(own, extract.id)


def test_files_without_a_key_are_swept_once_they_are_old(own: House) -> None:
    folder = own.settings.files / "lists"
    folder.mkdir(parents=True, exist_ok=True)
    stray = [folder / "ex-nobody.sealed", folder / "ex-nobody.part"]
    for file in stray:
        file.write_bytes(b"sealed under a key that is gone")
    sweep(own)
    assert all(file.exists() for file in stray)  # it may be one that is being handed in
    own.clock.turn(minutes=11)
    sweep(own)
    assert files_of_lists(own) == []


def test_a_destroyed_list_opens_for_nobody_even_with_its_file_and_every_key(own: House) -> None:
    extract = start(own, match_grant(own.services), first_of(own))
    (file,) = files_of_lists(own)
    copy = file.read_bytes()
    own.work()
    file.write_bytes(copy)
    shelf = matching_of(own).shelf
    with pytest.raises(ConflictError):
        shelf.open(extract.id)
    engine = make_engine(own.settings.gateway_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT wrapped_key FROM match_lists")).scalars().all() == [b""]
    engine.dispose()
    sweep(own)
    assert files_of_lists(own) == []


# -- the log, and nothing personal elsewhere


@pytest.mark.rule("A50-10")
def test_who_looked_at_a_pupil_finds_matches_too(small: House) -> None:
    rows = people_of(small)[:70]
    extract = start(
        small, match_grant(small.services), Upload(people=listed([*rows, {"name": "郑无", "id_number": UNKNOWN}]))
    )
    small.work()
    (entry,) = [e for e in small.entries("release.prepared") if e["links"]["extract"] == extract.id]
    assert entry["tags"]["count"] == len(rows)  # beyond 64 their Merkle root stands in the leaf
    assert (entry["facts"]["rows"], entry["facts"]["matched_rows"]) == (71, 70)


@pytest.mark.rule("A50-8")
def test_i7_nobody_of_a_list_stands_in_clear_in_any_byte_at_any_step(
    own: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = people_of(own)[30:34]
    wanted = [str(row["id_number"]).encode() for row in rows] + [UNKNOWN.encode(), "郑无此".encode()]

    def search(where: str) -> None:
        for path in sorted(own.settings.home.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                assert not [value for value in wanted if value in content], (where, path.name)

    upload = Upload(workbook([[1, r["name"], r["id_number"]] for r in rows] + [[9, "郑无此", UNKNOWN]], HEADER))
    extract = start(own, match_grant(own.services), upload)
    search("waiting")
    original = module.Matching._finish

    def finish(self: Matching, *arguments: Any) -> None:  # noqa: ANN401  as the original
        search("written")
        original(self, *arguments)

    monkeypatch.setattr(module.Matching, "_finish", finish)
    own.work()
    search("ready")
    assert own.extract(extract.id).state is ExtractState.READY
    assert not [value for value in wanted if value.decode() in caplog.text]
    content = own.content(own.extract(extract.id))
    assert not [value for value in wanted if value in content]
    search("delivered")
