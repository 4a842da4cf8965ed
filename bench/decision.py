"""Decisions: ours with the entities built and validated, and ``cedarpy.is_authorized`` alone, one mode a process.

``python -m bench.decision MODE COUNT`` decides each question COUNT times and prints one JSON line. The modes:

- ``ours``: from principal and resource to a decision: entities built, validated, asked, answer read
- ``bare``: the library, handed policies, schema and entities parsed before; its answer is not looked at
- ``chosen``: the same, handed only the policies of the action, which is part of why ours is quick
- ``unparsed``: the whole set parsed before, and the entities as a list, as a caller of the library has them
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Final

import cedarpy

import rulebook
from bench.measure import answer, job
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import ACTIONS, Action, Circumstances, DecisionPoint, Resource
from gateway.policies.policy_set import load_set
from gateway.policies.questions import Question
from gateway.principals import AccountKind, Principal, Role
from gateway.settings import default_config
from rulebook.records import PolicySet

MODES: Final = ("ours", "bare", "chosen", "unparsed")
_OURS: Final = RecipientId("91140100MA0EXAMPLE")
_APPLICATION: Final = Resource(
    "Application",
    "ap-bench",
    {
        "applicant": "st-applicant", "recipient": _OURS, "unit": "140100", "territory": "140105", "state": "confirmed",
        "recorder": "st-recorder", "confirmer": "st-confirmer",
    },
)  # fmt: skip
_GRANT: Final = Resource(
    "Grant",
    "gr-bench",
    {
        "applicant": "st-applicant", "recipient": _OURS, "territory": "140105", "state": "active",
        "recorder": "st-recorder", "confirmer": "st-confirmer", "approver": "st-approver",
    },
)  # fmt: skip
_WITHIN: Final = Circumstances("three", territory_within=True, errand="gr-bench extract")


def _officer(*roles: Role) -> Principal:
    return Principal(AccountId("st-bench"), AccountKind.STAFF, frozenset(roles), UnitCode("140100"), assurance=2)


QUESTIONS: Final = (
    Question(_officer(Role.APPROVING_OFFICER), Action.DECIDE_APPLICATION, _APPLICATION, _WITHIN),
    Question(_officer(Role.DATA_OFFICER), Action.DECIDE_APPLICATION, _APPLICATION, _WITHIN),  # denied
    Question(_officer(Role.DATA_OFFICER), Action.READ_APPLICATION, _APPLICATION, _WITHIN),
    Question(
        Principal(
            AccountId("cl-bench"), AccountKind.CLIENT, frozenset({Role.EXECUTOR}), recipient=_OURS, assurance=2,
            mandate=frozenset({"gr-bench extract"}),
        ),
        Action.EXECUTE_RELEASE, _GRANT, _WITHIN,
    ),
    Question(
        _officer(Role.REGISTRAR), Action.READ_REGISTRY, Resource("Registry", "140105", {"unit": "140105"}), _WITHIN
    ),
)  # fmt: skip
"""What the program asks most: decide, list, release, read the registry."""


def ours(point: DecisionPoint) -> list[Callable[[], object]]:
    """Return a call for each question that does all that the program does."""

    def call(question: Question) -> Callable[[], object]:
        return lambda: point.decide(question.principal, question.action, question.resource, question.circumstances)

    return [call(question) for question in QUESTIONS]


def library(source: PolicySet, mode: str) -> list[Callable[[], object]]:
    """Return a call of the library for each question, on policies parsed before."""
    whole, schema = cedarpy.PolicySet.from_str(source.policies), cedarpy.Schema.from_str(source.schema)
    chosen = load_set(source, ACTIONS).by_action

    def call(question: Question) -> Callable[[], object]:
        request, listed = _request(question), _entities(question)
        entities = listed if mode == "unparsed" else cedarpy.Entities.from_json_str(json.dumps(listed), schema)
        policies = chosen[question.action] if mode == "chosen" else whole
        return lambda: cedarpy.is_authorized(request, policies, entities, schema)

    return [call(question) for question in QUESTIONS]


def main(arguments: list[str]) -> int:
    """Run one mode; return 0."""
    mode, count = arguments[0], int(arguments[1])
    source = rulebook.load(default_config()).policies
    calls = ours(DecisionPoint(source)) if mode == "ours" else library(source, mode)
    for call in calls:
        call()
    with job() as cost:
        for call in calls:
            for _ in range(count):
                call()
    answer(cost, decisions=count * len(calls))
    return 0


def _request(question: Question) -> dict[str, object]:
    around = question.circumstances
    return {
        "principal": {"type": "Account", "id": question.principal.account},
        "action": {"type": "Action", "id": question.action.value},
        "resource": {"type": question.resource.type, "id": question.resource.id},
        "context": {
            "separation": around.separation,
            "territory_within": around.territory_within,
            "errand": around.errand,
        },
    }


def _entities(question: Question) -> list[dict[str, object]]:
    """Return the entities of a question, made without a line of ours."""
    who = question.principal
    told = {
        "account": who.account, "kind": who.kind.value, "roles": sorted(who.roles), "assurance": who.assurance,
        "unit": who.unit, "recipient": who.recipient, "mandate": None if who.mandate is None else sorted(who.mandate),
    }  # fmt: skip
    attributes = {name: value for name, value in told.items() if value is not None}
    return [
        {"uid": {"type": "Account", "id": who.account}, "attrs": attributes, "parents": []},
        {
            "uid": {"type": question.resource.type, "id": question.resource.id},
            "attrs": dict(question.resource.attributes),
            "parents": [],
        },
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
