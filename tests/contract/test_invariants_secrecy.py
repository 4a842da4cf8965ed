"""I2 and I7: what cannot be read cannot leak, and no pupil's data lies beside the road."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from core_registry.db.engine import make_engine as make_registry_engine
from core_registry.db.roles import grant_sharing_role
from core_registry.errors import RegistryError
from core_registry.sharing import SHARING_COLUMNS, RowFilter
from gateway import keyring, samples
from gateway.db import make_engine
from gateway.errors import ConfigurationError, GatewayError
from gateway.ids import GrantId
from gateway.journal import EntryDraft
from gateway.keyring import Face, Key
from gateway.policies.scope import civil_date
from gateway.problems import problem_of
from tests.factories.release_cases import EXECUTOR
from tests.factories.releases import House, identifiers, make_house, opened
from tests.factories.traces import Tracer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


@pytest.fixture
def large(tmp_path: Path, postgres_server: str) -> Iterator[House]:
    yield from opened(make_house(tmp_path, server=postgres_server))


# --- I2: the outside cannot leak what it cannot read -----------------------------------------------------------------


def test_i2_the_outside_face_is_given_no_key_that_opens_a_record(house: House) -> None:
    outside = keyring.load(house.settings.keys, Face.OUTSIDE)  # the directory holds every key there is
    family = keyring.load(house.settings.keys, Face.FAMILY)
    office_only = (Key.REGISTRY_DATA, Key.REGISTRY_INDEX, Key.PSEUDONYM_ROOT, Key.RETENTION)
    for key in office_only:
        for ring in (outside, family):
            assert not ring.has(key)
            with pytest.raises(ConfigurationError):
                ring.secret(key)
    for key in (Key.GRANT, Key.CREDENTIAL, Key.LOG):
        for ring in (outside, family):
            assert not ring.has(key)
            with pytest.raises(ConfigurationError):
                ring.signing(key)
            ring.verifying(key)
    for ring in (outside, family):
        assert all(value.hex() not in repr(ring) for value in ring.secrets.values())


@pytest.mark.postgres
def test_i2_the_role_of_the_sharing_view_reads_nothing_else(large: House) -> None:
    engine = make_registry_engine(large.settings.registry_url)
    role = f"outside_{make_url(large.settings.registry_url).database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
    grant_sharing_role(engine, role)
    tables = set(text_rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
    assert {"students", "guardians", "data_keys", "outbox"} <= tables
    url = make_url(large.settings.registry_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}")
        allowed = set()
        for table in sorted(tables):
            try:
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1")
                allowed.add(table)
            except psycopg.errors.InsufficientPrivilege:
                continue
        assert allowed == {"sharing_students", "register_state"}
        for write in ("DELETE FROM sharing_students", "UPDATE sharing_students SET grade = '11'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(write)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()


def text_rows(engine: Engine, query: str) -> list[str]:
    with engine.connect() as connection:
        return [str(value) for value in connection.exec_driver_sql(query).scalars()]


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("where", ["house", "large"])
def test_i2_no_cell_of_the_sharing_view_holds_a_raw_identifier(where: str, request: pytest.FixtureRequest) -> None:
    found: House = request.getfixturevalue(where)
    assert found.services.sharing is not None
    with found.services.sharing.snapshot() as snapshot:
        batches = list(snapshot.batches(list(SHARING_COLUMNS), RowFilter()))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert len(rows) == found.source.height
    cells = {str(value) for row in rows for value in row.values() if value is not None}
    tracer = Tracer(found.clear_values())
    assert tracer.found("\n".join(sorted(cells)).encode()) == 0
    assert tracer.found(found.source["id_number"].drop_nulls()[3].encode()) == 1  # it would be found
    short = {name for name in found.clear_values("name", "member1_name") if len(name) == 2}
    assert not short & cells


# --- I7: no pupil's data in side channels ----------------------------------------------------------------------------


@pytest.mark.rule("A50-8")
def test_i7_no_identifier_lies_in_a_database_a_file_a_log_an_error_or_a_temporary_file(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    caplog.set_level(logging.DEBUG)
    book, today = house.services.book, civil_date(house.clock())
    forms = tmp_path / "forms"
    written = samples.write(
        forms, count=120, seed=5, kind="csv", book=book, today=today, tick=lambda _n: None, source=forms / "s.parquet"
    )
    assert house.services.office is not None
    house.services.office.import_schools(samples.read_schools(written.schools_file))
    fresh = pl.read_parquet(forms / "s.parquet")
    form = written.forms[0]
    lines = form.read_text(encoding="utf-8-sig").splitlines()
    broken = tmp_path / "broken.csv"
    broken.write_text("\n".join([*lines[:60], lines[60].replace(",", ",？", 3)]) + "\n", encoding="utf-8-sig")

    class Bar:
        n = 0.0

        def update(self, step: float) -> None:
            self.n += step

        def close(self) -> None:
            """Nothing to leave."""

    told: list[str] = []
    for file in (broken, form):
        try:
            summary = samples.import_file(house.process, file, bar=lambda _label, _total: Bar(), accept_shrink=True)
            told += samples.summary_lines(summary)
        except RegistryError as error:
            told.append(f"{error!r} {error} {error.detail} {error.detail_zh}")
    assert house.services.sharing is not None
    for profile in ("textbook-anonymous", "bus-pseudonymous"):
        house.content(house.prepared(profile))
    poison = next(value for value in fresh["id_number"].drop_nulls() if len(value) == 18)
    engine = make_engine(house.settings.registry_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sharing_students SET class_name = :v"), {"v": poison})
    engine.dispose()
    leaking = house.start("bus-pseudonymous")
    house.work(calm=False)
    assert house.extract(leaking.id).failure == "LeakSuspectedError", (house.extract(leaking.id), told[0])
    engine = make_engine(house.settings.registry_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sharing_students SET class_name = 'x'"))
    engine.dispose()
    values = house.clear_values() + identifiers(fresh, ("id_number", "name", "member1_phone", "student_number"))
    tracer = Tracer(values)
    for raised in caught(house, fresh):
        problem = problem_of(raised)
        told.append(f"{raised!r} {json.dumps(problem.document() if problem else {}, ensure_ascii=False)}")
    house.process.close()
    # SQLite leaves copies of moved cells in the gaps of a page: what the test itself wrote in clear may still be there
    assert set(tracer.found_below(house.settings.home)) <= {"registry.db"}
    assert Tracer(set(values) - {poison}).found_below(house.settings.home) == {}
    assert tracer.found_below(temporary) == {}
    assert tracer.found("\n".join(caplog.messages).encode()) == 0
    assert tracer.found("\n".join(told).encode()) == 0
    assert tracer.found(form.read_bytes()) > 100  # the tracer finds them where they are
    assert list(house.settings.files.iterdir())


def caught(house: House, fresh: pl.DataFrame) -> list[Exception]:
    """Return the errors of calls that were given identifiers where they do not belong."""
    value = str(fresh["id_number"].drop_nulls()[0])
    name = str(fresh["name"][0])
    found: list[Exception] = []
    for call in (
        lambda: house.services.releases.get(value, EXECUTOR),  # type: ignore[arg-type]  # on purpose
        lambda: house.start("bus-pseudonymous", fields=(value, name)),
        lambda: house.start("bus-pseudonymous", grades=frozenset({value})),
        lambda: house.services.applications.grant_for(EXECUTOR, GrantId(value)),
        lambda: house.services.accounts.sign_in(name, value, value),
    ):
        with pytest.raises(Exception) as error:  # noqa: PT011  every kind is looked at
            call()
        assert isinstance(error.value, Exception)
        found.append(error.value)
    return found


def test_i7_an_entry_that_carries_an_identifier_is_refused(house: House) -> None:
    value = str(house.source["id_number"].drop_nulls()[0])
    before = len(house.entries())
    for draft in (
        EntryDraft("test.fact", None, facts={"note": value}),
        EntryDraft("test.fact", None, facts={"note": f"见 {value}"}),
        EntryDraft("test.fact", None, links={"responsible": value}),
        EntryDraft("test.fact", None, facts={"phone": str(house.source["member1_phone"].drop_nulls()[0])}),
    ):
        with pytest.raises(GatewayError) as refused:
            house.services.releases.journal.append(draft)
        assert value not in str(refused.value)
    assert len(house.entries()) == before
