"""docs/alerts.md answers every item of the design and of A50-16 with a rule, and names every rule and every member."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from rulebook.alert_records import AlertRule
from tests.factories.policies import rule_book

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
RULES = rule_book().alerts.rules
ITEMS = {
    "volume, bulk reads",
    "unusual hours",
    "repeated single lookups",
    "change of pattern",
    "scope misses and breaches",
    "reads outside the own unit",
    "repeated refusals",
    "failed sign-ins",
    "dormant account used",
    "sealed account tried",
    "many records of one person's relatives",
    "approvals near expiry",
    "deletion overdue",
    "deadline breaches",
    "witness silent",
    "broken audit chain",
    "canary touched",
    "clock jump",
    "outbox stalled",
}
"""Design, section 7, and A50-16."""
OTHERWISE = {"code", "conditions"}
"""Members of a rule that the file does not have: the name of its table, and ``when``."""


def table_below(heading: str) -> dict[str, str]:
    """Return first and second cell of the rows of the first table below a heading."""
    part = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return {row[0].strip(): row[1].strip() for row in rows[2:]}


@pytest.mark.rule("A50-16")
def test_every_item_has_a_rule_and_every_rule_answers_one() -> None:
    answers = {item: re.findall(r"`([a-z-]+)`", cell) for item, cell in table_below("What answers what").items()}
    assert set(answers) >= ITEMS
    assert all(answers.values()), "an item without a rule"
    named = [code for codes in answers.values() for code in codes]
    assert sorted(named) == sorted(RULES)


def test_every_member_of_a_rule_is_explained() -> None:
    explained = {name for cell in table_below("A rule") for name in re.findall(r"`([a-z_]+)`", cell)}
    assert {field.name for field in fields(AlertRule)} - OTHERWISE <= explained
