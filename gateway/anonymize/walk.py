"""Two walks through the lattice of levels: over an array that holds every node, and over a heap for larger ones.

Both end with a proof: every node was looked at, is ruled out by a coarser one that fails, or cannot be better by its
bound. Both return ``None`` then, otherwise the smallest bound still open.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from gateway.anonymize.models import Reals
from gateway.anonymize.objectives import Node, along, outer
from gateway.anonymize.trial import EPSILON, Look, Trial

_FLOOR_EVERY, _FLOOR_SHARE = 20, 8192
_HEAP_CHECKS = 20_000
_MOST_SEEN = 1_000_000
_RAISED = 1 << 16
"""Bounds of more finer nodes than these are not raised one by one: it would take longer than it saves."""


def walk_array(trial: Trial, bottom: Node, top: Node) -> float | None:
    """Walk a lattice whose nodes all fit into one array."""
    grid = _Grid(trial, bottom, top)
    _cut_margins(trial, bottom, top, grid.close)
    if grid.look(top).ruled_out:
        return None
    trial.outlook = grid.outlook
    if not grid.by_bound:
        _descend(trial, grid.look, bottom, top)
    position, steps, floor = 0, 0, bottom
    every = max(_FLOOR_EVERY, grid.size // _FLOOR_SHARE)
    while True:
        grid.drop_worse()
        position = grid.next_open(position)
        if position < 0:
            return None
        if trial.spent:
            return grid.lowest()
        if steps % every == 0 and (risen := grid.floor()) != floor:
            trial.raise_floor(risen)
            floor = risen
        steps += 1
        node = grid.node_at(position)
        if grid.look(node).ruled_out:
            grid.close(_coarsest_failing(trial, grid.look, node, top))


def walk_heap(trial: Trial, bottom: Node, top: Node) -> float | None:
    """Walk a lattice too large for an array: a greedy descent first, then by bound as far as the checks last."""
    covers = _Covers(len(top))
    _cut_margins(trial, bottom, top, covers.add)
    floor = tuple(np.maximum(bottom, covers.floor(top)).tolist())
    trial.raise_floor(floor)
    if trial.rules_out(top):
        return None
    _descend(trial, trial.look, floor, top)
    _polish(trial, floor, top)
    budget = trial.checks + _HEAP_CHECKS
    heap: list[tuple[float, Node]] = [(trial.objective.bound(floor), floor)]
    seen = {floor}
    trial.outlook = lambda: (0.0, heap[0][0] if heap else None)
    while heap:
        bound, node = heapq.heappop(heap)
        if trial.worse(bound):
            return None
        exhausted = trial.control.seconds is None and trial.checks >= max(budget, trial.control.max_checks or 0)
        if trial.spent or exhausted or len(seen) > _MOST_SEEN:
            _polish(trial, floor, top)
            return bound
        cover = covers.over(node)
        if cover is None:
            look = trial.look(node)
            bound = max(bound, look.above)
            if look.ruled_out:
                cover = _coarsest_failing(trial, trial.look, node, top)
                covers.add(cover)
        for q in range(len(node)):
            # Everything below a failing node is closed: what is still open lies above it in some column.
            level = (node if cover is None else cover)[q] + 1
            if level > top[q]:
                continue
            above = (*node[:q], level, *node[q + 1 :])
            if above not in seen and not trial.worse(higher := max(bound, trial.objective.bound(above))):
                seen.add(above)
                heapq.heappush(heap, (higher, above))
    return None


class _Covers:
    """Nodes that are ruled out with everything below them."""

    def __init__(self, columns: int) -> None:
        self._nodes = np.empty((64, columns), dtype=np.int16)
        self._count = 0

    def add(self, node: Node) -> None:
        """Rule out ``node`` and everything finer."""
        if self._count == len(self._nodes):
            self._nodes = np.concatenate([self._nodes, np.empty_like(self._nodes)])
        self._nodes[self._count] = node
        self._count += 1

    def over(self, node: Node) -> Node | None:
        """Return a node that rules out ``node``."""
        above = np.flatnonzero((self._nodes[: self._count] >= np.array(node, dtype=np.int16)).all(axis=1))
        return tuple(self._nodes[above[0]].tolist()) if above.size else None

    def floor(self, top: Node) -> list[int]:
        """Return the lowest level of each column that is not ruled out for all others at the top."""
        lowest = [0] * len(top)
        for node in self._nodes[: self._count].tolist():
            for q, level in enumerate(node):
                if level < top[q]:
                    lowest[q] = max(lowest[q], level + 1)
        return lowest


class _Grid:
    """Every node with its bound, in the order in which they are taken, and whether it is still open."""

    def __init__(self, trial: Trial, bottom: Node, top: Node) -> None:
        self._trial = trial
        self._bottom = bottom
        bounds = trial.objective.bounds(bottom, top)
        self._bounds = bounds
        self._flat_bounds = bounds.reshape(-1)  # a view: what is written through one is seen in the other
        self.by_bound = trial.objective.by_bound
        self._order = np.argsort(self._flat_bounds if self.by_bound else self._likely(bottom, top), kind="stable")
        self._open = np.ones(bounds.shape, dtype=np.bool_)
        self._flat = self._open.reshape(-1)
        self._best = np.inf
        self._floor = list(bottom)

    @property
    def size(self) -> int:
        """Return the number of nodes."""
        return int(self._flat.size)

    def look(self, node: Node) -> Look:
        """Look at ``node``, close it, and raise the bounds of others by what that says."""
        look = self._trial.look(node)
        here = tuple(level - low for level, low in zip(node, self._bottom, strict=True))
        self._open[here] = False
        if look.surcharge is not None:
            self._raise_below(here, look.surcharge)
        if look.above > self._bounds[here]:
            spot = tuple(slice(level, None) for level in here)
            np.maximum(self._bounds[spot], look.above, out=self._bounds[spot])
            self._close_worse(spot)
        return look

    def drop_worse(self) -> None:
        """Close what cannot be better than a best that is new."""
        best = self._trial.best
        if best is not None and best.value < self._best:
            self._best = best.value
            self._close_worse((...,))

    def next_open(self, position: int) -> int:
        """Return the first open position from ``position`` on in the order, -1 when there is none."""
        size = int(self._order.size)
        while position < size:
            chunk = self._flat[self._order[position : position + 4096]]
            ahead = int(chunk.argmax())
            if chunk[ahead]:
                return position + ahead
            position += 4096
        return -1

    def lowest(self) -> float:
        """Return the smallest bound of an open node, infinite when there is none."""
        return float(self._flat_bounds[self._flat].min(initial=np.inf))

    def outlook(self) -> tuple[float, float | None]:
        """Return the share of closed nodes and the smallest open bound."""
        lowest = self.lowest()
        return 1 - float(np.count_nonzero(self._flat)) / self._flat.size, None if np.isinf(lowest) else lowest

    def node_at(self, position: int) -> Node:
        """Return the levels of the node at ``position`` of the order."""
        indices = np.unravel_index(int(self._order[position]), self._open.shape)
        return tuple(int(index) + low for index, low in zip(indices, self._bottom, strict=True))

    def close(self, node: Node) -> None:
        """Close ``node`` and everything finer."""
        self._open[tuple(slice(0, level - low + 1) for level, low in zip(node, self._bottom, strict=True))] = False

    def floor(self) -> Node:
        """Return the lowest level of each column among the open nodes."""
        shape: tuple[int, ...] = self._open.shape
        for q, (low, size) in enumerate(zip(self._bottom, shape, strict=True)):
            axis = np.moveaxis(self._open, q, 0)
            while self._floor[q] - low < size - 1 and not axis[self._floor[q] - low].any():
                self._floor[q] += 1
        return tuple(self._floor)

    def _likely(self, bottom: Node, top: Node) -> Reals:
        """Return the sum of the marginals of each node, for the order alone."""
        marginal = self._trial.objective.marginal
        spans = enumerate(zip(bottom, top, strict=True))
        return outer([[marginal(q, level) for level in range(low, high + 1)] for q, (low, high) in spans]).reshape(-1)

    def _raise_below(self, here: Node, surcharge: list[Reals]) -> None:
        spot = tuple(slice(0, level + 1) for level in here)
        below = self._bounds[spot]
        if below.size > _RAISED:
            return
        raised = self._trial.objective.bounds(
            self._bottom, tuple(level + low for level, low in zip(here, self._bottom, strict=True))
        )
        for q, parts in enumerate(surcharge):
            raised += along(q, raised.ndim, parts[self._bottom[q] :])
        np.maximum(below, raised, out=below)
        self._close_worse(spot)

    def _close_worse(self, spot: tuple[object, ...]) -> None:
        best = self._trial.best
        if best is not None:
            least = best.value + EPSILON * self._trial.objective.unit
            self._open[spot] &= self._bounds[spot] <= least  # type: ignore[index]  # slices


def _cut_margins(trial: Trial, bottom: Node, top: Node, close: Callable[[Node], None]) -> None:
    """For each column find the highest level that fails although all others stand at the top, and close below it."""
    for q in range(len(top)):
        for level in range(top[q] - 1, bottom[q] - 1, -1):
            node = (*top[:q], level, *top[q + 1 :])
            if trial.rules_out(node, proof_only=True):
                close(node)
                break


def _coarsest_failing(trial: Trial, look: Callable[[Node], Look], node: Node, top: Node) -> Node:
    """Return a failing node at or above the failing ``node``, by halving one path to the top.

    The path raises the column that costs least first, so that its first good node has a low value.
    """
    marginal = trial.objective.marginal
    path = [node]
    while path[-1] != top:
        here = path[-1]
        _, column = min(
            (marginal(q, level + 1) - marginal(q, level), q) for q, level in enumerate(here) if level < top[q]
        )
        path.append((*here[:column], here[column] + 1, *here[column + 1 :]))
    trial.anchor(node)
    low, high = 0, len(path) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if look(path[middle]).ruled_out:
            low = middle
        else:
            high = middle
    if trial.allowed and trial.objective.by_bound:
        return path[low]
    return _raised(trial, look, path[low], top)


def _raised(trial: Trial, look: Callable[[Node], Look], node: Node, top: Node) -> Node:
    """Return the failing ``node`` raised column by column as far as it fails, the cheapest step first.

    That takes looks, and pays where each is cheap or where bounds close little.
    """
    marginal = trial.objective.marginal
    open_columns = [q for q, level in enumerate(node) if level < top[q]]
    for q in sorted(open_columns, key=lambda q: marginal(q, node[q] + 1) - marginal(q, node[q])):
        while node[q] < top[q] and look(raised := (*node[:q], node[q] + 1, *node[q + 1 :])).ruled_out:
            node = raised
    return node


def _descend(trial: Trial, look: Callable[[Node], Look], floor: Node, top: Node) -> None:
    """Go down from the top, each time to the good node with the lowest bound, until none is left."""
    here = top
    while True:
        below = sorted(
            (trial.objective.bound(lower), lower)
            for q in range(len(here))
            if here[q] > floor[q] and (lower := (*here[:q], here[q] - 1, *here[q + 1 :]))
        )
        for _, lower in below:
            if trial.spent:
                return
            if not look(lower).ruled_out:
                here = lower
                break
        else:
            return


def _polish(trial: Trial, floor: Node, top: Node) -> None:
    """Improve the best by steps of one or two columns, one down and perhaps one up, until none helps."""
    while trial.best is not None:
        before = trial.best
        here = before.node
        lower = [(*here[:q], level - 1, *here[q + 1 :]) for q, level in enumerate(here) if level > floor[q]]
        swapped = [
            (*node[:q], level + 1, *node[q + 1 :])
            for node in lower
            for q, level in enumerate(node)
            if level == here[q] < top[q]
        ]
        for _, node in sorted((trial.objective.bound(node), node) for node in (*lower, *swapped)):
            if trial.spent or trial.worse(trial.objective.bound(node)):
                return
            trial.look(node)
            if trial.best is not before:
                break
        else:
            return
