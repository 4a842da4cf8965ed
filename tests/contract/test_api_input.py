"""What the API does with requests that are not what they should be: every one is a problem, none is half understood."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.api.access import MAX_BODY_BYTES
from gateway.demo import people
from tests.factories.api import Gateway, gateway

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("input")) as found:
        yield found


def problem(answer: TestResponse, status: int, name: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == PROBLEM
    found: dict[str, Any] = answer.get_json()
    assert (found["type"], found["status"]) == (f"/problems/{name}", status)
    return found


def body(**changes: object) -> dict[str, object]:
    return {**people.application("bus", date.today()), **changes}  # noqa: DTZ011  the server checks it in Shanghai time


def raw(world: Gateway, content: bytes, media: str = "application/json") -> TestResponse:
    token = world.person("applicant-bus")
    return world.web().post(
        "/v1/applications", data=content, content_type=media, headers={"Authorization": f"Bearer {token}"}
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"draft": true', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b"nul", b'{"a": 1}{"b": 2}'],
)
def test_what_is_not_json_is_a_bad_request(world: Gateway, content: bytes) -> None:
    problem(raw(world, content), 400, "bad-request")


@pytest.mark.parametrize("content", [b"null", b"[]", b'"x"', b"7", b'{"draft": true, "draft": false}'])
def test_json_that_is_no_object_or_says_a_thing_twice_is_refused(world: Gateway, content: bytes) -> None:
    told = problem(raw(world, content), 422, "invalid-input")
    assert told["errors"][0]["pointer"] == "#"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_content_type_is_unsupported(world: Gateway, media: str) -> None:
    problem(raw(world, json.dumps(body()).encode(), media), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unknown": 1}, "#"),
        ({"reasons": "x"}, "#"),
        ({"draft": "true"}, "#/draft"),
        ({"draft": 1}, "#/draft"),
        ({"reason": 7}, "#/reason"),
        ({"reason": ""}, "#/reason"),
        ({"reason": "a\u0000b"}, "#/reason"),
        ({"responsible": "a\nb"}, "#/responsible"),
        ({"scope": None}, "#/scope"),
        ({"scope": {}}, "#/scope/purpose"),
    ],
)
def test_a_member_that_does_not_fit_is_pointed_at(world: Gateway, changes: dict[str, object], pointer: str) -> None:
    answer = world.call("POST", "/v1/applications", body(**changes), token=world.person("applicant-bus"))
    told = problem(answer, 422, "invalid-input")
    assert pointer in [one["pointer"] for one in told["errors"]]


def test_a_lone_surrogate_is_refused_and_not_stored(world: Gateway) -> None:
    text = json.dumps(body()).replace('"reason": "', '"reason": "\\ud800')
    assert raw(world, text.encode()).status_code in {400, 422}


def test_an_unknown_member_is_not_repeated_but_a_near_one_is_told(world: Gateway) -> None:
    token = world.person("applicant-bus")
    answer = world.call("POST", "/v1/applications", body(**{"王小明14010520100101123X": 1, "reasn": 2}), token=token)
    told = problem(answer, 422, "invalid-input")
    assert "王小明" not in answer.text
    assert "14010520100101123X" not in answer.text
    assert any("'reason'" in one["detail"] for one in told["errors"])


def test_a_value_that_does_not_fit_is_not_repeated(world: Gateway) -> None:
    answer = world.call(
        "POST",
        "/v1/applications/ap-none/basis",
        {"ground": {"kind": "王小明", "determined_on": "140105201001011234"}},
        token=world.person("recorder"),
    )
    problem(answer, 422, "invalid-input")
    assert "王小明" not in answer.text
    assert "140105201001011234" not in answer.text


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1&limit=2", "unknown=1", "since=2026-11-23", "since=1700000000", "before=-1"]
)
def test_query_parameters_are_as_strict_as_bodies(world: Gateway, query: str) -> None:
    answer = world.call("GET", f"/v1/audit/entries?{query}", token=world.person("inspector"))
    told = problem(answer, 422, "invalid-input")
    assert told["errors"]


def test_a_search_with_all_sorts_of_parameters_is_understood(world: Gateway) -> None:
    query = "limit=5&since=2026-01-01T00:00:00Z&kind=account.created&before=100000"
    assert world.call("GET", f"/v1/audit/entries?{query}", token=world.person("inspector")).status_code == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(world: Gateway) -> None:
    class Unread(io.RawIOBase):
        def readinto(self, _buffer: object) -> int:
            raise AssertionError("the body was read")

    answer = world.web().post(
        "/v1/applications",
        content_type="application/json",
        headers={"Authorization": f"Bearer {world.person('applicant-bus')}"},
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)},
    )
    problem(answer, 413, "too-large")


def test_somebody_unknown_is_refused_before_the_body_is_looked_at(world: Gateway) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer"},
    ):
        answer = world.web().post("/v1/applications", data=b"{", content_type="text/plain", headers=headers)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_wrong_method_names_the_right_ones(world: Gateway) -> None:
    answer = world.call("DELETE", "/v1/applications", token=world.person("applicant-bus"))
    problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/v1/applications/ap-none",
        "/v1/applications/%00",
        "/v1/applications/%F0%9F%98%80",
        f"/v1/applications/{'a' * 200}",
        "/v1/audit/entries/99999999999999999999999",
        "/v1/grants/..%2F..%2Fetc",
    ],
)
def test_a_path_that_names_nothing_is_not_found(world: Gateway, path: str) -> None:
    problem(world.call("GET", path, token=world.person("inspector")), 404, "not-found")


@pytest.mark.parametrize("path", ["/log/tile/0/zzz", "/log/tile/0/000.p/300", "/log/tile/9/000", "/log/tile/0/..%2F.."])
def test_a_tile_that_does_not_exist_is_not_found(world: Gateway, path: str) -> None:
    problem(world.call("GET", path), 404, "not-found")
    assert world.call("GET", "/log/tile/0/000.p/1").status_code == 200


def test_options_tells_the_methods_and_head_the_headers(world: Gateway) -> None:
    answer = world.call("OPTIONS", "/v1/applications")
    assert answer.status_code == 200
    assert "POST" in answer.headers["Allow"]
    token = world.person("applicant-bus")
    head = world.call("HEAD", "/v1/applications", token=token)
    assert (head.status_code, head.data) == (200, b"")
    assert world.call("HEAD", "/v1/applications").status_code == 401


def test_a_draft_is_edited_and_a_submitted_application_is_not(world: Gateway) -> None:
    token = world.person("applicant-bus")
    made = world.call("POST", "/v1/applications", body(draft=True), token=token).get_json()
    path = f"/v1/applications/{made['id']}"
    changed = world.call("PUT", path, body(reason="改正后的理由", version=made["version"]), token=token)
    assert changed.status_code == 200, changed.text
    assert (changed.get_json()["reason"], changed.get_json()["state"]) == ("改正后的理由", "draft")
    problem(world.call("PUT", path, body(version=made["version"]), token=token), 409, "stale-version")
    problem(world.call("PUT", path, body(), token=world.person("applicant-books")), 404, "not-found")
    assert world.call("POST", f"{path}/submission", {}, token=token).status_code == 200
    told = problem(world.call("PUT", path, body(), token=token), 409, "wrong-state")
    assert set(told["missing"]) == {"draft", "returned"}


def test_a_returned_application_is_edited_and_submitted_again(world: Gateway) -> None:
    token = world.person("applicant-bus")
    path = f"/v1/applications/{world.call('POST', '/v1/applications', body(), token=token).get_json()['id']}"
    decision = {"decision": "return", "reason": "请补充防护措施"}
    returned = world.call("POST", f"{path}/decision", decision, token=world.person("approver"))
    assert returned.get_json()["state"] == "returned"
    edited = world.call("PUT", path, body(protection="专网传输，双人保管，到期销毁。"), token=token)
    assert (edited.status_code, edited.get_json()["protection"]) == (200, "专网传输，双人保管，到期销毁。")
    again = world.call("POST", f"{path}/submission", {}, token=token).get_json()
    assert again["state"] == "submitted"
    assert [one["act"] for one in again["history"]][-3:] == ["returned", "edited", "resubmitted"]
