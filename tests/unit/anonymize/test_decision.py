"""A decision's answers for batch after batch: exact look-ups, stable digests, and what is left without some rows."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import polars as pl
import pytest

from gateway.anonymize.decision import Decision, decide
from gateway.anonymize.errors import SearchError, TransformError, UnknownLeafError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lookup import NOWHERE, Lookup
from gateway.anonymize.models import Models, Presence, SensitiveDemand

AGES = Ladder.of("age", ("year", "decade", "*"), {str(year): (f"{year // 10}0s", "*") for year in range(10, 40)})
SEX = Ladder.of("sex", ("value", "*"), {"f": ("*",), "m": ("*",), None: ("*",)})
LADDERS = {"age": AGES, "sex": SEX}
ROWS = pl.DataFrame(
    {
        "age": ["11", "12", "12", "25", "25", "26", "31"],
        "sex": ["f", "f", "f", "m", "m", None, "m"],
        "s": ["x", "x", "y", "x", "y", "y", "x"],
        "n": [2, 1, 1, 3, 2, 1, 1],
    }
)
WAYS: list[Literal["global", "local"]] = ["global", "local"]


def made(k: int = 2, limit: float = 0.2, recoding: Literal["global", "local"] = "global") -> Decision:
    return decide(ROWS, LADDERS, Models(k), limit, measured=["s"], recoding=recoding)


def by_hand(**labels: str | None) -> int:
    text = "".join(
        f"{len(name)}:{name}=" + ("-" if label is None else f"{len(label.encode())}:{label}")
        for name, label in labels.items()
    )
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


@pytest.mark.parametrize("way", WAYS)
def test_the_digest_of_a_class_hangs_on_its_labels_alone(way: Literal["global", "local"]) -> None:
    decision = made(recoding=way)
    labels = decision.released(ROWS).rows(named=True)
    for digest, row in zip(decision.classes(ROWS).to_list(), labels, strict=True):
        assert digest is None or digest == by_hand(**row)
    assert decision.classes(ROWS).dtype == pl.Int64


def test_no_label_looks_like_no_value() -> None:
    ladder = Ladder.of("a", ("value",), {None: (), "-": (), "": (), "null": ()})
    rows = pl.DataFrame({"a": [None, "-", "", "null"], "b": ["1:", "", "1:", "x"], "n": [2, 2, 2, 2]})
    both = {"a": ladder, "b": Ladder.identity("b", ["1:", "", "x"])}
    decision = decide(rows, both, Models(2), 0.0)
    assert decision.classes(rows).n_unique() == 4
    assert decision.released(rows).equals(rows.select("a", "b"))


@pytest.mark.parametrize("way", WAYS)
def test_batches_say_what_the_whole_says(way: Literal["global", "local"]) -> None:
    decision = made(recoding=way)
    parts = [decision.classes(part) for part in ROWS.iter_slices(3)]
    assert pl.concat(parts).equals(decision.classes(ROWS))
    keep, labels = decision.judge(ROWS)
    assert keep.to_list() == decision.classes(ROWS).is_not_null().to_list()
    assert labels.equals(decision.released(ROWS).filter(keep))
    assert decision.classes(ROWS.clear()).len() == decision.released(ROWS.clear()).height == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_was_not_measured_has_no_class(way: Literal["global", "local"]) -> None:
    decision = made(1, 0.0, way)
    assert decision.choice.loss == 0.0
    with pytest.raises(TransformError, match="not measured"):
        decision.classes(pl.DataFrame({"age": ["11"], "sex": ["m"]}))
    with pytest.raises(UnknownLeafError):
        decision.released(pl.DataFrame({"age": ["99"], "sex": ["m"]}))


def test_rows_that_may_not_leave_show_nothing() -> None:
    decision = made(3, 0.3)
    keep, _ = decision.judge(ROWS)
    hidden = decision.released(ROWS).filter(~keep)
    assert hidden.height
    assert hidden.null_count().row(0) == (hidden.height, hidden.height)


@pytest.mark.parametrize("way", WAYS)
def test_without_nothing_nothing_changes(way: Literal["global", "local"]) -> None:
    decision = made(recoding=way)
    same = decision.without(ROWS.clear())
    assert same.after == decision.after
    assert same.choice.loss == pytest.approx(decision.choice.loss, abs=1e-12)
    assert same.classes(ROWS).equals(decision.classes(ROWS))


def test_a_class_that_falls_below_k_is_withheld_whole() -> None:
    decision = decide(ROWS, LADDERS, Models(4), 0.2, fixed={"age": 1, "sex": 1}, measured=["s"])
    assert decision.after.rows == 10
    left = decision.without(pl.DataFrame({"age": ["12"], "sex": ["f"], "s": ["y"], "n": [1]}))
    assert left.after.rows == 6
    assert left.choice.suppressed == 5
    assert left.classes(ROWS).is_null().to_list() == [True, True, True, False, False, False, True]
    assert not left.choice.optimal
    # the rows that may not leave anyway can be withheld once more
    assert left.without(pl.DataFrame({"age": ["31"], "sex": ["m"], "s": ["x"], "n": [1]})).after == left.after
    # and step by step is the same as at once
    both = pl.DataFrame({"age": ["12", "25"], "sex": ["f", "m"], "s": ["y", "x"], "n": [1, 2]})
    assert decision.without(both).after == left.without(both.tail(1)).after


def test_withheld_rows_count_for_the_sensitive_values_of_their_class() -> None:
    models = Models(2, (SensitiveDemand("s", distinct_l=2),))
    decision = decide(ROWS, LADDERS, models, 0.2, fixed={"age": 1, "sex": 1})
    assert decision.after.sensitive[0].distinct_l == 2
    left = decision.without(pl.DataFrame({"age": ["12"], "sex": ["f"], "s": ["y"], "n": [1]}))
    assert left.classes(ROWS).head(3).null_count() == 3  # three rows are left in the class, all of value x


def test_more_rows_than_there_are_cannot_be_withheld() -> None:
    decision = made()
    for sensitive, count in (("x", 3), ("z", 1)):
        removed = pl.DataFrame({"age": ["11"], "sex": ["f"], "s": [sensitive], "n": [count]})
        with pytest.raises(TransformError, match="More rows"):
            decision.without(removed)


def test_presence_counts_the_people_behind_each_class() -> None:
    crowd = pl.concat([ROWS.select("age", "sex", "n"), pl.DataFrame({"age": ["13"], "sex": ["f"], "n": [9]})])
    models = Models(2, presence=Presence(0.0, 0.7))
    decision = decide(ROWS, LADDERS, models, 0.7, population=(crowd, LADDERS))
    assert decision.population is not None
    share = decision.after.rows / decision.after.population
    assert 0 < share <= 0.7
    with pytest.raises(SearchError, match="global"):
        decide(ROWS, LADDERS, models, 0.7, population=(crowd, LADDERS), recoding="local")


def test_a_key_of_many_columns_is_exact() -> None:
    # 20 columns of 300 labels are 165 bits: the look-up learns the beginnings that occur
    rng = np.random.default_rng(3)
    ladders = {f"c{q}": Ladder.identity(f"c{q}", [str(i) for i in range(300)]) for q in range(20)}
    codes = [rng.integers(0, 300, 2_000) for _ in ladders]
    for q in range(5, 20):
        codes[q][:1_000] = codes[q][0]  # long endings in common
    lookup = Lookup.of(ladders, [0] * 20, codes)
    assert lookup.find(codes).tolist() == list(range(2_000))
    other = [column.copy() for column in codes]
    for row in range(2_000):
        other[row % 20][row] = (other[row % 20][row] + 1) % 300
    assert set(lookup.find(other).tolist()) == {NOWHERE}
