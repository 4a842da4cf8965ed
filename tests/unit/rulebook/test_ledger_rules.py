"""Groups of recipients that may collude, and the limits of the ledger, as they are read."""

from __future__ import annotations

import tomllib

import pytest

from rulebook.ledger import read_ledger
from rulebook.ledger_records import LedgerRules
from rulebook.records import RulebookError
from rulebook.source import Document, Table

GOOD = """
withheld_share = 0.25
years = 3
yearly_releases = 12
[together]
"甲" = ["91140000MA0TEHB001", "91140000MA0TEHB002"]
"""


def read(text: str) -> LedgerRules:
    return read_ledger(Table(Document("parameters.toml", text), (), tomllib.loads(text)))


def test_limits_and_groups_are_read() -> None:
    rules = read(GOOD)
    assert (rules.withheld_share, rules.years, rules.yearly_releases) == (0.25, 3, 12)
    assert dict(rules.together) == {"甲": frozenset({"91140000MA0TEHB001", "91140000MA0TEHB002"})}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("0.25", "1.5", "withheld_share"),
        ("years = 3", "years = 21", "years"),
        ("yearly_releases = 12", "yearly_releases = 0", "yearly_releases"),
        (', "91140000MA0TEHB002"', "", "two members"),
        ("91140000MA0TEHB002", "91140000ma0tehb002", "credit codes"),
        ("91140000MA0TEHB002", "91140000MA0TEHB001", "twice"),
        ('"甲" =', '"乙" = ["91140000MA0TEHB001", "91140000MA0TEHB009"]\n"甲" =', "two groups"),
        ('"甲"', '"' + "长" * 61 + '"', "characters"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(RulebookError, match=problem):
        read(GOOD.replace(old, new))
