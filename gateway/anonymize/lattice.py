"""Grouped tuples as integer codes: the table on which the search works.

``Table`` is made once from distinct tuples; from then on the number of rows is only a number.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import getitem

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.errors import SearchError
from gateway.anonymize.ladders import Codes, Ladder
from gateway.anonymize.models import Reals, SensitiveDemand, sensitive_codes

COUNT = "n"
_WORD = 2**62
_DENSE = 1 << 18
_LEAST_BITS, _MOST_BITS = 10, 22
_NEAR_BITS = 18
"""Buckets of ``dense``: what is scattered over more no longer stays near the processor."""
_BLOCK = 16_384
_SCATTER = np.uint64(0x9E3779B97F4A7C15)
_CHUNK = 3
"""So many columns are combined once and kept."""
_KEPT_BYTES = 48 << 20
_LARGE = 1 << 19
_CHUNK_SPACE = 2**40

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    """Distinct tuples: ``codes[q]`` leaf codes of quasi-identifier *q*, ``sensitive[s]`` value codes, ``rows`` each.

    ``population`` counts the people of each tuple, ``None`` where no model asks for them; with a population there
    may be tuples without rows.
    """

    ladders: tuple[Ladder, ...]
    codes: tuple[Codes, ...]
    sensitive: tuple[Codes, ...]
    rows: Codes
    population: Codes | None = None

    @classmethod
    def of(
        cls,
        tuples: pl.DataFrame,
        ladders: Mapping[str, Ladder],
        sensitive: Sequence[SensitiveDemand] = (),
        population: pl.DataFrame | None = None,
    ) -> Table:
        """Return the table of ``tuples``: one column for each ladder and sensitive attribute, and ``n``, the rows.

        Tuples need not be distinct: the first roll-up joins equal ones. ``population`` has a column for each ladder
        and ``n``, the people. Raises ``SearchError`` for a missing column or a count below one.
        """
        if not ladders:
            raise SearchError(
                "There is no quasi-identifier to search over; name at least one column that may be generalised.",
                detail_zh="没有可搜索的准标识符，请至少指定一个可概化的字段。",
            )
        rows = _counts(tuples, [*ladders, *(demand.column for demand in sensitive)], "tuples")
        codes = tuple(ladder.encode(tuples[column]) for column, ladder in ladders.items())
        values = tuple(sensitive_codes(tuples[demand.column], demand.t_tree) for demand in sensitive)
        if population is None:
            return cls(tuple(ladders.values()), codes, values, rows)
        people = _counts(population, list(ladders), "tuples of the population")
        nobody, nothing = np.zeros_like(people), np.zeros_like(rows)
        return cls(
            tuple(ladders.values()),
            tuple(
                np.concatenate([own, ladder.encode(population[column])])
                for own, (column, ladder) in zip(codes, ladders.items(), strict=True)
            ),
            tuple(np.concatenate([own, nobody]) for own in values),
            np.concatenate([rows, nobody]),
            np.concatenate([nothing, people]),
        )

    @cached_property
    def total(self) -> int:
        """Return the number of rows."""
        return int(self.rows.sum())

    @cached_property
    def weights(self) -> Reals:
        """Return ``rows`` as floating-point numbers, exact below 2**53."""
        return self.rows.astype(np.float64)

    @cached_property
    def leaf_rows(self) -> tuple[Reals, ...]:
        """Return, by column, the rows of each leaf."""
        return tuple(
            np.bincount(codes, weights=self.weights, minlength=len(ladder.leaves)).astype(np.float64, copy=False)
            for ladder, codes in zip(self.ladders, self.codes, strict=True)
        )

    def __len__(self) -> int:
        return int(self.rows.size)


def _counts(tuples: pl.DataFrame, columns: Sequence[str], what: str) -> Codes:
    """Return the column ``n`` of ``tuples``, whole numbers of any type; ``columns`` must be there as well."""
    missing = [column for column in [*columns, COUNT] if column not in tuples.columns]
    if missing:
        raise SearchError(
            f"The {what} lack the columns {', '.join(missing)}.",
            detail_zh=f"缺少列 {'、'.join(missing)}。",
            missing=tuple(missing),
        )
    counts = tuples[COUNT]
    whole = counts.cast(pl.Int64, strict=False) if counts.dtype.is_numeric() else counts.clear()
    if len(whole) != len(counts) or whole.null_count() or bool((whole < 1).any()) or bool((whole != counts).any()):
        raise SearchError(
            "The column 'n' must count rows: a whole number of at least 1 in each tuple.",
            detail_zh="列 n 是行数，每个元组须为不小于 1 的整数。",
        )
    return whole.to_numpy()


def combine(columns: Sequence[Codes], sizes: Sequence[int], length: int) -> tuple[Codes, int]:
    """Return one key for each row, equal exactly where all ``columns`` are equal, and the size of its range.

    ``sizes[i]`` bounds ``columns[i]``. A mixed-radix number; where it would leave 62 bits, what there is so
    far is made dense first (at most ``length`` values remain). The key may be one of the columns itself.
    """
    key: Codes | None = None
    space = 1
    for column, size in zip(columns, sizes, strict=True):
        if size <= 1:
            continue
        if key is None:
            key, space = column, size
            continue
        if space > _WORD // size:
            key, space = densify(key, space)
        key = key * size
        key += column
        space *= size
    return (np.zeros(length, dtype=np.int64) if key is None else key), space


def densify(key: Codes, space: int) -> tuple[Codes, int]:
    """Return ``key`` renumbered 0, 1, … in the order of its values, and how many there are."""
    if space <= max(_DENSE, 4 * key.size):
        seen = np.bincount(key, minlength=space) > 0
        renumbered = np.cumsum(seen) - 1
        return renumbered[key], int(seen.sum())
    return dense(key.view(np.uint64))  # none is negative: their order is the same


def dense(values: NDArray[np.uint64]) -> tuple[Codes, int]:
    """Return ``values`` renumbered 0, 1, … in their order, and how many different ones there are.

    As ``np.unique``, without a sort of the whole: values are scattered over buckets, and what is sorted is one value
    of each bucket, and those that meet another one in theirs.
    """
    if values.size < _BLOCK:
        return _sorted(values)
    bits = min(_bits(values.size), _NEAR_BITS)
    shift = np.uint64(64 - bits)
    buckets = np.empty(values.size, dtype=np.int64)
    holder = np.zeros(1 << bits, dtype=np.uint64)
    used = np.zeros(1 << bits, dtype=np.bool_)
    for start in range(0, values.size, _BLOCK):
        here = slice(start, start + _BLOCK)
        np.right_shift(values[here] * _SCATTER, shift, out=buckets[here].view(np.uint64))
        holder[buckets[here]] = values[here]  # the last one written holds the bucket
        used[buckets[here]] = True
    apart = [
        start + np.flatnonzero(holder[buckets[start : start + _BLOCK]] != values[start : start + _BLOCK])
        for start in range(0, values.size, _BLOCK)
    ]
    strangers = np.concatenate([*apart, np.zeros(0, dtype=np.int64)])
    if strangers.size > values.size >> 2:
        return _sorted(values)
    others, which = np.unique(values[strangers], return_inverse=True)
    places = np.flatnonzero(used)
    found = np.concatenate([holder[places], others])
    order = np.argsort(found)
    rank = np.empty(found.size, dtype=np.int64)
    rank[order] = np.arange(found.size)
    ranks = np.zeros(1 << bits, dtype=np.int64)
    ranks[places] = rank[: places.size]
    for start in range(0, values.size, _BLOCK):
        buckets[start : start + _BLOCK] = ranks[buckets[start : start + _BLOCK]]
    buckets[strangers] = rank[places.size :][which]
    return buckets, int(found.size)


def _sorted(values: NDArray[np.uint64]) -> tuple[Codes, int]:
    found, inverse = np.unique(values, return_inverse=True)
    return inverse.astype(np.int64, copy=False), int(found.size)


def renumber(key: Codes, space: int) -> tuple[Codes, int]:
    """Return ``key`` renumbered in some fixed order, possibly with gaps, and a bound above all of its numbers.

    As exact as ``densify`` and without a sort of the whole: keys are scattered over buckets, and only those that
    meet another key in theirs are sorted.
    """
    if space <= max(_DENSE >> 3, 2 * key.size):
        return key, space
    bits = _bits(key.size)
    buckets = (key.view(np.uint64) * _SCATTER >> np.uint64(64 - bits)).view(np.int64)
    holder = np.empty(1 << bits, dtype=np.int64)
    holder[buckets] = key  # the last one written holds the bucket
    strangers = np.flatnonzero(holder[buckets] != key)
    if not strangers.size:
        return buckets, 1 << bits
    values, inverse = np.unique(key[strangers], return_inverse=True)
    buckets[strangers] = inverse + (1 << bits)
    return buckets, (1 << bits) + int(values.size)


def _bits(length: int) -> int:
    return min(max(length.bit_length(), _LEAST_BITS), _MOST_BITS)


class Views:
    """A table's classes at any node. Combinations of a few columns are kept, within some tens of megabytes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.bits = _bits(len(table))
        self._shift = np.uint64(64 - self.bits)
        # Large tables go column by column: what is kept would push the rest out of the cache of the processor.
        self._chunks = _chunks(table.ladders, 1 if len(table) > _LARGE else _CHUNK)
        self._most = _KEPT_BYTES // max(8 * len(table), 1) if len(table) <= _LARGE else 0
        self._sizes = [[len(rung.labels) for rung in ladder.rungs] for ladder in table.ladders]
        self._keys: dict[tuple[int, tuple[int, ...]], Codes] = {}
        self._hashes: dict[tuple[int, tuple[int, ...]], Hashes] = {}
        self._salts: dict[tuple[int, int], Hashes] = {}

    def codes(self, column: int, level: int) -> Codes:
        """Return the label code of each tuple in ``column`` on ``level``."""
        codes = self.table.codes[column]
        return codes if level == 0 else self.table.ladders[column].rungs[level].codes[codes]

    def size(self, column: int, level: int) -> int:
        """Return the number of labels of ``column`` on ``level``."""
        return self._sizes[column][level]

    def buckets(self, node: Sequence[int]) -> Codes:
        """Return a bucket below ``2 ** bits`` for each tuple: tuples of one class share it.

        Results never depend on the numbers behind it: a bucket only finds classes that are surely too small.
        """
        mixed: Hashes | None = None
        for chunk in self._chunks:
            part = self._hashed(chunk, tuple(node[q] for q in chunk))
            if part is not None:
                mixed = part.copy() if mixed is None else np.add(mixed, part, out=mixed)
        if mixed is None:
            return np.zeros(len(self.table), dtype=np.int64)
        mixed >>= self._shift
        return mixed.view(np.int64)

    def key(self, node: Sequence[int]) -> tuple[Codes, int]:
        """Return one key for each tuple, equal exactly within a class of ``node``, and the size of its range."""
        parts = [self._combined(chunk, tuple(node[q] for q in chunk)) for chunk in self._chunks]
        sizes = [math.prod(self._sizes[q][node[q]] for q in chunk) for chunk in self._chunks]
        return combine(parts, sizes, len(self.table))

    def space(self, node: Sequence[int]) -> int:
        """Return the number of combinations of labels at ``node``."""
        return math.prod(map(getitem, self._sizes, node))

    def classes(self, node: Sequence[int]) -> tuple[Codes, int]:
        """Return the class of each tuple at ``node``, and a bound above the numbers, of which some may be unused."""
        return renumber(*self.key(node))

    def _combined(self, chunk: range, levels: tuple[int, ...]) -> Codes:
        found = self._keys.get((chunk.start, levels))
        if found is None:
            columns = [self.codes(q, level) for q, level in zip(chunk, levels, strict=True)]
            sizes = [self.size(q, level) for q, level in zip(chunk, levels, strict=True)]
            found, _ = combine(columns, sizes, len(self.table))
            if len(chunk) > 1 and len(self._keys) + len(self._hashes) < self._most:
                self._keys[chunk.start, levels] = found
        return found

    def _hashed(self, chunk: range, levels: tuple[int, ...]) -> Hashes | None:
        found = self._hashes.get((chunk.start, levels))
        if found is None:
            parts = [self._salted(q, level) for q, level in zip(chunk, levels, strict=True) if self.size(q, level) > 1]
            if not parts:
                return None
            found = functools.reduce(np.add, parts)
            if len(chunk) > 1 and len(self._keys) + len(self._hashes) < self._most:
                self._hashes[chunk.start, levels] = found
        return found

    def _salted(self, column: int, level: int) -> Hashes:
        """Return a pseudo-random number for each tuple, equal where the label is."""
        ladder = self.table.ladders[column]
        if 4 * len(ladder.leaves) > len(self.table):
            return _mixed(self.codes(column, level), column)
        salts = self._salts.get((column, level))
        if salts is None:
            salts = _mixed(ladder.rungs[level].codes, column)
            self._salts[column, level] = salts
        return salts[self.table.codes[column]]


def _chunks(ladders: Sequence[Ladder], width: int) -> list[range]:
    """Return runs of at most ``width`` columns whose combinations of leaves stay far below 62 bits."""
    chunks, first, space = [], 0, 1
    for q, ladder in enumerate(ladders):
        if q > first and (q - first == width or space * len(ladder.leaves) > _CHUNK_SPACE):
            chunks.append(range(first, q))
            first, space = q, 1
        space *= len(ladder.leaves)
    return [*chunks, range(first, len(ladders))]


def _mixed(codes: Codes, column: int) -> Hashes:
    """Return a pseudo-random number for each of ``codes`` in ``column`` (the steps of SplitMix64)."""
    mixed = (codes.astype(np.uint64) + np.uint64(1 + (column << 40))) * _SCATTER
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ mixed >> np.uint64(31)


def roll_up(seen: Views, classes: Codes, bound: int, *, worth: float) -> Table | None:
    """Return the table of ``seen`` grouped anew, valid from the node of ``classes`` upwards.

    ``classes`` have numbers below ``bound``. ``None`` when more than the share ``worth`` of
    the tuples would be left.
    """
    table = seen.table
    keys, space = classes, bound
    for codes in table.sensitive:
        keys, space = renumber(*combine([keys, codes], [space, int(codes.max()) + 1], len(table)))
    first = np.full(space, -1, dtype=np.int64)
    first[keys] = np.arange(len(table))  # any tuple of a group stands for it; the last one written
    used = np.flatnonzero(first >= 0)
    if used.size > len(table) * worth:
        return None
    first = first[used]

    def sums(weights: Codes | Reals) -> Codes:
        return np.bincount(keys, weights=weights, minlength=space)[used].astype(np.int64)

    return Table(
        table.ladders,
        tuple(codes[first] for codes in table.codes),
        tuple(codes[first] for codes in table.sensitive),
        sums(table.weights),
        None if table.population is None else sums(table.population),
    )
