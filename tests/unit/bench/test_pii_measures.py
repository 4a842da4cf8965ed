"""What the harness of free text measures: counted by hand on small examples."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.pii.goals import GOALS, Answer, answers, goals_table
from bench.pii.metrics import Bootstrap, Found, Interval, Judged, Measure, anything, of_type, tagged
from bench.pii.page import FreeText, Table
from bench.pii.sentences import (
    Record,
    Sentence,
    SentenceError,
    parse_markup,
    read_lines,
    read_markup,
    write_lines,
    write_markup,
)
from bench.pii.timing import Speed, measure_speed

MARKED = "学生〖PERSON:word,two|晴朗〗住〖ADDRESS|某县某镇1号〗，电话〖PHONE|13900000000〗。"


def sentence(marked: str) -> Sentence:
    text, spans = parse_markup(marked)
    return Sentence("x", text, spans)


def test_markup_gives_code_points_and_can_be_written_again() -> None:
    text, spans = parse_markup(MARKED)
    assert text == "学生晴朗住某县某镇1号，电话13900000000。"
    assert [text[span.start : span.end] for span in spans] == ["晴朗", "某县某镇1号", "13900000000"]
    assert spans[0].tags == {"word", "two"}
    assert write_markup(text, spans) == MARKED.replace("word,two", "two,word")


@pytest.mark.parametrize("marked", ["〖PERSON|晴", "晴〗", "〖person|晴朗〗", "〖PERSON|〗"])
def test_broken_markup_is_refused(marked: str) -> None:
    with pytest.raises(SentenceError):
        parse_markup(marked)


def test_a_set_survives_its_json_lines(tmp_path: Path) -> None:
    one = Sentence("a", *parse_markup(MARKED), frozenset({"form"}), {"student": "晴朗"})
    write_lines(tmp_path / "set.jsonl", [one])
    assert read_lines(tmp_path / "set.jsonl") == [one]


@pytest.mark.parametrize(
    "line", ['{"text": "a"}', "no json", '{"text": "ab", "spans": [[0, 3, "PERSON"]]}', '{"text": 1, "spans": [[0]]}']
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"text": "a", "spans": []}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(SentenceError, match="line 2"):
        read_lines(path)


@pytest.mark.parametrize("line", ["h1 award 没有分隔", "h1 @nobody award :: 文", "h1 award :: 文\nh1 award :: 文"])
def test_a_bad_line_of_markup_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.txt"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(SentenceError):
        read_markup(path, {})


def test_strict_covered_and_over_masked_are_what_they_are_called() -> None:
    judged = Judged(
        [sentence(MARKED), sentence("〖PERSON|李雷〗和他")],
        [
            [(2, 4, "PERSON"), (4, 12, "ADDRESS"), (15, 25, "PHONE")],  # exact; too wide; leaks a digit
            [(0, 2, "SCHOOL"), (2, 3, "PERSON")],  # covered by another type; a false hit
        ],
    )
    assert judged.recall(of_type("PERSON")).value == 0.5
    assert judged.precision("PERSON").value == 0.5
    assert judged.f1("PERSON").value == 0.5
    assert judged.covered(of_type("PERSON")).value == 1.0
    assert judged.recall(of_type("ADDRESS")).value == 0.0
    assert judged.covered(of_type("ADDRESS")).value == 1.0
    assert judged.covered(of_type("PHONE")).value == 0.0
    assert judged.covered(anything).value == 3 / 4
    assert judged.recall(tagged("PERSON", "word")).value == 1.0
    # innocent are 学生住，电话。 and 和他; hidden of them are 住， and 和
    assert judged.over_mask().value == 3 / 9


def test_a_detector_that_finds_all_passes_every_goal_and_one_that_finds_nothing_none() -> None:
    many = [
        Sentence("x", *parse_markup(marked), record={})
        for marked in (
            "〖PERSON:word,third|晴朗〗在〖SCHOOL|某县一中〗",
            "〖PERSON:minority|扎西〗住〖ADDRESS|某县某镇1号〗，电话〖PHONE|13900000000〗",
        )
        for _ in range(250)
    ]
    right = [[(gold.start, gold.end, gold.type) for gold in one.spans] for one in many]
    for known in (False, True):
        judged = [one for one in answers(Judged(many, right), known=known) if one.judged]
        assert all(one.met and one.found.value in {0.0, 1.0} for one in judged)
        blind = [one for one in answers(Judged(many, [[] for _ in many]), known=known) if not one.goal.lower]
        assert not any(one.met for one in blind if one.judged)
        assert all(one.found.value == 0.0 for one in blind)


def alone(size: int) -> list[Sentence]:
    return [Sentence("x", "x", ())] * size


def test_sentences_of_one_template_count_as_one() -> None:
    hits = np.repeat([1.0, 1.0, 1.0, 0.0] * 25, 20)
    grouped = [Sentence("x", "x", (), group=f"template {number // 20}") for number in range(2_000)]
    measure = Measure(hits, np.ones(2_000))
    wide, narrow = Bootstrap(grouped).interval(measure), Bootstrap(alone(2_000)).interval(measure)
    assert wide.value == narrow.value
    # a share of .75 of 100, not of 2,000: the normal interval is .75 ± .085
    assert (wide.high - wide.low) / 2 == pytest.approx(0.085, abs=0.01)
    assert (narrow.high - narrow.low) / 2 < 0.025


def test_the_interval_holds_the_figure_narrows_with_size_and_is_repeatable() -> None:
    def interval(size: int) -> Interval:
        hits = np.array([1.0, 1.0, 1.0, 0.0] * (size // 4))
        return Bootstrap(alone(size)).interval(Measure(hits, np.ones(size)))

    small, large = interval(40), interval(2_000)
    assert small.low < 0.75 < small.high
    assert large.high - large.low < (small.high - small.low) / 5
    assert interval(40) == small
    # a share of .75 of 2,000: the normal interval is .75 ± .0190
    assert abs((large.high - large.low) / 2 - 0.0190) < 0.002


@pytest.mark.parametrize(("size", "low"), [(40, 0.912), (1_000, 0.9963)])
def test_forty_of_forty_is_not_certainty(size: int, low: float) -> None:
    found = Bootstrap(alone(size)).interval(Measure(np.ones(size), np.ones(size)))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(low, abs=0.001)


def test_what_was_not_measured_is_not_met() -> None:
    empty = Interval(math.nan, math.nan, math.nan, 0)
    assert not any(Answer(goal, empty).met for goal in GOALS)
    assert "nothing measured" in goals_table("x", [Answer(GOALS[0], empty)])


def test_the_verdict_goes_by_the_worse_end_of_the_interval() -> None:
    goal, over = GOALS[0], next(goal for goal in GOALS if goal.lower)
    assert Answer(goal, Interval(0.93, 0.91, 0.95, 9)).verdict() == "met"
    assert Answer(goal, Interval(0.93, 0.89, 0.95, 9)).verdict() == "figure only"
    assert Answer(goal, Interval(0.96, 0.95, 0.97, 9)).verdict() == "ambitious"
    assert Answer(goal, Interval(0.80, 0.75, 0.85, 9)).verdict() == "NOT met"
    assert Answer(over, Interval(0.015, 0.01, 0.019, 9)).verdict() == "met"
    assert Answer(over, Interval(0.015, 0.01, 0.021, 9)).verdict() == "figure only"


def test_the_page_names_each_goal_that_is_missed_and_judges_the_time() -> None:
    missed = Answer(GOALS[0], Interval(0.80, 0.75, 0.85, 9))
    kept = Answer(GOALS[0], Interval(0.96, 0.95, 0.97, 9))
    fast, slow = (Speed(1.0, p95, 1.0, 1.0, 1.0, 1) for p95 in (4.0, 40.0))
    assert FreeText([Table("hand", [kept])], fast).met
    assert not FreeText([Table("hand", [kept])], slow).met
    page = FreeText([Table("hand", [kept, missed])], fast)
    assert not page.met
    assert "MISSED: hand: PERSON F1;" in page.line()
    assert "NOT met" in page.section()


def test_time_is_of_pieces_of_a_hundred_characters() -> None:
    seen: list[int] = []

    def detect(text: str, _record: Record | None) -> list[Found]:
        seen.append(len(text))
        return []

    speed = measure_speed(detect, ["一二三四五", "六七"], rounds=30)
    assert set(seen) == {100}
    assert speed.texts == 30
    assert 0 <= speed.p50 <= speed.p95
