"""Texts that people write into a record: what is taken, and what is refused by which rule."""

from __future__ import annotations

import pytest

from gateway.errors import ParameterError
from gateway.record_texts import said


def test_a_text_is_taken_without_blanks_around_it() -> None:
    assert said("reason", "  立案核查。\n", longest=5) == "立案核查。"
    assert said("note", " ", longest=5, needed=False) == ""
    assert said("answer", "电话 13903510031", longest=20, screened=False) == "电话 13903510031"


@pytest.mark.parametrize(
    ("text", "rule"),
    [(" ", "A50-16"), ("长" * 21, "A50-16"), ("电话 13903510031", "A50-8"), ("140105200801010011", "A50-8")],
)
def test_a_refusal_names_the_member_and_its_rule_and_repeats_nothing(text: str, rule: str) -> None:
    with pytest.raises(ParameterError) as refused:
        said("reason", text, longest=20, rule="A50-16")
    assert (refused.value.missing, refused.value.rule) == (("reason",), rule)
    assert text.strip() not in refused.value.detail or not text.strip()
