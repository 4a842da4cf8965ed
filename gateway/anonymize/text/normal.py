"""A text as detectors read it, with the way back to the original: NFKC and no invisible characters.

Beyond NFKC: what cannot be seen is dropped (zero-width and bidi marks, soft hyphens, variation selectors, control
characters), digits of every script become ASCII digits, the two halves of a split character come together and a half
without its other becomes U+FFFD (so that the text can always be encoded), and marks on a digit or on a Chinese
character, which compose with nothing, go. Counters (①, ²) stay as they are unless six of them stand in a row: NFKC
would glue them to the number that follows. At most 32 characters are composed at once, as the Stream-Safe Text Format
(UAX #15) has it: longer heaps of marks cost quadratic time.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate, chain, repeat
from operator import add
from typing import NamedTuple

_WIDE = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {"\u3000": " "}
"""Full-width forms: the only characters that NFKC changes in ordinary Chinese text, one for one."""
_WIDE_SET = frozenset(_WIDE)

_PLAIN = (
    "\\t-\\r\\x1c-\\x1f -~\u00a1-\u00a7\u00a9\u00ab\u00ac\u00ae\u00b0\u00b1\u00b6\u00b7\u00bb\u00bf-\u0131\u0134-\u013e"
    "\u0141-\u0148\u014a-\u017e\u0370-\u0373\u0391-\u03a1\u03a3-\u03ce\u0400-\u0482\u048a-\u052f\u0620-\u064a"
    "\u0671-\u0674\u0679-\u06d3\u2010\u2012-\u2016\u2018-\u2023\u2027\u2030-\u2032\u2039-\u203b\u20a0-\u20a7"
    "\u2190-\u222b\u25a0-\u2775\u3001-\u3029\u3041-\u3096\u30a1-\u30fe\u3105-\u312f\u3400-\u9fff"
    "\uac00-\ud7a3\U0001f300-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0002ebe0\U00030000-\U000323af"
)
"""Characters that NFKC never changes and that never compose with the one before them (a test goes through them all)."""
_OTHER = re.compile(f"[^{_PLAIN}]++")

_IGNORABLE = (
    (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Default_Ignorable_Code_Point of Unicode without those of category Cf, which all go, and the annotation marks."""
_JAMO = range(0x1160, 0x1200)
"""Vowels and final consonants of Hangul: they compose, though they are no marks."""
_EMOJI_MODIFIERS = range(0x1F3FB, 0x1F400)
_JOINERS = frozenset("\u200c\u200d")
_HIGH = frozenset(map(chr, range(0xD800, 0xDC00)))
_LOW = frozenset(map(chr, range(0xDC00, 0xE000)))
_HALF = "\ufffd"
_LONGEST = 32
_COUNTERS = re.compile(
    "[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u24ea\u24f5-\u24fd\u24ff"
    "\u2776-\u277e\u2780-\u2788\u278a-\u2792]{6,}+"
)
"""Digits in circles, raised and lowered: one is a counter, six in a row are a number."""


class _Part(IntEnum):
    """How a character stands to the one before it."""

    BEGINS = 0
    JOINS = 1
    """It composes with it or is drawn upon it."""
    UNSEEN_JOINS = 2
    """Unseen, yet one grapheme with it: selectors, joiners."""
    UNSEEN = 3


class _Fact(NamedTuple):
    part: _Part
    form: str
    """What the character alone becomes; empty when it is dropped."""


_Facts = Mapping[str, _Fact]
"""The facts of all characters of a text that are not plain."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A normalised text. ``starts[i]`` and ``ends[i]`` are the original code points that character ``i`` came from.

    Both never decrease. Characters that came from one original character, or composed, share their place.
    """

    original: str = field(repr=False)
    text: str = field(repr=False, compare=False)
    starts: Sequence[int] = field(repr=False, compare=False)
    ends: Sequence[int] = field(repr=False, compare=False)

    @classmethod
    def of(cls, original: str) -> Normal:
        """Return the normalised form of any string, lone surrogates included."""
        narrow = original
        for wide in _WIDE_SET.intersection(original):
            narrow = narrow.replace(wide, _WIDE[wide])
        if _OTHER.search(narrow) is not None:
            narrow = _numbers_of_counters(narrow)
            others = {one: _fact(one) for one in set(narrow) if _OTHER.match(one)}
            if others:
                return cls(original, *_mapped(_clusters(narrow, others), others))
        return cls(original, narrow, range(len(narrow)), range(1, len(narrow) + 1))

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Return the original code points of ``text[start:end]``: all that took part in it, no grapheme cut in two.

        Raises ``ValueError`` when that is empty or outside the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"There is no text from {start} to {end}.")
        return self.starts[start], self.ends[end - 1]


def _numbers_of_counters(text: str) -> str:
    """Return ``text`` with six and more counters of one digit in a row as digits; its length stays."""
    return _COUNTERS.sub(lambda found: "".join(str(unicodedata.digit(one)) for one in found[0]), text)


def _clusters(text: str, others: _Facts) -> list[str]:
    """Return ``text`` in pieces that are normalised by themselves: a character and what joins it, 32 at most."""
    joining = {one for one, fact in others.items() if fact.part}
    if not _HIGH.isdisjoint(others):
        joining |= _LOW.intersection(others)
    if not joining:
        return list(text)
    clusters: list[str] = []
    last = ""
    for one in text:
        if one in joining and last and len(last) < _LONGEST and (one not in _LOW or last in _HIGH):
            last += one
            clusters[-1] = last
        else:
            last = one
            clusters.append(one)
    return clusters


def _mapped(clusters: list[str], others: _Facts) -> tuple[str, array[int], array[int]]:
    """Return what the clusters become, with the map. Each different cluster is looked at once."""
    forms: dict[str, str] = {}
    reaches: dict[str, int] = {}
    for cluster in set(clusters):
        forms[cluster], reaches[cluster] = _composed(cluster, others)
    became = list(map(forms.__getitem__, clusters))
    begins = [0, *accumulate(map(len, clusters))]
    begins.pop()
    sizes = list(map(len, became))
    reached = map(add, begins, map(reaches.__getitem__, clusters))
    starts = array("I", chain.from_iterable(map(repeat, begins, sizes)))
    ends = array("I", chain.from_iterable(map(repeat, reached, sizes)))
    return "".join(became), starts, ends


def _fact(one: str) -> _Fact:  # noqa: PLR0911  one return a kind of character
    code = ord(one)
    if one in _HIGH or one in _LOW:
        return _Fact(_Part.BEGINS, _HALF)
    category = unicodedata.category(one)
    if category == "Cf" or (category == "Cc" and not one.isspace()) or _is_ignorable(code):
        joins = one in _JOINERS or category == "Mn" or 0xE0020 <= code <= 0xE007F  # noqa: PLR2004  tag characters
        return _Fact(_Part.UNSEEN_JOINS if joins else _Part.UNSEEN, "")
    if category in {"Cn", "Co"}:
        return _Fact(_Part.BEGINS, one)
    if category == "Me":
        return _Fact(_Part.UNSEEN_JOINS, "")
    if category == "Nd":
        return _Fact(_Part.BEGINS, str(unicodedata.decimal(one)))
    form = unicodedata.normalize("NFKC", one)
    if category == "No" and (_COUNTERS.match(one * 6) or form.isdigit()):
        return _Fact(_Part.BEGINS, one)
    basis = unicodedata.normalize("NFKD", one)[0]
    joins = unicodedata.category(basis)[0] == "M" or ord(basis) in _JAMO or code in _EMOJI_MODIFIERS
    return _Fact(_Part.JOINS if joins else _Part.BEGINS, form)


def _is_ignorable(code: int) -> bool:
    return any(first <= code <= last for first, last in _IGNORABLE)


def _composed(cluster: str, others: _Facts) -> tuple[str, int]:
    """Return what a cluster becomes (empty: nothing of it can be seen), and how many of its characters take part."""
    if len(cluster) == 1:
        return others[cluster].form if cluster in others else cluster, 1
    if cluster[0] in _HIGH and cluster[1] in _LOW:
        whole = cluster[:2].encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        own = {one: others[one] for one in cluster[2:] if one in others}
        form, reach = _composed(whole + cluster[2:], own | {whole: _fact(whole)})
        return form, reach + 1
    parts = [others[one] if one in others else _Fact(_Part.BEGINS, one) for one in cluster]
    reach = 1 + max(i for i, part in enumerate(parts) if i == 0 or part.part is not _Part.UNSEEN)
    seen = [i for i, part in enumerate(parts) if part.form]
    head = parts[seen[0]].form if seen else ""
    if len(seen) <= 1 or head == _HALF or head.isdigit() or _is_han(head):
        return head, reach
    return unicodedata.normalize("NFKC", "".join(cluster[i] for i in seen)), reach


def _is_han(text: str) -> bool:
    return "\u3400" <= text <= "\u9fff" or "\U00020000" <= text <= "\U0003fffd"
