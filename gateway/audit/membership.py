"""Whether a tag is among the sorted tags of an entry, shown with few hashes: its own place, or that of its neighbours.

Pure functions. What is shown holds if the list is sorted, which its Merkle root alone does not tell: ``xueji
verify-log`` looks at the lists themselves. Source: docs/presence-proofs.md, section 4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.errors import LogDamagedError, ProofError
from gateway.audit.merkle import EMPTY_ROOT, inclusion_proof, leaf_hash, root_hash, verify_inclusion
from gateway.audit.rolls import nodes_over
from gateway.audit.tag_makes import TAG_BYTES
from gateway.audit.tagged import EntryTags

_NEIGHBOURS: Final = 2


@dataclass(frozen=True, slots=True)
class TagLeaf:
    """A tag with its place in the list, and the path from it to the root (RFC 6962), from the leaf upwards."""

    index: int
    tag: bytes
    path: tuple[bytes, ...]


def shown(tags: Sequence[bytes], tag: bytes, root: bytes) -> tuple[bool, tuple[TagLeaf, ...]]:
    """Return whether ``tag`` is among the sorted ``tags``, and the leaves that show it to whoever knows ``root``.

    Present: its own leaf. Absent: the neighbours on both sides, one of them at an edge, none of an empty list.
    Raises ``LogDamagedError`` when the tags do not lead to ``root``.
    """
    nodes, count = nodes_over(tags), len(tags)
    if root_hash(nodes, count) != root:
        raise LogDamagedError(
            "A tag list of the log does not lead to the root in its entry; run 'xueji verify-log'.",
            detail_zh="审计日志的标签列表与条目中的根不一致，请运行 xueji verify-log。",
        )
    at = bisect_left(tags, tag)
    present = at < count and tags[at] == tag
    places = [at] if present else [place for place in (at - 1, at) if 0 <= place < count]
    return present, tuple(TagLeaf(place, tags[place], tuple(inclusion_proof(nodes, place, count))) for place in places)


def check_shown(tags: EntryTags, tag: bytes, present: bool, leaves: Sequence[TagLeaf]) -> None:
    """Return when ``leaves`` show that ``tag`` is, or is not, among those of an entry; raise ``ProofError`` if not."""
    if len(tag) != TAG_BYTES:  # an inner node is hashed over 64 bytes and is no tag
        raise ProofError(f"A tag has {TAG_BYTES} bytes.")
    if tags.root is None:
        if leaves:
            raise ProofError("The entry lists its tags itself: there is nothing to show beside it.")
        if (tag in (tags.listed or ())) != present:
            raise ProofError("The list in the entry says otherwise.")
        return
    for leaf in leaves:
        if len(leaf.tag) != TAG_BYTES:
            raise ProofError(f"A tag has {TAG_BYTES} bytes.")
        verify_inclusion(leaf_hash(leaf.tag), leaf.index, tags.count, leaf.path, tags.root)
    if present:
        if len(leaves) != 1 or leaves[0].tag != tag:
            raise ProofError("A tag that is there is shown by its own leaf, and by no other.")
        return
    _check_gap(tags, tag, leaves)


def _check_gap(tags: EntryTags, tag: bytes, leaves: Sequence[TagLeaf]) -> None:
    """Return when ``tag`` would stand between leaves, whose paths hold, that have no other between them."""
    if tags.count == 0:
        if leaves or tags.root != EMPTY_ROOT:
            raise ProofError("A list of no tags has the root of the empty tree, and no leaves.")
    elif len(leaves) == _NEIGHBOURS:
        below, above = leaves
        if above.index != below.index + 1:
            raise ProofError("The two leaves are not neighbours.")
        if not below.tag < tag < above.tag:
            raise ProofError("The tag does not lie between the two neighbours.")
    elif len(leaves) == 1:
        only = leaves[0]
        first = only.index == 0 and tag < only.tag
        last = only.index == tags.count - 1 and only.tag < tag
        if not (first or last):
            raise ProofError("One leaf shows absence only before the first tag or behind the last.")
    else:
        raise ProofError("Absence is shown by one leaf or two.")
