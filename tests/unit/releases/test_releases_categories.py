"""Text columns that travel as categories: the same rows come out, in every format, whatever was spilled."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import cast

import polars as pl
import pyarrow.parquet as pq
import pytest

from gateway.anonymize.leakscan import scan
from gateway.policies.records import Format
from gateway.releases import shuffle as shuffle_module
from gateway.releases.lookahead import ahead
from gateway.releases.shuffle import Shuffle
from gateway.releases.writers import read_back, writer


def rows(start: int, count: int) -> pl.DataFrame:
    """Return rows with a text column of few values, one of many, one with nulls, and a flag."""
    numbers = range(start, start + count)
    return pl.DataFrame(
        {
            "ref": [f"{n:032x}" for n in numbers],
            "school": [f"第{n % 7}小学" for n in numbers],
            "note": [None if n % 3 else f"n{n % 5}" for n in numbers],
            "flag": [n % 2 == 0 for n in numbers],
        }
    )


def shuffled(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return what a shuffle gives back."""
    with Shuffle() as shuffle:
        for frame in frames:
            shuffle.add(frame)
        return list(shuffle.frames())


def texts(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Return all rows in order of ``ref``, categories as text."""
    return pl.concat(frame.with_columns(pl.col(pl.Categorical).cast(pl.String)) for frame in frames).sort("ref")


@pytest.mark.parametrize("held", [0, 100_000, 1 << 30])
def test_the_same_rows_come_back_with_their_values(monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(shuffle_module, "_SMALL", held)
    given = [rows(start, 1000) for start in range(0, 9000, 1000)]
    back = shuffled(given)
    assert texts(back).equals(pl.concat(given))
    assert isinstance(back[0].schema["school"], pl.Categorical)
    assert back[0].schema["ref"] == pl.String


@pytest.mark.parametrize("held", [0, 1 << 30])
def test_a_column_that_turns_out_to_have_many_values_is_text_again(monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    monkeypatch.setattr(shuffle_module, "_SMALL", held)
    monkeypatch.setattr(shuffle_module, "_MOST_CATEGORIES", 50)
    given = [rows(0, 1000)]
    for start in (1000, 2000, 3000):
        given.append(rows(start, 1000).with_columns(school=pl.col("ref")))
    back = shuffled(given)
    assert texts(back).equals(pl.concat(given))
    # what came after the limit must not have entered the dictionary
    assert any(frame.schema["school"] == pl.String for frame in back)


@pytest.mark.parametrize("kind", list(Format))
def test_every_format_writes_categories_as_their_text(kind: Format) -> None:
    frames = shuffled([rows(0, 1000)])
    if kind is not Format.PARQUET:
        frames.append(texts([rows(1000, 500)]))
    sink = io.BytesIO()
    out = writer(kind, sink, frames[0].schema)
    for frame in frames:
        out.write(frame)
    out.close()
    sink.seek(0)
    back = texts(list(read_back(kind, cast("io.RawIOBase", sink))))
    assert back.select("ref", "school", "note").equals(texts(frames).select("ref", "school", "note"))


def test_a_category_that_looks_like_a_formula_is_harmless_in_csv() -> None:
    frame = pl.DataFrame({"school": ["=1+1"] * 10}).cast(pl.Categorical(pl.Categories.random()))
    sink = io.BytesIO()
    writer(Format.CSV, sink, frame.schema).write(frame)
    assert b"'=1+1" in sink.getvalue()


def test_parquet_takes_text_after_categories_and_says_text_alone() -> None:
    first, later = shuffled([rows(0, 1000)])[0], rows(1000, 500)
    sink = io.BytesIO()
    out = writer(Format.PARQUET, sink, later.schema)
    out.write(first)
    out.write(later)
    out.close()
    assert texts(list(read_back(Format.PARQUET, cast("io.RawIOBase", sink)))).equals(texts([first, later]))
    assert {str(field.type) for field in pq.read_schema(sink)} == {"string", "bool"}


def test_an_identifier_in_a_category_is_found_in_the_written_file() -> None:
    leaking = rows(0, 1000).with_columns(school=pl.lit("张三 13812345678"))
    sink = io.BytesIO()
    out = writer(Format.PARQUET, sink, leaking.schema)
    for frame in shuffled([leaking]):
        out.write(frame)
    out.close()
    (back,) = read_back(Format.PARQUET, cast("io.RawIOBase", sink))
    assert isinstance(back.schema["school"], pl.Categorical)
    assert [finding.kind for finding in scan(back).findings] == ["phone"]


def test_what_is_read_ahead_comes_in_order_and_an_error_in_its_place() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        yield 0
        raise OSError("gone")

    with ahead(numbers()) as found:
        assert (next(found), next(found)) == (1, 0)
        with pytest.raises(OSError, match="gone"):
            next(found)


def test_who_leaves_early_has_nobody_reading_on_behind_the_block() -> None:
    made = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with ahead(numbers()) as found:
        next(found)
        running = threading.active_count()
    assert made == [0, 1]
    assert threading.active_count() == running - 1


def test_a_dictionary_in_the_file_holds_only_values_of_its_rows() -> None:
    dtype = pl.Categorical(pl.Categories.random())
    everything = pl.Series("school", ["kept", None, "of-another-extract"]).cast(dtype)
    sink = io.BytesIO()
    out = writer(Format.PARQUET, sink, everything.head(2).to_frame().schema)
    out.write(everything.head(2).to_frame())
    out.write(everything.slice(1, 1).to_frame())
    out.close()
    assert everything.len() == 3
    assert b"of-another-extract" not in sink.getvalue()
    back = texts_of(list(read_back(Format.PARQUET, cast("io.RawIOBase", sink))))
    assert back == ["kept", None, None]


def texts_of(frames: list[pl.DataFrame]) -> list[str | None]:
    """Return the values of the only column."""
    return [value for frame in frames for value in frame.to_series().cast(pl.String).to_list()]
