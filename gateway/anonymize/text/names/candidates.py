"""Places of a text that may be a name: which are worth a score."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.anonymize.text.names import weights
from gateway.anonymize.text.names.acts import act, agent
from gateway.anonymize.text.names.cues import Cues
from gateway.anonymize.text.names.evidence import Evidence
from gateway.anonymize.text.names.foreign import built, dotted
from gateway.anonymize.text.names.lexical import Lexicons
from gateway.anonymize.text.names.rows import Rows
from gateway.anonymize.text.names.scored import Candidate
from gateway.anonymize.text.names.scoring import Scorer
from gateway.anonymize.text.names.spaced import spaced
from gateway.anonymize.text.reading import Word

_CALLED_BY = frozenset("总局队导处工某氏姓老姐哥叔姨婶嫂")
"""What makes of a surname an address, not a name."""
_NUMERALS = frozenset("一二三四五六七八九十")
_SCHOOLS = frozenset("初中小高")
_NEVER = frozenset({"PER", "p", "c", "u", "r", "m", "q", "w", "TIME"})
_CLOSED = frozenset({"PER", "p", "c", "u", "r", "q", "w"})
_LONGER = (3, 4)
"""Characters of words that begin like a name that is a word."""
_ADVERBS = frozenset({"d", "ad", "m"})
_ACTS = frozenset({"act", "late"})
_NAMES = frozenset({"all", "half"})
_NAME_LIKE = frozenset({"nz", "LOC", "ORG", "n", "nw"})


class Candidates:
    """Finds the candidates of one text."""

    def __init__(self, evidence: Evidence, words: Lexicons, cues: Cues) -> None:
        self._evidence, self._words, self._cues = evidence, words, cues
        self._text = evidence.text
        self._scorer = Scorer(evidence, words, cues)
        self._rows = Rows(evidence)

    def all(self) -> Iterator[Candidate]:
        """Yield the candidates of every kind; the same place may come more than once."""
        taken = bytearray(len(self._text))
        for found in dotted(self._evidence, self._words, self._cues):
            if found.score > 0:
                taken[found.start : found.end] = b"\1" * (found.end - found.start)
                yield found
        words, text, cues = self._words, self._text, self._cues
        for found in self._undotted():
            piece = text[found.start : found.end]
            if any(taken[found.start : found.end]) or (found.end - found.start > 1 and piece in words.roles):
                continue
            if found.start and text[found.start - 1 : found.end] in words.roles:
                continue  # 值|周生
            if piece in words.determiners and cues.right(found.end) >= weights.TITLE:
                continue  # 法定监护人, 任课教师
            if found.rule == "names.word" and any(
                text[found.start : found.start + size] in words.not_names and found.start + size <= len(text)
                for size in _LONGER
            ):
                continue  # 文明|礼貌
            yield found

    def _undotted(self) -> Iterator[Candidate]:
        yield from self.surnamed()
        yield from self.modelled()
        yield from self.worded()
        yield from self.ordinary()
        yield from spaced(self._evidence, self._words, self._scorer)
        yield from built(self._evidence, self._words, self._cues)

    def surnamed(self) -> Iterator[Candidate]:
        """Yield a surname with one or two characters behind it."""
        text, words, evidence = self._text, self._words, self._evidence
        surnames, compound, odds, border = words.surnames, words.compound, evidence.odds, evidence.border
        for start, first in enumerate(text):
            worth = surnames.get(first)
            if worth is None and first not in words.compound_heads:
                continue
            if odds[start] < weights.NO_ODDS and border[start] < weights.NO_BORDER:
                continue  # The model is sure that a word runs on here, and that it is no name.
            if text[start : start + 2] in compound:
                yield from self._given(start, 2, weights.COMPOUND)
            if worth is not None:
                yield from self._given(start, 1, worth)

    def _given(self, start: int, size: int, worth: float) -> Iterator[Candidate]:
        text, words = self._text, self._words
        begin = start + size
        if text[begin : begin + 1] in words.titles or text[begin : begin + 2] in words.titles:
            return
        for end in (begin + 1, begin + 2):
            last = text[end - 1 : end]
            if not _han(last) or last in words.never_given:
                return
            if end == begin + 2 and text[begin + 1 : begin + 3] in words.titles:
                return
            if end == start + weights.SHORTEST and last in _CALLED_BY:
                continue  # 王总, 李工
            if last in _NUMERALS and text[end : end + 1] in _SCHOOLS:
                continue  # 寿阳五|初中
            shape = worth + self._scorer.given(begin, end) + (weights.THREE if end == begin + 2 else 0.0)
            yield self._scorer.score(start, end, shape, "names.surname")
        end = begin + 3
        if (
            all(_han(character) and character not in words.never_given for character in text[end - 1 : end] or " ")
            and self._cues.left(start) >= weights.ROLE
            and self._cues.right(end) >= weights.NUMBERED
        ):
            yield self._scorer.score(start, end, worth + self._scorer.given(begin, end) - 1.0, "names.long")

    def modelled(self) -> Iterator[Candidate]:
        """Yield the model's own names, transliterations that it holds for something else, given names after kinship."""
        for word in self._evidence.words:
            size = word.end - word.start
            if word.tag == "PER":
                yield from self._of_model(word)
            elif (
                weights.SHORTEST < size < weights.LONGEST_WORD
                and word.tag in _NAME_LIKE
                and word.confidence < weights.SURE
            ):
                if self._foreign(word.start, word.end) and self._called(word.start, word.end):
                    yield self._scorer.score(word.start, word.end, 0.3, "names.transliterated")
            if size == weights.SHORTEST and word.start > 0:
                yield from self._after_kin(word)

    def _of_model(self, word: Word) -> Iterator[Candidate]:
        """Yield a name of the model, without a title at its end; a surname with a title is none."""
        text, words = self._text, self._words
        start, end = word.start, self._untitled(word.start, word.end)
        if (
            end - start < weights.SHORTEST
            or text[end - 1] in "某氏"
            or (end - start == weights.SHORTEST and text[end - 1].isascii())  # 晋K of a number plate
            or (end - start == weights.SHORTEST and text[end - 1] in _CALLED_BY)
            or self._pet(start, end)
        ):
            return
        surnamed, foreign = text[start] in words.surnames, self._foreign(start, end)
        shape = 0.3 if foreign else 0.0 if surnamed else -0.4
        if surnamed and not foreign and end - start > weights.FULL:
            shape -= 1.5 * (
                end - start - weights.FULL
            )  # Several names without a mark between them: their parts are better.
        if not _han(text[start]):
            shape -= 1.0
        if not surnamed and end - start == weights.WITH_COMPOUND and text[start + 1] in words.surnames:
            shape -= 2.0  # 望田雨欣: a verb taken into the name
        yield self._scorer.score(start, end, shape, "names.model")
        if foreign and end == word.end < len(text):
            after = self._evidence.words[self._evidence.at[end]]
            if after.end - end <= weights.FULL and self._foreign(end, after.end) and self._called(start, after.end):
                yield self._scorer.score(start, after.end, shape, "names.transliterated")

    def _after_kin(self, word: Word) -> Iterator[Candidate]:
        """Yield a given name of two characters right behind kinship: 儿子子涵."""
        text, start = self._text, word.start
        if all(character in self._words.given for character in text[start : word.end]) and any(
            text[start - size : start] in self._words.kin for size in (2, 1, 3, 4) if size <= start
        ):
            ordinary = (
                2.5 * word.confidence if word.tag not in ("PER", "nz") and word.confidence > weights.SURE else 0.0
            )
            yield self._scorer.score(start, word.end, 0.6 - ordinary, "names.given")

    def worded(self) -> Iterator[Candidate]:
        """Yield words of two characters that begin with no surname, where a person is named: 同学朝霞."""
        for word in self._evidence.words:
            start, end = word.start, word.end
            if (
                end - start == weights.SHORTEST
                and word.tag not in _NEVER
                and self._text[start] not in self._words.surnames
                and self._text[start:end] not in self._words.roles
                and _han(self._text[start])
                and _han(self._text[start + 1])
                and (self._cues.left(start) >= weights.ROLE or self._cues.right(end) >= weights.TITLE)
            ):
                found = self._scorer.score(start, end, -0.4, "names.bare")
                yield found._replace(rule="names.bare")

    def ordinary(self) -> Iterator[Candidate]:
        """Yield whole words that could be somebody's full name, where somebody may be told of: 向导带领小组."""
        for word in self._evidence.words:
            start, end = word.start, word.end
            if end - start != weights.SHORTEST or word.tag in _CLOSED:
                continue
            first = self._text[start]
            if first == self._text[start + 1] and word.tag in _ADVERBS:
                continue  # 纷纷, 双双
            if not (_han(first) and _han(self._text[end - 1])) or self._text[start:end] in self._words.roles:
                continue
            placed = self._cues.left(start) > 0 or self._cues.right(end) >= weights.TITLE
            if first in self._words.surnames:
                if placed or agent(self._evidence, start) or act(self._evidence, self._words, end):
                    yield self._scorer.word(start, end)
            elif (placed or agent(self._evidence, start)) and (
                act(self._evidence, self._words, end) in _ACTS or self._rows.of(start) in _NAMES
            ):
                yield self._scorer.score(start, end, -0.4, "names.bare")

    def _foreign(self, start: int, end: int) -> bool:
        """Return whether all characters are such as transliterations are written with."""
        return all(character in self._words.syllables for character in self._text[start:end])

    def _pet(self, start: int, end: int) -> bool:
        """Return whether this is 小 or 老 with a surname (no person), or with a name that no role stands beside."""
        text = self._text
        if end - start != weights.SHORTEST or text[start] not in "小老阿":
            return False
        if self._words.surnames.get(text[end - 1], 0.0) > 0:
            return True
        return not self._called(start, end)

    def _called(self, start: int, end: int) -> bool:
        """Return whether a role or a title stands beside the place."""
        return self._cues.left(start) >= weights.ROLE or self._cues.right(end) >= weights.ROLE

    def _untitled(self, start: int, end: int) -> int:
        """Return where a name ends whose last characters are a title."""
        text, words = self._text, self._words
        for size in (4, 3, 2):
            if end - start > size and words.after.get(text[end - size : end], 0.0) >= weights.TITLE:
                return end - size
        return start + 1 if text[start + 1 : start + 3] in words.titles else end


def _han(character: str) -> bool:
    """Return whether this is one Chinese character, the planes beyond the first included."""
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"
