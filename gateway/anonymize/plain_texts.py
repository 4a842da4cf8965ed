"""Columns of plain texts as numbers: digits of one length, and Chinese characters.

What a mask shows hangs on the first characters, and that the rest is plain must be proved of every value. A proof by
regular expression takes most of the time of a mask. Here the bytes of all values are looked at together, where they
lie: an Arrow string view is four 32-bit words, the length and, of a text of at most twelve bytes, the text itself.
Whatever is not plain in this narrow sense is told by its row, and taken by another way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from gateway.anonymize.arrays import column

Numbers = NDArray[np.int64]
Words = NDArray[np.uint32]
Flags = NDArray[np.bool_]

FIRST_HAN, LAST_HAN = 0x4E00, 0x9FFF
"""The characters of 一-鿿, of three bytes each in UTF-8."""
_HAN_BYTES = 3
_INLINE = 12
"""Bytes of a text that stands in its view."""
_PREFIX = 4
_SPAN = LAST_HAN - FIRST_HAN
_BEFORE_HAN = 0xE0000 + FIRST_HAN
"""What a character of three bytes gives when its first byte is taken whole: 0xE0 is 14 times 2 ** 16 above."""
_LEAD_LOW, _LEAD_SPAN = 0xE4B8, 0xE9BF - 0xE4B8
"""First and second byte of these characters as one number: of valid UTF-8, this range has them all and no others."""
_FILLER = "一"
_BLOCK = 16_384
"""Rows: a dozen arrays of so many 32-bit words stay in the second-level cache."""
_SMALL_X, _LARGE_X, _ZERO = ord("x"), ord("X"), ord("0")
_NINE = 9


@dataclass(frozen=True, slots=True)
class PlainNumbers:
    """The values of a column that have one number of digits."""

    starts: Words = field(repr=False)
    """Row by row the first digits as one number, 0 for what is no such number."""
    odd: Numbers = field(repr=False)
    """Where all other values stand, missing ones too."""


@dataclass(frozen=True, slots=True)
class PlainNames:
    """The values of a column that are one to four Chinese characters and nothing else."""

    first: Words = field(repr=False)
    """The first character of each as its code point above ``FIRST_HAN``, 0 where there is no such name."""
    odd: Numbers = field(repr=False)
    """Where all other values stand, missing ones too."""
    words: Words = field(repr=False)

    def longer(self, characters: int, rows: Numbers) -> Flags:
        """Say which of the names in ``rows`` have more than so many characters."""
        more: Flags = self.words[rows, 0] > characters * _HAN_BYTES
        return more

    def second(self, rows: Numbers) -> Words:
        """Return the second character of the names in ``rows``, which have one, as its code point above the first."""
        four, next_four = self.words[rows, 1], self.words[rows, 2]
        points: Words = (four >> 24) << 12 | (next_four & 0x3F) << 6 | (next_four >> 8 & 0x3F)
        return points - np.uint32(_BEFORE_HAN)


def plain_numbers(values: pl.Series, length: int, start: int, *, checked: bool = False) -> PlainNumbers:
    """Return the first ``start`` digits (four at most, or all of six) of the values of ``length`` ASCII digits.

    With ``checked`` the last one may be an X, small or large.
    """
    words = _words(values)
    starts, wrong = _results(words)
    for some in _blocks(words):
        here = words[some]
        wrong[some] = here[:, 0] != length
        if length <= _INLINE:
            wrong[some] |= _no_digits(here, length)
        starts[some] = _number(here[:, 1], min(start, _PREFIX))
        if start > _PREFIX:
            starts[some] *= np.uint32(10 ** (start - _PREFIX))
            starts[some] += _number(here[:, 2], start - _PREFIX)
    _missing(values, wrong)
    if length > _INLINE:
        _no_digits_far(values, wrong, length, checked=checked)
    return PlainNumbers(starts, _cleared(wrong, starts))


def plain_names(values: pl.Series) -> PlainNames:
    """Return the values that are Chinese characters alone, four at most."""
    words = _words(values)
    first, wrong = _results(words)
    for some in _blocks(words):
        _names(words[some], first[some], wrong[some])
    _missing(values, wrong)
    return PlainNames(first, _cleared(wrong, first), words)


def _names(words: Words, first: Words, wrong: Flags) -> None:
    """Fill in the first character of each name, and which are no names of one to four Chinese characters."""
    fillers, fits = _FILLERS
    size = np.minimum(words[:, 0], np.uint32(_INLINE + 1))
    four, middle, last = (words[:, place] | fillers[place - 1].take(size) for place in (1, 2, 3))
    np.take(fits, size, out=wrong)
    np.logical_not(wrong, out=wrong)
    np.left_shift(four & np.uint32(0xFF), np.uint32(12), out=first)
    first |= (four & np.uint32(0x3F00)) >> np.uint32(2)
    first |= (four >> np.uint32(16)) & np.uint32(0x3F)
    first -= np.uint32(_BEFORE_HAN)
    wrong |= first > _SPAN
    # first and second byte of the three other characters
    four >>= np.uint32(24)
    four <<= np.uint32(8)
    four |= middle & np.uint32(0xFF)
    second_byte = middle >> np.uint32(24)
    middle >>= np.uint32(8)
    middle &= np.uint32(0xFF00)
    middle |= second_byte
    second_byte = last >> np.uint32(16)
    second_byte &= np.uint32(0xFF)
    last &= np.uint32(0xFF00)
    last |= second_byte
    for lead in (four, middle, last):
        lead -= np.uint32(_LEAD_LOW)  # noqa: PLW2901  below the range it becomes large
        wrong |= lead > _LEAD_SPAN


def _blocks(words: Words) -> list[slice]:
    """Return the rows in parts whose intermediate results stay near the processor."""
    return [slice(start, start + _BLOCK) for start in range(0, len(words), _BLOCK)]


def _results(words: Words) -> tuple[Words, Flags]:
    return np.empty(len(words), dtype=np.uint32), np.empty(len(words), dtype=np.bool_)


def _words(values: pl.Series) -> Words:
    """Return the views of texts, as they lie: length, first four bytes, and eight more or where the text stands.

    A text of at most twelve bytes is followed by zeros; what stands in the place of a missing one says nothing.
    Source: Arrow Columnar Format, Variable-size Binary View Layout.
    """
    array = values.to_arrow(compat_level=pl.CompatLevel.newest())
    if array.type != pa.string_view():
        array = array.cast(pa.string_view())
    if not len(array):
        return np.empty((0, 4), dtype=np.uint32)
    views = np.frombuffer(array.buffers()[1], dtype="<u4").reshape(-1, 4)
    return views[array.offset : array.offset + len(array)]


def _missing(values: pl.Series, wrong: Flags) -> None:
    """Add to ``wrong`` the values that are missing."""
    if values.null_count():
        wrong |= values.is_null().to_numpy()


def _cleared(wrong: Flags, numbers: Words) -> Numbers:
    """Return where ``wrong`` values stand; ``numbers`` become 0 there."""
    odd = np.flatnonzero(wrong)
    numbers[odd] = 0
    return odd


def _no_digits(words: Words, length: int) -> Flags:
    """Say which texts, of ``length`` bytes and at most twelve, have a byte that is no digit."""
    found = np.zeros(len(words), dtype=np.bool_)
    for place in range(1, -(-length // _PREFIX) + 1):
        bytes_here = min(_PREFIX, length - (place - 1) * _PREFIX)
        ones = 0x01010101 >> 8 * (_PREFIX - bytes_here)
        here = words[:, place]
        # a byte below 0 borrows into its high bit, a byte above 9 carries into it; what comes over from a lower byte
        # comes from one that is wrong itself
        bits = here - np.uint32(ones * _ZERO)
        bits |= here + np.uint32(ones * (0x7F - _ZERO - _NINE))
        bits &= np.uint32(ones << 7)
        found |= bits != 0
    return found


def _no_digits_far(values: pl.Series, wrong: Flags, length: int, *, checked: bool) -> None:
    """Add to ``wrong`` the texts that have a byte that is no digit; all that are not in it have ``length`` bytes."""
    places = None
    if wrong.any():
        places = np.flatnonzero(~wrong)
        values = values.gather(column(places))
    digits = _bytes(values).reshape(-1, length) - np.uint8(_ZERO)  # what is below the digits becomes large
    if checked:
        last = digits[:, -1]
        last[(last == _SMALL_X - _ZERO) | (last == _LARGE_X - _ZERO)] = 0
    if digits.size and digits.max() > _NINE:
        found = (digits > _NINE).any(axis=1)
        wrong[slice(None) if places is None else places] |= found


def _number(four: Words, digits: int) -> Words:
    """Return the first ``digits`` of the four in each word as a number; some number where they are no digits."""
    found = four << np.uint32(8 * (_PREFIX - digits))  # zeros stand before them then
    found &= np.uint32(0x0F0F0F0F)
    pairs = found * np.uint32(10)
    found >>= np.uint32(8)
    pairs += found
    pairs &= np.uint32(0x00FF00FF)
    pairs *= np.uint32((100 << 16) + 1)
    pairs >>= np.uint32(16)
    return pairs


def _fillers() -> tuple[list[Words], Flags]:
    """Return, by the bytes of a name, what makes its words those of four characters, and whether it can be a name."""
    rows = [_FILLER.encode() * (_INLINE // _HAN_BYTES)] * (_INLINE + 2)
    texts = b"".join(b"\0" * size + row[size:] for size, row in enumerate(rows[:-1])) + b"\0" * _INLINE
    words = np.frombuffer(texts, dtype="<u4").reshape(-1, 3)
    fits = np.array([size in range(_HAN_BYTES, _INLINE + 1, _HAN_BYTES) for size in range(_INLINE + 2)])
    return [np.ascontiguousarray(words[:, place]) for place in range(3)], fits


def _bytes(values: pl.Series) -> NDArray[np.uint8]:
    """Return the bytes of values (none missing) one after the other."""
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    if not len(array):
        return np.empty(0, dtype=np.uint8)
    _, places, content = array.buffers()
    offsets = np.frombuffer(places, dtype=np.int64)
    held = np.frombuffer(content, dtype=np.uint8) if content is not None else np.empty(0, dtype=np.uint8)
    return held[offsets[array.offset] : offsets[array.offset + len(array)]]


_FILLERS = _fillers()
