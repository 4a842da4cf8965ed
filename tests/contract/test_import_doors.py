"""Bad input through the shell and over HTTP: clear errors by cell, good rows land, no trace of a pupil anywhere."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from gateway import bootstrap, keyring
from gateway.accounts.records import StaffSpec
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.cli import main
from gateway.ids import UnitCode
from gateway.keyring import Face
from gateway.policies.scope import civil_date
from gateway.principals import Role
from gateway.settings import from_environment
from tests.factories.console_house import Clock, Person
from tests.factories.intake_forms import SCHOOLS, table, write_csv
from tests.factories.intake_gallery import Exhibit, gallery, letters, todays_pupil

GALLERY = gallery()
NAMES = [one.name.replace(" ", "-") for one in GALLERY]


@dataclass
class Door:
    """A house with an open process, the token of a registrar and a temporary directory of its own."""

    home: Path
    process: Process
    client: FlaskClient
    token: str = field(repr=False)
    scratch: Path

    def held(self) -> pl.DataFrame:
        """Return the register as its files hold it."""
        connection = sqlite3.connect(self.home / "registry.db")
        try:
            rows = connection.execute("SELECT student_id, subject_ref, sealed, updated_at FROM students ORDER BY 1")
            return pl.DataFrame(rows.fetchall(), schema=["student_id", "ref", "sealed", "at"], orient="row")
        finally:
            connection.close()

    def leaves_nothing(self) -> None:
        assert list(self.scratch.iterdir()) == []


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home, scratch = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("scratch")
    found = from_environment({}, home=home)
    keyring.create(found.keys)
    bootstrap.prepare_databases(found, bootstrap.load_rulebook(found))
    clock = Clock()
    process = bootstrap.open_process(found, Face.ALL, now=clock, with_worker=False)
    patch = pytest.MonkeyPatch()
    patch.setattr(tempfile, "tempdir", str(scratch))
    patch.setenv("TMPDIR", str(scratch))
    try:
        services = process.services
        assert services.office is not None
        services.office.import_schools(pl.DataFrame(list(SCHOOLS)))
        today = civil_date(clock())
        spec = StaffSpec(
            "registrar", "测试·学籍管理员", frozenset({Role.REGISTRAR}), UnitCode("140000"), "学籍管理员",
            filed_on=today, trained_on=today, acknowledged_on_paper=True, must_change=False,
        )  # fmt: skip
        (credentials,) = services.directory.bootstrap_accounts([spec])
        person = Person(credentials, clock)
        client = create_app(services, testing=True).test_client()
        body = {"username": person.username, "password": person.password, "totp": person.code() or None}
        answer = client.post("/v1/sessions", json={key: value for key, value in body.items() if value})
        assert answer.status_code == 201, answer.text
        yield Door(home, process, client, answer.get_json()["token"], scratch)
    finally:
        patch.undo()
        process.close()


def shell(door: Door, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run the command as ``xueji`` does; return its status and all it said."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["xueji", "--home", str(door.home), *arguments])
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    finally:
        patch.undo()
    said = capsys.readouterr()
    return int(str(status or 0)), said.out + said.err


def over_http(door: Door, path: Path, **options: str) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {door.token}"}
    data = {"accept_shrink": "true", **options, "file": FileStorage(io.BytesIO(path.read_bytes()), path.name)}
    boundary, encoded = encode_multipart(data)  # the client itself would leave a temporary file open
    kind = f'multipart/form-data; boundary="{boundary}"'
    answer = door.client.post("/v1/registry/imports", data=encoded, headers=headers, content_type=kind)
    return answer.status_code, json.loads(answer.text)


def unspoken(exhibit: Exhibit, *said: str) -> None:
    for text in said:
        assert not [secret for secret in exhibit.secrets() if secret in text]


@pytest.mark.parametrize("exhibit", GALLERY, ids=NAMES)
def test_http_names_the_cell_and_says_nothing_of_the_pupil(
    door: Door, exhibit: Exhibit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    if exhibit.before:
        over_http(door, write_csv(tmp_path / "before.csv", table(exhibit.before)))
    path = exhibit.write(tmp_path / "form", exhibit.rows)
    before = door.held()
    status, body = over_http(door, path)
    after = door.held()
    workbook = body.pop("error_workbook", None)
    unspoken(exhibit, json.dumps(body, ensure_ascii=False), caplog.text)
    door.leaves_nothing()
    assert after.height - before.height == exhibit.good
    if exhibit.refused:
        assert status == 422
        assert exhibit.refused in str(body)
        assert body["type"]
        assert after.equals(before)
        return
    assert status == 200, body
    found = body["findings"]
    assert isinstance(found, list)
    errors = {(one["row"], one["column"], one["code"]) for one in found if one["severity"] == "error"}
    assert errors == exhibit.wrong
    assert (body["new"], body["rejected"]) == (exhibit.good, len({row for row, _, _ in exhibit.wrong}))
    if exhibit.wrong:
        content = io.BytesIO(base64.b64decode(str(workbook)))
        sheet = openpyxl.load_workbook(content).worksheets[0]
        assert sheet.max_row == 2 + len({row for row, _, _ in exhibit.wrong})
        assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}
    again_status, again = over_http(door, path)
    assert (again_status, again["new"], again["changed"]) == (200, 0, 0)
    assert door.held().equals(after)
    door.leaves_nothing()


@pytest.mark.parametrize("exhibit", GALLERY, ids=NAMES)
def test_the_shell_names_the_cell_and_says_nothing_of_the_pupil(
    door: Door,
    exhibit: Exhibit,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    rows = tuple(_moved(row) for row in exhibit.rows)  # the pupils of HTTP are registered already
    if exhibit.before:
        known = write_csv(tmp_path / "before.csv", table([_moved(row) for row in exhibit.before]))
        assert shell(door, "import", str(known), "--accept-shrink", capsys=capsys)[0] == 0
    path = exhibit.write(tmp_path / "form", rows)
    before = door.held()
    status, said = shell(door, "import", str(path), "--accept-shrink", capsys=capsys)
    after = door.held()
    unspoken(Exhibit(exhibit.name, rows, exhibit.write), said, caplog.text)
    door.leaves_nothing()
    assert after.height - before.height == exhibit.good
    if exhibit.refused:
        assert (status, exhibit.refused in said) == (1, True)
        assert after.equals(before)
        return
    assert status == (2 if exhibit.wrong else 0), said
    for row, column, _ in exhibit.wrong:
        assert f"第 {row} 行 {column} 列 row {row} column {column}" in said if column else f"第 {row} 行" in said
    assert (tmp_path / "form-errors.xlsx").exists() == bool(exhibit.wrong)
    if exhibit.wrong:  # the others again by HTTP, which is quicker
        assert shell(door, "import", str(path), "--accept-shrink", capsys=capsys)[0] == status
        assert door.held().equals(after)
        door.leaves_nothing()


def _moved(row: dict[str, str]) -> dict[str, str]:
    """Return the row as another pupil's, with the same faults."""
    index = int(row["member1_phone"][-5:]) + 30_000
    other, same = todays_pupil(index % 3000 + 3000), todays_pupil(int(row["member1_phone"][-5:]))
    changes = {code: other[code] for code in other if row[code] == same[code]}
    if row["id_number"] not in (same["id_number"], ""):
        changes["id_number"] = "".join(chr(ord(digit) + 0xFEE0) for digit in other["id_number"])
    return {**row, **changes}


def test_a_real_process_says_the_same_and_leaves_nothing(door: Door, tmp_path: Path) -> None:
    good, bad = todays_pupil(7500), todays_pupil(7501, sex="女")
    path = write_csv(tmp_path / "form.csv", table([good, bad]), "gbk")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "--home", str(door.home), "import", str(path), "--accept-shrink"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(door.scratch)},
    )
    assert done.returncode == 2, done.stderr
    assert f"第 4 行 {letters('sex')} 列" in done.stdout
    said = done.stdout + done.stderr
    assert not [value for value in (bad["name"], bad["id_number"], bad["member1_phone"]) if value in said]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["form-errors.xlsx", "form.csv"]
    door.leaves_nothing()


def test_the_workbook_of_rejected_rows_replaces_no_form_and_no_earlier_one(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(tmp_path / "form.csv", table([todays_pupil(7600, sex="女")]))
    content = path.read_bytes()
    for errors in (str(path), str(tmp_path / "absent" / "e.xlsx"), str(tmp_path)):
        status, said = shell(door, "import", str(path), "--errors", errors, capsys=capsys)
        assert (status, "--errors" in said) == (1, True)
    assert path.read_bytes() == content
    for _ in range(2):
        assert shell(door, "import", str(path), capsys=capsys)[0] == 2
    names = ["form-errors-2.xlsx", "form-errors.xlsx", "form.csv"]
    assert sorted(one.name for one in tmp_path.iterdir()) == names
    assert shell(door, "import", str(path), "--preview", capsys=capsys)[0] == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == names


def test_no_file_of_the_house_holds_a_pupil(door: Door) -> None:
    secrets = {secret.encode() for exhibit in GALLERY for secret in exhibit.secrets()}
    for path in door.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path.name
