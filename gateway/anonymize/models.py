"""Privacy models on grouped rows (notes 4): what every class must meet, and which classes do.

A *class* is the set of rows with equal quasi-identifiers. All functions here take one class number for each
grouped tuple and the number of rows behind it, so that their cost does not depend on the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.ladders import Codes, Ladder
from gateway.errors import ParameterError

Flags = NDArray[np.bool_]
Reals = NDArray[np.float64]
TOLERANCE = 1e-12
"""Entropy and distances are sums of rounded terms; a class that meets a bound exactly must not fail by it."""
_DENSE = 1 << 18


@dataclass(frozen=True, slots=True)
class SensitiveDemand:
    """What every class must hold of one sensitive attribute; ``None`` demands nothing of that kind."""

    column: str
    distinct_l: int | None = None
    entropy_l: float | None = None
    t: float | None = None
    """Distance to the distribution in the whole table, suppressed rows included (as ARX): equal distance, or
    hierarchical with a ``t_tree``."""
    recursive: tuple[float, int] | None = None
    """(c, l): the commonest value has fewer rows than c times all but the l - 1 commonest."""
    t_tree: Ladder | None = field(default=None, repr=False, compare=False)
    """The tree of the values, for ``t`` as earth mover's distance; its last level has one label."""
    alpha: float | None = None
    """Largest share of any one value in a class: (α,k)-anonymity together with ``k``."""

    def __post_init__(self) -> None:
        if self.distinct_l is not None and self.distinct_l < 1:
            raise ParameterError(
                f"distinct l of '{self.column}' counts values: 1 or more.",
                detail_zh=f"列 {self.column} 的 distinct l 是取值个数，至少为 1。",
            )
        if self.entropy_l is not None and not 1 <= self.entropy_l < math.inf:
            raise ParameterError(
                f"entropy l of '{self.column}' must be 1 or more.",
                detail_zh=f"列 {self.column} 的 entropy l 至少为 1。",
            )
        if self.t is not None and not 0 <= self.t <= 1:
            raise ParameterError(
                f"t of '{self.column}' lies between 0 and 1.", detail_zh=f"列 {self.column} 的 t 应在 0 到 1 之间。"
            )
        if self.alpha is not None and not 0 < self.alpha <= 1:
            raise ParameterError(
                f"alpha of '{self.column}' is a share above 0, at most 1.",
                detail_zh=f"列 {self.column} 的 alpha 应大于 0 且不超过 1。",
            )
        if self.recursive is not None:
            c, least = self.recursive
            if not 0 < c < math.inf or least < 1:
                raise ParameterError(
                    f"recursive (c, l) of '{self.column}' takes a finite c above 0 and an l of 1 or more.",
                    detail_zh=f"列 {self.column} 的 recursive (c, l)：c 应大于 0 且有限，l 至少为 1。",
                )
        if self.t_tree is not None:
            self._check_tree(self.t_tree)

    def _check_tree(self, tree: Ladder) -> None:
        if self.t is None:
            raise ParameterError(
                f"A tree for '{self.column}' needs t: give the distance that is allowed.",
                detail_zh=f"列 {self.column} 给出了层级树，还须给出 t。",
            )
        if len(tree.rungs[-1].labels) > 1:
            raise ParameterError(
                f"The tree '{tree.name}' has {len(tree.rungs[-1].labels)} labels on its last level; "
                "add a level with one label above, so that every two values have an ancestor in common.",
                detail_zh=f"层级树 {tree.name} 的最高层有 {len(tree.rungs[-1].labels)} 个标签，"
                "请在其上增加只有一个标签的一层。",
            )

    @property
    def monotone(self) -> bool:
        """Whether merging classes keeps the demand also when rows may be suppressed (notes 6).

        Merging classes that meet a demand gives one that meets it, for every kind. But a failing class that joins
        a good one can spoil it by its share, entropy or distance; only a count of distinct values never falls.
        """
        return self.entropy_l is None and self.t is None and self.recursive is None and self.alpha is None


@dataclass(frozen=True, slots=True)
class Presence:
    """δ-presence: in each class the released rows are between ``low`` and ``high`` of the people in it.

    A class of the population without any row to release has the share 0: when ``low`` is above 0 it fails, and
    since there is nothing to suppress, so does the whole choice. Source: Nergiz, Atzori, Clifton 2007; as ARX.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise ParameterError(
                "The bounds of δ-presence are shares: 0 ≤ low ≤ high ≤ 1.",
                detail_zh="δ-存在性的上下限应满足 0 ≤ 下限 ≤ 上限 ≤ 1。",
            )


@dataclass(frozen=True, slots=True)
class Models:
    """All that a class must meet to leave: ``k`` rows at least, and the demands on sensitive attributes."""

    k: int
    sensitive: tuple[SensitiveDemand, ...] = ()
    presence: Presence | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ParameterError("k counts rows: 1 or more.", detail_zh="k 是行数，至少为 1。")
        columns = [demand.column for demand in self.sensitive]
        if len(set(columns)) != len(columns):
            raise ParameterError("Name each sensitive attribute once.", detail_zh="每个敏感属性只能列出一次。")

    @property
    def monotone(self) -> bool:
        """Whether a coarser choice never suppresses more rows than a finer one."""
        return self.presence is None and all(demand.monotone for demand in self.sensitive)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Tuples with their class (0 … ``count`` - 1), the rows behind each, and their codes of the sensitive values.

    ``population`` counts the people behind each tuple, for δ-presence; a tuple may have people and no rows.
    """

    classes: Codes = field(repr=False)
    count: int
    rows: Codes = field(repr=False)
    sensitive: tuple[Codes, ...] = field(repr=False)
    population: Codes | None = field(default=None, repr=False)

    def sizes(self) -> Reals:
        """Return the rows of each class."""
        sizes: Reals = np.bincount(self.classes, weights=self.rows, minlength=self.count).astype(np.float64)
        return sizes

    def people(self) -> Reals:
        """Return the people of each class. Raises ``ParameterError`` without a population."""
        if self.population is None:
            raise ParameterError(
                "δ-presence needs the population: give a table of everybody.",
                detail_zh="δ-存在性需要总体数据，请提供总体表。",
            )
        people: Reals = np.bincount(self.classes, weights=self.population, minlength=self.count).astype(np.float64)
        return people


def sensitive_codes(values: pl.Series, tree: Ladder | None = None) -> Codes:
    """Return the codes of sensitive ``values``: leaf codes of ``tree``, without one ranks of the texts (null is 0).

    Raises ``UnknownLeafError`` for a value that the tree does not hold.
    """
    if tree is not None:
        return tree.encode(values)
    return values.cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64)


def references(sensitive: Sequence[Codes], rows: Codes) -> tuple[Reals, ...]:
    """Return the distribution of each sensitive attribute over all rows, by value code."""
    total = max(int(rows.sum()), 1)
    return tuple(np.bincount(codes, weights=rows) / total for codes in sensitive)


def failing(models: Models, grouped: Grouped, reference: Sequence[Reals], *, monotone_only: bool = False) -> Flags:
    """Return which classes fail ``models``; with ``monotone_only`` by k and distinct l alone.

    ``grouped.sensitive`` and ``reference`` follow ``models.sensitive``; a demand with a tree has leaf codes
    (``sensitive_codes``). A class of the population without rows fails by δ-presence alone.
    """
    sizes = grouped.sizes()
    failed: Flags = sizes < models.k
    for demand, codes, whole in zip(models.sensitive, grouped.sensitive, reference, strict=True):
        if not (monotone_only and demand.distinct_l is None):
            failed |= _fails(demand, pairs_of(grouped, codes, int(whole.size)), sizes, whole, monotone_only)
    if models.presence is not None:
        low, high = models.presence.low, models.presence.high
        people = grouped.people()
        share = np.divide(sizes, people, out=np.zeros_like(sizes), where=people > 0)
        outside = (share < low - TOLERANCE) | (share > high + TOLERANCE)
        empty = sizes == 0
        failed = np.where(empty, outside & (people > 0), failed if monotone_only else failed | outside)
    return failed


def _fails(demand: SensitiveDemand, pairs: Pairs, sizes: Reals, whole: Reals, monotone_only: bool) -> Flags:
    failed: Flags = np.zeros(sizes.size, dtype=np.bool_)
    if demand.distinct_l is not None:
        failed |= pairs.distinct() < demand.distinct_l
    if monotone_only:
        return failed
    if demand.entropy_l is not None:
        failed |= pairs.entropy(sizes) < math.log(demand.entropy_l) - TOLERANCE
    if demand.recursive is not None:
        c, least = demand.recursive
        largest, rest = pairs.largest_and_rest(least)
        failed |= ~(largest < c * rest)
    if demand.alpha is not None:
        failed |= pairs.largest() > demand.alpha * sizes + TOLERANCE * np.maximum(sizes, 1)
    if demand.t is not None:
        failed |= distance_of(pairs, sizes, whole, demand.t_tree) > demand.t + TOLERANCE
    return failed


@dataclass(frozen=True, slots=True)
class Pairs:
    """The sensitive values present in each class: class, value and rows, in order of class, then value."""

    of_class: Codes
    value: Codes
    rows: Reals
    count: int
    """Number of classes."""

    def distinct(self) -> Codes:
        """Return the number of different values in each class."""
        return np.bincount(self.of_class, minlength=self.count)

    def entropy(self, sizes: Reals) -> Reals:
        """Return the entropy of the values in each class, in nats."""
        share = self.rows / sizes[self.of_class]
        found = np.bincount(self.of_class, weights=-share * np.log(share), minlength=self.count)
        return found.astype(np.float64, copy=False)

    def largest(self) -> Reals:
        """Return the rows of the commonest value in each class, 0 in a class without rows."""
        largest = np.zeros(self.count)
        np.maximum.at(largest, self.of_class, self.rows)
        return largest

    def largest_and_rest(self, least: int) -> tuple[Reals, Reals]:
        """Return, by class, r_1 and r_l + … + r_m: the counts of the values fall from r_1 to r_m, l is ``least``."""
        order = np.lexsort((-self.rows, self.of_class))
        of_class, rows = self.of_class[order], self.rows[order]
        starts = np.searchsorted(of_class, np.arange(self.count))
        rank = np.arange(of_class.size) - starts[of_class]
        first = rank == 0
        largest: Reals = np.bincount(of_class[first], weights=rows[first], minlength=self.count).astype(np.float64)
        tail = rank >= least - 1
        rest: Reals = np.bincount(of_class[tail], weights=rows[tail], minlength=self.count).astype(np.float64)
        return largest, rest

    def lifted(self, codes: Codes, labels: int) -> Pairs:
        """Return the pairs with ``codes[value]`` for each value, of which there are ``labels``."""
        return _pairs(self.of_class * labels + codes[self.value], self.rows, labels, self.count)


def pairs_of(grouped: Grouped, codes: Codes, values: int) -> Pairs:
    """Return the values ``codes`` (below ``values``) that occur in each class, without tuples that have no rows."""
    return _pairs(grouped.classes * values + codes, grouped.rows, values, grouped.count)


def _pairs(keys: Codes, weights: Codes | Reals, values: int, count: int) -> Pairs:
    if count * values <= max(_DENSE, 4 * keys.size):
        sums = np.bincount(keys, weights=weights, minlength=count * values)
        present = np.flatnonzero(sums)
        rows = sums[present]
    else:
        present, inverse = np.unique(keys, return_inverse=True)
        rows = np.bincount(inverse, weights=weights, minlength=present.size)
        present, rows = present[rows > 0], rows[rows > 0]
    of_class = present // values
    return Pairs(of_class, present - of_class * values, rows.astype(np.float64, copy=False), count)


def distance_of(pairs: Pairs, sizes: Reals, whole: Reals, tree: Ladder | None = None) -> Reals:
    """Return the earth mover's distance of each class to ``whole``, with equal ground distance or by ``tree``.

    On a tree of height H the ground distance of two values is the level of their lowest common ancestor / H. The
    least work is then the mean, over the levels 0 … H - 1, of the equal distance between the labels there: at each
    node as much is moved between its children as cannot stay below one of them.
    Source: Li, Li, Venkatasubramanian 2007, t-Closeness, section 4.
    """
    if tree is None:
        return _equal_distance(pairs, sizes, whole)
    height = tree.height - 1
    total = np.zeros(pairs.count)
    for rung in tree.rungs[:height]:
        lifted, reference = on_rung(pairs, whole, rung.codes, len(rung.labels))
        total += _equal_distance(lifted, sizes, reference)
    return total / max(height, 1)


def on_rung(pairs: Pairs, whole: Reals, codes: Codes, labels: int) -> tuple[Pairs, Reals]:
    """Return the pairs and the reference by the labels that ``codes`` gives to each leaf."""
    reference: Reals = np.bincount(codes[: whole.size], weights=whole, minlength=labels).astype(np.float64)
    return pairs.lifted(codes, labels), reference


def _equal_distance(pairs: Pairs, sizes: Reals, whole: Reals) -> Reals:
    share = pairs.rows / sizes[pairs.of_class]
    # sum |p - q| over all values = sum over the values present of (|p - q| - q) + 1, since absent ones give q
    present = np.abs(share - whole[pairs.value]) - whole[pairs.value]
    found: Reals = (np.bincount(pairs.of_class, weights=present, minlength=pairs.count) + 1.0) / 2
    return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one sensitive attribute, for each class: distinct values, entropy in nats, distance to the whole, top share.

    ``distance`` is by the tree where one was given. A class without rows has no meaningful figures.
    """

    distinct: Codes
    entropy: Reals
    distance: Reals
    largest: Reals
    """Share of the commonest value."""


def spread_of(grouped: Grouped, codes: Codes, sizes: Reals, whole: Reals, tree: Ladder | None = None) -> Spread:
    """Return how the values ``codes`` spread in each class: ``sizes`` are its rows, ``whole`` is the reference.

    With ``tree`` the codes are its leaf codes.
    """
    pairs = pairs_of(grouped, codes, int(whole.size))
    share = np.divide(pairs.largest(), sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return Spread(pairs.distinct(), pairs.entropy(sizes), distance_of(pairs, sizes, whole, tree), share)
