"""A clear identifier in what was written stops the release, whatever the format and wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import IdentifierKind
from gateway.db import make_engine
from gateway.releases.errors import NotReadyError
from gateway.releases.records import Extract, ExtractState
from tests.factories.release_cases import CHAIN
from tests.factories.releases import House, make_house, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


def poison(house: House, column: str, value: str) -> None:
    """Write ``value`` into one cell of the sharing view, as a fault in the registry would."""
    engine = make_engine(house.settings.registry_url)
    with engine.begin() as connection:
        changed = connection.execute(
            text(
                f"UPDATE sharing_students SET {column} = :value "
                "WHERE subject_ref = (SELECT max(subject_ref) FROM sharing_students WHERE grade IN ('31', '32', '33'))"
            ),
            {"value": value},
        )
        assert changed.rowcount == 1
    engine.dispose()


def clear(house: House, column: str) -> str:
    return str(house.source[column].drop_nulls()[17])


def assert_stopped(house: House, extract: Extract, value: str, problem: str = "LeakSuspectedError") -> None:
    stopped = house.extract(extract.id)
    assert (stopped.state, stopped.failure) == (ExtractState.FAILED, problem)
    assert (stopped.manifest, stopped.wrapped_key, stopped.size) == ("", b"", 0)
    assert [path.name for path in house.settings.files.iterdir() if extract.id in path.name] == []
    (entry,) = [one for one in house.entries("release.failed") if one["links"]["extract"] == extract.id]
    assert entry["facts"]["problem"] == problem
    assert entry["outcome"] == "failed"
    assert set(entry["links"]) >= CHAIN
    assert value not in str(house.entries())
    with pytest.raises(NotReadyError):
        house.deliver(extract)


def test_a_clear_identity_number_stops_the_release_in_every_format(house: House) -> None:
    value = clear(house, "id_number")
    poison(house, "class_name", value)
    left = house.services.applications.grant(house.grants["bus-pseudonymous"]).uses_left
    started = [house.start("bus-pseudonymous", kind) for kind in ("csv", "ndjson", "parquet", "xlsx")]
    house.work()
    for extract in started:
        assert_stopped(house, extract, value)
    assert house.services.applications.grant(house.grants["bus-pseudonymous"]).uses_left == left


@pytest.mark.parametrize(
    ("column", "kind", "pattern"),
    [
        ("member1_phone", "csv", "三班（{}）"),
        ("name", "xlsx", "{}"),
        ("student_number", "ndjson", "{}"),
        ("member1_id_number", "parquet", "班主任{}转"),
    ],
)
def test_every_kind_of_identifier_is_found_inside_a_text_too(
    house: House, column: str, kind: str, pattern: str
) -> None:
    value = clear(house, column)
    poison(house, "class_name", pattern.format(value))
    extract = house.start("aid-masked" if kind == "csv" else "bus-pseudonymous", kind)
    house.work()
    assert_stopped(house, extract, value)


def test_a_masked_column_with_clear_text_in_it_never_gets_as_far_as_a_file(house: House) -> None:
    value = clear(house, "name")
    poison(house, "name_masked", value)
    extract = house.start("aid-masked")
    house.work()
    assert_stopped(house, extract, value, "TransformError")


def test_what_only_looks_like_an_identifier_does_not_stop_the_release(house: House) -> None:
    poison(house, "class_name", "19900000000")  # the shape of a mobile number that nobody in the registry has
    extract = house.prepared("bus-pseudonymous", "csv")
    assert b"19900000000" in house.content(extract)


def test_a_matcher_that_does_not_answer_stops_the_release(house: House) -> None:
    class Silent:
        def known(self, kind: IdentifierKind, values: object) -> list[bool]:
            raise RegistryUnavailableError("gone")

    poison(house, "class_name", "19900000000")
    extract = house.start("bus-pseudonymous")
    mine = house.preparation()
    assert replace(mine, bench=replace(mine.bench, matcher=Silent())).run_next()
    assert_stopped(house, extract, "19900000000", "UnexpectedError")
