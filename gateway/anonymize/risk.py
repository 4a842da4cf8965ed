"""What a release reached and what it risks (notes 4): k, l, t, and the three attackers' chances, on grouped rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.anonymize.ladders import Codes, Ladder
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
    """Equal distance to the distribution named by ``reference``."""
    reference: str = "whole table"
    alpha: float = 0.0
    """The largest share that any one value has in a class."""
    t_released: float = 0.0
    """The same distance, to the rows that leave: what an outsider can measure again on the file."""
    t_tree: float | None = None
    """Hierarchical distance to the whole table, where it was demanded."""


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
    unique: float = 0.0
    """Share of rows that stand alone in their class."""
    population_unique: float = 0.0
    """Share of rows that are alone with their values in the whole population, too."""
    population: int = 0
    """People in the classes of the released rows: the population that the journalist's risk is against."""


BANDS = ((1, 1), (2, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, 499), (500, 999), (1000, None))


def measure(
    grouped: Grouped,
    columns: Sequence[str],
    reference: Sequence[Reals],
    *,
    population: Reals | None = None,
    threshold: float = 0.2,
    suppressed: int = 0,
    trees: Mapping[str, Ladder] | None = None,
) -> Measures:
    """Return k, l, t and the risks of the classes in ``grouped`` that hold rows.

    ``columns`` names ``grouped.sensitive``; ``population`` is the size of each class in the population, by
    class number (the released rows themselves when ``None``); ``trees`` are those of hierarchical demands, by column,
    whose codes are then leaf codes. Raises ``ParameterError`` when a population
    class is smaller than the released one: then it is not the population. Source: notes 4.
    """
    grouped = _inhabited(grouped)
    sizes = grouped.sizes()
    held = sizes > 0
    rows, classes = int(sizes.sum()), int(held.sum())
    whole = sizes if population is None else population
    if whole.size != sizes.size or bool((whole < sizes).any()):
        raise ParameterError("The population does not contain the released rows.")
    if not rows:
        none = Risk(0.0, 0.0, 0.0, threshold)
        nothing = {_band(low, high): 0 for low, high in BANDS}
        return Measures(0, 0, 0, 0, (), none, none, 0.0, suppressed * suppressed, nothing)
    own, people = sizes[held], whole[held]
    return Measures(
        rows=rows,
        classes=classes,
        k=int(own.min()),
        largest=int(own.max()),
        sensitive=tuple(
            _reached(grouped, column, codes, distribution, (trees or {}).get(column))
            for column, codes, distribution in zip(columns, grouped.sensitive, reference, strict=True)
        ),
        prosecutor=_risk(own, own, threshold),
        journalist=_risk(own, people, threshold),
        marketer=float((own / people).sum() / rows),
        discernibility=int((own**2).sum()) + suppressed * (rows + suppressed),
        histogram=histogram_of(own),
        unique=float((own == 1).sum() / rows),
        population_unique=float(own[people == 1].sum() / rows),
        population=int(people.sum()),
    )


def histogram_of(sizes: Reals) -> dict[str, int]:
    """Return the number of classes by band of their size; ``sizes`` are above 0."""
    return {_band(low, high): int(((sizes >= low) & (sizes <= (high or np.inf))).sum()) for low, high in BANDS}


def _inhabited(grouped: Grouped) -> Grouped:
    """Return ``grouped`` without tuples of which no row is left: a value that nobody has is no diversity."""
    inside = grouped.rows > 0
    if bool(inside.all()):
        return grouped
    sensitive = tuple(codes[inside] for codes in grouped.sensitive)
    return Grouped(grouped.classes[inside], grouped.count, grouped.rows[inside], sensitive)


def _reached(grouped: Grouped, column: str, codes: Codes, whole: Reals, tree: Ladder | None) -> SensitiveReached:
    """Return what the worst class holds of one attribute; classes without rows are no classes."""
    sizes = grouped.sizes()
    held = sizes > 0
    seen = np.bincount(codes, weights=grouped.rows, minlength=whole.size) / grouped.rows.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = spread_of(grouped, codes, sizes, whole)
        released = spread_of(grouped, codes, sizes, seen)
        along = None if tree is None else spread_of(grouped, codes, sizes, whole, tree).distance
    return SensitiveReached(
        column,
        int(spread.distinct[held].min()),
        float(np.exp(spread.entropy[held].min())),
        float(max(spread.distance[held].max(), 0.0)),
        alpha=float(spread.largest[held].max()),
        t_released=float(max(released.distance[held].max(), 0.0)),
        t_tree=None if along is None else float(max(along[held].max(), 0.0)),
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
