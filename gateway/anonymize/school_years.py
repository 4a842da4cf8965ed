"""Dates by school years: quarters, semesters, cohorts, bands and stages that nest, for birth dates and months of entry.

A school year runs from 1 September to 31 August and is named by the year in which it begins. A pupil enters the
first grade in the school year that follows the sixth birthday (A16-3), so that the children born in one school year
are one cohort; bands of years and stages are bands of cohorts. Calendar quarters and years would cross them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rulebook.records import Hierarchy

FIRST_MONTH = 9
BIRTH_TO_ENTRY = 7
"""School years from the one of birth to the one of entry: born by 31 August, six years old on 1 September."""
BEFORE, AFTER = "before primary", "after senior"
_STAGES = ("primary", "junior", "senior")
_CHUNK = 3
_MONTHS = 12
_DATE = r"^[0-9]{4}-(?:0[1-9]|1[0-2])(?:-[0-9]{2})?$"
_LAST_SEMESTER_MONTH = 1  # the first semester ends with the winter holidays


def date_parts(leaves: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return year and month of texts ``YYYY-MM-DD`` and ``YYYY-MM``; null for anything else, 30 February too."""
    shaped = leaves.str.contains(_DATE)
    whole = leaves.zip_with(leaves.str.len_chars() > len("YYYY-MM"), leaves + "-01").str.to_date(
        "%Y-%m-%d", strict=False
    )
    whole = whole.zip_with(shaped, pl.repeat(None, len(leaves), dtype=pl.Date, eager=True))
    return whole.dt.year().cast(pl.Int64), whole.dt.month().cast(pl.Int64)


def school_date_labels(leaves: pl.Series, hierarchy: Hierarchy) -> Mapping[str, pl.Series]:
    """Return the labels of ``leaves`` by the name of the level; null where a leaf is no date.

    Periods are written ``YYYY-MM/YYYY-MM``, first and last month; stages as the column ``stage`` has them, with
    ``before primary`` and ``after senior`` beyond them. ``3 years`` are the bands of the stages where the hierarchy has
    stages (their widths are its ``bands``), else three school years that end with its ``school_year``.
    """
    year, month = date_parts(leaves)
    since = (month - FIRST_MONTH) % _MONTHS  # months since September
    begin = year - (month < FIRST_MONTH).cast(pl.Int64)
    first = since // 3 * 3
    labels = {
        "day": leaves,
        "month": leaves.str.slice(0, 7),
        "quarter": _month(begin, first) + "/" + _month(begin, first + 2),
        "semester": _four(begin) + "-" + _four(begin + 1) + _semester(since),
        "school year": _mapped(begin, lambda year: _period(year, year)),
    }
    if hierarchy.school_year is not None:
        now = hierarchy.school_year
        if hierarchy.bands:
            labels["3 years"] = _mapped(begin, lambda year: _band(year, now, hierarchy.bands))
            labels["stage"] = _mapped(begin, lambda year: _stage(_grade(year, now), hierarchy.bands))
        else:
            labels["3 years"] = _mapped(begin, lambda year: _chunk(year, now))
    return {
        level: label.zip_with(year.is_not_null(), pl.repeat(None, len(leaves), dtype=pl.String, eager=True))
        for level, label in labels.items()
    }


def _four(year: pl.Series) -> pl.Series:
    return year.cast(pl.String).str.zfill(4)


def _month(begin: pl.Series, since: pl.Series) -> pl.Series:
    """Return ``YYYY-MM`` of the month that is ``since`` months after September of ``begin``."""
    number = since + FIRST_MONTH
    return (
        _four(begin + (number > _MONTHS).cast(pl.Int64))
        + "-"
        + ((number - 1) % _MONTHS + 1).cast(pl.String).str.zfill(2)
    )


def _semester(since: pl.Series) -> pl.Series:
    first = since <= (_LAST_SEMESTER_MONTH - FIRST_MONTH) % _MONTHS
    return pl.repeat("-1", len(since), eager=True).zip_with(first, pl.repeat("-2", len(since), eager=True))


def _mapped(years: pl.Series, label: Callable[[int], str]) -> pl.Series:
    """Return ``label`` of each year; every different year is asked once."""
    distinct = years.unique().drop_nulls()
    labels = pl.Series([label(year) for year in distinct.to_list()], dtype=pl.String)
    return years.replace_strict(distinct, labels, return_dtype=pl.String)


def _period(first: int, last: int) -> str:
    return f"{first:04}-09/{last + 1:04}-08"


def _chunk(year: int, now: int) -> str:
    last = now - (now - year) // _CHUNK * _CHUNK
    return _period(last - _CHUNK + 1, last)


def _grade(year: int, now: int) -> int:
    """Return which grade, counted from 1, those born in school year ``year`` attend in ``now``; below 1: not yet."""
    return now - (year + BIRTH_TO_ENTRY) + 1


def _band(year: int, now: int, bands: tuple[tuple[int, ...], ...]) -> str:
    """Return the school years of birth that share a band with ``year``."""
    grade = _grade(year, now)
    low, high = _around(grade, [width for stage in bands for width in stage])
    return _period(year - (high - grade), year + (grade - low))


def _around(grade: int, widths: list[int]) -> tuple[int, int]:
    """Return the first and last grade of the band of ``grade``; before and after the stages, bands of three."""
    if grade < 1:
        high = -(-grade // _CHUNK) * _CHUNK
        return high - _CHUNK + 1, high
    low = 1
    for width in widths:
        if grade < low + width:
            return low, low + width - 1
        low += width
    low += (grade - low) // _CHUNK * _CHUNK
    return low, low + _CHUNK - 1


def _stage(grade: int, bands: tuple[tuple[int, ...], ...]) -> str:
    if grade < 1:
        return BEFORE
    last = 0
    for name, widths in zip(_STAGES, bands, strict=True):
        last += sum(widths)
        if grade <= last:
            return name
    return AFTER
