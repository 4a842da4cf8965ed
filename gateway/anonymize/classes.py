"""The classes of a release as an attacker sees them: rows with equal released labels, wherever the labels come from.

With local recoding a column shows labels of several levels. One label of two levels is one value to whoever reads the
file, so its rows count as one class; where the two mean different sets of leaves of which none holds the other, the
label is released with the name of its level, so that nobody mistakes one for the other (ADR 29).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import polars as pl
import polars_hash as plh

from gateway.anonymize.errors import TransformError
from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.lattice import COUNT, combine, densify
from gateway.anonymize.lookup import NOWHERE, Lookup
from gateway.anonymize.loss import Reals, shares_by_leaf, shown_by
from gateway.anonymize.models import Flags, Grouped, references, sensitive_codes

CLASS = "·class"


@dataclass(frozen=True)
class Assignment:
    """How each tuple leaves: ``levels[part[i]]`` are the levels of tuple *i*; a negative part is suppressed."""

    levels: Codes = field(repr=False)
    """One row of levels for each part, one column for each quasi-identifier."""
    part: Codes = field(repr=False)


@dataclass(frozen=True)
class Wording:
    """The labels of one column in one release: ``ids[level][code]`` is the position in ``labels``."""

    ids: Mapping[int, Codes]
    labels: pl.Series

    @classmethod
    def of(cls, ladder: Ladder, used: Mapping[int, Flags]) -> Wording:
        """Return the wording when the labels flagged in ``used[level]`` occur, on the levels that are in use."""
        if len(used) == 1:
            level = next(iter(used))
            return cls({level: np.arange(used[level].size)}, ladder.rungs[level].labels.column)
        places = pl.concat(
            pl.DataFrame({"label": ladder.rungs[level].labels.column, "level": level, "code": np.arange(flags.size)})
            .filter(pl.Series(flags))
            .with_columns(pl.col("label").cast(pl.String))
            for level, flags in sorted(used.items())
        )
        several = pl.struct("label").is_duplicated()
        shared = places.filter(several)
        torn = [
            group["label"][0]
            for _, group in shared.group_by(pl.col("label"), maintain_order=True)
            if not _one_branch(ladder, [*zip(group["level"].to_list(), group["code"].to_list(), strict=True)])
        ]
        level_name = pl.col("level").replace_strict(dict(enumerate(ladder.level_names)), return_dtype=pl.String)
        qualified = pl.col("label").fill_null("") + " (" + level_name + ")"
        apart = pl.col("label").is_in(pl.Series(torn, dtype=pl.String).implode(), nulls_equal=True)
        places = places.with_columns(pl.when(apart).then(qualified).otherwise("label").alias("label"))
        words = places.select("label").unique(maintain_order=True).with_row_index("id")
        numbered = places.join(words, on="label", how="left", nulls_equal=True, maintain_order="left")
        ids = {level: np.zeros(flags.size, dtype=np.int64) for level, flags in used.items()}
        for level, table in ids.items():
            here = numbered.filter(pl.col("level") == level)
            table[here["code"].to_numpy()] = here["id"].to_numpy()
        return cls(ids, words["label"])


def _one_branch(ladder: Ladder, places: Sequence[tuple[int, int]]) -> bool:
    """Say whether of these labels each stands under the next, so that reading the coarsest is always true."""
    for (low, below), (high, above) in pairwise(places):
        leaf = int((ladder.rungs[low].codes == below).argmax())
        if low == high or int(ladder.rungs[high].codes[leaf]) != above:
            return False
    return True


@dataclass(frozen=True)
class Classes:
    """Every class of a release, with the look-up from the leaves of a row to its class.

    ``allowed`` says which may leave. ``tuples`` counts the rows by class and sensitive values, ``shown`` sums
    ``share_q`` over the rows of each class (first axis) and column.
    """

    lookup: Lookup
    number: Codes = field(repr=False)
    """Class of each cell, ``NOWHERE`` when its rows are suppressed."""
    part: Codes = field(repr=False)
    """Part of each cell, see ``Assignment``."""
    levels: Codes = field(repr=False)
    keys: pl.DataFrame = field(repr=False)
    """Labels of each class."""
    tuples: pl.DataFrame = field(repr=False)
    shown: Reals = field(repr=False)
    pairs: tuple[Codes, Codes] = field(repr=False)
    """Which parts are in which class, as class · parts + part, rising, and the rows of each such pair."""
    sensitive: tuple[str, ...]
    whole: tuple[Reals, ...] = field(repr=False)
    """Distribution of each sensitive column over all rows of the table, suppressed ones included."""
    allowed: Flags = field(repr=False)

    @classmethod
    def of(
        cls,
        leaf: pl.DataFrame,
        ladders: Mapping[str, Ladder],
        sensitive: Sequence[str],
        assignment: Assignment,
        trees: Mapping[str, Ladder] | None = None,
        codes: Sequence[Codes] | None = None,
    ) -> Classes:
        """Return the classes of the tuples in ``leaf``; all that are not suppressed are allowed so far.

        ``sensitive`` columns are coded by the leaves of their tree in ``trees``, where they have one. ``codes`` are the
        leaf codes of ``leaf`` by the ladders, when they are at hand.
        """
        if codes is None:
            codes = tuple(ladder.encode(leaf[name]) for name, ladder in ladders.items())
        kept, parts, inside = _kept(assignment, codes)
        rows = leaf[COUNT].to_numpy()
        columns: list[Codes] = []
        words: list[Wording] = []
        for q, ladder in enumerate(ladders.values()):
            level = _level(assignment, parts, q)
            words.append(_wording(ladder, level, inside[q]))
            columns.append(_by_level(words[-1].ids, ladder, level, inside[q]))
        number, count = densify(*combine(columns, [len(word.labels) for word in words], parts.size))
        first = np.zeros(count, dtype=np.int64)
        first[number[::-1]] = np.arange(parts.size)[::-1]
        everywhere = number
        if parts.size < rows.size:
            everywhere = np.full(rows.size, NOWHERE, dtype=np.int64)
            everywhere[kept] = number
        one = len(assignment.levels) == 1 and parts.size == rows.size
        lookup, own = _lookup(ladders, codes, assignment, everywhere, first if one else None)
        counted = _counted(leaf, sensitive, everywhere, trees or {})
        values = [counted[_code(name)].to_numpy() for name in sensitive]
        return cls(
            lookup=lookup,
            number=everywhere[own],
            part=assignment.part[own],
            levels=assignment.levels,
            keys=pl.DataFrame(
                [
                    word.labels.cast(pl.String).gather(column[first]).rename(name)
                    for name, word, column in zip(ladders, words, columns, strict=True)
                ]
            ),
            tuples=counted,
            shown=_shown(ladders, inside, assignment, parts, number, rows[kept], count),
            pairs=_pairs(number, parts, rows[kept], len(assignment.levels)),
            sensitive=tuple(sensitive),
            whole=references(values, counted[COUNT].to_numpy()),
            allowed=np.ones(count, dtype=np.bool_),
        )

    # -- asking, batch after batch

    def find(self, leaf: pl.DataFrame) -> Codes:
        """Return the class of each row, ``NOWHERE`` for one that may not leave.

        Raises ``TransformError`` for a row that was not measured, ``UnknownLeafError`` for a strange value.
        """
        number, _ = self._look(self.lookup.codes(leaf))
        number[number != NOWHERE] = np.where(
            self.allowed[number[number != NOWHERE]], number[number != NOWHERE], NOWHERE
        )
        return number

    def known(self, codes: Sequence[Codes]) -> Codes:
        """Return the class of rows with these leaf codes, ``NOWHERE`` also for those that were not measured."""
        found = self.lookup.find(codes)
        return np.where(found == NOWHERE, NOWHERE, self.number[found])

    def labels(self, number: Codes) -> pl.DataFrame:
        """Return the labels of these classes; nulls in every column for ``NOWHERE``."""
        index = pl.Series(number).replace(NOWHERE, None) if (number == NOWHERE).any() else pl.Series(number)
        return self.keys.select(pl.all().gather(index))

    def digests(self, number: Codes) -> pl.Series:
        """Return the digest of each class; null for ``NOWHERE``."""
        index = pl.Series(number).replace(NOWHERE, None)
        return self._digests.gather(index).rename("class")

    @cached_property
    def _digests(self) -> pl.Series:
        text = pl.concat_str([_unmistakable(name) for name in self.keys.columns])
        hashed = self.keys.select(plh.concat_str(text).chash.sha2_256().str.decode("hex").bin.slice(0, 8))
        found: pl.Series = hashed.to_series().bin.reinterpret(dtype=pl.Int64, endianness="big")
        if found.n_unique() != found.len():
            raise TransformError("Two classes have one digest; nothing is released.")
        return found

    def _look(self, codes: Sequence[Codes]) -> tuple[Codes, Codes]:
        found = self.lookup.find(codes)
        unknown = int((found == NOWHERE).sum())
        if unknown:
            raise TransformError(
                f"{unknown} rows are in classes that were not measured: "
                "the batch is of another snapshot than the tuples.",
                detail_zh=f"有 {unknown} 行所在等价类未经度量：批次与统计不属于同一快照。",
            )
        return self.number[found], self.part[found]

    # -- measuring

    def grouped(self, columns: Sequence[str]) -> Grouped:
        """Return the rows of all classes, whether they may leave or not, with the values of ``columns``."""
        inside = self.tuples.filter(pl.col(CLASS) != NOWHERE)
        return Grouped(
            inside[CLASS].to_numpy(),
            self.keys.height,
            inside[COUNT].to_numpy(),
            tuple(inside[_code(name)].to_numpy() for name in columns),
        )

    def references(self, columns: Sequence[str]) -> tuple[Reals, ...]:
        """Return the distribution of these sensitive columns over the whole table, by value code."""
        return tuple(self.whole[self.sensitive.index(name)] for name in columns)

    def rows_by_part(self) -> Codes:
        """Return how many rows of each part may leave."""
        keys, rows = self.pairs
        parts = max(len(self.levels), 1)
        leave = self.allowed[keys // parts]
        return np.bincount(keys[leave] % parts, weights=rows[leave], minlength=len(self.levels)).astype(np.int64)

    def allow(self, allowed: Flags) -> Classes:
        """Return the same classes where only ``allowed`` may leave."""
        return replace(self, allowed=allowed)

    def less(self, removed: pl.DataFrame) -> Classes:
        """Return the classes without the ``n`` rows of each tuple in ``removed``; see ``Decision.without``."""
        codes = self.lookup.codes(removed)
        number, part = self._look(codes)
        rows = removed[COUNT].cast(pl.Int64).to_numpy()
        gone = pl.DataFrame([pl.Series(CLASS, number), *(removed[name].cast(pl.String) for name in self.sensitive)])
        gone = gone.with_columns(pl.Series("gone", rows)).filter(pl.col(CLASS) != NOWHERE)
        on = [CLASS, *self.sensitive]
        gone = gone.group_by(on).agg(pl.col("gone").sum())
        left = self.tuples.join(gone, on=on, how="left", nulls_equal=True, maintain_order="left")
        left = left.with_columns(pl.col(COUNT) - pl.col("gone").fill_null(0))
        if left["gone"].sum() != gone["gone"].sum() or bool((left[COUNT] < 0).any()) or bool((rows < 0).any()):
            raise TransformError("More rows are withheld of a tuple than were measured; nothing is released.")
        inside = number != NOWHERE
        tables = [shares_by_leaf(ladder) for ladder in self.lookup.ladders.values()]
        weighted = shown_by([column[inside] for column in codes], self.levels[part[inside]], tables)
        weighted *= rows[inside, None]
        shown = self.shown.copy()
        np.subtract.at(shown, number[inside], weighted)
        keys, held = self.pairs
        held = held.copy()
        np.subtract.at(held, np.searchsorted(keys, number[inside] * len(self.levels) + part[inside]), rows[inside])
        left = left.filter(pl.col(COUNT) > 0).drop("gone")
        return replace(self, tuples=left, shown=shown, pairs=(keys, held))


def _kept(assignment: Assignment, codes: Sequence[Codes]) -> tuple[Flags | slice, Codes, Sequence[Codes]]:
    """Return which tuples are not suppressed, and the parts and the leaf codes of those."""
    kept = assignment.part >= 0
    if bool(kept.all()):
        return slice(None), assignment.part, codes
    return kept, assignment.part[kept], [column[kept] for column in codes]


def _pairs(number: Codes, parts: Codes, rows: Codes, count: int) -> tuple[Codes, Codes]:
    if count == 1:
        held = np.bincount(number, weights=rows).astype(np.int64)
        return np.arange(held.size), held
    keys, inverse = np.unique(number * max(count, 1) + parts, return_inverse=True)
    return keys, np.bincount(inverse, weights=rows, minlength=keys.size).astype(np.int64)


def _level(assignment: Assignment, parts: Codes, q: int) -> Codes | int:
    """Return the level of column ``q`` for each tuple: one number where all stand on one."""
    used = assignment.levels[:, q]
    if used.size and bool((used == used[0]).all()):
        return int(used[0])
    return used[parts]


def _wording(ladder: Ladder, level: Codes | int, codes: Codes) -> Wording:
    if isinstance(level, int):
        return Wording.of(ladder, {level: np.ones(len(ladder.rungs[level].labels), dtype=np.bool_)})
    used: dict[int, Flags] = {}
    for height in np.unique(level).tolist() or [0]:
        rung = ladder.rungs[height]
        used[height] = np.zeros(len(rung.labels), dtype=np.bool_)
        used[height][rung.codes[codes[level == height]]] = True
    return Wording.of(ladder, used)


def _by_level(tables: Mapping[int, Codes], ladder: Ladder, level: Codes | int, codes: Codes) -> Codes:
    """Return ``tables[level][label]`` for each row, where the label is that of the leaf in ``codes``."""
    if isinstance(level, int):
        return tables[level][ladder.rungs[level].codes[codes]]
    found = np.zeros(codes.size, dtype=np.int64)
    for height, table in tables.items():
        here = level == height
        found[here] = table[ladder.rungs[height].codes[codes[here]]]
    return found


def _shown(
    ladders: Mapping[str, Ladder],
    codes: Sequence[Codes],
    assignment: Assignment,
    parts: Codes,
    number: Codes,
    rows: Codes,
    count: int,
) -> Reals:
    """Return the sums of ``share_q`` over the rows of each class, by column."""
    shown: Reals = np.zeros((count, len(ladders)))
    for q, (ladder, column) in enumerate(zip(ladders.values(), codes, strict=True)):
        level = _level(assignment, parts, q)
        if isinstance(level, int):
            rung = ladder.rungs[level]
            share = rung.shares[rung.codes[column]]
        else:
            share = shares_by_leaf(ladder)[level, column]
        shown[:, q] = np.bincount(number, weights=share * rows, minlength=count)
    return shown


def _lookup(
    ladders: Mapping[str, Ladder],
    codes: Sequence[Codes],
    assignment: Assignment,
    number: Codes,
    first: Codes | None,
) -> tuple[Lookup, Codes]:
    """Return the look-up at the coarsest floor that tells the classes apart, and one tuple for each place.

    ``first`` is one tuple for each class, where the classes are the places: on one vector of levels for all.
    """
    used = assignment.levels[np.unique(assignment.part[assignment.part >= 0])] if first is None else assignment.levels
    finest = used.min(axis=0) if used.size else np.zeros(len(ladders), dtype=np.int64)
    for floor in (tuple(finest.tolist()), (0,) * len(ladders)):
        columns = [
            ladder.rungs[level].codes[column if first is None else column[first]]
            for ladder, level, column in zip(ladders.values(), floor, codes, strict=True)
        ]
        if first is not None:
            return Lookup.of(ladders, floor, columns), first
        sizes = [len(ladder.rungs[level].labels) for ladder, level in zip(ladders.values(), floor, strict=True)]
        cell, count = densify(*combine(columns, sizes, number.size))
        own = np.zeros(count, dtype=np.int64)
        own[cell[::-1]] = np.arange(number.size)[::-1]
        if bool((number[own][cell] == number).all()) and bool((assignment.part[own][cell] == assignment.part).all()):
            return Lookup.of(ladders, floor, [column[own] for column in columns]), own
    raise TransformError("Equal rows were to leave in different classes; nothing is released.")


def _counted(leaf: pl.DataFrame, sensitive: Sequence[str], number: Codes, trees: Mapping[str, Ladder]) -> pl.DataFrame:
    """Return the rows by class and sensitive values, with a code for each value."""
    if not sensitive:
        rows = np.bincount(number - NOWHERE, weights=leaf[COUNT].to_numpy()).astype(np.int64)
        held = np.flatnonzero(rows)
        return pl.DataFrame({CLASS: held + NOWHERE, COUNT: rows[held]})
    frame = pl.DataFrame([pl.Series(CLASS, number), *(leaf[name].cast(pl.String) for name in sensitive), leaf[COUNT]])
    counted = frame.group_by([CLASS, *sensitive], maintain_order=True).agg(pl.col(COUNT).sum())
    return counted.with_columns(
        pl.Series(_code(name), sensitive_codes(counted[name], trees.get(name))) for name in sensitive
    )


def _code(name: str) -> str:
    return f"{name}·code"


def _unmistakable(name: str) -> pl.Expr:
    """Return the label with its column and its length before it, so that no two rows of labels look alike."""
    label = pl.col(name)
    told = pl.concat_str([label.str.len_bytes().cast(pl.String), pl.lit(":"), label])
    return pl.concat_str([pl.lit(f"{len(name)}:{name}="), pl.coalesce(told, pl.lit("-"))])
