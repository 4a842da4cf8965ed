"""Whoever is refused at a door of the registry or of the audit trail is in the trail (A50-13)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.api import Gateway, gateway


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("doors")) as found:
        yield found


def _newest(program: Gateway) -> dict[str, object]:
    answer = program.call("GET", "/v1/audit/entries?kind=access.refused&limit=1", token=program.person("inspector"))
    items = answer.get_json()["items"]
    return dict(items[0]["content"]) if items else {}


@pytest.mark.rule("A50-13")
@pytest.mark.parametrize(
    ("who", "method", "path", "act"),
    [
        ("recorder", "GET", "/v1/audit/entries", "read_audit"),
        ("sysadmin", "GET", "/v1/audit/entries/0", "read_audit"),
        ("approver", "POST", "/v1/audit/packages", "export_audit"),
        ("approver", "GET", "/v1/registry/students?school=1401050001&reason=test", "read_registry"),
        ("secadmin", "GET", "/v1/registry/forms/annex-1", "import_registry"),
        ("executor", "GET", "/v1/registry/cases", "read_cases"),
    ],
)
def test_a_refusal_at_a_door_is_recorded_with_who_and_what(
    program: Gateway, who: str, method: str, path: str, act: str
) -> None:
    refused = program.call(method, path, {} if method == "POST" else None, token=program.person(who))
    assert refused.status_code == 403
    entry = _newest(program)
    assert entry["outcome"] == "refused"
    facts = entry["facts"]
    assert isinstance(facts, dict)
    assert facts["act"] == act
    actor = entry["actor"]
    assert isinstance(actor, dict)
    permitted = program.call("GET", "/v1/me/permissions", token=program.person(who)).get_json()
    assert actor["id"] == permitted["account"]


@pytest.mark.rule("A50-13")
def test_who_is_let_in_leaves_no_refusal_and_a_menu_asks_without_a_trace(program: Gateway) -> None:
    before = _newest(program)
    assert program.call("GET", "/v1/audit/entries", token=program.person("inspector")).status_code == 200
    assert program.call("GET", "/v1/me/permissions", token=program.person("recorder")).status_code == 200
    assert _newest(program) == before
