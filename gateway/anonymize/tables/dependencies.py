"""Columns that give away what another one hides: copies, functions, parts, and values that are nobody else's.

A class of k rows protects nobody when a column beside it says which of them is which. So every column that would
leave as it is is compared with the identifiers (direct ones, and quasi-identifiers as leaves). What is found is told
with the evidence: so many repeated values that agree as chance would not make them agree.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from gateway.anonymize.tables.errors import DependencyError

DependencyKind = Literal["unique", "copy", "determines", "determined_by", "contains", "contained_in"]
_NATS = math.log(1e6)
"""How unlikely, as a logarithm, that values agree by chance, before a dependency is taken for real."""
_SLACK = 0.01
"""Share of the expected disagreements that may be there: a copy with a few typing errors is still a copy."""
_SAMPLE = 5_000
_FEWEST = 20
"""In a table with fewer rows no column is called unique: any would be."""
_FEWEST_PAIRS = 5
_UNIQUE = 0.99
_SAME = 0.99
_BY_CHANCE = 0.5
_SHORTEST = 3
_DATE = r"^([0-9]{4})[-/.年 ]([0-9]{1,2})[-/.月 ]([0-9]{1,2})(?:日|[ T].*)?$"

_WORDS: Mapping[DependencyKind, tuple[str, str]] = {
    "unique": ("has a different value in (nearly) every row", "几乎每行取值都不同"),
    "copy": ("is a copy of '{of}', or written in another code", "是“{of}”的副本或另一种编码"),
    "determines": ("determines '{of}'", "可推出“{of}”"),
    "determined_by": ("is a function of '{of}', finer than '{of}' leaves", "由“{of}”推出，比其输出更细"),
    "contains": ("contains the value of '{of}'", "含有“{of}”的取值"),
    "contained_in": ("is a part of '{of}'", "是“{of}”的一部分"),
}


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a column that leaves as it is has to do with another one. ``of`` is empty for a unique column.

    ``harmless`` where the released labels tell as much; else ``allowed`` by the caller, or refused.
    """

    column: str
    kind: DependencyKind
    of: str
    allowed: bool = False
    harmless: bool = False

    def words(self) -> tuple[str, str]:
        """Return what was found, in English and Chinese."""
        en, zh = (words.replace("{of}", self.of) for words in _WORDS[self.kind])
        return (f"'{self.column}' {en}", f"“{self.column}”{zh}")


@dataclass(frozen=True, slots=True)
class Shown:
    """The columns of a table by what becomes of them: text, same length, null where there is no value."""

    ordinary: Mapping[str, pl.Series]
    """As they leave."""
    sensitive: Mapping[str, pl.Series]
    direct: Mapping[str, pl.Series]
    quasi: Mapping[str, pl.Series]
    """As leaves."""


def before_search(shown: Shown) -> list[Dependency]:
    """Return what can be known before levels are chosen: unique columns, and those that tell a direct identifier."""
    found = [Dependency(name, "unique", "") for name, values in shown.ordinary.items() if _unique(values)]
    for name, values in (*shown.ordinary.items(), *shown.sensitive.items()):
        for of, direct in shown.direct.items():
            kind = _part(values, direct) or _function(values, direct)
            if kind is not None:
                found.append(Dependency(name, kind, of))
    return found


def after_search(shown: Shown, released: pl.DataFrame, kept: pl.Series) -> list[Dependency]:
    """Return the columns that tell more of a quasi-identifier than the labels under which it leaves.

    ``released`` are the labels of the rows ``kept``, by the names of ``shown.quasi``. A column that the label tells
    anyhow (a county's name beside its code, at level 0) gives nothing away, nor does one that tells a value which
    leaves as it is: both are ``harmless``. A sensitive column is held against copies alone: it is there to be told.
    """
    found = []
    for of, leaves in shown.quasi.items():
        label = released[of]
        clear = _told_by(label, leaves.filter(kept))
        for name, values in shown.ordinary.items():
            kind = _function(values, leaves) or ("contains" if _part(values, leaves) == "contains" else None)
            if kind is not None:
                found.append(Dependency(name, kind, of, harmless=clear))
            elif _determines(leaves, values) or _part(values, leaves) == "contained_in":
                harmless = clear or _told_by(label, values.filter(kept))
                found.append(Dependency(name, "determined_by", of, harmless=harmless))
        for name, values in shown.sensitive.items():
            if _function(values, leaves) == "copy":
                found.append(Dependency(name, "copy", of, harmless=clear))
    return found


def refuse(found: Sequence[Dependency], allowed: Collection[str]) -> list[Dependency]:
    """Return ``found`` with those of ``allowed`` columns marked. Raises ``DependencyError`` for any other."""
    judged = [replace(one, allowed=one.column in allowed) for one in found]
    refused = [one for one in judged if not (one.allowed or one.harmless)]
    if not refused:
        return judged
    columns = tuple(dict.fromkeys(one.column for one in refused))
    options = " ".join(f"--allow {column!r}" if " " in column else f"--allow {column}" for column in columns)
    raise DependencyError(
        f"Not released: {'; '.join(one.words()[0] for one in refused)}. Whoever knows such a value finds the row again "
        "whatever is generalised. In the plan, give the column the role 'quasi' (with a hierarchy) or 'direct' "
        f"(it is dropped); if it is harmless: {options}.",
        detail_zh=f"未输出：{'；'.join(one.words()[1] for one in refused)}。知道该值的人可直接找回该行。"
        f"请在方案中将该列设为 quasi（并给出层级）或 direct（删去）；如确认无害：{options}。",
        missing=columns,
    )


def _unique(values: pl.Series) -> bool:
    present = values.drop_nulls()
    return len(present) >= _FEWEST and present.n_unique() >= _UNIQUE * len(present)


def _function(clear: pl.Series, identifier: pl.Series) -> DependencyKind | None:
    if not _determines(clear, identifier):
        return None
    return "copy" if _determines(identifier, clear) else "determines"


def _determines(first: pl.Series, second: pl.Series) -> bool:
    """Say whether ``first`` tells ``second``, by repeated values of ``first`` that agree in ``second``.

    With p the shares of the values of ``second``, two rows agree by chance with Σ p²: so many agreements have the
    probability (Σ p²)ⁿ, and must be rarer than one in a million.
    """
    pair = pl.DataFrame({"x": first, "y": second})
    if pair.height > _SAMPLE:
        agreed, wrong, chance, base = _evidence(pair.gather_every(-(-pair.height // _SAMPLE)))
        if agreed >= _FEWEST and wrong > 5 * _SLACK * agreed * base:
            return False
    agreed, wrong, chance, base = _evidence(pair)
    return chance < 1 and wrong <= _SLACK * agreed * base and -agreed * math.log(chance) >= _NATS


def _evidence(pair: pl.DataFrame) -> tuple[int, int, float, float]:
    """Return repeated values of x, how many of them disagree in y, and how y agrees and disagrees by chance."""
    rows = pair.height
    groups = (
        pair.group_by("x", "y")
        .len()
        .group_by("x")
        .agg(pl.col("len").sum().alias("n"), pl.col("len").max().alias("top"))
    )
    repeated = int(groups["n"].sum()) - groups.height
    wrong = int((groups["n"] - groups["top"]).sum())
    shares = pair.group_by("y").len()["len"].cast(pl.Float64) / rows
    return repeated, wrong, float((shares * shares).sum()), 1 - float(shares.max() or 0.0)  # type: ignore[arg-type]  # a column of floats


def _told_by(label: pl.Series, values: pl.Series) -> bool:
    """Say whether every label has one value."""
    pair = pl.DataFrame({"x": label, "y": values})
    return pair.unique().height == pair["x"].n_unique()


def _part(clear: pl.Series, identifier: pl.Series) -> DependencyKind | None:
    """Return whether, row by row, one text stands inside the other, as it does not between different rows."""
    pair = pl.DataFrame({"c": clear, "i": identifier}).drop_nulls()
    if pair.height > _SAMPLE:
        pair = pair.gather_every(-(-pair.height // _SAMPLE))
    pair = pair.select(_compact("c"), _compact("i"))
    for kind, inner, outer in _directions():
        near = pair.filter(pl.col(inner).str.len_chars() >= _SHORTEST)
        if near.height < max(_FEWEST_PAIRS, pair.height // 2):
            continue
        # every row against the next ones that differ in it: what stands inside by chance would do so there too
        apart = near.with_columns(pl.col(inner).shift(1).fill_null(pl.col(inner).last()).alias(inner))
        if _inside(near, inner, outer) >= _SAME and _inside(apart, inner, outer) <= _BY_CHANCE:
            return kind
    return None


def _directions() -> Iterator[tuple[DependencyKind, str, str]]:
    yield "contained_in", "c", "i"
    yield "contains", "i", "c"


def _inside(pair: pl.DataFrame, inner: str, outer: str) -> float:
    hits = pair.select(pl.col(outer).str.contains(pl.col(inner), literal=True)).to_series()
    return float(hits.sum()) / pair.height


def _compact(name: str) -> pl.Expr:
    """Return letters and digits alone; a date of year, month and day with two digits each, as numbers contain it."""
    text = pl.col(name)
    year, month, day = (text.str.extract(_DATE, part) for part in (1, 2, 3))
    date = year + month.str.zfill(2) + day.str.zfill(2)
    return pl.coalesce(date, text.str.replace_all(r"[^\p{L}\p{Nd}]", "").str.to_uppercase()).alias(name)
