"""A copy of a real log is damaged in every way that its owner has: each is found and named, with the right index."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from gateway.audit.findings import Damage, VerifyReport
from gateway.audit.store import DatabaseLogSource
from gateway.audit.verify import verify_log
from gateway.db import make_read_only_engine
from tests.databases import create, drop
from tests.factories.tampering import POLICY, SIZE, Vandal, Victim, copy_of, make_victim, owner_of
from tests.factories.tampering_acts import ACTS, Expected

SEEDS, SOAK_SEEDS = range(1), range(1, 13)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    folder = tmp_path_factory.mktemp("victim")
    made = make_victim(f"sqlite:///{folder / 'log.db'}", folder / "witness")
    with sqlite3.connect(folder / "log.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a copy of the one file is the whole log
    connection.close()
    return made


@pytest.fixture(scope="module")
def postgres_victim(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    url = create(postgres_server)
    yield make_victim(url, tmp_path_factory.mktemp("victim-pg"))
    drop(postgres_server, url)


def report_on(url: str, victim: Victim, *, witnessed: bool, index: bool = True) -> VerifyReport:
    engine = make_read_only_engine(url)
    try:
        with DatabaseLogSource(engine, with_index=index) as source:
            return verify_log(source, POLICY, witnessed=victim.kept if witnessed else ())
    finally:
        engine.dispose()


def check(url: str, victim: Victim, expected: Expected) -> None:
    """Assert that exactly what was done is found; what only the witness can know is not found without it."""
    alone = report_on(url, victim, witnessed=False, index=not expected.witnessed)
    if expected.witnessed:
        assert {one.damage for one in alone.findings} <= {Damage.UNWITNESSED}, alone.findings
    ignored = set(expected.more)
    if expected.witnessed:
        ignored.add(Damage.UNWITNESSED)
    for witnessed in (True,) if expected.witnessed else (False, True):
        report = report_on(url, victim, witnessed=witnessed, index=not expected.witnessed)
        if witnessed and not expected.witnessed:
            # the witness's copies may contradict it too: that is more, not else
            ignored |= {Damage.FORKED, Damage.ROLLED_BACK} - {damage for damage, _ in expected.found}
        found = {(one.damage, one.index) for one in report.findings if one.damage not in ignored}
        assert found == expected.found, report.findings
        assert not report.ok


@pytest.mark.parametrize("name", sorted(ACTS))
def test_each_damage_is_found_and_named_with_its_index(victim: Victim, tmp_path: Path, name: str) -> None:
    for seed in SEEDS:
        _damage_and_check(victim, tmp_path, name, seed)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(ACTS))
def test_each_damage_is_found_in_many_places(victim: Victim, tmp_path: Path, name: str) -> None:
    for seed in SOAK_SEEDS:
        _damage_and_check(victim, tmp_path, name, seed)


def _damage_and_check(victim: Victim, tmp_path: Path, name: str, seed: int) -> None:
    url = copy_of(victim, tmp_path, f"{name}-{seed}")
    with owner_of(url) as vandal:
        expected = ACTS[name](vandal, victim, random.Random(f"{name} {seed}"))
    check(url, victim, expected)


ON_POSTGRES = [
    name if place % 4 == 0 else pytest.param(name, marks=pytest.mark.soak) for place, name in enumerate(sorted(ACTS))
]


@pytest.mark.parametrize("name", ON_POSTGRES)
def test_a_superuser_of_postgresql_gets_past_the_guards_and_not_past_the_verifier(
    postgres_server: str, postgres_victim: Victim, name: str
) -> None:
    url = create(postgres_server)
    with psycopg.connect(postgres_server, autocommit=True) as server:
        copy, original = make_url(url).database, make_url(postgres_victim.url).database
        server.execute(f"DROP DATABASE {copy}")
        server.execute(f"CREATE DATABASE {copy} TEMPLATE {original}")
    try:
        with owner_of(url) as vandal:
            expected = ACTS[name](vandal, postgres_victim, random.Random(name))
        check(url, postgres_victim, expected)
    finally:
        drop(postgres_server, url)


def test_the_sound_log_is_sound(victim: Victim) -> None:
    report = report_on(victim.url, victim, witnessed=True)
    assert report.ok, report.findings
    assert (report.size, report.cosigned_size, report.checkpoints) == (SIZE, SIZE, len(victim.sizes))


def test_insert_or_replace_from_a_connection_without_our_settings_is_found(victim: Victim, tmp_path: Path) -> None:
    url = copy_of(victim, tmp_path, "replace")
    with sqlite3.connect(str(make_url(url).database)) as connection:  # the guards are there and do not run
        body = bytes(connection.execute("SELECT body FROM log_entries WHERE seq = 9").fetchone()[0])
        connection.execute("DROP TRIGGER guard_log_entries_insert")
        connection.execute(
            "INSERT OR REPLACE INTO log_entries SELECT seq, leaf_hash, ? FROM log_entries WHERE seq = 9",
            (body.replace(b'"n":9', b'"n":8'),),
        )
    connection.close()
    assert [(f.damage, f.index) for f in report_on(url, victim, witnessed=True).findings] == [(Damage.ALTERED, 9)]


def test_two_damages_at_once_are_both_named(victim: Victim, tmp_path: Path) -> None:
    pairs = [
        ("row_changed", "hash_in_a_tile_changed"),
        ("row_deleted", "search_index_changed"),
        ("note_forged", "row_changed"),
        ("tail_cut", "cosignature_forged"),
        ("row_inserted", "tag_list_changed"),
    ]
    for first, second in pairs:
        url = copy_of(victim, tmp_path, f"{first}-{second}")
        with owner_of(url) as vandal:
            done = [ACTS[name](vandal, victim, random.Random(f"{name} pair")) for name in (first, second)]
        named = {one.damage for one in report_on(url, victim, witnessed=False).findings}
        for expected in done:
            wanted = {damage for damage, _ in expected.found} - {Damage.INDEX}
            assert wanted <= named, (first, second, named)


def test_a_damaged_log_of_thousands_of_wrong_rows_is_told_in_bounds(victim: Victim, tmp_path: Path) -> None:
    url = copy_of(victim, tmp_path, "all")
    with owner_of(url) as vandal:
        _spoil_all(vandal)
    report = report_on(url, victim, witnessed=False)
    assert sum(one.damage is Damage.ALTERED for one in report.findings) == SIZE


def _spoil_all(vandal: Vandal) -> None:
    vandal.do("UPDATE log_entries SET body = body || ?", b" ")
