"""Resident identity numbers by the column: what ``domain.identity_number`` says of one, of many at once."""

from __future__ import annotations

import numpy as np
import polars as pl

from core_registry.domain.identity_number import CHECK_CHARACTERS, LENGTH, WEIGHTS

SHAPE = r"^[0-9]{17}[0-9X]$"


def checksum_holds(numbers: pl.Series) -> pl.Series:
    """Return, number by number, whether the check character is right; false for nulls and wrong shapes."""
    shaped = numbers.str.contains(SHAPE).fill_null(False)
    good = numbers.filter(shaped)
    if not len(good):
        return shaped
    digits = np.frombuffer("".join(good).encode("ascii"), dtype=np.uint8).reshape(-1, LENGTH)
    sums = (digits[:, :17].astype(np.int32) - ord("0")) @ np.array(WEIGHTS, dtype=np.int32)
    expected = np.frombuffer(CHECK_CHARACTERS.encode("ascii"), dtype=np.uint8)[sums % 11]
    result = np.zeros(len(numbers), dtype=bool)
    result[shaped.to_numpy()] = expected == digits[:, 17]
    return pl.Series(result)


def birth_dates(numbers: pl.Series) -> pl.Series:
    """Return digits 7 to 14 as a date, null where there is no such day."""
    shaped = numbers.set(~numbers.str.contains(SHAPE).fill_null(False), None)
    return shaped.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)


def sexes(numbers: pl.Series) -> pl.Series:
    """Return the sex that digit 17 says, as GB/T 2261.1: ``1`` for odd, ``2`` for even; null for a wrong shape."""
    shaped = numbers.set(~numbers.str.contains(SHAPE).fill_null(False), None)
    odd = shaped.str.slice(16, 1).is_in(list("13579"))
    return pl.select(pl.when(odd).then(pl.lit("1")).when(~odd).then(pl.lit("2"))).to_series()
