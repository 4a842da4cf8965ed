"""Two texts side by side, with what differs marked, so that an officer sees a changed word (A50-6)."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_COMPARED = 6000
"""Characters beyond which only whether the texts are the same is told: the search takes the square of them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text; ``apart`` when the other text has not the same there."""

    text: str
    apart: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both texts in pieces."""

    left: tuple[Piece, ...]
    right: tuple[Piece, ...]
    same: bool


def compare(left: str, right: str) -> Comparison:
    """Return two texts in pieces, character by character; long ones are taken as one piece each."""
    if left == right:
        return Comparison((Piece(left, apart=False),), (Piece(right, apart=False),), same=True)
    if max(len(left), len(right)) > MAX_COMPARED:
        return Comparison((Piece(left, apart=True),), (Piece(right, apart=True),), same=False)
    ours: list[Piece] = []
    theirs: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if a < b:
            ours.append(Piece(left[a:b], apart=tag != "equal"))
        if c < d:
            theirs.append(Piece(right[c:d], apart=tag != "equal"))
    return Comparison(tuple(ours), tuple(theirs), same=False)
