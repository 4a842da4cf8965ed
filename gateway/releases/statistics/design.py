"""How a question is measured: which sums get noise, how much of epsilon each takes, how far off an answer may be.

All of it follows from the question, never from the data: it can be told before anybody asks, and costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway.anonymize.cells import Counts, Table
from gateway.anonymize.consistency import Layer, consistent, measured
from gateway.anonymize.noise import Loss, Mechanism, Part, Question

_MARGINS_SHARE = 0.3
"""Of the counts' epsilon, for margins that are measured by themselves."""
_SUMS_SHARE = 0.5
"""Of the whole epsilon, for the sums behind a mean."""


@dataclass(frozen=True)
class Design:
    """One question, ready to be measured. ``bounds`` of an age in full years, where a mean is asked for."""

    table: Table
    loss: Loss
    mechanism: Mechanism
    bounds: tuple[int, int] | None
    unit: int

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Return the margins that are measured, the cells last."""
        return measured(self.table)

    @property
    def width(self) -> int:
        """Return how many values a pupil may have in the histogram."""
        return 1 if self.bounds is None else self.bounds[1] - self.bounds[0] + 1

    @property
    def centre(self) -> int:
        """Return the age from which the sums are counted: the middle, so that one pupil moves them least."""
        return 0 if self.bounds is None else (self.bounds[0] + self.bounds[1]) // 2

    @cached_property
    def question(self) -> Question:
        """Return what OpenDP is asked: the counts of each layer, and the sums of ages over the cells."""
        counts = 1.0 if self.bounds is None else 1 - _SUMS_SHARE
        above = len(self.layers) - 1
        margins = _MARGINS_SHARE if above else 0.0
        shares = [counts * margins / max(above, 1)] * above + [counts * (1 - margins)]
        parts = [
            Part(f"counts {place}", layer.groups, layer.size, share)
            for place, (layer, share) in enumerate(zip(self.layers, shares, strict=True))
        ]
        if self.bounds is not None:
            weights = tuple(age - self.centre for age in range(self.bounds[0], self.bounds[1] + 1))
            cells = self.layers[-1]
            parts.append(Part("ages", cells.groups, cells.size, _SUMS_SHARE, weights))
        return Question(tuple(parts), self.loss, self.mechanism)

    def draw(self, histogram: Counts) -> tuple[Counts, Counts | None]:
        """Return consistent cells, and noisy sums of ages over them (from ``centre``) where a mean is asked for."""
        drawn = self.question.draw(histogram)
        counts = [self.question.parts[place] for place in range(len(self.layers))]
        variances = [self.question.variance(part) for part in counts]
        cells = consistent(self.layers, drawn[: len(self.layers)], variances, unit=self.unit)
        return cells, None if self.bounds is None else drawn[-1]

    @cached_property
    def precision(self) -> tuple[tuple[int, float], ...]:
        """Return for each measured layer over how many cells one sum is (about), and its half width by OpenDP."""
        return tuple(
            (max(1, self.table.cells // layer.size), self.question.half_width(self.question.parts[place]))
            for place, layer in enumerate(self.layers)
        )

    def half_width(self, cells: int) -> int:
        """Return how far a count over so many cells is off at most, in 95 of 100 cases, by its noise and rounding."""
        return half_width(self.precision, cells, self.unit)

    @cached_property
    def sum_half_width(self) -> float | None:
        """Return how far a sum of ages over one cell is off at most, in 95 of 100 cases; OpenDP's figure."""
        return None if self.bounds is None else self.question.half_width(self.question.parts[-1])

    def mean_half_width(self, pupils: int) -> float | None:
        """Return how far a mean over one cell with so many pupils is off at most, in 95 of 100 cases, in years."""
        return None if self.sum_half_width is None or pupils < 1 else round(self.sum_half_width / pupils, 2)


def half_width(precision: Sequence[tuple[int, float]], cells: int, unit: int) -> int:
    """Return the half width of a count over so many ``cells``: OpenDP's figure for sums of the fittest layer.

    Sums that are added up have the root of their number times the figure of one; ``unit`` adds half of itself.
    """
    widths = [width * math.sqrt(cells / over) for over, width in precision if over <= max(cells, 1)]
    return math.ceil(min(widths) + (unit - 1) / 2)
