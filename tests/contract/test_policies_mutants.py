"""Every part of every policy matters: whatever is taken out or turned round, some example or case of the matrix tells.

A part that nothing tells would be one that nobody tested; or one that says nothing and should go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import cedarpy
import pytest

from gateway.policies.decision import Decision
from gateway.policies.policy_set import LoadedSet
from gateway.policies.questions import Example, Question, load_examples
from tests.contract.test_policies_matrix import cases, rows
from tests.factories import policies as make

Node = dict[str, Any]
SAID_TWICE = {
    ("execute-as-client-of-recipient", "without the left of &&"):
        "that only a client does so is also what applicant-does-not-execute says of everybody else",
}  # fmt: skip
"""Parts that nothing can tell because another policy says the same; each must stay so, or it is no longer listed."""


@cache
def nodes() -> dict[str, Node]:
    """Return the policies as Cedar's JSON, by id."""
    document = json.loads(cedarpy.policies_to_json_str(make.rule_book().policies.policies))
    return {node["annotations"]["id"]: node for node in document["staticPolicies"].values()}


@cache
def examples() -> tuple[Example, ...]:
    return load_examples((make.CONFIG / "policies" / "examples",))


def mutants(node: Node) -> Iterator[tuple[str, Node | None]]:
    """Yield ways to break a policy: gone, turned round, its condition gone or negated, one operand gone."""
    yield "gone", None
    yield "turned round", {**node, "effect": "permit" if node["effect"] == "forbid" else "forbid"}
    for place, condition in enumerate(node["conditions"]):
        others = node["conditions"][:place] + node["conditions"][place + 1 :]
        yield "without its condition", {**node, "conditions": others}
        negated = {"kind": condition["kind"], "body": {"!": {"arg": condition["body"]}}}
        yield "its condition negated", {**node, "conditions": [*others, negated]}
        for what, body in _smaller(condition["body"]):
            yield what, {**node, "conditions": [*others, {"kind": condition["kind"], "body": body}]}


def _smaller(body: Node) -> Iterator[tuple[str, Node]]:
    """Yield the expression with one operand of one && or || left out."""
    for operator in ("&&", "||"):
        if operator in body:
            left, right = body[operator]["left"], body[operator]["right"]
            yield f"without the right of {operator}", left
            yield f"without the left of {operator}", right
            for what, part in _smaller(left):
                yield what, {operator: {"left": part, "right": right}}
            for what, part in _smaller(right):
                yield what, {operator: {"left": left, "right": part}}


def loaded_with(policy: str, changed: Node | None, action: str) -> LoadedSet:
    """Return the set with one policy changed or gone, good for questions about ``action`` only."""
    current = make.decision_point().current
    speaking = {name: node for name, node in nodes().items() if action in current.by_id[name].actions}
    speaking.pop(policy)
    if changed is not None:
        speaking[policy] = changed
    text = json.dumps({"staticPolicies": speaking, "templates": {}, "templateLinks": []})
    parsed = cedarpy.PolicySet.from_json_str(text)
    return replace(current, by_action={action: parsed}, names={name: name for name in speaking})


def questions(policy: str, action: str) -> Iterator[Question]:
    """Yield what may tell a mutant of ``policy`` about ``action``: its own example first, then the matrix, mixed."""
    for example in examples():
        if example.policy == policy and example.permitted.action == action:
            yield from (example.permitted, example.denied)
    asked = by_action(action)
    for stride in range(97):  # neighbours are alike: far ones first
        yield from asked[stride::97]


@cache
def by_action(action: str) -> tuple[Question, ...]:
    return tuple(question for row in rows() if row.action == action for question in cases(row))


def told(policy: str, changed: Node | None, action: str) -> bool:
    """Say whether some question about ``action`` is answered otherwise once the policy is ``changed``."""
    current, broken = make.decision_point().current, loaded_with(policy, changed, action)
    return any(differs(question.put(current), question.put(broken)) for question in questions(policy, action))


def differs(before: Decision, after: Decision) -> bool:
    return before.allowed != after.allowed or bool(after.errors)


@pytest.mark.parametrize("policy", sorted(nodes()))
def test_no_part_of_a_policy_can_be_broken_unnoticed(policy: str) -> None:
    current = make.decision_point().current
    survivors = []
    for what, changed in mutants(nodes()[policy]):
        if not any(told(policy, changed, action) for action in sorted(current.by_id[policy].actions)):
            survivors.append((what, changed))
    told_twice = {what for name, what in SAID_TWICE if name == policy}
    assert {what for what, _ in survivors} == told_twice, json.dumps(survivors, ensure_ascii=False, indent=1)
    assert len(survivors) == len(told_twice)
