"""The guards of the database: what must never be written down is refused whoever writes it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from core_registry.db.engine import reading, writing
from core_registry.domain.states import COMPULSORY_MOVES, SENIOR_MOVES, StudentState
from core_registry.errors import RegisterChangedError
from tests.factories.casedb import COUNTY, OTHER_PRIMARY, Office, make_office, registrar
from tests.factories.registrydb_rows import PRIMARY

SENIOR_ONLY = ("withdrawn", "completed", "incomplete", "admission-cancelled")


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    made = make_office(database_url)
    yield made
    made.engine.dispose()


def run(office: Office, statement: str, **values: object) -> None:
    with writing(office.engine) as connection:
        connection.execute(text(statement), values)


def refused(office: Office, statement: str, **values: object) -> None:
    with pytest.raises(RegisterChangedError):
        run(office, statement, **values)


def one(connection: Connection, statement: str, **values: object) -> object:
    return connection.execute(text(statement), values).scalar_one()


@pytest.mark.rule("A34-1", "A38-2")
def test_no_writer_can_put_a_compulsory_record_into_a_senior_state(office: Office) -> None:
    for state in SENIOR_ONLY:
        refused(office, "UPDATE students SET state = :s WHERE student_id = :i", s=state, i=office.ids[1])
    run(office, "UPDATE students SET state = 'withdrawn' WHERE student_id = :i", i=office.ids[901])
    # not by the back door either: a senior record in such a state does not become a compulsory one
    refused(office, "UPDATE students SET grade = '23', version = version + 1 WHERE student_id = :i", i=office.ids[901])
    columns = ", ".join(column for column in office.row(1) if column not in {"student_id", "state"})
    copied = columns.replace("subject_ref", "'r'").replace("id_key", "'k'").replace("number_key", "'n'")
    refused(
        office,
        f"INSERT INTO students (student_id, state, {columns}) SELECT 'x', 'completed', {copied} FROM students "
        "WHERE student_id = :i",
        i=office.ids[1],
    )


@pytest.mark.rule("A9-8")
def test_a_child_on_deferral_has_no_record(office: Office) -> None:
    refused(office, "UPDATE students SET state = 'deferred' WHERE student_id = :i", i=office.ids[1])


@pytest.mark.rule("S-3")
def test_the_database_knows_exactly_the_moves_of_section_4() -> None:
    guards = importlib.import_module("core_registry.db.migrations.versions.0003_case_guards")
    listed = {(before, after) for before, afters in guards.MOVES.items() for after in afters}
    table = {
        (before.value, after.value)
        for moves in (COMPULSORY_MOVES, SENIOR_MOVES)
        for before, afters in moves.items()
        for after in afters
        if before.value != after.value
    }
    assert listed == table | {("graduated", "pre-registered")}


@pytest.mark.rule("S-3")
def test_a_move_outside_section_4_is_refused_by_the_database(office: Office) -> None:
    student = office.ids[901]
    for state in ("transferred-out", "late-entry", "pre-registered"):
        refused(office, "UPDATE students SET state = :s WHERE student_id = :i", s=state, i=student)
    run(office, "UPDATE students SET state = 'graduated' WHERE student_id = :i", i=student)
    for state in StudentState:
        if state.value not in {"graduated", "deceased", "pre-registered"}:
            refused(office, "UPDATE students SET state = :s WHERE student_id = :i", s=state.value, i=student)


@pytest.mark.rule("S-5")
def test_a_final_record_is_not_rewritten_without_a_correction(office: Office) -> None:
    student = office.ids[901]
    run(office, "UPDATE students SET state = 'withdrawn', version = version + 1 WHERE student_id = :i", i=student)
    for change in ("sealed = sealed", "birth_date = '2000-01-01'", "grade = '33'", "name_key = 'x'", "sex = '2'"):
        refused(office, f"UPDATE students SET {change}, version = version + 1 WHERE student_id = :i", i=student)
    refused(office, "UPDATE students SET school_code = :s WHERE student_id = :i", s=PRIMARY, i=student)
    with writing(office.engine) as connection:
        connection.execute(text("UPDATE register_state SET commits = commits + 1"))
        connection.execute(
            text(
                "INSERT INTO archive_entries (entry_id, sequence, student_id, kind, event_on, entered_at, data, actor, "
                "unit) SELECT 'en-x', commits, :i, 'correction', '2026-09-10', 'x', '{}', 'a', 'u' FROM register_state"
            ),
            {"i": student},
        )
        connection.execute(
            text("UPDATE students SET sex = '2', version = version + 1 WHERE student_id = :i"), {"i": student}
        )
    # an old correction opens nothing anew
    run(office, "UPDATE register_state SET commits = commits + 1")
    refused(office, "UPDATE students SET sex = '1', version = version + 1 WHERE student_id = :i", i=student)


@pytest.mark.rule("S-1", "A6-1")
def test_one_person_has_one_record(office: Office) -> None:
    key = office.row(1)["id_key"]
    refused(office, "UPDATE students SET id_key = :k WHERE student_id = :i", k=key, i=office.ids[2])


@pytest.mark.rule("S-2", "A6-3")
def test_a_student_number_that_is_not_provisional_never_changes(office: Office) -> None:
    student = office.ids[1]
    run(office, "UPDATE students SET number_key = 'first' WHERE student_id = :i", i=student)
    run(office, "UPDATE students SET number_kind = 'G' WHERE student_id = :i", i=student)
    refused(office, "UPDATE students SET number_key = 'second' WHERE student_id = :i", i=student)
    refused(office, "UPDATE students SET number_kind = 'L' WHERE student_id = :i", i=student)
    refused(office, "UPDATE students SET number_key = 'first' WHERE student_id = :i", i=office.ids[2])


@pytest.mark.rule("A6-2")
def test_two_schools_never_hold_a_record_at_one_time(office: Office) -> None:
    refused(
        office,
        "INSERT INTO school_memberships (student_id, school_code, from_date) VALUES (:i, :s, '2026-09-10')",
        i=office.ids[1], s=OTHER_PRIMARY,
    )  # fmt: skip


@pytest.mark.rule("S-4", "S-5", "A7-1")
def test_what_happened_is_neither_edited_nor_deleted(office: Office) -> None:
    case = office.finish(office.desk.open(office.suspension(1), registrar(PRIMARY)))
    assert case.closed_on is not None
    for table, column in (
        ("transitions", "ground"), ("archive_entries", "data"), ("evidence", "sha256"), ("case_evidence", "case_id"),
    ):  # fmt: skip
        refused(office, f"UPDATE {table} SET {column} = 'x'")
        refused(office, f"DELETE FROM {table}")
    for table in ("cases", "case_steps", "posts"):
        refused(office, f"DELETE FROM {table}")
    refused(office, "UPDATE cases SET status = 'open'")
    refused(office, "UPDATE case_steps SET decision = 'refuse'")
    refused(office, "UPDATE students SET version = version - 1")
    with reading(office.engine) as connection:
        assert one(connection, "SELECT count(*) FROM transitions") == 1


@pytest.mark.rule("A43-3")
def test_a_certificate_keeps_its_number_and_a_void_one_stays_listed(office: Office) -> None:
    run(
        office,
        "INSERT INTO certificates (issuer, number, kind, student_id, issued_on, original, name_key, key_version, "
        "sealed) VALUES (:u, 'n1', 'graduation', :i, '2026-07-01', '', 'k', 1, :b)",
        u=COUNTY, i=office.ids[901], b=b"x",
    )  # fmt: skip
    refused(office, "UPDATE certificates SET number = 'n2'")
    refused(office, "DELETE FROM certificates")
    run(office, "UPDATE certificates SET void_on = '2026-08-01', void_by = 'a'")
    refused(office, "UPDATE certificates SET void_on = NULL")
    run(office, "INSERT INTO certificate_counters (issuer, kind, year, last) VALUES (:u, 'all', 2026, 5)", u=COUNTY)
    refused(office, "UPDATE certificate_counters SET last = 4")
