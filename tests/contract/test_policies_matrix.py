"""Role x action x resource x scope: every combination, against a table that was written by hand.

The oracle is ``policies/matrix.txt``; it knows nothing of Cedar. A disagreement is a mistake in a policy or in the
table, and one of the two is to be corrected with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations, product
from math import prod
from pathlib import Path
from typing import Any

import pytest

from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.policies.decision import Action, Circumstances, Resource
from gateway.policies.questions import Question
from gateway.principals import AccountKind, Principal, Role
from tests.factories.policies import decision_point

TABLE = Path(__file__).parent / "policies" / "matrix.txt"
OURS, OTHER = RecipientId("91140100MA0EXAMPLE"), RecipientId("91140200MA0DEMAND2")
UNIT = UnitCode("140100")
ADMINISTRATORS = {Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.INSPECTOR}
OWNERS = (Role.DATA_OFFICER, Role.APPROVING_OFFICER, *sorted(ADMINISTRATORS))
PEOPLE = ("applicant", "recorder", "confirmer", "approver", "about")
ERRAND = "gr-one extract"


@dataclass(frozen=True)
class Row:
    """One action on one type of resource: cells by column."""

    action: Action
    resource: str
    roles: dict[str, str] = field(compare=False, default_factory=dict)
    forbids: dict[str, str] = field(compare=False, default_factory=dict)


@cache
def rows() -> tuple[Row, ...]:
    """Return the table, both halves joined."""
    halves: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
    part, columns = "", []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if line.startswith("["):
            part = line.strip("[]")
            halves[part] = {}
        elif line.startswith("# action"):
            columns = cells[3:]
        elif cells and not line.startswith("#"):
            action, resource, *values = cells
            assert len(values) == len(columns), line
            assert (action, resource) not in halves[part], line
            halves[part][action, resource] = dict(zip(columns, values, strict=True))
    assert halves["roles"].keys() == halves["separations"].keys()
    return tuple(
        Row(Action(action), resource, cells, halves["separations"][action, resource])
        for (action, resource), cells in halves["roles"].items()
    )


# the oracle ----------------------------------------------------------------------------------------------------------


def expected(row: Row, question: Question) -> bool:
    """Return what the table says."""
    who = question.principal
    held = [row.roles[role.value] for role in who.roles]
    if who.kind is AccountKind.CLIENT:
        held.append(row.roles["client"])
        asks_as: list[str | None] = [role.value for role in who.roles] + [None]
    else:
        asks_as = [role.value for role in who.roles]
    allowed = any(_cell_holds(cell, question, role) for cell, role in zip(held, asks_as, strict=True))
    return allowed and not any(_forbids(cause, cell, question) for cause, cell in row.forbids.items())


def _cell_holds(cell: str, question: Question, role: str | None) -> bool:
    if cell in {"-", "*"}:
        return cell == "*"
    return any(all(_condition(letter, question, role) for letter in way.split("+")) for way in cell.split("|"))


def _condition(letter: str, question: Question, role: str | None) -> bool:
    who, what = question.principal, question.resource.attributes
    return {
        "T": question.circumstances.territory_within,
        "R": who.recipient is not None and who.recipient == what.get("recipient"),
        "A": who.account == what.get("applicant"),
        "G": who.account == what.get("guardian"),
        "U": "unit" in what,
        "N": "unit" not in what,
        "W": role == what.get("owner"),
        "C": who.kind is AccountKind.CLIENT,
        "P": who.kind is not AccountKind.CLIENT,
    }[letter]


def _forbids(cause: str, cell: str, question: Question) -> bool:
    if cell == ".":
        return False
    who, what, around = question.principal, question.resource.attributes, question.circumstances
    if cell == "3" and around.separation != "three":
        return False
    person = who.kind is not AccountKind.CLIENT
    if cause in PEOPLE:
        itself = cause in what and who.account == what[cause] and (cell != "p" or person)
        if cell == "s":
            return itself
        named = {what[name] for name in (cause, f"{cause}_for") if name in what}
        return itself or who.on_behalf in named or who.account == what.get(f"{cause}_for")
    return {
        "recipient": who.recipient is not None and who.recipient == what.get("recipient") and (cell != "p" or person),
        "admin": bool(who.roles & ADMINISTRATORS),
        "two": len(who.roles & ADMINISTRATORS) > 1,
        "machine": who.kind is not AccountKind.STAFF,
        "weak": who.assurance == 1,
        "ended": what.get("state") in {"suspended", "withdrawn", "expired"},
        "token": who.mandate is not None and around.errand not in who.mandate,
    }[cause]


# the cases -----------------------------------------------------------------------------------------------------------

_APPLICATION = {
    "applicant": "st-applicant", "recipient": OURS, "unit": UNIT, "territory": UNIT, "state": "confirmed"
}  # fmt: skip
_GRANT = {
    "recipient": OURS, "territory": UNIT, "state": "active", "recorder": "st-recorder", "confirmer": "st-confirmer",
    "approver": "st-approver",
}  # fmt: skip
VARIANTS: dict[str, tuple[dict[str, str], ...]] = {
    "Application": (
        _APPLICATION,
        {**_APPLICATION, "recorder": "st-recorder", "confirmer": "st-confirmer", "approver": "st-approver",
         "recorder_for": "st-recorder-for", "confirmer_for": "st-confirmer-for"},
    ),
    "Grant": (_GRANT, {**_GRANT, "applicant": "st-applicant", "approver_for": "st-approver-for"}),
    "LegalText": ({}, {"recorder": "st-recorder"}),
    "Disclosure": ({"unit": UNIT},),
    "Alert": (
        *({"unit": UNIT, "owner": owner} for owner in OWNERS),
        {"unit": UNIT, "owner": Role.DATA_OFFICER, "about": "st-about"},
    ),
    "Canary": ({"unit": UNIT}, {"unit": UNIT, "recorder": "st-recorder"}),
    "Registry": ({"unit": UNIT},),
    "Identity": ({"unit": UNIT}, {"guardian": "gd-parent"}, {"recipient": OURS},
                 {"unit": UNIT, "guardian": "gd-parent", "recipient": OURS}),
    "AuditLog": ({},),
    "System": ({}, {"unit": UNIT}),
    "Retention": ({}, {"unit": UNIT}),
}  # fmt: skip
ACCOUNTS = (
    "st-other", "st-applicant", "st-recorder", "st-confirmer", "st-approver", "st-recorder-for", "st-confirmer-for",
    "st-approver-for", "st-about", "gd-parent",
)  # fmt: skip
SINGLE = [frozenset[Role](), *(frozenset({role}) for role in Role)]
PAIRS = [frozenset(pair) for pair in combinations(Role, 2)]
BASE = Principal(AccountId("st-other"), AccountKind.STAFF, frozenset(), assurance=2)


def _useful(row: Row) -> list[frozenset[Role]]:
    """Return the roles that the table gives anything in this row."""
    return [frozenset({Role(name)}) for name, cell in row.roles.items() if cell != "-" and name != "client"]


def by_role_and_scope(row: Row) -> list[Sequence[Any]]:
    """Every role, every two roles, as staff, client and guardian, for each recipient, within and outside."""
    held = [*product(SINGLE, AccountKind), *product(PAIRS, [AccountKind.STAFF])]
    own = {"Application": ["st-applicant"], "Identity": ["gd-parent"]}.get(row.resource, [])
    return [
        [{"account": AccountId(name)} for name in ("st-other", *own)],
        [{"roles": roles, "kind": kind} for roles, kind in held],
        [{"recipient": one} for one in (None, OURS, OTHER)],
        [Circumstances("three", within, ERRAND) for within in (True, False)],
        VARIANTS[row.resource],
    ]


def by_person(row: Row) -> list[Sequence[Any]]:
    """Everybody who had a part in the matter, and their deputies, with each role that may act at all."""
    kept_apart = [cause for cause in PEOPLE if row.forbids[cause] != "."]
    deputies = [name for name in ACCOUNTS if any(name.startswith(f"st-{cause}") for cause in kept_apart)]
    deputies.append("st-somebody-without-a-part")
    return [
        [{"roles": roles} for roles in _useful(row)],
        [{"account": AccountId(name)} for name in ACCOUNTS],
        [{"on_behalf": one} for one in (None, *map(AccountId, deputies))],
        [{"recipient": one} for one in (None, OURS, OTHER)],
        [Circumstances(separation, True, ERRAND) for separation in ("two", "three")],
        VARIANTS[row.resource],
    ]


def by_proof(row: Row) -> list[Sequence[Any]]:
    """Second factor, token, kind of account and state of the grant, with each role that may act at all."""
    mandates = (None, frozenset[str](), frozenset({ERRAND}), frozenset({"gr-one match", "gr-two extract"}))
    states = ("active", "used_up", "suspended", "withdrawn", "expired") if row.resource == "Grant" else (None,)
    resources = [
        attributes if state is None else {**attributes, "state": state}
        for attributes, state in product(VARIANTS[row.resource], states)
    ]
    return [
        [{"roles": roles} for roles in [*_useful(row), frozenset[Role]()]],
        [{"kind": kind} for kind in AccountKind],
        [{"assurance": factors} for factors in (1, 2)],
        [{"mandate": mandate} for mandate in mandates],
        [{"recipient": one} for one in (None, OURS)],
        [Circumstances("three", True, ERRAND)],
        resources,
    ]


AXES = (by_role_and_scope, by_person, by_proof)


def count(row: Row) -> int:
    """Return how many cases a row has, without making them."""
    return sum(prod(len(axis) for axis in axes(row)) for axes in AXES)


def cases(row: Row) -> Iterator[Question]:
    """Make every combination of a row's axes: members of the principal, circumstances, attributes of the resource."""
    for axes in AXES:
        for *members, around, attributes in product(*axes(row)):
            who = replace(BASE, **{name: value for one in members for name, value in one.items()})
            yield Question(who, row.action, Resource(row.resource, "one", attributes), around)


def told(question: Question) -> str:
    """Return a case in one line."""
    who, around = question.principal, question.circumstances
    return (
        f"{who.kind} {who.account} roles={sorted(who.roles)} recipient={who.recipient} for={who.on_behalf} "
        f"factor={who.assurance} token={who.mandate} within={around.territory_within} {around.separation} "
        f"{question.action} {question.resource.type}{dict(question.resource.attributes)}"
    )


def label(row: Row) -> str:
    return f"{row.action}-{row.resource}-{count(row)}-cases"


@pytest.mark.rule("A50-11")
@pytest.mark.parametrize("row", rows(), ids=label)
def test_the_policies_and_the_table_agree(row: Row) -> None:
    loaded = decision_point().current
    wrong, answers = [], []
    for question in cases(row):
        decision = question.put(loaded)
        assert not decision.errors, told(question)
        answers.append(expected(row, question))
        if decision.allowed != answers[-1]:
            wrong.append(f"{'allowed' if decision.allowed else 'denied'} by {decision.policy}: {told(question)}")
    assert not wrong, "\n".join([f"{len(wrong)} of {count(row)}", *wrong[:20]])
    assert len(answers) == count(row)
    assert set(answers) == {True, False}


def test_the_table_speaks_of_every_action_and_every_role() -> None:
    assert {row.action for row in rows()} == set(Action)
    for row in rows():
        assert set(row.roles) == {*Role, "client"}
        assert set(row.forbids) == {*PEOPLE, "recipient", "admin", "two", "machine", "weak", "ended", "token"}


TOTAL = sum(count(row) for row in rows())


@pytest.mark.parametrize("total", [TOTAL], ids=[f"{TOTAL}-cases-in-all"])
def test_the_matrix_is_large(total: int) -> None:
    assert total >= 400
    assert min(count(row) for row in rows()) >= 400
