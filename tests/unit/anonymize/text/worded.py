"""Texts with the words that a model would cut them into, without the model: ``王小明/PER 今天/TIME 请假/v``.

A tag may have a confidence: ``文明/n:0.5``; without one the model is quite sure (0.95), without a tag it is ``n``.
A space that belongs to the text is written ``␣``, a line break ``⏎``.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.anonymize.text.known import detectors
from gateway.anonymize.text.normal import Normal
from gateway.anonymize.text.reading import KnownRecord, Reading, Word
from gateway.anonymize.text.roster import Roster

_SURE = 0.95


def reading(worded: str, record: Mapping[str, object] | None = None, roster: Roster | None = None) -> Reading:
    """Return a reading whose words are those of ``worded``."""
    words: list[Word] = []
    text = ""
    for piece in worded.split(" "):
        word, _, tag = piece.partition("/")
        tag, _, sure = tag.partition(":")
        word = word.replace("␣", " ").replace("⏎", "\n")
        words.append(Word(len(text), len(text) + len(word), tag or "n", float(sure or _SURE)))
        text += word
    normal = Normal.of(text)
    assert normal.text == text, "write the text of a test as NFKC would"
    return Reading(normal, lambda _: tuple(words), KnownRecord.of(record) if record else None, roster)


def found(
    worded: str, record: Mapping[str, object] | None = None, roster: Roster | None = None
) -> list[tuple[str, str]]:
    """Return kind and text of what the detectors of this room find, in the order of the text."""
    one = reading(worded, record, roster)
    spans = sorted({(span.start, span.end, span.type.value) for detector in detectors() for span in detector.find(one)})
    return [(kind, one.text.text[start:end]) for start, end, kind in spans]


def people(worded: str, record: Mapping[str, object] | None = None, roster: Roster | None = None) -> list[str]:
    """Return the texts of the persons found."""
    return [text for kind, text in found(worded, record, roster) if kind == "PERSON"]
