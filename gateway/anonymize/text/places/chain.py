"""Reads an address from a given start: a chain of parts, from the province down to the room."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.anonymize.text.places import components as part
from gateway.anonymize.text.places.components import HOUSE, NAMED, Kind
from gateway.anonymize.text.places.gazetteer import CITY, COUNTY, HOME, TOWNSHIP, Hit
from gateway.anonymize.text.places.naming import Component, NameReader
from gateway.anonymize.text.places.scene import Scene

_LONGEST = 20
"""Parts that a chain has at most: a bound on the work, no address is so long."""
_SPACES = re.compile(" ?[,;]? ?")
_BEFORE = frozenset("从由自在到至往")
"""Prepositions that the model takes into the word at times."""
_TOLD_APART = frozenset({"城区", "郊区", "矿区", "新区"})
"""Names of counties that stand everywhere: only inside their city."""
_TELLING = re.compile("[路街巷村庄屯苑园区院楼城号]|对面|旁|东侧|西侧|南侧|北侧")


_Follower = tuple[Kind, re.Pattern[str], bool]
"""What may follow: its kind, its pattern, and whether it must follow without a comma."""


def _followers(kind: Kind) -> tuple[_Follower, ...]:
    """Return what may follow a part of ``kind``, in the order in which it is tried."""
    named, house = kind in NAMED, kind in HOUSE
    tries: list[_Follower] = []
    if named or kind in (Kind.BUILDING, Kind.NUMBER):
        tries.append((Kind.ROOM, part.SHORT_FORM, True))
    if named or house or kind is Kind.GROUP:
        tries.append((Kind.BUILDING, part.BUILDING, False))
    if house or kind in (Kind.ESTATE, Kind.PLACE, Kind.VILLAGE):
        tries += [(Kind.UNIT, part.UNIT, False), (Kind.ROOM, part.FLOOR, False)]
    if kind in (Kind.VILLAGE, Kind.TOWNSHIP, Kind.GROUP, Kind.PLACE, Kind.ESTATE):
        tries.append((Kind.GROUP, part.GROUP, False))
    if kind in (Kind.ESTATE, Kind.PLACE, Kind.BUILDING, Kind.NUMBER, Kind.VILLAGE):
        tries.append((Kind.ESTATE, part.PHASE, False))
    if named or kind in (Kind.GROUP, Kind.TOWNSHIP, Kind.NUMBER):
        tries.append((Kind.NUMBER, part.NUMBER, True))
    if house or kind in (Kind.ESTATE, Kind.PLACE):
        tries.append((Kind.ROOM, part.ROOM, False))
    if kind in (Kind.BUILDING, Kind.UNIT):
        tries.append((Kind.ROOM, part.BARE_ROOM, False))
    return tuple(tries)


_MAY_FOLLOW = {kind: _followers(kind) for kind in Kind}


@dataclass(slots=True)
class Chain:
    """What was read: its parts in order, and the divisions among them."""

    parts: list[Component] = field(default_factory=list)
    divisions: list[Hit] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)

    def add(self, component: Component) -> None:
        """Take ``component`` as the next part."""
        self.parts.append(component)
        self.kinds.add(component.kind)

    @property
    def start(self) -> int:
        """Return where the chain begins."""
        return self.parts[0].start

    @property
    def end(self) -> int:
        """Return where the chain ends."""
        return self.parts[-1].end

    def has(self, kinds: frozenset[Kind]) -> bool:
        """Return whether a part is of one of ``kinds``."""
        return not self.kinds.isdisjoint(kinds)


class ChainReader:
    """Reads chains. Holds lexicons only."""

    def __init__(self) -> None:
        self._names = NameReader()

    def read(self, scene: Scene, start: int, limit: int, *, cue: bool, open_name: bool = False) -> Chain | None:
        """Return the chain that starts at ``start`` and does not reach beyond ``limit``, if there is one.

        ``cue``: a word of residence stands right before, so that less tells a name.
        """
        chain = Chain()
        position = start
        while len(chain.parts) < _LONGEST and position < limit:
            found = self._part(scene, chain, position, limit, cue=cue, apart=False)
            if found is None and open_name and not chain.parts:
                found = self._names.unmarked(scene, position, limit, cue=False, close=False, strict=True)
            if found is None and chain.parts:
                found = self._behind_gap(scene, chain, position, limit)
            if found is None:
                break
            chain.add(found)
            position = found.end
        return chain if chain.parts else None

    def unit(self, scene: Scene, start: int, limit: int) -> bool:
        """Return whether a division or township stands at ``start``."""
        return self._division(scene, Chain(), start, limit, cue=False) is not None

    def _behind_gap(self, scene: Scene, chain: Chain, position: int, limit: int) -> Component | None:
        """Return the part behind a space, a comma or a bracket that is not yet the end."""
        text = scene.text
        if text[position] == "(":
            return self._bracket(scene, chain, position, limit)
        gap = _SPACES.match(text, position, limit)
        if gap is None or gap.end() in (position, limit):
            return None
        apart = not gap.group().isspace()
        return self._part(scene, chain, gap.end(), limit, cue=False, apart=apart)

    def _bracket(self, scene: Scene, chain: Chain, position: int, limit: int) -> Component | None:
        """Return a bracket that says more of the place, or one that the address goes on behind."""
        bracket = part.BRACKET.match(scene.text, position, limit)
        if bracket is None:
            return None
        end = bracket.end()
        on = end < limit and self._house(
            scene, [*chain.parts, Component(Kind.PLACE, position, end)], end, limit, apart=False
        )
        if on or _TELLING.search(bracket.group()):
            return Component(Kind.PLACE, position, end)
        return None

    def _part(
        self, scene: Scene, chain: Chain, position: int, limit: int, *, cue: bool, apart: bool
    ) -> Component | None:
        parts = chain.parts
        if scene.text[position] in part.FIRST:
            house = self._house(scene, parts, position, limit, apart=apart)
            if house:
                return house
        if not chain.has(NAMED | HOUSE):
            hit = self._division(scene, chain, position, limit, cue=cue)
            if hit:
                chain.divisions.append(hit)
                return Component(self._kind(hit), position, hit.end)
            if apart:
                return self._name_apart(scene, position, limit)
        elif apart:
            return None
        named = self._names.suffixed(scene, position, limit, close=cue or bool(parts))
        if named:
            return self._crossing(scene, named, limit)
        return self._unmarked(scene, chain, position, limit, cue=cue)

    def _name_apart(self, scene: Scene, position: int, limit: int) -> Component | None:
        """Return a name behind a comma, if a house follows: ，平阳路12号."""
        named = self._names.suffixed(scene, position, limit, close=True)
        return named if named and self._house(scene, [named], named.end, limit, apart=False) else None

    def _unmarked(self, scene: Scene, chain: Chain, position: int, limit: int, *, cue: bool) -> Component | None:
        """Return a name without a suffix, if a cue or another part stands before."""
        parts = chain.parts
        if not (parts or cue):
            return None
        sure = cue or len(chain.divisions) > 1
        strict = chain.has(NAMED | HOUSE)
        label = scene.anchors.residence.get(position, False) if not parts else parts[-1].kind is Kind.TOWNSHIP
        return self._names.unmarked(scene, position, limit, cue=sure, close=bool(parts), strict=strict, label=label)

    def _crossing(self, scene: Scene, road: Component, limit: int) -> Component:
        """Return the road, or the crossing of two: 平阳路与南内环街交叉口."""
        joint = part.AND.match(scene.text, road.end, limit)
        if road.kind is not Kind.ROAD or joint is None or joint.end() >= limit:
            return road
        other = self._names.suffixed(scene, joint.end(), limit, close=True)
        crossing = part.CROSSING.match(scene.text, other.end, limit) if other else None
        return Component(Kind.ROAD, road.start, crossing.end()) if crossing else road

    def _division(self, scene: Scene, chain: Chain, position: int, limit: int, *, cue: bool) -> Hit | None:
        """Return the longest division at ``position`` that lies in the one before, short forms only where they fit."""
        above = chain.divisions[-1] if chain.divisions else None
        for hit in scene.anchors.divisions.get(position, ()):
            if hit.end > limit or not self._ends_well(scene, hit):
                continue
            level, short, codes = hit.form
            if above is not None:
                if level > above.form.level and hit.inside(above):
                    return hit
                continue
            if scene.text[position : hit.end] in _TOLD_APART and not cue:
                continue
            if not cue and not scene.words.starts(position) and scene.text[position - 1 : position] not in _BEFORE:
                continue
            known = level <= CITY or (level == COUNTY and any(code.startswith(HOME) for code in codes))
            if not short or known:
                return hit
        return None

    def _kind(self, hit: Hit) -> Kind:
        if hit.form.level < TOWNSHIP:
            return Kind.DIVISION
        return Kind.PLACE if hit.form.short else Kind.TOWNSHIP

    def _ends_well(self, scene: Scene, hit: Hit) -> bool:
        """Return whether a short form ends where its name does: not in 太原路, 和平巷, 平阳街."""
        if not hit.form.short:
            return True
        if hit.form.level == TOWNSHIP and hit.end - 1 in scene.anchors.suffixes:
            return False  # 平阳路 is the road first
        return self._names.more(scene, hit.end, len(scene.text)) is None

    def _house(
        self, scene: Scene, parts: list[Component], position: int, limit: int, *, apart: bool
    ) -> Component | None:
        """Return number, building, unit, floor or room, if what stands before lets it be one."""
        if not parts or position >= limit:
            return None
        text, last = scene.text, parts[-1]
        kind = last.kind
        if kind is Kind.ROOM and text[last.end - 1] in "层楼":
            kind = Kind.UNIT  # a floor: the room may follow without its word
        for found, pattern, joined in _MAY_FOLLOW[kind]:
            if apart and joined:
                continue
            match = pattern.match(text, position, limit)
            if match:
                return Component(found, position, match.end())
        return None
