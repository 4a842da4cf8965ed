"""A rule of config/alerts.toml that could not raise an alert as it stands does not load; the error says where."""

from __future__ import annotations

from pathlib import Path

import pytest

import rulebook
from rulebook import RulebookError
from rulebook.alerts import OWNERS, read_alerts_file
from tests.unit.rulebook.conftest import Draft

FILE = "alerts.toml"
SHIPPED = Path(rulebook.__file__).resolve().parents[1] / "config" / FILE
HEAD = 'label_en = "Leak suspected, release stopped"\nrule = "A50-8"\nkinds = ["release.failed"]'
WHEN = 'member = "facts.problem", equals = "LeakSuspectedError"'
LEAK = 'unit_from = "grant"\ndeadline = { working_hours = 4 }'

# text to replace, replacement, lines below the replaced text where the error is reported, part of the message
CASES = [
    ('from = "08:00"', 'from = "8"', 0, "a time like"),
    ('from = "08:00"', 'from = "25:00"', 0, "a time like"),
    ('to = "18:00"', 'to = "08:00"', 0, "later than"),
    ('to = "18:00"', 'to = "18:00"\nlunch = "12:00"', 1, "unknown key"),
    ("[rules.scope-breach]\n", "[rules.Scope]\n", 0, "lower-case"),
    ("[rules.scope-breach]\n", '[rules.scope-breach]\ncolour = "red"\n', 1, "unknown key"),
    (HEAD, HEAD.replace("A50-8", "art. 50"), 1, "a rule of the regulation"),
    (HEAD, HEAD.replace("release.failed", "Release.failed"), 2, "a kind of audit entry"),
    (HEAD, HEAD.replace("release.failed", "release"), 2, "a kind of audit entry"),
    (HEAD, HEAD.replace("release.failed", "alert.raised"), 2, "would never end"),
    (HEAD, HEAD.replace("release.failed", "alert."), 2, "would never end"),
    (HEAD, HEAD.replace('"release.failed"', ""), 2, "list is empty"),
    ('equals = "LeakSuspectedError" }', 'is = "LeakSuspectedError" }', 0, "exactly one of"),
    ('equals = "LeakSuspectedError" }', 'equals = "x", present = true }', 0, "exactly one of"),
    (WHEN, WHEN.replace("facts.problem", "problem"), 0, "a member of an"),
    ('{ member = "facts.dimension", present = true }', '{ member = "facts.dimension", present = false }', 0, "true"),
    ("at_least = 100", "at_least = 0", 0, "between 1 and"),
    ("count = 10\n", "count = 1\n", 0, "between 2 and"),
    ("count = 10\n", "", None, "'count' is missing"),
    ("count = 20\nwindow_minutes = 15\n", "count = 20\n", None, "'window_minutes' is missing"),
    (LEAK, LEAK.replace("grant", "moon"), 0, "one of"),
    (LEAK, LEAK.replace("working_hours", "days"), 1, "exactly one"),
    (LEAK, LEAK.replace("= 4", "= 0"), 1, "between 1 and"),
    ('shown = ["facts.problem", "facts.incident"]', 'shown = ["facts.problem", "incident"]', 0, "a member of an"),
]


@pytest.mark.parametrize(("old", "new", "below", "message"), CASES)
def test_a_broken_rule_is_refused_with_file_line_and_reason(
    draft: Draft, old: str, new: str, below: int | None, message: str
) -> None:
    line = draft.change(FILE, old, new)
    with pytest.raises(RulebookError) as caught:
        rulebook.load(draft.directory)
    told = str(caught.value)
    assert FILE in told
    assert message in told
    if below is not None:
        assert caught.value.line == line + below


@pytest.mark.parametrize("owner", ["registrar", "applicant", "guardian"])
def test_a_role_that_handles_no_alerts_owns_none(draft: Draft, owner: str) -> None:
    text = (draft.directory / FILE).read_text(encoding="utf-8")
    draft.write(FILE, text.replace('owner = "data_officer"', f'owner = "{owner}"', 1).encode())
    with pytest.raises(RulebookError, match="must be one of"):
        rulebook.load(draft.directory)


def test_without_rules_nothing_starts(draft: Draft) -> None:
    draft.write(FILE, b'[office_hours]\nfrom = "08:00"\nto = "18:00"\n[rules]\n')
    with pytest.raises(RulebookError, match="an empty set is refused"):
        rulebook.load(draft.directory)


def test_the_shipped_rules_load_and_every_owner_is_a_role_of_the_policies(draft: Draft) -> None:
    rules = rulebook.load(draft.directory).alerts.rules
    assert len(rules) > 20
    assert {rule.owner for rule in rules.values()} == set(OWNERS)
    assert all(rule.window_minutes > 0 for rule in rules.values() if rule.count > 1)


USUAL = "baseline = { days = 28, factor = 4, least = 500 }"
MEASURES = [
    ("least = 3000\n", "least = 1\n", 0, "between 2 and"),
    ("least = 3000\n", "", None, "'least' is missing"),
    ('sum = "facts.found"\nleast = 3000', 'sum = "found"\nleast = 3000', 0, "a member of an"),
    ('sum = "facts.found"\nleast = 3000', "least = 3000", None, "'count' is missing"),
    ('sum = "facts.found"\nleast = 3000', 'sum = "facts.found"\ncount = 3000', 1, "stands alone"),
    (
        USUAL,
        "baseline = { days = 28, factor = 1, least = 5 }",
        0,
        "2 and",
    ),
    (USUAL, "baseline = { days = 28, factor = 4 }", 0, "'least' is"),
    (
        USUAL,
        "baseline = { days = 28, factor = 4, least = 500, usual = 3 }",
        0,
        "unknown key",
    ),
    (
        "window_minutes = 1440\nbaseline = { days = 28, factor = 4, least = 500 }",
        "window_minutes = 10\nbaseline = { days = 28, factor = 4, least = 500 }",
        1,
        "4032 windows",
    ),
    (
        USUAL,
        "baseline = { days = 28, factor = 4, least = 500 }\nleast = 500",
        1,
        "belongs beside sum",
    ),
    ("share = 80, usual = 50", "share = 50, usual = 40", 0, "between 51 and"),
    ("share = 80, usual = 50", "share = 60, usual = 60", 0, "less than share"),
    ('last = "inspector"', 'last = "registrar"', 0, "one of"),
    ("after = { working_days = 1 }", "after = { days = 1 }", 0, "exactly one of"),
    ("most_days = 90", "most_days = 0", 0, "between 1 and"),
]


@pytest.mark.parametrize(("old", "new", "below", "message"), MEASURES)
def test_a_broken_measure_is_refused_with_line_and_reason(old: str, new: str, below: int | None, message: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    at = text.index(old)
    with pytest.raises(RulebookError) as caught:
        read_alerts_file("mine.toml", f"{text[:at]}{new}{text[at + len(old) :]}".encode())
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.toml")
    if below is not None:
        assert caught.value.line == text[:at].count("\n") + 1 + below
