"""How likely a place is a name: the model's word on it, the shape of the name, its neighbours."""

from __future__ import annotations

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.acts import act
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.scored import Candidate

_MARKS = frozenset("。，,;；、!！?？:：()（）\"“”'\n\r\t /")
_DONE = {"act": 1.8, "late": 1.4}
"""What somebody's act behind a word adds, right there and past other words."""
_PARENTS = {"母": "父", "父": "母"}
"""Kinship of one character that is a surname as well, and what it stands beside as kinship."""
_FAR = 40
"""Characters within which the other parent is told of."""
_PREPOSITIONS = frozenset("于在与因被把将向对跟从说是")
_FUNCTION = frozenset({"c", "p", "d", "u", "r", "m"})
_ADVERBS = frozenset({"d", "ad", "TIME", "t", "c", "p", "r", "m"})


class Scorer:
    """Scores places of one text."""

    def __init__(self, evidence: Evidence, words: Lexicons, cues: Cues) -> None:
        self._evidence, self._words, self._cues = evidence, words, cues
        self._text = evidence.text

    def given(self, start: int, end: int) -> float:
        """Return how much the characters look like a given name."""
        known = self._words.given
        return sum(weights.GIVEN if character in known else weights.ODD for character in self._text[start:end])

    def score(self, start: int, end: int, shape: float, rule: str) -> Candidate:
        """Return the place as a candidate; ``shape`` is what its characters alone add."""
        evidence, words, cues = self._evidence, self._words, self._cues
        piece = self._text[start:end]
        if piece in words.word_names or (piece in words.not_names and self._named(start, end, piece)):
            return self.word(start, end)
        left = cues.left(start)
        right = 2.0 if cues.interplay(start, end) else cues.right(end)
        likelihood = max(evidence.mean(start, end), weights.FLOOR)
        if piece in words.not_names:
            likelihood -= 3.5
        # A strong cue outweighs what the model thinks of the border beside it.
        preposition = end < len(self._text) and self._text[end] in _PREPOSITIONS
        border = evidence.border[start] * (0.3 if left >= weights.ROLE else 1)
        border += evidence.border[end] * (
            0.15 if preposition or right >= weights.TITLE else 0.45 if right >= weights.VERB else 1
        )
        shape += self._misread(start, end, piece)
        return Candidate(start, end, weights.BIAS + likelihood + shape + border + left + right, rule)

    def _named(self, start: int, end: int, piece: str) -> bool:
        """Return whether a word that hardly ever is a name stands where nothing else can: 姓名:时间, 时间同学."""
        left = self._cues.left(start)
        if left >= weights.LABEL:
            return end >= len(self._text) or self._text[end] in _MARKS
        return left > 0 and self._cues.right(end) >= weights.PUPIL and piece not in self._words.determiners

    def _misread(self, start: int, end: int, piece: str) -> float:
        """Return what is to be taken off a place that only looks like a name because words meet there."""
        words = self._words
        word = self._evidence.words[self._evidence.at[start]]
        off = 0.0
        if word.tag in _FUNCTION and word.confidence > weights.VERY_SURE and word.end == start + 1:
            off -= 6.0 if words.surnames.get(piece[0], 0) < 0 else 2.0  # 李老师和王主任: 和 is no surname
        if end - start == weights.FULL and (word.start, word.end) == (start, start + 2):
            if word.tag != "PER" and word.confidence > weights.SURE:
                off -= 2.0 if piece[:2] in words.not_names else 0.5  # 关系为, 程序系
        if self._text[max(0, start - 1) : start + 1] in words.roles or piece[:2] in words.roles:
            off -= 4.0  # 父母平时
        if piece[0] in _PARENTS and start and self._text[start - 1] in _MARKS:
            if _PARENTS[piece[0]] in self._text[max(0, start - _FAR) : end + _FAR]:
                off -= 3.0  # 父扎西顿珠，母德吉
        if piece[-2:] in words.roles and end - start > weights.SHORTEST:
            off -= 4.0  # 学生家长
        if end + 1 < len(self._text) and self._text[end + 1] in "于因在被" and self._text[end] in words.given:
            following = self._evidence.words[self._evidence.at[end]]
            if end - start == weights.SHORTEST and (following.start, following.end) == (end, end + 2):
                off -= 4.0  # 龙思|远于2024年: the last character of the name was taken into a word that is none
        return off

    def word(self, start: int, end: int) -> Candidate:
        """Return a name that is an ordinary word: the model says nothing of use, the place must be a person's."""
        cues, evidence, text = self._cues, self._evidence, self._text
        word = evidence.words[evidence.at[start]]
        right = cues.titled(end)
        if right:
            right += 0.8
        elif cues.interplay(start, end):
            right = 3.0
        elif end >= len(text) or text[end] in _MARKS:
            right = 0.5
        elif (word.tag in _ADVERBS and word.confidence > weights.HALF) or text[end] in "地得":
            right = -1.0  # 学生明天返校, 学生高兴地说
        elif any(text[end : end + size] in self._words.predicates for size in (2, 3, 4)):
            right = weights.PREDICATE
        else:
            right = min(cues.right(end), 0.6 if text[end] in "和与及同跟、" else 1.2)
            following = evidence.words[evidence.at[end]]
            done = act(evidence, self._words, end)
            if done in _DONE:
                right = max(right, _DONE[done])  # 万里今天又没交作业
            if right < 0 and following.start == end and following.tag == "v" and cues.left(start) >= weights.ROLE:
                right = 0.9  # 数学老师方程布置作业
        likelihood = max(0.0, 0.5 * evidence.mean(start, end) + 1.0)
        if word.tag == "PER" and (word.start, word.end) == (start, end):
            likelihood += 2.0
        return Candidate(start, end, cues.left(start) + right + likelihood - weights.WORD_COST, "names.word")
