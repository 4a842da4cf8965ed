"""What stands left and right of a place, as one of some forty kinds each."""

from __future__ import annotations

from typing import Final

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.acts import agent
from gateway.anonymize.text.names.cues import CLASS, Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons

MARKS: Final = {
    "、": "list", "，": "clause", ",": "clause", ";": "clause", "；": "clause", "。": "stop", "!": "stop", "！": "stop",
    "?": "stop", "？": "stop", "\n": "stop", "…": "stop", ":": "colon", "：": "colon", "(": "open", "（": "open",
    "[": "open", "【": "open", ")": "close", "）": "close", "]": "close", "】": "close", "《": "book", "》": "book_end",
    "“": "quote", "”": "quote", '"': "quote", "'": "quote", "‘": "quote", "’": "quote", " ": "space", "\t": "space",
    "/": "bar", "|": "bar", "-": "bar", "—": "bar", "·": "dot", "@": "at",
}  # fmt: skip
"""Marks and their kinds."""
TAGS: Final = {
    "PER": "per", "LOC": "loc", "ORG": "org", "TIME": "time", "nz": "nz", "nw": "nz", "v": "v", "vd": "v", "vn": "vn",
    "a": "a", "ad": "d", "an": "a", "d": "d", "n": "n", "f": "f", "s": "f", "m": "m", "q": "m", "t": "time", "p": "p",
    "c": "c", "u": "u", "r": "r",
}  # fmt: skip
"""The kinds of words, coarser than the model's; any other is ``o``."""
_PREPOSITIONS = frozenset("于在因从说")
_ROW = frozenset("、和与及 ,，;；跟")
_HARDLY = -2.0
_PEER = 2
"""Characters of a neighbour in a row that are looked at."""
_JOIN = frozenset("和与跟同及")
_HANDS = frozenset("被把将对向给由让叫请使令找替为")
_UNITS = frozenset("处室科组部院所队站园社局会办校厅")
"""What the names of parts of a school end with; a name with a title may stand behind them: 教务处于洋老师."""


class Sides:
    """Tells the neighbours of the places of one text."""

    def __init__(self, evidence: Evidence, words: Lexicons, cues: Cues) -> None:
        self._evidence, self._words, self._cues, self._text = evidence, words, cues, evidence.text
        self._lefts: dict[int, str] = {}
        self._rights: dict[int, str] = {}

    def han(self, place: int) -> bool:
        """Return whether a Chinese character stands at ``place``."""
        return 0 <= place < len(self._text) and "\u3400" <= self._text[place]

    def left(self, start: int) -> str:
        """Return the kind of what ends before ``start``."""
        found = self._lefts.get(start)
        if found is None:
            found = self._lefts[start] = self._left(start)
        return found

    def right(self, end: int) -> str:
        """Return the kind of what begins at ``end``."""
        found = self._rights.get(end)
        if found is None:
            found = self._rights[end] = self._right(end)
        return found

    def _left(self, start: int) -> str:  # noqa: PLR0911, PLR0912  one return for each kind
        if start == 0:
            return "begin"
        text, score = self._text, self._cues.left(start)
        last = text[start - 1]
        if score >= weights.LABEL:
            return "label"
        if last in MARKS:
            mark = MARKS[last]
            if mark in ("open", "close", "space", "stop") and score >= weights.NUMBERED:
                return f"{mark}_cue"
            return mark
        if last in "0123456789.①②③④⑤⑥⑦⑧⑨⑩":
            return "number"
        if CLASS.search(text, max(0, start - 8), start):
            return "class"
        if score >= weights.UNIQUE:
            return "unique"
        if score >= weights.ROLE:
            return "role"
        if score == weights.TAKEN:
            return "taken"
        if last in _JOIN:
            return "join"
        if last in _HANDS:
            return "hands"
        word = self._evidence.words[self._evidence.at[start - 1]]
        if score <= 0 and agent(self._evidence, start):
            return "agent"
        if last in _UNITS and score <= 0:
            return "unit" if word.end == start else "unit_inside"
        if word.end != start:
            return "verb" if score > 0 else "inside"
        return f"{'verb' if score > 0 else 'w'}_{TAGS.get(word.tag, 'o')}"

    def _right(self, end: int) -> str:  # noqa: PLR0911  one return for each kind
        text = self._text
        if end >= len(text):
            return "end"
        score, first = self._cues.right(end), text[end]
        if first in MARKS:
            mark = MARKS[first]
            if score >= weights.TITLE:
                return "holder"  # (男, 三年级), ，女，
            return "says" if mark == "colon" and score >= weights.VERB else mark
        if first in "0123456789":
            return "digit"
        if first == "的":
            return "of_kin" if score >= weights.ROLE else "of"
        if score >= weights.PUPIL:
            return "pupil"
        if score >= weights.TITLE:
            return "title"
        if any(text[end : end + size] in self._words.predicates for size in (2, 3, 4)):
            return "predicate"
        if first in _JOIN:
            return "join"
        word = self._evidence.words[self._evidence.at[end]]
        if word.start != end:
            return "preposition" if first in _PREPOSITIONS else "verb" if score > 0 else "inside"
        return f"{'verb' if score > 0 else 'w'}_{TAGS.get(word.tag, 'o')}"

    def peers(self, start: int, end: int) -> str:
        """Return whether what is told in a row with a place looks like names to the model: before it, behind it."""
        text, odds = self._text, self._evidence.odds
        before = behind = ""
        if start > _PEER and text[start - 1] in _ROW:
            before = _likely(sum(odds[start - 3 : start - 1]) / _PEER)
        if end + _PEER < len(text) and text[end] in _ROW:
            behind = _likely(sum(odds[end + 1 : end + 3]) / _PEER)
        return f"{before}-{behind}" if before or behind else ""

    def further(self, end: int) -> str:
        """Return how the word at ``end`` goes on: a verb that ends its clause, that takes 了, that takes an object."""
        evidence, text = self._evidence, self._text
        if not self.han(end):
            return ""
        index = evidence.at[end]
        word = evidence.words[index]
        if word.start != end or TAGS.get(word.tag, "o") not in ("v", "vn", "d", "p", "a"):
            return ""
        behind = text[word.end : word.end + 1]
        if not behind or behind in MARKS:
            return f"{TAGS[word.tag]}_ends"
        if behind in "了着过":
            return f"{TAGS[word.tag]}_done"
        following = evidence.words[evidence.at[word.end]]
        return f"{TAGS[word.tag]}_{TAGS.get(following.tag, 'o')}"


def _likely(odds: float) -> str:
    return "name" if odds > 0 else "perhaps" if odds > _HARDLY else "word"
