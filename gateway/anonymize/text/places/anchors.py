"""One pass over a text (Aho-Corasick) for all that places are read from: divisions, suffixes, schools, cues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import ahocorasick_rs

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.places.components import NUMERALS, Kind
from gateway.anonymize.text.places.gazetteer import Form, Hit, forms
from rulebook.records import Divisions

_NOT_AFTER: Mapping[Kind, re.Pattern[str]] = {
    Kind.ROAD: re.compile("口|上(?!段)|边|过|程|途|费|面|灯|况|由|线|局|头|坊|舞|道(?!办)|德|理|歉|具|教|士|别"),
    Kind.TOWNSHIP: re.compile("村|下|亲|土|音|党|政|愁|长|企|委|里|上|级|定|静|痛|压|魂"),
    Kind.VILLAGE: re.compile("民(?!委)|里|口|支部|干部|小学|医|主任|支书|长|级|严|重|稼"),
    Kind.ESTATE: re.compile("里|内|长|管理|物业"),
}
"""What makes another word of a suffix: 路口, 乡下, 村民, 小区里 (there the name may still be meant, but no address)."""
_FILLERS = re.compile(
    r"(?:[:\s=\"“「【\[]|详细|具体|变更|更改|登记|填写|填|写|证|仍|就|均|都|一直|现|原|系|为|是|在|于|到|至|了|也|本省|本市|本县|本区|我省|我市|我县|我区|该市|该县|位于|地址|"
    r"所在地|的是){0,4}+"
)
_LIVES_NOT = re.compile("院(?!落)|校|宿|房|处|所|户|址|了脚|手|嘴|自己|进了医")
_NOT_LIVES = frozenset("记抓拦站停挡忍保困稳扶接拉拽按堵盯捂咬憋吸")
_OFFICES = ("学校", "单位", "公司", "机构", "考点", "医院", "校区")
"""Before 地址: an institution's, nobody's home."""


class Suffix(NamedTuple):
    """The last word of a name."""

    start: int
    end: int
    kind: Kind


@dataclass(slots=True)
class Anchors:
    """What was found in one text. All positions are those of the normalised text."""

    divisions: dict[int, list[Hit]] = field(default_factory=dict)
    """By where they start, the longest first."""
    division_ends: dict[int, list[Hit]] = field(default_factory=dict)
    """By where they end, the longest first."""
    suffixes: dict[int, Suffix] = field(default_factory=dict)
    """Suffixes of townships, roads, villages and estates, by where they start: of each the longest."""
    schools: dict[int, int] = field(default_factory=dict)
    """Last words of names of schools: start -> end, of each the longest."""
    names: dict[int, int] = field(default_factory=dict)
    """Names in a list of common ones: start -> end, of each the longest."""
    houses: list[int] = field(default_factory=list)
    """Where 3号楼, 5栋 stand: of the last digit."""
    residence: dict[int, bool] = field(default_factory=dict)
    """Where a residence may begin, right behind 家住在, 住址：, 户籍为; whether whatever is told there is a place."""
    schooling: set[int] = field(default_factory=set)
    """Where the name of a school may begin: right behind 就读于, 转入."""


class _Meaning(NamedTuple):
    """What a word of the automaton may be."""

    forms: tuple[Form, ...]
    suffix: Kind | None
    school: bool
    name: bool
    house: bool
    residence: bool
    schooling: bool


class AnchorFinder:
    """Finds anchors. Built once; holds names and word lists only."""

    def __init__(self, divisions: Divisions) -> None:
        named: Mapping[str, tuple[Form, ...]] = forms(divisions)
        suffixes = {word: Kind(kind) for word, kind in map(str.split, lexicon("place_suffixes"))}
        digits = f"{NUMERALS}0123456789"
        schools = frozenset(
            (
                *lexicon("school_kinds"),
                *(f"{digit}{kind}" for digit in digits for kind in ("中", "小", "校", "幼", "初中", "高中")),
            )
        )
        names = frozenset((*lexicon("common_place_names"), *lexicon("school_sorts")))
        houses = {f"{digit}{kind}" for digit in digits for kind in ("楼", "栋", "幢", "座", "号楼", "#", "-")}
        houses |= {f"{letter}座" for letter in "ABCDEFGH"}
        cues = {word: not weak for word, _, weak in (entry.partition(" ") for entry in lexicon("residence_cues"))}
        schooling = frozenset(lexicon("school_cues"))
        words = sorted({*named, *suffixes, *schools, *names, *houses, *cues, *schooling})
        self._meanings = [
            _Meaning(
                named.get(word, ()),
                suffixes.get(word),
                word in schools,
                word in names,
                word in houses,
                word in cues,
                word in schooling,
            )
            for word in words
        ]
        self._cues = cues
        self._automaton = ahocorasick_rs.AhoCorasick(words)

    def find(self, text: str) -> Anchors:
        """Return all anchors of ``text``; they may overlap."""
        found = Anchors()
        suffixes: dict[int, Suffix] = {}
        cues: list[tuple[int, int]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            units, suffix, school, name, house, residence, schooling = self._meanings[index]
            for form in units:
                hit = Hit(start, end, form)
                found.divisions.setdefault(start, []).append(hit)
                found.division_ends.setdefault(end, []).append(hit)
            if suffix is not None:
                suffixes[start] = Suffix(start, end, suffix)  # matches come by their end: the longest stays
            if school:
                found.schools[start] = end
            if name:
                found.names[start] = end
            if house:
                found.houses.append(start)
            if residence and self._lives(text, start, end):
                cues.append((start, end))
            if schooling:
                found.schooling.add(end)
        self._settle(text, found, suffixes.values(), cues)
        return found

    def _settle(self, text: str, found: Anchors, suffixes: Iterable[Suffix], cues: Iterable[tuple[int, int]]) -> None:
        """Put divisions in order, leave out what lies in longer words, and go from cues to what they tell of."""
        for hits in found.divisions.values():
            hits.reverse()
        for hits in found.division_ends.values():
            hits.sort()
        for kept in _apart(suffixes):
            if not _NOT_AFTER[kept.kind].match(text, kept.end):
                found.suffixes[kept.start] = kept
        for start, end in _longest(cues):
            filler = _FILLERS.match(text, end)
            found.residence[filler.end() if filler else end] = self._cues[text[start:end]]

    def _lives(self, text: str, start: int, end: int) -> bool:
        """Return whether a word of residence is one there: not in 记住, 住院, 学校地址."""
        if end - start == 1:
            return not _LIVES_NOT.match(text, end) and text[start - 1 : start] not in _NOT_LIVES
        return not text.endswith(_OFFICES, 0, start)


def _apart(suffixes: Iterable[Suffix]) -> list[Suffix]:
    """Return the suffixes that do not end within an earlier one: of 街道办 there is no 道."""
    kept: list[Suffix] = []
    for suffix in sorted(suffixes):
        if not kept or suffix.end > kept[-1].end:
            kept.append(suffix)
    return kept


def _longest(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that lie in no other that starts before or with them."""
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or end > kept[-1][1]:
            kept.append((start, end))
    return kept
