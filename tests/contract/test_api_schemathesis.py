"""The whole OpenAPI document, driven as nine kinds of callers: no 5xx, no breach of the schema, problems with rules.

Examples, coverage and fuzzing of Schemathesis, with a fixed seed. In ``make test`` each case goes to one caller in
turn; ``make soak`` sends each to all of them, with more of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.problems import CATALOGUE
from tests.factories.api import Gateway, gateway
from tests.factories.api_ids import harvest, without_limits

PROBLEM = "application/problem+json"
PEOPLE = ("applicant-bus", "recorder", "approver", "registrar", "secadmin", "sysadmin", "inspector")
CALLERS = ("nobody", "client", *PEOPLE)
ENDS_THE_SESSION = {"sessions_sign_out", "sessions_sign_out_everywhere", "sessions_end_session"}
"""Left out: they would leave the rest of the run to nobody."""
PATHS_WITH_SLASHES = {"log_hash_tile"}
RULED = frozenset(
    {
        "account-sealed",
        "application-incomplete",
        "assessment-refused",
        "forbidden",
        "grant-ended",
        "ground-refused",
        "leak-suspected",
        "recipient-suspended",
        "scope-exceeded",
    }
)
"""Problems that an article always stands behind: their documents carry ``rule`` and ``basis``."""


@dataclass(frozen=True)
class Effort:
    """How much is sent: random examples of an operation, one of so many coverage cases, to one caller or to all."""

    examples: int
    every: int
    all_callers: bool


LIGHT = Effort(examples=2, every=12, all_callers=False)
HEAVY = Effort(examples=40, every=1, all_callers=True)


@dataclass
class World:
    """A running gateway, tokens of its callers, ids that lead to something, and what was called."""

    gateway: Gateway
    tokens: dict[str, str | None]
    ids: dict[str, dict[str, Any]]
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("schemathesis")
    with without_limits(), gateway(directory, pupils=120, worker=True) as found:
        ids = harvest(found)
        tokens: dict[str, str | None] = {"nobody": None, "client": found.client("bus")}
        tokens |= {name: found.person(name) for name in PEOPLE}
        yield World(found, tokens, ids)


def test_every_operation_answers_as_its_document_says(world: World) -> None:
    drive(world, LIGHT)
    called = {status for _, status in world.statuses}
    done = {name for name, status in world.statuses if status < 300}
    assert {200, 201, 401, 403, 404, 409, 422} <= called, "the run reached too little to prove anything"
    assert len(done) >= 60
    assert {"audit_entry", "alerts_get_alert", "applications_get_application", "extracts_get_manifest"} <= done
    assert {"grants_get_grant", "grants_my_permissions", "recipients_list_recipients", "registry_subject_of"} <= done


@pytest.mark.soak
def test_every_operation_answers_every_caller_as_its_document_says(world: World) -> None:
    drive(world, HEAVY)


def drive(world: World, effort: Effort) -> None:
    """Send the cases of every operation; report every operation that breaks its document, not the first alone."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", world.gateway.app)
    broken: dict[str, str] = {}
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an invalid operation must end the test
        name = operation.definition.raw["operationId"]
        if name in ENDS_THE_SESSION | PATHS_WITH_SLASHES:
            continue
        try:
            _test_of(operation, schema, world, name, effort)()
        except Unsatisfiable:
            continue  # there is nothing to choose
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  all of them are told at the end
            broken[f"{operation.method.upper()} {operation.path}"] = _told(error)
    assert broken == {}, "\n\n".join(f"{where}\n{what}" for where, what in broken.items())


def _test_of(operation: Any, schema: Any, world: World, name: str, effort: Effort) -> Callable[[], None]:  # noqa: ANN401
    """Return the Hypothesis test of one operation: its examples, its coverage, and random cases."""
    number, sound = iter(range(1_000_000)), iter(range(1_000_000))

    def send(case: Any) -> None:  # noqa: ANN401
        turn = next(number)
        if case.meta is not None and case.meta.phase.name.value == "coverage" and turn % effort.every:
            return
        # the first case with nothing wrong goes to everybody, at something that is there: somebody may do it
        first = _is_sound(case) and next(sound) == 0
        known = world.ids.get(case.operation.path)
        if known is not None and (first or (turn // effort.every % 2 == 0 and _path_is_sound(case))):
            case.path_parameters = {**case.path_parameters, **known}
        callers = CALLERS if effort.all_callers or first else (CALLERS[turn % len(CALLERS)],)
        for caller in callers:
            _send(world, case, caller, name)

    config = HypothesisTestConfig(
        project=schema.config,
        modes=[HypothesisTestMode.EXAMPLES, HypothesisTestMode.COVERAGE, HypothesisTestMode.FUZZING],
        settings=settings(
            max_examples=effort.examples,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
        seed=20261123,
    )
    made: Callable[[], None] = create_test(operation=operation, test_func=send, config=config)
    return made


def _told(error: BaseException) -> str:
    """Return what broke, in some lines."""
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_told(one) for one in error.exceptions)[:2000]
    return f"{type(error).__name__}: {error}"[:1200]


def _is_sound(case: Any) -> bool:  # noqa: ANN401
    """Say whether nothing is wrong with a case."""
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def _path_is_sound(case: Any) -> bool:  # noqa: ANN401
    """Say whether the path is not what is wrong with a case."""
    if _is_sound(case):
        return True
    return not any(
        getattr(place, "value", str(place)) in {"path_parameters", "path"} and info.mode is GenerationMode.NEGATIVE
        for place, info in case.meta.components.items()
    )


def _send(world: World, case: Any, caller: str, name: str) -> None:  # noqa: ANN401
    token = world.tokens[caller]
    if caller == "client" and world.statuses[name, 401]:
        token = world.tokens["client"] = world.gateway.client("bus")  # an access token lives for five minutes
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = case.call(headers=headers)
    world.statuses[name, answer.status_code] += 1
    case.validate_response(answer, headers=headers, checks=CHECKS)


def errors_are_problems(_context: Any, response: Any, case: Any) -> None:  # noqa: ANN401
    """Check that every error is RFC 9457 with a type of the catalogue and its rule, or RFC 6749 at OAuth."""
    if case.path != "/readyz":
        assert response.status_code < 500, f"{case.method} {case.path}: {response.status_code} {response.text[:300]}"
    if response.status_code < 400 or case.path == "/readyz":
        return
    told = response.json()
    if case.path.startswith("/oauth/"):
        assert isinstance(told["error"], str)
        return
    assert response.headers["content-type"][0] == PROBLEM
    kind = told["type"].removeprefix("/problems/")
    assert kind in CATALOGUE
    assert told["status"] == response.status_code
    if kind in RULED:
        assert told.get("rule"), f"{case.method} {case.path}: {kind} names no rule: {told.get('detail')}"
        assert told["basis"].startswith("晋教〔2026〕1号")


CHECKS = [
    errors_are_problems,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
