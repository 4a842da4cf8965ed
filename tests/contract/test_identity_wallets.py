"""Wallets over HTTP: the whole way from an offer to credentials, and errors as OpenID4VCI has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.errors import ConflictError
from gateway.identity import sd_jwt
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.holder import fetch_batch, make_key, make_proof
from gateway.identity.metadata import PRE_AUTHORIZED
from tests.factories.api import Gateway, gateway
from tests.factories.wallets import offer_of, sender

BASE = "http://127.0.0.1:18099"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("wallets"), pupils=100) as found:
        yield found


def token(world: Gateway, offer: dict[str, Any], **changes: str) -> TestResponse:
    code = offer["credential_offer"]["grants"][PRE_AUTHORIZED]["pre-authorized_code"]
    form = {"grant_type": PRE_AUTHORIZED, "pre-authorized_code": code, "tx_code": offer["tx_code"], **changes}
    return world.web().post("/oauth/token", data=form, base_url=BASE)


def post(world: Gateway, path: str, body: object, authorization: str | None = None) -> TestResponse:
    headers = {} if authorization is None else {"Authorization": authorization}
    data = body if isinstance(body, bytes) else json.dumps(body)
    return world.web().post(path, data=data, headers=headers, content_type="application/json", base_url=BASE)


def error(answer: TestResponse) -> tuple[int, str]:
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.get_json()
    assert found["error_description"].isascii()
    return answer.status_code, found["error"]


def test_a_wallet_fetches_a_batch_by_link_uri_or_value_and_tells_what_became_of_it(world: Gateway) -> None:
    now = world.process.services.now
    for form in ("link", "uri", "value"):
        offer = offer_of(world)
        link = offer[form] if form != "value" else f"x://?credential_offer={json.dumps(offer['credential_offer'])}"
        found = fetch_batch(link, offer["tx_code"], 3, send=sender(world.app), now=now, bound=form != "uri")
        assert len({sd_jwt.split(one).issuer_jwt for one in found.credentials}) == 3
        found.notify("credential_accepted")
        with pytest.raises(ConflictError, match="invalid_notification_request"):
            found.notify("credential_lost")
        with pytest.raises(ConflictError, match=r"404|invalid_grant"):
            fetch_batch(link, offer["tx_code"], 1, send=sender(world.app), now=now)


def test_the_offer_is_there_by_reference_until_it_is_used(world: Gateway) -> None:
    offer = offer_of(world)
    path = offer["credential_offer_uri"].removeprefix(BASE)
    answer = world.call("GET", path)
    assert (answer.status_code, answer.get_json()) == (200, offer["credential_offer"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert token(world, offer).status_code == 200
    for gone in (path, "/v1/identity/offers/" + "0" * 32, "/v1/identity/offers/x", "/v1/identity/offers/" + "A" * 32):
        assert error(world.call("GET", gone)) == (404, "invalid_request")


def test_a_token_response_is_of_the_standard_and_never_stored(world: Gateway) -> None:
    details = json.dumps([{"type": "openid_credential", "credential_configuration_id": "student"}])
    answer = token(world, offer_of(world), authorization_details=details)
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    (detail,) = body["authorization_details"]
    assert detail["credential_identifiers"] == ["student-record"]
    assert "authorization_details" not in token(world, offer_of(world)).get_json()


def test_the_token_endpoint_tells_the_errors_of_the_standard(world: Gateway) -> None:
    offer = offer_of(world)
    wrong = f"{(int(offer['tx_code']) + 1) % 10**6:06}"
    assert error(token(world, offer, tx_code=wrong)) == (400, "invalid_grant")
    assert error(token(world, offer, tx_code="")) == (400, "invalid_request")
    assert error(token(world, offer, **{"pre-authorized_code": ""})) == (400, "invalid_request")
    assert error(token(world, offer, authorization_details="[]")) == (400, "invalid_authorization_details")
    assert error(token(world, offer, grant_type="password")) == (400, "unsupported_grant_type")
    in_url = world.web().post("/oauth/token?tx_code=1", data={"grant_type": PRE_AUTHORIZED}, base_url=BASE)
    assert in_url.get_json()["error"] == "invalid_request"
    bad_proof = world.web().post(
        "/oauth/token",
        data={
            "grant_type": PRE_AUTHORIZED,
            "pre-authorized_code": offer["credential_offer"]["grants"][PRE_AUTHORIZED]["pre-authorized_code"],
            "tx_code": offer["tx_code"],
        },
        headers={"DPoP": "a.b.c"},
        base_url=BASE,
    )
    assert error(bad_proof) == (400, "invalid_dpop_proof")
    assert token(world, offer).status_code == 200


def test_the_credential_endpoint_tells_the_errors_of_the_standard(world: Gateway) -> None:
    path = "/v1/identity/credentials"
    for authorization in (None, "Bearer guess", "Basic eDp5", "DPoP guess", "Bearer"):
        answer = post(world, path, {}, authorization)
        assert error(answer) == (401, "invalid_token")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    bearer = f"Bearer {token(world, offer_of(world)).get_json()['access_token']}"
    wish: dict[str, Any] = {"credential_configuration_id": "student", "proofs": {"jwt": ["x.y.z"]}}
    assert error(post(world, path, wish, bearer)) == (400, "invalid_proof")
    unknown = {**wish, "credential_configuration_id": "teacher"}
    assert error(post(world, path, unknown, bearer)) == (400, "unknown_credential_configuration")
    for body in (b"{", b'{"proofs":{},"proofs":{}}', b"[]", b"\xff", b'{"a":NaN}'):
        assert error(post(world, path, body, bearer)) == (400, "invalid_credential_request")
    assert post(world, path, b"[" * 70_000, bearer).status_code == 413
    made_up = make_proof(make_key(), audience=BASE, nonce="made up", now=world.process.services.now())
    assert error(post(world, path, {**wish, "proofs": {"jwt": [made_up]}}, bearer)) == (400, "invalid_nonce")
    nonce = world.call("POST", "/v1/identity/nonce")
    assert nonce.headers["Cache-Control"] == "no-store"
    fresh = make_proof(make_key(), audience=BASE, nonce=nonce.get_json()["c_nonce"], now=world.process.services.now())
    answer = post(world, path, {**wish, "proofs": {"jwt": [fresh]}}, bearer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.get_json()) == {"credentials", "notification_id"}
    notice = {"notification_id": "guess", "event": "credential_deleted"}
    assert error(post(world, "/v1/identity/notifications", notice, bearer)) == (400, "invalid_notification_id")
    assert error(post(world, "/v1/identity/notifications", notice)) == (401, "invalid_token")
    told = {**notice, "notification_id": answer.get_json()["notification_id"]}
    assert post(world, "/v1/identity/notifications", told, bearer).status_code == 204


def test_the_metadata_say_all_that_a_wallet_needs_in_two_languages(world: Gateway) -> None:
    found = world.call("GET", "/.well-known/openid-credential-issuer").get_json()
    assert found["credential_issuer"] == BASE
    assert {name for name in found if name.endswith("_endpoint")} == {
        "credential_endpoint", "nonce_endpoint", "notification_endpoint"
    }  # fmt: skip
    assert found["batch_credential_issuance"] == {"batch_size": 10}
    configurations = found["credential_configurations_supported"]
    assert set(configurations) == {"student", "guardian"}
    for name, configuration in configurations.items():
        assert configuration["format"] == "dc+sd-jwt"
        described = world.call("GET", configuration["vct"].removeprefix(BASE)).get_json()
        assert described["vct"] == configuration["vct"] == f"{BASE}/v1/identity/types/{name}/1"
        claims = configuration["credential_metadata"]["claims"]
        assert [one["path"] for one in claims] == [one["path"] for one in described["claims"]]
        for one in (*claims, *described["claims"], configuration["credential_metadata"]):
            assert [label["locale"] for label in one["display"]] == ["zh-CN", "en"]
    assert {one["path"][0] for one in configurations["student"]["credential_metadata"]["claims"]} == set(CLAIM_LABELS)
    server = world.call("GET", "/.well-known/oauth-authorization-server").get_json()
    assert PRE_AUTHORIZED in server["grant_types_supported"]
    assert server["pre-authorized_grant_anonymous_access_supported"] is True
    assert "openid_credential" in server["authorization_details_types_supported"]


def test_an_offer_of_a_guardians_identity_is_made_by_its_configuration(world: Gateway) -> None:
    offer = offer_of(world, credential_configuration_id="guardian")
    assert offer["credential_offer"]["credential_configuration_ids"] == ["guardian"]
    now = world.process.services.now
    found = fetch_batch(offer["link"], offer["tx_code"], 1, send=sender(world.app), now=now)
    names = {sd_jwt.parse_disclosure(one).name for one in sd_jwt.split(found.credentials[0]).disclosures}
    assert names == {
        "guardian_relation", "guardian_relation_name", "child_stage", "child_grade", "child_county",
        "child_enrolment_status",
    }  # fmt: skip


def test_the_log_knows_every_step_and_no_code(world: Gateway) -> None:
    inspector = world.person("inspector")
    listed = world.call("GET", "/v1/audit/entries?limit=200", token=inspector).get_json()["items"]
    kinds = {one["content"]["kind"] for one in listed}
    assert {"identity.offered", "identity.authorized", "identity.issued", "identity.notified"} <= kinds
    offer = offer_of(world)
    told = token(world, offer).get_json()["access_token"]
    text = json.dumps(world.call("GET", "/v1/audit/entries?limit=200", token=inspector).get_json())
    code = offer["credential_offer"]["grants"][PRE_AUTHORIZED]["pre-authorized_code"]
    for secret in (code, told, offer["credential_offer_uri"].rpartition("/")[2]):
        assert secret not in text
