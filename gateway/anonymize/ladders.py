"""Ladders: a generalisation hierarchy over the leaf values of one column, as integer codes for every level.

A ladder is a tree by proof: on its way up, each label of a level leads to exactly one label of the next.
Everything is held by columns, so that a ladder over millions of values is made without a loop over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.errors import HierarchyError, UnknownLeafError

Codes = NDArray[np.int64]
Shares = NDArray[np.float64]
TOP = "*"
_SHOWN = 3
_LEAF, _CODE = "leaf", "code"


class Labels(Sequence[str | None]):
    """Labels in order, held as one text column: a sequence whose values become Python objects only when asked for."""

    __slots__ = ("column",)

    def __init__(self, column: pl.Series) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self.column.to_list())

    @overload
    def __getitem__(self, index: int) -> str | None: ...
    @overload
    def __getitem__(self, index: slice) -> Labels: ...
    def __getitem__(self, index: int | slice) -> str | Labels | None:
        found = self.column[index]
        return Labels(found) if isinstance(found, pl.Series) else cast("str | None", found)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self.column.equals(other.column, null_equal=True)
        return isinstance(other, tuple) and self.column.to_list() == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: ``codes[leaf]`` is the position in ``labels`` of the label that the leaf has here."""

    codes: Codes
    labels: Labels
    shares: Shares
    """Share of all leaves that stand under each label, above 0, at most 1 (notes 4, ``share_q``)."""


@dataclass(frozen=True)
class Ladder:
    """The levels of one hierarchy, from the value itself (0) upwards.

    ``leaves`` are all values that the hierarchy knows, as text, ``None`` for a missing one; information loss
    counts every one of them, also those that do not occur.
    """

    name: str
    level_names: tuple[str, ...]
    leaves: Labels = field(repr=False)
    rungs: tuple[Rung, ...] = field(repr=False)

    @classmethod
    def of(cls, name: str, level_names: Sequence[str], chains: Mapping[str | None, Sequence[str | None]]) -> Ladder:
        """Return the ladder of ``chains``: leaf -> its labels at levels 1, 2, … (one fewer than ``level_names``).

        Raises ``HierarchyError`` when a chain is too long or short, there is no leaf, or a label has two
        parents (then it is no tree).
        """
        height = len(level_names)
        for position, (leaf, chain) in enumerate(chains.items()):
            if len(chain) != height - 1:
                raise HierarchyError(
                    f"Line {position + 1} of the hierarchy '{name}' (value {leaf!r}) has {len(chain) + 1} entries; "
                    f"it has {height} levels.",
                    detail_zh=f"层级 {name} 第 {position + 1} 行有 {len(chain) + 1} 项，应为 {height} 项。",
                )
        columns = [pl.Series(list(chains), dtype=pl.String)]
        columns += [
            pl.Series([chain[level] for chain in chains.values()], dtype=pl.String) for level in range(height - 1)
        ]
        return cls.of_columns(name, level_names, columns if height else [])

    @classmethod
    def of_columns(cls, name: str, level_names: Sequence[str], columns: Sequence[pl.Series]) -> Ladder:
        """Return the ladder of ``columns``: text, one for each level, one row for each leaf; the first are the leaves.

        Raises ``HierarchyError`` when there is no leaf, a leaf stands twice, or a label has two parents.
        """
        if not columns or len(columns) != len(level_names) or columns[0].is_empty():
            raise HierarchyError(
                f"The hierarchy '{name}' has no values or no levels.", detail_zh=f"层级 {name} 没有取值或没有级别。"
            )
        leaves = columns[0]
        if leaves.n_unique() != len(leaves):
            twice = leaves.filter(leaves.is_duplicated()).unique(maintain_order=True)
            raise HierarchyError(
                f"The hierarchy '{name}' holds {len(twice)} values more than once, among them "
                f"{_shown(twice)}; keep one line for each.",
                detail_zh=f"层级 {name} 有 {len(twice)} 个取值重复，如 {_shown(twice)}；每个取值只留一行。",
            )
        count = len(leaves)
        rungs = [Rung(np.arange(count, dtype=np.int64), Labels(leaves.rename("")), np.full(count, 1 / count))]
        for column in columns[1:]:
            rungs.append(_rung(column))
            _prove_tree(name, level_names, rungs[-2], rungs[-1])
        return cls(name, tuple(level_names), rungs[0].labels, tuple(rungs))

    @classmethod
    def identity(cls, name: str, leaves: Iterable[str | None]) -> Ladder:
        """Return the ladder of a column that leaves as it is: one level, no way up."""
        column = leaves if isinstance(leaves, pl.Series) else pl.Series(list(leaves), dtype=pl.String)
        return cls.of_columns(name, ("value",), [column.cast(pl.String)])

    @property
    def height(self) -> int:
        """Return the number of levels, the value itself included."""
        return len(self.rungs)

    @cached_property
    def _positions(self) -> pl.DataFrame:
        return pl.DataFrame({_LEAF: self.leaves.column, _CODE: np.arange(len(self.leaves), dtype=np.int64)})

    def encode(self, values: pl.Series) -> Codes:
        """Return the leaf codes of ``values``, any type, compared as text.

        Raises ``UnknownLeafError`` with the number of values that the ladder does not hold, never the values.
        """
        found = (
            values.cast(pl.String)
            .rename(_LEAF)
            .to_frame()
            .join(self._positions, on=_LEAF, how="left", nulls_equal=True, maintain_order="left")[_CODE]
        )
        missing = found.null_count()
        if missing:
            raise UnknownLeafError(
                f"{missing} values of the column '{values.name}' are not in the hierarchy '{self.name}'; "
                "add them to its file or correct the record.",
                detail_zh=f"列 {values.name} 有 {missing} 个值不在概化层级 {self.name} 中，请补充层级文件或更正记录。",
                extra={"column": values.name, "hierarchy": self.name, "count": missing},
            )
        return found.to_numpy().astype(np.int64, copy=False)

    def missing(self, values: pl.Series) -> pl.Series:
        """Return the different ``values`` that the ladder does not hold, as text in order; a missing value is null.

        For a table of the caller's own, whose values may be shown: of the register only the number is told (I7).
        """
        distinct = values.cast(pl.String).unique().sort(nulls_last=True).rename(_LEAF)
        unknown = distinct.to_frame().join(
            self._positions, on=_LEAF, how="anti", nulls_equal=True, maintain_order="left"
        )
        return unknown[_LEAF].rename(values.name)

    def with_missing(self) -> Ladder:
        """Return the ladder with a leaf for a missing value, which stays missing up to a top that all share.

        The ladder itself when it has such a leaf. Where the last level has more than one label, a missing value is
        a label of its own there too.
        """
        if self.leaves.column.null_count():
            return self
        columns = [self.labels(level) for level in range(self.height)]
        nothing = pl.Series([None], dtype=pl.String)
        one_top = self.height > 1 and len(self.rungs[-1].labels) == 1
        top = self.rungs[-1].labels.column if one_top else nothing
        grown = [column.append(top if level == self.height - 1 else nothing) for level, column in enumerate(columns)]
        return Ladder.of_columns(self.name, self.level_names, grown)

    def labels(self, level: int) -> pl.Series:
        """Return the label of each leaf at ``level``, in the order of ``leaves``, as text."""
        rung = self.rungs[level]
        return rung.labels.column.gather(pl.Series(rung.codes))

    def generalize(self, values: pl.Series, level: int) -> pl.Series:
        """Return ``values`` as their labels at ``level``, named as before.

        Raises ``UnknownLeafError`` for a value that is not in the ladder: it never passes as it is.
        """
        codes = self.rungs[level].codes[self.encode(values)]
        return self.rungs[level].labels.column.gather(pl.Series(codes)).rename(values.name)


def _rung(column: pl.Series) -> Rung:
    text = column.cast(pl.String).rename(_LEAF)
    labels = text.unique(maintain_order=True)
    numbered = pl.DataFrame({_LEAF: labels, _CODE: np.arange(len(labels), dtype=np.int64)})
    found = text.to_frame().join(numbered, on=_LEAF, how="left", nulls_equal=True, maintain_order="left")[_CODE]
    codes = found.to_numpy().astype(np.int64, copy=False)
    return Rung(codes, Labels(labels.rename("")), np.bincount(codes, minlength=len(labels)) / len(codes))


def _prove_tree(name: str, level_names: Sequence[str], below: Rung, above: Rung) -> None:
    """Raise ``HierarchyError`` unless every label below has one label above."""
    parent = np.zeros(len(below.labels), dtype=np.int64)
    parent[below.codes] = above.codes  # the last child wins; every other one must have said the same
    torn = np.unique(below.codes[parent[below.codes] != above.codes])
    if not torn.size:
        return
    shown = _shown(below.labels.column.gather(pl.Series(torn[:_SHOWN])))
    raise HierarchyError(
        f"The hierarchy '{name}' ({' → '.join(level_names)}) is no tree: {shown} have more than one parent. "
        "Give each label one parent, or make the labels distinct.",
        detail_zh=f"层级 {name} 不是树：{shown} 有不止一个上级；每个值只能有一个上级，或改用不同的名称。",
    )


def _shown(values: pl.Series) -> str:
    return ", ".join(str(value) for value in values.head(_SHOWN).to_list())
