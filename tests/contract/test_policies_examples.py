"""Every policy decides its own permitted and its own denied example, and nothing else decides them by accident.

The examples lie beside the policies, in ``config/policies/examples``: officials run them with ``xueji policy test``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import cedarpy
import pytest
from cedarpy import pst

from gateway.errors import ParameterError
from gateway.policies.decision import ACTIONS, DEFAULT_DENY, Action
from gateway.policies.policy_set import LoadedSet
from gateway.policies.questions import Example, example_of, load_examples, question_of
from tests.factories.policies import CONFIG, decision_point, rule_book


@cache
def examples() -> dict[str, Example]:
    return {example.policy: example for example in load_examples((CONFIG / "policies" / "examples",))}


@cache
def only(names: frozenset[str]) -> LoadedSet:
    """Return the set of the named policies alone."""
    current = decision_point().current
    nodes = cedarpy.PolicySet.from_str(rule_book().policies.policies).to_pst().static_policies
    kept = {name: node for name, node in nodes.items() if node.annotations["id"] in names}
    assert len(kept) == len(names)
    by_action = {}
    for action in ACTIONS:
        speaking = {name: node for name, node in kept.items() if action in current.by_id[current.names[name]].actions}
        alone = pst.PolicySet(templates={}, static_policies=speaking, template_links=())
        by_action[action] = cedarpy.PolicySet.from_pst(alone)
    return replace(current, by_action=by_action)


def of_effect(effect: str) -> frozenset[str]:
    return frozenset(name for name, policy in decision_point().policies.items() if policy.effect == effect)


def test_every_policy_has_both_examples_and_no_example_lacks_its_policy() -> None:
    assert set(examples()) == set(decision_point().policies)


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_are_decided_by_exactly_their_policy(name: str) -> None:
    example, whole = examples()[name], decision_point().current
    policy = whole.by_id[name]
    without = only(frozenset(whole.by_id) - {name})
    permitted, denied = example.permitted.put(whole), example.denied.put(whole)
    assert example.permitted.action == example.denied.action
    assert example.permitted.action in policy.actions
    assert permitted.errors == denied.errors == ()
    assert permitted.allowed
    assert not denied.allowed
    if policy.effect == "permit":
        assert permitted.policy_ids == (name,)
        assert not example.permitted.put(without).allowed
        # no forbid denies it by accident: the policy's own condition does
        assert (denied.policy_ids, denied.policy) == ((), DEFAULT_DENY)
    else:
        assert denied.policy_ids == (name,)
        # by nobody else: without it the very same question is permitted
        assert example.denied.put(without).allowed
        assert example.permitted.put(without).allowed


@pytest.mark.parametrize("name", sorted(examples()))
def test_no_other_permit_has_a_part_in_an_example(name: str) -> None:
    """With every other permit taken out nothing changes; with its own taken out too nothing passes."""
    example, whole = examples()[name], decision_point().current
    forbids = of_effect("forbid")
    permitted, denied = example.permitted.put(whole), example.denied.put(whole)
    if name in forbids:
        # one permit carries the permitted example, and the same one would carry the denied example
        (carrier,) = permitted.policy_ids
        kept = only(forbids | {carrier})
        assert example.denied.put(only((forbids - {name}) | {carrier})).policy_ids == (carrier,)
    else:
        kept = only(forbids | {name})
    assert example.permitted.put(kept) == permitted
    assert example.denied.put(kept) == denied
    assert not example.permitted.put(only(forbids)).allowed


def test_every_action_of_the_program_is_in_the_schema_and_permitted_to_someone() -> None:
    point = decision_point()
    for action in Action:
        assert f'"{action}"' in rule_book().policies.schema
        assert point.permits_for(action)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"action": "apply"},
        {"action": "fly", "principal": {"account": "st-x", "roles": []}, "resource": {"type": "System"}},
        {"action": "apply", "principal": {"account": "st-x", "roles": ["king"]}, "resource": {"type": "System"}},
        {"action": "apply", "principal": {"account": "st-x", "roles": [], "age": 3}, "resource": {"type": "System"}},
        {"action": "apply", "principal": {"account": "st-x", "roles": []}, "resource": {}},
        {"action": "apply", "principal": {"account": "st-x", "roles": []}, "resource": {"type": "System"}, "x": 1},
    ],
)
def test_an_example_that_cannot_be_read_says_which(told: dict[str, object]) -> None:
    with pytest.raises(ParameterError) as error:
        question_of("some-policy", told)
    assert "some-policy" in error.value.detail


def test_an_example_of_one_half_is_refused() -> None:
    with pytest.raises(ParameterError) as error:
        example_of("some-policy", {"permitted": {}})
    assert "[denied]" in error.value.detail


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text("[permitted", encoding="utf-8")
    with pytest.raises(ParameterError) as error:
        load_examples((tmp_path,))
    assert "one.toml" in error.value.detail
