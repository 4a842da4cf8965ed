"""Presidio's anonymizer with our operators writes what ``redact`` writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from presidio_anonymizer.entities import InvalidParamError, OperatorConfig, RecognizerResult

from gateway.anonymize.text import default_engine
from gateway.anonymize.text.operators import NAME, anonymizer, operators
from gateway.anonymize.text.recognizers import analyzer, artifacts
from gateway.anonymize.text.redaction import redact
from gateway.anonymize.text.spans import TextType
from rulebook.recognition_records import DEFAULT_RECOGNITION
from tests.factories.texts import Words, engine
from tests.unit.anonymize.text.test_recognizers import RECORD, TEXTS

PEOPLE = Words({"张三": TextType.PERSON, "李四": TextType.PERSON})


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_both_roads_write_the_same(text: str) -> None:
    made = default_engine()
    results = analyzer(made).analyze(text, language="zh")
    assert anonymizer(made).anonymize(text, results).text == redact(made, [text])[0].text


def test_an_integrator_hides_the_record_and_chooses_the_style() -> None:
    made, text = default_engine(), TEXTS[2]
    finder = analyzer(made)
    results = finder.analyze(text, language="zh", nlp_artifacts=artifacts(finder, text, RECORD))
    shown = anonymizer(made).anonymize(text, results, operators(made, text, results, RECORD)).text
    assert shown == "〔学生〕同学家住〔地址〕，身份证号〔身份证件号〕，母亲〔家长〕电话〔电话〕。"
    masked = anonymizer(made).anonymize(text, results, operators(made, text, results, RECORD, "mask")).text
    assert masked == "王**同学家住山西省太原市小店区***，身份证号1401**************，母亲李**电话139********。"


def test_people_with_nothing_or_a_blank_between_them_stay_two() -> None:
    made = engine(PEOPLE)
    text = "张三李四 张三"
    results = analyzer(made).analyze(text, language="zh")
    assert anonymizer(made).anonymize(text, results).text == "〔人员1〕〔人员2〕 〔人员1〕"


def test_the_style_is_that_of_the_rule_book() -> None:
    made = engine(PEOPLE, recognition=replace(DEFAULT_RECOGNITION, style="mask"))
    results = analyzer(made).analyze("张三来了", language="zh")
    assert anonymizer(made).anonymize("张三来了", results).text == "张**来了"


def test_what_is_none_of_ours_becomes_stars() -> None:
    made = engine(PEOPLE)
    results = [RecognizerResult("CODE", 0, 3, 0.9), RecognizerResult("PERSON", 3, 5, 0.9)]
    assert anonymizer(made).anonymize("ABC张三", results).text == "****〔人员1〕"


def test_others_operators_may_be_used() -> None:
    made = engine(PEOPLE)
    results = [RecognizerResult("PERSON", 0, 2, 0.9)]
    shown = anonymizer(made).anonymize("张三", results, {"PERSON": OperatorConfig("replace", {"new_value": "X"})})
    assert shown.text == "X"


def test_the_operator_needs_its_labels() -> None:
    made = engine(PEOPLE)
    with pytest.raises(InvalidParamError, match="operators"):
        anonymizer(made).anonymize(
            "张三", [RecognizerResult("PERSON", 0, 2, 0.9)], {"PERSON": OperatorConfig(NAME, {})}
        )
