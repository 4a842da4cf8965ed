"""A class of config/retention.toml that the law or the program could not keep does not load; the error says where."""

from __future__ import annotations

import pytest

import rulebook
from gateway.bootstrap.retention import SHELVES
from gateway.retention.sweeper import sweeps
from rulebook import RulebookError
from rulebook.retention import KNOWN
from tests.factories.policies import rule_book
from tests.unit.rulebook.conftest import Draft

FILE = "retention.toml"
TAGS = (
    'least_months = 36\nkeep_months = 60\nmost_months = 72\nend = "destroy_key"\nkept_by = "sweeper"\n\n[classes.case'
)

# text to replace, replacement, lines below the replaced text where the error is reported, part of the message
CASES = [
    (TAGS, TAGS.replace("least_months = 36", "least_months = 35"), 0, "at least 36"),
    (TAGS, TAGS.replace("keep_months = 60", "keep_months = 35"), 1, "below least_months"),
    (TAGS, TAGS.replace("most_months = 72", "most_months = 59"), 2, "below keep_months"),
    (TAGS, TAGS.replace("keep_months = 60\n", ""), None, "'keep_months' is missing"),
    (TAGS, TAGS.replace("destroy_key", "delete_row"), 3, "must be destroy_key or keep"),
    (TAGS, TAGS.replace("sweeper", "room"), 4, "must be sweeper"),
    (TAGS, TAGS.replace("= 60", '= "60"'), 1, "whole number"),
    ("[classes.network_logs]\n", "[classes.diaries]\n", None, "no such class"),
    ("[classes.accounts]\n", "[classes.accounts]\ncolour = 1\n", 1, "unknown key"),
]


@pytest.mark.parametrize(("old", "new", "below", "message"), CASES)
def test_a_broken_class_is_refused_with_file_line_and_reason(
    draft: Draft, old: str, new: str, below: int | None, message: str
) -> None:
    line = draft.change(FILE, old, new)
    with pytest.raises(RulebookError) as caught:
        rulebook.load(draft.directory)
    assert FILE in str(caught.value)
    assert message in str(caught.value)
    if below is not None:
        assert caught.value.line == line + below


def test_a_class_that_is_left_out_is_named(draft: Draft) -> None:
    path = draft.directory / FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[classes.accounts]")], encoding="utf-8")
    with pytest.raises(RulebookError, match="'accounts' is missing"):
        rulebook.load(draft.directory)


def test_every_class_is_there_and_what_the_sweeper_destroys_has_its_place() -> None:
    classes = rule_book().retention
    assert set(classes) == set(KNOWN)
    assert {code for code, rules in classes.items() if sweeps(rules)} == set(SHELVES)
    for rules in classes.values():
        if sweeps(rules):
            assert KNOWN[rules.code].floor <= rules.least_months <= rules.keep_months <= rules.most_months
