"""Names of townships, roads, villages and estates, read to the right from where they begin."""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.places import components as part
from gateway.anonymize.text.places.anchors import Suffix
from gateway.anonymize.text.places.components import Kind
from gateway.anonymize.text.places.scene import Scene

_STOP_CHARACTERS = re.compile("[的了着在从被把让请你我他她它们这那哪谁么吗吧呢啊也还又已不没很因但为是]")
_MOVES = frozenset("走去到跑骑乘坐离距往经约有才每只仅能可要想会来和与及跟同或")
"""Verbs and conjunctions that few names begin with: the model or a list has to know a name there."""
_NAMES = frozenset({"LOC", "ORG", "nz", "PER"})
_LABELLED = frozenset({"LOC", "ORG", "nz", "PER", "n", "nr", "ns", "nt", "nw", "s", "f", "j", "a", "m", "vn", "an"})
_CLAUSE = re.compile(rf"[{part.HAN}0-9A-Za-z·]{{2,8}}?(?=[,;。.:()、]|$|\s|附近|旁边|对面|一带|那边|这边|的)")
_HOUSES = (part.BUILDING, part.NUMBER, part.GROUP, part.PHASE, part.SHORT_FORM)
_PARTICLES = frozenset({"p", "c", "u", "r", "d", "xc", "w"})
_SURE_NAME = 4
"""Characters of a name that is not doubted right behind another part, whatever the model says."""
_SHORTEST = 2
_GROWTH = 3


class Component(NamedTuple):
    """A part of an address."""

    kind: Kind
    start: int
    end: int


class NameReader:
    """Reads names. Holds lexicons only."""

    def __init__(self) -> None:
        stops = sorted(lexicon("chain_stop_words"), key=lambda word: (-len(word), word))
        self._stop = re.compile("|".join(map(re.escape, stops)))
        self._no_names = re.compile(f"{'|'.join(map(re.escape, lexicon('place_no_names')))}|[家楼层室房]$")
        self._generic = frozenset(lexicon("generic_place_names"))

    def clean(self, scene: Scene, start: int, end: int, *, close: bool) -> bool:
        """Return whether ``start`` to ``end`` may be a name: no stop word, no particle."""
        text = scene.text
        if text[start:end] in self._generic or _STOP_CHARACTERS.search(text, start, end):
            return False
        if self._stop.search(text, start, end):
            return False
        if text[start] in _MOVES and start not in scene.anchors.names and scene.words.at(start).tag not in _NAMES:
            return False
        if close and end - start <= _SURE_NAME:
            return True
        return not any(word.tag in _PARTICLES for word in scene.words.inside(start, end))

    def suffixed(self, scene: Scene, position: int, limit: int, *, close: bool) -> Component | None:
        """Return the name that begins at ``position`` and ends in a suffix. ``close``: another part stands before."""
        name = part.NAME.match(scene.text, position, limit)
        if name is None:
            return None
        suffixes = scene.anchors.suffixes
        for place in range(position + 1, min(name.end() + 1, limit)):
            suffix = suffixes.get(place)
            if suffix is None or suffix.end > limit:
                continue
            for _ in range(_GROWTH):  # 新庄村, 铁路宿舍: one name
                further = suffixes.get(suffix.end)
                if further is None or further.end > limit:
                    break
                suffix = further
            if not self.clean(scene, position, suffix.start, close=close):
                return None
            return self._grown(scene, position, suffix, limit)
        return None

    def more(self, scene: Scene, position: int, limit: int) -> Suffix | None:
        """Return a suffix at ``position``, perhaps behind a word of direction: 路, 东街, 南路."""
        between = part.BETWEEN.match(scene.text, position, limit)
        for place in range(position, (between.end() if between else position) + 1):
            suffix = scene.anchors.suffixes.get(place)
            if suffix is not None and suffix.end <= limit:
                return suffix
        return None

    def _grown(self, scene: Scene, position: int, suffix: Suffix, limit: int) -> Component:
        """Return the name with all that belongs to it: 新村路, 平阳路东街, 迎泽大街西段."""
        for _ in range(_GROWTH):
            more = self.more(scene, suffix.end, limit)
            if more is None:
                break
            suffix = more
        end = suffix.end
        if suffix.kind is Kind.ROAD:
            stretch = part.STRETCH.match(scene.text, end, limit)
            end = stretch.end() if stretch else end
        return Component(suffix.kind, position, end)

    def unmarked(
        self, scene: Scene, position: int, limit: int, *, cue: bool, close: bool, strict: bool, label: bool = False
    ) -> Component | None:
        """Return a name that only its surroundings show to be one: 恒大绿洲3号楼, 孙家沟三组.

        ``strict``: nothing but a house shows it; ``label``: whatever is told here to the end of the clause is a place.
        """
        name = part.NAME.match(scene.text, position, limit)
        if name is None or scene.text[position].isdecimal():
            return None
        stop = self._house(scene, position, min(name.end() + 1, limit), limit)
        if stop is not None:
            good = stop > position and self.clean(scene, position, stop, close=close)
            return Component(Kind.PLACE, position, stop) if good else None
        end = None if strict else self._end(scene, position, limit, cue=cue, label=label)
        return Component(Kind.PLACE, position, end) if end else None

    def _house(self, scene: Scene, position: int, last: int, limit: int) -> int | None:
        """Return where a building or a number follows; ``position`` if a suffix that names nothing stands before it."""
        for stop in range(position + _SHORTEST, last):
            if stop in scene.anchors.suffixes:
                return position
            if scene.text[stop] in part.FIRST and any(house.match(scene.text, stop, limit) for house in _HOUSES):
                return stop
        return None

    def _end(self, scene: Scene, position: int, limit: int, *, cue: bool, label: bool) -> int | None:
        """Return the end of a clause that is but a name (``label``), or of a place of the model (``cue``)."""
        rest = _CLAUSE.match(scene.text, position, limit) if label else None
        if rest and self._tells(scene, position, rest.end()):
            return rest.end()
        word = scene.words.at(position)
        if not cue or word.start != position or word.tag != "LOC" or word.end > limit:
            return None
        return word.end if self.clean(scene, position, word.end, close=True) else None

    def _tells(self, scene: Scene, start: int, end: int) -> bool:
        """Return whether a clause is but a name: 书香一品, 石盘."""
        if self._no_names.search(scene.text, start, end) or not self.clean(scene, start, end, close=False):
            return False
        return all(word.tag in _LABELLED for word in scene.words.inside(start, end))
