"""The floor: a protected forbid that is gone, turned round or emptied is noticed, whatever else the set says."""

from __future__ import annotations

from dataclasses import replace

import cedarpy
import pytest
from cedarpy import pst

from gateway.policies.decision import ACTIONS, Action
from gateway.policies.floor import PROTECTED, SAMPLES, check_floor, unused_actions, weakened
from gateway.policies.policy_set import LoadedSet, PolicySetError
from tests.factories.policies import decision_point, rule_book


def changed(policy: str, node: pst.Template | None) -> LoadedSet:
    """Return the shipped set with one policy replaced, or gone."""
    current = decision_point().current
    nodes = dict(cedarpy.PolicySet.from_str(rule_book().policies.policies).to_pst().static_policies)
    (name,) = (key for key, identifier in current.names.items() if identifier == policy)
    by_id, names = dict(current.by_id), dict(current.names)
    if node is None:
        del nodes[name], by_id[policy], names[name]
    else:
        nodes[name] = node
        by_id[policy] = replace(by_id[policy], effect=node.effect)
    by_action = {}
    for action in ACTIONS:
        kept = {key: one for key, one in nodes.items() if action in current.by_id[current.names[key]].actions}
        by_action[action] = cedarpy.PolicySet.from_pst(
            pst.PolicySet(templates={}, static_policies=kept, template_links=())
        )
    return replace(current, by_id=by_id, names=names, by_action=by_action)


def node_of(policy: str) -> pst.Template:
    nodes = cedarpy.PolicySet.from_str(rule_book().policies.policies).to_pst().static_policies
    return next(node for node in nodes.values() if node.annotations["id"] == policy)


def refused(loaded: LoadedSet, policy: str) -> str:
    (problem,) = (one for one in weakened(loaded) if one.policy == policy)
    assert problem.code == "floor"
    assert policy in problem.zh
    return problem.en


def test_the_shipped_set_stands_on_the_floor_and_permits_every_action_to_somebody() -> None:
    check_floor(decision_point().current)
    assert unused_actions(decision_point().current) == ()


def test_every_forbid_that_is_shipped_is_protected() -> None:
    policies = decision_point().policies
    assert set(PROTECTED) == {name for name, policy in policies.items() if policy.effect == "forbid"}
    for name, protected in PROTECTED.items():
        assert protected.questions, name
        assert {question.action for question in protected.questions} <= {Action(a) for a in policies[name].actions}


@pytest.mark.rule("A50-11")
@pytest.mark.parametrize("policy", sorted(PROTECTED))
def test_a_protected_policy_that_is_gone_is_missed(policy: str) -> None:
    without = changed(policy, None)
    assert "restore it" in refused(without, policy)
    with pytest.raises(PolicySetError) as error:
        check_floor(without)
    assert policy in error.value.detail


@pytest.mark.parametrize("policy", sorted(PROTECTED))
def test_a_protected_policy_that_became_a_permit_is_noticed(policy: str) -> None:
    assert "must be a forbid" in refused(changed(policy, replace(node_of(policy), effect="permit")), policy)


@pytest.mark.parametrize("policy", sorted(PROTECTED))
def test_a_protected_policy_whose_condition_never_holds_is_noticed(policy: str) -> None:
    never = cedarpy.policies_to_pst("forbid (principal, action, resource) when { false };").static_policies["policy0"]
    emptied = replace(node_of(policy), clauses=never.clauses)
    assert "no longer forbids" in refused(changed(policy, emptied), policy)


@pytest.mark.parametrize("policy", sorted(PROTECTED))
def test_each_action_of_a_protected_policy_is_asked_for(policy: str) -> None:
    # who takes one action out of the list is noticed; asked one by one, so that no action hides behind another
    node = node_of(policy)
    if not isinstance(node.action, pst.ActionIn):
        return
    for gone in node.action.entities:
        fewer = tuple(entity for entity in node.action.entities if entity != gone)
        narrowed = replace(node, action=replace(node.action, entities=fewer))
        assert gone.id in refused(changed(policy, narrowed), policy)


def test_a_sample_of_each_resource_fits_the_schema() -> None:
    assert {resource.type for resource in SAMPLES.values()} == set(SAMPLES)
    for name in SAMPLES:
        assert f"entity {name}" in rule_book().policies.schema
