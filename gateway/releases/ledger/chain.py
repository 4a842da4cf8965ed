"""Frozen chains: extracts of one kind leave at levels that stand in one order, never at crossing ones (notes 7).

The kind of an extract is its group, purpose, profile, quasi-identifiers and school year. Its first extract chooses the
levels; a later one takes them again, or those of any earlier one, or else the best that are as coarse as all of them
in every column, or coarser. Rows recoded locally have no such levels: they found no chain, and joint k alone judges
them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl
import rfc8785

from gateway.anonymize.ladders import Ladder
from gateway.anonymize.plan import Plan
from gateway.releases.ledger.records import LedgerRelease

_FIRST_MONTH = 9

Levels = Mapping[str, int]


def school_year(day: date) -> int:
    """Return the year in which the school year of ``day`` began: on the first of September."""
    return day.year if day.month >= _FIRST_MONTH else day.year - 1


def last_day(year: int) -> date:
    """Return the last day of the school year that began in ``year``."""
    return date(year + 1, _FIRST_MONTH - 1, 31)


def chain_of(plan: Plan, purpose: str, year: int) -> str:
    """Return the SHA-256, hexadecimal, of what a chain is about; within one group it names the chain."""
    about: dict[str, Any] = {
        "purpose": purpose,
        "profile": plan.profile,
        "columns": [asdict(column) for column in plan.quasi],
        "recoding": plan.recoding,
        "school_year": year,
    }
    return hashlib.sha256(rfc8785.dumps(about)).hexdigest()


def frozen(releases: Sequence[LedgerRelease], chain: str, columns: Sequence[str]) -> tuple[Levels, ...]:
    """Return the levels of a chain so far, each once, from the finest up; none before its first release."""
    found = {
        tuple(release.levels[column] for column in columns)
        for release in releases
        if release.chain == chain and set(release.levels) == set(columns)
    }
    return tuple(dict(zip(columns, levels, strict=True)) for levels in sorted(found, key=lambda one: (sum(one), one)))


def coarsest(chain: Sequence[Levels]) -> Levels:
    """Return the least levels that no one of ``chain`` is above; its last ones, as long as it is in order."""
    return {column: max(levels[column] for levels in chain) for column in chain[0]}


def comparable(one: Levels, other: Levels) -> bool:
    """Say whether one is as coarse as the other, or coarser, in every column."""
    pairs = [(one[column], other[column]) for column in one]
    return all(a <= b for a, b in pairs) or all(a >= b for a, b in pairs)


def above(ladders: Mapping[str, Ladder], floor: Levels) -> dict[str, Ladder]:
    """Return the ladders without the levels below ``floor``; levels of a search on them count from there."""
    return {name: _above(ladder, floor.get(name, 0)) for name, ladder in ladders.items()}


def _above(ladder: Ladder, level: int) -> Ladder:
    if not level:
        return ladder
    return Ladder(ladder.name, ladder.level_names[level:], ladder.leaves, ladder.rungs[level:])


def with_past(leaf: pl.DataFrame, past: pl.Series, name: str) -> tuple[pl.DataFrame, Ladder]:
    """Return ``leaf`` with what its rows looked like in earlier files as one more column, and a ladder without a step.

    A search over both demands its models of every joint class.
    """
    column = past.cast(pl.String).rename(name)
    return leaf.with_columns(column), Ladder.identity(name, column.unique(maintain_order=True))
