"""The detectors as recognizers of Presidio find what ``detect`` finds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gateway.anonymize.text import default_engine, detect
from gateway.anonymize.text.engine import Engine
from gateway.anonymize.text.reading import Reading, Word
from gateway.anonymize.text.recognizers import ReadingArtifacts, analyzer, artifacts, recognizers
from gateway.anonymize.text.spans import Source, Span, TextType
from gateway.errors import ParameterError
from tests.factories.texts import Words, engine, marks, no_words

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

TEXTS = (
    "",
    "今天天气很好。",
    "王小明同学家住山西省太原市小店区平阳路１２号，身份证号140105201203154321，母亲李丽电话139 1234 5678。",
    "阿依古丽·买买提与欧阳明月从榆次一中转入太原市第五中学，邮箱13912345678@qq.com，车牌晋A12345。",
    "学籍号G140105201203154321，微信号wxid_abc12345，𬘡\u200b王\u200b小明。",
    "〔学生〕与〔同学1〕打架，王**已道歉。",
)
RECORD = {"student": "王小明", "guardians": ["李丽"], "address": "山西省太原市小店区平阳路12号"}


@pytest.fixture(scope="module")
def finder() -> AnalyzerEngine:
    return analyzer(default_engine())


@pytest.mark.parametrize("record", [None, RECORD], ids=["alone", "record"])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_both_roads_find_the_same(finder: AnalyzerEngine, text: str, record: dict[str, object] | None) -> None:
    results = finder.analyze(text, language="zh", nlp_artifacts=artifacts(finder, text, record))
    assert sorted((one.start, one.end, one.entity_type) for one in results) == [
        tuple(one) for one in detect(text, record)
    ]
    if record is None:
        assert finder.analyze(text, language="zh") == results


def test_each_detector_is_a_recognizer_by_its_name(finder: AnalyzerEngine) -> None:
    names = {one.to_dict()["name"] for one in finder.get_recognizers("zh")}
    assert names == {detector.name for detector in default_engine().detectors}
    assert set(finder.get_supported_entities("zh")) == {kind.value for kind in TextType}


def test_only_what_is_asked_for_is_found(finder: AnalyzerEngine) -> None:
    found = finder.analyze(TEXTS[2], language="zh", entities=["PHONE"])
    assert [(TEXTS[2][one.start : one.end], one.entity_type) for one in found] == [("139 1234 5678", "PHONE")]


def test_the_text_is_read_once_for_all_recognizers() -> None:
    class Readers(Words):
        """Asks for the words of the model."""

        def find(self, reading: Reading) -> Iterator[Span]:
            assert reading.words
            return super().find(reading)

    calls: list[str] = []

    def cut(text: str) -> tuple[Word, ...]:
        calls.append(text)
        return no_words(text)

    detectors = Readers({"甲": TextType.PERSON}, "test.one"), Readers({"乙": TextType.PERSON}, "test.two")
    assert len(analyzer(Engine(detectors, cut, marks())).analyze("甲乙", language="zh")) == 2
    assert calls == ["甲乙"]


def test_a_recognizer_works_alone() -> None:
    made = engine(Words({"王小明": TextType.PERSON}, source=Source.ROSTER))
    (one,) = recognizers(made)
    (found,) = one.analyze("王\u200b小明", ["PERSON"])
    assert (found.start, found.end, found.entity_type) == (0, 4, "PERSON")
    assert found.analysis_explanation.textual_explanation == "test.words"
    assert one.analyze("王小明", ["PHONE"]) == []


def test_recognizers_of_others_pass_unless_ours_cover_them() -> None:
    from presidio_analyzer import Pattern, PatternRecognizer  # as ours import it: without the warnings of spaCy

    made = analyzer(engine(Words({"王小明": TextType.PERSON})))
    made.registry.add_recognizer(
        PatternRecognizer(
            supported_entity="CODE", patterns=[Pattern("code", "王|[A-Z]{3}", 0.5)], supported_language="zh"
        )
    )
    found = made.analyze("王小明ABC", language="zh")
    assert sorted((one.start, one.end, one.entity_type) for one in found) == [(0, 3, "PERSON"), (3, 6, "CODE")]


def test_nothing_of_a_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    made = analyzer(engine(Words({"王小明": TextType.PERSON})))
    made.log_decision_process = True
    with caplog.at_level(logging.DEBUG):
        made.analyze("王小明住平阳路", language="zh", return_decision_process=True)
    assert caplog.text
    assert "王" not in caplog.text
    assert "平阳" not in caplog.text


def test_other_languages_and_analyzers_are_refused(finder: AnalyzerEngine) -> None:
    assert isinstance(artifacts(finder, "甲", None), ReadingArtifacts)
    with pytest.raises(ValueError, match="not supported"):
        finder.nlp_engine.process_text("text", "en")
    with pytest.raises(ParameterError):
        artifacts(finder, "王小明", {"nonsense": "王小明"})
    foreign = type(finder).__new__(type(finder))
    foreign.nlp_engine = None  # type: ignore[assignment]  # anything but ours
    with pytest.raises(ParameterError, match="one that analyzer"):
        artifacts(foreign, "甲", None)
