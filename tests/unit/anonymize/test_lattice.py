"""Keys of classes: equal exactly where the columns are, also beyond 64 bits."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gateway.anonymize import lattice
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import Table, Views, combine, dense, densify, renumber, roll_up
from gateway.anonymize.models import SensitiveDemand


def test_a_key_beyond_64_bits_still_tells_rows_apart() -> None:
    rng = np.random.default_rng(3)
    size = 2**31
    columns = [rng.choice(np.array([0, 1, size - 1]), 400) for _ in range(6)]
    classes, count = densify(*combine(columns, [size] * 6, 400))
    expected = {row: i for i, row in enumerate(sorted(set(zip(*(c.tolist() for c in columns), strict=True))))}
    assert count == len(expected)
    assert len(set(zip(classes.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True))) == count
    assert int(classes.max()) == count - 1


def test_renumbering_keeps_apart_and_together_also_where_buckets_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lattice, "_DENSE", 0)
    monkeypatch.setattr(lattice, "_LEAST_BITS", 3)
    monkeypatch.setattr(lattice, "_MOST_BITS", 3)
    rng = np.random.default_rng(5)
    key = rng.integers(0, 2**60, 200)[rng.integers(0, 200, 2_000)]
    found, bound = renumber(key, 2**61)
    assert int(found.max()) < bound
    assert len(set(zip(key.tolist(), found.tolist(), strict=True))) == np.unique(key).size == np.unique(found).size


@pytest.mark.parametrize("different", [1, 50, 900, 4_000])
def test_values_are_numbered_in_their_order_also_where_buckets_collide(
    different: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lattice, "_BLOCK", 300)
    monkeypatch.setattr(lattice, "_NEAR_BITS", 10)
    rng = np.random.default_rng(7)
    values = rng.integers(0, 2**64, different, dtype=np.uint64)[rng.integers(0, different, 4_000)]
    expected, inverse = np.unique(values, return_inverse=True)
    found, count = dense(values)
    assert count == expected.size
    assert found.tolist() == inverse.tolist()
    assert dense(values[:0])[1] == 0


LADDERS = {
    name: Ladder.of(name, ("0", "1", "2"), {str(i): (str(i // 3), "*") for i in range(9)})
    for name in ("a", "b", "c", "d")
}


def table(rows: int = 300) -> Table:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({name: pl.Series(rng.integers(0, 9, rows)).cast(pl.String) for name in LADDERS})
    frame = frame.with_columns(s=pl.Series(rng.integers(0, 3, rows)), n=pl.Series(rng.integers(1, 4, rows)))
    return Table.of(frame, LADDERS, (SensitiveDemand("s"),))


@pytest.mark.parametrize("node", [(0, 0, 0, 0), (1, 0, 2, 1), (2, 2, 2, 1), (2, 2, 2, 2)])
@pytest.mark.parametrize("large", [False, True])
def test_classes_are_equal_labels_and_share_their_bucket(
    node: tuple[int, ...], large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(lattice, "_LARGE", 10)
    seen = Views(table())
    for _ in range(2):  # the second time from what was kept
        classes, bound = seen.classes(node)
        labels = list(zip(*(seen.codes(q, level).tolist() for q, level in enumerate(node)), strict=True))
        assert int(classes.max()) < bound
        assert len(set(zip(labels, classes.tolist(), strict=True))) == len(set(labels)) == np.unique(classes).size
        buckets = seen.buckets(node)
        assert len(set(zip(classes.tolist(), buckets.tolist(), strict=True))) == len(set(labels))


def test_a_roll_up_keeps_rows_and_classes_from_there_upwards() -> None:
    seen = Views(table())
    rolled = roll_up(seen, *seen.classes((1, 1, 2, 1)), worth=1.0)
    assert rolled is not None
    assert rolled.total == seen.table.total
    assert len(rolled) < len(seen.table)
    above = Views(rolled)
    for node in ((1, 1, 2, 1), (2, 1, 2, 1), (2, 2, 2, 2)):
        sizes = [
            sorted(np.bincount(densify(*view.classes(node))[0], weights=view.table.rows).tolist())
            for view in (seen, above)
        ]
        assert sizes[0] == sizes[1]
    assert roll_up(seen, *seen.classes((0, 0, 0, 0)), worth=0.1) is None


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int16, pl.UInt32, pl.UInt64, pl.Float64])
def test_counts_of_any_whole_number_type_are_taken(kind: type[pl.DataType]) -> None:
    frame = pl.DataFrame({"a": ["1", "2"], "n": pl.Series([3, 4]).cast(kind)})
    assert Table.of(frame, {"a": LADDERS["a"]}).rows.tolist() == [3, 4]


@pytest.mark.parametrize(
    "counts", [[0, 1], [-1, 1], [None, 1], [1.5, 1.0], [float("nan"), 1.0], ["1", "2"], [2**64 - 1, 1]]
)
def test_counts_that_count_nothing_are_refused(counts: list[object]) -> None:
    frame = pl.DataFrame({"a": ["1", "2"], "n": pl.Series(counts, strict=False)})
    with pytest.raises(SearchError, match="whole number") as caught:
        Table.of(frame, {"a": LADDERS["a"]})
    assert "整数" in caught.value.detail_zh
