"""``kill -9`` at any instant of ``xueji import``: all of the file or nothing; running it again completes it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from core_registry.db.tables import metadata
from gateway import bootstrap, keyring
from gateway.keyring import Face
from gateway.settings import from_environment
from tests.factories.intake_forms import SCHOOLS, table, write_csv
from tests.factories.intake_gallery import todays_pupil

ROWS = 2500
BAD = 3
ROOT = Path(__file__).parents[2]
STAGES = ("读取", "校验", "写入")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("house")
    found = from_environment({}, home=home)
    keyring.create(found.keys)
    bootstrap.prepare_databases(found, bootstrap.load_rulebook(found))
    process = bootstrap.open_process(found, Face.ALL, with_worker=False)
    assert process.services.office is not None
    process.services.office.import_schools(pl.DataFrame(list(SCHOOLS)))
    process.close()
    rows = [todays_pupil(index, **({"sex": "女"} if index < BAD else {})) for index in range(ROWS)]
    write_csv(home / "form.csv", table(rows))
    return home


def start(home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gateway", "--home", str(home), "import", str(home / "form.csv")]
    environment = {**os.environ, "TMPDIR": str(home / "tmp")}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment, start_new_session=True
    )


def counts(home: Path) -> dict[str, int]:
    """Return the rows of each table of the registry that an import writes; raises when the file is damaged."""
    with sqlite3.connect(home / "registry.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found = {
            table.name: int(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
            for table in metadata.sorted_tables
        }
    connection.close()
    return found


def finished(process: subprocess.Popen[bytes]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, err.decode()  # done, with rejected rows
    return out.decode()


@pytest.mark.parametrize(
    "stage", [pytest.param(stage, marks=[] if stage == STAGES[-1] else pytest.mark.soak) for stage in STAGES]
)
def test_a_killed_import_leaves_all_or_nothing_and_the_next_one_completes(
    house: Path, tmp_path: Path, stage: str
) -> None:
    dice = random.Random(f"{stage}-{time.time_ns()}")
    home = tmp_path / "home"
    shutil.copytree(house, home)
    (home / "tmp").mkdir()
    before = counts(home)
    process = start(home)
    assert process.stderr is not None
    assert process.stdout is not None
    seen = b""
    while stage.encode() not in seen:
        piece = os.read(process.stderr.fileno(), 4096)
        assert piece, seen.decode()
        seen += piece
    pause = dice.uniform(0, 0.25)
    time.sleep(pause)
    process.kill()
    process.wait()
    process.stderr.close()
    process.stdout.close()

    after = counts(home)
    landed = after["students"] > 0
    if landed:  # the kill came after the commit
        assert after["students"] == after["sharing_students"] == after["school_memberships"] == ROWS - BAD, pause
        assert (after["imports"], after["outbox"] - before["outbox"]) == (1, 1)
    else:
        assert after == before, pause
    assert list((home / "tmp").iterdir()) == []
    assert f"新增 new {0 if landed else ROWS - BAD} " in finished(start(home))
    assert counts(home)["students"] == ROWS - BAD
    assert f"未变 unchanged {ROWS - BAD} " in finished(start(home))
    assert counts(home)["imports"] == 1
    assert list((home / "tmp").iterdir()) == []
