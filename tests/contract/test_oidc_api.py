"""Signing in, as a relying party's system sees it over HTTP: what it is given, and what it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.demo import people, registry
from gateway.ids import AccountId
from tests.factories import sign_in_web
from tests.factories.api import Gateway
from tests.factories.sign_in_web import AT, WANTED, Guardian, assertion, guardian_session, push, redeem, userinfo
from tests.factories.wallets import subject_of

world, child, session = sign_in_web.world, sign_in_web.child, sign_in_web.session


def test_both_metadata_documents_are_one_and_name_what_there_is(world: Gateway) -> None:
    documents = [
        world.call("GET", f"/.well-known/{name}").get_json()
        for name in ("openid-configuration", "oauth-authorization-server")
    ]
    assert documents[0] == documents[1]
    told: Mapping[str, Any] = documents[0]
    assert told["issuer"] == AT
    assert told["require_pushed_authorization_requests"] is True
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["pre-authorized_grant_anonymous_access_supported"] is True
    assert told["subject_types_supported"] == ["pairwise"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["id_token_signing_alg_values_supported"] == ["ES256"]
    assert set(told["grant_types_supported"]) >= {"authorization_code", "client_credentials"}
    assert {"openid", "student"} <= set(told["scopes_supported"])
    routes = {rule.rule for rule in world.app.url_map.iter_rules()}
    endpoints = [value for name, value in told.items() if name.endswith("_endpoint")] + [told["jwks_uri"]]
    assert len(endpoints) == 8
    assert {address.removeprefix(AT) for address in endpoints} <= routes


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": "made-up"},
        {"client_assertion_type": "password"},
        {"client_assertion": ""},
        {"client_id": "cl-nobody"},
    ],
)
def test_nobody_pushes_a_request_without_proving_the_client(world: Gateway, changes: dict[str, str]) -> None:
    answer = push(world, **changes)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_client")
    assert redeem(world, "code", **changes).get_json()["error"] == "invalid_client"


def test_a_pushed_request_is_a_form_with_each_parameter_once(world: Gateway) -> None:
    form = {**WANTED, **assertion(world)}
    for answer in (
        world.web().post("/oauth/par?scope=openid", data=form, base_url=AT),
        world.web().post("/oauth/par", json=form, base_url=AT),
        world.web().post("/oauth/par", data={**form, "scope": ["openid", "openid"]}, base_url=AT),
    ):
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    too_long = world.web().post("/oauth/par", data={**form, "claims": "x" * 40_000}, base_url=AT)
    assert too_long.status_code == 413
    used = assertion(world)
    assert world.web().post("/oauth/par", data={**WANTED, **used}, base_url=AT).status_code == 201
    assert world.web().post("/oauth/par", data={**WANTED, **used}, base_url=AT).status_code == 400  # a replay


def test_a_client_that_is_no_relying_party_pushes_nothing(world: Gateway) -> None:
    answer = push(world, "bus")
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unauthorized_client")


def test_what_the_grant_does_not_cover_is_said_in_words(world: Gateway) -> None:
    answer = push(world, claims='{"userinfo": {"county": null}}')
    told = answer.get_json()
    assert (answer.status_code, told["error"]) == (400, "invalid_scope")
    assert "county" in told["error_description"]
    assert "county" in told["error_description_zh"]


def test_a_code_comes_once_and_its_replay_ends_the_token(world: Gateway, session: str) -> None:
    code = Guardian(world, session).code()
    first = redeem(world, code)
    assert first.status_code == 200
    again = redeem(world, code)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    ended = userinfo(world, first.get_json()["access_token"])
    assert ended.status_code == 401
    assert ended.headers["WWW-Authenticate"].startswith('Bearer realm="xueji", error="invalid_token"')


def test_userinfo_takes_a_token_of_a_sign_in_and_no_other(world: Gateway, session: str) -> None:
    for token in (world.client("library"), session, world.person("inspector"), "made-up"):
        answer = userinfo(world, token)
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")
    assert world.web().get("/oauth/userinfo", base_url=AT).status_code == 401
    token = redeem(world, Guardian(world, session).code()).get_json()["access_token"]
    for path in ("/v1/me/permissions", "/v1/grants"):
        assert world.call("GET", path, token=token).status_code == 401  # and it opens nothing else
    assert world.web().get(f"/oauth/userinfo?access_token={token}", base_url=AT).status_code == 401


def test_a_relying_party_revokes_its_token(world: Gateway, session: str) -> None:
    token = redeem(world, Guardian(world, session).code()).get_json()["access_token"]
    for client, expected in (("library", 200), ("reading", 401)):
        done = world.web().post("/oauth/revoke", data={"token": token, **assertion(world, client)}, base_url=AT)
        assert done.status_code == 200
        assert userinfo(world, token).status_code == expected


def test_addresses_are_registered_by_who_keeps_the_organisation(world: Gateway) -> None:
    key = ECKey.generate_key("P-256")
    path = f"/v1/recipients/{people.LIBRARY}/clients"
    keeper = world.person("secadmin")
    body: dict[str, Any] = {
        "roles": ["relying_party"],
        "jwks": {"keys": [{k: v for k, v in key.as_dict(private=False).items() if k in {"kty", "crv", "x", "y"}}]},
        "sign_in": {"redirect_uris": ["https://a.example/cb", "https://b.example/cb"]},
    }
    assert world.call("POST", path, body, token=keeper).status_code == 422  # two hosts, no sector
    body["sign_in"]["sector_identifier"] = "a.example"
    made = world.call("POST", path, body, token=keeper)
    assert made.status_code == 201, made.text
    told = made.get_json()
    assert (told["redirect_uris"], told["sector_identifier"]) == (body["sign_in"]["redirect_uris"], "a.example")
    change = f"{path}/{told['client_id']}/sign-in"
    for bad in ("http://a.example/cb", "https://a.example/cb#x"):
        assert world.call("POST", change, {"redirect_uris": [bad]}, token=keeper).status_code == 422
    wanted = {"redirect_uris": ["https://c.example/cb"], "post_logout_redirect_uris": ["https://c.example/"]}
    changed = world.call("POST", change, wanted, token=keeper).get_json()
    assert (changed["redirect_uris"], changed["sector_identifier"]) == (["https://c.example/cb"], "c.example")
    assert world.call("POST", change, {}, token=keeper).get_json()["redirect_uris"] == []
    assert world.call("POST", change, wanted, token=world.person("recorder")).status_code == 403
    body["roles"] = ["applicant"]
    assert world.call("POST", path, body, token=keeper).status_code == 422


def test_the_log_tells_who_answered_whom_and_holds_no_subject(world: Gateway, session: str, child: str) -> None:
    told = redeem(world, Guardian(world, session).code()).get_json()
    sub = userinfo(world, told["access_token"]).get_json()["sub"]
    found = world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    kinds = {one["content"]["kind"] for one in found}
    assert {"identity.signed_in", "identity.sign_in_redeemed", "identity.userinfo_answered", "release.intent"} <= kinds
    text = json.dumps(found, ensure_ascii=False)
    assert not [one for one in (sub, child, told["access_token"], "state-1") if one in text]
    assert AccountId(world.clients["reading"].client_id) in text


@pytest.mark.rule("A50-15")
def test_a_record_that_is_suspended_ends_sign_ins_by_itself(world: Gateway) -> None:
    """The registry's outbox carries it over; nobody tells the provider."""
    assert world.source is not None
    school = world.source["school_code"][0]
    path = f"/v1/registry/students?school={school}&reason=identity"
    student = world.call("GET", path, token=world.person("registrar")).get_json()["items"][0]["student_id"]
    guardian = Guardian(world, guardian_session(world, subject_of(world)))
    token = redeem(world, guardian.code()).get_json()["access_token"]
    assert userinfo(world, token).status_code == 200
    registry.suspend(world.process, student)
    assert userinfo(world, token).status_code == 401
    worker = world.process.worker
    assert worker is not None
    while worker.round():
        pass
    found = world.call("GET", "/v1/audit/entries?limit=200", token=world.person("inspector")).get_json()["items"]
    ended = [one["content"] for one in found if one["content"]["kind"] == "identity.sign_ins_ended"]
    assert ended[0]["facts"] == {"ended": 1, "state": "suspended"}
    where = guardian.open()
    assert "没有可以登录该服务的学生" in guardian.get(where).text
