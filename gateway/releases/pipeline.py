"""From rows of the sharing view to rows that may leave, and to the figures about them: one way for all (design 5).

A release writes what a ``Reading`` gives; a dry run measures the same reading and keeps none of it. So the figures of
a dry run are those of the release on the same snapshot, by construction and not by comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from core_registry.sharing import IdentifierKind, Matcher, RowFilter, SharingSnapshot
from gateway.anonymize.leakscan import expected_shapes, scan
from gateway.anonymize.plan import Plan
from gateway.anonymize.report import Report, report_of
from gateway.anonymize.transform import Decision, Transformer
from gateway.releases.errors import LeakSuspectedError, TooManyRowsError
from gateway.releases.lookahead import ahead
from rulebook.records import Rulebook

BATCH_ROWS = 65_536
_PROGRESS_ROWS = 4 * BATCH_ROWS

Progress = Callable[[int, int], None]
"""Takes how many rows were read, and of how many; may raise to stop the reading."""


def transformer_of(plan: Plan, book: Rulebook, pseudonym_key: str | None) -> Transformer:
    """Return what carries ``plan`` out. Raises ``PlanError`` when plan, hierarchies and key do not fit."""
    return Transformer(plan, book.hierarchies, book.divisions, pseudonym_key=pseudonym_key)


@dataclass(slots=True)
class Reading:
    """One reading of one snapshot under one plan; rows are counted as they pass."""

    plan: Plan
    transformer: Transformer = field(repr=False)
    snapshot: SharingSnapshot = field(repr=False)
    rows: RowFilter = field(repr=False)
    total: int
    progress: Progress = field(repr=False)
    decision: Decision | None = field(default=None, repr=False)
    rows_in: int = 0
    rows_out: int = 0

    @classmethod
    def begin(
        cls, transformer: Transformer, snapshot: SharingSnapshot, rows: RowFilter, *, cap: int, progress: Progress
    ) -> Reading:
        """Count the rows, and choose levels and classes where the plan demands k; nothing is read yet.

        Raises ``TooManyRowsError`` above ``cap`` or the plan's own cap: too many are refused, never cut off.
        Raises ``SearchError`` when no levels meet the plan.
        """
        plan = transformer.plan
        total = snapshot.count(rows)
        _check_rows(total, min(cap, plan.row_cap))
        progress(0, total)
        reading = cls(plan, transformer, snapshot, rows, total, progress)
        if plan.k is not None:
            reading.decision = transformer.choose(snapshot.tuples(plan.tuple_sources, rows))
            progress(0, total)
        return reading

    def frames(self) -> Generator[pl.DataFrame]:
        """Yield what leaves, in frames of the plan's columns, in the order of the sharing view. Once.

        Close it before the snapshot when it is not read to its end: a thread reads ahead.
        """
        with ahead(self.snapshot.batches(self.plan.sources, self.rows, batch_rows=BATCH_ROWS)) as batches:
            for batch in batches:
                frame = self.transformer.apply(cast("pl.DataFrame", pl.from_arrow(batch)), self.decision)
                self.rows_out += frame.height
                yield frame
                before, self.rows_in = self.rows_in, self.rows_in + batch.num_rows
                if self.rows_in // _PROGRESS_ROWS > before // _PROGRESS_ROWS:
                    self.progress(self.rows_in, self.total)

    def report(self, *, rows_out: int, pseudonym_key_id: str | None = None) -> Report:
        """Return the report when ``rows_out`` rows were kept of what was read to its end.

        Raises ``TransformError`` when the rows do not add up with what was measured.
        """
        return report_of(
            self.plan,
            rows_in=self.rows_in,
            rows_out=rows_out,
            decision=self.decision,
            pseudonym_key_id=pseudonym_key_id,
        )


class LeakWatch:
    """The leak scan over many frames (design 6.8): suspicions are gathered, and judged at the end."""

    def __init__(self, plan: Plan) -> None:
        self._shapes = expected_shapes(plan)
        self._suspicions: dict[IdentifierKind, set[str]] = {}
        self._clear = 0

    def look(self, frame: pl.DataFrame) -> None:
        """Look at some rows as they would leave."""
        found = scan(frame, self._shapes)
        self._clear += sum(found.unmasked.values())
        for kind, values in found.by_kind.items():
            self._suspicions.setdefault(kind, set()).update(values)

    def judge(self, matcher: Matcher) -> None:
        """Ask the registry about every suspicion; raises ``LeakSuspectedError`` when one is true."""
        clear = self._clear
        for kind, wanted in self._suspicions.items():
            clear += sum(matcher.known(kind, sorted(wanted)))
        if clear:
            raise LeakSuspectedError(
                f"{clear} identifiers stand in the written content: the release was stopped.",
                detail_zh=f"写出的内容中发现 {clear} 个标识信息，已停止提供。",
                extra={"count": clear},
            )


def _check_rows(total: int, cap: int) -> None:
    if total > cap:
        raise TooManyRowsError(
            f"{total} rows would leave; the grant allows {cap}. Narrow the population or apply for more.",
            detail_zh=f"将提供 {total} 行，授权上限为 {cap} 行。请缩小范围或重新申请。",
            missing=("rows",),
            extra={"dimension": "rows"},
        )
