"""Columns that stand on two of the sharing view, for hierarchies with a companion: ``school_code@school_division``.

A plan names such a column like any other. Here, where rows are read, it is made of its two: nothing behind has to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from core_registry.sharing import RowFilter, SharingSnapshot, SharingView
from gateway.anonymize.lattice import COUNT
from gateway.anonymize.plan import PAIR


def held_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the sharing view that ``columns`` stand on, each once."""
    return tuple(dict.fromkeys(held for column in columns for held in column.split(PAIR)))


@dataclass(frozen=True, slots=True)
class PairedSnapshot:
    """A snapshot that also knows columns of two; a value is missing where either of the two is."""

    inner: SharingSnapshot

    @property
    def version(self) -> str:
        """The registry's commit counter."""
        return self.inner.version

    def count(self, rows: RowFilter) -> int:
        """Return the number of rows."""
        return self.inner.count(rows)

    def batches(self, columns: Sequence[str], rows: RowFilter, *, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Yield the rows with exactly ``columns``, as ``SharingSnapshot.batches`` does."""
        found = self.inner.batches(held_columns(columns), rows, batch_rows=batch_rows)
        if not any(PAIR in column for column in columns):
            return found
        return (_paired(batch, columns) for batch in found)

    def tuples(self, columns: Sequence[str], rows: RowFilter) -> pl.DataFrame:
        """Return the distinct tuples of ``columns`` with their count in ``n``."""
        found = self.inner.tuples(held_columns(columns), rows)
        pairs = [column for column in columns if PAIR in column]
        if not pairs:
            return found
        made = found.with_columns(pl.concat_str(column.split(PAIR), separator=PAIR).alias(column) for column in pairs)
        return made.group_by(list(columns), maintain_order=True).agg(pl.col(COUNT).sum())


@dataclass(frozen=True, slots=True)
class PairedView:
    """The sharing view with ``PairedSnapshot``."""

    inner: SharingView

    def snapshot(self) -> AbstractContextManager[SharingSnapshot]:
        """Open a snapshot; it is one read transaction."""
        return self._snapshot()

    @contextmanager
    def _snapshot(self) -> Iterator[SharingSnapshot]:
        with self.inner.snapshot() as snapshot:
            yield PairedSnapshot(snapshot)

    def pupil(self, subject_ref: str) -> dict[str, object] | None:
        """Return one row as a mapping, ``None`` when there is none."""
        found = self.inner.pupil(subject_ref)
        return None if found is None else dict(found)


def _paired(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    arrays = [
        pc.binary_join_element_wise(*(batch.column(held) for held in column.split(PAIR)), PAIR)
        if PAIR in column
        else batch.column(column)
        for column in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))
