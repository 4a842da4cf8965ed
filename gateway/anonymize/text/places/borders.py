"""Where a name begins whose last word was found: the words of the model decide, and lists where it is often wrong."""

from __future__ import annotations

import re
from collections.abc import Container

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.places.components import NAME_CHARACTER, NUMERALS
from gateway.anonymize.text.places.scene import Scene

_NOMINAL = frozenset(
    {"n", "nz", "nr", "ns", "nt", "nw", "LOC", "ORG", "PER", "j", "a", "an", "f", "s", "b", "vn", "m", "i", "l", ""}
)
"""Parts of speech that a name is made of."""
_RUN = re.compile(f"{NAME_CHARACTER.pattern}*+")
_LONGEST_LISTED = 7
_WHOLE = frozenset({"LOC", "ORG"})
_DIRECTIONS = frozenset("东南西北中上下前后第大小新老")
_FUNCTION = re.compile(
    "[的了着在从到于由被把向往和与及跟同是为有我你他她它们这那该本各每某其去来住读上就也都还已曾并或至随让叫给等将对,。]"
)
"""Characters that do not begin a name which the model left one character of."""


class Borders:
    """Finds left borders. Holds lexicons only."""

    def __init__(self) -> None:
        stops = sorted(lexicon("border_stop_words"), key=lambda word: (-len(word), word))
        self._stop = re.compile(f"{'|'.join(map(re.escape, stops))}|[0-9{NUMERALS}][号室户栋幢]")

    def floor(self, text: str, suffix: int, longest: int, cues: Container[int] | None) -> int:
        """Return the first position that the name before ``suffix`` may reach back to."""
        floor = max(0, suffix - longest)
        run = _RUN.match(text[floor:suffix][::-1])
        floor = suffix - run.end() if run else suffix
        if cues:
            floor = max((cue for cue in range(floor, suffix + 1) if cue in cues), default=floor)
        for stop in self._stop.finditer(text, floor, suffix):
            floor = stop.end()
        return floor

    def left(self, scene: Scene, suffix: int, floor: int) -> int:
        """Return where the name before ``suffix`` begins, ``floor`` at the furthest; ``suffix`` if there is none."""
        begin = suffix
        while begin > floor:
            further = self._by_words(scene, begin, suffix, floor)
            begin = self._by_lists(scene, further, suffix, floor)
            if begin == further:
                break
        core = scene.text[begin:suffix].strip("东南西北中上下前后第大小新老")
        if begin > floor and len(core) == 1 and not _FUNCTION.match(scene.text, begin - 1):
            begin -= 1
        return begin

    def _by_words(self, scene: Scene, begin: int, suffix: int, floor: int) -> int:
        """Return ``begin`` moved to the left over words that a name is made of."""
        if begin <= floor:
            return begin
        words = scene.words.all
        index = scene.words.index(begin - 1)
        while index >= 0:
            word = words[index]
            merged = begin == suffix and word.end > suffix and len(word.tag) > 0  # the model made one word of all
            alone = word.end - word.start == 1 and _FUNCTION.match(scene.text, word.start)  # 在, whatever its tag
            if alone or (word.tag not in _NOMINAL and not merged) or (begin != suffix and word.tag == "PER"):
                break
            begin = max(word.start, floor)
            if begin == floor:
                break
            whole = word.tag in _WHOLE and min(word.end, suffix) - begin > 1
            if whole and words[index - 1].tag not in _WHOLE:
                break
            index -= 1
        return begin

    def _by_lists(self, scene: Scene, begin: int, suffix: int, floor: int) -> int:
        """Return ``begin`` moved to the start of a known name that it cuts in two or that ends there."""
        names = scene.anchors.names
        for start in range(max(floor, begin - _LONGEST_LISTED), begin):
            end = names.get(start)
            if end is not None and begin <= end <= suffix and scene.words.starts(start):
                return start
        return begin
