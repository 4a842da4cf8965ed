"""Identifiers that do not look like one (leak scan, design 6.8): broken up, spelt out, encoded, turned round.

What ``leakscan`` finds stands there as it is written by people. Looked for here is what a careless join, an export or
a hand that means it leaves: digits parted by line breaks or any punctuation, over adjacent cells, as Chinese numerals,
as hexadecimal, Base64, percent or character references, or backwards. Each way back has an exact sieve, so that hex
pseudonyms and ordinary codes pass without a look. ``docs/release-report.md`` lists what is looked for and what is not.
"""

from __future__ import annotations

import base64
import html
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core_registry.sharing import IdentifierKind, normal_id_number
from gateway.anonymize.leakscan import Hit, check_character, identifiers, plausible_date

Flags = NDArray[np.bool_]

_SPELT_DIGIT = "〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖貳參陸○"
_NUMERAL = f"[{_SPELT_DIGIT}0-9]"
_BREAK = r"(?:[^\w]|_){0,4}"
_SPLIT = rf"\d(?:{_BREAK}\d){{10}}"
"""Eleven digits, with up to four signs that are neither letters nor digits between any two."""
_BROKEN = r"\d(?:[^\w]|_)+\d"
_SPELT = rf"{_NUMERAL}(?:\s?{_NUMERAL}){{10}}"
_HEX = r"(?:3[0-9]){11}"
"""ASCII digits in hexadecimal. Of a million random pseudonyms none holds eleven in a row."""
_BASE64 = r"(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){3}"
"""Nine ASCII digits in Base64, from the first one on: 3 × 6 bits and 6 bits of 0011xxxx 0011xxxx 0011xxxx."""
_PERCENT = r"(?:%3[0-9]){11}"
_REFERENCES = r"(?:&#(?:x3[0-9]|4[89]|5[0-7]);){11}"
_ENCODED = "|".join((_HEX, _BASE64, _PERCENT, _REFERENCES))
_EDGE = "[^0-9A-Za-z]"
_TURNED = rf"(?:^|{_EDGE})[0-9Xx][0-9]{{3}}[0-9][0-3][0-9][01][0-9]{{2}}(?:91|02)[0-9]{{5}}[1-9](?:$|{_EDGE})"
"""An identity number backwards: its date of birth reads day, month, year from behind."""
_DECIMAL = r"^[+-]?[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?$"
"""A number with a fraction is measured, not issued."""

_NUMERALS = str.maketrans(_SPELT_DIGIT, "001234567891234567892360")
_GAP = r"(?:[^\w]|_){1,4}"
_GROUPS = re.compile(rf"(?<![0-9A-Za-z])[GJgj]?[0-9]+[Xx]?(?:{_GAP}(?:[0-9]+[Xx]?|[Xx]))+(?![0-9A-Za-z])")
"""Groups of digits that belong to no word, after the letter of a student number at most."""
_GROUP = re.compile(r"[0-9]+[Xx]?|[Xx]")
_NUMERAL_RUN = re.compile(rf"(?<![0-9A-Za-z]){_NUMERAL}(?:\s?{_NUMERAL}){{10,}}[Xx]?(?![0-9A-Za-z])")
_HEX_RUN = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){11,64}(?![0-9A-Za-z])")
_BASE64_RUN = re.compile(r"(?<![0-9A-Za-z+/_-])[0-9A-Za-z+/_-]{12,120}={0,2}")
_BACKWARDS = re.compile(r"(?<![0-9A-Za-z])[0-9Xx][0-9]{16}[1-9](?![0-9A-Za-z])")
_ID_LENGTH = 18
_LENGTHS = frozenset({11, 15, _ID_LENGTH})
"""Digits of a mobile number, an old and a present identity number."""
_MOST_GROUPS = 18
_DIGIT_CELL = "^[0-9]{1,17}[0-9Xx]?$"
_DATE_CELL = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_MOST_CELLS = 4
_MOST_DIVIDED = 6
"""In so many ways of dividing a number between columns each is looked for by itself: mostly no cell fits."""
_ID_SHAPE = "^[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]$"
"""A number with a date of birth: what else is proved of it is proved of few."""
_SLOTS = (*["[0-9]"] * 6, "[12]", "[09]", *["[0-9]"] * 2, "[01]", "[0-9]", "[0-3]", *["[0-9]"] * 4, "[0-9Xx]")
"""What may stand in each place of such a number: so a column says by itself whether a part of one can be in it."""


def disguised(text: str) -> list[Hit]:
    """Return kind and normalised value of every identifier that is hidden in ``text``, each once.

    What ``identifiers`` finds as it stands is not repeated.
    """
    if re.fullmatch(_DECIMAL, text):
        return []
    plain = unicodedata.normalize("NFKC", text)
    found: dict[Hit, None] = {}
    for candidate in _candidates(plain):
        found |= dict.fromkeys(identifiers(candidate))
    for match in _BACKWARDS.finditer(plain):
        number = normal_id_number(match.group()[::-1])
        if _proven(number):
            found[IdentifierKind.ID_NUMBER, number] = None
    seen = frozenset(identifiers(text))
    return [hit for hit in found if hit not in seen]


def disguised_in(values: pl.Series) -> list[Hit]:
    """Return what is hidden in a column of text; one cheap look at each value says whether it is worth a close one."""
    broken = values.str.contains(_BROKEN) & values.str.contains(_SPLIT) & ~values.str.contains(_DECIMAL)
    spelt = values.str.contains(f"[{_SPELT_DIGIT}]") & values.str.contains(_SPELT)
    worth = values.filter(broken | spelt | values.str.contains(_ENCODED) | values.str.contains(_TURNED))
    worth = worth.drop_nulls().unique()
    return list(dict.fromkeys(hit for text in worth.to_list() for hit in disguised(text)))


def split_over_cells(frame: pl.DataFrame) -> list[Hit]:
    """Return identity numbers whose digits stand in two to four neighbouring cells: ``140105 | 20150302 | 001X``.

    Cells of digits only, or of a date, that together have a date of birth and the right check character. Phones are not
    put together: a code beside a code has the shape of one too often, and by accident is one now and then.
    """
    columns = [_digits(series) for series in frame.iter_columns()]
    found: dict[Hit, None] = {}
    for width in range(2, _MOST_CELLS + 1):
        for start in range(len(columns) - width + 1):
            window = [column for column in columns[start : start + width] if column is not None]
            if len(window) < width:
                continue
            numbers = [number for number in map(normal_id_number, _joined(window)) if _proven(number)]
            found |= dict.fromkeys((IdentifierKind.ID_NUMBER, number) for number in numbers)
    return list(found)


def _proven(number: str) -> bool:
    """Say whether a number has both, a date of birth and its check character: one of them many codes have."""
    return number[:-1].isdecimal() and plausible_date(number[6:14]) and check_character(number[:-1]) == number[-1]


def _candidates(plain: str) -> Iterator[str]:
    """Yield what ``plain`` may mean when it is read in another way."""
    for run in _GROUPS.finditer(plain):
        yield from _windows([match.group() for match in _GROUP.finditer(run.group())])
    for run in _NUMERAL_RUN.finditer(plain):
        if not run.group().isascii():
            yield re.sub(r"\s", "", run.group()).translate(_NUMERALS)
    for run in _HEX_RUN.finditer(plain):
        yield _ascii(bytes.fromhex(run.group()))
    for run in _BASE64_RUN.finditer(plain):
        yield _from_base64(run.group())
    if "%" in plain:
        yield unquote(plain, errors="replace")
    if "&#" in plain:
        yield html.unescape(plain)


def _windows(groups: Sequence[str]) -> Iterator[str]:
    """Yield neighbouring groups of digits put together, where they have the length of an identifier.

    A letter X ends a number, so that nothing is put behind it.
    """
    for start in range(len(groups)):
        whole = groups[start]
        for before, group in pairwise(groups[start : start + _MOST_GROUPS]):
            if before[-1] in "Xx":
                break
            whole += group
            if len(whole) in _LENGTHS:
                yield whole


def _from_base64(text: str) -> str:
    body = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    if len(body) % 4 == 1:
        return ""
    return _ascii(base64.b64decode(body + "=" * (-len(body) % 4)))


def _ascii(content: bytes) -> str:
    """Return bytes as text when they are ASCII, nothing otherwise: a random value is none."""
    return content.decode() if content.isascii() else ""


@dataclass(frozen=True)
class _Digits:
    """A column that has cells of digits."""

    cells: pl.Series
    """Cells of digits as text, others as null: for each row, or for each category."""
    lengths: tuple[int, ...]
    """How many digits stand in a cell, each number once."""
    rows: pl.Series | None = None
    """Of a column of categories the number of each row's category, and beside it the numbers of ``cells``."""
    numbers: pl.Series | None = None

    def fitting(self, start: int, length: int) -> Flags | None:
        """Return the rows whose ``length`` digits may stand at ``start`` of an identity number, ``None`` for none."""
        pattern = f"^{''.join(_SLOTS[start : start + length])}$"
        fits = self.cells.str.contains(pattern)
        if not fits.any():
            return None
        flags = fits.fill_null(value=False).to_numpy()
        return flags if self.places is None else np.append(flags, False)[self.places]

    def sizes(self) -> NDArray[np.int64]:
        """Return how many digits stand in each row; more than any number has where there are none."""
        found = self.cells.str.len_bytes().cast(pl.Int64).fill_null(_ID_LENGTH + 1).to_numpy()
        return found if self.places is None else np.append(found, _ID_LENGTH + 1)[self.places]

    def at(self, rows: Flags) -> pl.Series:
        """Return the cells of some rows, each of which has one."""
        return self.cells.filter(pl.Series(rows)) if self.places is None else self.cells[self.places[rows]]

    @cached_property
    def places(self) -> NDArray[np.int64] | None:
        """Return the cell of each row where they stand for categories; -1 for a missing value."""
        if self.rows is None or self.numbers is None:
            return None
        numbers = self.numbers.to_numpy()
        table = np.full(int(numbers.max()) + 2, -1)
        table[numbers] = np.arange(numbers.size)
        found: NDArray[np.int64] = table[self.rows.cast(pl.Int64).fill_null(table.size - 1).to_numpy()]
        return found


def _digits(series: pl.Series) -> _Digits | None:
    """Return the column as digits, ``None`` when it has none."""
    dtype = series.dtype
    rows: pl.Series | None = None
    numbers: pl.Series | None = None
    if isinstance(dtype, pl.Categorical | pl.Enum):
        distinct = series.unique().drop_nulls()
        rows, numbers = series.to_physical(), distinct.to_physical()
        text = distinct.cast(pl.String)
    elif dtype in {pl.String, pl.Date} or dtype.is_integer():
        text = series.cast(pl.String)
        # most texts are longer, which is said more quickly than that they are no digits
        if dtype == pl.String and not (text.str.len_bytes() <= _ID_LENGTH).any():
            return None
    else:
        return None
    cells = _only_digits(text)
    lengths = cells.str.len_bytes().unique().drop_nulls()
    return _Digits(cells, tuple(sorted(lengths.to_list())), rows, numbers) if lengths.len() else None


def _only_digits(text: pl.Series) -> pl.Series:
    cell = pl.col("t")
    return text.to_frame("t").select(
        pl.when(cell.str.contains(_DIGIT_CELL))
        .then(cell)
        .when(cell.str.contains(_DATE_CELL))
        .then(cell.str.replace_all("-", "", literal=True))
    )["t"]


def _joined(window: Sequence[_Digits]) -> Iterator[str]:
    """Yield what may be an identity number of the cells of each row put together, each once."""
    divided = [
        lengths for lengths in itertools.product(*(column.lengths for column in window)) if sum(lengths) == _ID_LENGTH
    ]
    for rows in [_long(window)] if len(divided) > _MOST_DIVIDED else map(_fitting, itertools.repeat(window), divided):
        if rows is not None and rows.any():
            cells = pl.DataFrame([column.at(rows).alias(str(place)) for place, column in enumerate(window)])
            whole = cells.select(pl.concat_str(pl.all()).alias("whole"))["whole"]
            yield from whole.filter(whole.str.contains(_ID_SHAPE)).unique().to_list()


def _fitting(window: Sequence[_Digits], lengths: Sequence[int]) -> Flags | None:
    """Return the rows whose cells have ``lengths`` and fit where they stand; ``None`` for none."""
    rows: Flags | None = None
    start = 0
    for column, length in zip(window, lengths, strict=True):
        fitting = column.fitting(start, length)
        if fitting is None:
            return None
        rows = fitting if rows is None else rows & fitting
        start += length
    return rows


def _long(window: Sequence[_Digits]) -> Flags:
    """Return the rows whose cells together have the length of an identity number."""
    total = sum(column.sizes() for column in window)
    return np.asarray(total == _ID_LENGTH)
