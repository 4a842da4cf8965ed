"""Tables after the noise: consistent, none negative, and nothing hidden follows from what is shown."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize.cells import Axis, Counts, Mask, Table
from gateway.anonymize.consistency import consistent, layers, least_squares, measured
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.suppression import derivable, shown

LEAST, SENSITIVE = 10, 20


@st.composite
def axes(draw: st.DrawFn, name: str) -> Axis:
    size = draw(st.integers(1, 4))
    groups = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    chains: dict[str | None, Any] = {f"{name}{place}": (f"{name}-{group}", "*") for place, group in enumerate(groups)}
    return Axis.of(name, Ladder.of(name, ("value", "group", "*"), chains), 0, sensitive=draw(st.booleans()))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    return Table(tuple(draw(axes(name)) for name in "abc"[: draw(st.integers(0, 3))]))


@st.composite
def filled(draw: st.DrawFn) -> tuple[Table, Counts]:
    table = draw(tables())
    values = draw(st.lists(st.sampled_from([0, 3, 5, 9, 10, 15, 30, 200]), min_size=table.cells, max_size=table.cells))
    return table, np.array(values, dtype=np.int64).reshape(table.shape)


def _margins(table: Table) -> list[list[int]]:
    """Return for every label of the full table which cells it holds: by the axes' codes, not by the code under test."""
    cells = list(np.ndindex(*table.shape))
    rows = []
    for place in np.ndindex(*table.full_shape):
        wanted = [axis.every[at] for axis, at in zip(table.axes, place, strict=True)]
        row = []
        for cell in cells:
            inside = True
            for axis, at, (level, label) in zip(table.axes, cell, wanted, strict=True):
                depth = axis.levels.index(level)
                inside &= axis.labels[depth][int(axis.codes[depth][at])] == label
            row.append(int(inside))
        rows.append(row)
    return rows


def _span(rows: list[list[int]]) -> list[tuple[int, list[Fraction]]]:
    """Return an echelon basis of the rows, exact."""
    basis: list[tuple[int, list[Fraction]]] = []
    for row in rows:
        rest = _reduced([Fraction(one) for one in row], basis)
        pivot = next((place for place, one in enumerate(rest) if one), None)
        if pivot is not None:
            basis.append((pivot, [one / rest[pivot] for one in rest]))
    return basis


def _reduced(row: list[Fraction], basis: list[tuple[int, list[Fraction]]]) -> list[Fraction]:
    for pivot, known in basis:
        if row[pivot]:
            factor = row[pivot]
            row = [one - factor * other for one, other in zip(row, known, strict=True)]
    return row


@pytest.mark.rule("A50-8")
@settings(max_examples=120, deadline=None)
@given(filled())
def test_no_hidden_label_is_a_sum_or_difference_of_shown_ones(case: tuple[Table, Counts]) -> None:
    """By exact linear algebra over all that is shown: a hidden label is in no case their combination."""
    table, cells = case
    visible = shown(table, cells, least=LEAST, least_sensitive=SENSITIVE)
    rows = _margins(table)
    flat = visible.ravel()
    basis = _span([row for row, seen in zip(rows, flat, strict=True) if seen])
    for row, seen in zip(rows, flat, strict=True):
        if not seen:
            assert any(_reduced([Fraction(one) for one in row], basis))


@pytest.mark.rule("A50-8")
@settings(max_examples=120, deadline=None)
@given(filled())
def test_no_small_count_is_shown_and_what_is_left_of_a_shown_total_is_not_small(case: tuple[Table, Counts]) -> None:
    table, cells = case
    visible = shown(table, cells, least=LEAST, least_sensitive=SENSITIVE)
    values = table.expand(cells)
    limits = table.thresholds(LEAST, SENSITIVE)
    assert (values[visible] >= limits[visible]).all()
    for place, axis in enumerate(table.axes):
        seen: Mask = np.moveaxis(visible, place, 0)
        amount, least = np.moveaxis(values, place, 0), np.moveaxis(limits, place, 0)
        for top, below in axis.lines:
            hidden = ~seen[below]
            left = np.where(hidden, amount[below], 0).sum(axis=0)
            some = hidden.any(axis=0) & seen[top]
            assert (left[some] >= least[below].max(axis=0)[some]).all()
            assert (hidden.sum(axis=0)[some] >= 2).all()


@settings(max_examples=60, deadline=None)
@given(filled())
def test_the_witness_agrees_with_exact_linear_algebra(case: tuple[Table, Counts]) -> None:
    """What the fast check takes for safe is safe, for any pattern at all, also a careless one."""
    table, cells = case
    visible = table.expand(cells) >= LEAST  # without secondary suppression
    rows = _margins(table)
    flat = visible.ravel()
    basis = _span([row for row, seen in zip(rows, flat, strict=True) if seen])
    follows = np.array(
        [
            not seen and not any(_reduced([Fraction(one) for one in row], basis))
            for row, seen in zip(rows, flat, strict=True)
        ]
    )
    assert not (follows & ~derivable(table, visible).ravel()).any()


@settings(max_examples=60, deadline=None)
@given(filled())
def test_margins_are_the_sums_of_their_cells(case: tuple[Table, Counts]) -> None:
    table, cells = case
    expected = np.array(_margins(table)) @ cells.ravel()
    assert np.array_equal(table.expand(cells).ravel(), expected)


@pytest.mark.rule("A50-8")
@settings(max_examples=100, deadline=None)
@given(filled(), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_a_noisy_table_becomes_consistent(case: tuple[Table, Counts], unit: int, seed: int) -> None:
    """Whole multiples of the unit, none negative; every margin the sum of its cells; the total near its own noise."""
    table, cells = case
    tree = layers(table)
    generator = np.random.default_rng(seed)
    noisy = [
        np.bincount(one.groups, weights=cells.ravel(), minlength=one.size).astype(np.int64)
        + generator.integers(-20, 21, one.size)
        for one in tree
    ]
    found = consistent(tree, noisy, [1.0 + place for place in range(len(tree))], unit=unit)
    assert found.shape == (table.cells,)
    assert (found >= 0).all()
    assert (found % unit == 0).all()
    fitted = least_squares(
        [one.astype(float) for one in noisy],
        [1.0 + place for place in range(len(tree))],
        [_parents(upper.groups, lower.groups, lower.size) for upper, lower in itertools.pairwise(tree)],
    )
    assert abs(found.sum() - max(fitted[0][0], 0)) <= unit / 2 + 1e-6


def _parents(upper: Counts, lower: Counts, size: int) -> Counts:
    found = np.zeros(size, dtype=np.int64)
    found[lower] = upper
    return found


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(0, 2**32 - 1))
def test_least_squares_is_the_weighted_optimum(table: Table, seed: int) -> None:
    """Against the normal equations over the cells, solved as one dense system."""
    tree = layers(table)
    generator = np.random.default_rng(seed)
    noisy = [generator.normal(50, 20, one.size) for one in tree]
    variances = [float(generator.uniform(0.5, 5)) for _ in tree]
    parents = [_parents(upper.groups, lower.groups, lower.size) for upper, lower in itertools.pairwise(tree)]
    found = least_squares(noisy, variances, parents)
    rows, wanted = [], []
    for layer, values, variance in zip(tree, noisy, variances, strict=True):
        matrix = np.zeros((layer.size, table.cells))
        matrix[layer.groups, np.arange(table.cells)] = 1
        rows.append(matrix / np.sqrt(variance))
        wanted.append(values / np.sqrt(variance))
    best = np.linalg.lstsq(np.vstack(rows), np.concatenate(wanted), rcond=None)[0]
    assert np.allclose(found[-1], best, atol=1e-6)
    for layer, values in zip(tree, found, strict=True):
        assert np.allclose(values, np.bincount(layer.groups, weights=found[-1], minlength=layer.size), atol=1e-6)


def test_a_large_table_measures_few_margins_and_hides_in_no_time() -> None:
    chains: dict[str | None, Any] = {f"c{place}": (f"t{place // 11}", "*") for place in range(119)}
    county = Axis.of("county", Ladder.of("county", ("county", "city", "*"), chains), 0)
    grade = Axis.of("grade", Ladder.of("g", ("grade", "*"), {f"g{place}": ("*",) for place in range(12)}), 0)
    sex = Axis.of("sex", Ladder.of("s", ("value", "*"), {"1": ("*",), "2": ("*",)}), 0)
    table = Table((sex, county, grade))
    assert [layer.size for layer in measured(table)] == [1, 11, 2856]
    generator = np.random.default_rng(7)
    cells = generator.poisson(30 * generator.lognormal(0, 1, table.shape))
    visible = shown(table, cells, least=LEAST, least_sensitive=SENSITIVE)
    assert visible.any()
    assert not derivable(table, visible).any()


def test_all_is_hidden_where_everything_is_small() -> None:
    chains: dict[str | None, Any] = {"a": ("*",), "b": ("*",)}
    table = Table((Axis.of("x", Ladder.of("x", ("value", "*"), chains), 0),))
    assert not shown(table, np.array([4, 5]), least=LEAST, least_sensitive=SENSITIVE).any()
    assert shown(table, np.array([40, 50]), least=LEAST, least_sensitive=SENSITIVE).all()


def test_a_part_that_is_the_whole_of_its_total_is_not_shown() -> None:
    """100 % and 0 %: all boarders of a county do board, so neither the share nor its complement is told."""
    chains: dict[str | None, Any] = {"true": ("*",), "false": ("*",)}
    boarding = Axis.of("boarding", Ladder.of("b", ("value", "*"), chains), 0)
    county = Axis.of("county", Ladder.of("c", ("value", "*"), {"A": ("*",), "B": ("*",), "C": ("*",)}), 0)
    table = Table((county, boarding))
    visible = shown(table, np.array([[60, 0], [50, 70], [80, 90]]), least=LEAST, least_sensitive=SENSITIVE)
    assert not visible[0, 0]
    assert not visible[0, 1]


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(filled())
def test_no_hidden_label_follows_in_many_tables(case: tuple[Table, Counts]) -> None:
    table, cells = case
    visible = shown(table, cells, least=LEAST, least_sensitive=SENSITIVE)
    rows = _margins(table)
    basis = _span([row for row, seen in zip(rows, visible.ravel(), strict=True) if seen])
    for row, seen in zip(rows, visible.ravel(), strict=True):
        assert seen or any(_reduced([Fraction(one) for one in row], basis))
