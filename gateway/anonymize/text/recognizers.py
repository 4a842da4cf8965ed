"""The detectors as recognizers of Presidio, for programs that are built on it. ``detect`` itself does without.

Presidio reads a text once for all recognizers (``nlp_artifacts``); ours carry the ``Reading`` in it, so the text is
normalised and cut into words once here as well. Its registry starts empty, since the predefined recognizers are made
for other languages and fire on Chinese text; its own removal of overlaps comes after ours and finds nothing to do.

::

    finder = analyzer(default_engine())
    finder.analyze(text, language="zh")
    finder.analyze(text, language="zh", nlp_artifacts=artifacts(finder, text, {"student": "王小明"}))
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.spans import Span, TextType
from gateway.errors import ParameterError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # spaCy, which Presidio brings, uses names that click is about to drop
    from presidio_analyzer import (
        AnalysisExplanation,
        AnalyzerEngine,
        EntityRecognizer,
        RecognizerRegistry,
        RecognizerResult,
    )
    from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
    from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine, Found
    from gateway.anonymize.text.reading import Detector, Reading

LANGUAGE: Final = "zh"
SPAN: Final = "xueji_span"
"""Member of ``recognition_metadata`` with the span of the normalised text."""
SOURCE: Final = "xueji_source"
"""Member of ``recognition_metadata`` with the kind of detector that found a result."""
_LEAST: Final = 0.01
"""Presidio drops a score of nought."""


class ReadingArtifacts(NlpArtifacts):
    """Empty artifacts that carry the reading of the text."""

    def __init__(self, reading: Reading, engine: ReadingNlpEngine, vocab: Vocab) -> None:
        super().__init__(
            entities=[],
            tokens=Doc(vocab, words=[]),
            tokens_indices=[],
            lemmas=[],
            nlp_engine=engine,
            language=LANGUAGE,
            scores=[],
        )
        self.reading = reading

    def to_json(self) -> str:
        """Return nothing of the text: Presidio writes this into its log when it is asked to explain."""
        return "{}"


class ReadingNlpEngine(NoOpNlpEngine):
    """Presidio's engine without a model; what it hands on is our reading."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(models=[{"lang_code": LANGUAGE, "model_name": "no_op"}])
        self._engine = engine
        self._words = Vocab()
        self.load()

    def process_text(self, text: str, language: str) -> ReadingArtifacts:
        """Return the reading of a text without a record. Raises ``ValueError`` for another language than ``zh``."""
        super().process_text(text, language)
        return self.read(text, None)

    def read(self, text: str, record: Mapping[str, object] | None) -> ReadingArtifacts:
        """Return the reading of a text of a record."""
        return ReadingArtifacts(self._engine.read(text, *known(record)), self, self._words)


class DetectorRecognizer(EntityRecognizer):
    """One detector. Results are in code points of the text; they overlap others' until ``OverlapResolver`` ran."""

    def __init__(self, engine: Engine, detector: Detector) -> None:
        self._engine = engine
        self._detector = detector
        super().__init__(
            supported_entities=[kind.value for kind in TextType], supported_language=LANGUAGE, name=detector.name
        )

    def load(self) -> None:
        """Do nothing: the engine is loaded."""

    def analyze(
        self, text: str, entities: Sequence[str] | None, nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Return what the detector finds of ``entities``."""
        reading = getattr(nlp_artifacts, "reading", None) or self._engine.read(text)
        return [
            self._result(reading, span)
            for span in self._engine.spans_of(self._detector, reading)
            if not entities or span.type.value in entities
        ]

    def _result(self, reading: Reading, span: Span) -> RecognizerResult:
        start, end = reading.text.back(span.start, span.end)
        return RecognizerResult(
            span.type.value,
            start,
            end,
            max(span.score, _LEAST),
            AnalysisExplanation(self._detector.name, max(span.score, _LEAST), textual_explanation=span.rule),
            {
                RecognizerResult.RECOGNIZER_NAME_KEY: self._detector.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                SPAN: span,
            },
        )


class OverlapResolver(ContextAwareEnhancer):
    """Stands where Presidio looks at words nearby; our detectors have done so. Resolves overlaps, as ``detect`` does.

    Results of recognizers that are not ours pass, unless something of ours covers them.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(0.0, 0.0, 0, 0)
        self._engine = engine

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[EntityRecognizer],  # noqa: ARG002  Presidio's signature
        context: list[str] | None = None,  # noqa: ARG002  Presidio's signature
    ) -> list[RecognizerResult]:
        """Return results without overlaps among ours."""
        reading = getattr(nlp_artifacts, "reading", None) or self._engine.read(text)
        ours = {one.recognition_metadata[SPAN]: one for one in raw_results if SPAN in one.recognition_metadata}
        found = self._engine.settle(reading, ours)
        others = [one for one in raw_results if SPAN not in one.recognition_metadata]
        free = [one for one in others if not any(f.start <= one.start and one.end <= f.end for f in found)]
        return [*(_told(one) for one in found), *free]


def _told(found: Found) -> RecognizerResult:
    score = max(found.score, _LEAST)
    return RecognizerResult(
        found.type.value,
        found.start,
        found.end,
        score,
        AnalysisExplanation(found.rule, score, textual_explanation=found.rule),
        {
            RecognizerResult.RECOGNIZER_NAME_KEY: found.rule,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: found.rule,
            SOURCE: found.source,
        },
    )


def recognizers(engine: Engine) -> list[DetectorRecognizer]:
    """Return a recognizer for each detector of an engine."""
    return [DetectorRecognizer(engine, detector) for detector in engine.detectors]


def analyzer(engine: Engine) -> AnalyzerEngine:
    """Return an analyzer for language ``zh`` that finds what ``detect`` finds."""
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    for one in recognizers(engine):
        registry.add_recognizer(one)
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=ReadingNlpEngine(engine),
        supported_languages=[LANGUAGE],
        context_aware_enhancer=OverlapResolver(engine),
    )


def artifacts(analyzer: AnalyzerEngine, text: str, record: Mapping[str, object] | None) -> ReadingArtifacts:
    """Return what ``analyzer.analyze(text, "zh", nlp_artifacts=…)`` needs to know the record that a text is about.

    Raises ``ParameterError`` for a record that ``detect`` would refuse, or an analyzer that is none of ours.
    """
    if not isinstance(analyzer.nlp_engine, ReadingNlpEngine):
        raise ParameterError("The analyzer must be one that analyzer() made.", detail_zh="分析器须由 analyzer() 生成。")
    return analyzer.nlp_engine.read(text, record)
