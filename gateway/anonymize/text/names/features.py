"""What is to be said of a place that may be a name, as the names of features; their weights are fitted.

A feature is a short text. ``k`` is the rule that proposed the place, ``n`` its length, ``s`` its surname, ``g`` its
other characters, ``w`` how the word model cut it, ``l`` and ``r`` what stands left and right of it; two or three joined
by ``|`` hold together. ``bench/pii/fit.py`` fits the weights, ``fitted.py`` applies them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.acts import act
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.rows import Rows
from gateway.anonymize.text.names.scored import Candidate
from gateway.anonymize.text.names.sides import TAGS, Sides
from gateway.anonymize.text.reading import Word

_CLASS = re.compile("[年班]级|[我本该全原贵咱][校班生园]|[0-9一二三四五六七八九十)）]班|[初高][一二三]")
"""What tells that a text is of a school, besides ``lexicons/person_school_words.txt``."""
_SHORT = 20
"""A text of no more characters is a line of a roll or a form rather than news."""
_FUNCTION = frozenset("由先将被把与和向对在于因从给为是也又已曾均系等即才便还没不说称都就再却仍正同及跟到去来随代因")
"""What hardly ever ends a given name, and often stands behind one."""
_CLASSES = frozenset("班级母父生师")
_LONGEST = 6
_FEW = 3
"""A number of inner breaks that is told apart from more."""


class Kinds(NamedTuple):
    """What is to be said of one candidate, in words."""

    rule: str
    size: str
    lexical: str
    surname: str
    given: str
    cut: str
    left: str
    right: str
    further: str
    peers: str
    register: str
    act: str
    edge: str
    row: str
    repeated: bool

    def features(self) -> Iterator[str]:
        """Yield the features that hold."""
        rule, size, lexical, surname, given, cut, left, right, further, peers, register, act_, edge, row, repeated = (
            self
        )
        yield from (
            f"k:{rule}", f"{size}|k:{rule}", f"{surname}|{size}", f"{size}|{given}", cut, f"{cut}|{size}", left, right,
            f"{left}|{right}", f"{cut}|{left}", f"{cut}|{right}", f"{lexical}|{size}", f"{lexical}|{left}",
            f"{lexical}|{right}", f"{lexical}|{left}|{right}", f"{size}|{left}", f"{size}|{right}",
            f"{register}|{lexical}", f"{register}|{cut}", f"{register}|{left}", f"{register}|{size}|{right}",
            f"{register}|{surname}",
        )  # fmt: skip
        if further:
            yield from (f"f:{further}", f"f:{further}|{left}", f"f:{further}|{lexical}")
        if peers:
            yield from (f"p:{peers}", f"p:{peers}|{lexical}", f"p:{peers}|{cut}")
        if act_:
            yield from (
                f"a:{act_}", f"a:{act_}|{left}", f"a:{act_}|{lexical}", f"a:{act_}|{cut}", f"a:{act_}|{surname}",
                f"a:{act_}|{left}|{lexical}",
            )  # fmt: skip
        if edge:
            yield from (f"e:{edge}", f"e:{edge}|{size}", f"e:{edge}|{cut}")
        if row:
            yield from (f"q:{row}", f"q:{row}|{lexical}", f"q:{row}|{cut}", f"q:{row}|{size}")
        if repeated:
            yield f"again|{lexical}"


class Features:
    """Tells the features of the candidates of one text."""

    def __init__(self, evidence: Evidence, words: Lexicons, sides: Sides) -> None:
        self._evidence, self._words, self._sides = evidence, words, sides
        self._text = evidence.text
        self._rows = Rows(evidence)
        self._acts: dict[int, str] = {}
        self._school = _register(self._text, words)

    def real(self, candidate: Candidate) -> tuple[tuple[str, float], ...]:
        """Return the features that are numbers."""
        evidence, start, end = self._evidence, candidate.start, candidate.end
        odds, border = evidence.odds[start:end], evidence.border
        before = evidence.odds[start - 1] if start and self._sides.han(start - 1) else -3.0
        behind = evidence.odds[end] if self._sides.han(end) else -3.0
        return (
            ("hand", max(-7.0, min(7.0, candidate.score))),
            ("odds", sum(odds) / len(odds)),
            ("odds_least", min(odds)),
            ("before", before),
            ("behind", behind),
            ("before_runs_on", (before + 3.0) * -border[start]),
            ("behind_runs_on", (behind + 3.0) * -border[end]),
            ("border", border[start]),
            ("border_end", border[end]),
            ("breaks", sum(border[start + 1 : end])),
        )

    def kinds(self, candidate: Candidate) -> Kinds:
        """Return what is to be said of a candidate in words; it holds nothing of the text."""
        start, end, sides = candidate.start, candidate.end, self._sides
        piece = self._text[start:end]
        return Kinds(
            candidate.rule[6:],
            f"n{min(len(piece), _LONGEST)}",
            self._lexical(piece),
            f"s:{self._surname(piece)}",
            f"g:{self._given(piece)}",
            f"w:{self._cut(start, end)}",
            f"l:{sides.left(start)}",
            f"r:{sides.right(end)}",
            sides.further(end),
            sides.peers(start, end),
            self._school,
            self._act(end),
            self._edge(start, end),
            self._rows.of(start),
            self._text.count(piece) > 1,
        )

    def _act(self, end: int) -> str:
        found = self._acts.get(end)
        if found is None:
            found = self._acts[end] = act(self._evidence, self._words, end)
        return found

    def _edge(self, start: int, end: int) -> str:
        """Return whether the last character rather begins the word behind, or the first ends the cue before."""
        text, words = self._text, self._words
        last = text[end - 1 : end]
        tail = "f" if last in _FUNCTION else ""
        if not tail and any(
            text[end - 1 : end - 1 + size] in words.acts or text[end - 1 : end - 1 + size] in words.after
            for size in (2, 3, 4)
            if end - 1 + size <= len(text)
        ):
            tail = "v"
        head = "h" if text[start] in words.before or text[start] in _CLASSES else ""
        return f"{tail}{head}"

    def _lexical(self, piece: str) -> str:
        words = self._words
        if piece in words.never_alone:
            return "x:function"
        if piece in words.word_names:
            return "x:word"
        if piece in words.not_names:
            return "x:not"
        return "x:in" if piece[:2] in words.not_names or piece[1:] in words.not_names else "x:no"

    def _surname(self, piece: str) -> str:
        words = self._words
        if piece[:2] in words.compound:
            return "compound"
        worth = words.surnames.get(piece[0])
        return "none" if worth is None else "common" if worth > 0 else "function" if worth < 0 else "other"

    def _given(self, piece: str) -> str:
        known = self._words.given
        return "".join("1" if character in known else "0" for character in piece[1:4])

    def _cut(self, start: int, end: int) -> str:
        """Return how the word model cut the place: one word of a kind, several, or across a border."""
        evidence = self._evidence
        first, last = evidence.words[evidence.at[start]], evidence.words[evidence.at[end - 1]]
        if first is last:
            if first.start == start and first.end == end:
                return f"{tag_of(first)}{'+' if first.confidence > weights.SURE else '-'}"
            return f"in_{tag_of(first)}"
        if first.start == start and last.end == end:
            count = evidence.at[end - 1] - evidence.at[start] + 1
            named = "per" if "PER" in (first.tag, last.tag) else ""
            return f"{'two' if count < _FEW else 'more'}{named}"
        return "head" if first.start == start else "tail" if last.end == end else "across"


def _register(text: str, words: Lexicons) -> str:
    """Return ``sch`` for what a school writes, ``other`` for news and the like, ``plain`` where nothing tells."""
    news = len({index for index, _, _ in words.news.find_matches_as_indexes(text)})
    school = len({index for index, _, _ in words.school.find_matches_as_indexes(text)})
    school += len(set(_CLASS.findall(text)))
    if not news and not school:
        return "sch" if len(text) <= _SHORT else "plain"  # A short line is rather one of a roll or a form.
    return "sch" if school > news else "plain" if school == news else "other"


def tag_of(word: Word) -> str:
    """Return the kind of a word, coarser than the model's."""
    return TAGS.get(word.tag, "o")
