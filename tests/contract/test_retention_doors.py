"""Retention over HTTP, on pages and in the shell: who sees it, who holds, and that two people lift."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from gateway import bootstrap
from gateway.audit.tags import derived_epoch_key, epoch_of
from gateway.bootstrap.retention import Above
from gateway.cli import cli
from gateway.errors import ForbiddenError
from gateway.keyring import TAG_ROOT
from gateway.settings import Settings
from tests.factories.api import Gateway, gateway

RETENTION = "/v1/retention"
REVIEW = (date.today() + timedelta(days=90)).isoformat()  # noqa: DTZ011  the clock of the program is the real one


ROOT = bytes(range(32))


def with_old_root(settings: Settings) -> Settings:
    """Lay the tag root of an older program into the key directory."""
    settings.keys.mkdir(parents=True)
    (settings.keys / TAG_ROOT).write_text(ROOT.hex())
    return settings


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("retention"), settings=with_old_root) as found:
        worker = found.process.worker
        assert worker is not None
        for _ in range(20):
            if not worker.round():
                break
        yield found


def call(world: Gateway, who: str, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
    answer = world.call(method, path, body, token=world.person(who))
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_every_class_is_shown_and_a_hold_is_lifted_by_two(world: Gateway) -> None:
    seen = call(world, "inspector", "GET", RETENTION)
    assert {one["code"] for one in seen["classes"]} == set(world.process.services.book.retention)
    assert seen["last_sweep"] is not None  # the worker's first rounds
    assert call(world, "inspector", "GET", f"{RETENTION}/plan") == {"items": []}
    body = {"scope": {"unit": "140105"}, "ground": "晋教监〔2026〕7号", "reason": "立案调查。", "review_on": REVIEW}
    hold = call(world, "inspector", "POST", f"{RETENTION}/holds", body, 201)
    path = f"{RETENTION}/holds/{hold['id']}"
    again = {"review_on": (date.fromisoformat(REVIEW) + timedelta(days=1)).isoformat(), "reason": "未结束。"}
    call(world, "inspector", "POST", f"{path}/extension", again)
    why = {"reason": "调查已结束。"}
    assert call(world, "inspector", "POST", f"{path}/lifting", why, 409)["rule"] == "A50-10"
    assert call(world, "inspector", "POST", f"{path}/lifting-request", why)["asked_by"] is not None
    refused = call(world, "inspector", "POST", f"{path}/lifting", why, 403)
    assert refused["rule"] == "A50-10"
    call(world, "secadmin", "POST", f"{path}/lifting-refusal", why)
    call(world, "secadmin", "POST", f"{path}/lifting-request", why)
    assert call(world, "inspector", "POST", f"{path}/lifting", why)["lifted_at"] is not None
    (file,) = call(world, "secadmin", "GET", f"{RETENTION}/holds")["items"]
    assert [one["act"] for one in file["events"]] == [
        "set", "extended", "lift_asked", "lift_declined", "lift_asked", "lifted",
    ]  # fmt: skip


def test_an_officer_holds_what_is_of_the_territory_and_lifts_nothing(world: Gateway) -> None:
    body = {"scope": {"unit": "140105"}, "ground": "立案", "reason": "核查。", "review_on": REVIEW}
    hold = call(world, "recorder", "POST", f"{RETENTION}/holds", body, 201)
    why = {"reason": "已结束。"}
    call(world, "recorder", "POST", f"{RETENTION}/holds/{hold['id']}/lifting-request", why, 403)
    # an officer sees the own hold, and not what an inspector may have set on the officer's own unit
    call(world, "inspector", "POST", f"{RETENTION}/holds", body, 201)
    mine = call(world, "recorder", "GET", f"{RETENTION}/holds")["items"]
    assert [one["hold"]["id"] for one in mine] == [hold["id"]]
    assert [one["id"] for one in call(world, "recorder", "GET", RETENTION)["holds"]] == [hold["id"]]
    call(world, "recorder", "GET", f"{RETENTION}/plan", status=403)
    everything = {**body, "scope": {"data_class": "case_texts"}}
    call(world, "recorder", "POST", f"{RETENTION}/holds", everything, 403)
    for stranger in ("applicant-bus", "sysadmin"):
        call(world, stranger, "GET", RETENTION, status=403)
        call(world, stranger, "POST", f"{RETENTION}/holds", body, 403)
    call(world, "inspector", "POST", f"{RETENTION}/holds", {**body, "scope": {}}, 422)
    call(world, "inspector", "POST", f"{RETENTION}/holds/rh-none/lifting", why, 404)


def browser(world: Gateway, who: str) -> FlaskClient:
    client = world.web()
    with client.session_transaction(base_url=world.settings.public_url) as held:
        held["token"] = world.person(who)
    return client


def sent(world: Gateway, client: FlaskClient, path: str, status: int = 200, **values: str) -> str:
    base = world.settings.public_url
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/retention", base_url=base).text)
    assert token is not None
    data = {"csrf": token[1], **values}
    answer = client.post(path, data=data, base_url=base, follow_redirects=True)
    assert answer.status_code == status, answer.text[:500]
    return answer.text


def test_on_the_page_a_hold_is_set_and_the_second_person_decides(world: Gateway) -> None:
    inspector, security = browser(world, "inspector"), browser(world, "secadmin")
    page = sent(world, inspector, "/retention/holds", data_class="", grant="gr-x", ground="立案", reason="核查。",
                review_on=REVIEW)  # fmt: skip
    assert "已设置留存" in page
    assert "学生访问标签的季度密钥" in page
    found = re.search(r'action="(/retention/holds/rh-[a-z]+)/lifting-request"', page)
    assert found is not None
    own = sent(world, inspector, f"{found[1]}/lifting-request", reason="已结束。")
    assert f'action="{found[1]}/lifting"' not in own
    other = sent(world, security, f"{found[1]}/lifting", reason="同意。")
    assert "已办理" in other
    for review, said in ((REVIEW, "请写明留存对象"), ("soon", "日期格式应为")):
        form = {"ground": "立案", "reason": "核查。", "review_on": review}
        assert said in sent(world, inspector, "/retention/holds", 422, **form)
    base = world.settings.public_url
    assert browser(world, "applicant-bus").get("/retention", base_url=base).status_code == 403
    assert 'href="/retention"' in inspector.get("/", base_url=base, follow_redirects=True).text
    assert (
        'href="/retention"' not in browser(world, "applicant-bus").get("/", base_url=base, follow_redirects=True).text
    )


def shell(world: Gateway, who: str, *words: str, status: int = 0) -> str:
    account = world.process.services.accounts.principal_of_session(world.person(who)).account
    home = str(world.settings.home)
    env = {"XUEJI_LOG_ORIGIN": world.settings.log_origin}
    done = CliRunner(env=env).invoke(cli, ["--home", home, "retention", "--as", account, *words])
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


def test_in_the_shell_status_hold_and_lift(world: Gateway) -> None:
    assert '"overdue": false' in shell(world, "inspector", "status", "--json")
    made = shell(world, "inspector", "hold", "--class", "case_texts", "--from", "2026-01-01", "--ground", "立案",
                 "--reason", "核查。", "--review-on", REVIEW)  # fmt: skip
    hold = made.split("\t")[0]
    assert "lifting asked" in shell(world, "inspector", "lift", hold, "--reason", "已结束。")
    assert "lifted" in shell(world, "secadmin", "lift", hold, "--reason", "同意。")


def test_an_old_root_is_taken_over_and_destroyed_by_whoever_manages_keys(world: Gateway) -> None:
    tagger = world.process.services.audit.tagger
    assert tagger is not None
    now = epoch_of(world.process.services.now())
    assert tagger.epoch_key(now) == derived_epoch_key(ROOT, now)  # stored at the first start
    query = {"kind": "retention.adopted"}
    found = world.call("GET", "/v1/audit/entries", token=world.person("inspector"), query_string=query)
    (entry,) = found.get_json()["items"]
    assert now in entry["content"]["facts"]["matters"]
    stranger = world.process.services.accounts.principal_of_session(world.person("inspector"))
    with pytest.raises(ForbiddenError):
        bootstrap.tag_root_of(world.process, stranger)
    assert (world.settings.keys / TAG_ROOT).exists()
    shell(world, "secadmin", "destroy-root", "--yes")
    assert not (world.settings.keys / TAG_ROOT).exists()
    assert "renewed" in shell(world, "secadmin", "renew-key", "--yes")
    assert tagger.epoch_key(now) == derived_epoch_key(ROOT, now)


def test_a_department_stands_for_its_schools_and_a_school_that_nobody_knows_is_held_in_doubt(world: Gateway) -> None:
    parts = world.process.parts
    assert parts is not None
    above = Above(parts)
    assert set(above("140105")) == {"140105", "140100", "140000"}
    assert "140105" in above("2199999999")
    above._schools["2114010501"] = "140105"
    assert set(above("2114010501")) == {"140105", "140100", "140000"}
