"""From the rule book's hierarchies to ladders: table, division, date, prefix and school rules over a column.

Every rule works on whole columns of the different values: no loop over them.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from gateway.anonymize.errors import HierarchyError
from gateway.anonymize.ladder_rules import leaves_of, topped, unknown_leaf
from gateway.anonymize.ladders import TOP, Ladder
from gateway.anonymize.plan import PAIR
from gateway.anonymize.school_years import date_parts, school_date_labels
from rulebook.records import Divisions, Hierarchy

Columns = Mapping[str, pl.Series]
"""Name of a level -> label of each leaf; null where a leaf does not fit the rule."""

BAND_YEARS = 3
_COUNTY = 6
_FINEST = {"county": "", "township": "(?:[0-9]{3})?", "village": "(?:[0-9]{3}){0,2}"}
"""Digits that may follow those of a county, by the finest level: no leaf is finer than the level says."""


def ladder_of(hierarchy: Hierarchy, divisions: Divisions, values: pl.Series) -> Ladder:
    """Return the ladder of ``hierarchy`` for a column with these ``values`` (any type, repeated or not).

    A table's leaves are all of the table (information loss counts them, notes 4); a computed rule's leaves are the
    values present. A missing value is a leaf of its own that only the top hides. Labels of divisions are
    codes of GB/T 2260, so that the column keeps one form on all levels. The rule ``school`` takes leaves made by
    ``pair_leaves``.

    Raises ``UnknownLeafError`` when a value does not fit the rule or is not in the table, ``HierarchyError``
    when the result is no tree.
    """
    leaves = leaves_of(values)
    present = leaves.drop_nulls()
    missing = len(present) < len(leaves) or (present.is_empty() and hierarchy.table is None)
    if hierarchy.rule == "table":
        columns, unknown = _table(hierarchy, present)
    else:
        between, fits = _computed(hierarchy, divisions, present)
        columns = [present, *between, topped(present)]
        unknown = len(present) - int(fits.sum())
    if unknown:
        raise unknown_leaf(values.name, hierarchy.name, unknown)
    if missing:
        nothing, top = pl.Series([None], dtype=pl.String), pl.Series([TOP])
        last = len(columns) - 1
        columns = [pl.concat([column, top if i == last else nothing]) for i, column in enumerate(columns)]
    return Ladder.of_columns(hierarchy.name, hierarchy.levels, columns)


def prefix_ladder(name: str, length: int, values: pl.Series) -> Ladder:
    """Return the ladder with two levels, the value and its first ``length`` characters, for ``cut``."""
    leaves = leaves_of(values)
    if leaves.is_empty():
        raise HierarchyError(f"The hierarchy '{name}' has no values or no levels.")
    return Ladder.of_columns(name, ("value", str(length)), [leaves, leaves.str.slice(0, length)])


def identity_ladder(name: str, values: pl.Series) -> Ladder:
    """Return the ladder of a column that leaves as it is."""
    return Ladder.identity(name, leaves_of(values))


def pair_leaves(codes: pl.Series, companions: pl.Series) -> pl.Series:
    """Return the leaves of the rule ``school``: code, ``@``, division; null where either is missing."""
    return (codes.cast(pl.String) + PAIR + companions.cast(pl.String)).rename(codes.name)


def _table(hierarchy: Hierarchy, present: pl.Series) -> tuple[list[pl.Series], int]:
    """Return the columns of a table, all its leaves in its order, and how many values it does not hold."""
    if hierarchy.table is None:
        raise HierarchyError(f"The hierarchy '{hierarchy.name}' has no table.")
    leaves = pl.Series(list(hierarchy.table), dtype=pl.String)
    above = [
        pl.Series([chain[level] for chain in hierarchy.table.values()], dtype=pl.String)
        for level in range(len(hierarchy.levels) - 1)
    ]
    unknown = len(present) - int(present.is_in(leaves.implode()).sum())
    return [leaves, *above], unknown


def _computed(hierarchy: Hierarchy, divisions: Divisions, present: pl.Series) -> tuple[list[pl.Series], pl.Series]:
    """Return the levels between value and top, null where a leaf does not fit, and whether each leaf fits."""
    levels = hierarchy.levels[1:-1]
    if hierarchy.rule == "prefix":
        return [present.str.slice(0, int(level)) for level in levels], present.is_not_null()
    offered = _offered(hierarchy, divisions, present)
    unknown = [level for level in levels if level not in offered]
    if unknown:
        raise HierarchyError(
            f"The hierarchy '{hierarchy.name}' has the levels {', '.join(unknown)}; "
            f"its rule knows {', '.join(offered)}."
        )
    return [offered[level] for level in levels], next(iter(offered.values())).is_not_null()


def _offered(hierarchy: Hierarchy, divisions: Divisions, present: pl.Series) -> Columns:
    if hierarchy.rule == "division":
        return _division(present, divisions, hierarchy.levels[0])
    if hierarchy.rule == "date":
        return _date(present)
    if hierarchy.rule == "school_date":
        return school_date_labels(present, hierarchy)
    return _school(present, divisions)


def _division(codes: pl.Series, divisions: Divisions, finest: str) -> Columns:
    """Return township, county, city and province of codes of 6, 9 or 12 digits (GB/T 2260, GB/T 10114).

    Trailing zeros in groups of three say nothing: ``140105000`` is the county. A county that was abolished since goes
    up by its digits.
    """
    fits = codes.str.contains(rf"^[0-9]{{{_COUNTY}}}{_FINEST.get(finest, '')}$")
    found = codes.zip_with(fits, pl.repeat(None, len(codes), dtype=pl.String, eager=True))
    county = found.str.slice(0, _COUNTY)
    distinct = county.unique().drop_nulls()
    chains = [_above(code, divisions) for code in distinct.to_list()]
    city, province = (pl.Series([chain[place] for chain in chains], dtype=pl.String) for place in (0, 1))
    return {
        "township": found.str.slice(0, _COUNTY + 3).str.replace("^([0-9]{6})000$", "${1}"),
        "county": county,
        "city": county.replace_strict(distinct, city, return_dtype=pl.String),
        "province": county.replace_strict(distinct, province, return_dtype=pl.String),
    }


def _above(code: str, divisions: Divisions) -> tuple[str, str]:
    """Return city and province of a six-digit code; by its digits when it was abolished since (GB/T 2260)."""
    above: Mapping[str, str] = {divisions.by_code[other].level: other for other in divisions.ancestors(code)}
    province = above.get("province", code[:2] + "0000")
    city = above.get("city", province if code.endswith("0000") else code[:4] + "00")
    return city, province


def _school(pairs: pl.Series, divisions: Divisions) -> Columns:
    """Return the levels of pairs ``code@division``: the code alone says category and province, not the county."""
    found = pairs.str.extract_groups(r"^([0-9]{2})[0-9]{8}@([0-9]{6})$").struct.unnest()
    category, county = found.to_series(0), found.to_series(1)
    above = _division(county, divisions, "county")
    return {"type in county": category + PAIR + county, **above}


def _date(leaves: pl.Series) -> Columns:
    """Return the calendar levels of ISO dates, or of months ``YYYY-MM``, by the name of the level."""
    year, month = date_parts(leaves)
    first = year - year % BAND_YEARS
    digits = leaves.str.slice(0, 4)
    fits = year.is_not_null()
    nothing = pl.repeat(None, len(leaves), dtype=pl.String, eager=True)
    labels = {
        "day": leaves,
        "month": leaves.str.slice(0, 7),
        "quarter": digits + "-Q" + ((month + 2) // 3).cast(pl.String),
        "year": digits,
        "3 years": first.cast(pl.String).str.zfill(4) + "-" + (first + BAND_YEARS - 1).cast(pl.String).str.zfill(4),
    }
    return {level: label.zip_with(fits, nothing) for level, label in labels.items()}
