"""Decoys over HTTP, on pages and in the shell: the two duties come in, nobody else, and no door shows a pupil."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import bootstrap
from gateway.cli import cli
from gateway.journal import EntryDraft, JsonValue
from tests.factories.api import Gateway, gateway
from tests.factories.canaries import CROWD, former_form
from tests.factories.statistics_pages import Browser

PHONE = "13903510031"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("canary-doors")
    with gateway(folder, pupils=150) as found:
        form = former_form(found.process.services, folder / "former.csv")
        run = ["import", str(form), "--former", "--errors", str(folder / "errors.xlsx")]
        home = ["--home", str(found.settings.home)]
        done = CliRunner(env={"XUEJI_LOG_ORIGIN": found.settings.log_origin}).invoke(cli, [*home, *run])
        assert f"新增 new {CROWD}" in done.output, done.output
        yield found


def proposed(world: Gateway, phone: str, who: str = "secadmin") -> str:
    body = {"unit": "140000", "phones": [phone]}
    made = world.call("POST", "/v1/canaries", body, token=world.person(who))
    assert made.status_code == 201, made.text
    assert phone not in made.text
    return str(made.get_json()["items"][0]["id"])


@pytest.mark.rule("A50-16")
def test_over_http_one_proposes_and_the_other_confirms(world: Gateway) -> None:
    canary = proposed(world, PHONE)
    path = f"/v1/canaries/{canary}"
    for who, status in (
        ("secadmin", 403),
        ("sysadmin", 403),
        ("registrar", 403),
        ("inspector", 200),
        ("inspector", 409),
    ):
        answer = world.call("POST", f"{path}/confirmation", token=world.person(who))
        assert answer.status_code == status, answer.text
    listed = world.call("GET", "/v1/canaries", token=world.person("inspector")).get_json()["items"]
    (one,) = [one for one in listed if one["id"] == canary]
    assert (one["state"], one["planted"], one["unit"]) == ("confirmed", False, "140000")  # its hour has not come
    assert set(one) == {
        "id", "unit", "state", "planted", "proposed_at", "proposed_by", "decided_at", "decided_by", "withdrawn_at",
        "withdrawn_by",
    }  # fmt: skip
    assert world.call("GET", "/v1/canaries", token=world.person("registrar")).status_code == 403
    other = proposed(world, "13903510032", "inspector")
    refused = world.call("POST", f"/v1/canaries/{other}/refusal", token=world.person("secadmin"))
    assert refused.get_json()["state"] == "refused"
    withdrawn = world.call("POST", f"{path}/withdrawal", token=world.person("secadmin"))
    assert withdrawn.get_json()["state"] == "withdrawn"
    text = {"text": "姓名,证件号\n"}
    assert world.call("POST", "/v1/canaries/recognitions", text, token=world.person("inspector")).get_json() == {
        "canaries": []
    }
    bad = world.call("POST", "/v1/canaries", {"unit": "140000", "phones": ["110000"]}, token=world.person("secadmin"))
    assert (bad.status_code, bad.get_json()["missing"]) == (422, ["phones"])


def test_on_the_page_with_who_touched_one(world: Gateway) -> None:
    security, inspector = Browser(world, "secadmin"), Browser(world, "inspector")
    assert 'href="/canaries"' in security.get("/").text
    two = {"unit": "140000", "phones": "13903510033\n13903510034\n"}
    assert security.post("/canaries", two).status_code == 303
    told = security.get("/canaries").text
    assert "待另一岗位确认" in told
    assert "/confirmation" not in told  # nobody is offered their own
    confirm, other = re.findall(r'action="(/canaries/cn-[a-z]+/confirmation)"', inspector.get("/canaries").text)
    canary = confirm.split("/")[2]
    for path, shown in (
        (confirm, "已确认，待放入"),
        (other.replace("confirmation", "refusal"), "不予确认"),
        (f"/canaries/{canary}/withdrawal", "已撤回"),
    ):
        assert inspector.post(path, {}, page="/canaries").status_code == 303
        assert shown in inspector.get("/canaries").text
    facts: dict[str, JsonValue] = {"entry": 7, "touching": "registry.read", "canaries": [canary], "account": "st-x"}
    world.process.services.audit.journal.append(EntryDraft("canary.touched", None, facts=facts))
    assert "st-x" in inspector.get("/canaries").text
    listed = world.call("GET", "/v1/canaries/touches", token=world.person("secadmin")).get_json()["items"]
    assert [(one["entry"], one["account"], one["canaries"]) for one in listed] == [(7, "st-x", [canary])]

    again = inspector.post(f"/canaries/{canary}/withdrawal", {}, page="/canaries")
    assert (again.status_code, "状态已改变" in again.text) == (409, True)
    wrong = security.post("/canaries", {"unit": "140000", "phones": "1"})
    assert (wrong.status_code, "11 位手机号" in wrong.text) == (422, True)
    registrar = Browser(world, "registrar")
    assert registrar.get("/canaries").status_code == 403
    assert 'href="/canaries"' not in registrar.get("/").text


def test_in_the_shell(world: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = proposed(world, "13903510042")
    world.call("POST", f"/v1/canaries/{made}/refusal", token=world.person("inspector"))
    listed = world.call("GET", "/v1/canaries", token=world.person("inspector")).get_json()["items"]
    (one,) = [one for one in listed if one["id"] == made]
    accounts = {"secadmin": one["proposed_by"], "inspector": one["decided_by"]}
    phones = tmp_path / "phones.txt"
    phones.write_text("13903510041\n", encoding="utf-8")

    def run(who: str, *arguments: str) -> str:
        base = ["--home", str(world.settings.home), "canaries", "--as", accounts[who]]
        settings = {"XUEJI_LOG_ORIGIN": world.settings.log_origin}
        done = CliRunner(env=settings).invoke(cli, [*base, *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    process = bootstrap.Process(world.process.services, None)  # one of its own takes a second to open
    monkeypatch.setattr(bootstrap, "open_process", lambda *_arguments, **_named: process)
    canary = run("secadmin", "propose", "140000", str(phones)).split("\t")[0]
    assert "confirmed" in run("inspector", "confirm", canary)
    assert canary in run("inspector", "list")
    assert "withdrawn" in run("secadmin", "withdraw", canary)
    assert "0 条" in run("inspector", "recognize", str(phones))
    run("inspector", "touches")
