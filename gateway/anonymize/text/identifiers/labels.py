"""What the words beside a number say it is: the nearest label before it, in the same clause."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, MatchKind

from gateway.anonymize.text.lexicons import lexicon

OTHER = "other"
"""A number that is nobody's: an order, a document, a version."""
VAGUE = "vague"
"""编号 may be anything: enough to leave a number that could be a phone or a card, not one that looks like an ID."""
NOBODYS = frozenset({OTHER, VAGUE})

_REACH = 40
"""A label further away says nothing, not even of a list of numbers."""
_GAP = 12
_LIST_GAP = re.compile(r"[0-9\s\-()+、,/;:和或及与跟是为号码转]*+")
_TIGHT = re.compile(r"(?:[\s:#=\-(\[\"'“是为即号码数字No.\u2116]|[xX]{2,4}){0,8}+")
_STOP = re.compile(r"[。!?;\n](?![\s:]*+\Z)")
_AFTER = re.compile(r"[\s(\[]*+(?:[是为][你我他她]?的?|即)?[\s(]*+")
_DIGIT = re.compile("[0-9]")


class Claim(NamedTuple):
    """A label: the kind it names, how far it ends before the number, and whether only filler stands between."""

    kind: str
    gap: int
    tight: bool


class Label(NamedTuple):
    """A label in a text."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of a text, in order; no two overlap."""

    text: str = field(repr=False)
    all: tuple[Label, ...] = field(repr=False)
    ends: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Labels:
        """Return the labels of a normalised text, without regard to case; of overlapping ones the longest."""
        automaton, kinds = _automaton()
        lower = text.lower()
        if len(lower) != len(text):  # one letter (İ) becomes two
            lower = "".join(low if len(low := one.lower()) == 1 else one for one in text)
        found = (Label(first, last, kinds[i]) for i, first, last in automaton.find_matches_as_indexes(lower))
        all_ = tuple(label for label in found if _is_word(text, lower, label))
        return cls(text, all_, tuple(label.end for label in all_))

    def of_kind(self, kind: str) -> tuple[Label, ...]:
        """Return the labels of one kind."""
        return tuple(label for label in self.all if label.kind == kind)

    def before(self, start: int) -> Claim | None:
        """Return the label nearest before ``start``, ``None`` if there is none in the same clause.

        It must stand at most 12 characters away, and no sentence may end between. A label governs a list too
        (电话:…、…): other numbers may stand between, if nothing else does. ``other`` counts only when it is tight.
        """
        at = bisect_right(self.ends, start) - 1
        if at < 0 or start - self.ends[at] > _REACH:
            return None
        kind = self.all[at].kind
        between = self.text[self.ends[at] : start]
        tight = _TIGHT.fullmatch(between) is not None
        if tight:
            return Claim(kind, len(between), True)
        if kind in NOBODYS or _STOP.search(between) is not None:
            return None
        if _DIGIT.search(between):
            return Claim(kind, len(between), False) if _LIST_GAP.fullmatch(between) else None
        return Claim(kind, len(between), False) if len(between) <= _GAP else None

    def after(self, end: int) -> str | None:
        """Return the kind that words right after a number name: 138…(手机), …是他的微信号."""
        filler = _AFTER.match(self.text, end)
        first = filler.end() if filler else end
        at = bisect_right(self.ends, first)
        return self.all[at].kind if at < len(self.all) and self.all[at].start == first else None


@lru_cache(maxsize=1)
def _automaton() -> tuple[AhoCorasick, tuple[str, ...]]:
    kinds = {}
    for line in lexicon("identifier_labels"):
        kind, word = line.split(maxsplit=1)
        kinds[word.lower()] = kind
    return AhoCorasick(list(kinds), matchkind=MatchKind.LeftmostLongest), tuple(kinds.values())


def _is_word(text: str, lower: str, label: Label) -> bool:
    """Return whether a label in Latin letters is no part of a longer word; a capital may begin one (…comQQ…)."""
    first, last = lower[label.start], lower[label.end - 1]
    before = lower[max(0, label.start - 2) : label.start]
    if before[:1].isdigit() and before[1:] == "x":
        return True  # the X of an identity number
    before, after = before[-1:], lower[label.end : label.end + 1]
    capital = text[label.start] != first and before == text[label.start - 1 : label.start]
    return (capital or not (_latin(first) and _latin(before))) and not (_latin(last) and _latin(after))


def _latin(one: str) -> bool:
    return "a" <= one <= "z"
