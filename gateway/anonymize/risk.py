"""What a release reached and what it risks (notes 4): k, l, t, and the three attackers' chances, on grouped rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.anonymize.models import TOLERANCE, Grouped, Reals, spread_of
from gateway.errors import ParameterError


@dataclass(frozen=True, slots=True)
class SensitiveReached:
    """What the worst class holds of one sensitive attribute."""

    column: str
    distinct_l: int
    entropy_l: float
    """exp of the smallest entropy: comparable with the demanded l."""
    t: float
    reference: str = "whole table"


@dataclass(frozen=True, slots=True)
class Risk:
    """Re-identification risk of released rows; shares between 0 and 1."""

    highest: float
    average: float
    above: float
    """Share of released rows whose own risk exceeds the threshold."""
    threshold: float


@dataclass(frozen=True, slots=True)
class Measures:
    """What a release reached. Without rows ``k`` is 0 and every risk 0."""

    rows: int
    classes: int
    k: int
    largest: int
    sensitive: tuple[SensitiveReached, ...]
    prosecutor: Risk
    journalist: Risk
    """Against the population's classes, which the registry holds: exact, no estimate."""
    marketer: float
    """Expected share of rows re-identified by an attacker who holds the population."""
    discernibility: int
    histogram: Mapping[str, int]
    """Band of class sizes -> number of classes."""


BANDS = ((1, 1), (2, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, 499), (500, 999), (1000, None))


def measure(
    grouped: Grouped,
    columns: Sequence[str],
    reference: Sequence[Reals],
    *,
    population: Reals | None = None,
    threshold: float = 0.2,
    suppressed: int = 0,
) -> Measures:
    """Return k, l, t and the risks of the classes in ``grouped`` that hold rows.

    ``columns`` names ``grouped.sensitive``; ``population`` is the size of each class in the population, by
    class number (the released rows themselves when ``None``). Raises ``ParameterError`` when a population
    class is smaller than the released one: then it is not the population. Source: notes 4.
    """
    sizes = grouped.sizes()
    held = sizes > 0
    rows, classes = int(sizes.sum()), int(held.sum())
    whole = sizes if population is None else population
    if whole.size != sizes.size or bool((whole < sizes).any()):
        raise ParameterError("The population does not contain the released rows.")
    histogram = {_band(low, high): 0 for low, high in BANDS}
    if not rows:
        none = Risk(0.0, 0.0, 0.0, threshold)
        return Measures(0, 0, 0, 0, (), none, none, 0.0, suppressed * suppressed, histogram)
    sensitive = []
    for column, codes, distribution in zip(columns, grouped.sensitive, reference, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = spread_of(grouped, codes, sizes, distribution)
        sensitive.append(
            SensitiveReached(
                column,
                int(spread.distinct[held].min()),
                float(np.exp(spread.entropy[held].min())),
                float(max(spread.distance[held].max(), 0.0)),
            )
        )
    for low, high in BANDS:
        inside = (sizes >= low) & (sizes <= (high or np.inf))
        histogram[_band(low, high)] = int(inside.sum())
    return Measures(
        rows=rows,
        classes=classes,
        k=int(sizes[held].min()),
        largest=int(sizes.max()),
        sensitive=tuple(sensitive),
        prosecutor=_risk(sizes[held], sizes[held], threshold),
        journalist=_risk(sizes[held], whole[held], threshold),
        marketer=float((sizes[held] / whole[held]).sum() / rows),
        discernibility=int((sizes[held] ** 2).sum()) + suppressed * (rows + suppressed),
        histogram=histogram,
    )


def _risk(sizes: Reals, against: Reals, threshold: float) -> Risk:
    own = 1 / against
    rows = sizes.sum()
    return Risk(
        float(own.max()),
        float((sizes * own).sum() / rows),
        float(sizes[own > threshold + TOLERANCE].sum() / rows),
        threshold,
    )


def _band(low: int, high: int | None) -> str:
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}-{high}"
