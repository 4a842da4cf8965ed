"""The rule book names the columns of the sharing view a second time; both lists must agree."""

from __future__ import annotations

from core_registry.sharing import SHARING_COLUMNS
from rulebook import columns


def test_the_rule_book_knows_exactly_the_columns_of_the_sharing_view() -> None:
    assert frozenset(SHARING_COLUMNS) == columns.SHARING_COLUMNS


def test_masked_and_text_columns_are_columns_of_the_sharing_view() -> None:
    assert frozenset(SHARING_COLUMNS) > columns.MASKED_COLUMNS | columns.TEXT_COLUMNS
    assert {name for name in SHARING_COLUMNS if name.endswith("_masked")} == columns.MASKED_COLUMNS
    assert {name for name in SHARING_COLUMNS if name.endswith("_text")} == columns.TEXT_COLUMNS
