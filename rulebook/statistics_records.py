"""What statistics may cost and what they do not show: table ``[statistics]`` of config/parameters.toml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatisticsLimits:
    """Budgets and small cells. Epsilon is in millionths, delta in units of 1e-12, so that they add up exactly."""

    epsilon_year: int = 4_000_000
    """What one recipient may spend in a school year, over the whole register."""
    epsilon_default: int = 400_000
    """What a question costs that names no epsilon."""
    epsilon_max: int = 1_000_000
    """What one question may cost."""
    delta_year: int = 1_000_000
    delta_question: int = 1_000
    """What a question with Gaussian noise costs; Laplace noise costs no delta."""
    least: int = 10
    """A count below it is not shown."""
    least_sensitive: int = 20
    """The same where a sensitive field is told apart."""
    rounding: int = 5
    """Counts are multiples of it."""
    max_cells: int = 4_000
    wait_seconds: int = 5
    """How long a face without the register waits for the worker before it answers 202."""


DEFAULT_STATISTICS = StatisticsLimits()
