"""Two walks through the lattice of levels: over an array that holds every node, and over a heap for larger ones.

Both take nodes by their bound, so that the first open bound above the best loss proves the optimum. Both return
``None`` when the best is proven, otherwise the smallest bound still open.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from operator import le

import numpy as np

from gateway.anonymize.trial import Node, Trial

_FLOOR_EVERY = 20
_HEAP_CHECKS = 20_000
_MOST_SEEN = 1_000_000


def walk_array(trial: Trial, bottom: Node, top: Node, max_checks: int | None) -> float | None:
    """Walk a lattice whose nodes all fit into one array."""
    grid = _Grid(trial, bottom, top)
    _cut_margins(trial, bottom, top, grid.close)
    position, steps, floor = 0, 0, bottom
    while True:
        position = grid.next_open(position)
        if position < 0 or trial.worse(grid.bound_at(position)):
            return None
        if max_checks is not None and trial.checks >= max_checks and trial.best is not None:
            return grid.bound_at(position)
        if steps % _FLOOR_EVERY == 0 and (risen := grid.floor()) != floor:
            trial.raise_floor(risen)
            floor = risen
        steps += 1
        node = grid.node_at(position)
        if trial.rules_out(node):
            grid.close(_coarsest_failing(trial, node, top))
        else:
            grid.done(position)


def walk_heap(trial: Trial, bottom: Node, top: Node, max_checks: int | None) -> float | None:
    """Walk a lattice too large for an array: a greedy descent first, then by bound as far as the checks last."""
    budget = _HEAP_CHECKS if max_checks is None else max_checks
    closed: list[Node] = []
    _cut_margins(trial, bottom, top, closed.append)
    floor = tuple(max([low, *(node[q] + 1 for node in closed if node[q] < top[q])]) for q, low in enumerate(bottom))
    trial.raise_floor(floor)
    if trial.rules_out(top):
        return None
    _descend(trial, floor, top)
    heap: list[tuple[float, Node]] = [(trial.bound(floor), floor)]
    seen = {floor}
    while heap:
        bound, node = heapq.heappop(heap)
        if trial.worse(bound):
            return None
        if (trial.checks >= budget and trial.best is not None) or len(seen) > _MOST_SEEN:
            return bound
        cover = next((other for other in closed if all(map(le, node, other))), None)
        if cover is None and trial.rules_out(node):
            cover = _coarsest_failing(trial, node, top)
            closed.append(cover)
        for q in range(len(node)):
            # Everything below a failing node is closed: what is still open lies above it in some column.
            level = (node if cover is None else cover)[q] + 1
            above = (*node[:q], level, *node[q + 1 :])
            if level <= top[q] and above not in seen and not trial.worse(higher := trial.bound(above)):
                seen.add(above)
                heapq.heappush(heap, (higher, above))
    return None


class _Grid:
    """Every node with its bound, in order of the bounds, and whether it is still open."""

    def __init__(self, trial: Trial, bottom: Node, top: Node) -> None:
        self._bottom = bottom
        shape = tuple(high - low + 1 for low, high in zip(bottom, top, strict=True))
        bounds = np.zeros(shape)
        for q, (low, high) in enumerate(zip(bottom, top, strict=True)):
            axis = [1] * len(shape)
            axis[q] = -1
            bounds += np.array([trial.marginal(q, level) for level in range(low, high + 1)]).reshape(axis)
        self._bounds = bounds.reshape(-1)
        self._order = np.argsort(self._bounds, kind="stable")
        self._open = np.ones(shape, dtype=np.bool_)
        self._flat = self._open.reshape(-1)  # a view: closing writes through

    def next_open(self, position: int) -> int:
        """Return the first open position from ``position`` on in the order of bounds, -1 when there is none."""
        size = int(self._order.size)
        while position < size:
            chunk = self._flat[self._order[position : position + 4096]]
            ahead = int(chunk.argmax())
            if chunk[ahead]:
                return position + ahead
            position += 4096
        return -1

    def bound_at(self, position: int) -> float:
        """Return the bound of the node at ``position`` of the order."""
        return float(self._bounds[self._order[position]])

    def node_at(self, position: int) -> Node:
        """Return the levels of the node at ``position`` of the order."""
        indices = np.unravel_index(int(self._order[position]), self._open.shape)
        return tuple(int(index) + low for index, low in zip(indices, self._bottom, strict=True))

    def done(self, position: int) -> None:
        """Close one node."""
        self._flat[self._order[position]] = False

    def close(self, node: Node) -> None:
        """Close ``node`` and everything finer."""
        self._open[tuple(slice(0, level - low + 1) for level, low in zip(node, self._bottom, strict=True))] = False

    def floor(self) -> Node:
        """Return the lowest level of each column among the open nodes."""
        axes = range(self._open.ndim)
        return tuple(
            int(self._open.any(axis=tuple(other for other in axes if other != q)).argmax()) + low
            for q, low in enumerate(self._bottom)
        )


def _cut_margins(trial: Trial, bottom: Node, top: Node, close: Callable[[Node], None]) -> None:
    """For each column find the highest level that fails although all others stand at the top, and close below it."""
    for q in range(len(top)):
        for level in range(top[q] - 1, bottom[q] - 1, -1):
            node = (*top[:q], level, *top[q + 1 :])
            if trial.rules_out(node, proof_only=True):
                close(node)
                break


def _coarsest_failing(trial: Trial, node: Node, top: Node) -> Node:
    """Return a failing node at or above the failing ``node``, by halving one path to the top.

    The path raises the column that costs least first, so that its first good node has a low loss.
    """
    path = [node]
    while path[-1] != top:
        here = path[-1]
        _, column = min(
            (trial.marginal(q, level + 1) - trial.marginal(q, level), q)
            for q, level in enumerate(here)
            if level < top[q]
        )
        path.append((*here[:column], here[column] + 1, *here[column + 1 :]))
    low, high = 0, len(path) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if trial.rules_out(path[middle]):
            low = middle
        else:
            high = middle
    return path[low]


def _descend(trial: Trial, floor: Node, top: Node) -> None:
    """Go down from the top, each time to the good node with the lowest bound, until none is left."""
    here = top
    while True:
        below = sorted(
            (trial.bound(lower), lower)
            for q in range(len(here))
            if here[q] > floor[q] and (lower := (*here[:q], here[q] - 1, *here[q + 1 :]))
        )
        for _, lower in below:
            if not trial.rules_out(lower, proof_only=False):
                here = lower
                break
        else:
            return
