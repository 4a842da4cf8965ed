"""Alerts over HTTP and in the console: from the act that raises one to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories.api import Gateway, gateway


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("alerts")) as found:
        for _ in range(5):
            found.call("POST", "/v1/sessions", {"username": "applicant-library", "password": "wrong"})
        found.call("POST", "/v1/applications/ap-none/basis", {}, token=found.person("registrar"))
        grant = found.grant("bus")
        beyond = {"format": "csv", "fields": ["pseudonym", "birth_month"]}
        refused = found.call("POST", f"/v1/grants/{grant}/extracts", beyond, token=found.client("bus"))
        assert refused.status_code == 403, refused.text
        found.work()
        yield found


def listed(world: Gateway, who: str, **query: str) -> list[dict[str, Any]]:
    answer = world.call("GET", "/v1/alerts", token=world.person(who), query_string=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["items"]
    return found


@pytest.mark.rule("A50-9")
@pytest.mark.rule("A50-16")
def test_a_breach_of_scope_is_seen_taken_up_and_closed_over_http(world: Gateway) -> None:
    (alert,) = listed(world, "recorder", rule="scope-breach")
    assert (alert["severity"], alert["owner"], alert["unit"], alert["state"]) == (
        "high", "data_officer", "140000", "open",
    )  # fmt: skip
    assert (alert["basis"], alert["late"], alert["count"]) == ("A50-9", False, 1)
    path, token = f"/v1/alerts/{alert['id']}", world.person("recorder")
    shown = world.call("GET", path, token=token).get_json()
    (entry,) = shown["entries"]
    assert (entry["kind"], entry["shown"]["facts.dimension"]) == ("release.refused", "fields")
    assert entry["links"]["grant"].startswith("gr-")
    read = world.call("GET", f"/v1/audit/entries/{entry['index']}", token=world.person("inspector")).get_json()
    assert read["content"]["kind"] == "release.refused"

    other = world.call("POST", f"{path}/acknowledgement", {}, token=world.person("secadmin"))
    assert (other.status_code, other.get_json()["rule"]) == (403, "A50-16")
    early = world.call("POST", f"{path}/closure", {"finding": "handled", "comment": "已处置。"}, token=token)
    assert (early.status_code, early.get_json()["rule"], early.get_json()["missing"]) == (
        409, "A50-16", ["acknowledged"],
    )  # fmt: skip
    taken = world.call("POST", f"{path}/acknowledgement", {"version": alert["version"]}, token=token)
    assert (taken.status_code, taken.get_json()["state"]) == (200, "acknowledged")
    stale = {"finding": "handled", "comment": "已处置。", "version": alert["version"]}
    assert world.call("POST", f"{path}/closure", stale, token=token).status_code == 409
    ended = world.call("POST", f"{path}/closure", {"finding": "handled", "comment": "已联系更正。"}, token=token)
    assert (ended.status_code, ended.get_json()["finding"]) == (200, "handled")
    assert [one["act"] for one in world.call("GET", path, token=token).get_json()["history"]] == [
        "raised", "acknowledged", "closed",
    ]  # fmt: skip
    assert listed(world, "recorder", state="unclosed", rule="scope-breach") == []
    assert len(listed(world, "recorder", state="closed", rule="scope-breach")) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acknowledgement", {"owner": "inspector"}),
        ("closure", {"finding": "handled"}),
        ("closure", {"finding": "nothing", "comment": "x"}),
        ("closure", {"finding": "handled", "comment": ""}),
        ("reassignment", {"owner": "registrar", "comment": "x"}),
        ("reassignment", {"owner": "inspector", "comment": "x", "unit": "1400"}),
    ],
)
def test_bad_input_is_told_and_changes_nothing(world: Gateway, path: str, body: dict[str, str]) -> None:
    (alert,) = listed(world, "secadmin", rule="failed-sign-ins")
    answer = world.call("POST", f"/v1/alerts/{alert['id']}/{path}", body, token=world.person("secadmin"))
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/invalid-input")
    assert listed(world, "secadmin", rule="failed-sign-ins") == [alert]


@pytest.mark.parametrize("who", ["registrar", "applicant-bus", "executor"])
def test_whoever_has_no_alerts_is_refused_with_the_rule(world: Gateway, who: str) -> None:
    answer = world.call("GET", "/v1/alerts", token=world.person(who))
    assert (answer.status_code, answer.get_json()["rule"]) == (403, "A50-16")
    (alert,) = listed(world, "inspector", rule="failed-sign-ins")
    assert world.call("GET", f"/v1/alerts/{alert['id']}", token=world.person(who)).status_code == 404


def test_metrics_count_open_alerts_by_rule_and_name_nobody(world: Gateway) -> None:
    text = world.call("GET", "/metrics").text
    assert 'xueji_alerts_open{rule="failed-sign-ins",severity="medium"} 1' in text
    assert 'xueji_alerts_overdue{rule="failed-sign-ins",severity="medium"} 0' in text
    assert not re.search(r"xueji_alerts\w*\{[^}]*(unit|account|actor)=", text)


# the console


def browser(world: Gateway, who: str) -> FlaskClient:
    """Return a browser with the session of an officer: a one-time code is for one use."""
    web = world.web()
    with web.session_transaction(base_url=world.settings.public_url) as held:
        held["token"] = world.person(who)
    return web


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)


@pytest.mark.rule("A50-16")
def test_the_console_shows_draws_counts_and_ends_alerts(world: Gateway) -> None:
    web, base = browser(world, "secadmin"), world.settings.public_url
    page = web.get("/alerts", base_url=base).text
    assert "同一账号连续登录失败" in page
    assert re.search(r'<strong class="count"[^>]*>1</strong>', page)
    assert '<circle class="dot medium"' in page
    (address,) = re.findall(r'href="(/alerts/al-[a-z]+)"', page)
    shown = web.get(address, base_url=base).text
    assert "account.login_failed" in shown
    assert "认领" in shown
    assert "/audit/entries/" not in shown  # for inspectors only
    web.post(f"{address}/acknowledgement", data={"csrf": csrf(shown)}, base_url=base)
    shown = web.get(address, base_url=base).text
    version = re.search(r'name="version" value="(\d+)"', shown)
    assert version is not None
    form = {"csrf": csrf(shown), "version": version.group(1), "finding": "explained"}
    refused = web.post(f"{address}/closure", data={**form, "comment": " "}, base_url=base)
    assert refused.status_code == 422
    done = web.post(f"{address}/closure", data={**form, "comment": "本人忘记密码。"}, base_url=base)
    assert done.status_code == 302
    shown = web.get(address, base_url=base).text
    assert "已办结" in shown
    assert "本人忘记密码。" in shown
    assert 'class="count"' not in shown
    assert "没有符合条件的预警" in web.get("/alerts", base_url=base).text
    assert "同一账号连续登录失败" in web.get("/alerts?state=closed", base_url=base).text


def test_an_inspector_goes_from_the_alert_to_the_entry(world: Gateway) -> None:
    web, base = browser(world, "inspector"), world.settings.public_url
    addresses = re.findall(r'href="(/alerts/al-[a-z]+)"', web.get("/alerts?state=", base_url=base).text)
    shown = web.get(addresses[0], base_url=base).text
    (entry, *_) = re.findall(r'href="(/audit/entries/\d+)"', shown)
    assert web.get(entry, base_url=base).status_code == 200


@pytest.mark.parametrize("query", ["state=nothing", "severity=none"])
def test_a_filter_that_nobody_knows_is_told(world: Gateway, query: str) -> None:
    assert browser(world, "inspector").get(f"/alerts?{query}", base_url=world.settings.public_url).status_code == 422


def test_a_person_without_alerts_has_no_entrance(world: Gateway) -> None:
    web, base = browser(world, "registrar"), world.settings.public_url
    assert 'href="/alerts"' not in web.get("/", base_url=base).text
    assert web.get("/alerts", base_url=base).status_code == 403


# suppression


def sign_in_alert(world: Gateway) -> dict[str, Any]:
    (alert,) = listed(world, "secadmin", rule="failed-sign-ins")
    return alert


@pytest.mark.rule("A50-16")
def test_a_suppression_is_asked_for_listed_and_lifted_over_http(world: Gateway) -> None:
    path, token = f"/v1/alerts/{sign_in_alert(world)['id']}/suppression", world.person("secadmin")
    last = (world.process.services.now() + timedelta(days=10)).date().isoformat()
    body = {"until": last, "reason": "自动任务的密码过期，已通知更换。"}
    assert world.call("POST", path, body, token=world.person("recorder")).status_code == 403
    late = world.call("POST", path, {**body, "until": "2099-01-01"}, token=token)
    assert (late.status_code, late.get_json()["missing"]) == (422, ["until"])
    assert world.call("POST", path, {"until": last, "reason": ""}, token=token).status_code == 422
    made = world.call("POST", path, body, token=token)
    assert (made.status_code, made.get_json()["state"]) == (201, "active")
    assert world.call("POST", path, body, token=token).status_code == 409
    which = f"/v1/suppressions/{made.get_json()['id']}"
    (listed_one,) = world.call("GET", "/v1/suppressions", token=world.person("inspector")).get_json()["items"]
    assert listed_one == made.get_json()
    assert world.call("GET", "/v1/suppressions", token=world.person("registrar")).status_code == 403
    assert world.call("GET", which, token=world.person("registrar")).status_code == 404
    again = world.call("POST", f"{which}/confirmation", {}, token=token)
    assert again.status_code in {403, 409}  # it holds already
    lifted = world.call("POST", f"{which}/lifting", {}, token=token)
    assert (lifted.status_code, lifted.get_json()["state"]) == (200, "lifted")
    everything = world.call("GET", "/v1/suppressions?state=all", token=token).get_json()["items"]
    assert [one["state"] for one in everything] == ["lifted"]


@pytest.mark.rule("A50-16")
def test_the_console_suppresses_shows_what_was_hidden_and_lifts(world: Gateway) -> None:
    web, base = browser(world, "secadmin"), world.settings.public_url
    address = f"/alerts/{sign_in_alert(world)['id']}"
    shown = web.get(address, base_url=base).text
    assert "暂停同类预警" in shown
    last = (world.process.services.now() + timedelta(days=10)).date().isoformat()
    form = {"csrf": csrf(shown), "until": last, "reason": " "}
    refused = web.post(f"{address}/suppression", data=form, base_url=base)
    assert (refused.status_code, "请用文字说明" in refused.text) == (422, True)
    done = web.post(f"{address}/suppression", data={**form, "reason": "已通知更换密码。"}, base_url=base)
    assert done.headers["Location"].endswith("/suppressions")
    page = web.get("/suppressions", base_url=base).text
    assert "已通知更换密码。" in page
    (which,) = re.findall(r"/suppressions/(su-[a-z]+)/lifting", page)
    assert f"/suppressions/{which}/confirmation" not in page  # it needs none
    assert "暂停中" in web.get(address, base_url=base).text
    web.post(f"/suppressions/{which}/lifting", data={"csrf": csrf(page)}, base_url=base)
    assert "没有暂停的预警" in web.get("/suppressions", base_url=base).text
    assert "已通知更换密码。" in web.get("/suppressions?state=all", base_url=base).text
    inspector = browser(world, "inspector").get(address, base_url=base).text
    assert "暂停同类预警" not in inspector  # another's to answer
