"""What the one before a place in a text does: the first verb behind it, past adverbs, times and negations.

万里今天又没交作业: 万里 is somebody, since only somebody hands in homework. 程序今天又更新了: nobody is.
"""

from __future__ import annotations

from typing import Final

from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons

_SKIPPED: Final = frozenset({"d", "ad", "TIME", "t", "m", "f", "q", "nt"})
"""Words that may stand between somebody and what he does: adverbs, times, counts."""
_LEADS: Final = frozenset("在从向与和跟同对给为因随经由把将被替比用按")
"""Prepositions whose object may stand there as well: 与同桌讲话, 向低年级学生索要."""
_OBJECTS: Final = frozenset({"n", "nz", "PER", "LOC", "ORG", "r", "f", "s", "TIME", "nw", "m", "vn", "an", "u", "a"})
_NOT: Final = frozenset({"没", "没有", "未", "不", "又", "也", "还", "都", "就", "再", "才"})
_AGENTS: Final = frozenset("者人员手长师生")
_MOST: Final = 7
"""Words that are passed at most."""
_SIZES: Final = (4, 3, 2)


def act(evidence: Evidence, words: Lexicons, end: int) -> str:  # noqa: PLR0911  one return for each way to end
    """Return what follows a place that ends at ``end``: ``act``, ``late`` (past other words), ``verb``, or nothing.

    An act is one of ``lexicons/person_acts.txt``; a verb is any other; nothing when a mark, a noun or the text's end
    comes first.
    """
    text = evidence.text
    if end >= len(text) or (end and evidence.at[end] == evidence.at[end - 1]):
        return _at(text, words, end)
    place, index, lead = end, evidence.at[end], False
    for _ in range(_MOST):
        found = _at(text, words, place)
        if found:
            return found if place == end else "late"
        word = evidence.words[index]
        piece = text[word.start : word.end]
        if word.tag in ("v", "vd") and piece not in _NOT:
            return "verb"
        if word.tag == "vn" and place == end:
            return "verb"
        if word.tag == "p" or piece in _LEADS:
            lead = True
        elif not (word.tag in _SKIPPED or piece in _NOT or (lead and word.tag in _OBJECTS)):
            return ""
        index += 1
        if index >= len(evidence.words):
            return ""
        place = word.end
    return ""


def _at(text: str, words: Lexicons, place: int) -> str:
    """Return ``act`` if one stands at ``place``."""
    return "act" if any(text[place : place + size] in words.acts for size in _SIZES) else ""


def agent(evidence: Evidence, start: int) -> bool:
    """Return whether a word for one who does something ends before ``start``: 获得者, 承租人, 辩手."""
    if not start or evidence.text[start - 1] not in _AGENTS:
        return False
    word = evidence.words[evidence.at[start - 1]]
    return word.end == start and word.tag == "n" and word.end - word.start > 1
