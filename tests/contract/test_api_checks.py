"""Checks and matches over HTTP: the shape of answers, sizes, problems, limits of rate, and pages for executors."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from werkzeug.test import TestResponse

from gateway.api import uploads
from gateway.api.limits import STRICT_OF_CALLER
from gateway.cli.matching import _form as multipart
from gateway.demo import people as demo
from gateway.policies.scope import civil_date
from gateway.releases.matches.records import MAX_LIST_BYTES
from tests.factories.api import Gateway, gateway
from tests.factories.checks import UNKNOWN
from tests.factories.matches import workbook

RECIPIENT = "bus"
"""The demo's recipient whose system asks; what it may is in its grants, not in its name."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("checks"), pupils=120, worker=True) as found:
        yield found


def apply(world: Gateway, purpose: str, profile: str, level: str, fields: list[str], **changes: Any) -> str:  # noqa: ANN401  members of the scope
    """Take an application to a grant; return its id."""
    body: dict[str, Any] = demo.application("bus", civil_date(world.process.services.now()))
    body["scope"] |= {"purpose": purpose, "profile": profile, "level": level, "fields": fields, "uses": 12}
    body["scope"] |= {"row_cap": 50, **changes}
    body["scope"]["population"] = {"territory": "140000"}
    made = world.call("POST", "/v1/applications", body, token=world.person(demo.APPLICATIONS["bus"]))
    assert made.status_code == 201, made.text
    path = f"/v1/applications/{made.get_json()['id']}"
    ground = {"ground": demo.government_approval()}
    granted = ""
    for step, payload, who in (
        ("basis", ground, "recorder"),
        ("confirmation", {}, "confirmer"),
        ("decision", {"decision": "approve"}, "approver"),
    ):
        answer = world.call("POST", f"{path}/{step}", payload, token=world.person(who))
        assert answer.status_code == 200, answer.text
        granted = str(answer.get_json()["grant_id"])
    return granted


@pytest.fixture(scope="module")
def checking(world: Gateway) -> str:
    return apply(world, "enrolment-verification", "enrolment-check", "check", ["in_school", "stage"], uses=500)


@pytest.fixture(scope="module")
def matching(world: Gateway) -> str:
    return apply(world, "school-bus", "bus-match", "match", ["school_name", "grade"])


def pupils(world: Gateway) -> list[dict[str, Any]]:
    assert world.source is not None
    rows = world.source.sort("id_number").rows(named=True)
    return [row for row in rows if row["id_number"] and len(row["id_number"]) == 18 and row["id_type"] == "居民身份证"]


def person(reference: str, row: dict[str, Any] | None, **claims: Any) -> dict[str, Any]:  # noqa: ANN401  values of claims
    name, number = (row["name"], row["id_number"]) if row else ("郑无此", UNKNOWN)
    return {"reference": reference, "name": name, "id_number": number, "claims": claims or {"in_school": True}}


def ask(world: Gateway, grant: str, *people: dict[str, Any], **more: Any) -> TestResponse:  # noqa: ANN401  members of the body
    return world.call("POST", f"/v1/grants/{grant}/checks", {"people": list(people), **more}, token=world.client("bus"))


def test_the_answer_is_yes_or_unconfirmed_in_both_languages(world: Gateway, checking: str) -> None:
    row = pupils(world)[0]
    answer = ask(world, checking, person("a-1", row), person("b.2", None))
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert told["answers"] == [
        {"reference": "a-1", "answer": "yes", "answer_zh": "是"},
        {"reference": "b.2", "answer": "unconfirmed", "answer_zh": "未能确认"},
    ]
    assert set(told) == {"check", "answers"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_unknown_wrong_name_and_wrong_claim_have_answers_of_one_size(world: Gateway, checking: str) -> None:
    row = pupils(world)[1]
    wrong = "senior" if row["grade"].startswith("一") else "primary"
    people = [
        person("r", None),
        {**person("r", row), "name": "郑无此"},
        person("r", row, in_school=False),
        person("r", row, in_school=True, stage="junior" if wrong == "primary" and "高" not in row["grade"] else wrong),
    ]
    answers = [ask(world, checking, one) for one in people[:3]]
    assert {answer.status_code for answer in answers} == {200}
    assert len({len(answer.data) for answer in answers}) == 1
    headers = [{k: v for k, v in a.headers.items() if k not in {"Xueji-Request", "Date"}} for a in answers]
    assert headers[0] == headers[1] == headers[2]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"people": []},
        {"people": [{"reference": "1", "name": "王", "id_number": UNKNOWN}]},
        {"people": [person("1", None) | {"claims": {}}]},
        {"people": [person(UNKNOWN, None)]},
        {"people": [person("x" * 41, None)]},
        {"people": [person("王小明", None)]},
        {"people": [person("1", None), person("2", None)]},
        {"people": [person("1", None), person("1", None) | {"id_number": "H12345678"}]},
        {"people": [person(str(n), None) | {"id_number": f"H{n:08}"} for n in range(101)]},
        {"people": [person("1", None) | {"phone": "13800138000"}]},
        {"people": [person("1", None)], "grant": "gr-other"},
        {"people": [person("1", None) | {"claims": {"stage": 1}}]},
    ],
)
def test_bad_input_is_a_problem_that_quotes_nothing(world: Gateway, checking: str, body: dict[str, Any]) -> None:
    answer = world.call("POST", f"/v1/grants/{checking}/checks", body, token=world.client("bus"))
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    assert UNKNOWN not in answer.text
    assert "王" not in answer.text
    assert "郑" not in answer.text


@pytest.mark.rule("A50-9")
def test_a_question_beyond_the_grant_is_a_problem_with_rule_and_dimension(world: Gateway, checking: str) -> None:
    answer = ask(world, checking, person("1", pupils(world)[0], grade="11"))
    assert answer.status_code == 403
    told = answer.get_json()
    assert told["type"] == "/problems/scope-exceeded"
    assert (told["rule"], told["dimension"]) == ("A50-9", "fields")
    assert told["detail_zh"]
    other = ask(world, checking, person("1", pupils(world)[0]), purpose="research").get_json()
    assert other["dimension"] == "purpose"


def test_another_recipient_and_nobody_learn_nothing(world: Gateway, checking: str) -> None:
    body = {"people": [person("1", None)]}
    stranger = next(name for name in world.clients if world.clients[name].recipient != world.clients["bus"].recipient)
    assert world.call("POST", f"/v1/grants/{checking}/checks", body, token=world.client(stranger)).status_code == 404
    assert world.call("POST", f"/v1/grants/{checking}/checks", body).status_code == 401
    assert world.call("POST", "/v1/grants/gr-none/checks", body, token=world.client("bus")).status_code == 404


def test_checks_and_matches_have_limits_of_rate_of_their_own() -> None:
    for endpoint in ("checks.create_check", "matches.create_match"):
        assert STRICT_OF_CALLER[endpoint].get_expiry() == timedelta(minutes=1).total_seconds()
    assert STRICT_OF_CALLER["matches.create_match"].amount < STRICT_OF_CALLER["checks.create_check"].amount


# -- matches


def hand_in(world: Gateway, grant: str, content: bytes, **form: str) -> TestResponse:
    body, media_type = multipart(form, content)
    return world.web().post(
        f"/v1/grants/{grant}/matches",
        data=body,
        content_type=media_type,
        headers={"Authorization": f"Bearer {world.client('bus')}"},
        base_url=world.settings.public_url,
    )


def wait(world: Gateway, extract: str) -> dict[str, Any]:
    """Poll as a client does; the worker runs beside."""
    import time

    for _ in range(600):
        found: dict[str, Any] = world.call("GET", f"/v1/extracts/{extract}", token=world.client("bus")).get_json()
        if found["state"] not in {"queued", "preparing"}:
            return found
        time.sleep(0.05)
    pytest.fail("the worker did not come round")


@pytest.mark.rule("A50-9")
def test_a_workbook_goes_in_and_a_workbook_comes_back_by_row_number(world: Gateway, matching: str) -> None:
    rows = pupils(world)[:3]
    cells = [[n, row["name"], row["id_number"], 5] for n, row in enumerate(rows)] + [[9, "郑无此", UNKNOWN, 5]]
    answer = hand_in(world, matching, workbook(cells), format="xlsx", fields="grade,school_name")
    assert answer.status_code == 202, answer.text
    told = answer.get_json()
    assert (told["level"], told["format"]) == ("match", "xlsx")
    found = wait(world, told["id"])
    assert (found["state"], found["rows"]) == ("ready", 4)
    content = world.call("GET", f"/v1/extracts/{told['id']}/content", token=world.client("bus")).data
    header, *body = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert header == ["row", "matched", "school_name", "grade"]
    assert [line[:2] for line in body] == [["2", "是"], ["3", "是"], ["4", "是"], ["5", "未能确认"]]
    for row in rows:
        assert row["id_number"].encode() not in content
    report = world.call("GET", f"/v1/extracts/{told['id']}/report", token=world.client("bus")).get_json()
    assert report["matched_rows"] == 3


def test_the_same_list_as_json(world: Gateway, matching: str) -> None:
    row = pupils(world)[5]
    body = {"format": "ndjson", "people": [{"row": 17, "name": row["name"], "id_number": row["id_number"]}]}
    answer = world.call("POST", f"/v1/grants/{matching}/matches", body, token=world.client("bus"))
    assert answer.status_code == 202, answer.text
    wait(world, answer.get_json()["id"])
    content = world.call("GET", f"/v1/extracts/{answer.get_json()['id']}/content", token=world.client("bus")).data
    line = json.loads(content)
    assert (line["row"], line["matched"]) == (17, "是")
    assert set(line) == {"row", "matched", "school_name", "grade"}


def test_a_bad_list_is_told_by_row_and_column_without_a_value(world: Gateway, matching: str) -> None:
    row = pupils(world)[0]
    cells = [[1, row["name"], row["id_number"], 0], [2, row["name"], row["id_number"], 0], [3, "", UNKNOWN, 0]]
    answer = hand_in(world, matching, workbook(cells), format="csv")
    assert answer.status_code == 422
    told = answer.get_json()
    assert told["type"] == "/problems/bad-list"
    assert [(one["row"], one["column"]) for one in told["errors"]] == [(3, "C"), (4, "B")]
    assert told["problems"] == 2
    assert row["id_number"] not in answer.text
    assert row["name"] not in answer.text


@pytest.mark.parametrize(
    "form", [{"format": "pdf"}, {"format": "csv", "fields": "school_name;grade"}, {"format": "csv", "titles": "1"}]
)
def test_bad_forms_are_refused(world: Gateway, matching: str, form: dict[str, str]) -> None:
    assert hand_in(world, matching, workbook([[1, "王", UNKNOWN, 1]]), **form).status_code == 422


def test_a_list_that_is_too_large_is_not_read(world: Gateway, matching: str) -> None:
    answer = hand_in(world, matching, b"x" * (MAX_LIST_BYTES + (1 << 20) + uploads.OVERHEAD), format="csv")
    assert answer.status_code == 413


def test_i7_an_uploaded_list_is_never_in_a_temporary_file(
    world: Gateway, matching: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    def refuse(*_a: object, **_k: object) -> None:
        pytest.fail("a temporary file was made")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    padding = "x" * 100_000  # Werkzeug would spool beyond half a megabyte
    text = f"姓名,身份证号,备注\n王小明,{UNKNOWN},{padding}\n" + f",,{padding}\n" * 6
    answer = hand_in(world, matching, text.encode(), format="csv")
    assert answer.status_code == 202, answer.text
    wait(world, answer.get_json()["id"])


# -- the page of an executor


def test_an_executor_hands_in_a_list_on_a_page_and_reads_there_what_is_wrong_with_it(
    world: Gateway, matching: str
) -> None:
    web = world.web()
    one = world.officers["executor"]
    page = web.get("/login", base_url=world.settings.public_url)
    import re

    import pyotp

    def token(text: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        assert found is not None
        return found[1]

    assert one.totp_secret is not None
    web.post(
        "/login",
        data={
            "csrf": token(page.text),
            "username": one.username,
            "password": one.password,
            "totp": pyotp.TOTP(one.totp_secret).now(),
        },
        base_url=world.settings.public_url,
    )
    grant = web.get(f"/grants/{matching}", base_url=world.settings.public_url)
    assert f"/grants/{matching}/matches" in grant.text
    form = web.get(f"/grants/{matching}/matches", base_url=world.settings.public_url)
    assert form.status_code == 200
    assert "上传名单" in form.text
    row = pupils(world)[7]

    def send(content: bytes) -> TestResponse:
        return web.post(
            f"/grants/{matching}/matches",
            data={"csrf": token(form.text), "format": "csv", "file": (io.BytesIO(content), "a.xlsx")},
            base_url=world.settings.public_url,
        )

    wrong = send(workbook([[1, row["name"], row["id_number"][:-1], 0]]))
    assert wrong.status_code == 422
    assert "身份证件号应为 18 位" in wrong.text
    assert row["name"] not in wrong.text
    done = send(workbook([[1, row["name"], row["id_number"], 0]]))
    assert done.status_code == 302, done.text
    shown = web.get(done.headers["Location"], base_url=world.settings.public_url)
    assert shown.status_code == 200


def test_the_description_shows_both_ways_to_hand_in_a_list(world: Gateway) -> None:
    document = world.call("GET", "/openapi.json").get_json()
    body = document["paths"]["/v1/grants/{grant_id}/matches"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}
    assert body["application/json"]["schema"]["$ref"].endswith("/MatchIn")
