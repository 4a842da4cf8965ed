"""The Merkle tree of RFC 6962, section 2.1: hashing, proofs and their verification. Pure functions.

A tree is read through ``Nodes``: ``nodes(level, index)`` is the hash of the complete subtree over the leaves
``index << level`` up to ``(index + 1) << level``, exclusive. An odd node is carried up, never doubled
(doubling it, as Bitcoin does, lets two lists share a root).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.audit.errors import ProofError
from gateway.errors import ParameterError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

Nodes = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 over 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the hash of each leaf."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 over 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """Return the largest power of two smaller than ``count``, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)


def range_hash(nodes: Nodes, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]) where ``start`` is a multiple of the subtree's width; ``end > start``."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(count)
    return node_hash(range_hash(nodes, start, middle), range_hash(nodes, middle, end))


def root_hash(nodes: Nodes, size: int) -> bytes:
    """Return the root of the first ``size`` leaves."""
    return EMPTY_ROOT if size == 0 else range_hash(nodes, 0, size)


def fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over ``peaks``, the complete subtrees of a tree from the left, widest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def nodes_of(leaves: Iterable[bytes]) -> Nodes:
    """Return ``Nodes`` over leaf hashes held in memory, for verifiers and tests."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def nodes(level: int, index: int) -> bytes:
        return levels[level][index]

    return nodes


def complete(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    sha256 = hashlib.sha256
    level = list(hashes)
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


@dataclass(slots=True)
class CompactRange:
    """A growing tree in constant memory: its size and the roots of its complete subtrees, widest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        self._carry(leaf, 0)

    def append_complete(self, root: bytes, level: int) -> None:
        """Add a complete subtree of ``1 << level`` leaves; the size is a multiple of that."""
        self._carry(root, level)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes, in complete subtrees as large as fit: that saves most of the way of single ones."""
        at, end = 0, len(leaves)
        while at < end:
            level = (end - at).bit_length() - 1
            if self.size:
                level = min(level, (self.size & -self.size).bit_length() - 1)
            self._carry(complete(leaves[at : at + (1 << level)]), level)
            at += 1 << level

    def _carry(self, node: bytes, level: int) -> None:
        self.size += 1 << level
        carried = self.size >> level
        while carried & 1 == 0:
            node = node_hash(self.peaks.pop(), node)
            carried >>= 1
        self.peaks.append(node)

    def root(self) -> bytes:
        """Return the root of the tree."""
        return fold(self.peaks)

    def copy(self) -> CompactRange:
        """Return a range of its own."""
        return CompactRange(self.size, list(self.peaks))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in constant memory."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return PATH(index, D[size]) of RFC 6962, section 2.1.1, from the leaf upwards.

    Raises ``ParameterError`` unless ``0 <= index < size``.
    """
    if not 0 <= index < size:
        raise ParameterError(f"There is no leaf {index} in a tree of {size}.")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(range_hash(nodes, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """Return PROOF(old, D[new]) of RFC 6962, section 2.1.2; empty when both sizes are the same.

    Raises ``ParameterError`` unless ``1 <= old <= new``.
    """
    if not 1 <= old <= new:
        raise ParameterError(f"A consistency proof goes from a size of 1 or more to a larger one, not {old} to {new}.")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(nodes, middle, end))
            end = middle
        else:
            path.append(range_hash(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(nodes, start, end))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when ``leaf`` (a leaf hash) is at ``index`` of the tree with ``root``; raise ``ProofError`` otherwise.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:  # step 1
        raise ProofError(f"Leaf {index} is not in a tree of {size}.")
    if any(len(node) != HASH_BYTES for node in (leaf, *proof)):
        raise ProofError("A hash has 32 bytes.")
    fn, sn, computed = index, size - 1, leaf  # steps 2 and 3
    for node in proof:  # step 4
        if sn == 0:
            raise ProofError("The inclusion proof is too long.")
        if fn & 1 or fn == sn:
            computed = node_hash(node, computed)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            computed = node_hash(computed, node)
        fn >>= 1
        sn >>= 1
    if sn:  # step 5
        raise ProofError("The inclusion proof is too short.")
    if computed != root:
        raise ProofError(f"The proof of leaf {index} does not lead to the root.")


def verify_consistency(  # noqa: PLR0912  the steps of the RFC, in its order
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Return when the tree of ``new`` leaves extends the one of ``old``; raise ``ProofError`` otherwise.

    A size of 0 is refused: everything extends the empty tree, so such a proof says nothing.
    Source: RFC 9162 section 2.1.4.2.
    """
    if not 1 <= old <= new:
        raise ProofError(f"There is no consistency proof from {old} to {new}.")
    if old == new:
        if proof:
            raise ProofError("Between equal sizes the proof must be empty.")
        if old_root != new_root:
            raise ProofError(f"Two different roots of one size ({old}): the log has forked.")
        return
    if not proof:
        raise ProofError("The consistency proof is empty.")
    path = list(proof)
    if old & (old - 1) == 0:  # step 2: the old root is a node of the new tree
        path.insert(0, old_root)
    fn, sn = old - 1, new - 1  # step 3
    while fn & 1:  # step 4
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]  # step 5
    for node in path[1:]:  # step 6
        if sn == 0:
            raise ProofError("The consistency proof is too long.")
        if fn & 1 or fn == sn:
            fr = node_hash(node, fr)
            sr = node_hash(node, sr)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, node)
        fn >>= 1
        sn >>= 1
    if sn:  # step 7
        raise ProofError("The consistency proof is too short.")
    if fr != old_root:
        raise ProofError(f"The proof does not lead to the old root (size {old}).")
    if sr != new_root:
        raise ProofError(f"The proof does not lead to the new root (size {new}).")
