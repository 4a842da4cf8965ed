"""Sweeps over the whole document: no unknown member is taken anywhere, and nobody reads what is another's."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from gateway.api.routes import ROUTES
from gateway.db import metadata
from tests.factories.api import Gateway, gateway
from tests.factories.api_ids import harvest, open_account, without_limits

UNKNOWN = {
    "approver": "st-somebody",
    "grant_id": "gr-somebody",
    "id": "ap-somebody",
    "is_admin": True,
    "policy": "permit-all",
    "recorder": "st-somebody",
    "rule": "A50-9",
    "state": "granted",
    "status": "approved",
    "uses_left": 999,
    "__proto__": {},
}
"""Members that a body might be smuggled with; those that a model has are left out."""


FREE = frozenset({"values", "claims", "keys", "jwks", "credential"})
"""Objects whose members are data: values of a procedure, claims to be checked, keys, a passkey's answer.

Their rooms check them."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with without_limits(), gateway(tmp_path_factory.mktemp("sweeps"), pupils=120) as found:
        yield found


@pytest.fixture(scope="module")
def ids(world: Gateway) -> dict[str, dict[str, Any]]:
    return harvest(world)


@pytest.fixture(scope="module")
def document(world: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = world.call("GET", "/openapi.json").get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


# mass assignment


def counts(world: Gateway) -> dict[str, int]:
    """Return the number of rows of every table of both databases: nothing is changed where nothing is added."""
    found: dict[str, int] = {}
    for url in (world.settings.gateway_url, world.settings.registry_url):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            names = sa.inspect(connection).get_table_names()
            for name in names:
                found[f"{url[-11:]}.{name}"] = connection.execute(
                    sa.select(sa.func.count()).select_from(sa.table(name))
                ).scalar_one()
        engine.dispose()
    assert len(found) > len(metadata.tables)
    return found


def valid_bodies(world: Gateway) -> Iterator[tuple[str, str, Any, str]]:
    """Yield path, method, a body that fits the document, and its media type, of every operation with a JSON body."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", world.app)
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid operation must end the test
        media = list(operation.definition.raw.get("requestBody", {}).get("content", {}))
        if not media or operation.path.startswith("/oauth/"):  # RFC 6749 section 3.2: unknown ones are ignored
            continue
        yield operation.path, operation.method.upper(), _drawn(operation), media[0]


def _drawn(operation: Any) -> Any:  # noqa: ANN401
    """Return one body that fits the document."""
    bodies: list[Any] = []

    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @settings(
        max_examples=1,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def draw(case: Any) -> None:  # noqa: ANN401
        bodies.append(case.body)

    draw()
    return bodies[0]


def objects(body: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    """Yield every object of a JSON body with its place."""
    if isinstance(body, dict):
        yield place, body
        for name, value in body.items():
            yield from objects(value, f"{place}/{name}")
    if isinstance(body, list):
        for number, value in enumerate(body):
            yield from objects(value, f"{place}/{number}")


def test_no_body_takes_a_member_that_its_model_does_not_have(
    world: Gateway, ids: dict[str, dict[str, Any]], document: dict[str, Any]
) -> None:
    token = world.person("recorder")
    before, tried, taken = counts(world), 0, []
    for path, method, body, media in valid_bodies(world):
        if media != "application/json":
            continue
        schema = document["paths"][path][method.lower()]["requestBody"]["content"][media]["schema"]
        model = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        unknown = {name: value for name, value in UNKNOWN.items() if name not in model["properties"]}
        for name, value in unknown.items():
            answer = world.call(method, path.format(**params(ids, path)), {**body, name: value}, token=token)
            tried += 1
            if answer.status_code != 422 or "nobody knows" not in answer.text:
                taken.append(f"{method} {path} took '{name}': {answer.status_code} {answer.text[:200]}")
    assert taken == []
    assert tried > 400
    assert counts(world) == before


def test_no_object_below_takes_one_either(world: Gateway, ids: dict[str, dict[str, Any]]) -> None:
    token, tried, taken = world.person("recorder"), 0, []
    before = counts(world)
    for path, method, body, media in valid_bodies(world):
        if media != "application/json":
            continue
        for place, _ in list(objects(body))[1:]:
            if FREE & set(place.split("/")):
                continue
            changed = copy.deepcopy(body)
            dict(objects(changed))[place]["smuggled"] = True
            answer = world.call(method, path.format(**params(ids, path)), changed, token=token)
            tried += 1
            if answer.status_code != 422 or answer.get_json()["type"] != "/problems/invalid-input":
                taken.append(f"{method} {path} took a member at {place}: {answer.status_code} {answer.text[:200]}")
    assert taken == []
    assert tried >= 3
    assert counts(world) == before


def test_no_query_takes_a_parameter_that_nobody_knows(
    world: Gateway, ids: dict[str, dict[str, Any]], document: dict[str, Any]
) -> None:
    taken, tried = [], 0
    for path, method, operation in operations(document):
        if method != "GET" or not any(one["in"] == "query" for one in operation["parameters"]):
            continue
        answer = world.call(
            method, path.format(**params(ids, path)), token=world.person("inspector"), query_string={"smuggled": "1"}
        )
        tried += 1
        if answer.status_code != 422:
            taken.append(f"{method} {path}: {answer.status_code}")
    assert taken == []
    assert tried > 10


def params(ids: dict[str, dict[str, Any]], path: str) -> dict[str, Any]:
    """Return values for the parameters of a path: known ones, else such as nothing has."""
    import re

    known = ids.get(path, {})
    return {name: known.get(name, 1) for name in re.findall(r"\{(\w+)\}", path)}


# the ids of others


@pytest.mark.rule("A50-11")
@pytest.mark.rule("A50-13")
def test_nobody_reads_what_is_anothers_by_its_id(
    world: Gateway, ids: dict[str, dict[str, Any]], document: dict[str, Any]
) -> None:
    strangers = {
        "another recipient's applicant": world.person("applicant-books"),
        "another recipient's system": world.client("aid"),
        "a data officer of another city": open_account(world, "far-data", ["data_officer"], "140200"),
        "an approver of another city": open_account(world, "far-approver", ["approving_officer"], "140200"),
        "a security administrator of another city": open_account(
            world, "far-security", ["security_administrator"], "140200"
        ),
    }
    seen: list[str] = []
    tried: set[str] = set()
    for path, method, operation in operations(document):
        endpoint = operation["operationId"].replace("_", ".", 1)
        guard = _guard(operation["operationId"])
        if method != "GET" or "{" not in path or not operation["security"] or guard == "session":
            continue
        if path not in ids:
            continue
        for who, token in strangers.items():
            answer = world.call(method, path.format(**ids[path]), token=token, query_string=_query(operation))
            tried.add(path)
            if answer.status_code not in {403, 404}:
                seen.append(f"{who} at {path} ({endpoint}): {answer.status_code} {answer.text[:160]}")
    assert seen == []
    assert {
        "/v1/alerts/{alert_id}",
        "/v1/applications/{application_id}",
        "/v1/audit/entries/{index}",
        "/v1/extracts/{extract_id}",
        "/v1/extracts/{extract_id}/manifest",
        "/v1/extracts/{extract_id}/content",
        "/v1/grants/{grant_id}",
        "/v1/grants/{grant_id}/extracts",
    } <= tried


@pytest.mark.rule("A50-11")
def test_nobody_acts_on_what_is_anothers_by_its_id(world: Gateway, ids: dict[str, dict[str, Any]]) -> None:
    strangers = {
        "another recipient's applicant": world.person("applicant-books"),
        "another recipient's system": world.client("aid"),
        "a data officer of another city": open_account(world, "far-actor", ["data_officer"], "140200"),
    }
    acted: list[str] = []
    before = {name: rows for name, rows in counts(world).items() if not _trail(name)}
    bodies = list(valid_bodies(world))
    random.Random(20261123).shuffle(bodies)
    for path, method, body, media in bodies:
        if path not in ids or media != "application/json" or _guard_of(world, path, method) in {"session", "none"}:
            continue
        for who, token in strangers.items():
            answer = world.call(method, path.format(**ids[path]), body, token=token)
            if answer.status_code < 400:
                acted.append(f"{who} at {method} {path}: {answer.status_code} {answer.text[:160]}")
    assert acted == []
    assert {name: rows for name, rows in counts(world).items() if not _trail(name)} == before


def _trail(name: str) -> bool:
    """Say whether a table holds the trail, into which every refusal goes, or the limits of guessing."""
    return any(part in name for part in ("log_", "audit_", "account_attempts", "outbox", "reads"))


def _guard(operation_id: str) -> str:
    return next(guard.gate for name, guard in ROUTES.items() if name.replace(".", "_") == operation_id)


def _guard_of(world: Gateway, path: str, method: str) -> str:
    document = world.call("GET", "/openapi.json").get_json()
    return _guard(document["paths"][path][method.lower()]["operationId"])


def _query(operation: dict[str, Any]) -> dict[str, str]:
    """Return what the query of a reading must have."""
    return {
        one["name"]: "测试用途" if one["name"] == "reason" else "st-somebody"
        for one in operation["parameters"]
        if one["in"] == "query" and one.get("required")
    }
