"""Every proof verifies at every tree size, and no altered one does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.errors import ProofError
from gateway.audit.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(n.to_bytes(2, "big")) for n in range(300)]
NODES = nodes_of(LEAVES)
ROOTS = [root_of(LEAVES[:size]) for size in range(301)]


def test_every_leaf_is_proven_at_every_size_to_300() -> None:
    for size in range(1, 301):
        for index in range(size):
            verify_inclusion(LEAVES[index], index, size, inclusion_proof(NODES, index, size), ROOTS[size])


def test_every_pair_of_sizes_to_300_is_consistent() -> None:
    for new in range(1, 301):
        for old in range(1, new + 1):
            verify_consistency(old, new, consistency_proof(NODES, old, new), ROOTS[old], ROOTS[new])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_an_altered_inclusion_proof_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(NODES, index, size)
    at = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[at], "big") ^ (1 << bit)).to_bytes(32, "big")
    for wrong in (
        [*proof[:at], flipped, *proof[at + 1 :]],
        proof[:at] + proof[at + 1 :],
        [*proof, LEAVES[0]],
    ):
        with pytest.raises(ProofError):
            verify_inclusion(LEAVES[index], index, size, wrong, ROOTS[size])
    other = data.draw(st.integers(0, 299).filter(lambda n: n != index))
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[other], index, size, proof, ROOTS[size])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_an_altered_consistency_proof_fails(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(NODES, old, new)
    at = data.draw(st.integers(0, len(proof) - 1))
    flipped = bytes([proof[at][0] ^ 1]) + proof[at][1:]
    for wrong in ([*proof[:at], flipped, *proof[at + 1 :]], proof[:at] + proof[at + 1 :], [*proof, LEAVES[0]]):
        with pytest.raises(ProofError):
            verify_consistency(old, new, wrong, ROOTS[old], ROOTS[new])
    rewritten = root_of([*LEAVES[: old - 1], LEAVES[299 - old]])
    if rewritten != ROOTS[old]:
        with pytest.raises(ProofError):
            verify_consistency(old, new, proof, rewritten, ROOTS[new])
