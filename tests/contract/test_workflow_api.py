"""The workflow over HTTP and as pages: what a body may not set, whose ids are whose, versions, races, the register."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from gateway.demo import people
from gateway.policies.records import ApplicationState, GrantPhase, Level
from tests.factories.api import Gateway, gateway

MINE, OTHER = people.APPLICATIONS["bus"], people.APPLICATIONS["textbook"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("house")) as found:
        yield found


def body(**more: Any) -> dict[str, Any]:  # noqa: ANN401  members of a body
    return {**people.application("bus", date.today()), **more}  # noqa: DTZ011


def send(house: Gateway, path: str, data: object, who: str, method: str = "POST") -> TestResponse:
    return house.call(method, path, data, token=house.person(who))


def read(house: Gateway, path: str, who: str) -> dict[str, Any]:
    answer = house.call("GET", path, token=house.person(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def applied(house: Gateway, **more: Any) -> str:  # noqa: ANN401  members of a body
    answer = send(house, "/v1/applications", body(**more), MINE)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def ready(house: Gateway) -> str:
    """Return an application that waits for its decision."""
    one = applied(house)
    ground = {"ground": people.government_approval()}
    assert send(house, f"/v1/applications/{one}/basis", ground, "recorder").status_code == 200
    assert send(house, f"/v1/applications/{one}/confirmation", {}, "confirmer").status_code == 200
    return one


FORGED: dict[str, Any] = {
    "id": "ap-forged", "state": "granted", "applicant": "st-forged", "recipient": "91140100MA0EXAMPLE",
    "unit": "140100",
    "approver": "st-forged", "approver_for": "st-forged", "grant_id": "gr-forged", "ground_recorder": "st-forged",
    "ground_confirmer": "st-forged", "version": 7, "round": 3, "history": [], "created_at": "2026-01-01T00:00:00Z",
    "since": "2026-01-01T00:00:00Z", "due": "2099-01-01", "phase": "granted", "terms_sha256": "00" * 32,
    "hindrances": [],
}  # fmt: skip


@pytest.mark.rule("A50-9")
@pytest.mark.parametrize("member", sorted(FORGED))
def test_no_body_sets_what_the_gateway_sets(house: Gateway, member: str) -> None:
    answer = send(house, "/v1/applications", body(**{member: FORGED[member]}), MINE)
    assert answer.status_code == 422, member
    assert answer.get_json()["type"] == "/problems/invalid-input"


@pytest.mark.rule("A50-9")
def test_no_act_takes_members_that_it_does_not_know(house: Gateway) -> None:
    one = ready(house)
    path = f"/v1/applications/{one}"
    acts: list[tuple[str, dict[str, object], str]] = [
        ("decision", {"decision": "approve", "approver": "st-forged"}, "approver"),
        ("decision", {"decision": "approve", "grant_id": "gr-forged"}, "approver"),
        ("decision", {"decision": "approve", "on_behalf": "st-forged"}, "approver"),
        ("confirmation", {"ground_confirmer": "st-forged"}, "confirmer"),
        ("submission", {"state": "granted"}, MINE),
        ("withdrawal", {"state": "draft"}, MINE),
        ("comments", {"text": "好", "side": "office"}, MINE),
        ("comments", {"text": "好", "account": "st-forged"}, MINE),
    ]
    for part, data, who in acts:
        assert send(house, f"{path}/{part}", data, who).status_code == 422, (part, data)
    found = read(house, path, "approver")
    assert (found["state"], found["grant_id"], found["approver"]) == ("confirmed", None, None)
    reasons: list[dict[str, object]] = [{"reason": "x", "state": "active"}, {"reason": "x", "uses_left": 99}, {}]
    for reason in reasons:
        assert send(house, "/v1/grants/gr-none/suspension", reason, "approver").status_code == 422


@pytest.mark.rule("A50-4")
def test_ids_of_others_look_like_none(house: Gateway) -> None:
    one, grant = applied(house), house.grant("bus")
    for method, path, data in (
        ("GET", f"/v1/applications/{one}", None),
        ("PUT", f"/v1/applications/{one}", body()),
        ("POST", f"/v1/applications/{one}/submission", {}),
        ("POST", f"/v1/applications/{one}/withdrawal", {}),
        ("POST", f"/v1/applications/{one}/comments", {"text": "你好"}),
        ("GET", f"/v1/applications/{one}/comments", None),
        ("GET", f"/v1/grants/{grant}", None),
    ):
        stranger = house.call(method, path, data, token=house.person(OTHER))
        nothing = house.call(
            method, path.replace(one, "ap-none").replace(grant, "gr-none"), data, token=house.person(OTHER)
        )
        assert (stranger.status_code, stranger.get_json()) == (404, nothing.get_json()), path
    assert one not in house.call("GET", "/v1/applications", token=house.person(OTHER)).text
    for act in ("suspension", "resumption", "withdrawal"):
        answer = send(house, f"/v1/grants/{grant}/{act}", {"reason": "试图"}, OTHER)
        assert answer.status_code in {403, 404}


def test_an_act_on_an_old_version_is_a_conflict(house: Gateway) -> None:
    one = applied(house, draft=True)
    path = f"/v1/applications/{one}"
    assert send(house, path, body(version=0, reason="第二稿"), MINE, "PUT").status_code == 200
    for part, data, method in (("", body(version=0), "PUT"), ("/submission", {"version": 0}, "POST"),
                               ("/withdrawal", {"version": 0}, "POST")):  # fmt: skip
        answer = send(house, path + part, data, MINE, method)
        assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/stale-version"), part
    assert read(house, path, MINE)["version"] == 1


@pytest.mark.rule("A50-10")
def test_of_decisions_that_race_one_counts(house: Gateway) -> None:
    one = ready(house)
    version = read(house, f"/v1/applications/{one}", "approver")["version"]
    token, answers = house.person("approver"), []

    def decide(kind: str) -> None:
        data = {"decision": kind, "reason": "并发", "version": version}
        answers.append(house.call("POST", f"/v1/applications/{one}/decision", data, token=token).status_code)

    threads = [threading.Thread(target=decide, args=(kind,)) for kind in ("approve", "refuse", "approve", "return")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    engine = sa.create_engine(house.settings.gateway_url)
    with engine.connect() as connection:
        count = connection.scalar(sa.text("SELECT COUNT(*) FROM grants WHERE application = :one"), {"one": one})
    engine.dispose()
    assert count == (1 if read(house, f"/v1/applications/{one}", "approver")["state"] == "granted" else 0)


def test_a_return_is_answered_in_a_second_round_with_comments_and_deadlines(house: Gateway) -> None:
    one = applied(house)
    path = f"/v1/applications/{one}"
    found = read(house, path, "recorder")
    assert (found["state"], found["phase"], found["round"], found["overdue"]) == ("submitted", "submitted", 1, False)
    assert found["due"] > date.today().isoformat()  # noqa: DTZ011
    assert [one["missing"] for one in found["hindrances"]] == [["ground"]]
    assert (
        send(house, f"{path}/decision", {"decision": "return", "reason": "请缩短期限"}, "approver").status_code == 200
    )
    assert send(house, f"{path}/comments", {"text": "缩短到一个月即可。"}, "recorder").status_code == 201
    smaller = body()
    smaller["scope"]["uses"] = 1
    assert send(house, path, smaller, MINE, "PUT").status_code == 200
    again = send(house, f"{path}/submission", {}, MINE).get_json()
    assert (again["state"], again["phase"], again["round"]) == ("submitted", "resubmitted", 2)
    edited = next(event for event in again["history"] if event["act"] == "edited")
    assert edited["changes"] == [{"member": "uses", "before": "12", "after": "1"}]
    assert edited["post"]
    said = read(house, f"{path}/comments", MINE)["items"]
    assert [(one["side"], one["text"]) for one in said] == [("office", "缩短到一个月即可。")]
    listed = read(house, "/v1/applications?state=submitted&limit=500", "recorder")["items"]
    assert {"id": one, "phase": "resubmitted"} in [{"id": i["id"], "phase": i["phase"]} for i in listed]
    assert all(item["state"] == "submitted" for item in listed)
    assert one not in [item["id"] for item in read(house, "/v1/applications?overdue=true", "recorder")["items"]]
    assert house.call("GET", "/v1/applications?overdue=perhaps", token=house.person("recorder")).status_code == 422


def test_the_terms_are_public_and_an_outdated_version_is_refused(house: Gateway) -> None:
    terms = house.call("GET", "/v1/terms").get_json()
    assert terms["version"] == terms["versions"][-1]["version"]
    assert "销毁" in terms["zh"]
    answer = send(house, "/v1/applications", body(terms_version="2020-1"), MINE)
    assert (answer.status_code, answer.get_json()["missing"]) == (422, ["terms_version"])
    assert answer.get_json()["terms_version"] == terms["version"]
    grant = read(house, f"/v1/grants/{house.grant('bus')}", "approver")
    assert (grant["terms_version"], grant["terms_sha256"]) == (terms["version"], terms["sha256"])


@pytest.mark.rule("A50-12")
def test_a_grant_is_suspended_and_resumed_over_http(house: Gateway) -> None:
    grant = house.grant("bus")
    path = f"/v1/grants/{grant}"
    stopped = send(house, f"{path}/suspension", {"reason": "接收方安全检查"}, "approver").get_json()
    assert (stopped["state"], stopped["phase"], stopped["state_reason"]) == ("suspended", "suspended", "接收方安全检查")
    refused = house.call("POST", f"{path}/extracts", {"format": "csv"}, token=house.client("bus"))
    assert (refused.status_code, refused.get_json()["rule"]) == (403, "A50-12")
    assert send(house, f"{path}/suspension", {"reason": "再次"}, "approver").status_code == 409
    assert send(house, f"{path}/resumption", {"reason": "检查合格"}, "approver").get_json()["state"] == "active"
    assert send(house, f"{path}/withdrawal", {"reason": "不再需要"}, "approver").get_json()["phase"] == "closed"


@pytest.mark.rule("A50-9")
def test_what_may_i_do_tells_limits_days_and_reasons(house: Gateway) -> None:
    grant = house.grant("bus")
    mine = read(house, "/v1/me/permissions", MINE)
    limits = next(one for one in mine["grants"] if one["id"] == grant)
    scope = body()["scope"]
    assert {name: limits[name] for name in ("purpose", "level", "uses", "row_cap")} == {
        name: scope[name] for name in ("purpose", "level", "uses", "row_cap")
    }
    assert limits["fields"] == sorted(scope["fields"])
    assert (limits["uses_left"], limits["phase"], limits["valid_to"]) == (12, "active", scope["valid_to"])
    assert mine["own"]["roles"] == [{"role": "applicant", "until": None, "on_behalf": None}]
    assert mine["own"]["seals_on"] > date.today().isoformat()  # noqa: DTZ011
    why = {(one["action"], one["id"]): one for one in mine["denied"]}
    assert why["execute_release", grant]["policy"] == "applicant-does-not-execute"
    assert why["execute_release", grant]["detail_zh"]
    client = house.call("GET", "/v1/me/permissions", token=house.client("bus")).get_json()
    assert [one["role"] for one in client["own"]["roles"]] == ["applicant", "executor"]
    assert {"action": "execute_release", "id": grant} in [
        {"action": one["action"], "id": one["id"]} for one in client["items"]
    ]


@pytest.mark.rule("A50-10")
def test_the_register_is_public_searchable_and_names_no_person(house: Gateway) -> None:
    grant = house.grant("bus")
    lines = house.call("GET", "/v1/register?q=校车&level=pseudonymous&territory=140000&phase=active").get_json()[
        "items"
    ]
    line = next(one for one in lines if one["grant"] == grant)
    assert (line["approver_unit_name"], line["approver_post"]) == ("山西省", "批准人")
    assert line["purpose_label"]
    assert line["field_labels"]
    assert line["territory_name"] == "山西省"
    assert line["ground_kind"] == "government"
    everything = house.call("GET", "/v1/register").text + house.call("GET", "/v1/register.csv").text
    assert "st-" not in everything
    assert body()["responsible"] not in everything
    rows = list(csv.DictReader(io.StringIO(house.call("GET", "/v1/register.csv?q=校车").text)))
    assert grant in {row["grant"] for row in rows}
    assert house.call("GET", "/v1/register?q=没有这样的单位").get_json() == {"items": []}
    for query in ("level=raw", "territory=1", "on=yesterday", "limit=0", "unknown=1"):
        assert house.call("GET", f"/v1/register?{query}").status_code == 422, query


@pytest.mark.rule("A50-1")
def test_an_officer_with_duties_outstanding_decides_nothing(house: Gateway) -> None:
    """A50-1, A50-2: who has not acknowledged the security rules, or must change the password, is no principal yet."""
    one = applied(house)
    for name, path, data in (
        ("recorder", "basis", {"ground": people.government_approval()}),
        ("approver", "decision", {"decision": "refuse", "reason": "不符"}),
    ):
        officer = house.officers[name]
        token = house.person(name)
        engine = sa.create_engine(house.settings.gateway_url)
        with engine.begin() as connection:
            rules = connection.scalar(
                sa.text("SELECT rules_version FROM accounts WHERE username = :who"), {"who": officer.username}
            )
            connection.execute(
                sa.text("UPDATE accounts SET rules_version = NULL WHERE username = :who"), {"who": officer.username}
            )
        refused = house.call("POST", f"/v1/applications/{one}/{path}", data, token=token)
        assert (refused.status_code, refused.get_json()["type"]) == (403, "/problems/rules-not-acknowledged")
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE accounts SET rules_version = :rules WHERE username = :who"),
                {"rules": rules, "who": officer.username},
            )
        engine.dispose()
    assert read(house, f"/v1/applications/{one}", "recorder")["state"] == "submitted"


def test_the_documents_of_the_api_name_every_new_address(house: Gateway) -> None:
    paths = house.call("GET", "/openapi.json").get_json()["paths"]
    for path, method in (
        ("/v1/applications/{application_id}/comments", "post"),
        ("/v1/applications/{application_id}/withdrawal", "post"),
        ("/v1/grants/{grant_id}/suspension", "post"), ("/v1/grants/{grant_id}/resumption", "post"),
        ("/v1/terms", "get"), ("/v1/register.csv", "get"),
    ):  # fmt: skip
        assert method in paths[path]


@pytest.mark.parametrize(
    ("path", "name", "codes"),
    [
        ("/v1/applications", "state", ApplicationState),
        ("/v1/register", "level", Level),
        ("/v1/register", "phase", GrantPhase),
    ],
)
def test_every_code_can_be_asked_for(house: Gateway, path: str, name: str, codes: type[StrEnum]) -> None:
    for code in codes:
        assert house.call("GET", f"{path}?{name}={code}", token=house.person("recorder")).status_code == 200, code
