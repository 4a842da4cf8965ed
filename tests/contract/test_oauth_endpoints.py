"""The OAuth endpoints over Flask's test client: RFC 6749, 7009, 7662, 8414."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from gateway.accounts.assertions import ASSERTION_TYPE
from gateway.api.oauth import METADATA_PATH, blueprint, metadata_of
from gateway.errors import ConfigurationError
from gateway.ids import GrantId, RecipientId
from gateway.principals import Role
from tests.factories.accounts import ISSUER, RECIPIENT, House, Program, make_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = make_house(f"sqlite:///{tmp_path / 'gateway.db'}")
    yield built
    built.close()


@pytest.fixture
def web(house: House) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(blueprint(lambda: house.tokens, public_url=ISSUER))
    return app.test_client()


def post(
    web: FlaskClient, path: str, program: Program, *, base: str = ISSUER, proof: str | None = None, **form: object
) -> TestResponse:
    data: dict[str, Any] = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": program.assertion(), **form}
    kept = {name: value for name, value in data.items() if value is not None}
    return web.post(path, base_url=base, data=kept, headers={} if proof is None else {"DPoP": proof})


def token(
    web: FlaskClient, program: Program, *, base: str = ISSUER, proof: str | None = None, **form: object
) -> TestResponse:
    wanted: dict[str, Any] = {"grant_type": "client_credentials", "scope": "applicant", **form}
    return post(web, "/oauth/token", program, base=base, proof=proof, **wanted)


def proof_of(program: Program, **changes: Any) -> str:  # noqa: ANN401  members of the proof
    return program.prover.proof("POST", f"{ISSUER}/oauth/token", **changes)


def test_a_token_with_a_proof_is_bound_to_its_key_and_introspection_names_it(house: House, web: FlaskClient) -> None:
    program = Program(house, dpop_required=True)
    body = token(web, program, proof=proof_of(program)).get_json()
    assert (body["token_type"], body["expires_in"]) == ("DPoP", 300)
    told = post(web, "/oauth/introspect", program, token=body["access_token"]).get_json()
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", {"jkt": program.prover.jkt})
    assert post(web, "/oauth/revoke", program, token=body["access_token"]).status_code == 200
    assert post(web, "/oauth/introspect", program, token=body["access_token"]).get_json() == {"active": False}


def test_a_proof_that_does_not_hold_is_invalid_dpop_proof(house: House, web: FlaskClient) -> None:
    program = Program(house, dpop_required=True)
    spent = proof_of(program)
    assert token(web, program, proof=spent).status_code == 200
    for proof in (None, spent, "x", f"{proof_of(program)}, {proof_of(program)}", proof_of(program, htm="GET")):
        answer = token(web, program, proof=proof)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_dpop_proof")
        assert answer.headers["Cache-Control"] == "no-store"
    two = web.post(
        "/oauth/token",
        base_url=ISSUER,
        data={"grant_type": "client_credentials", **assertion_of(program)},
        headers=[("DPoP", proof_of(program)), ("DPoP", proof_of(program))],
    )
    assert (two.status_code, two.get_json()["error"]) == (400, "invalid_dpop_proof")
    assert house.journal.kinds().count("account.token_issued") == 1


def assertion_of(program: Program) -> dict[str, str]:
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": program.assertion()}


def test_authorization_details_are_echoed_in_answer_and_introspection(house: House, web: FlaskClient) -> None:
    program = Program(house)
    house.grants.owners = {GrantId("gr-own"): RECIPIENT, GrantId("gr-theirs"): RecipientId("91140100MA0GATEW9X")}
    wanted = [{"type": "xueji_grant", "identifier": "gr-own", "actions": ["extract"]}]
    body = token(web, program, authorization_details=json.dumps(wanted)).get_json()
    assert body["authorization_details"] == wanted
    told = post(web, "/oauth/introspect", program, token=body["access_token"]).get_json()
    assert told["authorization_details"] == wanted
    answers = set()
    for identifier in ("gr-theirs", "gr-nothing"):
        other = json.dumps([{**wanted[0], "identifier": identifier}])
        answer = token(web, program, authorization_details=other)
        answers.add((answer.status_code, answer.text))
    assert len(answers) == 1
    status, text_ = answers.pop()
    assert status == 400
    assert '"invalid_authorization_details"' in text_


def test_a_client_gets_a_bearer_token_that_is_not_cached(house: House, web: FlaskClient) -> None:
    program = Program(house)
    answer = token(web, program)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.get_json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "applicant")
    assert house.tokens.principal_of_token(body["access_token"]).account == program.id


def test_every_failure_of_a_client_is_one_answer(house: House, web: FlaskClient) -> None:
    program = Program(house)
    spent = program.assertion()
    assert token(web, program, client_assertion=spent).status_code == 200
    answers = {
        (answer.status_code, answer.text)
        for answer in [
            token(web, program, client_assertion=spent),
            token(web, program, client_assertion=program.assertion(sub="cl-nobody", iss="cl-nobody")),
            token(web, program, client_assertion=program.assertion(aud=[ISSUER, "https://evil.example"])),
            token(web, program, client_assertion="x.y.z"),
            token(web, program, client_assertion=None),
            token(web, program, client_assertion_type=None),
            token(web, program, client_assertion=None, client_assertion_type=None, client_id=program.id),
            token(web, program, client_id="cl-another"),
            token(
                web,
                program,
                client_assertion=None,
                client_assertion_type=None,
                client_id=program.id,
                client_secret="x",
            ),
        ]
    }
    assert len(answers) == 1
    status, body = answers.pop()
    assert status == 400
    assert '"invalid_client"' in body


def test_http_authentication_is_answered_with_401(house: House, web: FlaskClient) -> None:
    answer = web.post(
        "/oauth/token", base_url=ISSUER, data={"grant_type": "client_credentials"}, auth=(Program(house).id, "secret")
    )
    assert answer.status_code == 401
    assert answer.get_json()["error"] == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("scope", ["applicant relying_party", "inspector"])
def test_a_scope_in_excess_is_invalid_scope(house: House, web: FlaskClient, scope: str) -> None:
    answer = token(web, Program(house), scope=scope)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("grant", [None, "password", "authorization_code", "refresh_token"])
def test_other_grants_are_unsupported_and_not_repeated(house: House, web: FlaskClient, grant: str | None) -> None:
    answer = token(web, Program(house), grant_type=grant)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unsupported_grant_type")
    assert grant is None or grant not in answer.text


def test_parameters_in_the_url_or_twice_or_as_json_are_refused(house: House, web: FlaskClient) -> None:
    program = Program(house)
    in_url = web.post(f"/oauth/token?client_assertion={program.assertion()}", base_url=ISSUER, data={"grant_type": "x"})
    twice = token(web, program, scope=["applicant", "applicant"])
    as_json = web.post("/oauth/token", base_url=ISSUER, json={"grant_type": "client_credentials"})
    large = token(web, program, padding="x" * 40_000)
    for answer, status in ((in_url, 400), (twice, 400), (as_json, 400), (large, 413)):
        assert (answer.status_code, answer.get_json()["error"]) == (status, "invalid_request")
        assert answer.headers["Cache-Control"] == "no-store"


def test_plain_http_is_refused_whatever_the_host_header_says(house: House, web: FlaskClient) -> None:
    for base in ("http://gateway.example", "http://localhost", "http://127.0.0.1"):
        answer = post(
            web, "/oauth/token", Program(house), base=base, grant_type="client_credentials", scope="applicant"
        )
        assert (answer.status_code, answer.get_json()["error"]) == (400, "insecure_transport")
    assert "account.token_issued" not in house.journal.kinds()


def test_a_further_grant_is_answered_by_its_own_over_tls_and_with_single_parameters(house: House) -> None:
    seen: list[str] = []

    def answer(form: Mapping[str, str], headers: Headers) -> Response:
        seen.append(form["code"] + headers.get("DPoP", ""))
        return Response("{}")

    app = Flask(__name__)
    app.register_blueprint(blueprint(lambda: house.tokens, public_url=ISSUER, grants={"urn:wallet": answer}))
    web = app.test_client()
    wanted = {"grant_type": "urn:wallet", "code": "c"}
    found = web.post("/oauth/token", base_url=ISSUER, data=wanted, headers={"DPoP": "p"})
    assert (found.status_code, found.headers["Cache-Control"], seen) == (200, "no-store", ["cp"])
    for base, data in (("http://gateway.example", wanted), (ISSUER, {**wanted, "code": ["a", "b"]})):
        assert web.post("/oauth/token", base_url=base, data=data).status_code == 400
    assert seen == ["cp"]
    assert "urn:wallet" in web.get(METADATA_PATH).get_json()["grant_types_supported"]


@pytest.mark.parametrize(
    "public_url", ["http://gateway.example", "https://gateway.example/", "https://gateway.example/x", "gateway.example"]
)
def test_a_public_url_that_is_not_secure_or_not_bare_is_refused(house: House, public_url: str) -> None:
    with pytest.raises(ConfigurationError):
        blueprint(lambda: house.tokens, public_url=public_url)
    assert blueprint(lambda: house.tokens, public_url="http://127.0.0.1:8080").name == "oauth"


def test_introspection_shows_a_client_its_own_tokens_only(house: House, web: FlaskClient) -> None:
    program, other = Program(house), Program(house)
    value = token(web, program).get_json()["access_token"]
    own = post(web, "/oauth/introspect", program, token=value, token_type_hint="refresh_token").get_json()
    assert own["active"] is True
    assert (own["client_id"], own["scope"], own["iss"]) == (program.id, "applicant", ISSUER)
    for foreign in (
        post(web, "/oauth/introspect", other, token=value),
        post(web, "/oauth/introspect", program, token="x.y.z"),
    ):
        assert (foreign.status_code, foreign.get_json()) == (200, {"active": False})
    assert post(web, "/oauth/introspect", program).get_json()["error"] == "invalid_request"
    unproven = web.post("/oauth/introspect", base_url=ISSUER, data={"token": value})
    assert unproven.get_json()["error"] == "invalid_client"


def test_a_revoked_token_is_inactive_at_once(house: House, web: FlaskClient) -> None:
    program, other = Program(house), Program(house)
    value = token(web, program).get_json()["access_token"]
    assert post(web, "/oauth/revoke", other, token=value).get_json()["error"] == "invalid_grant"
    assert post(web, "/oauth/introspect", program, token=value).get_json()["active"] is True
    for _ in range(2):
        assert post(web, "/oauth/revoke", program, token=value, token_type_hint="unknown").status_code == 200
    assert post(web, "/oauth/introspect", program, token=value).get_json() == {"active": False}
    assert post(web, "/oauth/revoke", program, token="not-a-token").status_code == 200


def test_metadata_and_keys_tell_a_client_all_it_needs(house: House, web: FlaskClient) -> None:
    metadata = web.get(METADATA_PATH).get_json()
    assert metadata == metadata_of(ISSUER)
    # Authlib's model wants response types even where there is no authorization endpoint: see metadata_of.
    AuthorizationServerMetadata({**metadata, "response_types_supported": ["code"]}).validate()
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert metadata["dpop_signing_alg_values_supported"] == ["ES256"]
    assert metadata["authorization_details_types_supported"] == ["xueji_grant"]
    assert metadata["scopes_supported"] == sorted([Role.APPLICANT, Role.EXECUTOR, Role.RELYING_PARTY])
    for name in ("jwks_uri", "token_endpoint", "introspection_endpoint", "revocation_endpoint"):
        path = metadata[name].removeprefix(ISSUER)
        assert web.options(path).status_code == 200
    keys = web.get("/oauth/jwks.json").get_json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "use", "alg", "kid"}]


def test_a_lost_database_answers_503_and_issues_nothing(house: House, web: FlaskClient) -> None:
    """I8."""
    program = Program(house)
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE account_clients RENAME TO gone"))
    answer = token(web, program)
    assert (answer.status_code, answer.get_json()) == (503, {"error": "temporarily_unavailable"})
    assert answer.headers["Retry-After"] == "5"


def test_no_token_and_no_assertion_is_logged(house: House, web: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    program = Program(house)
    assertion = program.assertion()
    with caplog.at_level(logging.DEBUG):
        value = token(web, program, client_assertion=assertion).get_json()["access_token"]
        token(web, program, client_assertion=assertion)
    assert value not in caplog.text
    assert assertion not in caplog.text
