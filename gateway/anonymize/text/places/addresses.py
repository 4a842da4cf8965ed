"""The detector of addresses: reads chains where they may start and keeps those that lead to somebody's door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gateway.anonymize.text.places import components as part
from gateway.anonymize.text.places.anchors import AnchorFinder
from gateway.anonymize.text.places.borders import Borders
from gateway.anonymize.text.places.chain import Chain, ChainReader
from gateway.anonymize.text.places.components import HOUSE, NAMED, Kind
from gateway.anonymize.text.places.institutions import Institutions
from gateway.anonymize.text.places.scene import Scene
from gateway.anonymize.text.places.schools import SchoolFinder
from gateway.anonymize.text.places.words import Words
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType

_SCORE = 0.9
_DETAIL = HOUSE | {Kind.GROUP}
_LOCAL = NAMED | {Kind.TOWNSHIP}
_SUFFIXED = NAMED - {Kind.PLACE}
_OPEN = frozenset({Kind.PLACE})
_BUILDING = frozenset({Kind.BUILDING, Kind.ROOM})
_INNER = frozenset({Kind.UNIT, Kind.ROOM})
_DOOR = re.compile("[A-Za-z]?[0-9]{1,2}-[0-9]{1,2}-[0-9]{3,4}(?![0-9-])")
"""30-4-1702 behind any name; other numbers with dashes are scores, days and phones."""
_OF_SCHOOLS = re.compile("宿舍|教学|实验|办公|行政|图书|食堂|综合|体育|公寓|学校|校区|教室|寝室")
"""Buildings of a school: nobody's address without an estate or a road before them."""
_LONGEST_NUMBER = 5
_TOWNSHIP = frozenset({Kind.TOWNSHIP})
_MOVED = re.compile("(?:整体)?[搬迁移]")
_LIVES = re.compile(
    "(?:附近|一带|这边)?(?:居住|租住|暂住|借住|寄住|定居|落户|租房|生活(?![委习费作必老])|住(?![院校宿处房]))"
)
_AT = frozenset("在于到")
_FROM = frozenset("从由自")


class AddressDetector:
    """Finds addresses: ``ADDRESS``."""

    name = "places.address"

    def __init__(self, anchors: AnchorFinder, schools: SchoolFinder) -> None:
        self._anchors = anchors
        self._schools = schools
        self._reader = ChainReader()
        self._borders = Borders()
        self._institutions = Institutions()

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return the addresses of the text; they do not overlap, and none enters the name of a school."""
        text = reading.text.text
        anchors = self._anchors.find(text)
        places = {*anchors.residence, *anchors.divisions, *anchors.suffixes, *anchors.houses}
        if not places:
            return
        scene = Scene(text, anchors, Words(reading))
        schools = [(start, end) for start, end, _ in self._schools.find(scene)]
        schools.append((len(text), len(text)))
        done, refused, school = 0, 0, 0
        for anchor in sorted(places):
            if anchor < done or (anchor < refused and anchor not in anchors.residence):
                continue
            for start, cue, open_name in self._starts(scene, anchor, done):
                while schools[school][1] <= start < len(text):
                    done = schools[school][1]
                    school += 1
                limit = schools[school][0]
                if start >= limit:
                    continue
                if start == anchor and not cue and not self._reader.unit(scene, start, limit):
                    continue
                chain = self._reader.read(scene, start, limit, cue=cue, open_name=open_name)
                if chain is None:
                    continue
                if not self._counts(scene, chain, cue=cue, school=chain.end == limit < len(text)):
                    refused = chain.end  # what begins within it holds less still
                    continue
                done = chain.end
                yield Span(chain.start, chain.end, TextType.ADDRESS, Source.PLACE, _SCORE, self.name)
                break

    def _starts(self, scene: Scene, anchor: int, done: int) -> Iterator[tuple[int, bool, bool]]:
        """Yield where a chain may start because of ``anchor``, and whether a residence is told of there."""
        anchors = scene.anchors
        cue = anchor in anchors.residence
        if cue or anchor in anchors.divisions:
            yield anchor, cue, False
        if anchor in anchors.suffixes:
            floor = max(done, self._borders.floor(scene.text, anchor, part.LONGEST_NAME, anchors.residence))
            start = self._borders.left(scene, anchor, floor)
            if start < anchor:
                yield start, start in anchors.residence, False
        elif anchor in anchors.houses:
            house = anchor
            while house > done and scene.text[house - 1] in part.FIRST and anchor - house < _LONGEST_NUMBER:
                house -= 1
            if scene.text[anchor + 1] == "-" and not _DOOR.match(scene.text, house):
                return
            floor = max(done, self._borders.floor(scene.text, house, part.LONGEST_NAME, anchors.residence))
            start = self._borders.left(scene, house, floor)
            if house - start > 1 and not _OF_SCHOOLS.search(scene.text, start, house):
                yield start, start in anchors.residence, True

    def _counts(self, scene: Scene, chain: Chain, *, cue: bool, school: bool) -> bool:
        """Return whether the chain is an address and not a place that something happens at."""
        if chain.has(_DETAIL) and chain.has(_LOCAL):
            sure = cue or chain.divisions or chain.has(_LOCAL - _OPEN)
            return bool(sure) or (chain.has(_BUILDING) and chain.has(_INNER))
        if school or self._institutions.follow(scene, chain.end):
            return False
        return cue or self._lived_in(scene, chain) or self._precise(chain)

    def _lived_in(self, scene: Scene, chain: Chain) -> bool:
        """Return whether what follows says so: 在太原市居住, 从榆次区搬来."""
        before = scene.text[chain.start - 1 : chain.start]
        if before in _AT:
            return _LIVES.match(scene.text, chain.end) is not None
        return before in _FROM and bool(chain.divisions) and _MOVED.match(scene.text, chain.end) is not None

    def _precise(self, chain: Chain) -> bool:
        """Return whether the chain leads below the county: two named parts, or one behind a division."""
        if sum(component.kind in NAMED for component in chain.parts) > 1:
            return True
        if not chain.divisions:
            return False
        return chain.has(_SUFFIXED) or (chain.has(_TOWNSHIP) and len(chain.parts) > 1)
