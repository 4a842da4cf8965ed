"""Any table is a tree or is refused; a ladder says of every value what a look at the table says."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.errors import HierarchyError
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.ladder_files import ladder_from_csv
from gateway.anonymize.ladder_rules import interval_ladder
from gateway.anonymize.ladders import Ladder
from rulebook.records import Divisions, Hierarchy

LABELS = st.sampled_from(["x", "y", "z", "w"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Return lines of a hierarchy file: different values, one to three levels above, often no tree."""
    height = draw(st.integers(1, 3))
    values = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True))
    return [[value, *(draw(LABELS) for _ in range(height))] for value in values]


def is_tree(lines: list[list[str]]) -> bool:
    """Look at every pair of lines: the same label on a level must have the same label above."""
    return all(
        one[level + 1] == other[level + 1]
        for level in range(1, len(lines[0]) - 1)
        for one in lines
        for other in lines
        if one[level] == other[level]
    )


@settings(max_examples=150, deadline=None)
@given(tables())
def test_a_table_is_a_tree_or_refused(lines: list[list[str]]) -> None:
    text = "\n".join(";".join(line) for line in lines)
    names = [str(level) for level in range(len(lines[0]))]
    chains: dict[str | None, list[str | None]] = {line[0]: [*line[1:]] for line in lines}
    for from_file in (True, False):
        try:
            ladder = ladder_from_csv(text, "h") if from_file else Ladder.of("h", names, chains)
        except HierarchyError:
            assert not is_tree(lines)
            continue
        assert is_tree(lines)
        for level, rung in enumerate(ladder.rungs):
            column = [line[level] for line in lines]
            assert ladder.labels(level).to_list() == column
            assert rung.shares[rung.codes].tolist() == [column.count(label) / len(lines) for label in column]


DATES = st.dates(date(1, 9, 1), date(9990, 1, 1))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(DATES, min_size=1, max_size=40),
    st.integers(2000, 2100),
    st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple), min_size=3, max_size=3).map(tuple),
)
def test_dates_nest_for_any_school_year_and_system(
    days: list[date], year: int, bands: tuple[tuple[int, ...], ...]
) -> None:
    levels = ("day", "month", "quarter", "school year", "3 years", "stage", "*")
    hierarchy = Hierarchy("d", "school_date", levels, None, school_year=year, bands=bands)
    column = pl.Series("d", days)
    ladder = ladder_of(hierarchy, Divisions({}, {}), column)  # raises where it is no tree
    for level in (2, 3, 4):  # a period holds its day
        for day, label in zip(days, ladder.generalize(column, level).to_list(), strict=True):
            first, last = label.split("/")
            assert first <= f"{day:%Y-%m}".zfill(7) <= last


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-(10**9), 10**9), min_size=1, max_size=40),
    st.sampled_from([0.1, 0.5, 1, 2.5, 7]),
    st.lists(st.integers(2, 5), max_size=3),
    st.sampled_from([0, 1, -3, 0.5]),
)
def test_bands_always_nest(numbers: list[float], width: float, steps: list[int], origin: float) -> None:
    widths = [width]
    for step in steps:
        widths.append(widths[-1] * step)
    column = pl.Series("n", [str(number) for number in numbers])
    ladder = interval_ladder("n", column, widths, origin=origin)
    assert ladder.height == len(widths) + 2
    assert set(ladder.labels(ladder.height - 1)) == {"*"}
