"""Names of divisions and townships in every form in which people write them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from gateway.anonymize.text.lexicons import lexicon
from rulebook.records import Divisions

HOME = "14"
"""The province whose townships are known and whose counties are named without their province: Shanxi."""
PROVINCE, CITY, COUNTY, TOWNSHIP = 1, 2, 3, 4
_LEVELS: Mapping[str, int] = {"province": PROVINCE, "city": CITY, "county": COUNTY}
_AUTONOMOUS = {"150000": "内蒙古", "450000": "广西", "540000": "西藏", "640000": "宁夏", "650000": "新疆"}
_PEOPLE = (
    "蒙古族|蒙古|回族|藏族|维吾尔族|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|哈萨克族|哈萨克|傣族|黎族|"
    "傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜族|柯尔克孜|土族|达斡尔族|仫佬族|羌族|布朗族|撒拉族|毛南族|"
    "仡佬族|锡伯族|锡伯|阿昌族|普米族|塔吉克族|塔吉克|怒族|鄂温克族|德昂族|保安族|裕固族|独龙族|鄂伦春|各族"
)
_ETHNIC = re.compile(rf"(?:{_PEOPLE})*+自治[州县旗]$")
_FILLER = re.compile(r"市辖区|县|.*直辖县级行政区划")
_SUFFIX = re.compile(r"(?:特别行政区|地区|林区|新区|矿区|[省市县区旗盟])$")
_TOWNSHIP_SUFFIX = re.compile(r"(?:街道办事处|街道|镇|乡)$")
_TOWNSHIP_NAME = re.compile(r"[^市县区]{1,9}(?:街道|镇|乡)")
_SHORT = 2
"""Characters that a short name has at least: 临 for 临县 would stand everywhere."""


class Form(NamedTuple):
    """A way to write the name of units. ``codes`` are all that are called so; ``short`` if it lacks its suffix."""

    level: int
    short: bool
    codes: tuple[str, ...]


class Hit(NamedTuple):
    """A form of a name in a text."""

    start: int
    end: int
    form: Form

    def inside(self, upper: Hit) -> bool:
        """Return whether a unit that is called so lies in one called ``upper``."""
        digits = 2 * upper.form.level
        above = {code[:digits] for code in upper.form.codes}
        return any(code[:digits] in above for code in self.form.codes)


def forms(divisions: Divisions) -> Mapping[str, tuple[Form, ...]]:
    """Return every written form of every name of a division or a township of Shanxi -> what it may mean."""
    found: dict[str, list[Form]] = defaultdict(list)
    for (name, level, short), codes in sorted(_codes(divisions).items()):
        found[name].append(Form(level, short, tuple(sorted(codes))))
    return {name: tuple(ways) for name, ways in found.items()}


def _codes(divisions: Divisions) -> dict[tuple[str, int, bool], set[str]]:
    """Return name, level and whether it is short -> the codes of the units."""
    found: dict[tuple[str, int, bool], set[str]] = defaultdict(set)
    for code, division in divisions.by_code.items():
        name, level = division.name, _LEVELS[division.level]
        if _FILLER.fullmatch(name):
            continue
        found[name, level, False].add(code)
        short = _AUTONOMOUS.get(code) or _shortened(name)
        if len(short) >= _SHORT and short != name:
            found[short, level, True].add(code)
    for county, names in divisions.townships.items():
        for name in filter(_TOWNSHIP_NAME.fullmatch, names):
            found[name, TOWNSHIP, False].add(county)
            short = _TOWNSHIP_SUFFIX.sub("", name)
            if len(short) >= _SHORT:
                found[short, TOWNSHIP, True].add(county)
    for entry in lexicon("old_divisions"):
        name, code = entry.split()
        found[name, CITY if code.endswith("00") else COUNTY, False].add(code)
    return found


def _shortened(name: str) -> str:
    """Return ``name`` without what it is: 临县 stays, 恩施土家族苗族自治州 gives 恩施."""
    plain = _ETHNIC.sub("", name)
    return plain if plain != name else _SUFFIX.sub("", name)
