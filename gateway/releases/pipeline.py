"""From rows of the sharing view to rows that may leave, and to the figures about them: one way for all (design 5).

A release writes what a ``Reading`` gives; a dry run measures the same reading and keeps none of it. So the figures of
a dry run are those of the release on the same snapshot, by construction and not by comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from core_registry.sharing import RowFilter, SharingSnapshot
from gateway.anonymize.decision import Decision
from gateway.anonymize.exposure import Beyond, Crowd, Exposed, Exposure
from gateway.anonymize.plan import Plan
from gateway.anonymize.pseudonyms import KeyedHash
from gateway.anonymize.report import Report, report_of
from gateway.anonymize.transform import Transformer
from gateway.releases.errors import TooManyRowsError
from gateway.releases.ledger.precedents import Decided, Precedents
from gateway.releases.ledger.recorder import SUBJECT, Recorder
from gateway.releases.ledger.telling import Told, told_of
from gateway.releases.lookahead import ahead
from gateway.releases.population import are_everybody, count_people, population_tuples
from rulebook.records import Rulebook

BATCH_ROWS = 65_536
_PROGRESS_ROWS = 4 * BATCH_ROWS

Progress = Callable[[int, int], None]
"""Takes how many rows were read, and of how many; may raise to stop the reading."""


def transformer_of(plan: Plan, book: Rulebook, pseudonym_key: str | KeyedHash | None) -> Transformer:
    """Return what carries ``plan`` out. Raises ``PlanError`` when plan, hierarchies and key do not fit."""
    risk = book.parameters.risk.of(plan.profile, plan.level)
    return Transformer(
        plan,
        book.hierarchies,
        book.divisions,
        pseudonym_key=pseudonym_key,
        risk_threshold=risk.value,
        environment=risk.environment,
    )


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
    exposure: Exposure | None = field(default=None, repr=False)
    rows_in: int = 0
    rows_out: int = 0
    precedents: Precedents | None = field(default=None, repr=False)
    decided: Decided | None = field(default=None, repr=False)
    recorder: Recorder | None = field(default=None, repr=False)
    """Takes down for the ledger what passes; ``None`` where nothing leaves."""
    crowd: Crowd = field(init=False, repr=False)
    _exposed: Exposed | None = field(default=None, init=False, repr=False)
    _beyond: Beyond | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.crowd = Crowd(self.plan)

    @classmethod
    def begin(
        cls,
        transformer: Transformer,
        snapshot: SharingSnapshot,
        rows: RowFilter,
        *,
        cap: int,
        progress: Progress,
        precedents: Precedents | None = None,
    ) -> Reading:
        """Count the rows, and choose levels and classes where the plan demands k.

        With ``precedents`` the choice heeds what the recipient holds already: where that was measured, too, the rows
        are read for their tags. Raises ``TooManyRowsError`` above ``cap`` or the plan's own cap: too many are
        refused, never cut off. Raises ``SearchError`` when no levels meet the plan, and what ``Precedents.decide``
        raises.
        """
        plan = transformer.plan
        total = snapshot.count(rows)
        _check_rows(total, min(cap, plan.row_cap))
        progress(0, total)
        reading = cls(plan, transformer, snapshot, rows, total, progress, precedents=precedents)
        if plan.k is not None:
            people = population_tuples(snapshot, plan, rows, total)
            if precedents is None:
                reading.decision = transformer.choose(
                    snapshot.tuples(plan.tuple_sources, rows), population=people, tick=lambda: progress(0, total)
                )
            else:
                reading.decided = precedents.decide(
                    transformer, snapshot, rows, population=people, tick=lambda: progress(0, total)
                )
                reading.decision = reading.decided.decision
            progress(0, total)
        else:
            whole = are_everybody(snapshot, rows, total)
            reading.exposure = Exposure(plan, transformer.risk_threshold, whole=whole)
        return reading

    def frames(self) -> Generator[pl.DataFrame]:
        """Yield what leaves, in frames of the plan's columns, in the order of the sharing view. Once.

        Close it before the snapshot when it is not read to its end: a thread reads ahead.
        """
        names = self.plan.sources
        if self.recorder is not None:
            names = tuple(dict.fromkeys([*names, SUBJECT]))
        with ahead(self.snapshot.batches(names, self.rows, batch_rows=BATCH_ROWS)) as batches:
            for batch in batches:
                held = cast("pl.DataFrame", pl.from_arrow(batch))
                keep = None if self.decided is None else self.decided.kept(self.rows_in, held.height)
                frame = self.transformer.apply(held, self.decision, keep)
                if self.recorder is not None:
                    self.recorder.add(held, frame, self.transformer, self.decision, keep)
                self.crowd.add(frame, None if self.exposure is None else self.exposure.add(held, frame))
                self.rows_out += frame.height
                yield frame
                before, self.rows_in = self.rows_in, self.rows_in + batch.num_rows
                if self.rows_in // _PROGRESS_ROWS > before // _PROGRESS_ROWS:
                    self.progress(self.rows_in, self.total)
        if self.exposure is not None:
            count_people(
                self.snapshot,
                self.transformer,
                self.exposure,
                self.rows,
                self.total,
                batch_rows=BATCH_ROWS,
                tick=lambda: self.progress(self.rows_in, self.total),
            )

    def measure(self) -> None:
        """Measure the rows that passed; once, after the last. ``report`` does it where nobody did before."""
        if self._beyond is None:
            self._exposed = None if self.exposure is None else self.exposure.measured()
            self._beyond = self.crowd.measured()

    def report(self, *, rows_out: int, pseudonym_key_id: str | None = None) -> Report:
        """Return the report when ``rows_out`` rows were kept of what was read to its end.

        Raises ``TransformError`` when the rows do not add up with what was measured.
        """
        told = self.told()
        self.measure()
        return report_of(
            self.plan,
            rows_in=self.rows_in,
            rows_out=rows_out,
            decision=self.decision,
            pseudonym_key_id=pseudonym_key_id,
            risk_threshold=self.transformer.risk_threshold,
            environment=self.transformer.environment,
            exposed=self._exposed,
            beyond=self._beyond,
            withheld=told.withheld,
            joint_k=told.joint_k,
            differencing=told.differencing,
        )

    def told(self) -> Told:
        """Return what the report says about earlier releases; nothing where none were looked at."""
        if self.precedents is None:
            return Told()
        return told_of(self.precedents, self.decided)


def _check_rows(total: int, cap: int) -> None:
    if total > cap:
        raise TooManyRowsError(
            f"{total} rows would leave; the grant allows {cap}. Narrow the population or apply for more.",
            detail_zh=f"将提供 {total} 行，授权上限为 {cap} 行。请缩小范围或重新申请。",
            missing=("rows",),
            extra={"dimension": "rows"},
        )
