"""The log's witnesses, wired: the guard of releases, and the worker's tasks."""

from __future__ import annotations

import time
from datetime import timedelta

from gateway.accounts.store import SqlBookkeeping
from gateway.audit.log_watch import LogWatch
from gateway.audit.note import VerifierKey
from gateway.audit.service import AuditService
from gateway.audit.store import DatabaseLogSource, SqlLogStore, SqlWatching
from gateway.audit.witness import AddCheckpoint
from gateway.audit.witnessing import WitnessGuard, WitnessPush, WitnessWatch, request_for
from gateway.bootstrap.parts import Parts, Process
from gateway.db import DatabaseReader, make_engine
from gateway.jobs import Periodic, Task

PUSH_SECONDS = 120
"""Each push is a line in the log and a file at the witness, kept for good."""
WATCH_SECONDS = 20


def witness_guard(parts: Parts, log: SqlLogStore) -> WitnessGuard:
    """Return what stops releases of high risk when the witnesses have been silent for too long."""
    parameters = parts.book.parameters
    stop_after = timedelta(minutes=max(parameters.witness_stop_minutes, parameters.checkpoint_witness_minutes))
    return WitnessGuard(log, parameters.witness_stop_levels, stop_after, parts.now, parameters.damage_stops)


def witness_tasks(parts: Parts, log: SqlLogStore, scratch: SqlBookkeeping, audit: AuditService) -> list[Task]:
    """Return the worker's tasks: bring witnesses the checkpoint, and notice when they are silent."""
    push = WitnessPush(log, parts.reader, parts.journal, audit, audit.policy)
    watch = WitnessWatch(
        store=log,
        reader=parts.reader,
        journal=parts.journal,
        quorum=audit,
        policy=audit.policy,
        late_after=timedelta(minutes=parts.book.parameters.checkpoint_witness_minutes),
        now=parts.now,
        write=scratch.write,
    )
    return [
        Task("witnesses", Periodic(push.run, PUSH_SECONDS)),
        Task("silent witnesses", Periodic(watch.run, WATCH_SECONDS)),
        Task("watch over the chain", log_watch(parts, log, scratch, audit).run),
    ]


def log_watch(parts: Parts, log: SqlLogStore, scratch: SqlBookkeeping, audit: AuditService) -> LogWatch:
    """Return what verifies the log again and again."""
    parameters = parts.book.parameters
    return LogWatch(
        row=SqlWatching(),
        log=log,
        reader=parts.reader,
        journal=parts.journal,
        scratch=scratch,
        open=lambda after: DatabaseLogSource(parts.engine, after=after),
        policy=audit.policy,
        every=timedelta(hours=parameters.verify_hours),
        share=parameters.verify_share,
        now=parts.now,
        timer=time.monotonic,
    )


def witness_request(process: Process, key: VerifierKey) -> AddCheckpoint:
    """Return the request that brings a witness the newest checkpoint, from the last that it cosigned."""
    engine = make_engine(process.services.settings.gateway_url)
    try:
        return request_for(SqlLogStore(engine), DatabaseReader(engine), key)
    finally:
        engine.dispose()
