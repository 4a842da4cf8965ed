"""With the four switches on: each paper that is missing is named, and with all of them the path leads to a grant."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.demo import approvals, people
from gateway.policies.assessments import RiskCode
from gateway.settings import default_config
from tests.factories.api import Gateway, gateway

SWITCHES = ("scan_required", "dry_run_required", "assessment_by_hand", "registration_required")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("strict")
    config = directory / "config"
    shutil.copytree(default_config(), config)
    parameters = config / "parameters.toml"
    text = parameters.read_text(encoding="utf-8")
    for switch in SWITCHES:
        assert f"{switch} = false" in text
        text = text.replace(f"{switch} = false", f"{switch} = true")
    parameters.write_text(text, encoding="utf-8")
    with gateway(directory, pupils=1000, worker=True, settings=lambda found: replace(found, config=config)) as found:
        yield found


def _call(
    program: Gateway, who: str, method: str, path: str, body: object = None, *, expect: int = 200
) -> dict[str, Any]:
    answer = program.call(method, path, body, token=program.person(who))
    assert answer.status_code == expect, answer.text
    return dict(answer.get_json())


@pytest.mark.rule("A50-7", "A50-9")
def test_every_missing_paper_is_named_and_with_all_of_them_there_is_a_grant(program: Gateway) -> None:
    body = people.application("textbook", date.today())  # noqa: DTZ011  checked in Shanghai time
    path = f"/v1/applications/{_call(program, 'applicant-books', 'POST', '/v1/applications', body, expect=201)['id']}"
    ground = people.government_approval()
    refused = _call(program, "recorder", "POST", f"{path}/basis", {"ground": ground}, expect=422)
    assert refused["missing"] == ["scan_not_held"]
    scan = program.web().post(
        f"{path}/scans",
        data={"file": (io.BytesIO(approvals.scan_of(ground)), "approval.pdf")},
        headers={"Authorization": f"Bearer {program.person('recorder')}"},
        base_url=program.settings.public_url,
    )
    assert scan.status_code == 201, scan.text
    ground["scan_sha256"] = scan.get_json()["sha256"]
    _call(program, "recorder", "POST", f"{path}/basis", {"ground": ground})
    _call(program, "confirmer", "POST", f"{path}/confirmation", {})

    decision: dict[str, object] = {"decision": "approve"}
    refused = _call(program, "approver", "POST", f"{path}/decision", decision, expect=422)
    assert refused["missing"] == ["dry_run"]
    tried = _call(program, "approver", "POST", f"{path}/dry-run", {}, expect=202)
    deadline = time.monotonic() + 60
    while tried["state"] in {"queued", "running"} and time.monotonic() < deadline:
        time.sleep(0.1)
        tried = _call(program, "approver", "GET", f"{path}/dry-run")
    assert tried["state"] == "done"
    decision["dry_run"] = tried["id"]

    refused = _call(program, "approver", "POST", f"{path}/decision", decision, expect=422)
    assert (refused["type"], refused["missing"]) == ("/problems/assessment-refused", ["assessment"])
    risks = [{"code": code, "likelihood": 1, "severity": 2, "measure": "见保护措施。"} for code in RiskCode]
    form = {"necessity": "按年级统计。", "rights_impact": "无额外义务。", "risks": risks, "conclusion": "acceptable"}
    _call(program, "recorder", "POST", f"{path}/assessment", form, expect=201)
    assert _call(program, "approver", "POST", f"{path}/decision", decision)["grant_id"]
