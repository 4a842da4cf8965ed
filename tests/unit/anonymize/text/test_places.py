"""What holds of places whatever the model says: bad input, order, laziness, written forms of divisions."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.places.anchors import AnchorFinder
from gateway.anonymize.text.places.gazetteer import COUNTY, TOWNSHIP, forms
from gateway.anonymize.text.reading import Reading, Word
from gateway.anonymize.text.spans import Source, TextType
from rulebook import load
from tests.unit.anonymize.text.placed import by_character, in_one, place_detectors, places, spans

_PATTERNS = (
    "路",
    "太原市",
    "山西省太原市小店区",
    "家住",
    "小学",
    "一中",
    "附属小学",
    "平阳路12号、",
    "平阳路与",
    "新村路",
    "3-",
    "1单元",
    "12号",
    "(",
    "内蒙古自治区",
    "实验",
    "第一校区",
    "阳光3栋",
    "，",
    "🀄",
)


@pytest.fixture(scope="module")
def anchors() -> AnchorFinder:
    return AnchorFinder(load(Path("config")).divisions)


@pytest.mark.parametrize("cut", [by_character, in_one])
@pytest.mark.parametrize("pattern", _PATTERNS)
def test_repeated_text_costs_time_in_proportion(pattern: str, cut: object) -> None:
    def seconds(size: int) -> float:
        text = (pattern * size)[:size]
        words = (by_character if cut is by_character else in_one)(text)
        best = float("inf")
        for _ in range(3):  # the collector may run in one of them
            reading = Reading(Normal(text, text, range(size), range(1, size + 1)), lambda _: words)
            start = time.process_time()
            for detector in place_detectors():
                for _ in detector.find(reading):
                    pass
            best = min(best, time.process_time() - start)
        return best

    small, large = max(seconds(500), 0.005), seconds(4_000)
    assert large < 40 * small  # 8 times the text; a square would take 64 times as long


@pytest.mark.parametrize("text", ["", " ", "\ud83d", "a", "号", "路", "小学", "住", "(", "第", "一中"])
@pytest.mark.parametrize("tag", ["n", "v", "LOC", "w", ""])
def test_the_shortest_texts_hold_no_place(text: str, tag: str) -> None:
    found = spans(text, lambda normal: by_character(normal, tag))
    assert [span for span in found if span.type is TextType.ADDRESS] == []
    assert all(span.end <= len(text) for span in found)


def test_spans_of_one_detector_do_not_overlap_nor_do_addresses_enter_schools() -> None:
    text = "家住山西省太原市小店区平阳路12号，由太原五中转入大同一中，住大同市平城区新华街小学旁边的御河小区3号楼。"
    found = spans(text, by_character)
    assert len(found) > 3
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert {span.source for span in found} == {Source.PLACE}


def test_the_rule_of_a_span_tells_nothing_of_the_text() -> None:
    for span in spans("家住山西省太原市小店区平阳路12号，就读于太原五中。", by_character):
        assert span.rule.isascii()
        assert span.rule.startswith("places.")


def test_a_text_without_any_anchor_is_not_cut_into_words() -> None:
    def cut(_text: str) -> tuple[Word, ...]:
        raise AssertionError("the model was asked")

    for detector in place_detectors():
        assert list(detector.find(Reading(Normal.of("今天天气很好。"), cut))) == []


def test_full_width_characters_are_found_in_the_original() -> None:
    text = "住址：山西省太原市小店区平阳路１２号３号楼２单元５０１室。"
    assert places(TextType.ADDRESS, text, by_character) == ["山西省太原市小店区平阳路１２号３号楼２单元５０１室"]


def test_names_are_known_with_and_without_their_suffix() -> None:
    known = forms(load(Path("config")).divisions)
    for name in ("小店区", "小店", "恩施土家族苗族自治州", "恩施", "内蒙古", "榆次市", "雁北", "刘家堡乡", "坞城"):
        assert name in known
    assert [form.level for form in known["坞城街道"]] == [TOWNSHIP]
    assert any(form.level == COUNTY and form.short for form in known["平遥"])
    assert "临" not in known  # 临县 has no short form
    assert "市辖区" not in known


def test_a_cue_ends_where_the_place_begins(anchors: AnchorFinder) -> None:
    assert anchors.find("家庭住址:现为平遥").residence == {7: True}
    assert anchors.find("他住平遥").residence == {2: False}  # 住 alone may mean much
    assert anchors.find("他记住了，住院三天").residence == {}


def test_a_suffix_inside_another_word_is_none(anchors: AnchorFinder) -> None:
    assert anchors.find("路口的村民回到乡下").suffixes == {}
    assert set(anchors.find("平阳路的街道办").suffixes) == {2, 4}
