"""Rows in an order that tells nothing.

The sharing view is read in the order of ``subject_ref``. An extract in that order could be joined, row by row,
with another recipient's extract of the same pupils. So each extract is put in a random order of its own, with
memory that does not grow with the number of rows: rows are spread over buckets, spilled to an unlinked file
under a key that exists in memory alone (I7), and each bucket is shuffled when it is read back.

Text columns with few different values travel as numbers, and come out as categories.
"""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BUCKETS = 32
_SMALL = 128 << 20
"""Up to this many bytes stay in memory."""
_PART_BYTES = 32 << 20
"""What is spread over the buckets at a time."""
_FRAME_ROWS = 131_072
"""Rows of a frame that comes out."""
_MOST_CATEGORIES = 1 << 15
"""Different values of one column up to which they are kept for the whole extract."""
_REPEATED = 4
"""A text column is worth categories when each of its values stands in so many rows on average."""


class Shuffle:
    """Takes frames of one schema, gives the same rows back in random order."""

    def __init__(self) -> None:
        self._random = np.random.Generator(np.random.Philox(key=secrets.randbits(128)))
        self._key = AESGCM(AESGCM.generate_key(256))
        self._file = tempfile.TemporaryFile()
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._held: list[pl.DataFrame] = []
        self._held_bytes: float = 0
        self._spilled = 0
        self._categories: dict[str, pl.Categorical] | None = None
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows."""
        if frame.height == 0:
            return
        self.rows += frame.height
        self._held.append(self._encoded(frame))
        self._held_bytes += self._held[-1].estimated_size()
        if self._held_bytes > _SMALL:
            self._spill()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield all rows in random order, text columns as text or as categories. Call once."""
        if not self._spilled:
            if self._held:
                yield from self._mixed(_together(self._held))
            return
        self._spill()
        for places in self._places:
            pieces = [self._read(offset, length) for offset, length in places]
            if pieces:
                yield from self._mixed(_together(pieces))

    def _encoded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return ``frame`` with categories where its first frame had few values and there are not too many by now."""
        if self._categories is None:
            self._categories = {
                name: pl.Categorical(pl.Categories.random())
                for name, dtype in frame.schema.items()
                if dtype == pl.String and frame[name].n_unique() * _REPEATED <= frame.height
            }
        encoded = frame.with_columns(pl.col(name).cast(dtype) for name, dtype in self._categories.items())
        for name, dtype in list(self._categories.items()):
            if len(dtype.categories.to_series()) > _MOST_CATEGORIES:
                del self._categories[name]  # memory must not grow with the rows
        return encoded

    def _mixed(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        order = self._random.permutation(frame.height)
        for start in range(0, frame.height, _FRAME_ROWS):
            yield _ordered(frame, order[start : start + _FRAME_ROWS])

    def _spill(self) -> None:
        """Move what is held to the buckets, part by part: no second copy of all of it ever stands in memory."""
        self._held.reverse()
        part: list[pl.DataFrame] = []
        while self._held:
            part.append(self._held.pop())
            if not self._held or sum(frame.estimated_size() for frame in part) > _PART_BYTES:
                self._scatter(_together(part))
                part = []
        self._held_bytes = 0

    def _scatter(self, frame: pl.DataFrame) -> None:
        bucket = self._random.integers(0, BUCKETS, frame.height, dtype=np.uint8)
        order = np.argsort(bucket, kind="stable")
        ends = np.cumsum(np.bincount(bucket, minlength=BUCKETS))
        sorted_frame = _ordered(frame, order)
        start = 0
        for index, end in enumerate(ends.tolist()):
            if end > start:
                self._write(index, sorted_frame[start:end])
            start = end

    def _write(self, bucket: int, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer)  # with the values of its categories: a piece says all by itself
        nonce = self._spilled.to_bytes(12, "big")
        sealed = self._key.encrypt(nonce, buffer.getbuffer(), None)
        self._places[bucket].append((self._file.seek(0, io.SEEK_END), len(sealed)))
        self._file.write(nonce)
        self._file.write(sealed)
        self._spilled += 1

    def _read(self, offset: int, length: int) -> pl.DataFrame:
        self._file.seek(offset)
        nonce = self._file.read(12)
        return pl.read_ipc_stream(io.BytesIO(self._key.decrypt(nonce, self._file.read(length), None)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._held = []


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of ``frames``; a column that is text in one of them is text in all."""
    texts = {name for frame in frames for name, dtype in frame.schema.items() if dtype == pl.String}
    alike = (frame.cast(dict.fromkeys(texts & set(frame.columns), pl.String)) for frame in frames)
    return pl.concat(alike, rechunk=True)  # rows are picked from one piece in a third of the time


def _ordered(frame: pl.DataFrame, order: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.DataFrame:
    """Return the rows of ``frame`` in ``order``; categories move as numbers, in a fifth of the time."""
    categories = {name: dtype for name, dtype in frame.schema.items() if isinstance(dtype, pl.Categorical)}
    moved = frame.with_columns(pl.col(name).to_physical() for name in categories)[order]
    return moved.with_columns(pl.col(name).cat.to(dtype) for name, dtype in categories.items())
