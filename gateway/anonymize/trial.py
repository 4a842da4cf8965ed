"""One search's bookkeeping: checks of single nodes, the loss of each, and the best found so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Codes
from gateway.anonymize.lattice import Table, Views, roll_up
from gateway.anonymize.models import Grouped, Models, Reals, failing, references

Node = tuple[int, ...]
"""A level for each quasi-identifier."""
EPSILON = 1e-12
"""Losses are sums of rounded terms; what lies closer together counts as equal."""


@dataclass(frozen=True, slots=True)
class Found:
    """A node that meets the models, with what it costs."""

    loss: float
    suppressed: int
    node: Node
    losses: tuple[float, ...]

    @property
    def rank(self) -> tuple[float, int, int, Node]:
        """Return the one order of choices: loss, suppressed rows, sum of levels, levels in column order."""
        return (round(self.loss, 12), self.suppressed, sum(self.node), self.node)


class Trial:
    """Checks nodes on the table; ``allowed`` is how many rows may be suppressed."""

    def __init__(self, table: Table, models: Models, allowed: int, cancelled: Callable[[], bool]) -> None:
        self.models = models
        self.allowed = allowed
        self.checks = 0
        self.best: Found | None = None
        # With nothing suppressed every model here is monotone; otherwise k and distinct l are (notes 6).
        self._all_monotone = models.monotone or allowed == 0
        self._cancelled = cancelled
        self._total = table.total
        self._references = references(table.sensitive, table.rows)
        self._smallest = np.array([1 / len(ladder.leaves) for ladder in table.ladders])
        self._shares = [[rung.shares for rung in ladder.rungs] for ladder in table.ladders]
        self._sums = _unsuppressed(table)
        self._marginals: list[list[float]] = [
            (_part(sums / table.total, smallest) / len(self._sums)).tolist()
            for sums, smallest in zip(self._sums, self._smallest, strict=True)
        ]
        self._base = table
        self._views = Views(table)
        self._known: dict[Node, bool] = {}

    def marginal(self, column: int, level: int) -> float:
        """Return L_q of ``column`` at ``level`` with nothing suppressed, as its part of the mean."""
        return self._marginals[column][level]

    def bound(self, node: Node) -> float:
        """Return the loss of ``node`` with nothing suppressed; its own loss is never below."""
        return sum(self._marginals[column][level] for column, level in enumerate(node))

    def worse(self, bound: float) -> bool:
        """Say whether nothing with this bound can replace the best, not even by the rule for ties."""
        return self.best is not None and bound > self.best.loss + EPSILON

    def rules_out(self, node: Node, *, proof_only: bool = False) -> bool:
        """Check ``node``: take it as the best if it is; return whether it and every finer node are ruled out.

        ``proof_only`` stops after the cheap test, which can prove failure but not success.
        """
        if node in self._known:
            return self._known[node]
        self.checks += 1
        if self._cancelled():
            raise SearchError("The search was cancelled.", detail_zh="搜索已取消。")
        doomed = self._surely_failing(node)
        if int(self._base.rows[doomed].sum()) > self.allowed:
            self._known[node] = True
            return True
        if proof_only:
            return False
        worse = self.worse(float(self._losses(node, doomed).mean()))
        self._known[node] = not worse and self._exact(node)
        return self._known[node]

    def raise_floor(self, floor: Node) -> None:
        """Go on with tuples grouped at ``floor``: from now on no node below it may be checked."""
        rolled = roll_up(self._base, floor, self._views)
        if rolled is not None:
            self._base = rolled
            self._views = Views(rolled)

    def _surely_failing(self, node: Node) -> Codes:
        """Return positions of tuples that lie in a class below k even if it is merged with others of its bucket."""
        buckets = self._views.buckets(node)
        sizes = np.bincount(buckets, weights=self._base.rows)
        return np.flatnonzero(sizes[buckets] < self.models.k)

    def _exact(self, node: Node) -> bool:
        classes, count = self._views.classes(node)
        grouped = Grouped(classes, count, self._base.rows, self._base.sensitive)
        failed = failing(self.models, grouped, self._references)[classes]
        suppressed = int(self._base.rows[failed].sum())
        if suppressed > self.allowed:
            if self._all_monotone:
                return True
            certain = failing(self.models, grouped, self._references, monotone_only=True)[classes]
            return int(self._base.rows[certain].sum()) > self.allowed
        losses = self._losses(node, np.flatnonzero(failed))
        found = Found(float(losses.mean()), suppressed, node, tuple(losses.tolist()))
        if self.best is None or found.rank < self.best.rank:
            self.best = found
        return False

    def _losses(self, node: Node, suppressed: Codes) -> NDArray[np.float64]:
        """Return L_q by column when the tuples at these positions of the base are suppressed (each row counts 1)."""
        sums = np.array([self._sums[column][level] for column, level in enumerate(node)])
        if suppressed.size:
            rows = self._base.rows[suppressed]
            for column, level in enumerate(node):
                share = self._shares[column][level][self._views.codes(column, level)[suppressed]]
                sums[column] += float((rows * (1 - share)).sum())
        return _part(sums / self._total, self._smallest)


def _part(share: Reals, smallest: Reals | np.float64) -> Reals:
    """Return (share - smallest) / (1 - smallest), never below 0; 0 for a hierarchy with a single leaf (notes 4)."""
    over = np.maximum(0.0, share - smallest)
    width = np.broadcast_to(1 - np.asarray(smallest), over.shape)
    part: Reals = np.divide(over, width, out=np.zeros_like(over), where=width > 0)
    return part


def _unsuppressed(table: Table) -> list[Reals]:
    """Return, by column and level, the sum of ``share_q`` over all rows."""
    sums: list[Reals] = []
    for ladder, codes in zip(table.ladders, table.codes, strict=True):
        rows = np.bincount(codes, weights=table.rows, minlength=len(ladder.leaves))
        sums.append(np.array([float((rows * rung.shares[rung.codes]).sum()) for rung in ladder.rungs]))
    return sums
