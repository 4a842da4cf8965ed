"""Local recoding: small cases whose answer can be seen, refusals, and the figure on Adult."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bench.anonymize_search import adult
from gateway.anonymize.classes import Wording
from gateway.anonymize.decision import decide
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models, Presence, SensitiveDemand
from gateway.anonymize.plan import Plan
from gateway.anonymize.recoding import recode
from gateway.anonymize.tallies import WIDEST
from gateway.anonymize.transform import Transformer
from tests.factories.judge import verdict
from tests.unit.anonymize.plans import ANONYMOUS_FIELDS, DIVISIONS, HIERARCHIES, RULEBOOK, names, profile
from tests.unit.anonymize.pupils import pupils

AGES = Ladder.of("age", ("year", "decade", "*"), {str(year): (f"{year // 10}0s", "*") for year in range(10, 50)})
CITIES = Ladder.of(
    "city",
    ("county", "city", "*"),
    {code: (code[:2], "*") for code in ("aa1", "aa2", "ab1", "ab2", "bb1", "bb2")},
)
LADDERS = {"age": AGES, "city": CITIES}


def table(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"age": pl.String, "city": pl.String, "n": pl.Int64}, orient="row")


def some(count: int, seed: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "age": [str(10 + int(40 * x)) for x in rng.beta(2, 5, count)],
            "city": [CITIES.leaves[int(i)] for i in rng.integers(0, 6, count)],
            "s": [str(int(i)) for i in rng.integers(0, 5, count)],
        }
    )
    return frame.group_by("age", "city", "s", maintain_order=True).agg(n=pl.len().cast(pl.Int64))


def test_every_class_stands_as_low_as_its_rows_allow() -> None:
    # two crowds that need nothing, and a pair that must meet on the decade: global levels would take all of them there
    rows = table(("21", "aa1", 4), ("35", "bb1", 3), ("42", "ab1", 1), ("44", "ab1", 1))
    found = recode(rows, LADDERS, Models(2), 0.0)
    assert [(part.levels, part.rows, part.tuples.tolist()) for part in found.parts] == [
        ((0, 0), 7, [0, 1]),
        ((1, 0), 2, [2, 3]),
    ]
    assert found.rows_by_level == {"age": {0: 7, 1: 2}, "city": {0: 9}}
    decade = (10 / 40 - 1 / 40) / (1 - 1 / 40)
    assert found.loss == pytest.approx(2 / 9 * decade / 2)
    assert (found.suppressed, found.rows) == (0, 9)
    assert found.loss < found.start.loss


def test_a_stranger_joins_the_class_where_that_costs_least() -> None:
    rows = table(("21", "aa1", 2), ("22", "aa2", 2), ("29", "bb2", 1))
    found = recode(rows, LADDERS, Models(2), 0.0)
    assert found.suppressed == 0
    assert sorted(part.rows for part in found.parts) == [2, 3]


def test_rows_may_stay_behind_where_the_limit_allows_and_nothing_takes_them_in() -> None:
    fixed = {"age": Ladder.identity("age", [str(year) for year in range(10, 50)]), "city": CITIES}
    rows = table(("21", "aa1", 3), ("22", "aa1", 1), ("21", "aa2", 1), ("21", "bb1", 2))
    found = recode(rows, fixed, Models(2), 0.2)
    assert found.suppressed == 1  # nobody else is 22, and ages leave as they are
    kept = np.concatenate([part.tuples for part in found.parts])
    assert sorted(kept.tolist()) == [0, 2, 3]
    with pytest.raises(SearchError):
        recode(rows, fixed, Models(2), 0.1)


def test_fixed_levels_hold_for_every_row() -> None:
    found = recode(some(300), LADDERS, Models(3), 0.05, fixed={"age": 1})
    assert set(found.rows_by_level["age"]) == {1}
    free = recode(some(300), LADDERS, Models(3), 0.05)
    assert free.loss < found.loss <= found.start.loss


def test_a_missing_value_is_a_leaf_of_its_own() -> None:
    ages = Ladder.of("age", ("year", "*"), {"20": ("*",), "21": ("*",), None: ("*",)})
    rows = pl.DataFrame({"age": [None, "20", "21"], "n": [3, 1, 1]}, schema={"age": pl.String, "n": pl.Int64})
    made = decide(rows, {"age": ages}, Models(2), 0.0, recoding="local")
    assert made.released(rows)["age"].to_list() == [None, "*", "*"]
    assert made.classes(rows).null_count() == 0


@pytest.mark.parametrize(
    "demand",
    [
        SensitiveDemand("s", distinct_l=4),
        SensitiveDemand("s", entropy_l=3.5),
        SensitiveDemand("s", recursive=(1.5, 2)),
        SensitiveDemand("s", t=0.2),
        SensitiveDemand("s", t=0.05),
        SensitiveDemand("s", alpha=0.3),
    ],
    ids=["distinct", "entropy", "recursive", "t", "strict t", "alpha"],
)
@pytest.mark.parametrize("limit", [0.0, 0.05])
def test_demands_on_sensitive_values_hold_and_pay_less_than_global_levels(
    demand: SensitiveDemand, limit: float
) -> None:
    rows = some(900)
    models = Models(4, (demand,))
    made = decide(rows, LADDERS, models, limit, recoding="local")
    plain = decide(rows, LADDERS, models, limit)
    assert made.choice.loss <= plain.choice.loss
    people = rows.select(pl.all().repeat_by("n").explode()).drop("n")
    keep, labels = made.judge(people)
    judged = verdict(labels.with_columns(people["s"].filter(keep)), ["age", "city"], ["s"])
    assert (judged.k, judged.rows) == (made.after.k, made.after.rows)
    assert judged.k >= 4
    assert judged.sensitive["s"].distinct_l == made.after.sensitive[0].distinct_l >= (demand.distinct_l or 1)
    assert made.choice.suppressed <= limit * 900
    if demand.t is not None and not made.choice.suppressed:
        assert judged.sensitive["s"].t <= demand.t + 1e-9


def test_a_column_of_very_many_sensitive_values_is_no_trouble() -> None:
    count = WIDEST + 500
    rows = pl.DataFrame(
        {
            "age": [str(10 + i % 40) for i in range(count)],
            "city": [CITIES.leaves[i % 6] for i in range(count)],
            "s": [str(i) for i in range(count)],
            "n": [1] * count,
        }
    )
    for demand in (SensitiveDemand("s", distinct_l=5), SensitiveDemand("s", t=0.9)):
        made = decide(rows, LADDERS, Models(5, (demand,)), 0.0, recoding="local")
        assert made.after.k >= 5
        assert made.choice.suppressed == 0
        assert made.choice.loss <= decide(rows, LADDERS, Models(5, (demand,)), 0.0).choice.loss


def test_one_row_all_equal_and_all_unique() -> None:
    one = recode(table(("21", "aa1", 1)), LADDERS, Models(1), 0.0)
    assert (one.loss, one.suppressed) == (0.0, 0)
    equal = recode(table(("21", "aa1", 500)), LADDERS, Models(5), 0.0)
    assert (equal.loss, len(equal.parts)) == (0.0, 1)
    unique = recode(table(*((str(year), "aa1", 1) for year in range(10, 50))), LADDERS, Models(40), 0.0)
    assert [part.levels for part in unique.parts] == [(2, 0)]


def test_what_cannot_be_asked_is_refused() -> None:
    rows = some(50)
    with pytest.raises(SearchError, match="smaller k"):
        recode(rows, LADDERS, Models(51), 0.0)
    with pytest.raises(SearchError, match="global"):
        recode(rows, LADDERS, Models(2, presence=Presence(0.1, 0.9)), 0.0)
    with pytest.raises(SearchError, match="no level"):
        recode(rows, LADDERS, Models(2), 0.0, fixed={"age": 3})


def test_it_can_be_cancelled_and_says_how_far_it_is() -> None:
    rows = some(400)
    start = recode(rows, LADDERS, Models(3), 0.0).start
    calls = 0

    def enough() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    with pytest.raises(SearchError, match="cancelled"):
        recode(rows, LADDERS, Models(3), 0.0, start=start, cancelled=enough)
    seen: list[tuple[int, int]] = []
    recode(rows, LADDERS, Models(3), 0.0, start=start, progress=lambda done, total: seen.append((done, total)))
    cells = rows.select("age", "city").n_unique()
    assert {total for _, total in seen} == {cells}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (cells, cells)


def test_a_label_of_two_levels_is_never_mistaken() -> None:
    # "1" is a value and, one level up, the group of 11 and 12: two things, so the level is said
    odd = Ladder.of(
        "x", ("value", "group", "*"), {"1": ("0", "*"), "11": ("1", "*"), "12": ("1", "*"), "13": ("0", "*")}
    )
    rows = pl.DataFrame({"x": ["1", "11", "12", "13"], "n": [5, 1, 1, 5]})
    made = decide(rows, {"x": odd}, Models(2), 0.0, recoding="local")
    assert made.released(rows)["x"].to_list() == ["1 (value)", "1 (group)", "1 (group)", "13"]
    # with global levels a label can mean one thing only, and stays as it is
    assert decide(rows.filter(pl.col("x") != "1"), {"x": odd}, Models(2), 0.0).table.keys["x"].to_list() == ["0", "1"]


def test_a_label_above_itself_reads_as_the_coarser_one() -> None:
    # a city's own code stands for the city one level up: whoever is under the finer one is under the coarser, too
    codes = Ladder.of(
        "code", ("county", "city", "*"), {"1400": ("1400", "*"), "1401": ("1400", "*"), "1500": ("1500", "*")}
    )
    used = {level: np.ones(len(rung.labels), dtype=np.bool_) for level, rung in enumerate(codes.rungs)}
    words = Wording.of(codes, used)
    assert words.labels.to_list() == ["1400", "1401", "1500", "*"]
    assert words.ids[0][0] == words.ids[1][0]


def test_classes_with_equal_labels_are_counted_as_one() -> None:
    codes = Ladder.of("code", ("county", "city"), {"1400": ("1400",), "1401": ("1400",)})
    other = Ladder.of("other", ("value", "*"), {"a": ("*",), "b": ("*",)})
    rows = pl.DataFrame({"code": ["1400", "1400", "1401"], "other": ["a", "b", "a"], "n": [3, 1, 3]})
    made = decide(rows, {"code": codes, "other": other}, Models(2), 0.0, recoding="local")
    keep, labels = made.judge(rows)
    sizes = labels.with_columns(rows["n"].filter(keep)).group_by("code", "other").agg(pl.col("n").sum())
    assert sizes["n"].min() == made.after.k
    assert sizes.height == made.after.classes


def test_a_plan_asks_for_local_recoding() -> None:
    rows = pupils(3_000)
    plan = replace(
        Plan.of(
            profile("anonymous", ANONYMOUS_FIELDS, k=10, l_diversity=2, limit=0.05), names(ANONYMOUS_FIELDS), RULEBOOK
        ),
        recoding="local",
    )
    plain = replace(plan, recoding="global")
    tuples = rows.group_by(plan.tuple_sources).agg(n=pl.len())
    local, whole = (Transformer(each, HIERARCHIES, DIVISIONS).choose(tuples) for each in (plan, plain))
    assert local.choice.loss < whole.choice.loss
    assert (local.recoding is None, whole.recoding is None) == (False, True)
    out = Transformer(plan, HIERARCHIES, DIVISIONS).apply(rows, local)
    quasi = [column.name for column in plan.quasi]
    classes = out.group_by(quasi).agg(n=pl.len(), kinds=pl.col("left_behind").n_unique())
    assert classes["n"].min() == local.after.k >= 10
    assert classes["kinds"].min() == local.after.sensitive[0].distinct_l >= 2
    assert (out.height, classes.height) == (local.after.rows, local.after.classes)
    # an outsider who knows how it works puts more people than those released into the same classes
    crowd = pl.concat([rows, pupils(3_000, seed=8)]).group_by(plan.tuple_sources).agg(n=pl.len())
    known = Transformer(plan, HIERARCHIES, DIVISIONS).choose(tuples, population=crowd)
    assert known.after.prosecutor == local.after.prosecutor
    assert known.after.journalist.average < local.after.journalist.average


def test_adult_loses_far_less_than_with_global_levels() -> None:
    folder = os.environ.get("ADULT_DATA")
    if not folder:
        pytest.skip("ADULT_DATA does not name the folder with adult.csv")
    rows, ladders = adult(Path(folder))
    tuples = rows.group_by(list(ladders)).agg(n=pl.len().cast(pl.Int64))
    made = decide(tuples, ladders, Models(5), 0.0, recoding="local")
    assert made.choice.suppressed == 0
    assert made.choice.loss < 0.0625
    assert verdict(made.released(rows), list(ladders)).k == made.after.k == 5
