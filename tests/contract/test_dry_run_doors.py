"""The dry run over HTTP and on the pages of officers, as people and programs meet it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from gateway.db import make_engine
from gateway.policies.records import Application
from gateway.policies.scope import civil_date
from tests.factories.console_house import Browser, House, open_house
from tests.factories.release_cases import CASES, CONFIRMER, RECORDER, approval, submit


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture(scope="module")
def tokens(house: House) -> dict[str, str]:
    """Session tokens of those who call the API."""
    found = {}
    for name in ("approver", "recorder", "inspector", "applicant"):
        person = house.people[name]
        body = {"username": person.username, "password": person.password}
        if person.credentials.totp_secret is not None:
            body["totp"] = person.code()
        answer = house.app.test_client().post("/v1/sessions", json=body)
        assert answer.status_code == 201, answer.text
        found[name] = answer.get_json()["token"]
    return found


def call(house: House, token: str, method: str, path: str, body: object = None) -> TestResponse:
    more: dict[str, Any] = {} if body is None else {"json": body}
    return house.app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **more)


def confirmed(house: House, case: str = "textbook-anonymous", **changes: Any) -> Application:  # noqa: ANN401  members of the scope
    applications, made = house.process.services.applications, submit(house.process.services, CASES[case], **changes)
    ground = approval(civil_date(house.clock()), "779")
    made = applications.record_ground(RECORDER, made.id, ground, version=made.version)
    return applications.confirm_ground(CONFIRMER, made.id, version=made.version)


def finished(house: House, token: str, application: Application) -> dict[str, Any]:
    """Start a dry run and wait for its end."""
    path = f"/v1/applications/{application.id}/dry-run"
    answer = call(house, token, "POST", path, {})
    assert answer.status_code == 202, answer.text
    for _ in range(600):
        found: dict[str, Any] = call(house, token, "GET", path).get_json()
        if found["state"] in {"done", "failed"}:
            return found
        time.sleep(0.1)
    raise AssertionError("the worker never came")


def ended(browser: Browser, path: str) -> str:
    """Poll as the page does, and return the state in which it ended."""
    for _ in range(600):
        found = browser.get(f"{path}/dry-run/progress").get_json()
        if not found["running"]:
            return str(found["state"])
        time.sleep(0.1)
    raise AssertionError("the worker never came")


def test_a_dry_run_is_started_polled_and_named_in_the_decision(house: House, tokens: dict[str, str]) -> None:
    application = confirmed(house)
    run = finished(house, tokens["approver"], application)
    assert (run["state"], run["percent"], run["current"], run["level"]) == ("done", 100, True, "anonymous")
    figures = run["figures"]
    assert figures["rows_in"]["about"] % 10 == 0
    assert figures["k"] >= figures["k_demanded"] == 10
    assert 0 < figures["after"]["prosecutor_highest"] <= 0.1
    assert [column["name"] for column in figures["columns"]] == run["sample"]["columns"]
    assert len(run["sample"]["rows"]) == 10
    assert run["holdings"]["warnings"] == []
    assert call(house, tokens["recorder"], "GET", f"/v1/dry-runs/{run['id']}").get_json()["id"] == run["id"]
    path = f"/v1/applications/{application.id}/decision"
    stale = call(
        house,
        tokens["approver"],
        "POST",
        path,
        {
            "decision": "narrow",
            "reason": "缩小。",
            "narrowed": {**run["scope"], "fields": run["scope"]["fields"][:2]},
            "dry_run": run["id"],
        },
    )
    assert (stale.status_code, stale.get_json()["type"]) == (409, "/problems/stale-version")
    decided = call(house, tokens["approver"], "POST", path, {"decision": "approve", "dry_run": run["id"]})
    assert decided.status_code == 200, decided.text
    after = call(house, tokens["approver"], "GET", f"/v1/dry-runs/{run['id']}").get_json()
    assert after["grant"] == decided.get_json()["grant_id"]
    assert after["sample"] is None
    assert after["figures"] == figures


def test_who_may_not_look_is_told_why_or_that_there_is_nothing(house: House, tokens: dict[str, str]) -> None:
    application = confirmed(house)
    run = finished(house, tokens["approver"], application)
    for method, path, body in (
        ("POST", f"/v1/applications/{application.id}/dry-run", {}),
        ("GET", f"/v1/applications/{application.id}/dry-run", None),
        ("GET", f"/v1/dry-runs/{run['id']}", None),
    ):
        inspector = call(house, tokens["inspector"], method, path, body)
        assert inspector.status_code == 403
        assert inspector.get_json()["policy"] in {"default-deny", "administrators-and-inspector-approve-nothing"}
        assert call(house, tokens["applicant"], method, path, body).status_code in {403, 404}
    assert call(house, tokens["approver"], "GET", "/v1/dry-runs/dr-none").status_code == 404
    unknown = call(house, tokens["approver"], "POST", f"/v1/applications/{application.id}/dry-run", {"rows": 1})
    assert unknown.status_code == 422


def test_an_officer_starts_reads_and_decides_on_the_page(house: House, tokens: dict[str, str]) -> None:
    application = confirmed(house, "bus-pseudonymous")
    browser = house.browser("approver")
    path = f"/applications/{application.id}"
    assert "开始试算" in browser.get(path).text
    assert browser.post(f"{path}/dry-run", {}, form=path).status_code == 302
    assert ended(browser, path) == "done"
    page = browser.get(path).text
    assert "将提供行数" in page
    assert "约 1,500" in page
    run = call(house, tokens["approver"], "GET", f"/v1/applications/{application.id}/dry-run").get_json()
    assert f'name="dry_run" value="{run["id"]}"' in page
    rows = browser.get(f"{path}/dry-run/{run['id']}/rows")
    assert rows.status_code == 200
    assert rows.text.count("<tr>") >= 11
    assert browser.get(f"/applications/ap-other/dry-run/{run['id']}/rows").status_code == 404
    version = house.process.services.applications.get(RECORDER, application.id).version
    done = browser.post(
        f"{path}/decision", {"decision": "approve", "reason": "", "version": version, "dry_run": run["id"]}, form=path
    )
    assert done.status_code == 302
    assert run["id"] in browser.get(path).text  # in the history
    grant = house.process.services.applications.get(RECORDER, application.id).grant_id
    assert "没有变动" in browser.get(f"/grants/{grant}").text
    engine = make_engine(house.settings.registry_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE register_state SET commits = commits + 1"))
    engine.dispose()
    assert "已有变动" in browser.get(f"/grants/{grant}").text
    assert "没有样例" in browser.get(f"{path}/dry-run/{run['id']}/rows").text


def test_a_page_shows_what_stopped_it_and_nothing_to_those_outside(house: House) -> None:
    application = confirmed(house, row_cap=100)
    approver = house.browser("approver")
    path = f"/applications/{application.id}"
    approver.post(f"{path}/dry-run", {}, form=path)
    assert ended(approver, path) == "failed"
    page = approver.get(path).text
    assert "行数超出申请的上限" in page
    assert 'name="dry_run"' not in page
    inspector = house.browser("inspector")
    assert "试算" not in inspector.get(path).text.partition("办理记录")[0]
