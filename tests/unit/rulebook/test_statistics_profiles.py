"""Profiles and limits of statistics: what cannot be counted by, or would cost too much, does not load."""

from __future__ import annotations

import pytest

import rulebook
from rulebook import RulebookError
from tests.unit.rulebook.conftest import Draft

LAST = 'column = "boarding", label = "是否寄宿生", role = "ordinary", operation = "keep" },\n]\n\n[health'
"""The last field of the first profile."""


def _instead(column: str, role: str, operation: str) -> str:
    return f'column = "{column}", label = "某项", role = "{role}", operation = "{operation}" }},\n]\n\n[health'


CASES = [
    (LAST, _instead("school_code", "quasi", "keep"), "no public code list"),
    (LAST, _instead("name_masked", "direct", "mask"), "masked"),
    (LAST, _instead("boarding", "direct", "keep"), "no public code list"),
    (LAST, _instead("sex", "quasi", "drop"), "only the age"),
    ('hierarchy = "birth_date", level = 3 }', 'hierarchy = "birth_date", level = 0 }', "no level to count by"),
    ('hierarchy = "birth_date", level = 3 }', 'hierarchy = "birth_date", level = 2 }', "no level to count by"),
    ('hierarchy = "birth_date", level = 3 }', 'hierarchy = "birth_date" }', "finest level"),
    ('hierarchy = "division", level = 1 }', 'hierarchy = "division", level = 3 }', "no level to count by"),
    ('name = "mean_age", column = "birth_date"', 'name = "mean_age", column = "entry_month"', "only the age"),
]


@pytest.mark.parametrize(("old", "new", "message"), CASES)
def test_a_profile_that_cannot_be_counted_by_does_not_load(draft: Draft, old: str, new: str, message: str) -> None:
    file = draft.directory / "release_profiles.toml"
    told = file.read_text(encoding="utf-8")
    assert old in told
    file.write_text(told.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RulebookError, match=message):
        rulebook.load(draft.directory)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epsilon_year = 4.0", "epsilon_year = 40", "between"),
        ("epsilon_year = 4.0", "epsilon_year = 0.5", "must hold"),
        ("epsilon_default = 0.4", "epsilon_default = 2", "must hold"),
        ("epsilon_default = 0.4\n", "", "missing"),
        ("delta_question = 1e-9", "delta_question = 1e-5", "above delta_year"),
        ("delta_year = 1e-6", "delta_year = 0.5", "between"),
        ("least = 10\n", "least = 9\n", "between"),
        ("least_sensitive = 20", "least_sensitive = 19", "between"),
        ("least = 10\n", "least = 30\n", "not be below"),
        ("rounding = 5", "rounding = 0", "between"),
        ("max_cells = 4000", "max_cells = 4000\ncolour = 1", "unknown key"),
    ],
)
def test_limits_that_give_too_much_or_contradict_do_not_load(draft: Draft, old: str, new: str, message: str) -> None:
    file = draft.directory / "parameters.toml"
    told = file.read_text(encoding="utf-8")
    assert told.count(old) == 1
    file.write_text(told.replace(old, new), encoding="utf-8")
    with pytest.raises(RulebookError, match=message):
        rulebook.load(draft.directory)


def test_the_limits_are_whole_numbers_that_add_up_exactly(draft: Draft) -> None:
    limits = rulebook.load(draft.directory).parameters.statistics
    assert limits.epsilon_default == 400_000
    assert limits.epsilon_year == 10 * limits.epsilon_default
    assert limits.delta_question == 1_000
    assert limits.least_sensitive >= limits.least >= 10
