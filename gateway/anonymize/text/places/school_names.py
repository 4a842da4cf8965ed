"""Whether words before 小学, 中学, 学校 name a school or only say what kind it is."""

from __future__ import annotations

import re

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.places.components import HAN, NUMERALS
from gateway.anonymize.text.places.gazetteer import COUNTY, Hit
from gateway.anonymize.text.places.scene import Scene

_NTH = re.compile(rf"[{NUMERALS}0-9](?:[中小校幼]|初中|高中)")
_NUMERAL = frozenset(f"{NUMERALS}0123456789")
_LONGEST_NUMERAL = 3
_NOT_NTH = re.compile(
    "考|组|班|号|队|时|年|等|心|间|级|旬|部|段|线|国|区|医|药|型|儿|路|街|巷|村|里|庄|环|朋友|姑娘|伙|孩|姐|妹|个|层|学(?![生籍子习])"
)
"""What makes another word of 一中, 二小: 其一中等, 二小时, 五一中路."""
_NOT_AFTER = re.compile("生(?!活|源|病|日|物)|阶段|学历|文化程度")
"""小学生, 初中阶段: no school at all."""
_NOT_SCHOOL = re.compile("长|务|本|际|董|办|工|级|门|园|服|车|队|友|内|外|花|规|训|史|方|区|址|医|风|纪|庆|歌|名|刊")
"""小学校门 is the gate of a 小学."""
_NOT_EXPERIMENT = re.compile(
    "室|基地|项目|区|田|课|班|报告|操作|探究|教学|设备|器材|考|技|成|数|结|方|中|小|幼|学|校|初|高(?![一二三])"
)
_PLAIN = re.compile(rf"[{HAN}0-9A-Za-z·]{{1,16}}")
_STOP = re.compile("[的了着我你他她它们这那哪所]")
_COUNTED = re.compile(rf"[{NUMERALS}几多数这那哪每某0-9]+所")
"""两所小学 are none by name."""
_FUNCTION = re.compile("[由被让给对向将把为在从的是]")
_STRONG = frozenset({"LOC", "ORG", "nz", "PER", "ns", "nt", "nr"})
_VAGUE = frozenset(
    {"学校", "初中", "高中", "中专", "技校", "教学点", "联校", "联区校", "附校", "职校", "卫校", "体校", "艺校"}
)
"""Last words that seldom follow a name made of plain nouns: the model has to see a name before them."""
_ALONE = frozenset({"附中", "附小", "附幼", "实小", "实中"})
_SPECIAL = _ALONE | {
    *(
        "职教中心",
        "职业教育中心",
        "职业技术教育中心",
        "中心校",
        "联校",
        "联区校",
        "特校",
        "聋校",
        "盲校",
        "职中",
        "职高",
    ),
    *("职业高中", "职校", "技校", "卫校", "完小", "教学点"),
}
"""Last words of which a county or a township has one."""
_COMMON = frozenset({"中学", "小学", "幼儿园", "中学校", "小学校"})
_LOCAL = _COMMON | {"初中", "学校"}
_ATTACHED = frozenset({"附中", "附小"})
_OF_PUPILS = frozenset("生籍习子")
"""附中学生 are pupils of 附中; in 求实中学 there is no 实中."""
_TWO = 2
_EXPERIMENT = "实验"
"""省实验, 市实验: the experimental school of the province, of the city."""
_PLAIN_UNITS = frozenset("省市县区")
_OPENS = re.compile(r"[的、,。;:()《“\"和与及到在去从由跟是上读考来回]|\s")
_CLOSES = re.compile(r"[的、,。;:()》”\"和与及都也就校学上读毕门三四五六七八]|\s|参加|老师|同学|教师|找|高|初|录取")


class SchoolNames:
    """Judges names. Holds lexicons only."""

    def __init__(self) -> None:
        said, sorts = lexicon("school_modifiers"), lexicon("school_sorts")
        self._said = re.compile(f"(?:{_any(said)})*+")
        self._sorts = re.compile(f"(?:{_any((*said, *sorts))})*+")
        self._common = frozenset(lexicon("common_place_names")) - {*said, *sorts}
        self._determiner = re.compile(_any(lexicon("school_determiners")))
        self._none = re.compile(_any(lexicon("no_school_words")))

    def kind(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Return the last word of a name as it stands there; an empty one if it belongs to another word."""
        word = text[start:end]
        none = (start, start)
        if _NTH.fullmatch(word):
            return none if _NOT_NTH.match(text, end) else self._ordinal(text, start, end)
        if word == _EXPERIMENT:
            return none if _NOT_EXPERIMENT.match(text, end) else (start, end)
        if word == "完小" and text.startswith("学", end):
            return none
        if word[-1] in "中小" and text.startswith("学", end):
            return (start, end) if word in _ATTACHED and text[end + 1 : end + 2] in _OF_PUPILS else none
        if word in ("小学校", "中学校") and _NOT_SCHOOL.match(text, end):
            end -= 1
        return none if _NOT_AFTER.match(text, end) else (start, end)

    def _ordinal(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Return 三十七中 whole; an empty one for 第三中, which 学 must follow."""
        first = start
        while first and text[first - 1] in _NUMERAL and start - first < _LONGEST_NUMERAL:
            first -= 1
        if first and text[first - 1] == "第" and text.startswith("学", end):
            return start, start
        return first, end

    def plain(self, text: str, start: int, end: int) -> bool:
        """Return whether ``start`` to ``end`` may be a name by its characters alone."""
        return _PLAIN.fullmatch(text, start, end) is not None and not _STOP.search(text, start, end)

    def judge(self, scene: Scene, start: int, kind: int, end: int, *, attached: bool) -> str | None:
        """Return the rule by which ``start`` to ``end`` is a school's name, or nothing.

        ``kind`` is where its last word starts; ``attached``: the name of another school ends at ``start``.
        """
        text = scene.text
        before, last = text[start:kind], text[kind:end]
        cue = start in scene.anchors.schooling
        units = self._units(scene, start, kind)
        stray = last == _EXPERIMENT and before not in _PLAIN_UNITS
        if stray or self._none.search(before + last[:1]) or self._counted(before, units):
            return None
        if attached and (before.startswith("附") or (units and before)):
            return "attached"
        if not before:
            return "short" if self._short(last) and (cue or self._stands_alone(scene, start, end)) else None
        if self._short(last) or last == _EXPERIMENT or before.endswith("实验"):
            return "short"
        if units:
            return self._behind_units(text[units.end : kind], units, last)
        return "named" if self._distinct(scene, start, kind, last, cue=cue) else None

    def _counted(self, before: str, units: Hit | None) -> bool:
        """Return whether schools are counted or pointed at: 两所小学, 该小学; not 贵州省."""
        return _COUNTED.search(before) is not None or (units is None and self._determiner.match(before) is not None)

    def _short(self, last: str) -> bool:
        """Return whether the last word is a name by itself: 二中, 附小."""
        return last in _ALONE or (last[-1] in "中小校幼" and last[0] in _NUMERAL)

    def _distinct(self, scene: Scene, start: int, kind: int, last: str, *, cue: bool) -> bool:
        """Return whether the words before the last tell one school from others."""
        before = scene.text[start:kind]
        if before.startswith("希望") and last != "小学":  # 希望小学 is a sort, 希望中学 a name
            return True
        if self._sorts.fullmatch(before) and not any(before[:size] in self._common for size in (2, 3, 4)):
            return cue and before.startswith("外国语")
        if last in _VAGUE and before not in self._common and _FUNCTION.search(before):
            return False
        return last not in _VAGUE or cue or self._strong(scene, start, kind) or len(before) > 1

    def _stands_alone(self, scene: Scene, start: int, end: int) -> bool:
        """Return whether 二中 stands by itself: 去二中找人, not 其中一中."""
        text = scene.text
        return (not start or _OPENS.match(text, start - 1) is not None) and (
            end >= len(text) or _CLOSES.match(text, end) is not None
        )

    def _behind_units(self, rest: str, unit: Hit, last: str) -> str | None:
        """Return the rule for a name that begins with divisions, of which ``unit`` is the last."""
        if rest:
            return None if self._said.fullmatch(rest) else "unit"
        if last in _SPECIAL:
            return "unit"
        if unit.form.level > COUNTY:
            return "unit" if last in _LOCAL else None
        small = unit.form.short or unit.end - unit.start == _TWO
        return "unit" if small and last in _COMMON else None

    def _units(self, scene: Scene, start: int, kind: int) -> Hit | None:
        """Return the last of the divisions that the name begins with."""
        position, last = start, None
        while position < kind:
            hits = [
                hit
                for hit in scene.anchors.divisions.get(position, ())
                if hit.end <= kind and (last is None or hit.inside(last))
            ]
            if not hits or (hits[0].form.level > COUNTY and hits[0].form.short):
                break
            last = hits[0]
            position = last.end
            if last.form.level > COUNTY:
                break
        return last

    def _strong(self, scene: Scene, start: int, kind: int) -> bool:
        """Return whether the model sees a name somewhere before the last word."""
        words = scene.words.all
        index = scene.words.index(start)
        while index < len(words) and words[index].start < kind:
            if words[index].tag in _STRONG:
                return True
            index += 1
        return False


def _any(words: tuple[str, ...]) -> str:
    """Return a pattern for any of ``words``, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
