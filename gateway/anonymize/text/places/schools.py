"""The detector of schools: finds the last word of a name, then where the name begins, then whether it is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.anonymize.text.places.anchors import AnchorFinder
from gateway.anonymize.text.places.borders import Borders
from gateway.anonymize.text.places.components import HAN, NAME_CHARACTER
from gateway.anonymize.text.places.scene import Scene
from gateway.anonymize.text.places.school_names import SchoolNames
from gateway.anonymize.text.places.words import Words
from gateway.anonymize.text.reading import Reading
from gateway.anonymize.text.spans import Source, Span, TextType

_SCORE = 0.9
_LONGEST = 40
"""Characters before the last word of a name."""
_TAIL = re.compile(
    rf"(?P<campus>[{HAN}]{{1,6}}?(?:校区|分校|分园|园区|分部))|[东西南北]校(?!区|长|门|园|友)|(?:小学|初中|高中|中学|幼儿|国际)部|"
    rf"\([{HAN}A-Za-z0-9]{{0,10}}(?:校区|[东西南北新老]?校|部|分园|园|院区|区)\)"
)
_HOME = re.compile("(?:教职工|教工|职工|教师|家属)?(?:宿舍|家属院|家属楼|家属区|家属房|公寓楼|住宅楼)")
_CONJUNCTION = frozenset("和与及跟同至到或")
_FUNCTION = frozenset("接经据由从在到与和向对给被系是为去赴至往回离于及同让请将跟")
_TENSE = frozenset("原现")
_PREPOSITION = frozenset("在从到被由")
_CHAIN = 4
_OVERLAP = 2
_LEVELS = frozenset("省市县区镇乡")


class Found(NamedTuple):
    """The name of a school, and why it is one."""

    start: int
    end: int
    rule: str


class SchoolFinder:
    """Finds names of schools in a scene. Holds lexicons only."""

    def __init__(self) -> None:
        self._borders = Borders()
        self._names = SchoolNames()

    def find(self, scene: Scene) -> Iterator[Found]:
        """Return the schools in order, without overlap; a school attached to another (附属) is one with it."""
        last: Found | None = None
        for kind, end in sorted(scene.anchors.schools.items()):
            done = last.end if last else 0
            if kind < done:
                continue
            found = self._school(scene, kind, end, done)
            if found is None:
                continue
            if last and found.rule == "attached":
                last = Found(last.start, found.end, last.rule)
                continue
            if last:
                yield last
            last = found
        if last:
            yield last

    def _school(self, scene: Scene, kind: int, end: int, done: int) -> Found | None:
        text = scene.text
        kind, end = self._names.kind(text, kind, end)
        if end <= kind:
            return None
        cues = scene.anchors.schooling
        floor = max(done, self._borders.floor(text, kind, _LONGEST, cues))
        start = self._borders.left(scene, kind, floor)
        if floor in cues and start > floor and self._names.plain(text, floor, kind):
            start = floor
        start = self._over_divisions(scene, start, kind, max(floor, done))
        start = self._trimmed(scene, start, kind, done)
        rule = self._names.judge(scene, start, kind, end, attached=0 < start == done)
        if rule is None:
            return None
        end = self._over_tail(scene, end)
        if _HOME.match(text, end):
            return None
        return Found(start, end, rule)

    def _over_divisions(self, scene: Scene, start: int, kind: int, floor: int) -> int:
        """Return the start moved to the left over divisions that stand directly before, and over 省, 市, 县 alone."""
        text = scene.text
        for _ in range(_CHAIN):
            hits = [
                hit
                for end in range(start, min(start + _OVERLAP, kind) + 1)
                for hit in scene.anchors.division_ends.get(end, ())
            ]
            fitting = [
                hit.start
                for hit in hits
                if floor <= hit.start < start and (not hit.form.short or scene.words.starts(hit.start))
            ]
            if not fitting:
                break
            start = min(fitting)
        if (
            start > floor
            and text[start - 1] in _LEVELS
            and (start - 1 == floor or not NAME_CHARACTER.match(text[start - 2]) or scene.words.starts(start - 1))
        ):
            start -= 1
        return start

    def _trimmed(self, scene: Scene, start: int, kind: int, done: int) -> int:
        """Return the start without a conjunction or preposition that the model took into the name."""
        text = scene.text
        divisions = scene.anchors.divisions
        if start < kind and text[start] in _FUNCTION and start + 1 in divisions and start not in divisions:
            return start + 1
        if text[start] in _TENSE and kind - start > 1 and start not in divisions and scene.words.starts(start + 1):
            return start + 1
        if text[start : start + 1] == "经" and kind - start > 2 and text[start + 1] not in "纬开济":  # noqa: PLR2004
            return start + 1
        if start < kind and text[start] in _PREPOSITION and kind - start > 2:  # noqa: PLR2004
            return start + 1
        if start < kind and start == done and start and text[start] in _CONJUNCTION:
            rest = text[start + 1 : kind]
            if len(rest) != 1:
                return start + 1
        return start

    def _over_tail(self, scene: Scene, end: int) -> int:
        """Return the end with the campus: 晋源校区, 初中部, (东校区)."""
        for _ in range(2):
            tail = _TAIL.match(scene.text, end)
            if tail is None:
                break
            if tail["campus"] and any(
                word.tag in {"v", "p", "u", "c", "r", "w", "n"} and word.end < tail.end() - 2
                for word in scene.words.inside(end, tail.end())
            ):
                break
            end = tail.end()
        return end


class SchoolDetector:
    """Finds schools: ``SCHOOL``."""

    name = "places.school"

    def __init__(self, anchors: AnchorFinder, schools: SchoolFinder) -> None:
        self._anchors = anchors
        self._schools = schools

    def find(self, reading: Reading) -> Iterable[Span]:
        """Return the schools of the text; they do not overlap."""
        anchors = self._anchors.find(reading.text.text)
        if not anchors.schools:
            return
        scene = Scene(reading.text.text, anchors, Words(reading))
        for start, end, rule in self._schools.find(scene):
            yield Span(start, end, TextType.SCHOOL, Source.PLACE, _SCORE, f"{self.name}.{rule}")
