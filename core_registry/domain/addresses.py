"""The division of an address: the longest chain of province, city and county names at its start.

Names repeat (城区 stands in 阳泉 and in 晋城, 朝阳区 in many cities), so a county counts only below the city or
the province that the address names; a name alone decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal["province", "city", "county"]


class DivisionLike(Protocol):
    """What is needed of a division of GB/T 2260."""

    @property
    def code(self) -> str:
        """Six digits."""

    @property
    def name(self) -> str:
        """The Chinese name."""

    @property
    def level(self) -> Level:
        """Its level."""

    @property
    def parent(self) -> str | None:
        """The code of the division above, ``None`` for a province."""


@dataclass(frozen=True, slots=True)
class AddressDivision:
    """The deepest division found: six digits, its level, and how many characters of the address name it."""

    code: str
    level: Level
    length: int


_TRANSPARENT = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})
"""City-level entries that addresses leave out: their counties hang on the province as well."""

_PEOPLES = (
    "蒙古族 回族 藏族 维吾尔族 苗族 彝族 壮族 布依族 朝鲜族 满族 侗族 瑶族 白族 "
    "土家族 哈尼族 哈萨克族 傣族 黎族 傈僳族 佤族 畲族 高山族 拉祜族 水族 东乡族 "
    "纳西族 景颇族 柯尔克孜族 土族 达斡尔族 仫佬族 羌族 布朗族 撒拉族 毛南族 仡佬族 "
    "锡伯族 阿昌族 普米族 塔吉克族 怒族 乌孜别克族 俄罗斯族 鄂温克族 德昂族 保安族 "
    "裕固族 京族 塔塔尔族 独龙族 鄂伦春族 赫哲族 门巴族 珞巴族 基诺族 维吾尔 蒙古 "
    "哈萨克 柯尔克孜 各族"
).split()
_PEOPLE = "|".join(sorted(_PEOPLES, key=len, reverse=True))
_AUTONOMOUS = re.compile(rf"^(.{{2,}}?)(?:{_PEOPLE})+自治[区州县旗]$")
_PLAIN = re.compile(r"^(.{2,}?)(?:特别行政区|自治区|自治州|自治县|自治旗|地区|林区|特区|省|市|盟|州|县|区|旗)$")
_NOT_AFTER_SHORT = frozenset("路街道巷村镇乡里桥园省市县区旗州盟")
"""After a short form these make another name of it: 阳曲 + 路 is a street, 大同 + 县 an abolished county."""


def short_name(name: str) -> str | None:
    """Return a division's name without its kind (``太原市`` -> ``太原``), ``None`` when one character would be left."""
    found = _AUTONOMOUS.match(name) or _PLAIN.match(name)
    return found[1] if found else None


class _Names:
    """The names of the divisions that may follow at one place of an address."""

    def __init__(self) -> None:
        self._full: dict[str, set[str]] = {}
        self._short: dict[str, set[str]] = {}
        self._lengths: dict[str, list[int]] = {}  # first two characters -> lengths of names, longest first

    def add(self, division: DivisionLike) -> None:
        self._note(self._full, division.name, division.code)
        short = short_name(division.name)
        if short is not None:
            self._note(self._short, short, division.code)

    def _note(self, names: dict[str, set[str]], name: str, code: str) -> None:
        names.setdefault(name, set()).add(code)
        lengths = self._lengths.setdefault(name[:2], [])
        if len(name) not in lengths:
            lengths.append(len(name))
            lengths.sort(reverse=True)

    def match(self, text: str, start: int) -> tuple[str, int] | None:
        """Return code and end of the longest unambiguous name at ``start``."""
        for length in self._lengths.get(text[start : start + 2], ()):
            end = start + length
            part = text[start:end]
            codes = self._full.get(part)
            if codes is None and text[end : end + 1] not in _NOT_AFTER_SHORT:
                codes = self._short.get(part)
            if codes is not None and len(codes) == 1:
                return next(iter(codes)), end
        return None


class AddressParser:
    """Finds divisions of addresses; built once from the list of divisions, then read-only."""

    def __init__(self, divisions: Iterable[DivisionLike]) -> None:
        by_code = {division.code: division for division in divisions}
        self._levels: Mapping[str, Level] = {code: division.level for code, division in by_code.items()}
        self._top = _Names()
        self._below: dict[str, _Names] = {}
        cities = {(one.parent, one.name) for one in by_code.values() if one.level == "city"}
        for division in by_code.values():
            self._under(division.parent).add(division)
            if division.level == "province" or (division.level == "city" and division.name not in _TRANSPARENT):
                self._top.add(division)  # 太原市小店区: a city may stand without its province
            above = by_code.get(division.parent or "")
            if division.level == "county" and above is not None and (above.parent, division.name) not in cities:
                self._under(above.parent).add(division)  # 山西省介休市, 北京市东城区; but 甘肃省嘉峪关市 is the city

    def _under(self, parent: str | None) -> _Names:
        return self._below.setdefault(parent or "", _Names())

    def parse(self, address: str) -> AddressDivision | None:
        """Return the deepest division that the start of ``address`` names, ``None`` when it names none.

        Blanks are skipped. A county is found only below a city or province named before it, and a name that
        stands twice below what is named (山西省城区) decides nothing. Total.
        """
        text = "".join(address.split())
        found = self._top.match(text, 0)
        if found is None:
            return None
        code, end = found
        while (names := self._below.get(code)) is not None and (deeper := names.match(text, end)) is not None:
            code, end = deeper
        return AddressDivision(code, self._levels[code], end)
