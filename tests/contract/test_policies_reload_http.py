"""The running program follows the policy files: over HTTP, in the audit trail, and in the worker."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.policies.live import LiveDecisionPoint, read_set
from tests.factories.api import Gateway, gateway
from tests.factories.policies import CONFIG

CLOSED = """
@id("reading-is-closed")
@basis("b")
@rule("A50-4")
@zh("暂停查看申请。")
@en("Reading applications is suspended.")
forbid (principal, action in [Action::"read_application", Action::"record_ground"], resource)
when { principal.roles.contains("data_officer") };
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Gateway, Path]]:
    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    with gateway(tmp_path / "home", settings=lambda found: replace(found, config=config)) as running:
        yield running, config / "policies"


def entries(running: Gateway, kind: str) -> list[dict[str, Any]]:
    answer = running.call("GET", f"/v1/audit/entries?kind={kind}", token=running.person("inspector"))
    assert answer.status_code == 200, answer.text
    return [item["content"] for item in answer.get_json()["items"]]


def test_an_edit_counts_within_seconds_and_no_request_is_lost(house: tuple[Gateway, Path]) -> None:
    running, policies = house
    old = running.process.services.decisions.sha256
    grant = running.grant()
    officer = running.person("recorder")
    path = f"/v1/grants/{grant}"
    assert running.call("GET", path, token=officer).status_code == 200
    (policies / "closed.cedar").write_text(CLOSED, encoding="utf-8")
    new = read_set(policies).sha256
    statuses: list[int] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not statuses or statuses[-1] == 200):
        statuses.append(running.call("GET", path, token=officer).status_code)
        time.sleep(0.05)
    assert set(statuses[:-1]) <= {200}  # the first look may see the edit already
    assert statuses[-1] == 404  # not theirs to read: there is no such grant
    assert running.process.services.decisions.sha256 == new
    (told,) = entries(running, "policy.reloaded")
    assert (told["facts"]["from"], told["facts"]["to"], told["facts"]["face"]) == (old, new, "all")
    # before the edit the old set decided, and the grant says so; after it the new one
    assert [entry["policy_set"] for entry in entries(running, "application.approved")] == [old]


def test_i8_a_policy_file_that_breaks_while_running_changes_nothing_and_is_told_once(
    house: tuple[Gateway, Path],
) -> None:
    running, policies = house
    decisions = running.process.services.decisions
    assert isinstance(decisions, LiveDecisionPoint)
    old = decisions.sha256
    (policies / "separation.cedar").write_text("forbid (principal,", encoding="utf-8")
    for _ in range(3):
        assert not decisions.refresh()
        assert running.call("GET", "/healthz").status_code == 200
    assert running.process.worker is not None
    running.process.worker.round()
    grant = running.grant()  # everything still works, under the old set
    assert running.call("GET", f"/v1/grants/{grant}", token=running.person("approver")).status_code == 200
    (told,) = entries(running, "policy.reload_failed")
    assert told["outcome"] == "failed"
    assert told["facts"]["problems"] == ["syntax"]
    assert told["facts"]["files"] == ["policies/separation.cedar"]
    assert told["facts"]["kept"] == old == decisions.sha256
    running.process.worker.round()
    alerts = running.call("GET", "/v1/alerts", token=running.person("inspector")).get_json()["items"]
    assert "policy-broken" in {alert["rule"] for alert in alerts}


def test_every_entry_with_a_policy_names_the_set_and_no_other_does(house: tuple[Gateway, Path]) -> None:
    running, _ = house
    running.grant()
    answer = running.call("GET", "/v1/audit/entries?limit=200", token=running.person("inspector"))
    contents = [item["content"] for item in answer.get_json()["items"]]
    assert any(content["policy"] for content in contents)
    for content in contents:
        assert ("policy_set" in content) == (content["policy"] is not None), content["kind"]
        assert content.get("policy_set", running.process.services.decisions.sha256) == (
            running.process.services.decisions.sha256
        )
        assert "policy_set" not in content["facts"]
