"""Inspection cases over HTTP: from the alert to the package, and the order as the body sees it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway import bootstrap
from gateway.cli import cli
from gateway.errors import ForbiddenError
from tests.factories.api import Gateway, gateway

CASES = "/v1/audit/cases"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("inspections")) as found:
        grant = found.grant("bus")
        beyond = {"format": "csv", "fields": ["pseudonym", "birth_month"]}
        refused = found.call("POST", f"/v1/grants/{grant}/extracts", beyond, token=found.client("bus"))
        assert refused.status_code == 403, refused.text
        worker = found.process.worker
        assert worker is not None
        for _ in range(20):
            if not worker.round():
                break
        yield found


def inspector(world: Gateway, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
    answer = world.call(method, path, body, token=world.person("inspector"))
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def alert(world: Gateway) -> dict[str, Any]:
    answer = world.call("GET", "/v1/alerts", token=world.person("inspector"), query_string={"rule": "scope-breach"})
    (found,) = answer.get_json()["items"]
    return dict(found)


def recipient(world: Gateway) -> str:
    (entry,) = world.call("GET", f"/v1/alerts/{alert(world)['id']}", token=world.person("inspector")).get_json()[
        "entries"
    ]
    return str(entry["links"]["recipient"])


def opened(world: Gateway) -> dict[str, Any]:
    body = {
        "subject": {"kind": "recipient", "code": recipient(world)},
        "source": {"alert": alert(world)["id"]},
        "title": "核查超范围申请",
    }
    return inspector(world, "POST", CASES, body, 201)


@pytest.mark.rule("A50-10")
def test_from_the_alert_to_the_package_over_http(world: Gateway) -> None:
    case = opened(world)
    path = f"{CASES}/{case['id']}"
    file = inspector(world, "GET", path)
    assert [one["act"] for one in file["history"]] == ["opened"]
    (evidence,) = file["evidence"]
    assert evidence["receipt"].startswith("c2sp.org/tlog-proof@v1\n")
    order = {"codes": ["51-7"], "text": "停止超范围申请，提交说明。", "days": 10, "version": file["version"]}
    case = inspector(world, "POST", f"{path}/order", order)
    stale = world.call("POST", f"{path}/order", order, token=world.person("inspector"))
    assert (stale.status_code, stale.get_json()["type"]) == (409, "/problems/conflict")
    applicant = world.person("applicant-bus")
    (mine,) = [
        one
        for one in world.call("GET", "/v1/correction-orders", token=applicant).get_json()["items"]
        if one["case"] == case["id"]
    ]
    assert "evidence" not in mine
    answer = {"text": "已删除多余字段，今后按授权申请。", "version": mine["version"]}
    said = world.call("POST", f"/v1/correction-orders/{case['id']}/answer", answer, token=applicant)
    assert (said.status_code, said.get_json()["state"]) == (200, "answered"), said.text
    hold = {"entries": [evidence["entry"]], "days": 5, "reason": "核实中"}
    inspector(world, "POST", f"{path}/holds", hold)
    (held,) = inspector(world, "GET", path)["holds"]
    inspector(world, "POST", f"{path}/holds/{held['id']}/end", {"reason": "核实完毕"})
    closed = inspector(world, "POST", f"{path}/closure", {"finding": "corrected", "text": "已改正"})
    assert (closed["state"], closed["finding"]) == ("closed", "corrected")
    package = world.call("POST", f"{path}/package", token=world.person("inspector"))
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive:
        assert {"case/case.json", "case/README.zh.md", f"proofs/{evidence['entry']}.tlog-proof"} <= set(
            archive.namelist()
        )
    listed = inspector(world, "GET", f"{CASES}?state=closed&recipient={case['subject']['code']}")["items"]
    assert case["id"] in {one["id"] for one in listed}


@pytest.mark.parametrize("who", ["recorder", "approver", "secadmin", "registrar", "applicant-bus"])
def test_whoever_is_no_inspector_neither_reads_nor_conducts_and_is_recorded(world: Gateway, who: str) -> None:
    token = world.person(who)
    assert world.call("GET", CASES, token=token).status_code == 403
    path = f"{CASES}/ic-none"
    for act, body in (("notes", {"text": "x"}), ("closure", {"finding": "no_breach", "text": "x"}), ("package", None)):
        assert world.call("POST", f"{path}/{act}", body, token=token).status_code == 403
    found = world.call(
        "GET", "/v1/audit/entries", token=world.person("inspector"), query_string={"kind": "access.refused"}
    ).get_json()["items"]
    assert {"read_audit", "export_audit"} <= {one["content"]["facts"]["act"] for one in found}


def test_an_order_to_another_body_is_not_there(world: Gateway) -> None:
    case = opened(world)
    order = {"codes": ["51-9"], "text": "改正", "days": 5}
    inspector(world, "POST", f"{CASES}/{case['id']}/order", order)
    for who in ("recorder", "applicant-library", "registrar"):
        token = world.person(who)
        assert world.call("GET", "/v1/correction-orders", token=token).get_json()["items"] == []
        answer = world.call("POST", f"/v1/correction-orders/{case['id']}/answer", {"text": "x"}, token=token)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"subject": {"kind": "unit", "code": "140000"}, "source": {}, "title": "x"}),
        ("", {"subject": {"kind": "unit", "code": "140000"}, "source": {"entry": 1, "grant": "gr-1"}, "title": "x"}),
        ("", {"subject": {"kind": "person", "code": "140000"}, "source": {"entry": 1}, "title": "x"}),
        ("", {"subject": {"kind": "unit", "code": "149999"}, "source": {"entry": 1}, "title": "x"}),
        ("", {"subject": {"kind": "unit", "code": "140000"}, "source": {"entry": 1}, "title": "电话 13800138000"}),
        ("/ic-none/order", {"codes": [], "text": "x", "days": 5}),
        ("/ic-none/order", {"codes": ["51-7"], "text": "x", "days": 61}),
        ("/ic-none/closure", {"finding": "nothing", "text": "x"}),
    ],
)
def test_bad_input_is_told(world: Gateway, path: str, body: dict[str, object]) -> None:
    answer = world.call("POST", f"{CASES}{path}", body, token=world.person("inspector"))
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/invalid-input"), answer.text


def test_a_case_that_is_not_there(world: Gateway) -> None:
    assert inspector(world, "GET", f"{CASES}/ic-none", status=404)["type"] == "/problems/not-found"


# the shell


def test_the_shell_conducts_a_case_from_its_entry_to_the_package(
    world: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = world.settings
    environment = {
        "XUEJI_PUBLIC_URL": settings.public_url,
        "XUEJI_LOG_ORIGIN": settings.log_origin,
        "XUEJI_CONFIG": str(settings.config),
    }
    accounts = world.process.services.accounts
    who = {name: accounts.principal_of_session(world.person(name)).account for name in ("inspector", "applicant-bus")}
    alert_id, code = alert(world)["id"], recipient(world)

    def run(name: str, *words: str) -> Result:
        arguments = ["--home", str(settings.home), "inspections", "--as", who[name], *words]
        return CliRunner(env=environment).invoke(cli, arguments)

    made = run("inspector", "open", "--recipient", code, "--source", "alert", alert_id, "--title", "核查申请范围")
    assert made.exit_code == 0, made.output
    case = made.output.split("\t")[0]
    # one run opened the program; the others go on in the one that is open, which takes a tenth of the time
    kept = bootstrap.Process(world.process.services, None)
    monkeypatch.setattr(bootstrap, "open_process", lambda *_given, **_named: kept)
    ordered = run("inspector", "order", case, "--code", "51-7", "--text", "停止超范围申请。", "--days", "10")
    assert "\tordered\tv2\t" in ordered.output, ordered.output
    assert isinstance(run("applicant-bus", "show", case).exception, ForbiddenError)
    assert "\tanswered\t" in run("applicant-bus", "answer", case, "--text", "已停止。").output
    closed = run("inspector", "close", case, "--finding", "corrected", "--text", "已核实。")
    assert "\tcorrected" in closed.output
    shown = run("inspector", "show", case).output
    assert [act for act in ("opened", "ordered", "answered", "closed") if f"\t{act}\t" in shown] == [
        "opened", "ordered", "answered", "closed"
    ]  # fmt: skip
    assert case in run("inspector", "list", "--state", "closed", "--recipient", code).output
    file = tmp_path / "case.zip"
    assert run("inspector", "package", case, str(file)).exit_code == 0
    assert "case/case.json" in zipfile.ZipFile(file).namelist()
    assert CliRunner().invoke(cli, ["inspections", "list"]).exit_code == 2
