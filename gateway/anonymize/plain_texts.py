"""Columns of plain texts as numbers: digits of one length, and Chinese characters.

What a mask shows hangs on the first characters, and that the rest is plain must be proved of every value. A proof by
regular expression takes most of the time of a mask; here the bytes of all values are looked at together. Whatever is
not plain in this narrow sense is told by its row, and taken by another way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FFF
"""The characters of 一-鿿, of three bytes each in UTF-8."""
_HAN_BYTES = 3
_SMALL_X, _LARGE_X, _ZERO = ord("x"), ord("X"), ord("0")
_NINE = 9


@dataclass(frozen=True, slots=True)
class PlainNumbers:
    """The values of a column that have one number of digits."""

    rows: Numbers = field(repr=False)
    """Where they stand."""
    digits: Bytes = field(repr=False)
    """Row by row the digits as numbers; a check character X counts as 0."""
    odd: Numbers = field(repr=False)
    """Where all other values stand, missing ones too."""

    def beginning(self, length: int) -> Numbers:
        """Return the first ``length`` digits of each value as one number."""
        found = np.zeros(self.rows.size, dtype=np.int64)
        for place in range(length):
            found = found * 10 + self.digits[:, place]
        return found


@dataclass(frozen=True, slots=True)
class PlainNames:
    """The values of a column that are Chinese characters and nothing else."""

    rows: Numbers = field(repr=False)
    first: Numbers = field(repr=False)
    """The first character of each as its code point above ``FIRST_HAN``."""
    second: Numbers = field(repr=False)
    """The second one, -1 where there is none."""
    lengths: Numbers = field(repr=False)
    """Characters of each value."""
    odd: Numbers = field(repr=False)


def plain_numbers(values: pl.Series, length: int, *, checked: bool = False) -> PlainNumbers:
    """Return the values of ``length`` ASCII digits; with ``checked`` the last one may be an X, small or large."""
    fits = (values.str.len_bytes() == length).fill_null(value=False)
    rows = fits.arg_true().to_numpy().astype(np.int64)
    content, _ = _bytes(values if rows.size == values.len() else values.filter(fits))
    digits = content.reshape(-1, length) - _ZERO  # what is below the digits becomes large
    if checked:
        last = digits[:, -1]
        last[(last == _SMALL_X - _ZERO) | (last == _LARGE_X - _ZERO)] = 0
    wrong = digits > _NINE
    if wrong.any():
        right = ~wrong.any(axis=1)
        rows, digits = rows[right], digits[right]
    return PlainNumbers(rows, digits, _others(rows, values.len()))


def plain_names(values: pl.Series) -> PlainNames:
    """Return the values that are one Chinese character or more."""
    sizes = values.str.len_bytes()
    fits = ((sizes > 0) & (sizes % _HAN_BYTES == 0)).fill_null(value=False)
    rows = fits.arg_true().to_numpy().astype(np.int64)
    content, offsets = _bytes(values if rows.size == values.len() else values.filter(fits))
    parts = content.reshape(-1, _HAN_BYTES).astype(np.int32)
    lead = parts[:, 0]
    # of valid UTF-8 a byte of 0xE4 to 0xE9 begins a character of three; of others a part is not looked at as one
    points = ((lead & 0x0F) << 12) | ((parts[:, 1] & 0x3F) << 6) | (parts[:, 2] & 0x3F)
    wrong = (lead >> 4 != 0x0E) | (points < FIRST_HAN) | (points > LAST_HAN)  # noqa: PLR2004  three bytes begin so
    starts = offsets[:-1] // _HAN_BYTES
    lengths = np.diff(offsets) // _HAN_BYTES
    if wrong.any():
        right = np.ones(rows.size, dtype=np.bool_)
        right[np.searchsorted(starts, np.flatnonzero(wrong), side="right") - 1] = False
        rows, starts, lengths = rows[right], starts[right], lengths[right]
    points -= FIRST_HAN
    second = np.where(lengths > 1, points[np.minimum(starts + 1, max(points.size - 1, 0))], -1)
    return PlainNames(rows, points[starts], second, lengths, _others(rows, values.len()))


def _others(rows: Numbers, count: int) -> Numbers:
    if rows.size == count:
        return np.empty(0, dtype=np.int64)
    other = np.ones(count, dtype=np.bool_)
    other[rows] = False
    return np.flatnonzero(other)


def _bytes(values: pl.Series) -> tuple[Bytes, Numbers]:
    """Return the bytes of values (none missing) one after the other, and where each begins; last stands the end."""
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    if not len(array):
        return np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64)
    _, places, content = array.buffers()
    offsets = np.frombuffer(places, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.frombuffer(content, dtype=np.uint8) if content is not None else np.empty(0, dtype=np.uint8)
    return held[offsets[0] : offsets[-1]], offsets - offsets[0]
