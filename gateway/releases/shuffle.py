"""Rows in an order that tells nothing.

The sharing view is read in the order of ``subject_ref``. An extract in that order could be joined, row by row,
with another recipient's extract of the same pupils. So each extract is put in a random order of its own, with
memory that does not grow with the number of rows: rows are spread over buckets, spilled to an unlinked file
under a key that exists in memory alone (I7), and each bucket is shuffled when it is read back.
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

BUCKETS = 16
_SMALL = 200_000
"""Up to this many rows stay in memory."""


class Shuffle:
    """Takes frames of one schema, gives the same rows back in random order."""

    def __init__(self) -> None:
        self._random = np.random.Generator(np.random.Philox(key=secrets.randbits(128)))
        self._key = AESGCM(AESGCM.generate_key(256))
        self._file = tempfile.TemporaryFile()
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._held: list[pl.DataFrame] = []
        self._held_rows = 0
        self._spilled = 0
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows."""
        if frame.height == 0:
            return
        self.rows += frame.height
        self._held.append(frame)
        self._held_rows += frame.height
        if self._held_rows > _SMALL:
            self._spill()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield all rows in random order. Call once."""
        if not self._spilled:
            if self._held:
                yield self._mixed(pl.concat(self._held))
            return
        self._spill()
        for places in self._places:
            pieces = [self._read(offset, length) for offset, length in places]
            if pieces:
                yield self._mixed(pl.concat(pieces))

    def _mixed(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame[self._random.permutation(frame.height)]

    def _spill(self) -> None:
        if not self._held:
            return
        frame = pl.concat(self._held)
        self._held, self._held_rows = [], 0
        bucket = self._random.integers(0, BUCKETS, frame.height)
        order = np.argsort(bucket, kind="stable")
        ends = np.searchsorted(bucket[order], np.arange(BUCKETS), side="right")
        sorted_frame = frame[order]
        start = 0
        for index, end in enumerate(ends.tolist()):
            if end > start:
                self._write(index, sorted_frame[start:end])
            start = end

    def _write(self, bucket: int, frame: pl.DataFrame) -> None:
        buffer = io.BytesIO()
        frame.write_ipc_stream(buffer, compression="lz4")
        sealed = self._key.encrypt(self._spilled.to_bytes(12, "big"), buffer.getvalue(), None)
        self._places[bucket].append((self._file.seek(0, io.SEEK_END), len(sealed)))
        self._file.write(self._spilled.to_bytes(12, "big"))
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
