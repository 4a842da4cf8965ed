"""Tiles: widths, paths, bundles and the growing right edge."""

from __future__ import annotations

import pytest

from gateway.audit.errors import LogDamagedError, MalformedError
from gateway.audit.merkle import leaf_hash, nodes_of, root_hash, root_of
from gateway.audit.tiles import (
    Edge,
    TileId,
    decode_bundle,
    encode_bundle,
    nodes_from,
    parse_path,
    tile_width,
    tiles_of,
)


def test_widths_of_the_notes() -> None:
    tiles = list(tiles_of(70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert TileId(0, 273, 112) in tiles
    assert [tile for tile in tiles if tile.level == 1] == [TileId(1, 0, 256), TileId(1, 1, 17)]
    assert [tile for tile in tiles if tile.level == 2] == [TileId(2, 0, 1)]
    assert tile_width(1, 0, 256) == 1


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileId(0, 0), "tile/0/000"),
        (TileId(0, 0, 1), "tile/0/000.p/1"),
        (TileId(3, 1_234_067), "tile/3/x001/x234/067"),
        (TileId(None, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_paths_read_back(tile: TileId, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/8/000",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/../000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/١٢٣",
        "tile/data/000",
    ],
)
def test_no_other_path_names_a_tile(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_path(path)


def test_bundle_reads_back_and_a_cut_one_is_refused() -> None:
    entries = [b"", b"a", b"x" * 65_535]
    content = encode_bundle(entries)
    assert content[:5] == b"\x00\x00\x00\x01a"
    assert decode_bundle(content) == entries
    for cut in (1, 3, len(content) - 1):
        with pytest.raises(MalformedError):
            decode_bundle(content[:cut])
    with pytest.raises(MalformedError):
        encode_bundle([b"x" * 65_536])


def test_edge_has_the_root_at_every_size_and_reloads_from_its_tiles() -> None:
    leaves = [leaf_hash(str(at).encode()) for at in range(70_000)]
    nodes = nodes_of(leaves)
    edge, stored = Edge(), {}
    checked = {*range(1, 600), 65_535, 65_536, 65_537, 69_999, 70_000}
    for size, leaf in enumerate(leaves, start=1):
        changed: dict[tuple[int, int], bytes] = {}
        edge.append(leaf, changed)
        changed.update(edge.partial_tiles(size - 1))
        stored.update(changed)
        if size in checked:
            assert edge.root() == root_hash(nodes, size)
            again = Edge.load(size, lambda level, tile: stored.get((level, tile), b""))
            assert (again.root(), again.levels[: len(edge.levels)]) == (edge.root(), edge.levels)
    tile_nodes = nodes_from(lambda level, tile: stored.get((level, tile), b""))
    assert root_hash(tile_nodes, 69_123) == root_of(leaves[:69_123])


def test_edge_refuses_a_tile_that_does_not_fit() -> None:
    with pytest.raises(LogDamagedError):
        Edge.load(3, lambda level, tile: bytes(32 * 2))
    with pytest.raises(LogDamagedError):
        nodes_from(lambda level, tile: b"")(0, 0)
