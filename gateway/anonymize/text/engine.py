"""The engine: all detectors over one reading of a text, overlaps resolved, offsets of the original.

An engine holds lexicons, patterns and the word model, no state of a text; one is enough for a process and its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.anonymize.text.hiding import Marks
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import Detector, KnownRecord, Reading, Word
from gateway.anonymize.text.resolve import resolve
from gateway.anonymize.text.spans import Detection, Source, Span, TextType
from gateway.errors import ConfigurationError, ParameterError

if TYPE_CHECKING:
    from gateway.anonymize.text.roster import Roster
    from rulebook.recognition_records import Recognition, RecognizerRule
    from rulebook.records import Divisions


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data in a text and why it counts as such. Offsets are code points of the original."""

    start: int
    end: int
    type: TextType
    source: Source
    score: float
    rule: str

    @property
    def detection(self) -> Detection:
        """Return what ``detect`` says of it."""
        return Detection(self.start, self.end, self.type.value)


class Engine:
    """Finds personal data in texts."""

    def __init__(self, detectors: Iterable[Detector], cut: Callable[[str], tuple[Word, ...]], marks: Marks) -> None:
        """Take detectors, as the rule book of ``marks`` wants them. Raises ``ConfigurationError`` for unknown names."""
        self.marks = marks
        rules = marks.recognition.recognizers
        given = tuple(detectors)
        _check(rules, [detector.name for detector in given])
        self.detectors = tuple(one for one in given if one.name not in rules or rules[one.name].enabled)
        self._least = {name: rule.least_score for name, rule in rules.items() if rule.least_score}
        self._cut = cut

    @classmethod
    def load(cls, divisions: Divisions, recognition: Recognition, *, model: Path | None = None) -> Engine:
        """Return the engine with all detectors. Raises ``ModelUnavailableError`` when the word model is off."""
        from gateway.anonymize.text import identifiers, known, names, places  # noqa: PLC0415  lexicons are read here
        from gateway.anonymize.text.model import WordModel  # noqa: PLC0415  brings onnxruntime

        words = WordModel.load(model)
        detectors = (*known.detectors(), *identifiers.detectors(), *places.detectors(divisions), *names.detectors())
        return cls(detectors, words.cut, Marks(recognition, divisions))

    def read(self, text: str, record: KnownRecord | None = None, roster: Roster | None = None) -> Reading:
        """Return a text as detectors read it. Raises ``ParameterError`` when it is no text."""
        if not isinstance(text, str):
            raise ParameterError(
                f"The text must be a str, not {type(text).__name__}.", detail_zh="待检测的内容必须是文本。"
            )
        return Reading(Normal.of(text), self._cut, record, roster)

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Yield what the detectors find, overlaps and all, in offsets of the normalised text."""
        for detector in self.detectors:
            yield from self.spans_of(detector, reading)

    def spans_of(self, detector: Detector, reading: Reading) -> Iterable[Span]:
        """Return what one detector finds with a score that the rule book lets count."""
        least = self._least.get(detector.name)
        found = detector.find(reading)
        return found if least is None else (span for span in found if span.score >= least)

    def find(self, reading: Reading) -> tuple[Found, ...]:
        """Return what there is in a text, sorted, without overlaps."""
        return self.settle(reading, self.spans(reading))

    def settle(self, reading: Reading, spans: Iterable[Span]) -> tuple[Found, ...]:
        """Return spans of a reading with overlaps resolved, in code points of the original, sorted."""
        found: list[Found] = []
        done = 0
        text = reading.text.text
        for span in resolve(spans, text, self.marks.placeholders(text)):
            if self.marks.masked(span.type, text, span.start, span.end):
                continue
            start, end = reading.text.back(span.start, span.end)
            # one character of the original may become several (㈱): two spans can then meet in it
            start = max(start, done)
            if start < end:
                found.append(Found(start, end, span.type, span.source, span.score, span.rule))
                done = end
        return tuple(found)


def _check(rules: Mapping[str, RecognizerRule], names: Sequence[str]) -> None:
    """Raise ``ConfigurationError`` when the rule book names a detector that there is not, or all are off."""
    for rule in rules.values():
        if rule.name not in names:
            place = f"recognizers.yaml:{rule.line}" if rule.line else "recognizers.yaml"
            raise ConfigurationError(
                f"{place}: there is no recognizer '{rule.name}'; there are {', '.join(sorted(names))}.",
                detail_zh=f"{place}：没有名为 {rule.name} 的识别器。",
            )
