"""Where people live and where their identity numbers were issued."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core_registry.sample.draw import Bools, Ints, Table, gather
from rulebook import Division, Divisions

PROVINCE = "140000"
FIRST_COUNTY = "140105"

ABOLISHED = {
    "140213": ("140202", "140211"), "140214": ("140203",), "140215": ("140227",), "140403": ("140402", "140411"),
    "140404": ("140421",), "140405": ("140424",), "140406": ("140481",), "140681": ("140624",), "140703": ("140726",),
}  # fmt: skip
"""County -> codes of the units it was made from (districts were re-cut from 2018 on): older numbers carry them."""
ABOLISHED_BEFORE = 2018

_BUSY = {
    "140105": 4.0, "140109": 3.0, "140107": 3.0, "140106": 2.5, "140108": 2.0, "140213": 4.0, "140403": 2.5,
    "140802": 3.0, "141002": 3.0, "140702": 3.0, "140902": 2.0, "140602": 2.5, "140502": 2.0,
}  # fmt: skip
_ELSEWHERE = {
    "13": 9.0, "41": 12.0, "61": 8.0, "15": 8.0, "37": 6.0, "51": 6.0, "34": 4.0, "32": 3.0, "33": 3.0, "44": 3.0,
    "11": 2.0, "12": 2.0, "42": 3.0, "43": 3.0, "62": 3.0, "65": 2.0, "31": 1.0, "50": 2.0, "52": 1.0,
}  # fmt: skip
"""Province -> weight among pupils who came from outside Shanxi."""

_STREETS = Table(
    "人民路 建设路 解放路 新华街 迎宾街 文化路 学府街 府东街 平安路 振兴街 和平路 光明路 北大街 南大街 东关街 "
    "西关街 长治路 体育路 滨河东路 康乐街 桃园路 胜利街 兴华街 永安路".split()
)
_ESTATES = Table(
    "阳光小区 学府苑 锦绣花园 金色家园 翠竹园 福瑞小区 怡景苑 华苑小区 康馨家园 丽景花园 惠民小区 和谐家园 "
    "御景城 盛世华庭".split()
)
_VILLAGES = Table(
    "东庄村 西庄村 南堡村 北堡村 前进村 上河村 下河村 李家沟村 王家庄村 张家湾村 石窑村 杨树底村 柳林村 寨子村 "
    "河底村 桥头村 小王村 大安村 新建村 古城村 郭家庄村 刘家坡村 槐树院村 枣园村".split()
)

_FLAT = 0.7  # of addresses in streets
_VILLAGE = 0.5  # of addresses outside the school's county


@dataclass(frozen=True, slots=True)
class Origins:
    """The divisions an identity number may carry: ``codes`` and, by position, whom to draw."""

    codes: tuple[str, ...]
    full_names: pl.Series
    local: dict[str, int]
    """County of Shanxi -> position of the code it uses today (a zone borrows from a county of its city)."""
    former: dict[str, Ints]
    """County of Shanxi -> positions of abolished codes."""
    shanxi: Ints
    all_former: Ints
    outside: Table
    outside_positions: Ints


def counties_of(divisions: Divisions) -> list[Division]:
    """Return the county-level units of Shanxi, zones included, by code."""
    return sorted(
        (unit for unit in divisions.by_code.values() if unit.level == "county" and unit.code.startswith("14")),
        key=lambda unit: unit.code,
    )


def county_weight(unit: Division) -> float:
    """Return how many pupils a county has, relative to a plain county."""
    if unit.zone:
        return 0.4
    return _BUSY.get(unit.code, 2.0 if unit.name.endswith("区") else 1.6 if unit.name.endswith("市") else 1.0)


def rural_share(unit: Division) -> float:
    """Return the share of a county's schools that stand in the country."""
    return 0.15 if unit.name.endswith("区") else 0.35 if unit.name.endswith("市") else 0.55


def origins_of(divisions: Divisions) -> Origins:
    """Return where identity numbers come from."""
    counties = counties_of(divisions)
    real = [unit for unit in counties if not unit.zone]
    names = {unit.code: unit.full_name for unit in real}
    for county, codes in ABOLISHED.items():
        for code in codes:
            names[code] = divisions.by_code[county].full_name
    outside = [
        unit
        for unit in sorted(divisions.by_code.values(), key=lambda unit: unit.code)
        if unit.level == "county" and unit.code[:2] in _ELSEWHERE
    ]
    per_province: dict[str, int] = {}
    for unit in outside:
        per_province[unit.code[:2]] = per_province.get(unit.code[:2], 0) + 1
        names[unit.code] = unit.full_name
    codes = tuple(names)
    position = {code: index for index, code in enumerate(codes)}
    local = {unit.code: position[unit.code] for unit in real}
    for unit in counties:
        if unit.zone:
            local[unit.code] = next(position[other.code] for other in real if other.parent == unit.parent)
    former = {county: np.array([position[code] for code in old]) for county, old in ABOLISHED.items()}
    return Origins(
        codes=codes,
        full_names=pl.Series([names[code] for code in codes], dtype=pl.String),
        local=local,
        former=former,
        shanxi=np.array([position[unit.code] for unit in real]),
        all_former=np.concatenate(list(former.values())),
        outside=Table(
            [unit.code for unit in outside],
            [_ELSEWHERE[unit.code[:2]] / per_province[unit.code[:2]] for unit in outside],
        ),
        outside_positions=np.array([position[unit.code] for unit in outside]),
    )


class Addresses:
    """Addresses by township in Shanxi, by street elsewhere."""

    def __init__(self, divisions: Divisions) -> None:
        counties = counties_of(divisions)
        prefixes: list[str] = []
        starts: list[int] = []
        lengths: list[int] = []
        for unit in counties:
            towns = divisions.townships.get(unit.code, ("",))
            starts.append(len(prefixes))
            lengths.append(len(towns))
            prefixes.extend(unit.full_name + town for town in towns)
        self._prefixes = pl.Series(prefixes, dtype=pl.String)
        self._starts = np.array(starts)
        self._lengths = np.array(lengths)
        self._position = {unit.code: index for index, unit in enumerate(counties)}
        self._numbers = pl.Series([str(number) for number in range(400)], dtype=pl.String)

    def position(self, county: str) -> int:
        """Return the position of a county of Shanxi, for ``local``."""
        return self._position[county]

    def local(self, rng: np.random.Generator, counties: Ints, rural: Bools) -> pl.Series:
        """Return one address for each county position: township, then village or street."""
        count = counties.size
        towns = self._starts[counties] + (rng.random(count) * self._lengths[counties]).astype(np.int64)
        return self._finish(rng, gather(self._prefixes, towns), rural)

    def elsewhere(self, rng: np.random.Generator, names: pl.Series) -> pl.Series:
        """Return one address for each full name of a division."""
        return self._finish(rng, names, rng.random(len(names)) < _VILLAGE)

    def _finish(self, rng: np.random.Generator, prefixes: pl.Series, rural: Bools) -> pl.Series:
        count = len(prefixes)

        def number(least: int, most: int) -> pl.Series:
            return gather(self._numbers, rng.integers(least, most, count))

        parts = pl.DataFrame(
            {
                "prefix": prefixes, "village": _VILLAGES.texts(rng, count), "street": _STREETS.texts(rng, count),
                "estate": _ESTATES.texts(rng, count), "rural": rural, "flat": rng.random(count) < _FLAT,
                "a": number(1, 240), "b": number(1, 30), "c": number(1, 6), "d": number(1, 19), "e": number(1, 5),
            }
        )  # fmt: skip
        in_village = pl.concat_str("prefix", "village", "a", pl.lit("号"))
        in_flat = pl.concat_str(
            "prefix", "street", "estate", "b", pl.lit("号楼"), "c", pl.lit("单元"), "d", pl.lit("0"), "e", pl.lit("室")
        )
        in_street = pl.concat_str("prefix", "street", "a", pl.lit("号"))
        column = pl.when("rural").then(in_village).when("flat").then(in_flat).otherwise(in_street)
        return parts.select(address=column)["address"]


def street_address(rng: np.random.Generator, place: str) -> str:
    """Return an address in a town of ``place``, the full name of a county: street, estate, building, door."""
    street, estate = str(_STREETS.texts(rng, 1)[0]), str(_ESTATES.texts(rng, 1)[0])
    number, building = int(rng.integers(1, 260)), int(rng.integers(1, 24))
    door = int(rng.integers(1, 19)) * 100 + int(rng.integers(1, 5))
    return f"{place}{street}{number}号{estate}{building}号楼{door}室"
