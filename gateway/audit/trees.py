"""Trees that grow beside each other while a log is verified, each compared with the signed roots on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.audit.merkle import CompactRange, complete, fold
from gateway.audit.signed import SignedRoot
from gateway.audit.tiles import HEIGHT, WIDTH, Edge


@dataclass(slots=True)
class Tree:
    """A tree over leaf hashes, and how far the signed roots agree with it."""

    leaves: CompactRange = field(default_factory=CompactRange)
    good: int = 0
    """The largest size whose signed root it has: everything before it is as it was signed."""
    bad: int | None = None
    """The smallest size at which the log signed another root."""
    kept: set[SignedRoot] = field(default_factory=set)
    """Roots that others kept and that it has."""

    def grow(self, leaves: Sequence[bytes], stops: Sequence[SignedRoot]) -> bytes | None:
        """Add leaves that lie in one tile, and compare the root at each stop.

        Returns the root over them where they are a full tile: the tree needs it on its way, so nobody hashes it again.
        """
        first, upto = self.leaves.size, len(leaves)
        if upto != WIDTH or first % WIDTH:
            for stop in stops:
                self.leaves.extend(leaves[self.leaves.size - first : max(stop.size - first, 0)])
                self._compare(stop, self.leaves.size, self.leaves.peaks)
            self.leaves.extend(leaves[self.leaves.size - first :])
            return None
        before, inside = self.leaves.peaks, CompactRange()
        for stop in stops:
            if stop.size < first + upto:
                inside.extend(leaves[inside.size : max(stop.size - first, 0)])
                self._compare(stop, first + inside.size, [*before, *inside.peaks])
        inside.extend(leaves[inside.size :])
        whole = inside.root()
        self.leaves.append_complete(whole, HEIGHT)
        for stop in stops:
            if stop.size >= first + upto:
                self._compare(stop, self.leaves.size, self.leaves.peaks)
        return whole

    def _compare(self, stop: SignedRoot, size: int, peaks: Sequence[bytes]) -> None:
        same = stop.size == size and fold(peaks) == stop.root
        if stop.kept:
            if same:
                self.kept.add(stop)
        elif same:
            self.good = max(self.good, stop.size)
        elif self.bad is None:
            self.bad = stop.size

    def holds(self, size: int) -> bool:
        """Say whether no signed root speaks against the first ``size`` leaves."""
        return self.bad is None or self.good >= size

    def copy(self) -> Tree:
        """Return a tree of its own."""
        return Tree(self.leaves.copy(), self.good, self.bad, set(self.kept))


@dataclass(slots=True)
class InnerTiles:
    """Builds the tiles above the leaves again and compares each with the one that is stored."""

    stored: Callable[[int, int], bytes]
    wrong: list[tuple[int, int]] = field(default_factory=list)
    """Level and index of tiles that are not what the leaves lead to."""
    _edge: Edge = field(default_factory=Edge)
    _leaves: list[bytes] = field(default_factory=list)

    def go_on(self, edge: Edge) -> None:
        """Begin behind the full tiles of ``edge`` instead of at the first leaf."""
        self._edge = Edge.of(edge.size >> HEIGHT, edge.hashes()[1:])

    def edge(self) -> Edge:
        """Return the edge of the tree, where no tile of leaves is begun."""
        return Edge.of(self._edge.size << HEIGHT, [[], *self._edge.hashes()])

    def add(self, leaves: Sequence[bytes], whole: bytes | None) -> None:
        """Add leaves of one tile; ``whole`` is the root over them where they are a full tile."""
        if whole is None:
            self._leaves += leaves
            if len(self._leaves) < WIDTH:
                return
            whole = complete(self._leaves)
            self._leaves.clear()
        full: dict[tuple[int, int], bytes] = {}
        self._edge.append(whole, full)
        self._compare(full)

    def finish(self) -> None:
        """Compare the tiles at the right edge."""
        self._compare(self._edge.partial_tiles(0))

    def _compare(self, tiles: dict[tuple[int, int], bytes]) -> None:
        for (level, index), content in tiles.items():
            if self.stored(level + 1, index) != content:
                self.wrong.append((level + 1, index))
