"""The search against brute force: on random tables, ladders, models and objectives it always finds the same optimum."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.anonymize import lattice as lattice_module
from gateway.anonymize import search as search_module
from gateway.anonymize import trial as trial_module
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models, Presence, SensitiveDemand
from gateway.anonymize.objectives import ObjectiveName
from gateway.anonymize.search import Choice, search

Row = tuple[str, ...]
Rank = tuple[float, int, int, tuple[int, ...]]
VALUES = "wxyz"
TREE = Ladder.of("s", ("0", "1", "2"), {"w": ("a", "*"), "x": ("a", "*"), "y": ("b", "*"), "z": ("b", "*")})
OBJECTIVES: tuple[ObjectiveName, ...] = ("loss", "discernibility", "entropy")
WALKS = ("array", "heap", "rolled")
NEAR = 1e-9


@dataclass(frozen=True)
class Case:
    """A table with two sensitive columns behind its quasi-identifiers, and people who are not in it."""

    rows: list[Row]
    others: list[Row]
    ladders: dict[str, Ladder]
    models: Models
    limit: float

    @property
    def columns(self) -> list[str]:
        return [*self.ladders, "s", "r"]


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
def demands(draw: st.DrawFn, column: str) -> SensitiveDemand:
    """One to three kinds of demand at once."""
    kinds = draw(st.sets(st.sampled_from(["distinct", "entropy", "t", "tree", "recursive", "alpha"]), max_size=3))
    tree = "tree" in kinds
    return SensitiveDemand(
        column,
        distinct_l=draw(st.integers(1, 3)) if "distinct" in kinds else None,
        entropy_l=draw(st.sampled_from([1.0, 1.5, 2.0, 2.6])) if "entropy" in kinds else None,
        t=draw(st.sampled_from([0.0, 0.15, 0.3, 0.5])) if tree or "t" in kinds else None,
        t_tree=TREE if tree else None,
        recursive=draw(st.sampled_from([(0.5, 2), (1.0, 1), (2.0, 2), (3.0, 3)])) if "recursive" in kinds else None,
        alpha=draw(st.sampled_from([0.34, 0.5, 0.75, 1.0])) if "alpha" in kinds else None,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    columns = [f"q{i}" for i in range(draw(st.integers(1, 3)))]
    found = {column: draw(ladders(column)) for column in columns}
    quasi = [st.sampled_from([str(leaf) for leaf in found[c].leaves]) for c in columns]
    values = st.sampled_from(VALUES[: draw(st.integers(1, 4))])
    rows = draw(st.lists(st.tuples(*quasi, values, values), min_size=1, max_size=26))
    sensitive = tuple(draw(demands(column)) for column in draw(st.sampled_from([(), ("s",), ("s",), ("s", "r")])))
    presence = None
    others: list[Row] = []
    if draw(st.integers(0, 3)) == 0:
        low, high = sorted(draw(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0])] * 2)))
        presence = Presence(low, high)
        others = draw(st.lists(st.tuples(*quasi), max_size=12))
    models = Models(draw(st.integers(1, 5)), sensitive, presence)
    return Case(rows, others, found, models, draw(st.sampled_from([0.0, 0.1, 0.34, 0.6, 1.0])))


def tree_distance(own: Counter[str], whole: Counter[str]) -> float:
    """The cost of the moves at each inner node, from the leaves upwards, as the paper on t-closeness counts it."""
    size, total = sum(own.values()), sum(whole.values())
    extra = {v: own[v] / size - whole[v] / total for v in VALUES}
    cost = 0.0
    for level in (1, 2):
        label = TREE.labels(level).to_list()
        below = dict.fromkeys(TREE.leaves) if level == 1 else dict.fromkeys(TREE.labels(1).to_list())
        parent = dict(zip(TREE.labels(level - 1).to_list(), label, strict=True))
        groups: dict[str | None, list[float]] = defaultdict(list)
        for child in below:
            leaves = [v for v, c in zip(VALUES, TREE.labels(level - 1).to_list(), strict=True) if c == child]
            groups[parent[child]].append(sum(extra[v] for v in leaves))
        for moves in groups.values():
            cost += level / 2 * min(sum(m for m in moves if m > 0), -sum(m for m in moves if m < 0))
    return cost


def meets(members: Sequence[Row], people: int, case: Case) -> bool:  # noqa: PLR0911  one return for each model
    models = case.models
    if len(members) < models.k:
        return False
    if models.presence is not None and not models.presence.low <= len(members) / people <= models.presence.high:
        return False
    for demand in models.sensitive:
        place = case.columns.index(demand.column)
        own, whole = Counter(row[place] for row in members), Counter(row[place] for row in case.rows)
        counts = sorted(own.values(), reverse=True)
        shares = [n / len(members) for n in counts]
        if demand.distinct_l is not None and len(own) < demand.distinct_l:
            return False
        if demand.entropy_l is not None and -sum(p * math.log(p) for p in shares) < math.log(demand.entropy_l) - NEAR:
            return False
        if demand.recursive is not None and not counts[0] < demand.recursive[0] * sum(
            counts[demand.recursive[1] - 1 :]
        ):
            return False
        if demand.alpha is not None and shares[0] > demand.alpha + NEAR:
            return False
        if demand.t is not None:
            distance = sum(abs(own[v] / len(members) - n / len(case.rows)) for v, n in whole.items()) / 2
            if demand.t_tree is not None:
                distance = tree_distance(own, whole)
            if distance > demand.t + NEAR:
                return False
    return True


def information(case: Case, node: tuple[int, ...], kept: dict[Row, list[Row]], gone: list[Row]) -> float:
    """Non-uniform entropy, from the definition, row by row."""
    bits = 0.0
    for q, (ladder, level) in enumerate(zip(case.ladders.values(), node, strict=True)):
        label = dict(zip(ladder.leaves, ladder.labels(level).to_list(), strict=True))
        leaves, labels = Counter(row[q] for row in case.rows), Counter(label[row[q]] for row in case.rows)
        bits += sum(math.log2(labels[label[row[q]]] / leaves[row[q]]) for row in case.rows)
        dropped = Counter(label[row[q]] for row in gone)
        bits += sum(math.log2(len(gone) / dropped[label[row[q]]]) for row in gone)
    return bits


def brute_force(case: Case, objective: str = "loss") -> Rank | None:
    """Every node, row by row, with the formulas as they are written down."""
    best: Rank | None = None
    rows, count = case.rows, len(case.rows)
    chains = [[ladder.labels(level).to_list() for level in range(ladder.height)] for ladder in case.ladders.values()]
    position = [{leaf: i for i, leaf in enumerate(ladder.leaves)} for ladder in case.ladders.values()]
    for node in product(*(range(ladder.height) for ladder in case.ladders.values())):

        def label(row: Row, node: tuple[int, ...] = node) -> Row:
            return tuple(str(chains[q][level][position[q][row[q]]]) for q, level in enumerate(node))

        classes = defaultdict(list)
        for row in rows:
            classes[label(row)].append(row)
        people = Counter(label(row) for row in (*rows, *case.others))
        kept = {key: members for key, members in classes.items() if meets(members, people[key], case)}
        if case.models.presence is not None and case.models.presence.low > 0 and set(people) - set(classes):
            continue
        gone = [row for row in rows if label(row) not in kept]
        if not kept or len(gone) > math.floor(case.limit * count + 1e-9):
            continue
        losses = []
        for q, level in enumerate(node):
            leaves = len(chains[q][0])
            below = Counter(chains[q][level])
            share = sum(len(m) * below[chains[q][level][position[q][m[0][q]]]] / leaves for m in kept.values())
            share += len(gone)
            losses.append(max(0.0, (share / count - 1 / leaves) / (1 - 1 / leaves)) if leaves > 1 else 0.0)
        value = sum(losses) / len(losses)
        if objective == "discernibility":
            value = sum(len(m) ** 2 for m in kept.values()) + len(gone) * count
        elif objective == "entropy":
            value = information(case, node, kept, gone)
        rank = (round(value, 9), len(gone), sum(node), node)
        best = rank if best is None or rank < best else best
    return best


@contextmanager
def walking(walk: str) -> Iterator[None]:
    """Take the walk for large lattices, or keep every grouping and raise every bound, whatever that costs."""
    with pytest.MonkeyPatch.context() as patch:
        if walk == "heap":
            patch.setattr(search_module, "EXACT_NODES", 0)
        if walk == "rolled":
            patch.setattr(trial_module, "_SMALL", 0)
            patch.setattr(trial_module, "_WORTH_RAISING", 0.0)
            patch.setattr(trial_module, "_WORTH_A_SNAPSHOT", 1.0)
            patch.setattr(lattice_module, "_LEAST_BITS", 2)
            patch.setattr(lattice_module, "_DENSE", 0)
        yield


def run(case: Case, rows: Sequence[Row], objective: ObjectiveName = "loss") -> Choice | None:
    tuples = pl.DataFrame(rows, schema=case.columns, orient="row").group_by(case.columns).agg(n=pl.len())
    people = [row[: len(case.ladders)] for row in (*rows, *case.others)]
    population = pl.DataFrame(people, schema=list(case.ladders), orient="row").with_columns(n=pl.lit(1))
    try:
        return search(tuples, case.ladders, case.models, case.limit, objective=objective, population=population)
    except SearchError:
        return None


def agrees(case: Case, walk: str, objective: ObjectiveName) -> None:
    expected = brute_force(case, objective)
    with walking(walk):
        choice = run(case, case.rows, objective)
    if choice is None or expected is None:
        assert choice is None
        assert expected is None
        return
    assert (round(choice.value, 9), choice.suppressed, sum(choice.levels), choice.levels) == expected
    assert choice.optimal
    assert choice.gap == 0
    assert choice.objective == objective
    if objective == "loss":
        assert choice.value == pytest.approx(choice.loss, abs=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("walk", WALKS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_search_finds_the_optimum_of_brute_force(walk: str, objective: ObjectiveName, case: Case) -> None:
    agrees(case, walk, objective)


@pytest.mark.soak
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("walk", WALKS)
@settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_search_finds_the_optimum_of_brute_force_for_long(walk: str, objective: ObjectiveName, case: Case) -> None:
    agrees(case, walk, objective)


@settings(max_examples=60, deadline=None)
@given(case=cases(), seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_the_choice(case: Case, seed: object) -> None:
    shuffled = list(case.rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    first, second = run(case, case.rows), run(case, shuffled)
    if first is None or second is None:
        assert first is second
        return
    assert (first.levels, first.suppressed) == (second.levels, second.suppressed)
    assert first.loss == pytest.approx(second.loss, abs=1e-12)


def tower(name: str) -> Ladder:
    """Four leaves, two pairs, the top: merging can spoil a class that was good."""
    return Ladder.of(name, ("0", "1", "2"), {str(i): (str(i // 2), "*") for i in range(4)})


@pytest.mark.parametrize(
    "demand",
    [
        SensitiveDemand("s", entropy_l=2.0),
        SensitiveDemand("s", t=0.2),
        SensitiveDemand("s", alpha=0.5),
        SensitiveDemand("s", recursive=(2.0, 2)),
        SensitiveDemand("s", t=0.2, t_tree=TREE),
    ],
    ids=["entropy", "t", "alpha", "recursive", "tree"],
)
@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from("0123")] * 2, st.sampled_from("wxy"), st.just("w")), min_size=6, max_size=18
    ),
    k=st.integers(1, 3),
    limit=st.sampled_from([0.2, 0.34, 0.5]),
)
def test_a_coarser_failure_rules_out_nothing_finer_that_is_good(
    demand: SensitiveDemand, rows: list[Row], k: int, limit: float
) -> None:
    found = {"q0": tower("q0"), "q1": tower("q1")}
    agrees(Case(rows, [], found, Models(k, (demand,)), limit), "array", "loss")
