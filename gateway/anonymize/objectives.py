"""What a search makes small: Loss, discernibility or non-uniform entropy, each with bounds that prove an optimum.

Every objective gives a bound of a node from the columns alone, which never falls on the way up; what suppressed rows
must add to it below a node that was looked at; and what a node that was looked at says about all coarser ones.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gateway.anonymize.ladders import Codes
from gateway.anonymize.lattice import Table, Views
from gateway.anonymize.models import Flags, Reals

ObjectiveName = Literal["loss", "discernibility", "entropy"]
Node = tuple[int, ...]
"""A level for each quasi-identifier."""
Bounds = NDArray[np.float64]
_ROUNDING = 1e-9


def loss_of(share: Reals, smallest: Reals | np.float64) -> Reals:
    """Return (share - smallest) / (1 - smallest), never below 0; 0 for a hierarchy with a single leaf (notes 4)."""
    over = np.maximum(0.0, share - smallest)
    width = np.broadcast_to(1 - np.asarray(smallest), over.shape)
    part: Reals = np.divide(over, width, out=np.zeros_like(over), where=width > 0)
    return part


class Additive(ABC):
    """A figure that is a sum over columns: of what the labels lose, and of what suppressed rows lose beyond."""

    unit: float
    """Values closer together than some rounding steps of this count as equal."""
    by_bound = True
    """Whether nodes are taken in the order of their bounds."""

    def __init__(self, marginals: list[list[float]]) -> None:
        self._marginals = marginals

    def marginal(self, column: int, level: int) -> float:
        """Return what the labels of ``column`` at ``level`` lose; it never falls on the way up."""
        return self._marginals[column][level]

    def bound(self, node: Node) -> float:
        """Return a value that neither ``node`` nor any coarser one goes below: with nothing suppressed."""
        return sum(self._marginals[q][level] for q, level in enumerate(node))

    def bounds(self, bottom: Node, top: Node) -> Bounds:
        """Return ``bound`` of every node from ``bottom`` to ``top``, as an array with one axis for each column."""
        spans = zip(self._marginals, bottom, top, strict=True)
        return outer([column[low : high + 1] for column, low, high in spans])

    def value(self, node: Node, seen: Views, suppressed: Codes) -> float:
        """Return the value of ``node`` when the tuples at the positions ``suppressed`` of ``seen`` do not leave.

        When more rows than these do not leave, the value is no less.
        """
        if not suppressed.size:
            return self.bound(node)
        return self.bound(node) + sum(self.more(seen, q, level, suppressed) for q, level in enumerate(node))

    def surcharge(self, node: Node, seen: Views, floor: Node, suppressed: Codes) -> list[Reals]:
        """Return, by column and level, what the bounds of ``node`` and all finer nodes rise by.

        The tuples at the positions ``suppressed`` of ``seen``, which is grouped at ``floor``, are suppressed there
        too. Finer labels lose less, so that what suppression adds is no less: below the floor it counts as there.
        """
        found = []
        for column, level in enumerate(node):
            more = np.zeros(level + 1)
            for own in range(floor[column], level + 1):
                more[own] = self.more(seen, column, own, suppressed)
            more[: floor[column]] = more[floor[column]]
            found.append(more)
        return found

    @abstractmethod
    def more(self, seen: Views, column: int, level: int, suppressed: Codes) -> float:
        """Return what suppressing these tuples adds in ``column`` at ``level``."""


class Loss(Additive):
    """ARX's Loss: arithmetic mean over columns, equal weights, factor 0.5 (notes 4). A suppressed row counts 1."""

    unit = 1.0

    def __init__(self, table: Table) -> None:
        self._total = table.total
        self._smallest = np.array([1 / len(ladder.leaves) for ladder in table.ladders])
        self._shares = [[rung.shares for rung in ladder.rungs] for ladder in table.ladders]
        self._sums = [
            np.array([float((rows * rung.shares[rung.codes]).sum()) for rung in ladder.rungs])
            for ladder, rows in zip(table.ladders, table.leaf_rows, strict=True)
        ]
        super().__init__(
            [
                (loss_of(sums / table.total, smallest) / len(self._sums)).tolist()
                for sums, smallest in zip(self._sums, self._smallest, strict=True)
            ]
        )

    def losses(self, node: Node, seen: Views, suppressed: Codes) -> Reals:
        """Return L_q by column when the tuples at these positions of ``seen`` are suppressed."""
        sums = np.array([self._sums[column][level] for column, level in enumerate(node)])
        if suppressed.size:
            for column, level in enumerate(node):
                sums[column] += self._more(seen, column, level, suppressed)
        return loss_of(sums / self._total, self._smallest)

    def value(self, node: Node, seen: Views, suppressed: Codes) -> float:
        """Return the mean loss."""
        return float(self.losses(node, seen, suppressed).mean())

    def more(self, seen: Views, column: int, level: int, suppressed: Codes) -> float:
        """Return what suppressing these tuples adds in ``column`` at ``level``, as its part of the mean."""
        width = (1 - float(self._smallest[column])) * self._total * len(self._sums)
        return self._more(seen, column, level, suppressed) / width if width > 0 else 0.0

    def _more(self, seen: Views, column: int, level: int, suppressed: Codes) -> float:
        """Return sum of rows · (1 - share) over these tuples."""
        leaves = seen.table.codes[column][suppressed]
        shares = self._shares[column][level][seen.table.ladders[column].rungs[level].codes[leaves]]
        return dot(seen.table.weights[suppressed], 1 - shares)


class Entropy(Additive):
    """Non-uniform entropy in bits, summed over columns; a suppressed row counts once more, within the suppressed.

    With c(x) the number of rows of the table that have the leaf or label x, and s(x) that of suppressed rows::

        E_q = sum over all rows r of log2( c(label of r) / c(leaf of r) )
            + sum over suppressed rows r of log2( S / s(label of r) )

    The first part is the information that the labels withhold, of suppressed rows too; the second what it takes to
    tell the labels of the S suppressed rows apart when all of them read alike. Source: De Waal and Willenborg 1999;
    the same figure as ARX's non-monotone variant with the sum over columns and factor 0.5.
    """

    def __init__(self, table: Table) -> None:
        self.unit = float(table.total)
        marginals = []
        for ladder, rows in zip(table.ladders, table.leaf_rows, strict=True):
            own = _plogp(rows)
            marginals.append([max(0.0, _plogp(_by_label(rung.codes, rows)) - own) for rung in ladder.rungs])
        super().__init__(marginals)

    def more(self, seen: Views, column: int, level: int, suppressed: Codes) -> float:
        """Return the entropy among these rows: more rows and finer labels never have less."""
        rung = seen.table.ladders[column].rungs[level]
        weights = seen.table.weights[suppressed]
        labels = rung.codes[seen.table.codes[column][suppressed]]
        if len(rung.labels) > 4 * labels.size:
            labels = np.unique(labels, return_inverse=True)[1]
        held = np.bincount(labels, weights=weights).astype(np.float64, copy=False)
        return max(0.0, _xlogx(float(weights.sum())) - _plogp(held))


class Discernibility:
    """Sum of the squares of the sizes of all classes that leave, plus all rows of the table for each suppressed row.

    With at most J classes, N rows make at least N² / J: the bound of a node. What a look at a node says about coarser
    ones prunes far more, so that nodes are taken by what is likely: by the sum of the logarithms of sum p².
    Source: Bayardo, Agrawal 2005; the same figure as ARX's non-monotone variant.
    """

    unit = 1.0
    by_bound = False

    def __init__(self, table: Table, k: int) -> None:
        self._total = float(table.total)
        self._k = min(k, table.total)
        self._labels: list[list[float]] = []
        self._alike: list[list[float]] = []
        for ladder, rows in zip(table.ladders, table.leaf_rows, strict=True):
            counts = [_by_label(rung.codes, rows) for rung in ladder.rungs]
            self._labels.append([math.log(max(int(np.count_nonzero(count)), 1)) for count in counts])
            self._alike.append([math.log(dot(count / self._total, count / self._total)) for count in counts])

    def marginal(self, column: int, level: int) -> float:
        """Return what orders the steps of a walk; it never falls on the way up."""
        return self._alike[column][level]

    def bound(self, node: Node) -> float:
        """Return N² · max over columns of (sum p² · labels) / the product of all labels, or k · N if that is more."""
        return float(self.bounds(node, node).reshape(()))

    def bounds(self, bottom: Node, top: Node) -> Bounds:
        """Return ``bound`` of every node."""
        spans = [slice(low, high + 1) for low, high in zip(bottom, top, strict=True)]
        labels = outer([column[span] for column, span in zip(self._labels, spans, strict=True)])
        skew = np.full(labels.shape, -np.inf)
        for q, span in enumerate(spans):
            own = np.array(self._alike[q][span]) + np.array(self._labels[q][span])
            skew = np.maximum(skew, along(q, len(spans), own))
        found: Bounds = self._total**2 * np.exp(np.minimum(0.0, skew - labels)) * (1 - _ROUNDING)
        return np.maximum(self._total * self._k, found)

    def value(self, sizes: Reals, suppressed: int) -> float:
        """Return the sum, a whole number: ``sizes`` are of the classes that leave, ``suppressed`` counts rows."""
        return dot(sizes, sizes) + suppressed * self._total

    def above(self, sizes: Reals) -> float:
        """Return what no node at or above one with classes of these ``sizes`` goes below.

        Classes only grow, and one below k grows to k or is suppressed: the sum of size · max(size, k).
        """
        return dot(sizes, np.maximum(sizes, self._k))

    def most_suppressed(self, value: float) -> float:
        """Return the largest S for which S · N + (N - S) · k is not above ``value``."""
        if self._total <= self._k:
            return np.inf
        return (value - self._total * self._k) / (self._total - self._k)


Objective = Loss | Entropy | Discernibility


def objective_of(name: ObjectiveName, table: Table, k: int) -> Objective:
    """Return the objective ``name`` over ``table`` for classes of at least ``k`` rows."""
    match name:
        case "loss":
            return Loss(table)
        case "discernibility":
            return Discernibility(table, k)
        case "entropy":
            return Entropy(table)


def dot(left: Reals, right: Reals | Flags) -> float:
    """Return the sum of products. One thread: for these lengths a linear-algebra library only waits for its own."""
    return float(np.einsum("i,i->", left, right))


def _xlogx(count: float) -> float:
    return count * float(np.log2(count)) if count > 0 else 0.0


def _by_label(codes: Codes, rows: Reals) -> Reals:
    found: Reals = np.bincount(codes, weights=rows).astype(np.float64, copy=False)
    return found


def _plogp(counts: Reals) -> float:
    held = counts[counts > 0]
    return dot(held, np.log2(held))


def along(axis: int, axes: int, values: Sequence[float] | Reals) -> Bounds:
    """Return ``values`` as an array of ``axes`` axes that lies along ``axis``."""
    shape = [1] * axes
    shape[axis] = -1
    return np.asarray(values, dtype=np.float64).reshape(shape)


def outer(parts: Sequence[Sequence[float] | Reals]) -> Bounds:
    """Return the sum of ``parts``, each along its own axis."""
    total = np.zeros([len(part) for part in parts])
    for axis, part in enumerate(parts):
        total += along(axis, len(parts), part)
    return total
