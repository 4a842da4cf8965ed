"""What follows a place and makes it part of an institution's name: 小店区人民法院, 太原市教育局."""

from __future__ import annotations

import re

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.places.components import HAN
from gateway.anonymize.text.places.scene import Scene

_BETWEEN = frozenset({"v", "p", "u", "c", "r", "d", "w"})


class Institutions:
    """Tells whether a place is but the beginning of an institution's name. Holds a lexicon only."""

    def __init__(self) -> None:
        words = sorted(lexicon("institution_words"), key=lambda word: (-len(word), word))
        self._follows = re.compile(
            rf"[{HAN}]{{0,8}}?(?:{'|'.join(map(re.escape, words))}|第[一二三四五六七八九十0-9]{{1,3}}(?:届|次))"
        )

    def follow(self, scene: Scene, position: int) -> bool:
        """Return whether the name of an institution goes on at ``position``."""
        text, words = scene.text, scene.words
        if position >= len(text):
            return False
        word = words.at(position)
        if word.tag == "ORG":
            return True
        match = self._follows.match(text, position)
        return match is not None and not any(word.tag in _BETWEEN for word in words.inside(position, match.end()))
