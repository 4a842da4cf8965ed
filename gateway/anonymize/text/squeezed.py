"""One spelling for many: traditional characters, letters with tones, and what people put between characters of a name.

A text is searched in a squeezed view: without spaces, dots and other marks (王 小 明, 王·小明, 「王」小明), folded
character by character, with the way back to the text it came from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from gateway.anonymize.text.lexicons import lexicon

DOTS: Final = "·•・‧∙⋅●˙.。﹒᛫"
"""What stands between the parts of a minority or foreign name; the full stop only between characters of a name."""
_MARKS: Final = " \t\r\n\u3000\u00a0·•・‧∙⋅●˙.﹒᛫*_-‐‑–—~「」『』“”‘’\"'`【】〔〕[]()（）"
IGNORED: Final = frozenset(_MARKS)
IGNORED_BUT_STARS: Final = IGNORED - {"*"}
"""For names with a character hidden: 王*明."""
_LETTERS_WITH_TONES: Final = "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿêĀÁǍÀĒÉĚÈĪÍǏÌŌÓǑÒŪÚǓÙǕǗǙǛÜŃŇǸ"


@lru_cache(maxsize=1)
def _table() -> Mapping[int, str]:
    """Return what each character is read as; one character for one."""
    table = {ord(pair[0]): pair[1] for pair in lexicon("traditional")}
    for letter in _LETTERS_WITH_TONES:
        base = unicodedata.normalize("NFD", letter)[0].lower()
        table[ord(letter)] = "v" if "\u0308" in unicodedata.normalize("NFD", letter) else base
    table.update({ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    return MappingProxyType(table)


def fold(text: str) -> str:
    """Return a text of the same length in the one spelling: simplified characters, lower-case letters without tones."""
    return text.translate(_table())


def squeeze(text: str) -> str:
    """Return the folded form of a name of the registry: NFKC, nothing between its characters."""
    return fold("".join(mark for mark in unicodedata.normalize("NFKC", text) if mark not in IGNORED))


def is_han(mark: str) -> bool:
    """Return whether a character is an ideograph (all planes; 〇 too)."""
    return "\u3400" <= mark <= "\u9fff" or "\U00020000" <= mark <= "\U000323af" or mark == "〇"


@dataclass(frozen=True, slots=True)
class Squeezed:
    """The squeezed view of a text: ``text[i]`` stands at ``places[i]`` of the original."""

    text: str = field(repr=False)
    places: range | list[int] = field(repr=False)

    @classmethod
    def of(cls, text: str, *, ignored: frozenset[str] = IGNORED) -> Squeezed:
        """Return the view of a text that is in NFKC."""
        if ignored.isdisjoint(text):
            return cls(fold(text), range(len(text)))
        places = [place for place, mark in enumerate(text) if mark not in ignored]
        return cls(fold("".join([text[place] for place in places])), places)

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Return where ``text[start:end]`` stands in the original."""
        return self.places[start], self.places[end - 1] + 1

    def widest_gap(self, start: int, end: int) -> int:
        """Return how many ignored characters stand together inside ``text[start:end]`` at most."""
        places = self.places
        if isinstance(places, range):
            return 0
        return max((places[i + 1] - places[i] - 1 for i in range(start, end - 1)), default=0)
