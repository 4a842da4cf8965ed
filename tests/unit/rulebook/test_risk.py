"""The thresholds of acceptable risk: which applies to a release, and what is refused."""

from __future__ import annotations

import pytest

from rulebook import RulebookError
from rulebook.loader import load
from rulebook.risk_records import DEFAULT_RISK, RiskThreshold, RiskThresholds
from tests.unit.rulebook.conftest import SHIPPED, Draft

FILE = "parameters.toml"


def test_the_shipped_thresholds_are_those_of_the_notes() -> None:
    risk = load(SHIPPED).parameters.risk
    assert (risk.public, risk.controlled) == (0.05, 0.2) == (DEFAULT_RISK.public, DEFAULT_RISK.controlled)
    for level in ("anonymous", "pseudonymous", "masked", "match"):
        assert risk.of("textbook-anonymous", level) == RiskThreshold(0.2, "controlled")


def test_a_profile_goes_before_its_level() -> None:
    risk = RiskThresholds(0.01, 0.5, {"anonymous": "public"}, {"inside": "controlled"})
    assert risk.of("other", "anonymous") == RiskThreshold(0.01, "public")
    assert risk.of("inside", "anonymous") == RiskThreshold(0.5, "controlled")
    assert risk.of("other", "masked") == RiskThreshold(0.5, "controlled")


def test_a_profile_for_the_public_is_taken_when_its_k_is_large_enough(draft: Draft) -> None:
    draft.change(FILE, "[risk.profiles]\n", '[risk.profiles]\ntextbook-anonymous = "public"\n')
    draft.change(FILE, "public = 0.05\n", "public = 0.1\n")
    assert load(draft.directory).parameters.risk.of("textbook-anonymous", "anonymous").value == 0.1


@pytest.mark.parametrize(
    ("old", "new", "below", "says"),
    [
        ("public = 0.05\n", "public = 0\n", 0, "above 0"),
        ("public = 0.05\n", "public = 0.3\n", 0, "must not be above"),
        ("controlled = 0.2\n", "controlled = 1.2\n", 0, "between 0 and 1"),
        ("controlled = 0.2\n", 'controlled = "0.2"\n', 0, "must be a number"),
        ('masked = "controlled"\n', 'masked = "open"\n', 0, "must be one of"),
        ('match = "controlled"\n', 'check = "controlled"\n', 0, "a level at which rows leave"),
        ("[risk.profiles]\n", '[risk.profiles]\nno-such = "public"\n', 1, "a profile of"),
        ("[risk.profiles]\n", '[risk.profiles]\ntextbook-anonymous = "public"\n', 1, "its k must be 20"),
        ("[risk.profiles]\n", '[risk.profiles]\nbus-pseudonymous = "public"\n', 1, "its k must be 20"),
        ("[risk.levels]\n", "[risk.level]\n", None, "'levels' is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(
    draft: Draft, old: str, new: str, below: int | None, says: str
) -> None:
    at = draft.change(FILE, old, new)
    with pytest.raises(RulebookError) as caught:
        load(draft.directory)
    assert says in caught.value.problem
    assert caught.value.file == FILE
    if below is not None:
        assert caught.value.line == at + below
