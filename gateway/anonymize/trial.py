"""One search's bookkeeping: looks at single nodes, what each says about others, and the best found so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gateway.anonymize.bounds import least_removed
from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Codes
from gateway.anonymize.lattice import Table, Views, densify, roll_up
from gateway.anonymize.models import Flags, Grouped, Models, Reals, failing, references
from gateway.anonymize.objectives import Discernibility, Loss, Node, Objective, dot

EPSILON = 1e-12
"""Values are sums of rounded terms; what lies closer together counts as equal (in units of the objective)."""
_WORTH_A_FLOOR, _WORTH_A_SNAPSHOT = 0.7, 0.5
_WORTH_RAISING = 0.05
_SMALL = 1 << 15
"""Tables up to this length are grouped so fast that it does not pay to keep more of them."""
_SNAPSHOTS = 12
_EVERY = 0.2
"""Seconds between two reports of progress."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: nodes looked at, share of the lattice closed (at least), best value and smallest bound."""

    checks: int
    closed: float
    best: float | None
    bound: float | None


@dataclass(frozen=True, slots=True)
class Control:
    """What ends a search early, and who is told how it goes. ``seconds`` count from the first look."""

    max_checks: int | None = None
    seconds: float | None = None
    cancelled: Callable[[], bool] | None = None
    progress: Callable[[Progress], None] | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Found:
    """A node that meets the models, with what it costs."""

    value: float
    """By the objective."""
    unit: float
    suppressed: int
    node: Node
    losses: tuple[float, ...]

    @property
    def rank(self) -> tuple[float, int, int, Node]:
        """Return the one order of choices: value, suppressed rows, sum of levels, levels in column order."""
        return (round(self.value / self.unit, 12), self.suppressed, sum(self.node), self.node)


class Look(NamedTuple):
    """What a look at a node says: whether it and every finer node are ruled out, and bounds of others."""

    ruled_out: bool
    surcharge: list[Reals] | None = None
    """By column and level: how much the bounds of this node and all finer ones rise."""
    above: float = -np.inf
    """No node from here upwards has a smaller value."""


@dataclass(slots=True)
class _Snapshot:
    node: Node
    seen: Views = field(repr=False)


class Trial:
    """Looks at nodes of the table; ``allowed`` is how many rows may be suppressed."""

    def __init__(
        self, table: Table, models: Models, allowed: int, objective: Objective, control: Control | None = None
    ) -> None:
        self.models = models
        self.allowed = allowed
        self.objective = objective
        self.control = control or Control()
        self.checks = 0
        self.best: Found | None = None
        self.outlook: Callable[[], tuple[float, float | None]] = lambda: (0.0, None)
        """Share of the lattice that is closed, and the smallest open bound: set by the walk."""
        # With nothing suppressed every model is monotone; otherwise k and distinct l are (notes 6).
        self._all_monotone = models.monotone or allowed == 0
        self._total = table.total
        self._loss = objective if isinstance(objective, Loss) else Loss(table)
        self._leaf_rows = table.leaf_rows
        self._references = references(table.sensitive, table.rows)
        self._known: dict[Node, Look] = {}
        self._base = _Snapshot((0,) * len(table.ladders), Views(table))
        self._snapshots: list[_Snapshot] = []
        self._started = self._reported = self.control.clock()

    def worse(self, bound: float) -> bool:
        """Say whether nothing with this bound can replace the best, not even by the rule for ties."""
        return self.best is not None and bound > self.best.value + EPSILON * self.objective.unit

    @property
    def spent(self) -> bool:
        """Say whether the time is over, or the checks are and something was found."""
        control = self.control
        if control.seconds is not None and control.clock() - self._started >= control.seconds:
            return True
        return control.max_checks is not None and self.checks >= control.max_checks and self.best is not None

    def rules_out(self, node: Node, *, proof_only: bool = False) -> bool:
        """Say whether ``node`` and every finer node are ruled out, by a look at it."""
        return self.look(node, proof_only=proof_only).ruled_out

    def look(self, node: Node, *, proof_only: bool = False) -> Look:
        """Look at ``node``: take it as the best if it is; return what that says about it and others.

        ``proof_only`` stops after the cheap test, which can prove failure but not success. Raises ``SearchError``
        when the search was cancelled.
        """
        known = self._known.get(node)
        if known is not None:
            return known
        self.checks += 1
        self._tick()
        found = self._look(self._nearest(node), node, proof_only)
        if found is None:
            return Look(False)
        self._known[node] = found
        return found

    def raise_floor(self, floor: Node) -> None:
        """Go on with tuples grouped at ``floor``: from now on no node below it may be looked at."""
        source = self._nearest(floor)
        rolled = roll_up(source.seen, *source.seen.classes(floor), worth=_WORTH_A_FLOOR)
        if rolled is not None:
            self._base = _Snapshot(floor, Views(rolled))
        elif source is not self._base:
            self._base = _Snapshot(floor, source.seen)
        self._snapshots = [kept for kept in self._snapshots if len(kept.seen.table) < len(self._base.seen.table)]

    def anchor(self, node: Node) -> None:
        """Prepare for looks at several nodes from ``node`` upwards."""
        source = self._nearest(node)
        length = len(source.seen.table)
        if length > _SMALL and source.seen.space(node) <= length:
            self._keep(source, node, *source.seen.classes(node))

    def report(self) -> None:
        """Tell how far the search is."""
        if self.control.progress is not None:
            closed, bound = self.outlook()
            best = None if self.best is None else self.best.value
            self.control.progress(Progress(self.checks, closed, best, bound))
            self._reported = self.control.clock()

    def _tick(self) -> None:
        if self.control.cancelled is not None and self.control.cancelled():
            raise SearchError("The search was cancelled.", detail_zh="搜索已取消。")
        if self.control.progress is not None and self.control.clock() - self._reported >= _EVERY:
            self.report()

    def _nearest(self, node: Node) -> _Snapshot:
        """Return the smallest grouping from which ``node`` can be reached."""
        for kept in self._snapshots:
            if all(map(int.__le__, kept.node, node)):
                return kept
        return self._base

    def _keep(self, source: _Snapshot, node: Node, classes: Codes, bound: int) -> None:
        rolled = roll_up(source.seen, classes, bound, worth=_WORTH_A_SNAPSHOT)
        if rolled is None:
            return
        if len(self._snapshots) >= _SNAPSHOTS:
            self._snapshots.pop()
        self._snapshots.append(_Snapshot(node, Views(rolled)))
        self._snapshots.sort(key=lambda kept: len(kept.seen.table))

    def _most(self) -> float:
        """Return how many rows a choice may suppress that is allowed and no worse than the best."""
        if self.best is None:
            return self.allowed
        if isinstance(self.objective, Discernibility):
            return min(self.allowed, self.objective.most_suppressed(self.best.value))
        return self.allowed

    def _look(self, base: _Snapshot, node: Node, proof_only: bool) -> Look | None:
        if proof_only and (margin := self._margin(node)) is not None:
            return Look(True) if dot(margin, margin < self.models.k) > self.allowed else None
        seen = base.seen
        exact = seen.space(node) <= 1 << seen.bits
        keys, space = seen.key(node) if exact else (seen.buckets(node), 1 << seen.bits)
        sizes: Reals = np.bincount(keys, weights=seen.table.weights, minlength=space).astype(np.float64, copy=False)
        small = sizes < self.models.k
        doomed = dot(sizes, small)
        if doomed > self._most():
            return Look(True)
        if proof_only:
            return None
        if doomed and self.best is not None and not isinstance(self.objective, Discernibility):
            positions = np.flatnonzero(small[keys])
            if self.worse(self.objective.value(node, seen, positions)):
                return Look(False, self._surcharge(base, node, positions))
        return self._exact(base, node, *((keys, space) if exact else seen.classes(node)))

    def _margin(self, node: Node) -> Reals | None:
        """Return the sizes of the classes of a node where at most one column has more than one label."""
        ladders = self._base.seen.table.ladders
        wide = [q for q, level in enumerate(node) if len(ladders[q].rungs[level].labels) > 1]
        if len(wide) > 1:
            return None
        q = wide[0] if wide else 0
        return np.bincount(ladders[q].rungs[node[q]].codes, weights=self._leaf_rows[q]).astype(np.float64)

    def _exact(self, base: _Snapshot, node: Node, classes: Codes, count: int) -> Look:
        seen = base.seen
        table = seen.table
        if table.sensitive:
            classes, count = densify(classes, count)
        grouped = Grouped(classes, count, table.rows, table.sensitive, table.population)
        failed = failing(self.models, grouped, self._references)
        sizes = grouped.sizes()
        above = self.objective.above(sizes) if isinstance(self.objective, Discernibility) else -np.inf
        if len(table) > _SMALL and np.count_nonzero(sizes) <= _WORTH_A_SNAPSHOT * len(table):
            self._keep(base, node, classes, count)
        if table.population is not None and bool((failed & (sizes == 0)).any()):
            return Look(True, above=above)  # a class of the population without rows, here and in every finer node
        suppressed = int(dot(sizes, failed))
        if suppressed > self._most():
            return Look(self._fails_below(grouped, failed), above=above)
        if suppressed == self._total:
            return Look(self._all_monotone, above=above)  # nothing would leave: that is no release
        positions = np.flatnonzero(failed[classes]) if suppressed else np.zeros(0, dtype=np.int64)
        if isinstance(self.objective, Discernibility):
            value = self.objective.value(sizes[~failed], suppressed)
        else:
            value = self.objective.value(node, seen, positions)
        self._take(node, seen, positions, value, suppressed)
        surcharge = None
        if suppressed:
            certain = (
                failed if self._all_monotone else failing(self.models, grouped, self._references, monotone_only=True)
            )
            surcharge = self._surcharge(base, node, np.flatnonzero(certain[classes]))
        return Look(False, surcharge, above)

    def _surcharge(self, base: _Snapshot, node: Node, positions: Codes) -> list[Reals] | None:
        """Return what suppressing these tuples adds to finer nodes, where it is worth the time to find out."""
        if isinstance(self.objective, Discernibility):
            return None
        bound = self.objective.bound(node)
        more = self.objective.value(node, base.seen, positions) - bound
        if more < _WORTH_RAISING * bound:
            return None
        return self.objective.surcharge(node, base.seen, base.node, positions)

    def _fails_below(self, grouped: Grouped, failed: Flags) -> bool:
        """Say whether every finer node suppresses too many rows as well."""
        if self._all_monotone:
            return True
        removed = least_removed(self.models, grouped, self._references, failed)
        return float(removed.sum()) > self._most()

    def _take(self, node: Node, seen: Views, positions: Codes, value: float, suppressed: int) -> None:
        if self.worse(value):
            return
        losses = self._loss.losses(node, seen, positions)
        found = Found(value, self.objective.unit, suppressed, node, tuple(losses.tolist()))
        if self.best is None or found.rank < self.best.rank:
            self.best = found
