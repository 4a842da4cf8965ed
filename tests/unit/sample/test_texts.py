"""Awards and remarks of the sample: they name people, and change nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from core_registry.sample import generate
from core_registry.sample.sentinels import SENTINEL_NAMES
from rulebook import Rulebook, load

TODAY = date(2026, 11, 23)
TEXTS = ["awards", "remarks"]


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load(Path(__file__).resolve().parents[3] / "config")


def frame(book: Rulebook, share: float, batch_rows: int = 20_000) -> pl.DataFrame:
    return pl.concat(generate(2000, 7, book, batch_rows=batch_rows, today=TODAY, texts=share).batches())


def test_texts_change_no_other_column_and_are_the_same_for_any_batch(book: Rulebook) -> None:
    bare, told = frame(book, 0.0), frame(book, 0.1)
    assert "awards" not in bare.columns
    assert told.drop(TEXTS).equals(bare)
    assert frame(book, 0.1, batch_rows=333).equals(told)


def test_a_share_of_the_pupils_has_texts_that_name_people(book: Rulebook) -> None:
    told = frame(book, 0.1)
    for column in TEXTS:
        written = told.filter(pl.col(column).is_not_null())
        assert 120 <= written.height <= 280
        assert written[column].n_unique() > 50
        assert not written[column].str.contains("[{}]").any()
    remarks = told.filter(pl.col("remarks").is_not_null())
    parents = remarks.filter(pl.col("remarks").str.contains(pl.col("member1_name"), literal=True))
    assert parents.height > 20
    assert told.filter(pl.col("name").is_in(list(SENTINEL_NAMES)))[TEXTS].null_count().sum_horizontal().item() == 10


def test_a_share_that_is_none_is_refused(book: Rulebook) -> None:
    with pytest.raises(ValueError, match="share"):
        generate(100, 1, book, today=TODAY, texts=1.5)
