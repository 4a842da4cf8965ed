"""The back end on Polars: a program on frames, batch after batch.

Nothing is lazy here: a serialised lazy plan of Polars would carry the pseudonym key as text (notes 3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import polars as pl

from gateway.anonymize.backends.labels import KnownLabels
from gateway.anonymize.errors import TransformError
from gateway.anonymize.masks import MASK_SHAPES, ColumnMasks
from gateway.anonymize.operations import (
    Cut,
    Drop,
    Generalize,
    Keep,
    Mask,
    Program,
    Pseudonymize,
    Recode,
    Redact,
    Round,
    Step,
    Suppress,
)
from gateway.anonymize.texts import redact

Labels = Callable[[Generalize, pl.Series], pl.Series]
"""Takes a step and different values, and returns their labels in the same order; raises for a value without one."""
Recoder = Callable[[pl.DataFrame], tuple[pl.Series, pl.DataFrame]]
"""Takes the sources of a ``recode`` as text under the names of the result; returns which rows have labels (true or
false), and the labels of those that have, in their order."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a program needs beside its text."""

    masks: ColumnMasks = field(repr=False)
    labels: Labels | None = field(default=None, repr=False)
    pseudonyms: Callable[[pl.Series], pl.Series] | None = field(default=None, repr=False)
    recode: Recoder | None = field(default=None, repr=False)


class FrameBackend:
    """Executes one program. Labels that were looked up for one batch are kept for the next."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._labels: dict[str, KnownLabels] = {}

    def run(self, batch: pl.DataFrame, hooks: Hooks) -> pl.DataFrame:
        """Return the columns of the program for the rows of ``batch``.

        Raises ``TransformError`` for a missing column or hook, a value that should be masked and is not, a number that
        is none, and a null without a pseudonym; whatever the hooks raise.
        """
        missing = [source for source in self.program.sources if source not in batch.columns]
        if missing:
            raise TransformError(f"The batch lacks the columns {', '.join(missing)}.", missing=tuple(missing))
        columns: dict[str, pl.Series] = {}
        for step in self.program.steps:
            if isinstance(step, Recode):
                keep, labels = self._recode(step, batch, hooks)
                batch = batch.filter(keep)
                columns = {name: column.filter(keep) for name, column in columns.items()} | labels
            elif not isinstance(step, Drop):
                columns[step.name] = self.column(step, batch, hooks)
        result = pl.DataFrame([columns[name] for name in self.program.columns])
        return result.sort(self.program.columns, nulls_last=True) if self.program.ordered else result

    def column(self, step: Step, batch: pl.DataFrame, hooks: Hooks) -> pl.Series:
        """Return the column that ``step`` makes of ``batch``, under its name. Raises as ``run``."""
        match step:
            case Keep():
                made = batch[step.source]
            case Mask():
                text = batch[step.source].cast(pl.String)
                made = _held(step, text) if step.held else hooks.masks.mask(step.kind, text)
            case Cut():
                made = batch[step.source].cast(pl.String).str.slice(0, step.length)
            case Round():
                made = _rounded(step, batch[step.source])
            case Generalize():
                made = self._generalized(step, batch[step.source], hooks)
            case Pseudonymize():
                made = _pseudonyms(step, batch[step.source], hooks)
            case Redact():
                made = redact(batch[step.source])
            case Suppress():
                made = pl.Series(step.name, [], dtype=pl.String).extend_constant(None, batch.height)
            case Recode() | Drop():
                raise TransformError("The step makes no column of its own.")
            case _:
                assert_never(step)
        return made.rename(step.name)

    def _recode(self, step: Recode, batch: pl.DataFrame, hooks: Hooks) -> tuple[pl.Series, dict[str, pl.Series]]:
        if hooks.recode is None:
            raise TransformError("There is no decision about the quasi-identifiers; nothing is released.")
        pairs = zip(step.names, step.sources, strict=True)
        leaves = pl.DataFrame([batch[source].cast(pl.String).alias(name) for name, source in pairs])
        keep, labels = hooks.recode(leaves)
        if keep.len() != batch.height or keep.null_count() or int(keep.sum()) != labels.height:
            raise TransformError("The decision does not fit the batch; nothing is released.")
        return keep, {name: labels[name] for name in step.names}

    def _generalized(self, step: Generalize, values: pl.Series, hooks: Hooks) -> pl.Series:
        """Return the labels; each different value is looked up once for all batches."""
        if hooks.labels is None:
            raise TransformError(f"There is no hierarchy for the column '{step.name}'.")
        look_up = hooks.labels
        return self._labels.setdefault(step.name, KnownLabels()).of(values, lambda fresh: look_up(step, fresh))


def _held(step: Mask, text: pl.Series) -> pl.Series:
    """Return a column that is held masked, after a look at its shape: clear text never passes."""
    clear = int((~text.str.contains(MASK_SHAPES[step.kind])).sum())
    if clear:
        raise TransformError(
            f"{clear} values of the column '{step.source}' are not masked; nothing is released.",
            detail_zh=f"列 {step.source} 有 {clear} 个值未经掩码，停止提供。",
        )
    return text


def _rounded(step: Round, values: pl.Series) -> pl.Series:
    number = pl.col("number")
    frame = values.rename("number").to_frame()
    if values.dtype.is_integer():
        wide = number.cast(pl.Int128)  # the nearest multiple of a large number may not fit into its type
        below = wide - wide % step.unit
        up = pl.when((wide % step.unit) * 2 >= step.unit).then(step.unit).otherwise(0)
        try:
            return frame.select((below + up).cast(pl.Int64)).to_series()
        except pl.exceptions.InvalidOperationError as error:
            raise TransformError(f"A number of the column '{step.source}' is too large to be rounded.") from error
    if values.dtype.is_float():
        return frame.select((number.cast(pl.Float64) / step.unit + 0.5).floor() * step.unit).to_series()
    if values.dtype == pl.Null:
        return values.cast(pl.Int64)
    raise TransformError(f"The column '{step.source}' holds no numbers, so it cannot be rounded.")


def _pseudonyms(step: Pseudonymize, values: pl.Series, hooks: Hooks) -> pl.Series:
    if hooks.pseudonyms is None:
        raise TransformError("There is no pseudonym key.")
    if values.null_count():
        raise TransformError("A row has no subject_ref, so that it cannot have a pseudonym.")
    if values.dtype != pl.String:
        raise TransformError(f"The column '{step.source}' is no text, so it cannot be pseudonymised.")
    return hooks.pseudonyms(values)
