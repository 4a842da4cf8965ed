"""Plans: what they say, and that every mistake is told with its place, in two languages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.anonymize.tables.errors import TablePlanError
from gateway.anonymize.tables.parsing import parse, pointer

GOOD: dict[str, Any] = {
    "columns": {"age": {"role": "quasi", "hierarchy": "age.csv"}, "occupation": {"role": "sensitive"}},
    "models": [
        {"kind": "k", "k": 5},
        {"kind": "distinct-l", "column": "occupation", "l": 3},
        {"kind": "t-equal", "column": "occupation", "t": 0.3},
    ],
    "suppression_limit": 0.01,
    "objective": "loss",
}


def changed(path: str, value: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    *steps, last = path.split("/")
    here: Any = document
    for step in steps:
        here = here[int(step)] if isinstance(here, list) else here[step]
    if isinstance(here, list):
        here.insert(int(last), value)
    else:
        here[last] = value
    return document


def test_the_contract_is_read() -> None:
    plan = parse(json.dumps(GOOD))
    assert plan.k == 5
    assert plan.named("quasi") == ("age",)
    assert plan.columns["occupation"].does == "keep"
    assert plan.suppressed == "remove"


def test_defaults_and_order_of_members_do_not_change_the_hash_but_values_do() -> None:
    first = parse(json.dumps(GOOD))
    again = parse("\ufeff" + json.dumps(dict(reversed(changed("suppressed", "remove").items())), indent=1))
    assert first.sha256() == again.sha256()
    assert parse(json.dumps(changed("suppression_limit", 0.02))).sha256() != first.sha256()
    assert parse(json.dumps(changed("comment", "for the ministry"))).sha256() == first.sha256()


@pytest.mark.parametrize(
    ("path", "value", "where", "says"),
    [
        ("suppresion_limit", 0.1, "/suppresion_limit", "did you mean 'suppression_limit'"),
        ("columns/age/rol", "quasi", "/columns/age/rol", "did you mean 'role'"),
        ("columns/age/role", "quasy", "/columns/age/role", "one of 'direct'"),
        ("columns/a~b%c", {"rank": 1}, "/columns/a~0b%c/rank", "unknown member"),
        ("columns/age/hierarchy", {"interval": []}, "/columns/age/hierarchy", "a hierarchy is"),
        ("columns/age/hierarchy", {"between": [1]}, "/columns/age/hierarchy", "a hierarchy is"),
        ("columns/age/level", -1, "/columns/age/level", "≥ 0"),
        ("columns/occupation/level", 1, "/columns/occupation/level", "belongs to the role 'quasi'"),
        ("columns/occupation/hierarchy", "age.csv", "/columns/occupation/hierarchy", "belongs to the role 'quasi'"),
        ("columns/age/operation", "cut", "/columns/age/operation", "prefix"),
        ("columns/occupation/operation", "mask", "/columns/occupation", "needs 'kind'"),
        ("columns/occupation/to", 5, "/columns/occupation/to", "belongs to the operation 'round'"),
        ("columns/name", {"role": "direct", "operation": "keep"}, "/columns/name/operation", "never leaves by 'keep'"),
        ("models/0", {"kind": "k", "k": 0}, "/models/0/k", "≥ 1"),
        ("models/0", {"kind": "k", "k": "5"}, "/models/0/k", "whole number"),
        ("models/0", {"kind": "k", "k": 5, "K": 6}, "/models/0/K", "did you mean 'k'"),
        ("models/0", {"kind": "distinct", "l": 2}, "/models/0/kind", "did you mean 'distinct-l'"),
        ("models/0", {"k": 2}, "/models/0", "needs a 'kind'"),
        ("models/1", {"kind": "k", "k": 6}, "/models/1", "repeats the demand 'k'"),
        ("models/3", {"kind": "t-equal", "column": "occupation", "t": 0.2}, "/models/3", "repeats the demand 't'"),
        ("models/0", {"kind": "alpha", "column": "ocupation", "alpha": 0.5}, "/models/0/column", "'occupation'"),
        ("models/0", {"kind": "alpha", "column": "age", "alpha": 0.5}, "/models/0/column", "the role 'quasi'"),
        ("models/0", {"kind": "delta-presence", "low": 0.6, "high": 0.5, "population": "p"}, "/models/0/low", "above"),
        ("models", [], "/models", "not be empty"),
        ("columns", {"age": {"role": "ordinary"}}, "/columns", "no column has the role 'quasi'"),
        ("columns", {}, "/columns", "not be empty"),
        ("suppression_limit", 1.5, "/suppression_limit", "≤ 1"),
        ("objective", "entropie", "/objective", "one of"),
        ("max_checks", 0, "/max_checks", "≥ 1"),
    ],
)
def test_a_mistake_is_told_with_its_place(path: str, value: object, where: str, says: str) -> None:
    with pytest.raises(TablePlanError) as caught:
        parse(json.dumps(changed(path, value)))
    found = {problem.pointer: problem for problem in caught.value.problems}
    assert where in found, list(found)
    assert says in found[where].detail
    assert found[where].detail_zh
    assert any("一" <= character <= "鿿" for character in found[where].detail_zh)


def test_all_mistakes_are_told_at_once() -> None:
    document = changed("columns/age/rol", 1) | {"objektive": "loss"}
    with pytest.raises(TablePlanError) as caught:
        parse(json.dumps(document))
    assert {problem.pointer for problem in caught.value.problems} == {"/columns/age/rol", "/objektive"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"columns": {}',
        '{"models": [], "models": []}',
        json.dumps(GOOD).replace("0.01", "NaN"),
        json.dumps(GOOD).replace("0.01", "1e999"),
        "[" * 100_000,
        json.dumps(GOOD).encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_plan_is_refused(text: str | bytes) -> None:
    with pytest.raises(TablePlanError) as caught:
        parse(text)
    assert caught.value.detail_zh


def test_local_recoding_goes_with_the_loss_alone() -> None:
    with pytest.raises(TablePlanError) as caught:
        parse(json.dumps(changed("recoding", "local") | {"objective": "entropy"}))
    assert caught.value.problems[0].pointer == "/objective"


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert pointer("columns", "a/b~c", 0) == "/columns/a~1b~0c/0"
