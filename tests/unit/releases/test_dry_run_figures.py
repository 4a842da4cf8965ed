"""Amounts that people see: rounded, and none of few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.releases.dry_run_figures import LEAST_CELL, Amount, rounded, share


@given(st.integers(0, 50_000_000))
def test_an_amount_tells_two_digits_and_no_cell_below_ten(count: int) -> None:
    amount = rounded(count)
    if 0 < count < LEAST_CELL:
        assert amount == Amount(LEAST_CELL, fewer=True)
        return
    assert not amount.fewer
    assert amount.about % 10 == 0
    assert len(str(amount.about).rstrip("0")) <= 2
    assert abs(amount.about - count) <= max(5, count * 0.05)


@given(st.integers(1, 100), st.integers(2, 100))
def test_a_demanded_k_above_ten_is_the_least_cell(count: int, k: int) -> None:
    assert rounded(count, k).fewer == (count < k)


def test_amounts() -> None:
    assert [rounded(n).about for n in (0, 10, 14, 15, 94, 95, 104, 4310, 4350, 1_234_567)] == [
        0, 10, 10, 20, 90, 100, 100, 4300, 4400, 1_200_000,
    ]  # fmt: skip


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_a_share_tells_no_more_than_the_rounded_amounts(part: int, rest: int) -> None:
    first, whole = rounded(part), rounded(part + rest)
    found = share(first, whole)
    assert 0 <= found <= 1
    assert found == share(rounded(first.about), whole) or first.fewer
