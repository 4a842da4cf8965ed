"""A recipient's shell: check people, hand in a list of Excel, get it back by row number; a real server beside."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from python_calamine import CalamineWorkbook

from gateway import bootstrap
from gateway.accounts.records import ClientSpec
from gateway.keyring import Face
from tests.factories.accounts import Clock
from tests.factories.checks import CHECK, UNKNOWN, people_of
from tests.factories.matches import MATCH, workbook
from tests.factories.release_cases import client, grant_for
from tests.factories.releases import House, copied
from tests.fault.test_releases_kill import ROOT, Server, free_port


@dataclass
class Shell:
    """A recipient with a key file and a server."""

    base: str
    folder: Path
    house: House
    grants: dict[str, str]
    clients: dict[str, str]
    people: list[dict[str, object]] = field(repr=False)

    def run(self, use: str, *order: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run ``xueji check`` or ``xueji match`` as the recipient's system."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("XUEJI_")}
        more = ["--grant", self.grants[use], "--url", self.base, "--client-id", self.clients[use]]
        more += ["--key", str(self.folder / f"{use}.jwk")]
        return subprocess.run(
            [sys.executable, "-m", "gateway", use, *order, *more],
            cwd=ROOT, env=env, input=stdin, capture_output=True, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("shell")
    made, settings = copied(folder)
    process = bootstrap.open_process(settings, Face.ALL)
    cases = {"check": CHECK, "match": MATCH}
    grants = {use: str(grant_for(process.services, case)) for use, case in cases.items()}
    clients: dict[str, str] = {}
    for use, case in cases.items():
        key = ECKey.generate_key("P-256", private=True)
        (folder / f"{use}.jwk").write_text(json.dumps(key.as_dict(private=True)))
        spec = ClientSpec(
            case.recipient, client(case.recipient).roles, {"keys": [key.as_dict(private=False)]}, post="测试系统"
        )
        clients[use] = str(process.services.directory.register_client(None, spec))
    house = House(settings, Clock(process.services.now()), process, {}, {}, source=made.source, _ready=made.ready)
    people = people_of(house)[:3]
    house.close()
    port = free_port()
    server = Server(replace(settings), port)
    try:
        yield Shell(server.base, folder, house, grants, clients, people)
    finally:
        server.kill()


def test_a_file_of_people_is_checked_and_only_references_and_answers_are_shown(shell: Shell) -> None:
    rows = [
        {"reference": f"r{n}", "name": row["name"], "id_number": row["id_number"], "claims": {"in_school": True}}
        for n, row in enumerate(shell.people)
    ]
    rows.append({"reference": "none", "name": "郑无此", "id_number": UNKNOWN, "claims": {"in_school": True}})
    done = shell.run("check", "-", stdin=json.dumps(rows).encode())
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == [
        "r0\tyes\t是", "r1\tyes\t是", "r2\tyes\t是", "none\tunconfirmed\t未能确认",
    ]  # fmt: skip


def test_a_list_of_excel_goes_out_and_comes_back_with_its_papers(shell: Shell) -> None:
    cells: list[list[object]] = [[n, row["name"], row["id_number"], 1] for n, row in enumerate(shell.people)]
    cells.append([9, "郑无此", UNKNOWN, 1])
    listed, out = shell.folder / "名单.xlsx", shell.folder / "out"
    listed.write_bytes(workbook(cells, titles=2))
    done = shell.run("match", str(listed), "--out", str(out), "--field", "grade")
    assert done.returncode == 0, done.stderr.decode()
    (answer,) = out.glob("*.xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(answer.read_bytes())).get_sheet_by_index(0)
    assert sheet.to_python() == [
        ["row", "matched", "grade"],
        *[[str(n), "是", row["grade"]] for n, row in enumerate(shell.people, 4)],
        ["7", "未能确认", ""],
    ]
    assert len(list(out.glob("*.manifest.jws"))) == len(list(out.glob("*.report.json"))) == 1


def test_a_bad_list_is_told_by_row_and_column_in_both_languages(shell: Shell) -> None:
    listed = shell.folder / "bad.csv"
    listed.write_text(f"姓名,身份证号\n{shell.people[0]['name']},123\n", encoding="utf-8")
    done = shell.run("match", str(listed), "--out", str(shell.folder / "nothing"))
    assert done.returncode == 1
    told = done.stderr.decode()
    assert "2\tB\t身份证件号应为 18 位" in told
    assert str(shell.people[0]["name"]) not in told
    assert not (shell.folder / "nothing").exists()
