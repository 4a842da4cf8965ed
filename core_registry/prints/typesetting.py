"""Words and blanks broken into lines: the part of the PDF writer that knows Chinese punctuation, and no PDF."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from core_registry.prints.tree import Blank, Text

_TOKEN = re.compile(r"[A-Za-z0-9./@_-]+|.", re.DOTALL)
_NOT_FIRST = frozenset("，。、；：！？）》」』】〕％·),.;:")
"""Marks that do not begin a line."""
_PADDING = 0.6
"""Ems that a blank is wider than its value."""


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of a line: its text, its width, and whether a rule runs below it."""

    text: str = field(repr=False)
    width: float
    ruled: bool = False


Line = tuple[Box, ...]


def boxes(text: Text, em: float, room: float, measure: Callable[[str], float]) -> Iterator[Box]:
    """Return the unbreakable pieces of a paragraph. ``em`` and ``room`` (the widest line) are in one unit."""
    for piece in text.pieces:
        if isinstance(piece, Blank) and piece.ems:
            width = max(piece.ems * em, measure(piece.value) + _PADDING * em)
            if width <= room:
                yield Box(piece.value, width, ruled=True)
                continue
        content, ruled = (piece.value, piece.ems > 0) if isinstance(piece, Blank) else (piece.text, False)
        for token in _TOKEN.findall(content):
            width = measure(token)
            if width <= room:
                yield Box(token, width, ruled)
            else:
                yield from (Box(character, measure(character), ruled) for character in token)


def lines(text: Text, em: float, room: float, measure: Callable[[str], float]) -> list[Line]:
    """Return the lines of a paragraph, none wider than ``room``; an empty paragraph has one empty line."""
    done: list[Line] = []
    line: list[Box] = [Box("", text.indent * em)] if text.indent else []
    filled = text.indent * em
    for box in boxes(text, em, room, measure):
        if line and filled + box.width > room:
            carried: list[Box] = []
            if box.text in _NOT_FIRST and len(line) > 1:
                carried = [line.pop()]  # the mark takes the piece before it along
            done.append(tuple(line))
            line = carried
            filled = sum(one.width for one in carried)
        line.append(box)
        filled += box.width
    done.append(tuple(line))
    return done
