"""Parts of a file: ranges of one fixed size, each with its SHA-256, so that a client resumes and checks part by part.

They are cut out of the bytes that are sent. The signed manifest lists their digests, so a part that came once is known
to be right before the rest is there, and a broken download goes on at the first part that is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PART_BYTES = 8 << 20
"""Bytes of every part but the last."""


@dataclass(frozen=True, slots=True)
class Part:
    """One range of a file, ``first`` to ``last``, both inclusive as in ``Range`` (RFC 9110 section 14.1.2)."""

    number: int
    """From 1."""
    first: int
    last: int
    sha256: str

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self.last - self.first + 1


class PartDigests:
    """Hashes a stream part by part as it passes; an empty stream has no part."""

    def __init__(self, size: int = PART_BYTES) -> None:
        self._size = size
        self._left = size
        self._hash = hashlib.sha256()
        self._done: list[str] = []

    def update(self, data: memoryview | bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            piece, view = view[: self._left], view[self._left :]
            self._hash.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._done.append(self._hash.hexdigest())
                self._hash, self._left = hashlib.sha256(), self._size

    def digests(self) -> tuple[str, ...]:
        """Return the digests of all parts, hexadecimal; the last one may be shorter."""
        rest = () if self._left == self._size else (self._hash.hexdigest(),)
        return (*self._done, *rest)


def parts_of(size: int, digests: Sequence[str], part_bytes: int = PART_BYTES) -> tuple[Part, ...]:
    """Return the parts of a file of ``size`` bytes. Raises ``ValueError`` when there are not as many as digests."""
    starts = range(0, size, part_bytes)
    return tuple(
        Part(number, first, min(first + part_bytes, size) - 1, digest)
        for number, (first, digest) in enumerate(zip(starts, digests, strict=True), start=1)
    )


def parts_claim(digests: Sequence[str]) -> dict[str, object]:
    """Return what the manifest says of the parts."""
    return {"bytes": PART_BYTES, "sha256": list(digests)}


def parts_in(claims: Mapping[str, object]) -> tuple[Part, ...]:
    """Return the parts that a manifest lists; none where it is older than parts."""
    file = claims.get("file")
    if not isinstance(file, dict) or not isinstance(listed := file.get("parts"), dict):
        return ()
    digests = listed.get("sha256")
    return parts_of(
        int(str(file["bytes"])), digests if isinstance(digests, list) else [], int(str(listed.get("bytes", PART_BYTES)))
    )
