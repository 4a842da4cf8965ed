"""``xueji registry print`` and ``xueji registry certificates`` on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway import bootstrap
from gateway.bootstrap import Process
from gateway.cli import cli
from tests.factories.case_house import CaseHouse
from tests.factories.papers import SENIOR_PUPIL, Papers, open_paper_house
from tests.factories.registrydb_rows import SENIOR

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Papers, CaseHouse]]:
    with open_paper_house(tmp_path_factory.mktemp("cli")) as (papers, house):
        papers.leave_early()
        yield papers, house


@pytest.fixture
def run(world: tuple[Papers, CaseHouse], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command of ``xueji registry`` as the registrar of the senior high school."""
    _, house = world
    services = replace(house.app.extensions["xueji"], now=house.process.services.now)
    monkeypatch.setattr(bootstrap, "open_process", lambda *_args, **_named: Process(services, None, []))

    def command(*words: str, who: str = "senior") -> Result:
        person = ("--as", house.account(who), "--unit", SENIOR)
        return CliRunner().invoke(cli, ["--home", str(tmp_path), "registry", *person, *words])

    return command


def test_a_certificate_is_listed_printed_checked_and_voided(
    run: Run, world: tuple[Papers, CaseHouse], tmp_path: Path
) -> None:
    papers, _ = world
    student = papers.office.ids[SENIOR_PUPIL]
    number = papers.key(SENIOR_PUPIL, SENIOR).number
    assert number in run("certificates", "list", student, "--reason", "核对").output
    out = tmp_path / "certificate.pdf"
    named = ("--issuer", SENIOR, "--number", number, "--reason", "存档", "--out", str(out))
    assert run("print", "4", *named).exit_code == 0
    assert out.read_bytes().startswith(b"%PDF-")
    assert out.stat().st_mode & 0o077 == 0
    assert run("print", "4", *named).exit_code != 0, "a file that is there is not written over"
    checked = run("certificates", "check", number).output
    assert "有效 valid" in checked
    assert papers.student(SENIOR_PUPIL).name not in checked
    assert "已作废" in run("certificates", "void", number, "--reason", "打印有误").output
    assert run("certificates", "check", number).output == checked.replace("有效 valid", "已作废 void")
    assert run("certificates", "check", "x").output == "查无此证书 unknown\n"


def test_a_blank_form_is_written_as_a_page_that_stands_alone(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "blank.html"
    assert run("print", "2", "--out", str(out)).exit_code == 0
    assert "<style>" in out.read_text(encoding="utf-8")


def test_what_is_not_named_is_asked_for(run: Run, tmp_path: Path) -> None:
    assert "--number" in run("print", "5", "--out", str(tmp_path / "x.pdf")).output
    assert ".pdf or .html" in run("print", "2", "--out", str(tmp_path / "x.doc")).output
    assert run("print", "6", "--out", str(tmp_path / "x.pdf")).exit_code == 2


def test_an_account_of_another_unit_prints_nothing(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.pdf"
    assert run("print", "2", "--out", str(out), who="school").exit_code != 0
    assert not out.exists()
