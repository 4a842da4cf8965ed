"""SHA-256 of many short rows at once, outside the interpreter: other threads go on meanwhile.

The results are those of ``hashlib``; hashing a million tags one by one would hold up whatever else the process does.
"""

from __future__ import annotations

import sys
from typing import Final

import numpy as np
import polars as pl
import polars_hash as plh
import pyarrow as pa
from numpy.typing import NDArray

from gateway.audit.merkle import HASH_BYTES, complete

Rows = NDArray[np.uint8]
"""Rows of bytes of one length: ``(rows, bytes)``."""
WORTH_IT: Final = 4096
"""Rows from which on this is quicker than one by one."""
_FEW: Final = 256
"""Rows that are hashed sooner one by one than the threads of a column are woken."""
_BLOCK: Final = 64
_WORDS: Final = 1 << 13
"""Words that are read at a time: they stay in the cache."""
_ONES: Final = np.uint64(0x0101010101010101)
_LOW: Final = np.uint64(0x0F0F0F0F0F0F0F0F)


def sha256_rows(rows: Rows) -> Rows:
    """Return the hash of each row, ``(rows, 32)``; there is at least one row."""
    count, width = rows.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows))]
    column = pl.Series("row", pl.from_arrow(pa.Array.from_buffers(pa.large_binary(), count, buffers)))
    digests = column.to_frame().select(plh.col("row").chash.sha2_256()).to_series()
    digits = digests.to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[2]
    return _of_hex(np.frombuffer(digits, dtype=np.uint64)).reshape(count, HASH_BYTES)


def _of_hex(words: NDArray[np.uint64]) -> Rows:
    """Return the bytes that the digits of hashes stand for, eight in a word: a third of the time of ``fromhex``.

    The digits are not looked at.
    """
    if sys.byteorder != "little":
        return np.frombuffer(bytes.fromhex(words.tobytes().decode("ascii")), dtype=np.uint8)
    made = np.empty(len(words) * 4, dtype=np.uint8)
    for start in range(0, len(words), _WORDS):
        part = words[start : start + _WORDS]
        halves = (part >> np.uint64(6)) & _ONES  # 1 in a letter, whose low half counts from 1
        halves *= np.uint64(9)
        halves += part & _LOW
        # two digits in 16 bits, the first one below: its place is above, and what stays in the low byte is the byte
        pairs = (halves << np.uint64(4)) | (halves >> np.uint64(8))
        made[start * 4 : (start + len(part)) * 4] = pairs.view(np.uint16).astype(np.uint8)
    return made


def hmac_rows(key: bytes, rows: Rows) -> Rows:
    """Return the HMAC-SHA-256 (RFC 2104) of each row under a key of at most 64 bytes, ``(rows, 32)``."""
    padded = np.frombuffer(key.ljust(_BLOCK, b"\0"), dtype=np.uint8)
    inner = sha256_rows(_behind(padded ^ np.uint8(0x36), rows))
    return sha256_rows(_behind(padded ^ np.uint8(0x5C), inner))


def leaf_rows(rows: Rows) -> Rows:
    """Return the leaf hash (RFC 6962) of each row."""
    return sha256_rows(_behind(np.zeros(1, dtype=np.uint8), rows))


def root_over(hashes: Rows) -> bytes:
    """Return the root over a power of two of hashes."""
    while len(hashes) > _FEW:
        hashes = sha256_rows(_behind(np.ones(1, dtype=np.uint8), hashes.reshape(-1, 2 * HASH_BYTES)))
    return complete([row.tobytes() for row in hashes])


def _behind(head: Rows, rows: Rows) -> Rows:
    """Return each row with ``head`` before it."""
    whole = np.empty((len(rows), len(head) + rows.shape[1]), dtype=np.uint8)
    whole[:, : len(head)], whole[:, len(head) :] = head, rows
    return whole
