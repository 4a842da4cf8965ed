"""Texts of one record with everything hidden that was found, and what that was.

A text is looked at again after hiding, until nothing more is found: so redacting what is redacted changes nothing, and
a name that only shows when its neighbour is gone is hidden as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gateway.anonymize.text.hiding import Hiding, rendered

if TYPE_CHECKING:
    from gateway.anonymize.text.engine import Engine, Found
    from gateway.anonymize.text.reading import KnownRecord
    from gateway.anonymize.text.roster import Roster
    from rulebook.recognition_records import TextStyle

_MOST_ROUNDS: Final = 12
"""Each round hides at least one character more; texts of people end in the second."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text as it may be shown. ``found`` in code points of the original, with what stands there now."""

    text: str
    found: tuple[Found, ...]
    labels: tuple[str, ...]
    original: str = field(repr=False)


def redact(
    engine: Engine,
    texts: Sequence[str],
    record: KnownRecord | None = None,
    roster: Roster | None = None,
    style: TextStyle | None = None,
) -> list[Redacted]:
    """Return the texts of one record with all that was found hidden; the same person has one placeholder in all.

    ``style`` is that of the rule book unless given. Raises ``ParameterError`` for what is no text.
    """
    hiding = Hiding(engine.marks, record, texts, style or engine.marks.recognition.style)
    done = [Redacted(text, engine.find(engine.read(text, record, roster)), (), text) for text in texts]
    changed = list(range(len(done)))
    for left in reversed(range(_MOST_ROUNDS)):
        labels = hiding.labels(texts, [one.found for one in done])
        for number in changed:
            one = done[number]
            text = rendered(one.original, one.found, labels[number])
            done[number] = replace(one, text=text, labels=tuple(labels[number]))
        again = []
        for number in changed if left else ():
            one = done[number]
            more = _more(one, engine.find(engine.read(one.text, record, roster))) if one.found else ()
            if more:
                done[number] = replace(one, found=tuple(sorted((*one.found, *more), key=lambda item: item.start)))
                again.append(number)
        if not again:
            break
        changed = again
    return done


def _more(redacted: Redacted, found: Sequence[Found]) -> tuple[Found, ...]:
    """Return finds in the redacted text in code points of the original, without what is no longer original."""
    kept: list[tuple[int, int, int]] = []  # start in the redacted text, end, how far the original is ahead
    at, done = 0, 0
    for one, label in zip(redacted.found, redacted.labels, strict=True):
        kept.append((at, at + one.start - done, done - at))
        at += one.start - done + len(label)
        done = one.end
    kept.append((at, len(redacted.text), done - at))
    more = []
    for item in found:
        for start, end, ahead in kept:
            first, last = max(item.start, start), min(item.end, end)
            if first < last and any(character.isalnum() for character in redacted.text[first:last]):
                more.append(replace(item, start=first + ahead, end=last + ahead))
    return tuple(more)
