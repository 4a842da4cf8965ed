"""Statistics over HTTP: ask, accuracy, budget, CSV, refusals, the console's pages, the shell."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import g
from werkzeug.test import TestResponse

from gateway.cli import statistics as command
from gateway.console import statistics as console
from gateway.demo import people
from gateway.ids import AccountId, RecipientId
from gateway.keyring import Key
from gateway.principals import AccountKind, Principal, Role
from gateway.releases.manifest import verify_manifest
from gateway.releases.statistics import counting
from gateway.remote import Answer, UnexpectedAnswerError
from tests.factories.api import Gateway, gateway
from tests.factories.statistics_pages import Browser

SCOPE: dict[str, Any] = {
    "purpose": "textbook-order",
    "profile": "school-places-statistics",
    "level": "statistics",
    "fields": ["county", "stage", "grade", "sex", "boarding"],
    "population": {"territory": "140000"},
    "uses": 6,
    "row_cap": 5_000_000,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("statistics"), pupils=400) as found:
        yield found


def grant_of(world: Gateway, **scope: Any) -> str:  # noqa: ANN401  members of the scope
    """Take an application of the textbook company for statistics to its grant."""
    today = date.today()  # noqa: DTZ011
    body: dict[str, Any] = dict(people.application("textbook", today))
    body["scope"] = {**body["scope"], **SCOPE, "valid_to": (today + timedelta(days=90)).isoformat(), **scope}
    made = world.call("POST", "/v1/applications", body, token=world.person(people.APPLICATIONS["textbook"]))
    assert made.status_code == 201, made.text
    path = f"/v1/applications/{made.get_json()['id']}"
    ground = {"ground": people.government_approval()}
    assert world.call("POST", f"{path}/basis", ground, token=world.person("recorder")).status_code == 200
    assert world.call("POST", f"{path}/confirmation", {}, token=world.person("confirmer")).status_code == 200
    decided = world.call("POST", f"{path}/decision", {"decision": "approve"}, token=world.person("approver"))
    assert decided.status_code == 200, decided.text
    return str(decided.get_json()["grant_id"])


@pytest.fixture(scope="module")
def grant(world: Gateway) -> str:
    return grant_of(world)


def ask(world: Gateway, grant: str, body: dict[str, Any], caller: str = "books", **more: Any) -> TestResponse:  # noqa: ANN401
    return world.call("POST", f"/v1/grants/{grant}/statistics", body, token=world.client(caller), **more)


def test_a_table_comes_with_margins_report_and_a_manifest_that_holds(world: Gateway, grant: str) -> None:
    body = {"dimensions": ["stage", "sex"], "measures": ["count", "share"]}
    answer = ask(world, grant, body)
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["fresh"], told["derived"], told["state"]) == (True, False, "ready")
    assert len(told["cells"]) == 6
    total = told["margins"][-1]
    assert total["key"] == {"stage": "*", "sex": "*"}
    assert abs(total["count"] - 400) <= 3 * total["half_width_95"]
    assert told["report"]["cost"]["epsilon"] == pytest.approx(0.4)
    key: Any = world.process.services.keyring.verifying(Key.GRANT)
    claims = verify_manifest(told["manifest"], key)
    assert claims["content_sha256"] == told["content_sha256"]
    assert hashlib.sha256(told["content"].encode()).hexdigest() == claims["content_sha256"]
    assert claims["grant"] == grant
    again = ask(world, grant, {"dimensions": [{"field": "sex"}, {"field": "stage"}], "measures": ["share", "count"]})
    assert again.get_json()["fresh"] is False
    assert again.get_json()["content"] == told["content"]


def test_the_same_rows_come_as_csv(world: Gateway, grant: str) -> None:
    ask(world, grant, {"dimensions": ["stage", "sex"]})
    answer = ask(world, grant, {"dimensions": ["stage", "sex"]}, headers={"Accept": "text/csv"})
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {"stage", "stage_label", "sex", "count", "suppressed", "half_width_95"} <= set(rows[0])
    plain = ask(world, grant, {"dimensions": ["stage", "sex"]}).get_json()
    assert [row["count"] for row in rows] == [
        "" if cell["count"] is None else str(cell["count"]) for cell in [*plain["cells"], *plain["margins"]]
    ]


def test_accuracy_and_budget_are_told_and_cost_nothing(world: Gateway, grant: str) -> None:
    path = f"/v1/grants/{grant}/statistics"
    token = world.client("books")
    before = world.call("GET", f"{path}/budget", token=token).get_json()
    body = {"dimensions": ["grade"], "epsilon": 0.2}
    told = world.call("POST", f"{path}/accuracy", body, token=token).get_json()
    assert told["cost"]["epsilon"] == pytest.approx(0.2)
    assert told["covered"] is True
    assert told["cells"] == 12
    finer = world.call("POST", f"{path}/accuracy", {**body, "epsilon": 0.8}, token=token).get_json()
    assert finer["half_width_95"] < told["half_width_95"]
    assert world.call("GET", f"{path}/budget", token=token).get_json() == before
    assert [one for one in world.call("GET", path, token=token).get_json()["items"] if one["epsilon"] == 0.2] == []


def test_officers_see_questions_and_budget_and_are_told_no_number(world: Gateway, grant: str) -> None:
    known = ask(world, grant, {"dimensions": ["stage", "sex"]}).get_json()["id"]
    path = f"/v1/grants/{grant}/statistics"
    token = world.person("executor")
    listed = world.call("GET", path, token=token)
    assert known in [one["id"] for one in listed.get_json()["items"]]
    assert all(one["cells"] is None and one["content"] is None for one in listed.get_json()["items"])
    asked = world.call("POST", path, {"dimensions": ["stage", "sex"]}, token=token)
    assert asked.status_code == 200
    assert asked.get_json()["cells"] is None
    assert asked.get_json()["content"] is None
    looked = world.call("GET", f"{path}/{known}", token=token)
    assert looked.status_code == 403
    told = world.call("GET", f"{path}/{known}", token=world.client("books"))
    assert told.status_code == 200
    assert told.get_json()["cells"] is not None


@pytest.mark.parametrize(
    ("body", "status", "missing"),
    [
        ({"dimensions": ["nothing"]}, 403, "fields"),
        ({"dimensions": [{"field": "county", "level": "village"}]}, 422, "dimensions"),
        ({"dimensions": [{"field": "county", "level": "*"}]}, 422, "dimensions"),
        ({"measures": ["sex"]}, 422, "measures"),
        ({"epsilon": 5}, 422, "epsilon"),
        ({"stages": ["kindergarten"]}, 422, "stages"),
        ({"stages": ["primary"], "grades": ["31"]}, 422, "grades"),
        ({"territory": "150000"}, 403, "territory"),
        ({"purpose": "research"}, 403, "purpose"),
        ({"measures": []}, 422, None),
        ({"epsilon": -1}, 422, None),
        ({"colour": "red"}, 422, None),
    ],
)
def test_what_the_grant_does_not_allow_is_refused_and_costs_nothing(
    world: Gateway, grant: str, body: dict[str, Any], status: int, missing: str | None
) -> None:
    path = f"/v1/grants/{grant}/statistics/budget"
    before = world.call("GET", path, token=world.client("books")).get_json()
    answer = ask(world, grant, body)
    assert answer.status_code == status, answer.text
    if missing is not None:
        assert missing in answer.get_json()["missing"]
    assert world.call("GET", path, token=world.client("books")).get_json() == before


def test_a_stranger_does_not_learn_that_there_is_such_a_grant(world: Gateway, grant: str) -> None:
    body = {"dimensions": ["sex"]}
    there = ask(world, grant, body, "bus")
    nowhere = ask(world, "gr-nothing", body, "bus")
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.get_json()["detail"] == nowhere.get_json()["detail"]
    for path in (f"/v1/grants/{grant}/statistics", f"/v1/grants/{grant}/statistics/budget"):
        assert world.call("GET", path, token=world.client("bus")).status_code == 404


def test_an_extract_of_this_level_is_refused(world: Gateway, grant: str) -> None:
    answer = world.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}, token=world.client("books"))
    assert answer.status_code in {403, 422}


def test_the_console_shows_accuracy_first_and_the_recipient_the_table(world: Gateway, grant: str) -> None:
    known = ask(world, grant, {"dimensions": ["stage", "sex"]}).get_json()["id"]
    officer = Browser(world, "executor")
    page = officer.get(f"/grants/{grant}/statistics")
    assert page.status_code == 200
    assert "隐私预算" in page.text
    form = {"dimensions": ["grade"], "measures": ["count"], "epsilon": "0.2", "mechanism": "laplace"}
    estimated = officer.post(f"/grants/{grant}/statistics", {**form, "act": "accuracy"})
    assert "预计精度" in estimated.text
    assert "0.2" in estimated.text
    asked = officer.post(f"/grants/{grant}/statistics", {**form, "dimensions": ["stage", "sex"], "act": "ask"})
    assert "数值只提供给接收方" in asked.text
    applicant = Browser(world, people.APPLICATIONS["textbook"])
    refused = applicant.get(f"/grants/{grant}/statistics/{known}")
    assert refused.status_code == 403  # a password alone takes no delivery
    assert "第二因素" in refused.text
    recipient = world.call("GET", f"/v1/grants/{grant}", token=world.person("executor")).get_json()["recipient"]
    with world.app.test_request_context(f"/grants/{grant}/statistics/{known}", base_url=world.settings.public_url):
        g.principal = Principal(
            AccountId("st-applicant"),
            AccountKind.STAFF,
            frozenset({Role.APPLICANT}),
            recipient=RecipientId(recipient),
            assurance=2,
        )
        g.settled = True
        shown = world.app.make_response(console.answer(grant, known)).get_data(as_text=True)
    assert "统计表" in shown
    assert "<rect" in shown
    assert "签名清单" in shown


def test_the_last_use_is_spent_and_answers_are_still_read(world: Gateway) -> None:
    grant = grant_of(world, uses=1, population={"territory": "140000", "stages": ["junior"]})
    first = ask(world, grant, {"dimensions": ["sex"], "epsilon": 0.05})
    assert first.status_code == 200, first.text
    second = ask(world, grant, {"dimensions": ["boarding"], "epsilon": 0.05})
    assert second.status_code == 403
    assert second.get_json()["dimension"] == "uses"
    again = ask(world, grant, {"dimensions": ["sex"]})
    assert again.status_code == 200
    assert again.get_json()["cells"] == first.get_json()["cells"]


def test_an_answer_holds_no_count_that_is_hidden(world: Gateway, grant: str) -> None:
    told = ask(world, grant, {"dimensions": ["county", "sex"], "epsilon": 0.3}).get_json()
    content = json.loads(told["content"])
    assert content["labels_hidden"] == sum(one is None for one in content["counts"])
    assert all(one is None or one >= 10 for one in content["counts"])


def test_a_counting_that_failed_is_a_problem_and_asking_again_is_free(
    world: Gateway, grant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_a: object, **_k: object) -> None:
        raise RuntimeError("a bug")

    body = {"dimensions": ["boarding", "stage"], "epsilon": 0.05}
    with monkeypatch.context() as patch:
        patch.setattr(counting, "content_text", broken)
        failed = ask(world, grant, body)
    assert failed.status_code == 409
    assert failed.get_json()["type"] == "/problems/not-ready"
    path = f"/v1/grants/{grant}/statistics/budget"
    before = world.call("GET", path, token=world.client("books")).get_json()["spent"]
    assert ask(world, grant, body).status_code == 200
    assert world.call("GET", path, token=world.client("books")).get_json()["spent"] == before


class Shell:
    """Takes the place of the network for ``xueji statistics``."""

    def __init__(self, world: Gateway) -> None:
        self.world = world

    def caller(self) -> Shell:
        return self

    def request(self, method: str, path: str, body: object = None) -> _Request:
        return _Request(method, path, body)

    def send(self, request: _Request) -> Answer:
        answer = self.world.call(
            request.method, request.path, request.body, token=self.world.client("books"), headers=request.headers
        )
        return Answer(answer.status_code, dict(answer.headers), answer.data)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        return self.send(self.request(method, path, body))


@dataclass
class _Request:
    method: str
    path: str
    body: object
    headers: dict[str, str] = field(default_factory=dict)

    def add_header(self, name: str, value: str) -> None:
        self.headers[name] = value


def test_the_shell_asks_estimates_and_says_what_is_left(
    world: Gateway, grant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(world)
    monkeypatch.setattr(command, "system_of", lambda *_a: shell)
    monkeypatch.setattr(command, "send", shell.send)
    key = tmp_path / "key.json"
    key.write_text("{}", encoding="utf-8")
    common = ["--grant", grant, "--url", "http://x", "--client-id", "cl-x", "--key", str(key)]

    def run(*more: str) -> Result:
        return CliRunner().invoke(command.statistics, [*common, *more])

    told = run("--by", "county@city", "--by", "stage", "--measure", "share", "--accuracy")
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["cells"] == 33
    asked = run("--by", "stage", "--by", "sex", "--out", str(tmp_path / "table.csv"))
    assert asked.exit_code == 0, asked.output
    assert (tmp_path / "table.csv").read_text(encoding="utf-8").startswith("stage,stage_label,stage_level,")
    assert json.loads(run("--budget").output)["limit"]["epsilon"] == 4
    assert json.loads(run("--by", "sex", "--json").output)["state"] == "ready"
    refused = run("--by", "nothing")
    assert isinstance(refused.exception, UnexpectedAnswerError)
    assert "fields" in refused.exception.detail
