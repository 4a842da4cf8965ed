"""Administrative divisions (GB/T 2260): config/divisions/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from rulebook.codes import read_sources
from rulebook.records import Division, Divisions
from rulebook.source import CsvRow, Sources

FOLDER = "divisions"
_LEVELS: Mapping[str, Literal["province", "city", "county"]] = {
    "province": "province",
    "prefecture": "city",
    "county": "county",
}
_ABOVE = {"city": "province", "county": "city"}
# Rows that only fill the middle level (北京市市辖区, 省直辖县级行政区划) are no part of an address.
_FILLER = re.compile(r"市辖区|县|.*直辖县级行政区划")
_CODE = re.compile(r"\d{6}")
_TOWNSHIP = re.compile(r"\d{9}")


def read_divisions(sources: Sources) -> Divisions:
    """Return all divisions and the townships of Shanxi. Raises ``RulebookError``."""
    read_sources(sources, FOLDER)
    rows = {}
    for row in sources.csv(f"{FOLDER}/divisions_china.csv", ("code", "name", "level", "parent_code"), exact=True):
        code = _code(row, _CODE)
        if code in rows:
            row.fail(f"code '{code}' stands twice; remove one / 代码重复")
        rows[code] = row
    zones = _read_zones(sources, rows)
    found: dict[str, Division] = {}
    for code, row in rows.items():
        _add(found, code, row, zone=code in zones)
    return Divisions(MappingProxyType(found), MappingProxyType(_read_townships(sources, found)))


def _code(row: CsvRow, pattern: re.Pattern[str]) -> str:
    code = row.text("code")
    if not pattern.fullmatch(code):
        row.fail(f"'{code}' is not a code of this list / 代码格式不正确")
    return code


def _add(found: dict[str, Division], code: str, row: CsvRow, *, zone: bool) -> None:
    level = _LEVELS[row.choice("level", tuple(_LEVELS))]
    name, parent = row.text("name"), row.cells["parent_code"] or None
    above = found.get(parent) if parent else None
    if (above.level if above else None) != _ABOVE.get(level):
        row.fail(
            f"'{parent}' is no unit one level higher that stands above this row / 上级代码不存在、层级不符或排在后面"
        )
    shown = "" if level == "city" and _FILLER.fullmatch(name) else name
    full = (above.full_name if above else "") + shown
    found[code] = Division(code, name, level, parent, zone, full)


def _read_zones(sources: Sources, rows: Mapping[str, CsvRow]) -> frozenset[str]:
    """Return the statistical zones of Shanxi; the two files must agree on what both say."""
    zones = set()
    seen = set()
    columns = ("code", "name", "level", "parent_code", "province", "prefecture", "statistical_zone")
    for row in sources.csv(f"{FOLDER}/divisions_shanxi.csv", columns, exact=True):
        code = _code(row, _CODE)
        if code in seen:
            row.fail(f"code '{code}' stands twice; remove one / 代码重复")
        seen.add(code)
        other = rows.get(code)
        if other is None:
            row.fail(f"'{code}' is not in divisions_china.csv / 全国区划表中没有此代码")
        if any(row.cells[column] != other.cells[column] for column in ("name", "level", "parent_code")):
            row.fail(f"differs from line {other.line} of divisions_china.csv / 与全国区划表不一致")
        if row.choice("statistical_zone", ("0", "1")) == "1":
            zones.add(code)
    return frozenset(zones)


def _read_townships(sources: Sources, divisions: Mapping[str, Division]) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    codes = set()
    for row in sources.csv(f"{FOLDER}/townships_shanxi.csv", ("code", "name", "county_code"), exact=True):
        code, county = _code(row, _TOWNSHIP), row.text("county_code")
        if code in codes:
            row.fail(f"code '{code}' stands twice; remove one / 代码重复")
        codes.add(code)
        unit = divisions.get(county)
        if unit is None or unit.level != "county" or not code.startswith(county):
            row.fail(f"'{county}' is not the county of this township / 所属县区代码不正确")
        names.setdefault(county, []).append(row.text("name"))
    return {county: tuple(found) for county, found in names.items()}
