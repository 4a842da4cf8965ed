"""Loss, the information loss of ARX with equal weights (notes 4), from what each row shows of each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.anonymize.ladders import Codes, Ladder

Reals = NDArray[np.float64]


def losses_of(shown: Reals, suppressed: float, total: int, ladders: Sequence[Ladder]) -> tuple[float, ...]:
    """Return L_q by column: ``shown[q]`` sums ``share_q`` over the rows that leave, the ``suppressed`` count 1 each.

    ``total`` are all rows of the table. A hierarchy with a single leaf loses nothing. Source: notes 4.
    """
    smallest = np.array([1 / len(ladder.leaves) for ladder in ladders])
    over = np.maximum(0.0, (shown + suppressed) / max(total, 1) - smallest)
    part = np.divide(over, 1 - smallest, out=np.zeros_like(over), where=smallest < 1)
    return tuple(float(value) for value in part)


def shares_by_leaf(ladder: Ladder) -> Reals:
    """Return ``share_q`` of the label that each leaf has on each level: one row for a level, one column for a leaf."""
    return np.array([rung.shares[rung.codes] for rung in ladder.rungs])


def shown_by(codes: Sequence[Codes], levels: Codes, tables: Sequence[Reals]) -> Reals:
    """Return ``share_q`` for each row (first axis) and column: ``codes`` are leaf codes, ``levels[row, q]`` levels.

    ``tables`` are the columns' ``shares_by_leaf``.
    """
    return np.stack([table[levels[:, q], codes[q]] for q, table in enumerate(tables)], axis=1)
