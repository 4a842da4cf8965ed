"""Figures stand where their values say."""

from __future__ import annotations

import pytest

from gateway.audit.errors import ProofError
from gateway.audit.merkle import inclusion_proof, leaf_hash, nodes_of, root_hash
from gateway.audit.records import EntryView, ProvenEntry
from gateway.console import figures


def proven(index: int, size: int, *, body: bytes | None = None) -> ProvenEntry:
    bodies = [f"entry {number}".encode() for number in range(size)]
    nodes = nodes_of(leaf_hash(one) for one in bodies)
    return ProvenEntry(
        EntryView(index, leaf_hash(bodies[index]), {}),
        body or bodies[index],
        size,
        root_hash(nodes, size),
        tuple(inclusion_proof(nodes, index, size)),
        "",
        "",
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 22])
def test_a_path_goes_from_the_root_to_the_leaf_for_every_entry(size: int) -> None:
    for index in range(size):
        found = proven(index, size)
        path = figures.inclusion(found)
        assert path.steps[0].node == found.root.hex()
        assert path.steps[0].sibling is None
        assert path.steps[-1].node == leaf_hash(found.body).hex()
        assert [step.sibling for step in reversed(path.steps)][:-1] == [node.hex() for node in found.proof]
        assert all(
            later.y - earlier.y == path.step_height for earlier, later in zip(path.steps, path.steps[1:], strict=False)
        )
        assert path.height > path.steps[-1].y


def test_a_path_of_another_body_is_not_drawn() -> None:
    with pytest.raises(ProofError):
        figures.inclusion(proven(2, 5, body=b"something else"))
