"""Which cells and margins of a table are not shown, so that none of these can be computed from those that are.

Small ones first; then, for each sum that holds in the table, so many more that what is hidden in it is at least two
labels and at least the least count together: what is left when the shown parts are taken from their total is no small
group either, and a part that is all or nothing of its total (100 %, 0 %) does not show. At last a witness: another
table with the same shown values that differs in every hidden one. Without it, more is hidden.

Everything here is decided on noisy values, so that neither a hidden cell nor a shown one tells more than the noise
allows (post-processing). All margins of the table are taken as shown, also those that are asked for later.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gateway.anonymize.cells import Counts, Mask, Table, Values

_ROUNDS = 60
_STEPS = 2_000
_TINY = 1e-10
_MOVES = 1e-5


def shown(table: Table, cells: Counts, *, least: int, least_sensitive: int) -> Mask:
    """Return what is shown of the table with all its margins (``full_shape``), given noisy, consistent ``cells``.

    A label with less than ``least`` (``least_sensitive`` where a sensitive axis is told apart) is hidden, and as many
    others as it takes. Terminates: every round hides at least one more; when nothing helps, all is hidden.
    """
    values = table.expand(cells)
    limits = table.thresholds(least, least_sensitive)
    hidden: Mask = values < limits
    for _ in range(_ROUNDS):
        _close(table, values, limits, hidden)
        known = hidden & ~_free(table, hidden)
        if not known.any():
            return ~hidden
        if not _hide_beside(table, values, hidden, known):
            break
    hidden[...] = True
    return ~hidden


def derivable(table: Table, visible: Mask) -> Mask:
    """Return the hidden labels for which no witness was found: they might follow from the shown ones."""
    hidden = ~visible
    return hidden & ~_free(table, hidden)


def _close(table: Table, values: Values, limits: Counts, hidden: Mask) -> None:
    """Hide more until in every sum nothing is hidden, or two labels are, and the hidden parts add up to enough."""
    changed = True
    while changed:
        changed = False
        for parent, children, amounts, least, over in _sums(table, values, limits, hidden):
            while True:
                below = children.sum(axis=0)
                short = np.where(children, amounts, 0).sum(axis=0) < least
                lonely = below + parent == 1
                small = (below > 0) & ~parent & short
                wrong = lonely | small
                if not wrong.any():
                    break
                changed = True
                left = wrong & (below < len(children))
                if left.any():
                    pick = np.where(children, np.inf, amounts).argmin(axis=0)
                    for place in np.flatnonzero(left):
                        children[pick[place], place] = True
                rest = wrong & ~left
                np.logical_or(parent, rest, out=parent)
            over(parent, children)


def _sums(
    table: Table, values: Values, limits: Counts, hidden: Mask
) -> Iterator[tuple[Mask, Mask, Values, Counts, _Writer]]:
    """Yield each sum along an axis, for all labels of the other axes at once (flat): what is hidden, how much it is."""
    for place, axis in enumerate(table.axes):
        mask: Mask = np.moveaxis(hidden, place, 0)
        amount: Values = np.moveaxis(values, place, 0)
        limit: Counts = np.moveaxis(limits, place, 0)
        rest = int(np.prod(mask.shape[1:], dtype=np.int64))
        for top, below in axis.lines:
            parent = mask[top].reshape(rest).copy()
            children = mask[below].reshape(len(below), rest).copy()
            amounts = amount[below].reshape(len(below), rest)
            least = limit[below].reshape(len(below), rest).max(axis=0)
            yield parent, children, amounts, least, _Writer(mask, top, below)


class _Writer:
    """Puts what was hidden in one sum back into the whole table."""

    def __init__(self, mask: Mask, top: int, below: Counts) -> None:
        self._mask, self._top, self._below = mask, top, below

    def __call__(self, parent: Mask, children: Mask) -> None:
        shape = self._mask.shape[1:]
        self._mask[self._top] |= parent.reshape(shape)
        self._mask[self._below] |= children.reshape((len(self._below), *shape))


def _free(table: Table, hidden: Mask) -> Mask:
    """Return the hidden labels that a witness moves: numbers that are 0 where shown, add up, and are not 0 there.

    A random vector is projected onto the solutions of all sums (conjugate gradients on the normal equations); a label
    that the shown ones determine is 0 in every solution, any other almost surely not. Doubt counts as determined.
    """
    if not hidden.any():
        return hidden.copy()
    witness = np.random.default_rng(20261130).standard_normal(hidden.shape) * hidden
    residual = _gaps(table, witness)
    # minimise |A' y - witness|: what remains of the witness is its part in the null space of A
    solution = [np.zeros_like(gap) for gap in residual]
    direction = [gap.copy() for gap in residual]
    size = start = _square(residual)
    for _ in range(_STEPS):
        if size <= _TINY**2 * max(start, 1.0):
            break
        image = _spread(table, direction, hidden)
        step = size / max(float((image * image).sum()), 1e-300)
        solution = [one + step * other for one, other in zip(solution, direction, strict=True)]
        residual = [one - step * other for one, other in zip(residual, _gaps(table, image), strict=True)]
        size, before = _square(residual), size
        direction = [one + size / before * other for one, other in zip(residual, direction, strict=True)]
    witness -= _spread(table, solution, hidden)
    wrong = max((float(np.abs(gap).max(initial=0)) for gap in _gaps(table, witness)), default=0.0)
    if wrong > _MOVES / 100:
        return np.zeros_like(hidden)
    found: Mask = np.abs(witness) > _MOVES
    return found & hidden


def _gaps(table: Table, values: Values) -> list[Values]:
    """Return, for each axis and each of its sums, the children together less their parent."""
    found = []
    for place, axis in enumerate(table.axes):
        found.append(np.moveaxis(np.tensordot(_lines(axis.lines, len(axis.every)), values, axes=(1, place)), 0, place))
    return found


def _spread(table: Table, gaps: list[Values], hidden: Mask) -> Values:
    """Return the transpose of ``_gaps`` applied to ``gaps``, at hidden labels."""
    found = np.zeros(table.full_shape)
    for place, (axis, gap) in enumerate(zip(table.axes, gaps, strict=True)):
        matrix = _lines(axis.lines, len(axis.every))
        found += np.moveaxis(np.tensordot(matrix.T, gap, axes=(1, place)), 0, place)
    return found * hidden


def _lines(lines: tuple[tuple[int, Counts], ...], size: int) -> Values:
    matrix = np.zeros((len(lines), size))
    for row, (top, below) in enumerate(lines):
        matrix[row, below] = 1
        matrix[row, top] = -1
    return matrix


def _square(parts: list[Values]) -> float:
    return float(sum((part * part).sum() for part in parts))


def _hide_beside(table: Table, values: Values, hidden: Mask, known: Mask) -> bool:
    """Hide the smallest shown label beside each determined one, along the first axis with any; say if there was."""
    found = False
    for place, axis in enumerate(table.axes):
        mask, amount, wanted = (np.moveaxis(one, place, 0) for one in (hidden, values, known))
        shape = mask.shape[1:]
        for top, below in axis.lines:
            members = np.append(below, top)
            part = mask[members].reshape(len(members), -1)
            asked = wanted[members].reshape(len(members), -1).any(axis=0)
            open_ = asked & ~part.all(axis=0)
            if not open_.any():
                continue
            pick = np.where(part, np.inf, amount[members].reshape(len(members), -1)).argmin(axis=0)
            for other in np.flatnonzero(open_):
                part[pick[other], other] = True
            mask[members] = part.reshape((len(members), *shape))
            found = True
        if found:
            return True
    return found
