"""The OpenAPI document is complete and true: Schemathesis drives every operation of the real program by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api.access import OPEN, SESSION
from gateway.problems import CATALOGUE
from tests.factories.api import Gateway, gateway

PROBLEM = "application/problem+json"
CALLERS = ("recorder", "inspector", "registrar", "books")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("schema"), pupils=120) as found:
        yield found


@pytest.fixture(scope="module")
def document(world: Gateway) -> dict[str, Any]:
    answer = world.call("GET", "/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_route_of_the_api_is_described(world: Gateway, document: dict[str, Any]) -> None:
    wanted = set()
    for rule in world.app.url_map.iter_rules():
        # what wallets call is described by OpenID4VCI and OpenID4VP, the issuer's metadata and the request object;
        # what relying parties call to sign people in, by OpenID Connect and its discovery document
        if rule.endpoint.startswith(("console.", "docs.", "oidc.", "openapi.", "presentation_wallets.", "wallets.")):
            continue
        path = rule.rule.replace("<int:", "{").replace("<path:", "{").replace("<", "{").replace(">", "}")
        wanted |= {(path, method.lower()) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    public = {("/oauth/jwks.json", "get"), ("/.well-known/oauth-authorization-server", "get")}  # RFC 8414, RFC 7517
    assert wanted - public == {(path, method) for path, method, _ in operations(document)}


def test_no_server_is_named_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert "servers" not in document
    assert document["openapi"] == "3.1.0"

    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for child in node.values():
                yield from references(child)
        if isinstance(node, list):
            for child in node:
                yield from references(child)

    schemas = document["components"]["schemas"]
    found = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert found
    assert found <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_each_operation_has_a_tag_a_summary_a_caller_and_its_problems(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    public = {endpoint.replace(".", "_") for endpoint in OPEN}
    session = {endpoint.replace(".", "_") for endpoint in SESSION}
    for path, _method, operation in operations(document):
        name = operation["operationId"]
        assert set(operation["tags"]) <= tags, name
        assert operation["summary"], name
        callers = [next(iter(one)) for one in operation["security"]]
        if name in public or path.startswith("/oauth/"):
            assert callers == [], name
        else:
            assert callers == (["person"] if name in session else ["client", "bound", "person"]), name
        responses = operation["responses"]
        wanted = {"429", "500", "503"} | ({"401", "403"} if callers else set())
        wanted |= {"404"} if "{" in path else set()
        wanted |= {"400", "413"} if "requestBody" in operation else set()
        assert wanted <= set(responses), name
        for status, response in responses.items():
            if int(status) < 400 or path == "/readyz":
                continue
            media = "application/json" if path.startswith("/oauth/") else PROBLEM
            assert list(response["content"]) == [media], (name, status)


def test_every_json_body_has_a_model_that_refuses_unknown_members(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    checked = 0
    for path, _method, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if path.startswith("/oauth/"):
                continue
            schema = schemas[media["schema"]["$ref"].rpartition("/")[2]]
            assert schema["additionalProperties"] is False, path
            checked += 1
    assert checked >= 15


def test_security_schemes_are_bearer_tokens_of_clients_and_of_people(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {name: (one["type"], one.get("scheme", one.get("name"))) for name, one in schemes.items()} == {
        "client": ("http", "bearer"),
        "bound": ("http", "dpop"),
        "proof": ("apiKey", "DPoP"),
        "person": ("http", "bearer"),
    }


def errors_are_problems(_context: Any, response: Any, case: Any) -> None:  # noqa: ANN401
    """Check that every error is RFC 9457 with a type of the catalogue, or RFC 6749 at the OAuth endpoints."""
    assert response.status_code != 500, f"{case.method} {case.path}"
    if response.status_code < 400:
        return
    told = response.json()
    if case.path.startswith("/oauth/"):
        assert isinstance(told["error"], str)
        return
    if case.path == "/readyz":
        return
    assert response.headers["content-type"][0] == PROBLEM
    assert told["type"].removeprefix("/problems/") in CATALOGUE
    assert told["status"] == response.status_code


@pytest.fixture(scope="module")
def ids(world: Gateway) -> dict[str, dict[str, str | int]]:
    """Return what path parameters lead to, so that not every example ends at a 404: by name of the parameter."""
    grant = world.grant("bus")
    found = world.call("GET", f"/v1/grants/{grant}", token=world.person("recorder")).get_json()
    extract = world.call("POST", f"/v1/grants/{grant}/extracts", {"format": "csv"}, token=world.client("bus"))
    return {
        "grant_id": {"grant_id": grant},
        "application_id": {"application_id": found["application"]},
        "extract_id": {"extract_id": extract.get_json()["id"]},
        "index": {"index": 1},
    }


SHORT = {("registrar", GenerationMode.POSITIVE)}
"""What every run sends; the other pairs are sent by ``make soak``, and in part by ``test_api_schemathesis``."""


@pytest.mark.parametrize(
    ("caller", "mode"),
    [
        pytest.param(caller, mode, marks=[] if (caller, mode) in SHORT else pytest.mark.soak)
        for caller in CALLERS
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ],
)
def test_whatever_fits_or_does_not_fit_the_document_is_answered_by_it(
    world: Gateway, ids: dict[str, dict[str, str | int]], caller: str, mode: GenerationMode
) -> None:
    token = world.client(caller) if caller in world.clients else world.person(caller)
    schema = schemathesis.openapi.from_wsgi("/openapi.json", world.app)
    called: set[str] = set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid operation must end the test
        name = operation.definition.raw["operationId"]
        # they end the run; a path has slashes
        if name in {"sessions_sign_out", "sessions_sign_out_everywhere", "log_hash_tile", "audit_entry_bundle"}:
            continue
        parameters = [one["name"] for one in operation.definition.raw["parameters"] if one["in"] == "path"]
        known = ids.get(parameters[0]) if parameters else None
        try:
            strategies = [operation.as_strategy(generation_mode=mode)]
            if known is not None and mode is GenerationMode.POSITIVE:
                strategies.append(operation.as_strategy(generation_mode=mode, path_parameters=known))
            drive(st.one_of(strategies), token)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, name  # there is nothing that could be wrong with the input
            continue
        called.add(name)
    assert len(called) >= (40 if mode is GenerationMode.POSITIVE else 30)


def drive(cases: st.SearchStrategy[Any], token: str) -> None:
    """Send a few examples with the token and check the answers."""

    @given(case=cases)
    @settings(
        max_examples=3,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:  # noqa: ANN401
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    send()


CHECKS = [
    errors_are_problems,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
