"""Noise and its accounting: OpenDP's own maps, its composition and its filter say what our ledger says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import opendp.prelude as dp
import pytest

from gateway.anonymize.errors import StatisticsError
from gateway.anonymize.noise import MICRO, PICO, Loss, Mechanism, Part, Question, composed_loss, estimate

CELLS = 6
EVERY = np.arange(CELLS)
ONE = np.zeros(CELLS, dtype=np.int64)
TOTAL = Part("total", ONE, 1, 0.25)
COUNTS = Part("counts", EVERY, CELLS, 0.25)
AGES = Part("ages", EVERY, CELLS, 0.5, tuple(range(-7, 8)))
LAPLACE = Loss(400_000)
GAUSSIAN = Loss(400_000, 1_000)


def _map(made: Any, distance: int) -> float:  # noqa: ANN401  OpenDP leaves it without types
    return float(made.map(distance))


def question(loss: Loss = LAPLACE, *parts: Part) -> Question:
    mechanism = Mechanism.GAUSSIAN if loss.delta else Mechanism.LAPLACE
    return Question(parts or (TOTAL, COUNTS, AGES), loss, mechanism)


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize("epsilon", [1_000, 50_000, 300_000, 333_333, 700_000, 1_000_000])
@pytest.mark.parametrize("delta", [0, 1_000])
def test_what_is_charged_is_what_opendp_accounts_for(epsilon: int, delta: int) -> None:
    """The ledger is never below OpenDP's map, and above it by less than a millionth of epsilon."""
    told = question(Loss(epsilon, delta)).privacy_loss()
    assert told[0] <= epsilon / MICRO < told[0] + 1 / MICRO
    assert told[1] <= delta / PICO


def test_a_table_of_disjoint_cells_costs_what_one_cell_costs() -> None:
    """OpenDP's own histogram over rows, add or remove one row: a stability of 1 whatever the number of cells."""
    space = dp.vector_domain(dp.atom_domain(T=str)), dp.symmetric_distance()
    for cells in (1, 3, 50):
        count = dp.t.make_count_by_categories(
            *space, categories=[str(cell) for cell in range(cells)], null_category=False, MO="L1Distance<i32>"
        )
        assert _map(count, 1) == 1
        table = count >> dp.m.then_geometric(scale=2.0)
        ours = Question((Part("counts", np.arange(cells), cells, 1.0),), Loss(500_000))
        assert _map(table, 1) == pytest.approx(0.5)
        assert ours.privacy_loss()[0] == pytest.approx(_map(table, 1), abs=1e-9)


def test_a_pupil_whose_record_changes_costs_twice_at_the_most() -> None:
    assert _map(question().measurement(), 2) <= 2 * LAPLACE.epsilon / MICRO


@pytest.mark.rule("A50-8")
def test_the_sum_of_charges_is_opendps_composition() -> None:
    asked = [question(Loss(epsilon)) for epsilon in (250_000, 500_000, 125_000)]
    assert composed_loss(asked)[0] == pytest.approx(0.875, abs=1e-6)
    assert composed_loss(asked)[0] <= 0.875
    mixed = [*asked, question(GAUSSIAN)]
    epsilon, delta = composed_loss(mixed)
    assert epsilon == pytest.approx(1.275, abs=1e-6)
    assert delta == pytest.approx(GAUSSIAN.delta / PICO)


@pytest.mark.rule("A50-8")
@pytest.mark.parametrize(
    "asked",
    [(400_000, 300_000, 300_000, 1_000), (1_000_000, 1_000), (250_000, 250_000, 500_001), (999_000, 1_000, 1_000)],
)
def test_opendps_privacy_filter_stops_where_the_budget_stops(asked: tuple[int, ...]) -> None:
    """The same questions put to OpenDP's own ledger: it answers all but the last, which our sum refuses too."""
    domain, metric = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    ledger = dp.c.make_fully_adaptive_composition(domain, metric, output_measure=dp.max_divergence())
    queryable = dp.c.make_privacy_filter(ledger, d_in=1, d_out=1.0)([0] * CELLS)
    questions = [question(Loss(epsilon), Part("counts", EVERY, CELLS, 1.0)).measurement() for epsilon in asked]
    for one in questions[:-1]:
        assert len(queryable(one)[0]) == CELLS
    assert sum(asked[:-1]) <= MICRO < sum(asked)
    with pytest.raises(dp.OpenDPException, match=r"privacy (budget|loss)|exhausted"):
        queryable(questions[-1])


def test_opendp_holds_the_sensitivity_of_every_part() -> None:
    """Whichever pupil is added, no part moves by more than its sensitivity: by trying every one."""
    width = len(AGES.weights)
    empty = [0] * (CELLS * width)
    for part in (TOTAL, COUNTS, AGES):
        before = np.array(part.sums(empty))
        moved = []
        for place in range(len(empty)):
            one = [*empty]
            one[place] = 1
            moved.append(np.abs(np.array(part.sums(one)) - before).sum())
        assert max(moved) == part.sensitivity


def test_the_sums_are_those_of_their_groups() -> None:
    histogram = np.arange(CELLS * 3)
    groups = np.array([0, 0, 1, 1, 2, 2])
    part = Part("some", groups, 3, 1.0, (-1, 0, 1))
    rows = histogram.reshape(CELLS, 3)
    assert part.sums(histogram.tolist()) == [int((rows[groups == one] @ [-1, 0, 1]).sum()) for one in range(3)]
    assert Part("count", groups, 3, 1.0).sums(histogram.tolist()) == [
        int(rows[groups == one].sum()) for one in range(3)
    ]


def _chi_square(observed: dict[int, int], expected: dict[int, float], total: int) -> tuple[float, int]:
    """Pool values whose expectation is below 10 into one; return the statistic and its degrees of freedom."""
    kept = {value: share for value, share in expected.items() if share * total >= 10}
    rest = total - sum(observed.get(value, 0) for value in kept)
    rest_expected = total * (1 - sum(kept.values()))
    found = sum((observed.get(value, 0) - share * total) ** 2 / (share * total) for value, share in kept.items())
    return found + (rest - rest_expected) ** 2 / max(rest_expected, 1e-9), len(kept)


def test_the_noise_is_geometric() -> None:
    """A chi-square test against P(k) = (1 - a) / (1 + a) a^|k|, a = exp(-1 / scale); false alarm below 1e-9."""
    size = 20_000
    ask = Question((Part("counts", np.arange(size), size, 1.0),), Loss(500_000))
    drawn = ask.draw(np.zeros(size, dtype=np.int64))[0]
    shrink = math.exp(-1 / ask.scale(ask.parts[0]))
    expected = {k: (1 - shrink) / (1 + shrink) * shrink ** abs(k) for k in range(-60, 61)}
    values, counts = np.unique(drawn, return_counts=True)
    found, freedom = _chi_square(dict(zip(values.tolist(), counts.tolist(), strict=True)), expected, size)
    # Laurent and Massart 2000, lemma 1: P(X >= d + 2 sqrt(d x) + 2 x) <= exp(-x); x = 21 is below 1e-9
    assert found <= freedom + 2 * math.sqrt(freedom * 21) + 2 * 21


@pytest.mark.parametrize("loss", [LAPLACE, GAUSSIAN])
def test_the_accuracy_that_is_told_holds(loss: Loss) -> None:
    """At least 95 of 100 are within the half width; Hoeffding: less than 93 of 100 in 20,000 below 1e-6."""
    size = 20_000
    ask = question(loss, Part("counts", np.arange(size), size, 1.0))
    width = ask.half_width(ask.parts[0])
    drawn = ask.draw(np.zeros(size, dtype=np.int64))[0]
    assert (np.abs(drawn) <= width).mean() > 0.93


def test_more_epsilon_is_more_exact_and_gaussian_noise_has_a_scale_too() -> None:
    widths = [question(Loss(epsilon)).half_width(COUNTS) for epsilon in (100_000, 200_000, 400_000)]
    assert widths == sorted(widths, reverse=True)
    assert question(GAUSSIAN).half_width(COUNTS) > 0
    assert question(GAUSSIAN).variance(COUNTS) > 0


@pytest.mark.parametrize(
    ("parts", "loss", "mechanism"),
    [
        ((COUNTS,), LAPLACE, Mechanism.LAPLACE),
        ((Part("counts", EVERY, CELLS, 1.0),), Loss(0), Mechanism.LAPLACE),
        ((Part("counts", EVERY, CELLS, 1.0),), GAUSSIAN, Mechanism.LAPLACE),
        ((Part("counts", EVERY, CELLS, 1.0),), LAPLACE, Mechanism.GAUSSIAN),
        ((), LAPLACE, Mechanism.LAPLACE),
        ((Part("a", EVERY, CELLS, 1.5), Part("b", EVERY, CELLS, -0.5)), LAPLACE, Mechanism.LAPLACE),
    ],
)
def test_a_question_without_a_price_or_whose_shares_are_none_is_refused(
    parts: tuple[Part, ...], loss: Loss, mechanism: Mechanism
) -> None:
    with pytest.raises(StatisticsError):
        Question(parts, loss, mechanism)


def test_a_mean_of_nobody_is_none() -> None:
    found = estimate(np.array([10.0, 0.0, -1.0]), np.array([20.0, 5.0, 1.0]), 13)
    assert found[0] == 15
    assert np.isnan(found[1:]).all()
