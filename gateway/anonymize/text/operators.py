"""The placeholders and masks as an operator of Presidio's anonymizer, for programs that are built on it.

::

    hider = anonymizer(engine)
    results = analyzer(engine).analyze(text, language="zh")
    hider.anonymize(text, results).text
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.anonymize.text.engine import Found
from gateway.anonymize.text.hiding import STARS, Hiding
from gateway.anonymize.text.knowledge import known
from gateway.anonymize.text.recognizers import SOURCE
from gateway.anonymize.text.spans import Source, TextType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its parts warn of one another
    from presidio_anonymizer import AnonymizerEngine
    from presidio_anonymizer.entities import (
        ConflictResolutionStrategy,
        EngineResult,
        InvalidParamError,
        OperatorConfig,
        RecognizerResult,
    )
    from presidio_anonymizer.operators import Operator, OperatorType

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine
    from rulebook.recognition_records import TextStyle

NAME: Final = "xueji_hide"
LABELS: Final = "labels"
DEFAULT: Final = "default"
"""What stands for a value without a label: an entity that is none of ours."""


class Result(Protocol):
    """A result of Presidio's analyzer, or of anything else that says what stands where."""

    start: int
    end: int
    entity_type: str
    score: float


class Hide(Operator):
    """Writes the label of a value: ``labels`` maps values to labels, ``default`` stands for all others."""

    def operate(self, text: str, params: dict[str, Any] | None = None) -> str:
        """Return the label of ``text``."""
        given = params or {}
        return str(given[LABELS].get(text, given[DEFAULT]))

    def validate(self, params: dict[str, Any] | None = None) -> None:
        """Raise ``InvalidParamError`` without labels."""
        given = params or {}
        if not isinstance(given.get(LABELS), Mapping) or not isinstance(given.get(DEFAULT), str):
            raise InvalidParamError(f"{NAME} needs '{LABELS}' and '{DEFAULT}'; make them by operators().")

    def operator_name(self) -> str:
        """Return the name under which configurations know the operator."""
        return NAME

    def operator_type(self) -> OperatorType:
        """Return that it anonymizes."""
        return OperatorType.Anonymize


def operators(
    engine: Engine,
    text: str,
    results: Sequence[Result],
    record: Mapping[str, object] | None = None,
    style: TextStyle | None = None,
) -> dict[str, OperatorConfig]:
    """Return the operators for one text and what an analyzer found in it; ``style`` as in the rule book unless given.

    Entities that are none of ours become ``****``.
    """
    kinds = {kind.value for kind in TextType}
    found = [_found(one) for one in sorted(results, key=lambda one: (one.start, one.end)) if one.entity_type in kinds]
    hiding = Hiding(engine.marks, known(record)[0], [text], style or engine.marks.recognition.style)
    labels: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for one, label in zip(found, hiding.labels([text], [found])[0], strict=True):
        labels[one.type.value][text[one.start : one.end]] = label
    configs = {kind: OperatorConfig(NAME, {LABELS: of, DEFAULT: STARS}) for kind, of in labels.items()}
    return {**configs, "DEFAULT": OperatorConfig(NAME, {LABELS: {}, DEFAULT: STARS})}


def _found(result: Result) -> Found:
    source = getattr(result, "recognition_metadata", None) or {}
    return Found(
        result.start,
        result.end,
        TextType(result.entity_type),
        source.get(SOURCE, Source.MODEL),
        result.score,
        "presidio",
    )


class TextAnonymizer(AnonymizerEngine):
    """Presidio's anonymizer, with our operators unless it is given others."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Presidio is typed in part
        self._engine = engine
        self.add_anonymizer(Hide)

    def anonymize(
        self,
        text: str,
        analyzer_results: Sequence[Result],
        operators: dict[str, OperatorConfig] | None = None,
        conflict_resolution: ConflictResolutionStrategy = ConflictResolutionStrategy.REMOVE_INTERSECTIONS,
        merge_entities_with_spaces: bool = False,
    ) -> EngineResult:
        """Return the text with the results hidden. Two people with a blank between them stay two."""
        return super().anonymize(
            text,
            [RecognizerResult(one.entity_type, one.start, one.end, one.score) for one in analyzer_results],
            operators or _operators(self._engine, text, analyzer_results),
            conflict_resolution,
            merge_entities_with_spaces,
        )


_operators = operators


def anonymizer(engine: Engine) -> TextAnonymizer:
    """Return Presidio's anonymizer that hides as the rule book says."""
    return TextAnonymizer(engine)
