"""A tree that grows tile by tile is the tree over its leaves, wherever the signed roots lie."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.merkle import complete, leaf_hash, leaf_hashes, root_of
from gateway.audit.signed import SignedRoot
from gateway.audit.tiles import WIDTH
from gateway.audit.trees import Tree

LEAVES = [sha256(at.to_bytes(2)).digest() for at in range(3 * WIDTH)]


@given(st.integers(1, 3 * WIDTH), st.sets(st.integers(1, 3 * WIDTH), max_size=6), st.integers(0, 3 * WIDTH))
def test_the_roots_on_the_way_are_those_of_the_leaves(size: int, places: set[int], wrong: int) -> None:
    stops = [SignedRoot(at, bytes(32) if at == wrong else root_of(LEAVES[:at])) for at in sorted(places) if at <= size]
    tree = Tree()
    for start in range(0, size, WIDTH):
        tile = LEAVES[start : min(start + WIDTH, size)]
        whole = tree.grow(tile, [one for one in stops if start < one.size <= start + len(tile)])
        assert whole == (complete(tile) if len(tile) == WIDTH else None)
    assert (tree.leaves.size, tree.leaves.root()) == (size, root_of(LEAVES[:size]))
    assert tree.bad == (wrong if any(one.size == wrong for one in stops) else None)
    assert tree.good == max((one.size for one in stops if one.size != wrong), default=0)


@pytest.mark.parametrize("inside", [1, 100, WIDTH])
def test_a_root_that_others_kept_is_found_inside_and_at_the_end_of_a_tile(inside: int) -> None:
    right, false = SignedRoot(inside, root_of(LEAVES[:inside]), kept=True), SignedRoot(inside, bytes(32), kept=True)
    tree = Tree()
    tree.grow(LEAVES[:WIDTH], [false, right])
    assert (tree.kept, tree.bad) == ({right}, None)


def test_many_leaves_have_the_hash_of_each() -> None:
    assert leaf_hashes([b"", b"L123456"]) == [leaf_hash(b""), leaf_hash(b"L123456")]
