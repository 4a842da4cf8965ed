"""Tables of counts: axes whose labels are known beforehand, their cells, and every margin of them.

A label comes from a public code list, never from the data: that a cell exists says nothing about anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.anonymize.errors import StatisticsError
from gateway.anonymize.ladders import TOP, Ladder

Counts = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Axis:
    """One dimension: its finest labels, and for each level above them which label each of them stands under.

    ``levels`` are names from the finest upwards, the last one is ``*``, the total. ``labels[0]`` are the finest
    labels; ``codes[level][i]`` is the position in ``labels[level]`` of the label over finest label ``i``.
    ``leaves`` are the values of the column, as text, with the finest label that each has.
    """

    name: str
    levels: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    codes: tuple[Counts, ...] = field(repr=False)
    leaves: Mapping[str, int] = field(repr=False)
    sensitive: bool = False

    @classmethod
    def of(
        cls, name: str, ladder: Ladder, level: int, *, among: Collection[str] | None = None, sensitive: bool = False
    ) -> Axis:
        """Return the axis of ``ladder`` from ``level`` upwards; a level that merges nothing is left out.

        ``among`` are the leaves that have a label here, ``None`` is all of them. Raises ``StatisticsError`` for a
        level that is not there, or is the total, and when no leaf is left.
        """
        if not 0 <= level < ladder.height or (level == ladder.height - 1 and ladder.level_names[level] == TOP):
            raise StatisticsError(
                f"The column '{name}' cannot be counted at level {level}.", detail_zh=f"列 {name} 不能按该层级统计。"
            )
        finest = ladder.rungs[level]
        every = list(ladder.leaves)
        kept = [place for place, leaf in enumerate(every) if leaf is not None and (among is None or leaf in among)]
        if not kept:
            raise StatisticsError(f"The column '{name}' has no label here.", detail_zh=f"列 {name} 没有可统计的取值。")
        order = list(dict.fromkeys(int(finest.codes[position]) for position in kept))
        where = {code: place for place, code in enumerate(order)}
        leaves = {str(every[position]): where[int(finest.codes[position])] for position in kept}
        first = {where[int(finest.codes[position])]: position for position in reversed(kept)}
        finest_labels = list(finest.labels)
        names, labels = [ladder.level_names[level]], [tuple(str(finest_labels[code]) for code in order)]
        codes = [np.arange(len(order), dtype=np.int64)]
        for above in range(level + 1, ladder.height):
            rung = ladder.rungs[above]
            known = list(rung.labels)
            over = [str(known[rung.codes[first[place]]]) for place in range(len(order))]
            distinct = {label: place for place, label in enumerate(dict.fromkeys(over))}
            if 1 < len(distinct) < len(labels[-1]):
                names.append(ladder.level_names[above])
                labels.append(tuple(distinct))
                codes.append(np.array([distinct[label] for label in over], dtype=np.int64))
        names.append(TOP)
        labels.append((TOP,))
        codes.append(np.zeros(len(order), dtype=np.int64))
        return cls(name, tuple(names), tuple(labels), tuple(codes), leaves, sensitive)

    @property
    def size(self) -> int:
        """Return the number of the finest labels."""
        return len(self.labels[0])

    @cached_property
    def every(self) -> tuple[tuple[str, str], ...]:
        """Return all labels with the name of their level: the finest first, the total last."""
        return tuple((level, label) for level, labels in zip(self.levels, self.labels, strict=True) for label in labels)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Return where each level begins in ``every``."""
        found = np.cumsum([0, *(len(labels) for labels in self.labels[:-1])])
        return tuple(int(start) for start in found)

    @cached_property
    def members(self) -> Values:
        """Return the matrix (labels of ``every`` x finest labels) that is 1 where a label holds a finest one."""
        matrix = np.zeros((len(self.every), self.size))
        for start, codes in zip(self.starts, self.codes, strict=True):
            matrix[start + codes, np.arange(self.size)] = 1
        return matrix

    @cached_property
    def lines(self) -> tuple[tuple[int, Counts], ...]:
        """Return the sums that hold: a label's place in ``every``, and the places of those right below it."""
        found = []
        for level in range(1, len(self.levels)):
            below: list[set[int]] = [set() for _ in self.labels[level]]
            for mine, under in zip(self.codes[level], self.codes[level - 1], strict=True):
                below[int(mine)].add(int(under))
            start, lower = self.starts[level], self.starts[level - 1]
            found += [
                (start + place, lower + np.array(sorted(children), dtype=np.int64))
                for place, children in enumerate(below)
            ]
        return tuple(found)


@dataclass(frozen=True)
class Table:
    """A cross table: one cell for each combination of the finest labels. Without an axis it is one total."""

    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the number of finest labels, axis by axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def full_shape(self) -> tuple[int, ...]:
        """Return the number of all labels, margins included, axis by axis."""
        return tuple(len(axis.every) for axis in self.axes)

    def expand(self, values: Values | Counts) -> Values:
        """Return cells (``shape``) with all their margins (``full_shape``): sums along every axis and level."""
        found: Values = values.reshape(self.shape).astype(np.float64)
        for place, axis in enumerate(self.axes):
            found = np.moveaxis(np.tensordot(axis.members, found, axes=(1, place)), 0, place)
        return found

    def thresholds(self, least: int, least_sensitive: int) -> Counts:
        """Return the least count to be shown, label by label (``full_shape``).

        It is ``least_sensitive`` wherever a sensitive axis is told apart, else ``least``.
        """
        found = np.full(self.full_shape, least, dtype=np.int64)
        for place, axis in enumerate(self.axes):
            if axis.sensitive:
                index: list[slice] = [slice(None)] * len(self.axes)
                index[place] = slice(0, axis.starts[-1])
                found[tuple(index)] = least_sensitive
        return found

    def cell_of(self, tuples: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
        """Return the cell of each row of ``tuples``, null where a value has no label: such a pupil is not counted.

        ``columns`` are the columns of the axes, in their order.
        """
        cell = pl.Series("cell", np.zeros(tuples.height, dtype=np.int64))
        for axis, column in zip(self.axes, columns, strict=True):
            known = pl.DataFrame(
                {"leaf": list(axis.leaves), "place": list(axis.leaves.values())},
                schema={"leaf": pl.String, "place": pl.Int64},
            )
            place = (
                tuples[column]
                .cast(pl.String)
                .rename("leaf")
                .to_frame()
                .join(known, on="leaf", how="left", maintain_order="left")["place"]
            )
            cell = cell * axis.size + place
        return cell.rename("cell")

    def histogram(self, tuples: pl.DataFrame, columns: Sequence[str], values: pl.Series, width: int) -> Counts:
        """Return how many pupils stand in each cell with each of ``width`` values: flat, the value the fastest.

        ``tuples`` has a count in ``n``; ``values`` (0 to ``width - 1``) stands beside its rows.
        """
        frame = pl.DataFrame({"cell": self.cell_of(tuples, columns), "value": values, "n": tuples["n"]}).drop_nulls()
        place = (frame["cell"] * width + frame["value"]).to_numpy()
        counted = np.bincount(place, weights=frame["n"].to_numpy(), minlength=self.cells * width)
        return np.rint(counted).astype(np.int64)
