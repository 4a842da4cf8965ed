"""A registered address taken apart: divisions, township, road, village, estate, and the numbers of the house."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from gateway.anonymize.text.known.numerals import TAIL, numbers
from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.squeezed import fold

_HAN: Final = r"[\u3400-\u9fff〇]"
_PROVINCES: Final = """
    北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州
    云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门
    """.split()
_PROVINCE: Final = re.compile(rf"(?:{'|'.join(_PROVINCES)})(?:省|市|(?:壮族|回族|维吾尔)?自治区|特别行政区)?")
_BARE: Final = re.compile(f"(?:{'|'.join(lexicon('division_stems'))})(?![市区县省]|{_HAN}?[路街村])")
_CITY: Final = re.compile(r"[^\W\d_路街巷道村镇乡号院园县区]{2,7}?(?:市|自治州|地区|盟)")
_NO_DIVISION: Final = r"[^\W\d_路街巷道村镇乡号院园社]"
_COUNTY: Final = re.compile(
    rf"{_NO_DIVISION}{{1,8}}?(?:自治县|自治旗|(?<![小新景校活宅属舍])区|县|市|旗)|矿区|新区|城区|郊区"
)
_TOWN: Final = re.compile(
    rf"(?!{_HAN}{{1,3}}(?:路|街|村)(?!街道|道|乡|镇)){_HAN}{{1,7}}?(?:街道办事处|街道|地区办事处|镇|乡|苏木)"
)
_ROAD: Final = re.compile(
    r"[^\W\d_区园苑庭楼]{1,7}?(?:大街|大道|路|街|巷|胡同|弄|道)(?:[东西南北中](?:段|街|路|巷))?(?![村乡镇道局段]|社区|街道|家属|宿舍|小区|新村|花园|大厦|公寓)"
)
_PLACE: Final = re.compile(
    rf"{_HAN}{{1,10}}?(?:社区|居委会|村委会|行政村|自然村|新村|村|庄|屯|寨|小区|花园|家园|嘉园|公寓|苑|新城|城|府|庭|公馆|大厦|"
    rf"广场|宿舍|家属楼|家属院|大院|小镇|山庄|别墅|新苑|园|湾|国际|华庭|雅居|居|里|坊|组团)(?:[东西南北中A-Za-z]区)?(?!村|社区|小区|花园|家园)"
)
_OTHER: Final = re.compile(rf"{_HAN}{{2,8}}")
"""A name without any suffix that says what it is: 恒大绿洲."""
_ROAD_ENDS: Final = ("路", "街", "巷", "胡同", "弄", "道", "段")
_VILLAGE_ENDS: Final = ("村委会", "居委会", "行政村", "自然村", "社区", "村")
_STEMS: Final = re.compile(
    r"(?:省|(?:壮族|回族|维吾尔)?自治区|特别行政区|市|自治州|地区|盟|区|县|旗|街道办事处|街道|镇|乡|村委会|居委会|行政村|自然村|社区|村|小区)$"
)
_LEAST_STEM: Final = 2


class Level(IntEnum):
    """How far a part of an address leads, from the widest on."""

    PROVINCE = 0
    CITY = 1
    COUNTY = 2
    TOWN = 3
    ROAD = 4
    VILLAGE = 5
    ESTATE = 6


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, folded and without spaces, and the numbers of the house."""

    parts: tuple[tuple[Level, str], ...] = field(repr=False)
    house: tuple[int, ...] = field(repr=False)

    def forms(self) -> Iterator[tuple[str, Level, bool]]:
        """Yield what is looked for: the form, its level, whether it is whole (with its suffix)."""
        for level, part in self.parts:
            yield part, level, True
            stem = _STEMS.sub("", part)
            if stem != part and len(stem) >= _LEAST_STEM:
                yield stem, level, False


def parse(registered: str) -> Address:
    """Return the parts of a registered address; of a text that is none, perhaps no part."""
    text = "".join(fold(unicodedata.normalize("NFKC", registered)).split())
    parts: list[tuple[Level, str]] = []
    place = 0
    for level, pattern in (
        (Level.PROVINCE, _PROVINCE),
        (Level.CITY, _CITY),
        (Level.COUNTY, _COUNTY),
        (Level.TOWN, _TOWN),
    ):
        found = pattern.match(text, place)
        if level in {Level.CITY, Level.COUNTY}:
            found = _BARE.match(text, place) or found
        if found:
            parts.append((level, found[0]))
            place = found.end()
    house: list[int] = []
    while place < len(text):
        if found := TAIL.match(text, place):
            house += numbers(found[0])
        elif found := _ROAD.match(text, place) or _PLACE.match(text, place) or _OTHER.match(text, place):
            parts.append((_level(found[0]), found[0]))
        place = found.end() if found else place + 1
    return Address(tuple(parts), tuple(house))


def _level(part: str) -> Level:
    if part.endswith(_VILLAGE_ENDS):
        return Level.VILLAGE
    return Level.ROAD if part.endswith(_ROAD_ENDS) else Level.ESTATE
