"""``xueji trace``: a leaked file names the release that it comes from, whatever was done to it on the way."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from gateway.anonymize.tables.errors import TableFileError
from gateway.cli import cli
from gateway.releases.records import Extract
from gateway.releases.tracing.evidence import Confidence, Kind
from gateway.releases.tracing.service import Traced, Tracing
from tests.factories.releases import House, make_house, opened

BUS, BOOKS, AID = "bus-pseudonymous", "textbook-anonymous", "aid-masked"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("traced")))


@pytest.fixture(scope="module")
def extracts(house: House) -> dict[str, Extract]:
    started = {name: house.start(*name.split()).id for name in (f"{BOOKS} csv", f"{BOOKS} parquet", f"{BUS} csv")}
    started["second bus"] = house.start(BUS, "parquet").id
    started[f"{AID} xlsx"] = house.start(AID, "xlsx").id
    house.work()
    return {name: house.extract(one) for name, one in started.items()}


def tracing(house: House) -> Tracing:
    found = house.services.tracing
    assert found is not None
    return found


def trace(house: House, path: Path, content: bytes) -> Traced:
    path.write_bytes(content)
    return tracing(house).trace(path, None)


@pytest.mark.parametrize("kind", [f"{BOOKS} csv", f"{BUS} csv", f"{AID} xlsx"])
def test_the_file_itself_is_known(house: House, extracts: dict[str, Extract], kind: str, tmp_path: Path) -> None:
    traced = trace(house, tmp_path / "leak", house.content(extracts[kind]))
    assert traced.named is not None
    assert traced.named.release.extract == extracts[kind].id
    assert traced.named.evidence.kind is Kind.CONTENT
    assert traced.named.rows == extracts[kind].rows
    assert traced.named.grant is not None
    assert traced.named.grant.id == extracts[kind].grant


def test_an_anonymous_file_in_another_format_is_known_by_its_order(
    house: House, extracts: dict[str, Extract], tmp_path: Path
) -> None:
    content = pl.read_parquet(io.BytesIO(house.content(extracts[f"{BOOKS} parquet"])))
    leaked = content.select(reversed(content.columns))[100:700].write_ndjson().encode()
    traced = trace(house, tmp_path / "leak", leaked)
    assert traced.named is not None
    assert traced.named.release.extract == extracts[f"{BOOKS} parquet"].id
    assert (traced.named.evidence.kind, traced.named.evidence.confidence) == (Kind.ORDER, Confidence.CERTAIN)


def test_an_anonymous_file_that_was_sorted_names_nobody(
    house: House, extracts: dict[str, Extract], tmp_path: Path
) -> None:
    content = pl.read_csv(house.content(extracts[f"{BOOKS} csv"]), infer_schema=False)
    traced = trace(house, tmp_path / "leak", content.sort(content.columns).write_csv().encode())
    assert traced.named is None
    assert {candidate.evidence.kind for candidate in traced.candidates} == {Kind.ROWS}
    possible = {candidate.release.extract for candidate in traced.candidates}
    assert {extracts[f"{BOOKS} csv"].id, extracts[f"{BOOKS} parquet"].id} <= possible


def test_three_pseudonyms_without_anything_else_name_the_grant_and_a_longer_list_the_extract(
    house: House, extracts: dict[str, Extract], tmp_path: Path
) -> None:
    pseudonyms = pl.read_csv(house.content(extracts[f"{BUS} csv"]), infer_schema=False).select(a="pseudonym")
    traced = trace(house, tmp_path / "leak", pseudonyms.sample(3, seed=1).write_csv().encode())
    assert traced.named is None  # three extracts of the grant have their pseudonyms in common
    assert traced.grant == extracts[f"{BUS} csv"].grant
    assert {one.release.grant for one in traced.candidates} == {traced.grant}
    traced = trace(house, tmp_path / "leak", pseudonyms[40:90].write_csv().encode())
    assert traced.named is not None
    assert traced.named.release.extract == extracts[f"{BUS} csv"].id
    assert traced.named.evidence.kind is Kind.PSEUDONYMS


def test_a_file_from_elsewhere_agrees_with_no_release(house: House, tmp_path: Path) -> None:
    traced = trace(house, tmp_path / "leak", b"age,town\n7,x\n8,y\n")
    assert traced.candidates == ()
    assert traced.compared == 6
    with pytest.raises(TableFileError):
        trace(house, tmp_path / "leak", b"PK\x03\x04 no archive")


def test_a_trace_is_an_entry_without_a_value_of_the_file(house: House, tmp_path: Path) -> None:
    before = len(house.entries("release.traced"))
    content = house.content(house.ready())
    trace(house, tmp_path / "leak", content)
    *_, entry = house.entries("release.traced")
    assert len(house.entries("release.traced")) == before + 1
    assert entry["links"]["extract"] == house.ready().id
    assert entry["facts"]["candidates"][0]["confidence"] == "certain"
    assert not [value for value in house.clear_values() if value in json.dumps(entry, ensure_ascii=False)]


def test_the_command_names_the_release_and_who_answers_for_it(house: House, tmp_path: Path) -> None:
    path = tmp_path / "leak.csv"
    path.write_bytes(house.content(house.ready()))
    home = str(house.settings.home)
    told = CliRunner().invoke(cli, ["--home", home, "trace", str(path)])
    assert told.exit_code == 0, told.output
    assert house.ready().id in told.output
    assert house.ready().recipient in told.output
    as_json = json.loads(CliRunner().invoke(cli, ["--home", home, "trace", "--json", str(path)]).stdout)
    assert as_json["named"] == house.ready().id
    path.write_text("a,b\n1,2\n")
    assert CliRunner().invoke(cli, ["--home", home, "trace", str(path)]).exit_code == 3


def test_damaged_marks_are_said_and_stop_no_trace(tmp_path: Path) -> None:
    for house in opened(make_house(tmp_path)):
        content = house.content(house.ready()).replace(b"\n", b"\r\n")
        (marks,) = tracing(house).shelf.held()
        marks.write_bytes(marks.read_bytes()[:-1])
        traced = trace(house, tmp_path / "leak", content)
        assert (traced.unreadable, traced.candidates) == (1, ())


def test_marks_outlive_the_key_of_the_pseudonyms_and_go_with_the_ledger(tmp_path: Path) -> None:
    for house in opened(make_house(tmp_path)):
        extract = house.ready()
        content = house.content(extract)
        other = house.prepared("research-pseudonymous")
        single = house.content(other)
        house.certify(other)
        assert house.preparation().keys.destroy_ended()
        traced = trace(house, tmp_path / "leak", single.replace(b"\n", b"\r\n"))
        assert traced.named is not None
        assert traced.named.release.extract == other.id
        traced = trace(house, tmp_path / "leak", content.replace(b"\n", b"\r\n"))
        assert traced.named is not None
        assert traced.named.release.extract == extract.id
        assert not tracing(house).sweep()
        house.clock.turn(days=366 * 12)
        while house.preparation().ledger.sweep():
            pass
        assert tracing(house).sweep()
        assert tracing(house).shelf.held() == {}
