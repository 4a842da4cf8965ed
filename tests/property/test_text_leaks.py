"""A seeded search for names in redacted awards and remarks: it finds no more than docs/text.md claims."""

from __future__ import annotations

from math import sqrt

import polars as pl
import pytest

from bench.pii.leaks import CLAIMED, GROUPS, Leaks, cases, folded, known_frame, new_redactor, search
from gateway.anonymize.text.redactor import TextRedactor


def leaks_of(records: int, processes: int) -> Leaks:
    return search(*cases(records), new_redactor(processes))


def above_the_claim(leaks: Leaks, deviations: float) -> dict[str, float]:
    """Return the groups whose rate is above the claim, by more than chance gives a sample: so many deviations."""
    room = {group: deviations * sqrt(CLAIMED[group] / leaks.met[group]) for group in GROUPS}
    return {group: leaks.rate(group) for group in GROUPS if leaks.rate(group) > CLAIMED[group] + room[group]}


def check(leaks: Leaks, records: int, deviations: float) -> None:
    assert leaks.texts == 2 * records
    assert not leaks.withheld
    assert all(leaks.met[group] > records // 10 for group in GROUPS)
    assert above_the_claim(leaks, deviations) == {}


def test_a_sample_leaks_no_more_than_is_claimed() -> None:
    check(leaks_of(150, processes=1), 150, deviations=3.0)


@pytest.mark.soak
def test_ten_thousand_records_leak_no_more_than_is_claimed() -> None:
    check(leaks_of(10_000, processes=2), 10_000, deviations=0.0)


def test_a_rate_above_the_claim_is_seen() -> None:
    met = dict.fromkeys(GROUPS, 1_000)
    high = {group: int(1_000 * CLAIMED[group]) + 1 for group in GROUPS}
    assert set(above_the_claim(Leaks(500, met, high, 0), 0.0)) == set(GROUPS)
    assert above_the_claim(Leaks(500, met, high, 0), 3.0) == {}


def test_the_search_finds_names_that_nobody_hid() -> None:
    class Idle(TextRedactor):
        def __init__(self) -> None:
            pass

        def redact(self, texts: pl.Series, *_: object) -> pl.Series:
            return texts

    found = search(*cases(40), Idle())
    assert all(found.rate(group) > 0.99 for group in GROUPS)


def test_spaces_dots_and_full_width_do_not_hide_a_name_from_the_search() -> None:
    assert folded("王 小　明") == "王小明"
    assert folded("阿依 · 买买提．Ａ") == "阿依买买提A"
    assert folded("王\n小") == "王\n小"


def test_the_record_of_each_text_stands_beside_it() -> None:
    found, rolls = cases(45)
    frame = known_frame(found)
    assert frame.height == len(found) == 90
    assert set(frame["school_code"]) == set(rolls)
    assert [len(names) for names in rolls.values()] == [40, 5]
