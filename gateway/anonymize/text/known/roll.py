"""Names of the school's roll in a text: three characters freely, two with context (notes pii, section 4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from gateway.anonymize.text.known.evidence import NAME_TAGS, PLACE_TAGS, Evidence
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType

if TYPE_CHECKING:
    from gateway.anonymize.text.roster import Entry

_SURE: Final = 0.75
_SHORT: Final = 2
_LONGEST: Final = 4


class RollNames:
    """Finds pupils and staff of the school."""

    name: Final = "known.roll"

    def find(self, reading: Reading) -> Iterator[Span]:
        """Yield the places of names of the roll; nothing without one."""
        if reading.roster is None:
            return
        text = reading.text.text
        evidence = Evidence(reading)
        for entry in reading.roster.find(text):
            counts = _short(entry, evidence) if entry.size == _SHORT else _long(entry, evidence)
            if counts:
                rule = "roll.short" if entry.size == _SHORT else "roll.long"
                yield Span(
                    entry.start, entry.end, TextType.PERSON, Source.ROSTER, 0.9 if entry.size > _SHORT else 0.8, rule
                )


def _long(entry: Entry, evidence: Evidence) -> bool:
    """Return whether three and more characters count: not inside a longer name or a place the model is sure of."""
    word = evidence.inside(entry.start, entry.end)
    if (
        word
        and word.confidence >= _SURE
        and word.tag in NAME_TAGS | PLACE_TAGS
        and not evidence.role(entry.start, entry.end)
    ):
        return word.tag in NAME_TAGS and word.end - word.start > _LONGEST and word.start == entry.start
    return evidence.torn(entry.start, entry.end, unless_below=_SURE) < 2  # noqa: PLR2004


def _short(entry: Entry, evidence: Evidence) -> bool:
    """Return whether two characters count: as a name of the model, or beside a role unless they are a usual word."""
    start, end = entry.start, entry.end
    if evidence.torn(start, end):
        return False
    if evidence.one_name(start, end):
        return True
    if evidence.role(start, end):
        return not evidence.used_as_word(start, end) or evidence.role_after(end)
    if evidence.word_like(start, end) or evidence.used_as_word(start, end):
        return False
    return evidence.taken(start) or evidence.acts(end)
