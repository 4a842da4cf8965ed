"""What speaks for and against a piece of text being a name: the words around it, and the model's words.

A name of the record that is no ordinary word counts wherever its characters stand as a word. One that is an ordinary
word (高兴, 文明, 明明) counts when it stands as a person does: beside a role, as what somebody does something to,
before a time or a deed; never after 很 or before 地.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from gateway.anonymize.text.known.surroundings import (
    acts,
    acts_surely,
    makes_word_after,
    makes_word_before,
    roles_after,
    roles_before,
    takes_person,
)
from gateway.anonymize.text.reading import Reading, Word

NAME_TAGS: Final = frozenset(("PER", "nr"))
PLACE_TAGS: Final = frozenset(("LOC", "ORG", "nt", "ns"))
_WORD_TAGS: Final = frozenset("a ad an d v vd vn n t TIME c p r f s m q u xc".split())
_LITTLE_TAGS: Final = _WORD_TAGS - {"n", "a", "an", "t", "TIME"}
_VERY_SURE: Final = 0.9
_SURE: Final = 0.7
"""From here on the model's word is believed; below, rare names are taken for words."""
_WINDOW: Final = 8

_BORDERS: Final = frozenset(" ,.;:!?。，、；：！？“”\"'()[]（）【】《》\n\t-—…|/")
_LABEL_MARKS: Final = ':： \n\t(（"“是'
_NO_DEEDS: Final = frozenset("是有为到来在如")
"""What words do as well as people: 春天来了, 黄河是..."""
_CLAUSE: Final = frozenset('.;:!?。，；：！？\n“"(（,')


@dataclass(frozen=True)
class Evidence:
    """A reading, asked about places in it. Offsets are those of the normalised text."""

    reading: Reading = field(repr=False)

    @cached_property
    def text(self) -> str:
        """Return the normalised text."""
        return self.reading.text.text

    @cached_property
    def _starts(self) -> list[int]:
        return [word.start for word in self.reading.words]

    def words(self, start: int, end: int) -> Sequence[Word]:
        """Return the model's words that a place touches, without spaces at their ends."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        last = bisect_right(self._starts, end - 1)
        return [self._trimmed(word) for word in self.reading.words[first:last]]

    def _trimmed(self, word: Word) -> Word:
        text = self.text[word.start : word.end]
        if not (text[0].isspace() or text[-1].isspace()) or text.isspace():
            return word
        start = word.start + len(text) - len(text.lstrip())
        return word._replace(start=start, end=start + len(text.strip()))

    def inside(self, start: int, end: int) -> Word | None:
        """Return the model's word that holds a place and more."""
        words = self.words(start, end)
        if len(words) == 1 and (words[0].start < start or words[0].end > end):
            return words[0]
        return None

    def torn(self, start: int, end: int, *, unless_below: float = 0.0) -> int:
        """Return how many borders of a place cut a word of the model that reaches over them (0 to 2).

        Words of which the model is less sure than ``unless_below`` may be cut, and so may those that run into a role:
        it is the better border (叶宁|妈妈).
        """
        words = self.words(start, end)
        if not words:
            return 0
        first, last = words[0], words[-1]
        left = first.start < start and first.confidence >= unless_below and not self.role_before(start)
        right = (
            last.end > end
            and last.confidence >= unless_below
            and not (self.role_after(end) or self.acts(end, surely=True))
        )
        return left + right

    def named(self, start: int, end: int) -> bool:
        """Return whether the model takes a place, or a part of it and nothing else, for a name."""
        words = self.words(start, end)
        return any(word.tag in NAME_TAGS for word in words) and not self.torn(start, end)

    def begins_other_word(self, place: int) -> bool:
        """Return whether the model begins a word that is no name at a place."""
        word = self.words(place, place + 1)[0]
        return word.start == place and word.tag in _LITTLE_TAGS

    def little_words(self, start: int, end: int) -> bool:
        """Return whether the model is sure that a place is an adverb, a verb or the like, or several such words."""
        return all(word.tag in _LITTLE_TAGS and word.confidence >= _VERY_SURE for word in self.words(start, end))

    def one_name(self, start: int, end: int) -> bool:
        """Return whether the model takes a place for one whole name."""
        words = self.words(start, end)
        return len(words) == 1 and words[0].tag in NAME_TAGS and not self.torn(start, end)

    def little_word(self, place: int) -> bool:
        """Return whether the model is sure that a single character is a word on its own, and of no name: 不, 的, 说."""
        word = self.words(place, place + 1)[0]
        return word.end - word.start == 1 and word.tag in _LITTLE_TAGS and word.confidence >= _SURE

    def role(self, start: int, end: int) -> bool:
        """Return whether a role, a relation or a label stands right beside a place."""
        return self.role_after(end) or self.role_before(start)

    def role_after(self, end: int) -> bool:
        """Return whether a role or a relation follows a place: 同学, 的妈妈."""
        return roles_after().begin(self._after(end))

    def role_before(self, start: int) -> bool:
        """Return whether a role, a relation or a label leads up to a place: 学生, 父亲, 姓名：."""
        return roles_before().end(self._before(start).rstrip(_LABEL_MARKS))

    def taken(self, start: int) -> bool:
        """Return whether the word before a place is one that people follow: 和, 把, 表扬 ..."""
        return takes_person().end(self._before(start).rstrip(" 了过着"))

    def word_like(self, start: int, end: int) -> bool:
        """Return whether the model is sure that a place is an ordinary word, or a part of one."""
        words = self.words(start, end)
        return bool(words) and all(word.tag in _WORD_TAGS and word.confidence >= _SURE for word in words)

    def a_place(self, start: int, end: int) -> bool:
        """Return whether the model is sure that a place of the text is the name of a place on the map: 黄河."""
        words = self.words(start, end)
        return len(words) == 1 and words[0].tag == "LOC" and words[0].confidence >= _SURE and not self.torn(start, end)

    def used_as_word(self, start: int, end: int) -> bool:
        """Return whether what stands beside a place says that it is no person: 很~, ~地."""
        after = self._after(end)
        words, others = makes_word_after()
        return (words.begin(after) and not others.begin(after)) or makes_word_before().end(self._before(start))

    def acts(self, end: int, *, surely: bool = False) -> bool:
        """Return whether what follows a place is what people do or have: 把, 被, 说, 性格 ..."""
        return (acts_surely() if surely else acts()).begin(self._after(end))

    def opens_clause(self, start: int, end: int) -> bool:
        """Return whether a place begins a clause and a time, a deed or a mark follows it, as with a subject."""
        before = self.text[start - 1] if start else "\n"
        if before not in _CLAUSE and before != " ":
            return self.words(start - 1, start)[0].tag in {"TIME", "t", "ORG"} and self.acts(end)
        if end >= len(self.text) or self.text[end] in _BORDERS:
            return True
        if self.acts(end):
            return True
        follower = self.words(end, end + 1)[0]
        return follower.tag in {"TIME", "t", "v", "d", "p", "c"} and self.text[end] not in _NO_DEEDS

    def person_like(self, start: int, end: int) -> bool:
        """Return whether a place stands as a person does: as the one who does something, or to whom it is done."""
        return (
            self.taken(start) or self.opens_clause(start, end) or self.alone(start, end) or self.acts(end, surely=True)
        )

    def alone(self, start: int, end: int) -> bool:
        """Return whether marks, spaces or the ends of the text stand on both sides: an item of a list, a cell."""
        before = self.text[start - 1] if start else "\n"
        after = self.text[end] if end < len(self.text) else "\n"
        return before in _BORDERS and after in _BORDERS

    def letters_end(self, start: int, end: int) -> bool:
        """Return whether a run of letters ends on both sides of a place, and is no part of an account or address."""
        before = self.text[start - 1] if start else " "
        after = self.text[end] if end < len(self.text) else " "
        beyond = self.text[end + 1] if end + 1 < len(self.text) else " "
        return not _joins_letters(before) and not (_joins_letters(after) and (after != "." or _joins_letters(beyond)))

    def _before(self, start: int) -> str:
        return self.text[max(0, start - _WINDOW) : start].rstrip(" ")

    def _after(self, end: int) -> str:
        return self.text[end : end + _WINDOW].lstrip(" ")


def _joins_letters(mark: str) -> bool:
    return mark in "@_.-+/" or (mark.isascii() and mark.isalnum())
