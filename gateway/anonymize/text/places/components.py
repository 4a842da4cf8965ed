"""The parts of an address from the house number down, as patterns matched at a position (possessive: no backtracking).

Text is NFKC: digits, letters, brackets, commas and colons are ASCII.
"""

from __future__ import annotations

import re
from enum import StrEnum

HAN = "〇㐀-䶿一-鿿\U00020000-\U0003ffff"
NUMERALS = "〇零一二三四五六七八九十百千两"
_NUMBER = rf"(?:[0-9]{{1,5}}+|[{NUMERALS}]{{1,6}}+)"
_SMALL = rf"(?:[0-9]{{1,3}}+|[{NUMERALS}]{{1,4}}+)"
_DASH = "[-—–~_]"
_SIDE = "东南西北"
_STEM = "甲乙丙丁"


class Kind(StrEnum):
    """What a part of an address is."""

    DIVISION = "division"
    TOWNSHIP = "township"
    VILLAGE = "village"
    GROUP = "group"
    ROAD = "road"
    NUMBER = "number"
    ESTATE = "estate"
    PLACE = "place"
    """A name without a suffix: what stands between two known parts, or what the model calls a place."""
    BUILDING = "building"
    UNIT = "unit"
    ROOM = "room"


NAMED = frozenset({Kind.VILLAGE, Kind.ROAD, Kind.ESTATE, Kind.PLACE})
HOUSE = frozenset({Kind.NUMBER, Kind.BUILDING, Kind.UNIT, Kind.ROOM})
LONGEST_NAME = 12
"""Characters before a suffix."""
NAME_CHARACTER = re.compile(rf"[{HAN}0-9A-Za-z·]")
NAME = re.compile(rf"[{HAN}0-9A-Za-z·]{{1,{LONGEST_NAME}}}+")
DIRECTION = "[东南西北中上下前后左右新老大小内外一二三四五六七八九十]"
BETWEEN = re.compile(rf"{DIRECTION}{{0,2}}")
"""What may stand between two suffixes of one name: 平阳路东街, 新村路."""
STRETCH = re.compile(rf"[东南西北中一二三四五六]段|[{_SIDE}]?[头一二三四五六七八九十0-9]{{1,3}}[条道]")
"""What may follow the name of a road: 中段, 东二条."""
CROSSING = re.compile("交叉路口|交叉口|交汇处|交会处|交界处|交口|十字路口|丁字路口|路口")
AND = re.compile("[与和跟、]")

FIRST = frozenset(f"{NUMERALS}0123456789{_STEM}{_SIDE}中附临副新旧老第负地上下前后(") | frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
"""What numbers, buildings and rooms begin with: a first sieve."""
NUMBER = re.compile(
    rf"(?:附|甲|乙|丙|丁|临|副|新|旧|老|第)?+{_NUMBER}(?:(?:{_DASH}|之|附|[{_STEM}]){_NUMBER}){{0,2}}+[{_STEM}]?+"
    r"(?:号大院|号院|号(?!楼|线|文|床|考|选手|作品|台风|早|晚|上午|下午|中午|凌晨|之前|以前|开始|召|举|到|去|来))"
    rf"(?:[{_SIDE}前后][院楼]|楼院)?+(?:(?:附|之|-)?{_NUMBER}号(?!楼)|[{_STEM}])?+"
)
GROUP = re.compile(
    rf"第?+(?:{_SMALL}|[{_SIDE}上中下前后])(?:村民小组|居民小组|居民组|村民组|小组|生产队|大队|社区|组|队|社|排|巷|条)"
    r"(?!长|织|员|合|会|建|训)"
)
BUILDING = re.compile(
    rf"第?+(?:[{_STEM}]?[A-Za-z]?[0-9]{{1,4}}+(?:{_DASH}[0-9]{{1,3}}+)?+|[A-Za-z](?:[0-9]{{1,3}}+)?+|[{NUMERALS}]{{1,4}}+|"
    rf"[{_SIDE}{_STEM}])[{_STEM}]?+ ?+"
    r"(?:号住宅楼|号公寓楼|号公寓|号宿舍楼|号居民楼|号家属楼|号楼|#楼|栋楼|幢楼|#|栋|幢|座(?!位)|楼(?!道|梯|上|下|教|房|盘))"
)
PHASE = re.compile(rf"第?+(?:{_SMALL}|[A-Da-d]|[{_SIDE}中])(?:期|区|院|苑|园)(?!别|中|间|末|内|域)")
UNIT = re.compile(
    rf"第?+(?:{_SMALL}|[{_STEM}A-Da-d{_SIDE}中]) ?+"
    r"(?:单元|门洞|门(?!口|前|外|诊|课)|梯(?!队))(?!测|考|练|卷|检|复习|作业|课|教)"
)
FLOOR = re.compile(rf"(?:地下|负|第)?+{_SMALL}(?:层|楼(?!道|梯|上|下|教))")
ROOM = re.compile(
    rf"(?:[A-Za-z]?[0-9]{{1,5}}+(?:{_DASH}[0-9]{{1,4}}+){{0,2}}+|[{NUMERALS}]{{1,5}}+|[{_SIDE}中]{{1,2}}+)"
    r"(?:号房间|房间|室(?!友|内|外)|户(?!籍|口|主|外)|房(?!子|租|东|产|屋)|号(?!楼|线)|门牌)"
)
BARE_ROOM = re.compile(r"[A-Za-z]?[0-9]{3,4}+(?![0-9.年月日分元人名次个天岁米级届班%点:])")
"""A room without its word: only right behind a building, a unit or a floor."""
SHORT_FORM = re.compile(
    rf"(?:[A-Za-z]{_DASH})?+[A-Za-z]?[0-9]{{1,3}}+(?:号楼|#楼?)?+(?:{_DASH}[A-Za-z0-9]{{1,5}}+){{1,3}}+(?:室|户|号)?+(?![0-9.年月日分元班%:])"
)
"""3-2-501: only right behind a road, an estate, a village or a building."""
BRACKET = re.compile(rf"\([{HAN}0-9A-Za-z#\-]{{1,16}}\)")
