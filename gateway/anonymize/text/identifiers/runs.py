"""Runs of digits: digits with at most three separators from one to the next, in any script.

A number is looked for between group borders only: part of a longer group of digits is none. Every run is read once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.anonymize.text.identifiers.views import CHINESE_DIGITS, SEPARATORS, Script, views

_RUN = re.compile(rf"[0-9](?:[{SEPARATORS}]{{0,3}}+[0-9])++")
_GROUP = re.compile("[0-9]++")
_COUNTED = frozenset("初高周期")
"""After these a Chinese digit may belong to the word before: 初一一三八… is 初一, then a number."""
_STARS = "**"
"""A short group that touches stars is what a mask left to see: no number begins or ends there."""
FEWEST = 7
"""Nothing that is looked for by its digits alone has fewer."""
_FEWEST_REAL = 4
"""Look-alike letters need so many real digits beside them: words of such letters (Illo) are no number."""


@dataclass(frozen=True, slots=True)
class Run:
    """Digits of one run: ``digits[i]`` stands at ``places[i]`` of the text."""

    text: str = field(repr=False)
    """The view in which the run was found; as long as the text."""
    script: Script
    digits: str = field(repr=False)
    places: tuple[int, ...] = field(repr=False)
    heads: tuple[int, ...] = field(repr=False)
    """Where a group begins, as an index of ``digits``."""
    tails: frozenset[int] = field(repr=False)
    """Where a group ends, exclusive."""

    def start(self, head: int) -> int:
        """Return where digit ``head`` stands in the text."""
        return self.places[head]

    def end(self, tail: int) -> int:
        """Return where the text goes on after the digit before ``tail``."""
        return self.places[tail - 1] + 1

    def whole(self, head: int, tail: int) -> bool:
        """Return whether nothing stands between the digits from ``head`` to ``tail``."""
        return self.places[tail - 1] - self.places[head] == tail - 1 - head

    def shape(self, head: int, tail: int) -> tuple[int, ...]:
        """Return the lengths of the groups from ``head`` to ``tail``."""
        borders = [head, *(i for i in range(head + 1, tail) if self.places[i] != self.places[i - 1] + 1), tail]
        return tuple(after - before for before, after in pairwise(borders))

    def between(self, head: int, tail: int) -> str:
        """Return all separators between the digits from ``head`` to ``tail``."""
        text, places = self.text, self.places
        return "".join(text[places[i - 1] + 1 : places[i]] for i in range(head + 1, tail))


def runs(text: str) -> Iterator[Run]:
    """Yield the runs of seven and more digits, script by script; a run of plain digits comes once, as such."""
    for script, view in views(text):
        for found in _RUN.finditer(view):
            if found.end() - found.start() < FEWEST:
                continue
            run = _read(text, view, script, found)
            if run is not None:
                yield run


def _read(text: str, view: str, script: Script, found: re.Match[str]) -> Run | None:
    start, end = found.span()
    if script is not Script.PLAIN:
        real = sum(one.isascii() and one.isdigit() for one in text[start:end])
        chinese = sum(one in CHINESE_DIGITS for one in text[start:end])
        if script is Script.CHINESE and not chinese:
            return None
        if script is Script.LOOKALIKE and (view[start:end] == text[start:end] or real + chinese < _FEWEST_REAL):
            return None
    places: list[int] = []
    heads: list[int] = []
    tails: set[int] = set()
    for group in _GROUP.finditer(view, start, end):
        first, after = group.span()
        counted = script is not Script.PLAIN and text[first] in CHINESE_DIGITS and text[first - 1 : first] in _COUNTED
        masked = after - first < FEWEST and (text.startswith(_STARS, after) or text.endswith(_STARS, 0, first))
        if not masked:
            heads.append(len(places))
        if script is not Script.PLAIN and after - first > 1:
            if text[first] == "|" or counted:
                heads.append(len(places) + 1)
            if text[after - 1] == "|":
                tails.add(len(places) + after - first - 1)
        places.extend(range(first, after))
        if not masked:
            tails.add(len(places))
    if len(places) < FEWEST:
        return None
    return Run(view, script, "".join(view[i] for i in places), tuple(places), tuple(heads), frozenset(tails))
