"""Computed ladders for any column: bands of numbers, leading characters of text. Columns in, columns out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from gateway.anonymize.errors import HierarchyError, UnknownLeafError
from gateway.anonymize.ladders import TOP, Ladder

VALUE = "value"
_WHOLE = r"^[+-]?[0-9]{1,15}$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_EXACT = 1e15
"""Above it a double no longer tells neighbouring whole numbers apart, so that a band would be a guess."""


def leaves_of(values: pl.Series) -> pl.Series:
    """Return the different ``values`` as text, in order, a missing one last."""
    return values.cast(pl.String).unique().sort(nulls_last=True).rename("")


def unknown_leaf(column: str, hierarchy: str, count: int) -> UnknownLeafError:
    """Return the error for ``count`` different values that do not fit: column and number, never the values (I7)."""
    return UnknownLeafError(
        f"The column '{column}' holds {count} different values that the hierarchy '{hierarchy}' "
        "does not know; add them to its file or correct the records.",
        detail_zh=f"列 {column} 有 {count} 个不同的值不在概化层级 {hierarchy} 中，请补充层级文件或更正记录。",
        extra={"column": column, "hierarchy": hierarchy, "count": count},
    )


def topped(leaves: pl.Series) -> pl.Series:
    """Return the last level: the top for every leaf, a missing one too."""
    return pl.repeat(TOP, len(leaves), dtype=pl.String, eager=True)


def interval_ladder(name: str, values: pl.Series, widths: Sequence[float | Decimal], *, origin: float = 0) -> Ladder:
    """Return the ladder of numbers: value, bands of ``widths``, the top.

    ``widths`` are above 0 and rise, each a whole multiple of the one before, so that bands nest; every band begins
    at ``origin`` plus a multiple of its width, its end belongs to the next. Whole numbers and widths give labels like
    ``10-14`` (``-5..-1`` where there are negative ones), others ``[10, 12.5)``. A missing value stays missing below the
    top.

    Raises ``HierarchyError`` for other widths, ``UnknownLeafError`` with the number of values that are no finite
    number of at most fifteen digits before the point.
    """
    steps = _multiples(name, widths)
    leaves = leaves_of(values)
    present = leaves.drop_nulls()
    numbers = present.str.strip_chars().filter(present.str.strip_chars().str.contains(_NUMBER))
    parsed = numbers.cast(pl.Float64, strict=False)
    bad = len(present) - int((parsed.abs() < _EXACT).sum())
    if bad:
        raise unknown_leaf(values.name, name, bad)
    width = float(widths[0])
    whole = bool(present.str.strip_chars().str.contains(_WHOLE).all()) and all(
        float(number).is_integer() for number in (*widths, origin)
    )
    position = leaves.str.strip_chars().cast(pl.Float64)
    band = ((position - origin) / width).floor().cast(pl.Int64)
    columns = [leaves]
    factor = 1
    for step in steps:
        factor *= step
        columns.append(_band_labels(band // factor, width * factor, origin, whole=whole))
    return Ladder.of_columns(name, (VALUE, *(f"{float(width):g}" for width in widths), TOP), [*columns, topped(leaves)])


def _multiples(name: str, widths: Sequence[float | Decimal]) -> list[int]:
    """Return how many times each width holds the one before, 1 for the first."""
    found = [1]
    if not widths or not all(0 < float(width) < _EXACT for width in widths):
        raise HierarchyError(
            f"The bands of '{name}' need widths above 0; name at least one.",
            detail_zh=f"层级 {name} 的区间宽度应大于 0，至少给出一个。",
        )
    for below, above in itertools.pairwise(widths):
        times = float(above) / float(below)
        if times < 2 - 1e-9 or abs(times - round(times)) > 1e-9 * times:
            raise HierarchyError(
                f"The bands of '{name}' do not nest: {above} is no multiple of {below}; "
                "make each width a multiple of the one before, from 2 times.",
                detail_zh=f"层级 {name} 的区间不能嵌套：{above} 不是 {below} 的整数倍。",
            )
        found.append(round(times))
    return found


def _band_labels(band: pl.Series, width: float, origin: float, *, whole: bool) -> pl.Series:
    """Return the label of each band number; bands of width 1 over whole numbers are the numbers themselves."""
    distinct = band.unique().drop_nulls()
    first = distinct.cast(pl.Float64) * width + origin
    if whole:
        low = first.round(0).cast(pl.Int64)
        between = "-" if (low >= 0).all() else ".."
        labels = low.cast(pl.String)
        labels = labels if width == 1 else labels + between + (low + int(width) - 1).cast(pl.String)
    else:
        numbers = zip(first.to_list(), (first + width).to_list(), strict=True)
        labels = pl.Series([f"[{low:.12g}, {high:.12g})" for low, high in numbers], dtype=pl.String)
    return band.replace_strict(distinct, labels, return_dtype=pl.String)


def prefixes_ladder(name: str, values: pl.Series, lengths: Sequence[int]) -> Ladder:
    """Return the ladder of text: value, its first ``lengths`` characters (falling), the top.

    A value shorter than a length stands for itself there. Raises ``HierarchyError`` when ``lengths`` do not fall.
    """
    if any(length < 1 for length in lengths) or list(lengths) != sorted(set(lengths), reverse=True):
        raise HierarchyError(
            f"The lengths of '{name}' must be at least 1 and fall, like 10, 4, 2.",
            detail_zh=f"层级 {name} 的截取长度应至少为 1 且递减。",
        )
    leaves = leaves_of(values)
    columns = [leaves, *(leaves.str.slice(0, length) for length in lengths), topped(leaves)]
    return Ladder.of_columns(name, (VALUE, *(str(length) for length in lengths), TOP), columns)
