"""Reads what statistics may cost and what they do not show: table ``[statistics]`` of config/parameters.toml."""

from __future__ import annotations

from rulebook.source import Table
from rulebook.statistics_records import StatisticsLimits

_MICRO = 1_000_000
_PICO = 1_000_000_000_000


def read_statistics(table: Table) -> StatisticsLimits:
    """Return the limits. Raises ``RulebookError`` for a number outside its limits, or one that contradicts another."""
    year = _epsilon(table, "epsilon_year", 20)
    question = _epsilon(table, "epsilon_max", 10)
    default = _epsilon(table, "epsilon_default", 10)
    if not default <= question <= year:
        table.fail("epsilon_max", "epsilon_default ≤ epsilon_max ≤ epsilon_year must hold / ε 三项应依次不减")
    delta_year, delta = _delta(table, "delta_year"), _delta(table, "delta_question")
    if delta > delta_year:
        table.fail("delta_question", "must not be above delta_year / 不得大于 delta_year")
    least = table.integer("least", least=10, most=1_000)
    sensitive = table.integer("least_sensitive", least=20, most=1_000)
    if sensitive < least:
        table.fail("least_sensitive", "must not be below 'least' / 不得小于 least")
    found = StatisticsLimits(
        epsilon_year=year,
        epsilon_default=default,
        epsilon_max=question,
        delta_year=delta_year,
        delta_question=delta,
        least=least,
        least_sensitive=sensitive,
        rounding=table.integer("rounding", least=1, most=100),
        max_cells=table.integer("max_cells", least=100, most=10_000),
        wait_seconds=table.integer("wait_seconds", least=0, most=30),
    )
    table.finish()
    return found


def _epsilon(table: Table, key: str, most: float) -> int:
    value = table.optional_number(key, least=0.001, most=most)
    if value is None:
        table.fail(key, "is missing; give a number above 0 / 缺少此项")
    return round(value * _MICRO)


def _delta(table: Table, key: str) -> int:
    value = table.optional_number(key, least=1e-12, most=1e-5)
    if value is None:
        table.fail(key, "is missing; give a number from 1e-12 to 1e-5 / 缺少此项")
    return round(value * _PICO)
