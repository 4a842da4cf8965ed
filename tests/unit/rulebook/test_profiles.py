"""Release profiles: models of single fields, and everything that a profile may say of the search and of pseudonyms."""

from __future__ import annotations

import pytest

import rulebook
from rulebook import RulebookError
from rulebook.records import ModelDemand
from tests.unit.rulebook.conftest import Draft

BASE = "k = 10\n"
SENSITIVE = (
    '  { name = "state", column = "state", label = "学籍状态", role = "ordinary", operation = "keep" },\n]\n\n[bus'
)
FIELD = '{ name = "type", column = "disability_type", label = "残疾类型", role = "sensitive", operation = "keep" },\n'


def with_demands(draft: Draft, demands: str, more: str = "") -> Draft:
    file = "release_profiles.toml"
    draft.change(file, SENSITIVE, "  " + FIELD + SENSITIVE)
    draft.change(file, BASE, f"{BASE}demands = [{demands}]\n{more}")
    return draft


def test_a_profile_says_all_that_is_measured(draft: Draft) -> None:
    demand = (
        '{ column = "type", distinct_l = 2, entropy_l = 1.5, recursive = { c = 3, l = 2 }, t = 0.3, '
        't_tree = "disability_type", alpha = 0.9 }'
    )
    with_demands(draft, demand, 'objective = "entropy"\nrecoding = "local"\n')
    found = rulebook.load(draft.directory).profiles["textbook-anonymous"]
    assert found.demands == (ModelDemand("type", 2, 1.5, (3.0, 2), 0.3, "disability_type", 0.9),)
    assert (found.objective, found.recoding, found.t_closeness) == ("entropy", "local", None)


def test_what_is_left_out_has_its_default(draft: Draft) -> None:
    found = rulebook.load(draft.directory).profiles["textbook-anonymous"]
    assert (found.demands, found.objective, found.recoding, found.longitudinal) == ((), "loss", "global", False)


@pytest.mark.parametrize(
    ("demand", "says"),
    [
        ('{ column = "type" }', "demands nothing"),
        ('{ column = "type", distinct_l = 1 }', "between 2 and"),
        ('{ column = "type", entropy_l = 0.5 }', "between 1 and"),
        ('{ column = "type", entropy_l = nan }', "between 1 and"),
        ('{ column = "type", alpha = 0 }', "above 0"),
        ('{ column = "type", alpha = 1.1 }', "between 0 and 1"),
        ('{ column = "type", t = -0.1 }', "between 0 and 1"),
        ('{ column = "type", t_tree = "disability_type", alpha = 0.5 }', "give t too"),
        ('{ column = "type", t = 0.2, t_tree = "nothing" }', "not a file of config/hierarchies"),
        ('{ column = "type", recursive = { c = 0, l = 2 } }', "c above 0"),
        ('{ column = "type", recursive = { c = 3 } }', "key 'l' is missing"),
        ('{ column = "type", recursive = { c = 3, l = 1 } }', "between 2 and"),
        ('{ column = "type", recursive = { c = 3, l = 2, m = 1 } }', "unknown key"),
        ('{ column = "type", t = 0.2, kind = "t" }', "unknown key"),
        ('{ column = "type", t = 0.2 }, { column = "type", alpha = 0.5 }', "stands twice"),
        ('{ column = "sex", t = 0.2 }', "not a sensitive field"),
    ],
)
def test_a_demand_that_says_nothing_or_too_much_is_refused(draft: Draft, demand: str, says: str) -> None:
    with_demands(draft, demand)
    with pytest.raises(RulebookError) as caught:
        rulebook.load(draft.directory)
    assert says in caught.value.problem


def test_one_distance_is_measured_in_one_way(draft: Draft) -> None:
    with_demands(draft, '{ column = "type", t = 0.2, t_tree = "disability_type" }', "t_closeness = 0.3\n")
    with pytest.raises(RulebookError) as caught:
        rulebook.load(draft.directory)
    assert "leave it out beside a tree" in caught.value.problem
