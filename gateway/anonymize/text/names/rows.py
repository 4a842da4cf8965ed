"""Rows of a text: what is told one after the other, and how many of it the word model holds for names.

In a row of names a word is a name: 卢志强、成功、邵丽娟; in a row of words it is a word: 白云、蓝天、田野.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.anonymize.text.names.evidence import Evidence

_CLAUSE: Final = re.compile('[^，,。；;！!？?：:\n“”"《》]+')
_ITEM: Final = re.compile("[^、\\s)）|/和与及]{2,}")
_NAMED: Final = 2
"""So many characters in a row that the model holds for a name make an item one."""


class Rows:
    """The rows of one text."""

    def __init__(self, evidence: Evidence) -> None:
        self._kinds = [""] * len(evidence.text)
        for clause in _CLAUSE.finditer(evidence.text):
            items = [item.span() for item in _ITEM.finditer(evidence.text, *clause.span())]
            if len(items) > 1 and any(mark in clause[0] for mark in "、 \t)）"):
                named = [_named(evidence.odds, start, end) for start, end in items]
                total = sum(named)
                for (start, end), own in zip(items, named, strict=True):
                    kind = _kind(total - own, len(items) - 1)
                    self._kinds[start:end] = [kind] * (end - start)

    def of(self, start: int) -> str:
        """Return how many of the others in the row of the character at ``start`` are names.

        ``all``, ``half``, ``some`` or ``none``; the empty text where there is no row.
        """
        return self._kinds[start]


def _named(odds: list[float], start: int, end: int) -> bool:
    """Return whether the model holds two characters in a row for a name."""
    run = 0
    for place in range(start, end):
        run = run + 1 if odds[place] > 0 else 0
        if run >= _NAMED:
            return True
    return False


def _kind(named: int, others: int) -> str:
    if named == others:
        return "all"
    return "half" if 2 * named >= others else "some" if named else "none"
