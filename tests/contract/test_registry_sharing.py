"""The sharing view on both databases: exact types, one order, one state; and the role that sees nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
import psycopg
import pyarrow as pa
import pytest
from sqlalchemy.engine import make_url

from core_registry.db.roles import grant_sharing_role
from core_registry.db.sharing_reader import SqlSharingView, literal
from core_registry.db.sharing_sources import SqliteSource
from core_registry.errors import RegistryUnavailableError
from core_registry.sharing import SHARING_COLUMNS, RowFilter
from tests.factories.registrydb_rows import (
    PRIMARY,
    SENIOR,
    Registry,
    id_number,
    land,
    make_registry,
    pupil,
)

ARROW = {"text": pa.string(), "date": pa.date32(), "bool": pa.bool_(), "int": pa.int64()}
PUPILS = 300


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    made = make_registry(database_url)
    rows = [
        pupil(n, grade=f"1{n % 6 + 1}", disability=n % 50 == 0, political_status="13" if n == PUPILS - 1 else None)
        for n in range(PUPILS - 20)
    ]
    rows += [pupil(n, school_code=SENIOR, grade="31", birth_date=date(2010, 1, n % 20 + 1), boarding=True,
                   political_status="03") for n in range(PUPILS - 20, PUPILS)]  # fmt: skip
    land(made, rows)
    yield made
    made.engine.dispose()


@pytest.fixture
def view(registry: Registry) -> Iterator[SqlSharingView]:
    made = SqlSharingView(registry.url)
    yield made
    made.close()


def test_batches_have_exactly_the_columns_types_and_order(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        batches = list(snapshot.batches(list(SHARING_COLUMNS), RowFilter(), batch_rows=64))
    assert all(batch.num_rows <= 64 for batch in batches)
    schema = pa.schema([(name, ARROW[kind]) for name, kind in SHARING_COLUMNS.items()])
    assert all(batch.schema == schema for batch in batches)
    table = pa.Table.from_batches(batches)
    refs = table["subject_ref"].to_pylist()
    assert len(refs) == PUPILS
    assert refs == sorted(refs)
    assert table["awards_text"].null_count == PUPILS
    assert 0 < table["political_status"].null_count < PUPILS
    assert sum(table["boarding"].to_pylist()) == 20
    assert table["birth_date"].to_pylist()[0] in {date(2015, 3, 9), *(date(2010, 1, n) for n in range(1, 21))}


def test_a_column_that_is_null_in_the_first_batches_keeps_its_type_and_its_later_values(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        values = [
            value
            for batch in snapshot.batches(["political_status"], RowFilter(), batch_rows=1)
            for value in batch.column(0).to_pylist()
        ]
    assert values.count("03") == 20
    assert values.count(None) == PUPILS - 20


def test_the_same_snapshot_read_twice_gives_the_same_rows_while_the_register_changes(
    view: SqlSharingView, registry: Registry
) -> None:
    with view.snapshot() as snapshot:
        before = pa.Table.from_batches(snapshot.batches(["subject_ref", "grade"], RowFilter()))
        land(registry, [pupil(n) for n in range(1000, 1100)])
        after = pa.Table.from_batches(snapshot.batches(["subject_ref", "grade"], RowFilter()))
        assert snapshot.count(RowFilter()) == PUPILS
        assert snapshot.version == "1"
    assert before == after
    with view.snapshot() as later:
        assert (later.count(RowFilter()), later.version) == (PUPILS + 100, "2")


def test_filters_are_conditions_that_all_must_hold_and_an_empty_set_matches_nothing(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        assert snapshot.count(RowFilter(authorities=frozenset({"140100"}))) == 20
        assert snapshot.count(RowFilter(schools=frozenset({PRIMARY}), stages=frozenset({"senior"}))) == 0
        assert snapshot.count(RowFilter(states=frozenset())) == 0
        assert list(snapshot.batches(["grade"], RowFilter(authorities=frozenset()))) == []
        assert snapshot.count(RowFilter(grades=frozenset({"11", "31"}))) == 47 + 20
        assert snapshot.count(RowFilter(school_divisions=frozenset({"140105"}), states=frozenset({"active"}))) == PUPILS


def test_filter_values_are_data_and_never_sql(view: SqlSharingView) -> None:
    hostile = frozenset({"'; DELETE FROM sharing_students; --", "x' OR '1'='1", "\\'", "班"})
    with view.snapshot() as snapshot:
        assert snapshot.count(RowFilter(grades=hostile)) == 0
        assert snapshot.count(RowFilter()) == PUPILS
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0b")


def test_tuples_are_counted_in_the_database_and_sum_to_the_rows(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        found = snapshot.tuples(["school_code", "birth_date", "boarding", "political_status"], RowFilter())
        everything = snapshot.tuples([], RowFilter())
        none = snapshot.tuples(["grade"], RowFilter(states=frozenset()))
    assert found.schema["n"] == pl.Int64
    assert found.schema["birth_date"] == pl.Date
    assert found.schema["boarding"] == pl.Boolean
    assert found["n"].sum() == PUPILS
    assert found.height == 21
    assert everything.rows() == [(PUPILS,)]
    assert none.rows() == []
    assert none.columns == ["grade", "n"]


@pytest.mark.parametrize("columns", [["name"], ["grade", "grade"], ["subject_ref; DROP TABLE students"]])
def test_columns_outside_the_view_are_refused(view: SqlSharingView, columns: list[str]) -> None:
    with view.snapshot() as snapshot:
        with pytest.raises(ValueError, match="sharing view"):
            snapshot.batches(columns, RowFilter())
        with pytest.raises(ValueError, match="sharing view"):
            snapshot.tuples(columns, RowFilter())


def test_a_stream_may_be_left_early_and_the_snapshot_stays_usable(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        stream = snapshot.batches(["subject_ref"], RowFilter(), batch_rows=10)
        first = next(stream)
        assert snapshot.count(RowFilter()) == PUPILS
        again = next(iter(snapshot.batches(["subject_ref"], RowFilter(), batch_rows=10)))
    assert first == again


def test_pupil_gives_one_row_or_none(view: SqlSharingView) -> None:
    with view.snapshot() as snapshot:
        ref = next(iter(snapshot.batches(["subject_ref"], RowFilter()))).column(0)[0].as_py()
    row = view.pupil(ref)
    assert row is not None
    assert list(row) == list(SHARING_COLUMNS)
    assert isinstance(row["birth_date"], date)
    assert isinstance(row["boarding"], bool)
    assert view.pupil("0" * 32) is None
    assert view.pupil(id_number(1)) is None


def test_a_reader_that_dies_gives_an_error_and_never_a_short_table(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("reader") / "r.db"
    made = make_registry(f"sqlite:///{path}")
    land(made, [pupil(n) for n in range(2000)])
    made.engine.dispose()
    source = SqliteSource(str(path))
    names = ["subject_ref", "school_name", "school_code", "address_masked", "managing_authority", "updated_at"]
    kinds = dict.fromkeys(names, "text")
    # far more than a pipe holds, so that the reader is still writing when it is killed
    stream = source.stream(f"SELECT {', '.join(names)} FROM sharing_students", kinds, 10)
    next(stream)
    source._process.kill()
    with pytest.raises(RegistryUnavailableError):
        list(stream)
    source.close()


def test_a_missing_database_is_an_error_and_creates_no_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("none") / "none.db"
    view = SqlSharingView(f"sqlite:///{path}")
    with pytest.raises(RegistryUnavailableError), view.snapshot():
        pass
    view.close()
    assert not path.exists()


@pytest.mark.postgres
def test_the_sharing_role_reads_the_view_and_cannot_read_students(postgres_url: str, postgres_server: str) -> None:
    made = make_registry(postgres_url)
    land(made, [pupil(n) for n in range(20)])
    role = f"r{make_url(postgres_url).database}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
    try:
        grant_sharing_role(made.engine, role)
        url = make_url(postgres_url).set(username=role, password="x").render_as_string(hide_password=False)
        view = SqlSharingView(url)
        with view.snapshot() as snapshot:
            assert (snapshot.count(RowFilter()), snapshot.version) == (20, "1")
            assert sum(b.num_rows for b in snapshot.batches(["grade"], RowFilter())) == 20
        view.close()
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            for statement in (
                "SELECT * FROM students",
                "SELECT * FROM guardians",
                "SELECT * FROM guardian_links",
                "SELECT * FROM data_keys",
                "SELECT * FROM outbox",
                "SELECT * FROM imports",
                "SELECT * FROM schools",
                "UPDATE sharing_students SET grade = '11'",
                "DELETE FROM sharing_students",
                "UPDATE register_state SET commits = 99",
                "CREATE TABLE mine (id int)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
    finally:
        made.engine.dispose()
        with psycopg.connect(make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False),
                             autocommit=True) as owner:  # fmt: skip
            owner.execute(f"DROP OWNED BY {role}".encode())
            owner.execute(f"DROP ROLE {role}".encode())


def test_sqlite_has_no_roles_and_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = make_registry(f"sqlite:///{tmp_path_factory.mktemp('roles') / 'r.db'}")
    with pytest.raises(ValueError, match="PostgreSQL"):
        grant_sharing_role(made.engine, "anyone")
    made.engine.dispose()
