"""The search against brute force: on random tables, ladders and models it always finds the same optimum."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.anonymize import search as search_module
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models, SensitiveDemand
from gateway.anonymize.search import search

Row = tuple[str, ...]


@st.composite
def ladders(draw: st.DrawFn, name: str) -> Ladder:
    """A random tree: each level merges labels of the one below; sometimes with the top, sometimes without."""
    count = draw(st.integers(1, 6))
    chains: list[list[str]] = [[f"{name}{i}"] for i in range(count)]
    height = draw(st.integers(1, 4))
    for level in range(1, height):
        labels = sorted({chain[-1] for chain in chains})
        merged = {label: f"{level}:{draw(st.integers(0, max(0, len(labels) // 2)))}" for label in labels}
        for chain in chains:
            chain.append(merged[chain[-1]])
    if draw(st.booleans()):
        for chain in chains:
            chain.append("*")
    return Ladder.of(name, [f"l{i}" for i in range(len(chains[0]))], {chain[0]: chain[1:] for chain in chains})


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Row], dict[str, Ladder], Models, float]:
    columns = [f"q{i}" for i in range(draw(st.integers(1, 3)))]
    found = {column: draw(ladders(column)) for column in columns}
    row = st.tuples(
        *(st.sampled_from([str(leaf) for leaf in found[c].leaves]) for c in columns), st.sampled_from("xyz")
    )
    rows = draw(st.lists(row, min_size=1, max_size=30))
    demand = SensitiveDemand(
        "s",
        draw(st.none() | st.integers(1, 3)),
        draw(st.none() | st.sampled_from([1.0, 1.5, 2.0])),
        draw(st.none() | st.sampled_from([0.0, 0.2, 0.5])),
    )
    sensitive = (demand,) if draw(st.booleans()) else ()
    return rows, found, Models(draw(st.integers(1, 5)), sensitive), draw(st.sampled_from([0.0, 0.1, 0.34, 1.0]))


def meets(classes: list[Row], rows: list[Row], models: Models) -> bool:
    if len(classes) < models.k:
        return False
    whole = Counter(row[-1] for row in rows)
    own = Counter(row[-1] for row in classes)
    for demand in models.sensitive:
        shares = [n / len(classes) for n in own.values()]
        if demand.distinct_l is not None and len(own) < demand.distinct_l:
            return False
        if demand.entropy_l is not None and -sum(p * math.log(p) for p in shares) < math.log(demand.entropy_l) - 1e-9:
            return False
        distance = sum(abs(own[v] / len(classes) - n / len(rows)) for v, n in whole.items()) / 2
        if demand.t is not None and distance > demand.t + 1e-9:
            return False
    return True


def brute_force(
    rows: list[Row], found: dict[str, Ladder], models: Models, limit: float
) -> tuple[float, int, int, tuple[int, ...]] | None:
    """Every node, row by row, with the formula of the loss as it is written down."""
    best = None
    chains = [[ladder.labels(level).to_list() for level in range(ladder.height)] for ladder in found.values()]
    position = [{leaf: i for i, leaf in enumerate(ladder.leaves)} for ladder in found.values()]
    for node in product(*(range(ladder.height) for ladder in found.values())):
        classes = defaultdict(list)
        for row in rows:
            classes[tuple(chains[q][level][position[q][row[q]]] for q, level in enumerate(node))].append(row)
        kept = {key: members for key, members in classes.items() if meets(members, rows, models)}
        suppressed = len(rows) - sum(map(len, kept.values()))
        if suppressed > math.floor(limit * len(rows) + 1e-9):
            continue
        losses = []
        for q, level in enumerate(node):
            leaves = len(chains[q][0])
            count = Counter(chains[q][level])
            share = sum(len(m) * count[key[q]] / leaves for key, m in kept.items()) + suppressed
            losses.append(max(0.0, (share / len(rows) - 1 / leaves) / (1 - 1 / leaves)) if leaves > 1 else 0.0)
        rank = (round(sum(losses) / len(losses), 9), suppressed, sum(node), node)
        best = rank if best is None or rank < best else best
    return best


@pytest.mark.parametrize("walk", ["array", "heap"])
@settings(max_examples=400, deadline=None)
@given(case=cases())
def test_search_finds_the_optimum_of_brute_force(
    walk: str, case: tuple[list[Row], dict[str, Ladder], Models, float]
) -> None:
    rows, found, models, limit = case
    columns = [*found, "s"]
    tuples = pl.DataFrame(rows, schema=columns, orient="row").group_by(columns).agg(n=pl.len())
    expected = brute_force(rows, found, models, limit)
    with pytest.MonkeyPatch.context() as patch:
        if walk == "heap":
            patch.setattr(search_module, "EXACT_NODES", 0)
        if expected is None:
            with pytest.raises(SearchError):
                search(tuples, found, models, limit)
            return
        choice = search(tuples, found, models, limit)
    assert (round(choice.loss, 9), choice.suppressed, sum(choice.levels), choice.levels) == expected
    assert choice.optimal
    assert choice.gap == 0
    assert choice.checks <= choice.nodes + sum(ladder.height for ladder in found.values())


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_the_choice(
    case: tuple[list[Row], dict[str, Ladder], Models, float], seed: object
) -> None:
    rows, found, models, limit = case
    columns = [*found, "s"]
    shuffled = list(rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    def run(given_rows: list[Row]) -> object:
        frame = pl.DataFrame(given_rows, schema=columns, orient="row").with_columns(n=pl.lit(1))
        try:
            choice = search(frame, found, models, limit)
        except SearchError:
            return None
        return choice.levels, choice.suppressed, round(choice.loss, 12)

    assert run(rows) == run(shuffled)


def tower(name: str) -> Ladder:
    """Four leaves, two pairs, the top: merging can spoil a class that was good."""
    return Ladder.of(name, ("0", "1", "2"), {str(i): (str(i // 2), "*") for i in range(4)})


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.sampled_from("0123")] * 2, st.sampled_from("xy")), min_size=6, max_size=16),
    k=st.integers(2, 3),
    limit=st.sampled_from([0.2, 0.34, 0.5]),
)
def test_a_coarser_failure_by_entropy_rules_out_nothing_finer(rows: list[Row], k: int, limit: float) -> None:
    found = {"q0": tower("q0"), "q1": tower("q1")}
    models = Models(k, (SensitiveDemand("s", entropy_l=2.0),))
    expected = brute_force(rows, found, models, limit)
    tuples = pl.DataFrame(rows, schema=["q0", "q1", "s"], orient="row").with_columns(n=pl.lit(1))
    try:
        choice = search(tuples, found, models, limit)
    except SearchError:
        assert expected is None
        return
    assert (round(choice.loss, 9), choice.suppressed, sum(choice.levels), choice.levels) == expected
