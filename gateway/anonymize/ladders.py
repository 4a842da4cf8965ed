"""Ladders: a generalisation hierarchy over the leaf values of one column, as integer codes for every level.

A ladder is a tree by proof: on its way up, each label of a level leads to exactly one label of the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.errors import HierarchyError, UnknownLeafError

Codes = NDArray[np.int64]
Shares = NDArray[np.float64]
TOP = "*"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One level: ``codes[leaf]`` is the position in ``labels`` of the label that the leaf has here."""

    codes: Codes
    labels: tuple[str | None, ...]
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
    leaves: tuple[str | None, ...] = field(repr=False)
    rungs: tuple[Rung, ...] = field(repr=False)

    @classmethod
    def of(cls, name: str, level_names: Sequence[str], chains: Mapping[str | None, Sequence[str | None]]) -> Ladder:
        """Return the ladder of ``chains``: leaf -> its labels at levels 1, 2, … (one fewer than ``level_names``).

        Raises ``HierarchyError`` when a chain is too long or short, there is no leaf, or a label has two
        parents (then it is no tree).
        """
        height = len(level_names)
        if not chains or not height:
            raise HierarchyError(f"The hierarchy '{name}' has no values or no levels.")
        leaves = tuple(chains)
        for position, (leaf, chain) in enumerate(chains.items()):
            if len(chain) != height - 1:
                raise HierarchyError(
                    f"Line {position + 1} of the hierarchy '{name}' (value {leaf!r}) has {len(chain) + 1} entries; "
                    f"it has {height} levels."
                )
        rungs = [Rung(np.arange(len(leaves), dtype=np.int64), leaves, np.full(len(leaves), 1 / len(leaves)))]
        for level in range(1, height):
            rungs.append(_rung([chains[leaf][level - 1] for leaf in leaves]))
            _prove_tree(name, level_names, rungs[-2], rungs[-1])
        return cls(name, tuple(level_names), leaves, tuple(rungs))

    @classmethod
    def identity(cls, name: str, leaves: Iterable[str | None]) -> Ladder:
        """Return the ladder of a column that leaves as it is: one level, no way up."""
        return cls.of(name, ("value",), {leaf: () for leaf in leaves})

    @property
    def height(self) -> int:
        """Return the number of levels, the value itself included."""
        return len(self.rungs)

    @cached_property
    def _positions(self) -> pl.DataFrame:
        return pl.DataFrame(
            {"leaf": pl.Series(self.leaves, dtype=pl.String), "code": np.arange(len(self.leaves), dtype=np.int64)}
        )

    def encode(self, values: pl.Series) -> Codes:
        """Return the leaf codes of ``values``, any type, compared as text.

        Raises ``UnknownLeafError`` with the number of values that the ladder does not hold, never the values.
        """
        found = (
            values.cast(pl.String)
            .rename("leaf")
            .to_frame()
            .join(self._positions, on="leaf", how="left", nulls_equal=True, maintain_order="left")["code"]
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

    def labels(self, level: int) -> pl.Series:
        """Return the label of each leaf at ``level``, in the order of ``leaves``, as text."""
        rung = self.rungs[level]
        return pl.Series(rung.labels, dtype=pl.String).gather(pl.Series(rung.codes))

    def generalize(self, values: pl.Series, level: int) -> pl.Series:
        """Return ``values`` as their labels at ``level``, named as before.

        Raises ``UnknownLeafError`` for a value that is not in the ladder: it never passes as it is.
        """
        codes = self.encode(values)
        return self.labels(level).gather(pl.Series(codes)).rename(values.name)


def _rung(labels: Sequence[str | None]) -> Rung:
    order = {label: position for position, label in enumerate(dict.fromkeys(labels))}
    codes = np.fromiter((order[label] for label in labels), dtype=np.int64, count=len(labels))
    return Rung(codes, tuple(order), np.bincount(codes, minlength=len(order)) / len(labels))


def _prove_tree(name: str, level_names: Sequence[str], below: Rung, above: Rung) -> None:
    """Raise ``HierarchyError`` unless every label below has one label above."""
    pairs = np.unique(np.stack([below.codes, above.codes]), axis=1)
    if pairs.shape[1] == len(below.labels):
        return
    children, parents = np.unique(pairs[0], return_counts=True)
    torn = [str(below.labels[child]) for child in children[parents > 1][:_SHOWN]]
    raise HierarchyError(
        f"The hierarchy '{name}' ({' → '.join(level_names)}) is no tree: {', '.join(torn)} have more than one parent. "
        "Give each label one parent, or make the labels distinct."
    )
