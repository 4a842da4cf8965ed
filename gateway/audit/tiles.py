"""C2SP tlog-tiles: tiles of height 8, their paths, entry bundles, and the right edge of a growing tree.

A tile of level ``L`` holds up to 256 hashes of level ``8 L`` of the tree. Source: c2sp.org/tlog-tiles, v0.1.0.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.audit.errors import LogDamagedError, MalformedError
from gateway.audit.merkle import HASH_BYTES, CompactRange, Nodes, complete, fold

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes in a full tile."""
MAX_ENTRY_BYTES = 65_535
"""An entry bundle gives the length of an entry in 16 bits."""
MAX_LEVEL = 63 // HEIGHT

_PATH = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """One tile: its level (``None`` is the entry bundle), index and width in hashes or entries, 1 to 256."""

    level: int | None
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix, as ``tile/0/x001/067.p/112``."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> TileId:
    """Return the tile that ``path`` names; raises ``MalformedError`` unless it is the canonical path of one."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise MalformedError("This is not the path of a tile.")
    level = None if match["level"] == "entries" else int(match["level"])
    tile = TileId(level, int(match["index"].replace("x", "").replace("/", "")), int(match["width"] or WIDTH))
    if tile.path != path or (level is not None and level > MAX_LEVEL):
        raise MalformedError("This is not the path of a tile.")  # leading zeros, or a partial width of 256
    return tile


def tile_width(level: int, index: int, size: int) -> int:
    """Return how many hashes tile ``index`` of ``level`` holds in a tree of ``size``, 0 to 256."""
    hashes = size >> (HEIGHT * level)
    return min(max(hashes - index * WIDTH, 0), WIDTH)


def tiles_of(size: int) -> Iterator[TileId]:
    """Yield every hash tile of a tree of ``size``, level by level."""
    level = 0
    while hashes := size >> (HEIGHT * level):
        for index in range(0, (hashes + WIDTH - 1) // WIDTH):
            yield TileId(level, index, tile_width(level, index, size))
        level += 1


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return an entry bundle: each entry after its length in 16 bits, big-endian."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise MalformedError("An entry holds at most 65,535 bytes.")
        parts += (struct.pack(">H", len(entry)), entry)
    return b"".join(parts)


def decode_bundle(content: bytes) -> list[bytes]:
    """Return the entries of a bundle; raises ``MalformedError`` on a cut one."""
    entries: list[bytes] = []
    position = 0
    while position < len(content):
        start = position + 2
        if start > len(content):
            raise MalformedError("The entry bundle is cut.")
        (length,) = struct.unpack(">H", content[position:start])
        position = start + length
        if position > len(content):
            raise MalformedError("The entry bundle is cut.")
        entries.append(content[start:position])
    return entries


def split_hashes(content: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    if len(content) % HASH_BYTES or len(content) > WIDTH * HASH_BYTES:
        raise MalformedError("A tile is a run of at most 256 hashes of 32 bytes.")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def nodes_from(tile: Callable[[int, int], bytes]) -> Nodes:
    """Return ``Nodes`` that read from tiles: ``tile(level, index)`` gives a tile's bytes, wide enough or wider.

    Tiles are read once each. Raises ``LogDamagedError`` when one is narrower than the tree needs.
    """
    cache: dict[tuple[int, int], bytes] = {}

    def nodes(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        key = (tile_level, first // WIDTH)
        if key not in cache:
            cache[key] = tile(*key)
        start = (first % WIDTH) * HASH_BYTES
        hashes = cache[key][start : start + (HASH_BYTES << height)]
        if len(hashes) != HASH_BYTES << height:
            raise LogDamagedError(f"Tile {TileId(*key).path} of the log is missing or too narrow.")
        return complete(split_hashes(hashes))

    return nodes


@dataclass(slots=True)
class _Partial:
    """The tile of one level that is not full yet: its hashes, and the tree over them as it grows."""

    hashes: list[bytes]
    tree: CompactRange

    @classmethod
    def of(cls, hashes: list[bytes]) -> _Partial:
        tree = CompactRange()
        tree.extend(hashes)
        return cls(hashes, tree)

    def extend(self, nodes: Sequence[bytes]) -> bytes | None:
        """Add hashes, as many as there is room for at most; return the root of the tile when it is full."""
        self.hashes += nodes
        self.tree.extend(nodes)
        return self.tree.root() if self.tree.size == WIDTH else None


@dataclass(slots=True)
class Edge:
    """The right edge of a tree: its size and, level by level, the tile that is not full yet.

    A commit needs the root, so each tile's tree is kept as it grows: one hash a leaf, and not the whole tile again.
    """

    size: int = 0
    levels: list[_Partial] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, tile: Callable[[int, int], bytes]) -> Edge:
        """Read the edge of a tree of ``size`` from its tiles; raises ``LogDamagedError`` when one does not fit."""
        edge = cls(size)
        level = 0
        while hashes := size >> (HEIGHT * level):
            width = hashes % WIDTH
            content = tile(level, hashes // WIDTH) if width else b""
            if len(content) != width * HASH_BYTES:
                raise LogDamagedError(f"The right edge of the log is damaged at level {level} (size {size}).")
            edge.levels.append(_Partial.of(split_hashes(content)))
            level += 1
        return edge

    @classmethod
    def of(cls, size: int, levels: Iterable[Sequence[bytes]]) -> Edge:
        """Return the edge of a tree of ``size`` whose tiles that are not full hold these hashes, level by level."""
        return cls(size, [_Partial.of(list(hashes)) for hashes in levels])

    def hashes(self) -> list[list[bytes]]:
        """Return the hashes of the tiles that are not full, level by level."""
        return [list(level.hashes) for level in self.levels]

    def copy(self) -> Edge:
        """Return an edge of its own, to be thrown away when the transaction fails."""
        return Edge(self.size, [_Partial(list(level.hashes), level.tree.copy()) for level in self.levels])

    def append(self, leaf: bytes, changed: dict[tuple[int, int], bytes]) -> None:
        """Add a leaf hash; ``changed`` collects full tiles by level and index."""
        self.extend((leaf,), changed)

    def extend(self, leaves: Sequence[bytes], changed: dict[tuple[int, int], bytes]) -> None:
        """Add leaf hashes; ``changed`` collects full tiles by level and index."""
        at = 0
        while at < len(leaves):
            some = leaves[at : at + WIDTH - self.size % WIDTH]
            at += len(some)
            self.size += len(some)
            level, carried = 0, self._add(0, some, changed)
            while carried is not None:
                level += 1
                carried = self._add(level, (carried,), changed)

    def _add(self, level: int, nodes: Sequence[bytes], changed: dict[tuple[int, int], bytes]) -> bytes | None:
        """Add hashes to the tile of a level; return its root when it is full, and begin the next."""
        if level == len(self.levels):
            self.levels.append(_Partial.of([]))
        partial = self.levels[level]
        full = partial.extend(nodes)
        if full is not None:
            changed[level, (self.size >> (HEIGHT * level)) // WIDTH - 1] = b"".join(partial.hashes)
            self.levels[level] = _Partial.of([])
        return full

    def partial_tiles(self, since: int) -> dict[tuple[int, int], bytes]:
        """Return the tiles of the edge that are not full and have changed since the tree had ``since`` leaves."""
        return {
            (level, (self.size >> (HEIGHT * level)) // WIDTH): b"".join(partial.hashes)
            for level, partial in enumerate(self.levels)
            if partial.hashes and self.size >> (HEIGHT * level) != since >> (HEIGHT * level)
        }

    def root(self) -> bytes:
        """Return the root of the tree."""
        return fold(self.peaks())

    def peaks(self) -> list[bytes]:
        """Return the roots of the complete subtrees that make up the tree, widest first."""
        return [peak for level in reversed(self.levels) for peak in level.tree.peaks]
