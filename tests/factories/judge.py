"""An independent judge of k, l and t: pycanon, which shares no code with the engine.

``verdict`` says what a released table reached, ``confirm`` compares that with what was demanded and with what the
report claims. Everything is handed over as text: pycanon takes numbers for an ordered scale, and drops nulls.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pytest
from pycanon import anonymity  # type: ignore[import-untyped]  # it has no types

_NULL = "·null"
_CLOSE = 1e-9


@dataclass(frozen=True)
class Spread:
    """What the worst class holds of one sensitive column."""

    distinct_l: int
    entropy_l: float
    """Rounded down to a whole number, as pycanon gives it."""
    t: float
    """Equal distance to the rows that were released, not to the whole table (trap: suppressed rows are missing)."""


@dataclass(frozen=True)
class Verdict:
    """What a released table reached."""

    rows: int
    k: int
    sensitive: Mapping[str, Spread]


def verdict(released: pl.DataFrame, quasi: Sequence[str], sensitive: Sequence[str] = ()) -> Verdict:
    """Return what pycanon measures on ``released``; ``k`` is 0 without rows.
    Without ``quasi`` all rows are one class.

    The positional index that pycanon needs is 0 … n-1: the frame is handed over afresh.
    """
    if released.is_empty():
        return Verdict(0, 0, {})
    frame = _as_text(released, [*quasi, *sensitive]).with_columns(pl.lit("one").alias("·all")).to_pandas()
    names = [*quasi] or ["·all"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spreads = {
            column: Spread(
                int(anonymity.l_diversity(frame, names, [column])),
                float(anonymity.entropy_l_diversity(frame, names, [column])),
                float(anonymity.t_closeness(frame, names, [column])),
            )
            for column in sensitive
        }
        return Verdict(released.height, int(anonymity.k_anonymity(frame, names)), spreads)


def confirm(
    released: pl.DataFrame,
    quasi: Sequence[str],
    sensitive: Sequence[str] = (),
    *,
    k: int,
    distinct_l: int = 1,
    entropy_l: float = 1.0,
    t: float | None = None,
    whole: pl.DataFrame | None = None,
) -> Verdict:
    """Assert that ``released`` meets what was demanded, by pycanon alone; return what it reached.

    The engine holds t against the whole table, pycanon against the rows it sees. With ``whole``, the table before
    suppression with the sensitive columns as they leave, the bound is widened by exactly the distance between the two
    references (triangle inequality); without it nothing may have been suppressed.
    """
    found = verdict(released, quasi, sensitive)
    if not found.rows:
        return found
    assert found.k >= k, f"pycanon finds k = {found.k}, demanded {k}"
    for column, spread in found.sensitive.items():
        assert spread.distinct_l >= distinct_l, f"{column}: pycanon finds l = {spread.distinct_l}"
        assert spread.entropy_l >= int(entropy_l + _CLOSE), f"{column}: pycanon finds entropy l = {spread.entropy_l}"
        if t is not None:
            shift = 0.0 if whole is None else distance(whole[column], released[column])
            assert spread.t <= t + shift + _CLOSE, f"{column}: pycanon finds t = {spread.t}, shift {shift}"
    return found


def agree(found: Verdict, after: Mapping[str, object], whole: pl.DataFrame | None, released: pl.DataFrame) -> None:
    """Assert that a report's ``after`` (as JSON) says what pycanon found of the same rows."""
    assert (after["rows"], after["k"]) == (found.rows, found.k)
    reached = after["sensitive"]
    assert isinstance(reached, list)
    for one in reached:
        spread = found.sensitive[one["column"]]
        assert one["distinct_l"] == spread.distinct_l
        assert int(one["entropy_l"] + _CLOSE) == int(spread.entropy_l + _CLOSE)
        shift = 0.0 if whole is None else distance(whole[one["column"]], released[one["column"]])
        assert one["t"] == pytest.approx(spread.t, abs=shift + _CLOSE)


def distance(left: pl.Series, right: pl.Series) -> float:
    """Return the equal distance between the distributions of two columns: half the sum of the differences."""
    left_shares, right_shares = _shares(left), _shares(right)
    values = {*left_shares, *right_shares}
    return 0.5 * sum(abs(left_shares.get(value, 0.0) - right_shares.get(value, 0.0)) for value in values)


def _shares(column: pl.Series) -> dict[str, float]:
    counts = column.cast(pl.String).fill_null(_NULL).value_counts(normalize=True)
    return {str(value): float(share) for value, share in counts.iter_rows()}


def _as_text(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return frame.select(pl.col(name).cast(pl.String).fill_null(_NULL).alias(name) for name in dict.fromkeys(columns))
