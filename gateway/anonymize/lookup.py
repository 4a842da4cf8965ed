"""From the leaves of a row to the class in which it leaves: an exact look-up by integer codes, for batch after batch.

A *place* is a combination of labels at a *floor*, one level for each quasi-identifier; all rows of a place leave in
one class. Globally the floor is the chosen levels; with local recoding it is the finest levels that tell the classes
apart. Looking up costs one binary search for each row and hardly depends on how many columns there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from gateway.anonymize.ladders import Codes, Ladder

NOWHERE = -1
_WORD = 2**62


@dataclass(frozen=True)
class Lookup:
    """The places that were measured. ``find`` gives their positions, in the order they were given to ``of``."""

    ladders: Mapping[str, Ladder] = field(repr=False)
    floor: tuple[int, ...]
    _stages: tuple[Codes, ...] = field(repr=False)
    """Sorted partial keys, wherever the mixed-radix number would have left 62 bits, and the whole keys at the end."""
    _order: Codes = field(repr=False)

    @classmethod
    def of(cls, ladders: Mapping[str, Ladder], floor: Sequence[int], columns: Sequence[Codes]) -> Lookup:
        """Return the look-up of distinct places: ``columns[q]`` are their label codes at ``floor[q]``."""
        stages: list[Codes] = []
        key = _keys(_sizes(ladders, floor), columns, stages, learn=True)
        order = np.argsort(key, kind="stable")
        return cls(ladders, tuple(floor), (*stages, key[order]), order)

    def codes(self, leaf: pl.DataFrame) -> tuple[Codes, ...]:
        """Return the leaf codes of ``leaf``, column by column in the order of the ladders.

        Raises ``UnknownLeafError`` for a value outside its hierarchy.
        """
        return tuple(ladder.encode(leaf[name]) for name, ladder in self.ladders.items())

    def find(self, codes: Sequence[Codes]) -> Codes:
        """Return the position of the place of each row with these leaf codes, ``NOWHERE`` where none was measured."""
        columns = [
            ladder.rungs[level].codes[column]
            for ladder, level, column in zip(self.ladders.values(), self.floor, codes, strict=True)
        ]
        key = _keys(_sizes(self.ladders, self.floor), columns, list(self._stages[:-1]), learn=False)
        found = _positions(self._stages[-1], key)
        return np.where(found == NOWHERE, NOWHERE, self._order[found]) if self._order.size else found


def _sizes(ladders: Mapping[str, Ladder], floor: Sequence[int]) -> list[int]:
    return [len(ladder.rungs[level].labels) for ladder, level in zip(ladders.values(), floor, strict=True)]


def _keys(sizes: Sequence[int], columns: Sequence[Codes], stages: list[Codes], *, learn: bool) -> Codes:
    """Return one number for each row, equal exactly where all columns are; ``NOWHERE`` for an unknown beginning.

    With ``learn`` the partial keys of these rows are put into ``stages``; otherwise those of ``stages`` are used.
    """
    key = np.zeros(columns[0].size, dtype=np.int64)
    lost = np.zeros(key.size, dtype=np.bool_)
    space, stage = 1, 0
    for column, size in zip(columns, sizes, strict=True):
        if space > _WORD // size:
            if learn:
                stages.append(np.unique(key))
            key = _positions(stages[stage], key)
            lost |= key == NOWHERE
            space, stage = max(int(stages[stage].size), 1), stage + 1
        key = key * size + column
        space *= size
    key[lost] = NOWHERE
    return key


def _positions(values: Codes, key: Codes) -> Codes:
    """Return where ``key`` stands in the sorted ``values``, ``NOWHERE`` where it does not."""
    if not values.size:
        return np.full(key.size, NOWHERE, dtype=np.int64)
    found = np.searchsorted(values, key)
    found[found == values.size] = 0
    return np.where(values[found] == key, found, NOWHERE)
