"""Noise for statistics: differential privacy by OpenDP, and what it costs by OpenDP's own accounting.

The data are one histogram: how many pupils stand in each cell (with each value, where a mean is asked for). One
pupil is one row of the sharing view, so two registers that differ in one pupil, added or removed, have histograms at
an L1 distance of 1: that is the neighbouring relation of every epsilon here. (A pupil whose values change counts as
one removed and one added: at most twice the epsilon.) Cells are disjoint, so a whole table costs what one cell does.

A question is a composition of parts, each a sum over groups of cells; OpenDP holds the whole of it as one
measurement, draws the noise and says by ``map(1)`` what it costs. Source: notes 7; Dwork and Roth 2014, ch. 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import opendp.prelude as dp

from gateway.anonymize.cells import Counts, Values
from gateway.anonymize.errors import StatisticsError

dp.enable_features("contrib", "honest-but-curious")

MICRO = 1_000_000
"""Epsilon is kept in millionths, delta in units of 1e-12: whole numbers, which add up exactly."""
PICO = 1_000_000_000_000
ALPHA = 0.05
_SLACK = 1 - 2**-40
"""OpenDP rounds a loss up: so much less noise budget is used that the sum stays within what is charged."""


class Mechanism(StrEnum):
    """``laplace``: discrete Laplace (geometric) noise, pure epsilon. ``gaussian``: discrete Gaussian, with a delta."""

    LAPLACE = "laplace"
    GAUSSIAN = "gaussian"


@dataclass(frozen=True, slots=True)
class Loss:
    """A privacy loss, in millionths of epsilon and in 1e-12 of delta."""

    epsilon: int
    delta: int = 0


@dataclass(frozen=True)
class Part:
    """Noisy sums over groups of cells.

    ``groups[cell]`` is the group of a cell, from 0 to ``size - 1``; each cell is in one. A pupil with value ``v``
    (0 to ``width - 1`` of the histogram) adds ``weights[v]``. ``share`` is the part of epsilon that it takes.
    """

    name: str
    groups: Counts = field(repr=False)
    size: int
    share: float
    weights: tuple[int, ...] = (1,)

    @property
    def sensitivity(self) -> int:
        """Return by how much one pupil moves the sums at most (L1, and L2 too: one group only)."""
        return max(abs(weight) for weight in self.weights)

    def sums(self, histogram: Sequence[int]) -> list[int]:
        """Return the exact sums; only a measurement calls this."""
        cells = np.asarray(histogram, dtype=np.int64).reshape(len(self.groups), -1)
        weights = np.asarray(self.weights if len(self.weights) > 1 else self.weights * cells.shape[1], dtype=np.int64)
        found = np.zeros(self.size, dtype=np.int64)
        np.add.at(found, self.groups, cells @ weights)
        return [int(one) for one in found]


@dataclass(frozen=True)
class Question:
    """What is measured: parts whose shares add up to 1, by which mechanism, at which cost."""

    parts: tuple[Part, ...]
    loss: Loss
    mechanism: Mechanism = Mechanism.LAPLACE

    def __post_init__(self) -> None:
        """Refuse a question without a positive epsilon, or whose shares are none."""
        fits = self.loss.delta > 0 if self.mechanism is Mechanism.GAUSSIAN else self.loss.delta == 0
        shares = [part.share for part in self.parts]
        if self.loss.epsilon < 1 or not fits or min(shares, default=0) <= 0 or not math.isclose(sum(shares), 1):
            raise StatisticsError(
                "Epsilon must be above 0, delta 0 for Laplace and above 0 for Gaussian noise, shares add up to 1.",
                detail_zh="ε 应大于 0；拉普拉斯噪声的 δ 为 0，高斯噪声的 δ 应大于 0。",
            )

    def scale(self, part: Part) -> float:
        """Return the scale of the noise of ``part``, in its own units."""
        if self.mechanism is Mechanism.GAUSSIAN:
            sigma = _sigma(self.loss.epsilon, self.loss.delta, len(self.parts))
            return part.sensitivity * sigma / math.sqrt(part.share)
        return part.sensitivity / (self.loss.epsilon / MICRO * part.share * _SLACK)

    def measurement(self) -> dp.Measurement:
        """Return the question as one measurement of OpenDP: from the histogram (L1) to the parts' noisy sums."""
        return _composed(
            self.mechanism,
            [(part.sums, part.sensitivity, self.scale(part)) for part in self.parts],
            self.loss.delta / PICO,
        )

    def privacy_loss(self) -> tuple[float, float]:
        """Return epsilon and delta for one pupil added or removed, as OpenDP accounts for them."""
        return _loss_of(self.measurement())

    def draw(self, histogram: Counts) -> list[Counts]:
        """Return the noisy sums, part by part. Raises ``StatisticsError`` when OpenDP's loss is above ``loss``."""
        measurement = self.measurement()
        epsilon, delta = _loss_of(measurement)
        if epsilon > self.loss.epsilon / MICRO or delta > self.loss.delta / PICO:
            raise StatisticsError("The noise would cost more than was paid.", detail_zh="噪声的隐私代价超出已扣预算。")
        found = measurement([int(one) for one in histogram])
        return [np.asarray(one, dtype=np.int64) for one in found]

    def half_width(self, part: Part, alpha: float = ALPHA) -> float:
        """Return how far a noisy sum of ``part`` is off at most, with probability ``1 - alpha``; OpenDP's figure."""
        if self.mechanism is Mechanism.GAUSSIAN:
            return float(dp.discrete_gaussian_scale_to_accuracy(self.scale(part), alpha))
        return float(dp.discrete_laplacian_scale_to_accuracy(self.scale(part), alpha))

    def variance(self, part: Part) -> float:
        """Return the variance of the noise of one sum of ``part``; used to weigh parts, so continuous noise will do."""
        scale = self.scale(part)
        return scale**2 if self.mechanism is Mechanism.GAUSSIAN else 2 * scale**2


def composed_loss(questions: Sequence[Question]) -> tuple[float, float]:
    """Return what all ``questions`` cost together, by OpenDP's composition of their measurements."""
    measurements = [question.measurement() for question in questions]
    if any(question.mechanism is Mechanism.GAUSSIAN for question in questions):
        measurements = [
            one if question.mechanism is Mechanism.GAUSSIAN else dp.c.make_approximate(one)
            for question, one in zip(questions, measurements, strict=True)
        ]
    return _loss_of(dp.c.make_composition(measurements))


def estimate(totals: Values, sums: Values, centre: int) -> Values:
    """Return means from noisy counts and noisy sums of deviations from ``centre``; no count, no mean (``nan``)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Values = np.where(totals > 0, centre + sums / totals, np.nan)
    return found


def _composed(
    mechanism: Mechanism, parts: Sequence[tuple[Callable[[Sequence[int]], list[int]], int, float]], delta: float
) -> dp.Measurement:
    domain, metric = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    made = []
    for sums, sensitivity, scale in parts:
        if mechanism is Mechanism.GAUSSIAN:
            out: Any = dp.l2_distance(T=float)
            map_ = _times_float(sensitivity)
            noise = dp.m.make_gaussian(domain, out, scale=scale)
        else:
            out = metric
            map_ = _times(sensitivity)
            noise = dp.m.make_geometric(domain, metric, scale=scale)
        made.append(dp.t.make_user_transformation(domain, metric, domain, out, sums, map_) >> noise)
    whole = dp.c.make_composition(made)
    if mechanism is Mechanism.GAUSSIAN:
        return dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(whole), delta)
    return whole


def _times(sensitivity: int) -> Callable[[int], int]:
    return lambda distance: distance * sensitivity


def _times_float(sensitivity: int) -> Callable[[int], float]:
    return lambda distance: float(distance * sensitivity)


def _loss_of(measurement: dp.Measurement) -> tuple[float, float]:
    told: Any = measurement.map(1)  # type: ignore[no-untyped-call]  # OpenDP leaves it without types
    return (float(told[0]), float(told[1])) if isinstance(told, tuple) else (float(told), 0.0)


@lru_cache(maxsize=256)
def _sigma(epsilon: int, delta: int, parts: int) -> float:
    """Return the least scale of Gaussian noise, for sensitivity 1, whose loss OpenDP puts within the two."""
    most = epsilon / MICRO * _SLACK

    def fits(sigma: float) -> bool:
        scale = sigma * math.sqrt(parts)
        one = [(list, 1, scale)] * parts  # as many parts as there will be: each rounds up by itself
        return _loss_of(_composed(Mechanism.GAUSSIAN, one, delta / PICO))[0] <= most

    low, high = 1e-3, 1.0
    while not fits(high):
        low, high = high, high * 2
    while high / low > 1 + 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high * (1 + 1e-9)
