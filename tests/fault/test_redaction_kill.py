"""kill -9 while texts are redacted anew: a batch stands whole with its event, or not at all, until the next run."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core_registry.db.engine import reading
from core_registry.db.redactions import SqlRedactions
from core_registry.db.state import SqlOutbox
from core_registry.db.tables import sharing_students
from core_registry.redactions import TextRedactions
from core_registry.sharing import NOT_REDACTED, TEXT_WITHHELD
from gateway.anonymize.withholding import WithholdingRedactor
from tests.factories.dying import killed
from tests.factories.redactors import NameRedactor
from tests.factories.registrydb_rows import AT, KEYS, Registry, land, make_registry, pupil

ROWS, BATCH = 23, 5
DRIVER = """
import os, signal, sys
import core_registry.db.redactions as store
from core_registry.db.engine import make_engine
from core_registry.redactions import TextRedactions
from tests.factories.redactors import NameRedactor
from tests.factories.registrydb_rows import AT, KEYS

url, step = sys.argv[1:3]
original, calls = getattr(store, step), 0

def die(*arguments, **named):
    global calls
    calls += 1
    found = original(*arguments, **named)
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return found

setattr(store, step, die)
run = TextRedactions(store.SqlRedactions(make_engine(url), KEYS, NameRedactor()), lambda: AT)
run.run("operator", limit=5)
print("it did not die")
"""


def _versions(registry: Registry) -> list[str]:
    query = select(sharing_students.c.text_redaction, sharing_students.c.remarks_text)
    with reading(registry.engine) as connection:
        rows = connection.execute(query).all()
    assert all((row.text_redaction == NOT_REDACTED) == (row.remarks_text == TEXT_WITHHELD) for row in rows)
    return [row.text_redaction for row in rows]


def _told(registry: Registry) -> list[object]:
    events = SqlOutbox(registry.engine).pending(0, 100)
    return [one.facts["rows"] for one in events if one.kind == "registry.redaction"]


@pytest.mark.parametrize("step", ["_rows", "_write", "queue"])
def test_a_killed_run_leaves_whole_batches_and_the_next_one_ends_it(tmp_path: Path, step: str) -> None:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    registry = make_registry(url, redactor=WithholdingRedactor())
    land(registry, [pupil(serial, remarks=f"第{serial}条") for serial in range(ROWS)])
    registry.engine.dispose()
    killed(DRIVER, url, step)
    done = ROWS - _versions(registry).count(NOT_REDACTED)
    assert done == 2 * BATCH  # the third batch is not there, whichever of its steps was the last
    assert _told(registry) == [BATCH] * 2
    left = TextRedactions(SqlRedactions(registry.engine, KEYS, NameRedactor()), lambda: AT).run("operator", limit=BATCH)
    assert left.rows == ROWS - done
    assert set(_versions(registry)) == {"names-1"}
    assert sum(int(str(rows)) for rows in _told(registry)) == ROWS
    registry.engine.dispose()
