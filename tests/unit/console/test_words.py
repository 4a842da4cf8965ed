"""Every code has its words, and values are written as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.audit.chain import Gap, State, Step
from gateway.audit.records import LINKS
from gateway.console import audit_texts, filters, forms, texts
from gateway.errors import ParameterError
from gateway.policies.decision import Action
from gateway.policies.grounds import ACTS
from gateway.policies.records import ApplicationState, Format, GrantState, Level
from gateway.releases.records import ExtractState

ENTRIES = Path(__file__).resolve().parents[3] / "docs" / "audit-entries.md"


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("application", ApplicationState),
        ("next", ApplicationState),
        ("grant", GrantState),
        ("extract", ExtractState),
        ("level", Level),
        ("format", Format),
        ("action", Action),
    ],
)
def test_every_code_has_words_in_both_languages(table: str, codes: type[StrEnum]) -> None:
    assert set(texts.TABLES[table]) == {code.value for code in codes}
    assert all(word.zh and word.en for word in texts.TABLES[table].values())


def test_links_and_kinds_of_approval_have_words() -> None:
    assert set(texts.LINKS) == set(LINKS)
    assert {code: word.zh for code, word in texts.APPROVAL_ACTS.items()} == ACTS


def test_every_documented_kind_of_entry_has_words_and_a_group() -> None:
    documented = set(re.findall(r"^### ([a-z_]+\.[a-z_.]+)$", ENTRIES.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(documented) > 100
    assert documented - set(audit_texts.ALL_KINDS) == set(), "add these to gateway/console/audit_texts.py"
    written = [code for kinds in audit_texts.TABLES_OF_KINDS for code in kinds if "." in code]
    assert len(written) == len(set(written)), "a kind has its words once"
    assert {f"{kind.partition('.')[0]}." for kind in audit_texts.ALL_KINDS} == set(audit_texts.GROUPS)
    for table, codes in (("step", Step), ("gap", Gap), ("chain_state", State)):
        assert set(audit_texts.TABLES[table]) == {code.value for code in codes}


def test_an_unknown_code_stands_for_itself() -> None:
    assert filters.label("new.kind", "kind").zh == "new.kind"


def test_times_are_those_of_shanghai() -> None:
    assert filters.moment(datetime(2026, 11, 23, 16, 30, tzinfo=UTC)) == "2026-11-24 00:30:00"
    assert filters.moment("2026-11-23T16:30:00.250000Z") == "2026-11-24 00:30:00"
    assert filters.day(datetime(2026, 11, 23, 16, 30, tzinfo=UTC)) == "2026-11-24"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (34_628, "33.8 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_take_the_largest_fitting_unit(count: int, text: str) -> None:
    assert filters.size(count) == text


def test_numbers_have_separators() -> None:
    assert filters.number(5_000_000) == "5,000,000"
    assert filters.percent(0.0931) == "9.31%"


def test_a_date_that_is_none_is_refused_by_name() -> None:
    assert forms.optional_day("since", " ") is None
    with pytest.raises(ParameterError) as caught:
        forms.optional_day("since", "23/11/2026")
    assert caught.value.missing == ("since",)
    assert "23/11/2026" not in str(caught.value)
