"""Every policy decides its own permitted and its own denied example, and nothing else decides them by accident."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cedarpy import policies_from_json_str, policies_to_json_str

from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import DEFAULT_DENY, Action, Circumstances, Decision, DecisionPoint, Resource
from gateway.principals import AccountKind, Principal, Role
from tests.factories.policies import decision_point, rule_book

EXAMPLES = Path(__file__).parent / "policies"


def _examples() -> dict[str, dict[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("*.toml"))}


def _ask(point: DecisionPoint, example: dict[str, Any]) -> Decision:
    who = example["principal"]
    principal = Principal(
        account=AccountId(who["account"]),
        kind=AccountKind(who.get("kind", "staff")),
        roles=frozenset(Role(role) for role in who["roles"]),
        unit=UnitCode(who["unit"]) if "unit" in who else None,
        recipient=RecipientId(who["recipient"]) if "recipient" in who else None,
        assurance=who.get("assurance", 2),
        mandate=frozenset(who["mandate"]) if "mandate" in who else None,
    )
    what = dict(example["resource"])
    resource = Resource(what.pop("type"), what.pop("id", "one"), what)
    circumstances = Circumstances(
        separation=example.get("separation", "three"),
        territory_within=example.get("territory_within", True),
        errand=example.get("errand", ""),
    )
    return point.decide(principal, Action(example["action"]), resource, circumstances)


def _without(policy: str) -> DecisionPoint:
    """Return the decision point of the same set with one policy taken out."""
    book = rule_book()
    document = json.loads(policies_to_json_str(book.policies.policies))
    kept = {name: node for name, node in document["staticPolicies"].items() if node["annotations"]["id"] != policy}
    assert len(kept) == len(document["staticPolicies"]) - 1
    text = policies_from_json_str(json.dumps({**document, "staticPolicies": kept}))
    return DecisionPoint(replace(book.policies, policies=text), book.sha256)


def test_every_policy_has_both_examples_and_no_example_lacks_its_policy() -> None:
    examples = _examples()
    assert set(examples) == set(decision_point().policies)
    assert all(set(example) == {"permitted", "denied"} for example in examples.values())


@pytest.mark.parametrize("name", sorted(_examples()))
def test_the_examples_are_decided_by_exactly_their_policy(name: str) -> None:
    example = _examples()[name]
    point, without = decision_point(), _without(name)
    policy = point.policies[name]
    permitted, denied = _ask(point, example["permitted"]), _ask(point, example["denied"])
    assert example["permitted"]["action"] == example["denied"]["action"]
    assert example["permitted"]["action"] in policy.actions
    assert permitted.errors == denied.errors == ()
    assert permitted.allowed
    assert not denied.allowed
    if policy.effect == "permit":
        assert permitted.policy_ids == (name,)
        assert _ask(without, example["permitted"]) == Decision(allowed=False, policy_ids=())
        # no forbid denies it by accident: the policy's own condition does
        assert (denied.policy_ids, denied.policy) == ((), DEFAULT_DENY)
    else:
        assert denied.policy_ids == (name,)
        assert _ask(without, example["denied"]).allowed
        assert _ask(without, example["permitted"]) == permitted


def test_every_action_of_the_program_is_in_the_schema_and_permitted_to_someone() -> None:
    point = decision_point()
    for action in Action:
        assert f'"{action}"' in rule_book().policies.schema
        assert point.permits_for(action)
