"""Rows of dry runs. The outside face has no right to this table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Row, String, Table, Text, insert, select, update

from gateway.db import Leases, connection_of, metadata
from gateway.ids import AccountId, ApplicationId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.policies.codec import decode_scope, encode_scope
from gateway.policies.records import GroundId
from gateway.releases.dry_run import DryRun, DryRunId, DryRunState

dry_runs = Table(
    "dry_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("application", String(64), ForeignKey("applications.id"), nullable=False, index=True),
    Column("recipient", String(32), nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("requested_at", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("scope", Text, nullable=False),
    Column("scope_sha256", String(64), nullable=False),
    Column("rulebook_sha256", String(64), nullable=False),
    Column("ground_id", String(64)),
    Column("plan_sha256", String(64), nullable=False, default=""),
    Column("snapshot", String(40), nullable=False, default=""),
    Column("report", Text, nullable=False, default=""),
    Column("holdings", Text, nullable=False, default=""),
    Column("sample", LargeBinary, nullable=False, default=b""),
    Column("failure", String(60), nullable=False, default=""),
    Column("rule", String(20), nullable=False, default=""),
    Column("rows_done", Integer, nullable=False, default=0),
    Column("rows_total", Integer, nullable=False, default=0),
    Column("finished_at", String(32)),
    Column("grant_id", String(64), index=True),
    Column("worker", String(60)),
    Column("leased_to", String(32)),
    Index("ix_dry_runs_state_requested", "state", "requested_at"),
)

_QUEUE = Leases(dry_runs, dry_runs.c.requested_at, DryRunState.QUEUED, DryRunState.RUNNING)


class DryRunStore:
    """Repository of dry runs. It never commits."""

    def add(self, tx: Tx, run: DryRun) -> None:
        """Insert a dry run; samples of earlier ones of the same application are destroyed."""
        self.clear_samples(tx, run.application)
        connection_of(tx).execute(insert(dry_runs).values(**_values(run)))

    def get(self, tx: Tx, identifier: DryRunId) -> DryRun | None:
        """Return one dry run."""
        row = connection_of(tx).execute(select(dry_runs).where(dry_runs.c.id == identifier)).one_or_none()
        return None if row is None else _dry_run(row)

    def latest(self, tx: Tx, application: ApplicationId) -> DryRun | None:
        """Return the newest dry run of an application."""
        query = (
            select(dry_runs)
            .where(dry_runs.c.application == application)
            .order_by(dry_runs.c.requested_at.desc(), dry_runs.c.id)
            .limit(1)
        )
        row = connection_of(tx).execute(query).one_or_none()
        return None if row is None else _dry_run(row)

    def decided_upon(self, tx: Tx, grant: GrantId) -> DryRun | None:
        """Return the dry run that the approver of ``grant`` had seen."""
        row = connection_of(tx).execute(select(dry_runs).where(dry_runs.c.grant_id == grant).limit(1)).one_or_none()
        return None if row is None else _dry_run(row)

    def claim(self, tx: Tx, worker: str, now: datetime, leased_to: datetime) -> DryRun | None:
        """Take the oldest dry run that waits, or whose worker has been silent beyond its lease."""
        row = _QUEUE.claim(tx, worker, now, leased_to)
        return None if row is None else replace(_dry_run(row), state=DryRunState.RUNNING)

    def progress(self, tx: Tx, identifier: DryRunId, worker: str, done: int, total: int, leased_to: datetime) -> bool:
        """Note how far it is and renew its lease; false when ``worker`` does not hold it any more."""
        return _QUEUE.progress(tx, identifier, worker, done, total, leased_to)

    def finish(self, tx: Tx, run: DryRun, worker: str) -> bool:
        """Write what a dry run came to; false when ``worker`` does not hold it any more."""
        return _QUEUE.change(tx, run.id, worker, _values(run))

    def decide(self, tx: Tx, identifier: DryRunId, grant: GrantId) -> None:
        """Note that ``grant`` was decided upon the dry run."""
        connection_of(tx).execute(update(dry_runs).where(dry_runs.c.id == identifier).values(grant_id=grant))

    def clear_samples(self, tx: Tx, application: ApplicationId) -> bool:
        """Destroy the samples of an application; say whether there were any."""
        result = connection_of(tx).execute(
            update(dry_runs).where(dry_runs.c.application == application, dry_runs.c.sample != b"").values(sample=b"")
        )
        return bool(result.rowcount)

    def with_sample(self, tx: Tx) -> list[DryRun]:
        """Return the dry runs that still have a sample."""
        query = select(dry_runs).where(dry_runs.c.sample != b"").order_by(dry_runs.c.requested_at)
        return [_dry_run(row) for row in connection_of(tx).execute(query)]


def _values(run: DryRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "application": run.application,
        "recipient": run.recipient,
        "requested_by": run.requested_by,
        "requested_at": micros_text(run.requested_at),
        "state": run.state,
        "scope": encode_scope(run.scope),
        "scope_sha256": run.scope_sha256,
        "rulebook_sha256": run.rulebook_sha256,
        "ground_id": run.ground,
        "plan_sha256": run.plan_sha256,
        "snapshot": run.snapshot,
        "report": run.report,
        "holdings": run.holdings,
        "sample": run.sample,
        "failure": run.failure,
        "rule": run.rule,
        "rows_done": run.rows_done,
        "rows_total": run.rows_total,
        "finished_at": None if run.finished_at is None else micros_text(run.finished_at),
        "grant_id": run.grant,
    }


def _dry_run(row: Row[Any]) -> DryRun:
    return DryRun(
        id=DryRunId(row.id),
        application=ApplicationId(row.application),
        recipient=RecipientId(row.recipient),
        requested_by=AccountId(row.requested_by),
        requested_at=instant_of(row.requested_at),
        state=DryRunState(row.state),
        scope=decode_scope(row.scope),
        scope_sha256=row.scope_sha256,
        rulebook_sha256=row.rulebook_sha256,
        ground=None if row.ground_id is None else GroundId(row.ground_id),
        plan_sha256=row.plan_sha256,
        snapshot=row.snapshot,
        report=row.report,
        holdings=row.holdings,
        sample=row.sample,
        failure=row.failure,
        rule=row.rule,
        rows_done=row.rows_done,
        rows_total=row.rows_total,
        finished_at=None if row.finished_at is None else instant_of(row.finished_at),
        grant=None if row.grant_id is None else GrantId(row.grant_id),
    )
