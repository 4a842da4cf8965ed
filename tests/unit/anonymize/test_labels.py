"""Labels are looked up once for each different value, and dates are found by their day."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from gateway.anonymize.backends.labels import KnownLabels

_DAYS = [date(2015, 3, 2), date(2014, 12, 31), date(2015, 3, 2), None, date(2020, 2, 29)]


@pytest.mark.parametrize(
    "batches",
    [
        [_DAYS[:2], _DAYS[2:], [date(1999, 1, 1)], [None], [], [date(2031, 1, 1), *_DAYS]],
        [[None, None], _DAYS],
        [[date(1, 1, 1), date(9999, 12, 31)], _DAYS],
        [["a", "b"], ["b", None, "c"], [], ["a"]],
        [[1, 2], [2, 3, None]],
    ],
)
def test_labels_are_those_of_the_values_and_each_is_looked_up_once(batches: list[list[Any]]) -> None:
    asked: list[str | None] = []

    def look_up(fresh: pl.Series) -> pl.Series:
        asked.extend(fresh.to_list())
        return pl.Series([f"<{value}>" for value in fresh.to_list()], dtype=pl.String)

    labels = KnownLabels()
    kind = pl.Series([value for batch in batches for value in batch if value is not None]).dtype
    for batch in batches:
        values = pl.Series("q", batch, dtype=kind)
        assert labels.of(values, look_up).to_list() == [f"<{value}>" for value in values.cast(pl.String).to_list()]
    assert len(asked) == len(set(asked))
