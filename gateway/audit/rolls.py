"""Tags by the million: sorted in one run of bytes, their Merkle root and paths in little memory, and rolls of pupils.

A release of a million rows has a million pupils. Their references take 16 bytes each, and so do their tags; the tags,
their order and their root are made before the entry is handed to the sequencer, which everybody else waits for.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, overload

import numpy as np
import polars as pl

from gateway.audit.hashing import leaf_rows, root_over
from gateway.audit.merkle import CompactRange, Nodes, complete
from gateway.audit.records import TagList
from gateway.audit.tag_forms import TAG_BYTES
from gateway.audit.tag_makes import REF_BYTES
from gateway.audit.tiles import HEIGHT, WIDTH, nodes_from
from gateway.ids import SubjectRef

_SUBTREE_LEVEL: Final = 15
_SUBTREE: Final = 1 << _SUBTREE_LEVEL
"""Tags that are hashed together."""
_NO_REFERENCE: Final = "a reference of a pupil has 32 hexadecimal digits"
_WHOLE: Final = np.dtype((np.void, TAG_BYTES))
"""A tag that is moved as one."""
_CHUNK: Final = 16 * WIDTH
"""Tags whose leaf hashes are in memory at a time."""


class PackedTags(Sequence[bytes]):
    """Sorted tags in one run of bytes, read without splitting."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    def __len__(self) -> int:
        whole, rest = divmod(len(self.packed), TAG_BYTES)
        return whole + bool(rest)  # a rest that is no tag counts, so that no root fits it

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> PackedTags: ...
    def __getitem__(self, at: int | slice) -> bytes | PackedTags:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step != 1:
                raise ValueError("Packed tags are cut in one piece.")
            return PackedTags(self.packed[start * TAG_BYTES : stop * TAG_BYTES])
        if not 0 <= at < len(self):
            raise IndexError(at)
        return self.packed[at * TAG_BYTES : (at + 1) * TAG_BYTES]

    def __contains__(self, tag: object) -> bool:
        """Say whether a tag is there, which takes twenty steps in a million."""
        at = bisect_left(self, tag) if isinstance(tag, bytes) else len(self)
        return at < len(self) and self[at] == tag

    def __iter__(self) -> Iterator[bytes]:
        packed = self.packed
        return (packed[at : at + TAG_BYTES] for at in range(0, len(packed), TAG_BYTES))


def packed(tags: Sequence[bytes]) -> PackedTags:
    """Return tags in one run."""
    return tags if isinstance(tags, PackedTags) else PackedTags(b"".join(tags))


def tags_root(tags: Iterable[bytes]) -> bytes:
    """Return the Merkle root (RFC 6962) over sorted tags, each a leaf, in little memory."""
    run = packed(tags if isinstance(tags, Sequence) else tuple(tags))
    tree = CompactRange()
    whole = len(run.packed) // TAG_BYTES // _SUBTREE * _SUBTREE
    rows = np.frombuffer(run.packed, dtype=np.uint8, count=whole * TAG_BYTES).reshape(-1, TAG_BYTES)
    for start in range(0, whole, _SUBTREE):
        tree.append_complete(root_over(leaf_rows(rows[start : start + _SUBTREE])), _SUBTREE_LEVEL)
    for start in range(whole, len(run), _CHUNK):
        tree.extend(_leaves(run, start, min(start + _CHUNK, len(run))))
    return tree.root()


def ascending(tags: Sequence[bytes]) -> bool:
    """Say whether each tag is larger than the one before: sorted, and none twice."""
    run = packed(tags)
    if len(run.packed) % TAG_BYTES:
        return False
    halves = np.frombuffer(run.packed, dtype=">u8").reshape(-1, 2)
    high, low = halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)
    return bool(((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))).all())


def nodes_over(tags: Sequence[bytes]) -> Nodes:
    """Return the nodes of the tree over sorted tags: one hash in 256 is kept, the others are made when asked for."""
    run = packed(tags)
    tiles: dict[tuple[int, int], bytes] = {}

    def tile(level: int, index: int) -> bytes:
        if level == 0:
            return b"".join(_leaves(run, index * WIDTH, min((index + 1) * WIDTH, len(run))))
        if (level, index) not in tiles:
            below = range(index * WIDTH, min((index + 1) * WIDTH, len(run) >> (HEIGHT * level)))
            tiles[level, index] = b"".join(whole(level - 1, number) for number in below)
        return tiles[level, index]

    def whole(level: int, index: int) -> bytes:
        """Return the root over a full tile."""
        if level == 0:
            return complete(_leaves(run, index * WIDTH, (index + 1) * WIDTH))
        content = tile(level, index)
        return complete([content[at : at + 32] for at in range(0, len(content), 32)])

    return nodes_from(tile)


def _leaves(run: PackedTags, start: int, end: int) -> list[bytes]:
    sha256, content = hashlib.sha256, run.packed
    places = range(start * TAG_BYTES, end * TAG_BYTES, TAG_BYTES)
    return [sha256(b"\x00" + content[at : at + TAG_BYTES]).digest() for at in places]


def tag_list(epoch: str, unsorted: bytes | bytearray, listed: int) -> TagList:
    """Return a list of the distinct tags in a run.

    At most ``listed`` go into the leaf, more lie beside the log.
    """
    tags = _ordered(unsorted)
    if len(tags) <= listed:
        return TagList(epoch, tuple(tags), listed=True)
    return TagList(epoch, tags, listed=False, root=tags_root(tags))


def _ordered(unsorted: bytes | bytearray) -> PackedTags:
    """Return the distinct tags of a run in order of their bytes."""
    halves = np.frombuffer(unsorted, dtype=">u8").reshape(-1, 2)
    whole = np.frombuffer(unsorted, dtype=_WHOLE)
    ranked = whole.take(np.argsort(halves[:, 0].astype(np.uint64)))
    first = ranked.view(np.uint64)[::2]
    if (first[1:] == first[:-1]).any():  # a pupil who is there twice, as good as always
        ranked = whole.take(np.lexsort((halves[:, 1].astype(np.uint64), halves[:, 0].astype(np.uint64))))
        twice = (ranked.view(np.uint64).reshape(-1, 2)[1:] == ranked.view(np.uint64).reshape(-1, 2)[:-1]).all(axis=1)
        ranked = ranked[np.insert(~twice, 0, True)]
    return PackedTags(ranked.tobytes())


class TagMaker(Protocol):
    """Makes tags of references of 16 bytes each, one after the other (``gateway.audit.tags.Tagger``)."""

    def many(self, epoch: str, refs: bytes) -> TagList:
        """Return the sorted, distinct tags."""


@dataclass(frozen=True, slots=True, eq=False)
class Roll(Sequence[SubjectRef]):
    """All pupils of one entry, and their tags in the epoch in which the roll was closed.

    An entry with a roll carries tags even when nobody is on it: an empty list tells that there was nobody.
    """

    _refs: bytes = field(repr=False)
    _made: TagList = field(repr=False)

    def __len__(self) -> int:
        return len(self._refs) // REF_BYTES

    @overload
    def __getitem__(self, at: int) -> SubjectRef: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[SubjectRef]: ...
    def __getitem__(self, at: int | slice) -> SubjectRef | Sequence[SubjectRef]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        return SubjectRef(self._refs[at * REF_BYTES : (at + 1) * REF_BYTES].hex())

    def tags(self, epoch: str, make: TagMaker) -> TagList:
        """Return the tags in ``epoch``: those that were made, unless a quarter has ended since."""
        return self._made if self._made.epoch == epoch else make.many(epoch, self._refs)

    @property
    def distinct(self) -> int:
        """How many pupils are on the roll, each counted once."""
        return len(self._made.tags)


@dataclass(slots=True)
class RollCall:
    """Takes the references of pupils batch by batch, 16 bytes each, and makes their tags in ``epoch`` at the end."""

    epoch: str
    make: TagMaker = field(repr=False)
    _refs: bytearray = field(default_factory=bytearray, repr=False)

    def add(self, subjects: pl.Series | Iterable[str]) -> None:
        """Take references, 32 hexadecimal digits each; raises ``ValueError`` for anything else."""
        column = subjects if isinstance(subjects, pl.Series) else pl.Series(list(subjects), dtype=pl.String)
        if len(column):
            self._refs += _refs_of(column)

    def close(self) -> Roll:
        """Return the roll, its tags in order and under their root; once."""
        refs, self._refs = bytes(self._refs), bytearray()
        return Roll(refs, self.make.many(self.epoch, refs))


def _refs_of(column: pl.Series) -> bytes:
    """Return the references in a column of text, read from the column's own memory."""
    if column.null_count() or column.str.len_bytes().ne(2 * REF_BYTES).any():
        raise ValueError(_NO_REFERENCE)
    texts = column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    start = texts.offset * 2 * REF_BYTES
    digits = texts.buffers()[2][start : start + len(texts) * 2 * REF_BYTES]
    try:
        refs = bytes.fromhex(bytes(digits).decode("ascii"))
    except ValueError:
        raise ValueError(_NO_REFERENCE) from None  # what stands there may be a number, and is not repeated
    if len(refs) != len(column) * REF_BYTES:  # blanks are skipped
        raise ValueError(_NO_REFERENCE)
    return refs
