"""``xueji registry`` on a real home: try, hand in, open, decide, look, all as people with filed posts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from core_registry.errors import ValuesError
from core_registry.sharing import RowFilter
from gateway import bootstrap, keyring, samples
from gateway.accounts.records import StaffSpec
from gateway.cli import cli
from gateway.errors import GatewayError
from gateway.ids import AccountId, UnitCode
from gateway.keyring import Face
from gateway.policies.decision import Action
from gateway.policies.scope import civil_date
from gateway.principals import AccountKind, Principal, Role
from gateway.settings import from_environment

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
MANAGER = Principal(
    AccountId("st-manager"), AccountKind.STAFF, frozenset({Role.SECURITY_ADMINISTRATOR}), UnitCode("140000"),
    assurance=2,
)  # fmt: skip


@dataclass
class Home:
    """A home with pupils, and the accounts of a school, of its superior, and of one without a post."""

    path: Path
    today: date
    school: str
    superior: str
    pupil: str
    accounts: dict[str, str]

    def run(self, who: str | None, *arguments: str) -> Result:
        """Run ``xueji registry`` as ``who``; errors of ours are left as the exception of the result."""
        unit = self.superior if who == "superior" else self.school
        acting = [] if who is None else ["--as", self.accounts[who], "--unit", unit]
        return CliRunner().invoke(cli, ["--home", str(self.path), "registry", *acting, *arguments])

    def draft(self, path: Path, evidence: list[str], **values: Any) -> str:  # noqa: ANN401  JSON
        """Write a draft of a suspension; return its path."""
        given = {
            "from": self.today.isoformat(), "until": date(self.today.year + 1, 1, 20).isoformat(),
            "ground": "illness", "hours_total": 600, "hours_lost": 200, "reason": "住院治疗", **values,
        }  # fmt: skip
        body = {
            "kind": "suspension", "school": self.school, "on": self.today.isoformat(), "values": given,
            "applied_on": self.today.isoformat(), "student_id": self.pupil, "evidence": evidence,
        }  # fmt: skip
        path.write_text(json.dumps(body), encoding="utf-8")
        return str(path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    path = tmp_path_factory.mktemp("shell")
    settings = from_environment({}, home=path)
    keyring.create(settings.keys)
    book = bootstrap.load_rulebook(settings)
    bootstrap.prepare_databases(settings, book)
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        today = civil_date(process.services.now())
        school, superior, pupil = _fill(process, path, today)
        accounts = {}
        for name, unit in (("school", school), ("superior", superior), ("untrained", school)):
            made = process.services.directory.create(
                MANAGER,
                StaffSpec(
                    f"shell-{name}", f"测试·{name}", frozenset({Role.REGISTRAR}), UnitCode(unit), "学籍管理员",
                    filed_on=today, trained_on=today, acknowledged_on_paper=True, must_change=False,
                ),
            )  # fmt: skip
            accounts[name] = made.account
            if name != "untrained":
                post = bootstrap.new_post(made.account, unit, "registrar", today, today, on_establishment=True)
                bootstrap.staff_of(process).file(post, bootstrap.host_actor())
    finally:
        process.close()
    return Home(path, today, school, superior, pupil, {name: str(account) for name, account in accounts.items()})


def _fill(process: bootstrap.Process, path: Path, today: date) -> tuple[str, str, str]:
    """Import invented pupils; return a school, its registry superior and a pupil in the middle of primary school."""
    services = process.services
    assert services.office is not None
    assert services.sharing is not None
    written = samples.write(
        path / "sample", count=300, seed=11, kind="csv", book=services.book, today=today, tick=lambda _rows: None
    )
    services.office.import_schools(samples.read_schools(written.schools_file))
    for form in written.forms:
        services.office.import_run(bootstrap.import_request(form, mapping="template", actor="operator"))
    with services.sharing.snapshot() as snapshot:
        frame = pl.concat(
            [
                pl.DataFrame(pl.from_arrow(batch))
                for batch in snapshot.batches(["school_code", "grade", "state"], RowFilter())
            ]
        )
    school = str(frame.filter((pl.col("grade") == "13") & (pl.col("state") == "active"))["school_code"][0])
    lines = services.office.find_by_class(school, actor="operator", reason="测试", grade="13")
    schools = services.office.schools().filter(pl.col("school_code") == school)
    active = next(line for line in lines if line.state == "active")
    return school, str(schools["registry_superior"][0]), active.student_id


def told(result: Result) -> str:
    """Return what a command printed; fails if it did not end well."""
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def test_procedures_are_listed_with_what_they_take(home: Home) -> None:
    assert "suspension\t休学" in told(home.run(None, "procedures"))
    values = told(home.run(None, "procedures", "suspension"))
    assert "ground\tchoice\t休学事由" in values
    assert "illness\t疾病" in values


def test_who_does_not_say_who_acts_is_told_so(home: Home) -> None:
    result = home.run(None, "work")
    assert result.exit_code == 2
    assert "--as ACCOUNT" in result.output


@pytest.mark.rule("A48-2")
def test_an_account_without_a_filed_post_has_no_rights(home: Home, tmp_path: Path) -> None:
    result = home.run("untrained", "explain", home.draft(tmp_path / "d.json", []))
    assert getattr(result.exception, "rule", None) == "A48-2"


def test_a_draft_that_does_not_fit_is_refused_without_its_values(home: Home, tmp_path: Path) -> None:
    draft = json.loads(Path(home.draft(tmp_path / "d.json", [])).read_text(encoding="utf-8"))
    (tmp_path / "e.json").write_text(json.dumps({**draft, "school": "my secret", "colour": 1}), encoding="utf-8")
    result = home.run("school", "explain", str(tmp_path / "e.json"))
    assert isinstance(result.exception, GatewayError)
    assert "secret" not in result.exception.detail
    assert set(result.exception.missing) == {"school", "colour"}


@pytest.mark.rule("A28-3", "S-4")
def test_a_pupil_is_suspended_from_the_shell_step_by_step(home: Home, tmp_path: Path) -> None:
    tried = home.run("school", "explain", home.draft(tmp_path / "d.json", []))
    assert tried.exit_code == 2, (tried.output, tried.exception)
    assert "✗ A28-2" in tried.output
    assert "（监护人）" in tried.output
    items = []
    for kind, issuer, level in (("annex-2", "guardian", ""), ("hospital-record", "hospital", "county")):
        file = tmp_path / f"{kind}.pdf"
        file.write_bytes(PDF + kind.encode() + b"\n%%EOF\n")
        handed = home.run(
            "school", "evidence", str(file), "--kind", kind, "--issuer", issuer, "--level", level,
            "--issued-on", home.today.isoformat(), "--student", home.pupil,
        )  # fmt: skip
        items.append(told(handed).split("\t")[0])
    path = home.draft(tmp_path / "d.json", items)
    assert "✗" not in told(home.run("school", "explain", path))
    opened = told(home.run("school", "open", path, "--key", "shell-0001"))
    case_id = opened.split("\t")[0]
    assert opened == told(home.run("school", "open", path, "--key", "shell-0001"))
    assert "上级学籍管理部门核准" in opened
    assert case_id in told(home.run("superior", "work"))
    wrong = home.run("school", "act", case_id, "review", "--agree")
    assert getattr(wrong.exception, "rule", None) == "A28-3"
    done = told(home.run("superior", "act", case_id, "review", "--agree", "--note", "同意"))
    assert "completed" in done
    assert told(home.run("school", "case", case_id)).startswith(f"{case_id}\t休学")
    life = told(home.run("school", "history", home.pupil, "--reason", "核对"))
    assert life.startswith("suspended")
    assert "active → suspended" in life
    assert home.accounts["superior"] in life


def test_a_host_does_not_act_for_another_unit_than_the_accounts(home: Home) -> None:
    result = CliRunner().invoke(
        cli, ["--home", str(home.path), "registry", "--as", home.accounts["school"], "--unit", home.superior, "work"]
    )
    assert getattr(result.exception, "rule", None) == "A3-2"


def test_a_mark_of_a_page_that_nobody_gave_is_refused(home: Home) -> None:
    process = bootstrap.open_process(from_environment({}, home=home.path), Face.ALL, with_worker=False)
    try:
        actor, _schools = bootstrap.acting(process, home.accounts["school"], home.school, Action.READ_CASES)
        desk = bootstrap.desk_of(process)
        for after in ("garbage", "a|b|c", "2026-09-08|x", "|"):
            with pytest.raises(ValuesError):
                desk.work(actor, after=after)
        assert desk.cases(actor, None, after="garbage") == []
    finally:
        process.close()
