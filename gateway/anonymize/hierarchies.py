"""From the rule book's hierarchies to ladders: division, date, prefix and table rules over the values of a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.ladders import TOP, Ladder
from rulebook.records import Divisions, Hierarchy

Chain = tuple[str | None, ...]
BAND_YEARS = 3
_DATE = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?")
_DIVISION = re.compile(r"[0-9]{6}")
_MONTHS_OF_QUARTER = 3


def ladder_of(hierarchy: Hierarchy, divisions: Divisions, values: pl.Series) -> Ladder:
    """Return the ladder of ``hierarchy`` for a column with these ``values`` (any type, repeated or not).

    A table's leaves are all of the table (information loss counts them, notes 4); a computed rule's leaves are the
    values present. A missing value is a leaf of its own that only the top hides. Labels of divisions are
    codes of GB/T 2260, so that the column keeps one form on all levels.

    Raises ``UnknownLeafError`` when a value does not fit the rule or is not in the table, ``HierarchyError``
    when the result is no tree.
    """
    leaves = values.cast(pl.String).unique().sort(nulls_last=True).to_list()
    present = [leaf for leaf in leaves if leaf is not None]
    height = len(hierarchy.levels)
    if hierarchy.rule == "table":
        if hierarchy.table is None:
            raise HierarchyError(f"The hierarchy '{hierarchy.name}' has no table.")
        chains: dict[str | None, Sequence[str | None]] = dict(hierarchy.table.items())
        unknown = sum(leaf not in hierarchy.table for leaf in present)
    else:
        chain = _rule(hierarchy, divisions)
        computed = {leaf: chain(leaf) for leaf in present}
        unknown = sum(found is None for found in computed.values())
        chains = {leaf: found for leaf, found in computed.items() if found is not None}
    if unknown:
        raise UnknownLeafError(
            f"The column '{values.name}' holds {unknown} different values that the hierarchy '{hierarchy.name}' "
            "does not know; add them to its file or correct the records.",
            detail_zh=f"列 {values.name} 有 {unknown} 个不同的值不在概化层级 {hierarchy.name} 中，"
            "请补充层级文件或更正记录。",
            extra={"column": values.name, "hierarchy": hierarchy.name, "count": unknown},
        )
    if len(present) < len(leaves) or not chains:
        chains[None] = (*[None] * (height - 2), TOP) if height > 1 else ()
    return Ladder.of(hierarchy.name, hierarchy.levels, chains)


def prefix_ladder(name: str, length: int, values: pl.Series) -> Ladder:
    """Return the ladder with two levels, the value and its first ``length`` characters, for ``cut``."""
    leaves = values.cast(pl.String).unique().sort(nulls_last=True).to_list()
    return Ladder.of(
        name, ("value", str(length)), {leaf: (None if leaf is None else leaf[:length],) for leaf in leaves}
    )


def identity_ladder(name: str, values: pl.Series) -> Ladder:
    """Return the ladder of a column that leaves as it is."""
    return Ladder.identity(name, values.cast(pl.String).unique().sort(nulls_last=True).to_list())


def _rule(hierarchy: Hierarchy, divisions: Divisions) -> Callable[[str], Chain | None]:
    """Return the function from a leaf to its labels above, ``None`` for a leaf that does not fit."""
    if hierarchy.rule == "division":
        return lambda leaf: _division_chain(leaf, divisions)
    if hierarchy.rule == "date":
        return _pick(_date_labels, hierarchy)
    lengths = [int(level) for level in hierarchy.levels[1:-1]]
    return lambda leaf: (*(leaf[:length] for length in lengths), TOP)


def _division_chain(code: str, divisions: Divisions) -> Chain | None:
    """Return city, province and top of a six-digit code; by its digits when it was abolished since (GB/T 2260)."""
    if not _DIVISION.fullmatch(code):
        return None
    above: Mapping[str, str] = {divisions.by_code[other].level: other for other in divisions.ancestors(code)}
    province = above.get("province", code[:2] + "0000")
    city = above.get("city", province if code.endswith("0000") else code[:4] + "00")
    return (city, province, TOP)


def _date_labels(leaf: str) -> Mapping[str, str] | None:
    """Return the labels of an ISO date, or of a month ``YYYY-MM``, by the name of the level."""
    match = _DATE.fullmatch(leaf)
    if match is None:
        return None
    year, month = int(match[1]), int(match[2])
    first = year - year % BAND_YEARS
    return {
        "day": leaf,
        "month": leaf[:7],
        "quarter": f"{match[1]}-Q{(month - 1) // _MONTHS_OF_QUARTER + 1}",
        "year": match[1],
        "3 years": f"{first:04}-{first + BAND_YEARS - 1:04}",
        TOP: TOP,
    }


def _pick(labels: Callable[[str], Mapping[str, str] | None], hierarchy: Hierarchy) -> Callable[[str], Chain | None]:
    """Return the function that takes the levels of ``hierarchy`` above the leaf out of ``labels``."""
    above = hierarchy.levels[1:]
    offered = labels("2000-01-01") or {}
    unknown = [level for level in above if level not in offered]
    if unknown:
        raise HierarchyError(
            f"The hierarchy '{hierarchy.name}' has the levels {', '.join(unknown)}; a date knows {', '.join(offered)}."
        )

    def chain(leaf: str) -> Chain | None:
        found = labels(leaf)
        return None if found is None else tuple(found[level] for level in above)

    return chain
