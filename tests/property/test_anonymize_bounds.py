"""What a look at one node claims about others: never more rows to remove than must go, never a bound above a value."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize import trial as trial_module
from gateway.anonymize.bounds import least_removed
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.lattice import Table
from gateway.anonymize.models import Grouped, Models, Presence, SensitiveDemand, failing
from gateway.anonymize.objectives import ObjectiveName, objective_of
from gateway.anonymize.search import search
from gateway.anonymize.trial import Trial

TREE = Ladder.of("s", ("0", "1", "2"), {"w": ("a", "*"), "x": ("a", "*"), "y": ("b", "*"), "z": ("b", "*")})
DEMANDS = [
    SensitiveDemand("s", distinct_l=2),
    SensitiveDemand("s", entropy_l=1.6),
    SensitiveDemand("s", entropy_l=2.5),
    SensitiveDemand("s", t=0.1),
    SensitiveDemand("s", t=0.3),
    SensitiveDemand("s", t=0.15, t_tree=TREE),
    SensitiveDemand("s", recursive=(1.0, 2)),
    SensitiveDemand("s", recursive=(2.0, 3)),
    SensitiveDemand("s", alpha=0.4),
    SensitiveDemand("s", alpha=0.6, t=0.4),
]


def grouped(counts: tuple[int, ...]) -> Grouped:
    return Grouped(np.zeros(4, dtype=np.int64), 1, np.array(counts), (np.arange(4),))


@settings(max_examples=400, deadline=None)
@given(
    counts=st.tuples(*[st.integers(0, 5)] * 4).filter(any),
    whole=st.tuples(*[st.integers(1, 6)] * 4),
    demand=st.sampled_from(DEMANDS),
    k=st.integers(1, 5),
)
def test_no_more_is_said_to_go_than_must(
    counts: tuple[int, ...], whole: tuple[int, ...], demand: SensitiveDemand, k: int
) -> None:
    models = Models(k, (demand,))
    reference = (np.array(whole) / sum(whole),)
    own = grouped(counts)
    failed = failing(models, own, reference)
    removed = least_removed(models, own, reference, failed)
    if not failed[0]:
        assert removed[0] == 0
        return
    kept = 0
    for part in product(*(range(count + 1) for count in counts)):
        if sum(part) > kept and not failing(models, grouped(part), reference)[0]:
            kept = sum(part)
    assert 0 < removed[0] <= sum(counts) - kept


def test_what_is_said_to_go_is_near_the_truth() -> None:
    # eight of w and one of each other; at most 40 % of one value: two of w may stay with the three others
    models = Models(1, (SensitiveDemand("s", alpha=0.4),))
    own, reference = grouped((8, 1, 1, 1)), (np.full(4, 0.25),)
    assert least_removed(models, own, reference, np.array([True])).tolist() == [6.0]
    # no distribution over one value is within 0.5 of four equal ones
    own = grouped((9, 0, 0, 0))
    models = Models(1, (SensitiveDemand("s", t=0.5),))
    assert least_removed(models, own, reference, np.array([True])).tolist() == [9.0]
    # what could stay would be fewer than k
    own = grouped((8, 1, 1, 1))
    models = Models(6, (SensitiveDemand("s", alpha=0.4),))
    assert least_removed(models, own, reference, np.array([True])).tolist() == [11.0]


def test_presence_says_what_must_go_above_the_high_bound_and_one_row_below_the_low_one() -> None:
    own = Grouped(np.array([0, 1]), 2, np.array([8, 2]), (), np.array([10, 40]))
    models = Models(1, presence=Presence(0.1, 0.5))
    failed = failing(models, own, ())
    assert failed.tolist() == [True, True]
    assert least_removed(models, own, (), failed).tolist() == [3.0, 1.0]


def ladder(name: str) -> Ladder:
    return Ladder.of(
        name, ("0", "1", "2"), {str(i): (str(i // 2), "*" if name == "q0" else str(i // 4)) for i in range(6)}
    )


@pytest.mark.parametrize("objective", ["loss", "entropy", "discernibility"])
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.sampled_from("012345")] * 2, st.sampled_from("wxyz")), min_size=4, max_size=24),
    demand=st.sampled_from(DEMANDS),
    k=st.integers(1, 4),
    node=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    limit=st.sampled_from([0.3, 0.6, 0.9]),
)
def test_no_bound_is_above_a_value(
    objective: ObjectiveName,
    rows: list[tuple[str, str, str]],
    demand: SensitiveDemand,
    k: int,
    node: tuple[int, int],
    limit: float,
) -> None:
    ladders = {"q0": ladder("q0"), "q1": ladder("q1")}
    models = Models(min(k, len(rows)), (demand,))
    tuples = pl.DataFrame(rows, schema=["q0", "q1", "s"], orient="row").with_columns(n=pl.lit(1))
    table = Table.of(tuples, ladders, models.sensitive)
    trial = Trial(table, models, math.floor(limit * table.total + 1e-9), objective_of(objective, table, models.k))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_module, "_WORTH_RAISING", 0.0)
        look = trial.look(node)
    for levels in product(range(3), range(3)):
        try:
            fixed = dict(zip(ladders, levels, strict=True))
            value = search(tuples, ladders, models, limit, fixed=fixed, objective=objective).value
        except SearchError:
            continue
        slack = 1e-9 * max(1.0, value)
        assert trial.objective.bound(levels) <= value + slack
        finer = all(low <= high for low, high in zip(levels, node, strict=True))
        coarser = all(low >= high for low, high in zip(levels, node, strict=True))
        assert not (finer and look.ruled_out)
        if finer and look.surcharge is not None:
            more = sum(part[level] for part, level in zip(look.surcharge, levels, strict=True))
            assert trial.objective.bound(levels) + more <= value + slack
        if coarser:
            assert look.above <= value + slack
