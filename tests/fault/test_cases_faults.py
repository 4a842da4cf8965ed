"""An act that is cut off leaves nothing half-written: a full disk, a killed process."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from core_registry.cases.records import NewEvidence
from core_registry.db.engine import reading
from core_registry.errors import RegistryUnavailableError
from tests.factories.casedb import COUNTY, Office, make_office, registrar
from tests.factories.registrydb_rows import PRIMARY

TABLES = (
    "students", "sharing_students", "school_memberships", "cases", "case_steps", "case_evidence", "evidence",
    "transitions", "archive_entries", "clocks", "outbox", "register_state",
)  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = make_office(f"sqlite:///{tmp_path / 'registry.db'}")
    yield made
    made.engine.dispose()


def contents(office: Office) -> dict[str, list[object]]:
    with reading(office.engine) as connection:
        return {table: rows_of(connection, table) for table in TABLES}


def rows_of(connection: Connection, table: str) -> list[object]:
    return [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))]


def full(office: Office) -> None:
    """Let the database grow by no page any more."""

    def limit(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count=1")  # SQLite takes the present size for it where that is more
        cursor.close()

    office.engine.dispose()
    event.listen(office.engine, "connect", limit)


@pytest.mark.rule("S-4")
def test_a_full_disk_leaves_no_half_of_an_act(office: Office) -> None:
    case = office.desk.open(office.suspension(1), registrar(PRIMARY))
    full(office)
    before = contents(office)
    big = NewEvidence("annex-2", "guardian", "", None, "application/pdf", b"%PDF-" + os.urandom(300_000) + b"%%EOF")
    with pytest.raises(RegistryUnavailableError, match="SQLITE_FULL"):
        office.desk.hand_in(big, registrar(PRIMARY))
    note, refused = "材料不全" * 100, False
    for _ in range(200):  # until what was free in the last pages is used up
        try:
            office.desk.act(case.id, "review", "refuse", registrar(COUNTY), case.version, note)
            before = contents(office)
            draft = office.suspension(1)
            before = contents(office)
            case = office.desk.open(draft, registrar(PRIMARY))
            before = contents(office)
        except RegistryUnavailableError:
            refused = True
            break
    assert refused
    assert contents(office) == before


def _act_and_die(url_path: str, case_id: str, version: int) -> None:
    """Decide the case in a process that is killed at the first event, within its transaction."""
    from core_registry.db import case_effects
    from tests.factories import casedb

    def die(*_arguments: object, **_values: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    mock.patch.object(case_effects, "queue", die).start()
    again = casedb.reopened(f"sqlite:///{url_path}")
    again.desk.act(case_id, "review", "agree", registrar(COUNTY), version)


@pytest.mark.rule("S-4")
def test_a_killed_process_leaves_the_case_as_it_was(office: Office, tmp_path: Path) -> None:
    case = office.desk.open(office.suspension(1), registrar(PRIMARY))
    before = contents(office)
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_act_and_die, args=(str(tmp_path / "registry.db"), case.id, case.version))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert contents(office) == before
    done = office.desk.act(case.id, "review", "agree", registrar(COUNTY), case.version)
    assert done.status == "completed"
