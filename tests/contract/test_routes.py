"""Every route is in the table with its gate or the reason why it needs none (I1), and is guarded as the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from apiflask import APIFlask
from werkzeug.routing import Rule

from gateway.api.routes import ROUTES
from gateway.app import create_app
from gateway.keyring import Face
from gateway.policies.decision import Action
from tests.factories.releases import House, make_house, opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("routes")))


@pytest.fixture(scope="module")
def app(house: House) -> APIFlask:
    return create_app(house.services, testing=True)


def rules(app: APIFlask) -> list[Rule]:
    return list(app.url_map.iter_rules())


def calls(app: APIFlask) -> Iterator[tuple[str, str, str]]:
    """Yield endpoint, method and a path of every route; ids are such as nothing has."""
    for rule in rules(app):
        path = re.sub(r"<int:[a-z_]+>", "1", rule.rule)
        path = re.sub(r"<path:[a-z_]+>", "000", path)
        path = re.sub(r"<[a-z_]+>", "xx-none", path)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path


def test_every_route_is_listed_and_every_listed_route_exists(app: APIFlask) -> None:
    existing = {rule.endpoint for rule in rules(app)}
    assert existing - set(ROUTES) == set(), "add these to gateway/api/routes.py or page_routes.py with their gate"
    assert set(ROUTES) - existing == set(), "these are gone: take them out of there"


def test_a_route_that_nobody_listed_would_be_found(house: House) -> None:
    app = create_app(house.services, testing=True)
    app.add_url_rule("/v1/backdoor", endpoint="backdoor", view_func=lambda: "")
    assert {rule.endpoint for rule in rules(app)} - set(ROUTES) == {"backdoor"}


def test_every_guard_gives_a_reason_and_a_policy_names_an_action() -> None:
    actions = {action.value for action in Action}
    for endpoint, guard in ROUTES.items():
        assert guard.reason, endpoint
        if guard.gate == "policy" and not endpoint.endswith("certify_deletion"):
            assert set(re.findall(r"[a-z_]+", guard.reason)) & actions, f"{endpoint}: {guard.reason}"


def test_no_guarded_route_answers_a_caller_who_is_nobody(app: APIFlask) -> None:
    client = app.test_client()
    tried = 0
    for endpoint, method, path in calls(app):
        if ROUTES[endpoint].gate == "none":
            continue
        answer = client.open(path, method=method, json={} if method == "POST" and path.startswith("/v1/") else None)
        tried += 1
        if endpoint.startswith("console."):
            place = answer.headers.get("Location", "")
            to_login = answer.status_code in {302, 303} and place.startswith(("/login", "/family/sign-in"))
            assert to_login or answer.status_code in {400, 401, 403}, f"{method} {path}: {answer.status_code}"
        else:
            # 422: the body is looked at first; nothing was looked up
            assert answer.status_code in {401, 415, 422}, f"{method} {path}: {answer.status_code}"
    assert tried > 60


def test_no_guarded_route_takes_a_token_that_is_made_up(app: APIFlask) -> None:
    client = app.test_client()
    for token in ("made-up", "e30.e30.e30", "a.b.c"):
        for endpoint, method, path in calls(app):
            if ROUTES[endpoint].gate == "none" or endpoint.startswith("console."):
                continue
            answer = client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, json={})
            # whoever has no session is signed out as asked
            expected = {204} if endpoint == "sessions.sign_out" else {401, 415, 422}
            assert answer.status_code in expected, f"{method} {path}: {answer.status_code}"


def test_open_routes_hold_no_identifier_of_any_pupil(app: APIFlask, house: House) -> None:
    client = app.test_client()
    wanted = [value.encode() for value in house.clear_values("id_number", "student_number", "member1_phone")]
    names = [value.encode() for value in house.clear_values("name", "member1_name") if len(value) > 2]
    seen = 0
    for endpoint, method, path in calls(app):
        if ROUTES[endpoint].gate != "none" or method != "GET":
            continue
        body = client.open(path, method=method).data
        assert not any(value in body for value in wanted + names), path
        seen += 1
    assert seen > 10


def test_release_routes_are_the_ones_that_pass_the_gate(app: APIFlask) -> None:
    assert {endpoint for endpoint, guard in ROUTES.items() if guard.gate == "release"} == {
        "checks.create_check", "extracts.get_content", "extracts.get_rows", "console.extracts.content",
        "console.verifier.show", "identity.verify", "oidc.userinfo", "presentations.get_presentation",
        "statistics.ask_statistics", "statistics.get_statistic", "console.statistics.ask", "console.statistics.answer",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("face", "never"),
    [
        (Face.OUTSIDE, ("registry.", "audit.", "console.imports.", "console.classes.", "console.audit.")),
        (Face.FAMILY, ("registry.", "audit.", "extracts.", "applications.", "oauth.", "console.imports.")),
        (Face.OFFICE, ("oauth.", "log.")),
    ],
    ids=str,
)
def test_a_face_serves_no_route_of_another(house: House, face: Face, never: tuple[str, ...]) -> None:
    from dataclasses import replace

    app = create_app(replace(house.services, face=face), testing=True)
    found = {rule.endpoint for rule in rules(app)}
    assert found <= set(ROUTES)
    assert not [endpoint for endpoint in found if endpoint.startswith(never)]
