"""Local recoding on random tables: classes meet every model as an outsider counts them, and nothing is worse than
global levels. The judge shares no code with the engine: loops over rows, and pycanon for k, l and t."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.anonymize import crowds
from gateway.anonymize.decision import Decision, decide
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Ladder
from gateway.anonymize.models import Models, SensitiveDemand
from tests.factories.judge import verdict

Row = tuple[str, ...]
VALUES = "wxyz"
TREE = Ladder.of("s", ("0", "1", "2"), {"w": ("a", "*"), "x": ("a", "*"), "y": ("b", "*"), "z": ("b", "*")})
NEAR = 1e-9


@dataclass(frozen=True)
class Case:
    rows: list[Row]
    chains: dict[str, dict[str, list[str]]]
    models: Models
    limit: float
    fixed: dict[str, int]
    block: int

    @property
    def ladders(self) -> dict[str, Ladder]:
        return {
            name: Ladder.of(
                name,
                [f"l{i}" for i in range(1 + len(next(iter(chains.values()))))],
                {leaf: tuple(chain) for leaf, chain in chains.items()},
            )
            for name, chains in self.chains.items()
        }

    def tuples(self, rows: list[Row]) -> pl.DataFrame:
        columns = [*self.chains, "s"]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
        return frame.group_by(columns, maintain_order=True).agg(n=pl.len().cast(pl.Int64))

    def leaf(self) -> pl.DataFrame:
        return pl.DataFrame(self.rows, schema=dict.fromkeys([*self.chains, "s"], pl.String), orient="row")

    def decide(self, *, local: bool = True, rows: list[Row] | None = None) -> Decision:
        return decide(
            self.tuples(self.rows if rows is None else rows),
            self.ladders,
            self.models,
            self.limit,
            measured=["s"],
            fixed=self.fixed,
            recoding="local" if local else "global",
        )


@st.composite
def chains(draw: st.DrawFn, name: str) -> dict[str, list[str]]:
    """A random tree, mostly with one label on top. Labels of different levels may be the same text."""
    count = draw(st.integers(1, 7))
    labels = [str(i) for i in range(count)]
    found: dict[str, list[str]] = {label: [] for label in labels}
    prefix = draw(st.sampled_from(["", name]))
    for _ in range(draw(st.integers(0, 2))):
        below = sorted({(chain or [leaf])[-1] for leaf, chain in found.items()})
        above = {label: f"{prefix}{draw(st.integers(0, max(0, len(below) // 2)))}" for label in below}
        for leaf, chain in found.items():
            chain.append(above[(chain or [leaf])[-1]])
    if draw(st.integers(0, 4)):
        for chain in found.values():
            chain.append("*")
    return found


@st.composite
def demands(draw: st.DrawFn) -> SensitiveDemand:
    kinds = draw(
        st.sets(st.sampled_from(["distinct", "entropy", "t", "tree", "recursive", "alpha"]), min_size=1, max_size=2)
    )
    tree = "tree" in kinds
    return SensitiveDemand(
        "s",
        distinct_l=draw(st.integers(1, 3)) if "distinct" in kinds else None,
        entropy_l=draw(st.sampled_from([1.5, 2.0, 2.6])) if "entropy" in kinds else None,
        t=draw(st.sampled_from([0.1, 0.3, 0.5])) if tree or "t" in kinds else None,
        t_tree=TREE if tree else None,
        recursive=draw(st.sampled_from([(1.0, 2), (2.0, 2), (3.0, 3)])) if "recursive" in kinds else None,
        alpha=draw(st.sampled_from([0.5, 0.75])) if "alpha" in kinds else None,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = [f"q{i}" for i in range(draw(st.integers(1, 3)))]
    found = {name: draw(chains(name)) for name in names}
    quasi = [st.sampled_from(sorted(found[name])) for name in names]
    values = st.sampled_from(VALUES[: draw(st.integers(1, 4))])
    rows = draw(st.lists(st.tuples(*quasi, values), min_size=2, max_size=40))
    sensitive = (draw(demands()),) if draw(st.booleans()) else ()
    fixed = {}
    if draw(st.integers(0, 4)) == 0:
        fixed[names[0]] = draw(st.integers(0, len(next(iter(found[names[0]].values())))))
    return Case(
        rows,
        found,
        Models(draw(st.integers(1, 4)), sensitive),
        draw(st.sampled_from([0.0, 0.1, 0.3, 0.6])),
        fixed,
        draw(st.sampled_from([4, 9, 320])),
    )


def meets(values: Counter[str], whole: Counter[str], models: Models) -> bool:  # noqa: PLR0911  one return for each model
    size, total = values.total(), whole.total()
    if size < models.k:
        return False
    for demand in models.sensitive:
        counts = sorted(values.values(), reverse=True)
        if demand.distinct_l is not None and len(counts) < demand.distinct_l:
            return False
        entropy = -sum(count / size * math.log(count / size) for count in counts)
        if demand.entropy_l is not None and entropy < math.log(demand.entropy_l) - NEAR:
            return False
        if demand.recursive is not None:
            c, least = demand.recursive
            if not counts[0] < c * sum(counts[least - 1 :]):
                return False
        if demand.alpha is not None and counts[0] / size > demand.alpha + NEAR:
            return False
        if demand.t is not None:
            apart = {value: values[value] / size - whole[value] / total for value in VALUES}
            distance = sum(abs(part) for part in apart.values()) / 2
            if demand.t_tree is not None:
                # mass that stays below one branch moves half as far
                branches = abs(apart["w"] + apart["x"]) / 2 + abs(apart["y"] + apart["z"]) / 2
                distance = (distance + branches) / 2
            if distance > demand.t + NEAR:
                return False
    return True


def loss_of(case: Case, decision: Decision) -> float:
    """The formula of notes 4, row by row, with the levels that the parts give to each tuple."""
    recoding = decision.recoding
    assert recoding is not None
    tuples = case.tuples(case.rows).rows(named=True)
    levels: dict[int, tuple[int, ...]] = {}
    for part in recoding.parts:
        assert part.rows == sum(tuples[i]["n"] for i in part.tuples.tolist())
        for i in part.tuples.tolist():
            assert i not in levels
            levels[i] = part.levels
    losses = []
    for q, (name, chain) in enumerate(case.chains.items()):
        shown = 0.0
        for i, row in enumerate(tuples):
            if i not in levels:
                shown += row["n"]
                continue
            level = levels[i][q]
            label = [row[name], *chain[row[name]]][level]
            same = sum([leaf, *above][level] == label for leaf, above in chain.items())
            shown += row["n"] * same / len(chain)
        smallest = 1 / len(chain)
        losses.append(0.0 if smallest == 1 else max(0.0, (shown / len(case.rows) - smallest) / (1 - smallest)))
    return sum(losses) / len(losses)


@contextmanager
def blocks_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "_LEAST_BLOCK", size)
        patch.setattr(crowds, "_LARGEST_BLOCK", size)
        patch.setattr(crowds, "_CLASSES_IN_A_BLOCK", 1)
        patch.setattr(crowds, "_BATCH", 3 * size * size)
        yield


def found(case: Case) -> tuple[Decision, Decision]:
    try:
        plain = case.decide(local=False)
    except SearchError:
        with pytest.raises(SearchError):
            case.decide()
        assume(False)
    with blocks_of(case.block):
        return plain, case.decide()


def classes_of(case: Case, decision: Decision) -> dict[Row, Counter[str]]:
    """Return the values of the rows that leave, by what they show: as somebody who reads the file counts them."""
    leaf = case.leaf()
    keep, labels = decision.judge(leaf)
    seen: dict[Row, Counter[str]] = defaultdict(Counter)
    for row, value in zip(labels.rows(), leaf["s"].filter(keep).to_list(), strict=True):
        seen[row][value] += 1
    return dict(seen)


@settings(max_examples=90, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_every_class_meets_the_models_and_nothing_is_worse_than_global(case: Case) -> None:
    plain, local = found(case)
    whole = Counter(row[-1] for row in case.rows)
    seen = classes_of(case, local)
    assert all(meets(values, whole, case.models) for values in seen.values())
    left = sum(values.total() for values in seen.values())
    assert len(case.rows) - left == local.choice.suppressed <= case.limit * len(case.rows) + NEAR
    assert local.choice.loss <= plain.choice.loss + NEAR
    assert local.choice.loss == pytest.approx(loss_of(case, local), abs=NEAR)
    assert (local.after.rows, local.after.classes) == (left, len(seen))
    assert local.after.k == min((values.total() for values in seen.values()), default=0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_pycanon_counts_the_same(case: Case) -> None:
    _, local = found(case)
    leaf = case.leaf()
    keep, labels = local.judge(leaf)
    judged = verdict(labels.with_columns(leaf["s"].filter(keep)), list(case.chains), ["s"])
    assert (judged.rows, judged.k) == (local.after.rows, local.after.k)
    if judged.rows:
        reached = local.after.sensitive[0]
        assert judged.sensitive["s"].distinct_l == reached.distinct_l
        assert judged.sensitive["s"].t == pytest.approx(reached.t_released, abs=1e-9)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_released_labels_are_true_of_every_row(case: Case) -> None:
    _, local = found(case)
    leaf = case.leaf()
    keep, labels = local.judge(leaf)
    assert local.released(leaf).filter(keep).equals(labels)
    assert local.released(leaf).filter(~keep).null_count().sum_horizontal().sum() == len(case.chains) * int(
        (~keep).sum()
    )
    # of each label the leaves for which it was released must be leaves that it stands for, on one level at least
    for name, chain in case.chains.items():
        shown = defaultdict(set)
        for row, label in zip(leaf.filter(keep)[name].to_list(), labels[name].to_list(), strict=True):
            shown[label].add(row)
        for label, rows in shown.items():
            text, _, said = str(label).partition(" (")
            meant = []
            for height in range(1 + len(next(iter(chain.values())))):
                below = {leaf_ for leaf_, above in chain.items() if [leaf_, *above][height] == text}
                if below and (not said or said == f"l{height})"):
                    meant.append(below)
            assert any(rows <= below for below in meant), (label, rows)
    for name, level in case.fixed.items():
        recoding = local.recoding
        assert recoding is not None
        assert set(recoding.rows_by_level[name]) <= {level}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_is_no_matter(case: Case, random: object) -> None:
    _, local = found(case)
    shuffled = case.rows.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    with blocks_of(case.block):
        again = case.decide(rows=shuffled)
    leaf = case.leaf()
    assert again.released(leaf).equals(local.released(leaf))
    assert again.classes(leaf).equals(local.classes(leaf))
    assert again.choice == local.choice


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases(), st.data(), st.booleans())
def test_withheld_rows_take_failing_classes_with_them(case: Case, data: st.DataObject, local: bool) -> None:
    plain, recoded = found(case)
    decision = recoded if local else plain
    gone = data.draw(st.sets(st.integers(0, len(case.rows) - 1), max_size=6))
    left = decision.without(case.tuples([case.rows[i] for i in sorted(gone)]))
    whole = Counter(row[-1] for row in case.rows)
    leaf = case.leaf()
    classes: dict[int, Counter[str]] = defaultdict(Counter)
    for i, digest in enumerate(decision.classes(leaf).to_list()):
        if digest is not None and i not in gone:
            classes[digest][case.rows[i][-1]] += 1
    good = {digest for digest, values in classes.items() if meets(values, whole, case.models)}
    expected = [digest if digest in good else None for digest in decision.classes(leaf).to_list()]
    assert left.classes(leaf).to_list() == expected
    rows = sum(classes[digest].total() for digest in good)
    assert (left.after.rows, left.after.classes) == (rows, len(good))
    assert left.choice.suppressed == len(case.rows) - rows
    if left.recoding is not None:
        assert sum(part.rows for part in left.recoding.parts) == rows
        assert all(sum(levels.values()) == rows for levels in left.recoding.rows_by_level.values())
    assert left.choice.loss >= decision.choice.loss - NEAR
