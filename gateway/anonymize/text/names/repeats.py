"""Names that a text has already told: found again wherever they stand, the given name alone included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.scored import Candidate

_SURE = 1.0
"""A name with this score and more is worth looking for."""


def again(evidence: Evidence, words: Lexicons, cues: Cues, chosen: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield further places of the ``chosen`` names, and of their given names of two characters."""
    text = evidence.text
    told = {text[name.start : name.end]: name.score for name in chosen if name.score >= _SURE}
    taken = {place for name in chosen for place in range(name.start, name.end)}
    for piece, score in told.items():
        for start in _places(text, piece, taken):
            found = score if len(piece) > weights.SHORTEST else _short(evidence, cues, start, start + 2)
            if found > 0 and not (
                len(piece) == weights.SHORTEST and piece in words.not_names and found < weights.TITLE
            ):
                yield Candidate(start, start + len(piece), found, "names.again")
    for given in _given(told, words):
        for start in _places(text, given, taken):
            found = _short(evidence, cues, start, start + 2) - 0.5
            if found > 0 and given not in words.not_names:
                yield Candidate(start, start + 2, found, "names.given_again")


def _given(told: dict[str, float], words: Lexicons) -> list[str]:
    """Return the given names of two characters of full names, those that no other name of the text holds as well."""
    found = []
    for name in told:
        if len(name) == weights.FULL and name[0] in words.surnames:
            found.append(name[1:])
        elif len(name) == weights.WITH_COMPOUND and name[:2] in words.compound:
            found.append(name[2:])
    return found


def _places(text: str, piece: str, taken: set[int]) -> Iterator[int]:
    """Yield where ``piece`` stands clear of the names that are ``taken``."""
    start = text.find(piece)
    while start >= 0:
        if not any(place in taken for place in range(start, start + len(piece))):
            yield start
        start = text.find(piece, start + 1)


def _short(evidence: Evidence, cues: Cues, start: int, end: int) -> float:
    """Return the score of two characters that were told as a name: borders and neighbours decide."""
    return 1.0 + 1.5 * (evidence.border[start] + evidence.border[end]) + 0.5 * (cues.left(start) + cues.right(end))
