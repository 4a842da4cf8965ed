"""The semesters of the province and its cities: config/calendar/school_terms.toml (Q-13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from types import MappingProxyType

from rulebook.records import Division
from rulebook.registry_records import TermDates
from rulebook.source import Sources, Table

FILE = "calendar/school_terms.toml"
_YEAR = re.compile(r"20\d{2}")
_LEAST_DAYS, _MOST_DAYS = 60, 200


def read_school_terms(sources: Sources, divisions: Mapping[str, Division]) -> dict[str, tuple[TermDates, ...]]:
    """Return the semesters of the province, and of each city that has days of its own, in order of time.

    A city says only the school years in which it differs. Raises ``RulebookError``, also for semesters that overlap,
    a school year left out, a code that is no city, or none or two provinces.
    """
    root = sources.toml(FILE)
    tables = dict(root.entries())
    provinces = [code for code in tables if code in divisions and divisions[code].level == "province"]
    if len(provinces) != 1:
        root.fail(None, "the file needs the table of exactly one province, like [140000] / 应恰有一个省的学期表")
    province = provinces[0]
    default = _read_years(tables[province])
    years = sorted(default)
    if years != list(range(years[0], years[-1] + 1)):
        root.fail(province, "a school year is left out between the first and the last / 学年不连续")
    found = {province: _in_order(tables[province], default)}
    for code, table in tables.items():
        if code == province:
            continue
        if code not in divisions or divisions[code].level != "city" or divisions[code].parent != province:
            root.fail(code, f"'{code}' is not the code of a city of the province / 不是本省设区市的代码")
        own = _read_years(table)
        if unknown := sorted(own.keys() - default.keys()):
            table.fail(str(unknown[0]), "the province has no such school year; add it there first / 省级表中无此学年")
        found[code] = _in_order(table, {**default, **own})
    return found


def _read_years(table: Table) -> Mapping[int, tuple[TermDates, TermDates]]:
    if not table.keys():
        table.fail(None, "no school year; an empty set is refused / 没有学年")
    found = {}
    for key in table.keys():
        if not _YEAR.fullmatch(key):
            table.fail(key, "must be the year in which a school year begins / 应为学年开始的年份")
        entry, year = table.table(key), int(key)
        confirmed = entry.boolean("confirmed")
        found[year] = (
            _read_term(entry, "first", year, 1, confirmed=confirmed),
            _read_term(entry, "second", year, 2, confirmed=confirmed),
        )
        entry.finish()
    return MappingProxyType(found)


def _read_term(entry: Table, key: str, year: int, number: int, *, confirmed: bool) -> TermDates:
    days = entry.table(key)
    start, end = days.day("start"), days.day("end")
    days.finish()
    earliest, latest = (date(year, 8, 1), date(year, 10, 31)) if number == 1 else (date(year + 1, 1, 1), end)
    if not earliest <= start <= latest or end > date(year + 1, 8, 31):
        entry.fail(key, f"does not lie in the school year {year} / 不在该学年内")
    if not _LEAST_DAYS <= (end - start).days <= _MOST_DAYS:
        entry.fail(key, f"must last {_LEAST_DAYS} to {_MOST_DAYS} days / 学期长度不合理")
    return TermDates(year, number, start, end, confirmed)


def _in_order(table: Table, years: Mapping[int, tuple[TermDates, TermDates]]) -> tuple[TermDates, ...]:
    terms = tuple(term for year in sorted(years) for term in years[year])
    for before, after in pairwise(terms):
        if before.end >= after.start:
            named = str(after.school_year)
            table.fail(
                named if table.has(named) else None,
                f"semester {after.number} of {named} begins before the one before it ends / 学期重叠",
            )
    return terms
