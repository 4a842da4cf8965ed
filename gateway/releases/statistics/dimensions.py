"""By what may be counted: the labels of a column, from public lists alone, and the axis over them.

Labels never come from the data: a cell that is empty stands in the table with its noise like every other.
A pupil without a value, or with one that no list knows, is not counted in a table over that column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from core_registry.sharing import SHARING_COLUMNS, RowFilter
from gateway.anonymize.cells import Axis, Table
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.ladders import TOP, Ladder
from gateway.errors import ParameterError
from gateway.policies.records import Population, Scope
from gateway.policies.scope import IN_SCHOOL, row_filter
from gateway.releases.statistics.records import AxisOf, Canonical
from rulebook.records import FieldClass, Hierarchy, ReleaseProfile, Rulebook

YOUNGEST, OLDEST = 3, 25
"""Ages in full years at the beginning of the school year between which a birth date has a label."""
_SCHOOL_YEAR_BEGINS = 9
_YEARS_OF_SCHOOL = 15
_HOME = frozenset({"school_division", "managing_authority"})
_RESIDENCE = frozenset({"address_division", "household_division"})
_PLAIN = "value"
_MEAN_FACTOR = 10
"""Cells times ages of a table with a mean may be so many times the cells of a table of counts."""


def school_year_of(day: date) -> int:
    """Return the school year of ``day``, by the year in which it begins (1 September)."""
    return day.year if day.month >= _SCHOOL_YEAR_BEGINS else day.year - 1


def reference_day(school_year: int) -> date:
    """Return the day on which ages are counted: the last one before the school year (``Q-1``)."""
    return date(school_year, 8, 31)


def axis_of(book: Rulebook, column: str, hierarchy: str | None, level: int) -> AxisOf:
    """Return the canonical axis of a column at a level: a stage is a level of the grades, a value needs no file."""
    named = None if hierarchy is None else book.hierarchies[hierarchy]
    grades = book.hierarchies.get("grade")
    if column == "stage" and grades is not None:
        wanted = "stage" if named is None else named.levels[level]
        if wanted in grades.levels:
            return AxisOf("grade", "grade", wanted)
    if column == "grade" and named is None and grades is not None:
        return AxisOf("grade", "grade", grades.levels[0])
    if named is None or (level == 0 and len(named.levels) == 2):  # noqa: PLR2004  the value and the total
        return AxisOf(column, None, _PLAIN)
    return AxisOf(column, named.name, named.levels[level])


def finest(book: Rulebook, axes: list[AxisOf]) -> tuple[AxisOf, ...]:
    """Return one axis for each column and hierarchy, the finest that is named, in the order of the columns."""
    found: dict[tuple[str, str | None], AxisOf] = {}
    for axis in axes:
        known = found.get((axis.column, axis.hierarchy))
        if known is None or level_of(book, axis) < level_of(book, known):
            found[axis.column, axis.hierarchy] = axis
    order = list(SHARING_COLUMNS)
    return tuple(sorted(found.values(), key=lambda one: (order.index(one.column), one.hierarchy or "")))


def level_of(book: Rulebook, axis: AxisOf) -> int:
    """Return the level of ``axis`` in its hierarchy."""
    return 0 if axis.hierarchy is None else book.hierarchies[axis.hierarchy].levels.index(axis.level)


def sensitive_columns(book: Rulebook, profile: ReleaseProfile) -> frozenset[str]:
    """Return the columns that the catalogue of fields, or the profile, calls sensitive."""
    listed = {column for one in book.fields.values() if one.cls is FieldClass.SENSITIVE for column in one.sharing}
    return frozenset(listed | {field.column for field in profile.fields if field.role == "sensitive"})


def table_of(book: Rulebook, question: Canonical, school_year: int, sensitive: frozenset[str]) -> Table:
    """Return the table that answers ``question``.

    Raises ``ParameterError`` when it has more cells than the rule book allows, or a column no list of values.
    """
    axes = tuple(_axis(book, question, one, school_year, one.column in sensitive) for one in question.axes)
    table = Table(axes)
    width = 1 if question.bounds is None else question.bounds[1] - question.bounds[0] + 1
    most = min(book.parameters.statistics.max_cells, _MEAN_FACTOR * book.parameters.statistics.max_cells // width)
    if table.cells > most:
        raise ParameterError(
            f"The table has {table.cells} cells, more than it may have ({most}): count by fewer dimensions, at a "
            "coarser level, or for a smaller part.",
            detail_zh=f"统计表有 {table.cells} 格，超过上限 {most} 格：请减少维度、改用较粗的层级或缩小范围。",
            missing=("dimensions",),
        )
    return table


def rows_of(book: Rulebook, scope: Scope, question: Canonical) -> RowFilter:
    """Return which rows of the sharing view a question is about; its conditions lie within the grant's."""
    population = Population(
        question.territory,
        grades=None if question.grades is None else frozenset(question.grades),
        schools=None if question.schools is None else frozenset(question.schools),
    )
    return row_filter(replace(scope, population=population), book.divisions)


def labels_of(book: Rulebook, column: str, hierarchy: str | None) -> Mapping[str, str]:
    """Return the Chinese names of the labels of a column, as far as lists have them."""
    if column.endswith("_division") or column == "managing_authority":
        return {code: one.name for code, one in book.divisions.by_code.items()}
    stages = {"primary": "小学", "junior": "初中", "senior": "高中", "compulsory": "义务教育"}
    if column in ("stage", "grade"):
        return {**book.code_lists["grades"].labels, **stages}
    if SHARING_COLUMNS[column] == "bool":
        return {"true": "是", "false": "否"}
    if column == "state":
        return {"active": "在校", "suspended": "休学"}
    found = _code_list(book, column)
    return {} if found is None or hierarchy not in (None, column) else dict(book.code_lists[found].labels)


def _axis(book: Rulebook, question: Canonical, axis: AxisOf, school_year: int, sensitive: bool) -> Axis:
    leaves = _leaves(book, question, axis.column, school_year)
    if axis.hierarchy is None:
        ladder = Ladder.of(axis.column, (_PLAIN, TOP), {leaf: (TOP,) for leaf in leaves})
    else:
        ladder = _ladder(book, book.hierarchies[axis.hierarchy], axis.column, leaves)
    return Axis.of(axis.column, ladder, level_of(book, axis), among=frozenset(leaves), sensitive=sensitive)


def _ladder(book: Rulebook, hierarchy: Hierarchy, column: str, leaves: tuple[str, ...]) -> Ladder:
    return ladder_of(hierarchy, book.divisions, pl.Series(column, leaves, dtype=pl.String))


def _leaves(book: Rulebook, question: Canonical, column: str, school_year: int) -> tuple[str, ...]:
    """Return every value of ``column`` that has a label, from lists and the calendar; raises ``ParameterError``."""
    found: tuple[str, ...] = ()
    if column in _HOME:
        found = _counties(book, question.territory) or (question.territory,)
        if column == "managing_authority":
            found = tuple(sorted(book.divisions.territory(question.territory)))
    elif column in _RESIDENCE:
        found = _counties(book, f"{question.territory[:2]}0000")
    elif column == "birth_date":
        first, last = date(school_year - OLDEST, 9, 1), date(school_year - YOUNGEST, 8, 31)
        found = tuple((first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1))
    elif column == "entry_month":
        months = [f"{year:04}-{month:02}" for year in range(school_year - _YEARS_OF_SCHOOL, school_year + 2)
                  for month in range(1, 13)]  # fmt: skip
        found = tuple(month for month in months if month < f"{school_year + 1:04}-09")
    elif column == "grade":
        every = tuple(book.code_lists["grades"].labels)
        found = every if question.grades is None else tuple(one for one in every if one in question.grades)
    elif column == "sex":
        found = ("1", "2")
    elif column == "state":
        found = tuple(sorted(IN_SCHOOL))
    elif SHARING_COLUMNS[column] == "bool":
        found = ("false", "true")
    elif (listed := _code_list(book, column)) is not None:
        found = tuple(book.code_lists[listed].labels)
    if not found:
        raise ParameterError(
            f"There is no public list of the values of '{column}': it cannot be counted by.",
            detail_zh=f"列 {column} 的取值没有公开代码表，不能统计。",
            missing=("dimensions",),
        )
    return found


def _counties(book: Rulebook, territory: str) -> tuple[str, ...]:
    """Return the county-level divisions of a territory, without those of GB/T 2260 that are no place (市辖区, 县)."""
    inside = book.divisions.territory(territory)
    every = (book.divisions.by_code[code] for code in sorted(inside))
    return tuple(one.code for one in every if one.level == "county" and one.name not in {"市辖区", "县"})


def _code_list(book: Rulebook, column: str) -> str | None:
    if column == "school_type":
        return "school_category"
    return next((one.code_list for one in book.fields.values() if column in one.sharing and one.code_list), None)
