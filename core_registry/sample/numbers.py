"""Numbers of documents and telephones: valid, and no two alike, without a memory of those given out."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from core_registry.sample.draw import Bools, Ints, Table, gather, permute, take_numbers

FIRST_YEAR = 1935
_EPOCH = date(FIRST_YEAR, 1, 1)
_LAST = date(2045, 12, 31)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

_FIRSTS = 166
"""Serials of one division, date and sex for first children. The 166 after them are for twins of a boy, the next
166 for twins of a girl: a twin's number follows from the first's, and 498 of 500 are used."""
_SERIALS = 500

_LANDLINES = 0.01
_AREA_CODES = Table(["0349", "0350", "0351", "0352", "0353", "0354", "0355", "0356", "0357", "0358", "0359"])
_MOBILE_PREFIXES = Table(
    "139 138 137 136 135 134 150 151 152 158 159 182 183 187 188 130 131 132 155 156 185 186 133 "
    "153 180 181 189 177".split()
)


def day_number(day: date) -> int:
    """Return the number of a day, counted from the first of January 1935."""
    return (day - _EPOCH).days


_YEAR_STARTS = np.array([day_number(date(year, 1, 1)) for year in range(FIRST_YEAR, _LAST.year + 1)])


def year_of(days: Ints) -> Ints:
    """Return the calendar year of each day number."""
    return FIRST_YEAR + np.searchsorted(_YEAR_STARTS, days, side="right") - 1


class IdentityNumbers:
    """Resident identity numbers (GB 11643) by division, birth and sex. One object a run: it counts."""

    def __init__(self, codes: tuple[str, ...], cohorts: int, seed: int) -> None:
        """``codes`` are the divisions by position, ``cohorts`` the number of pupils' birth cohorts."""
        days = [_EPOCH + timedelta(days=number) for number in range((_LAST - _EPOCH).days + 1)]
        texts = [f"{day:%Y%m%d}" for day in days]
        self.days = pl.Series(texts, dtype=pl.String)
        self._day_sums = np.array([_weigh(text, 6) for text in texts])
        self.codes = pl.Series(list(codes), dtype=pl.String)
        self._code_sums = np.array([_weigh(code, 0) for code in codes])
        serials = [f"{number:03d}" for number in range(1_000)]
        self.serials = pl.Series(serials, dtype=pl.String)
        self._serial_sums = np.array([_weigh(text, 14) for text in serials])
        self._checks = pl.Series(list(_CHECKS), dtype=pl.String)
        self._cohorts = cohorts
        self._years = _LAST.year - FIRST_YEAR + 1
        self._pupils = np.zeros(len(codes) * cohorts * 2, dtype=np.int64)
        self._adults = np.zeros(len(codes) * self._years * 2, dtype=np.int64)
        self._seed = (seed % 2**31) * 1_000_003

    def pupils(self, codes: Ints, cohorts: Ints, first_days: Ints, lengths: Ints, boys: Bools) -> tuple[Ints, Ints]:
        """Return birth days and serials (0 to 165) of pupils: ``lengths`` days from ``first_days`` on.

        Raises ``OverflowError`` when a division has more pupils of one cohort and sex than there are numbers.
        """
        groups = (codes * self._cohorts + cohorts) * 2 + boys
        slots = self._slots(self._pupils, groups, lengths * _FIRSTS, 1)
        return first_days + slots % lengths, slots // lengths

    def adults(self, codes: Ints, years: Ints, men: Bools) -> tuple[Ints, Ints]:
        """Return birth days and serials (0 to 499) of adults born in ``years``."""
        groups = (codes * self._years + (years - FIRST_YEAR)) * 2 + men
        lengths = np.full(codes.size, 365)
        slots = self._slots(self._adults, groups, lengths * _SERIALS, 2)
        return _YEAR_STARTS[years - FIRST_YEAR] + slots % lengths, slots // lengths

    def _slots(self, counters: Ints, groups: Ints, sizes: Ints, salt: int) -> Ints:
        numbers = take_numbers(counters, groups)
        if (numbers >= sizes).any():
            raise OverflowError("more people of one division and birth year than identity numbers")
        return permute(numbers, sizes, groups * 4 + salt + self._seed, bound=366 * _SERIALS)

    @staticmethod
    def twin_serials(first_serials: Ints, first_boys: Bools) -> Ints:
        """Return the serials of second twins, from those of the first ones."""
        return first_serials + np.where(first_boys, _FIRSTS, 2 * _FIRSTS)

    def texts(self, codes: Ints, days: Ints, serials: Ints, men: Bools) -> pl.Series:
        """Return the 18 characters of each number."""
        order = serials * 2 + men
        sums = self._code_sums[codes] + self._day_sums[days] + self._serial_sums[order]
        parts = pl.DataFrame(
            {
                "code": gather(self.codes, codes),
                "day": gather(self.days, days),
                "serial": gather(self.serials, order),
                "check": gather(self._checks, sums % 11),
            }
        )
        return parts.select(number=pl.concat_str("code", "day", "serial", "check"))["number"]


def _weigh(digits: str, start: int) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS[start:], strict=False))


class RunningNumbers:
    """Numbers of eight digits, scattered, each given once. One object a run: it counts."""

    def __init__(self, seed: int) -> None:
        self._next = 0
        self._seed = seed % 2**31 * 8 + 5

    def take(self, count: int) -> pl.Series:
        """Return the next ``count`` numbers as text of eight digits."""
        numbers = np.arange(self._next, self._next + count, dtype=np.int64)
        self._next += count
        scattered = permute(numbers, np.full(count, 10**8), np.full(count, self._seed), bound=10**8)
        return pl.Series(scattered).cast(pl.String).str.zfill(8)


def phones(rng: np.random.Generator, running: RunningNumbers, count: int) -> pl.Series:
    """Return mobile numbers, and a landline number now and then."""
    parts = pl.DataFrame(
        {
            "prefix": _MOBILE_PREFIXES.texts(rng, count),
            "number": running.take(count),
            "area": _AREA_CODES.texts(rng, count),
            "landline": rng.random(count) < _LANDLINES,
        }
    )
    mobile = pl.concat_str("prefix", "number")
    landline = pl.concat_str("area", pl.lit("-"), pl.lit("7"), pl.col("number").str.slice(2))
    return parts.select(phone=pl.when("landline").then(landline).otherwise(mobile))["phone"]
