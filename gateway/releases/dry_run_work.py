"""The worker's half of the dry run: reads the sharing view as a release does, and keeps figures and ten rows.

No byte leaves and no file is written. The reading is the release's own (``pipeline``), with a pseudonym key that is
thrown away.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from core_registry.sharing import Matcher, SharingSnapshot, SharingView
from gateway.anonymize.pseudonyms import ROOT_BYTES, derive_key
from gateway.errors import GatewayError, UnavailableError
from gateway.ids import ApplicationId, GrantId, RecipientId
from gateway.incidents import report as report_incident
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Scratch, Tx
from gateway.policies.records import Application, Grant
from gateway.policies.scope import row_filter
from gateway.policies.trail import application_links
from gateway.releases.clock import require_clock
from gateway.releases.dry_run import PENDING, ROW_LEVELS, DryRun, DryRunId, DryRunState
from gateway.releases.dry_run_figures import LEAST_CELL, Amount, figures_of
from gateway.releases.dry_run_holdings import Holdings, holdings_of
from gateway.releases.dry_run_sample import Sample, Sampler, seal
from gateway.releases.errors import LeaseLostError
from gateway.releases.leakwatch import LeakWatch
from gateway.releases.ledger.service import Ledger
from gateway.releases.pipeline import Reading, transformer_of
from gateway.releases.records import Extract
from gateway.releases.uses import scope_plan
from rulebook.records import Rulebook


class RecipientGrants(Protocol):
    """The grants of a recipient, verified."""

    def of_recipient(self, recipient: RecipientId) -> Sequence[Grant]:
        """Return all grants of ``recipient``, newest first."""


class GrantExtracts(Protocol):
    """The extracts of a grant."""

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Extract]:
        """Return the extracts of a grant, newest first."""


class RunQueue(Protocol):
    """Dry runs that wait."""

    def claim(self, tx: Tx, worker: str, now: datetime, leased_to: datetime) -> DryRun | None:
        """Take the oldest dry run that waits or whose worker went silent."""

    def progress(self, tx: Tx, identifier: DryRunId, worker: str, done: int, total: int, leased_to: datetime) -> bool:
        """Note how far it is and renew its lease; false when ``worker`` does not hold it any more."""

    def finish(self, tx: Tx, run: DryRun, worker: str) -> bool:
        """Write what a dry run came to; false when ``worker`` does not hold it any more."""


@dataclass(frozen=True, slots=True)
class DryRunner:
    """Carries out dry runs, one after the other."""

    application: Callable[[ApplicationId], Application]
    grants: RecipientGrants
    extracts: GrantExtracts
    runs: RunQueue
    journal: Journal
    reader: Reader
    scratch: Scratch
    sharing: SharingView
    matcher: Matcher
    book: Rulebook
    sample_key: bytes = field(repr=False)
    now: Callable[[], datetime]
    worker: str
    settle: Callable[[], None]
    """Writes the entries that other faces queued: a claimed dry run was committed with its request's entry."""
    ledger: Ledger | None = None
    """What the recipient holds already, as the release will heed it; nothing is put down by trying."""

    def run_next(self) -> bool:
        """Carry out the oldest dry run that waits; say whether there was one. A failure is recorded, not raised."""
        run = self.scratch.write(lambda tx: self.runs.claim(tx, self.worker, self.now(), self._lease()))
        if run is None:
            return False
        links = {"application": str(run.application), "recipient": str(run.recipient)}
        try:
            self.settle()  # "requested" stands in the log before "done"
            application = self.application(run.application)
            links = application_links(application)
            require_clock(self.now(), run.requested_at)
            self._finish(self._measured(run, application), links)
        except LeaseLostError:
            return True
        except UnavailableError:
            raise  # nothing is wrong with the dry run: it is tried again when the lease is over
        except GatewayError as error:
            self._fail(run, links, error.extra.get("incident"), type(error).__name__, error.rule)
        except Exception as error:  # noqa: BLE001  a dry run must not be under way for ever
            self._fail(run, links, report_incident("dry run", error), "UnexpectedError", None)
        return True

    def _measured(self, run: DryRun, application: Application) -> DryRun:
        holdings = self._holdings(run)
        with self.sharing.snapshot() as snapshot:
            if run.scope.level in ROW_LEVELS:
                measured, sample = self._read(run, snapshot)
            else:
                measured, sample = self._counted(run, snapshot), None
        keep = sample is not None and application.state in PENDING
        return replace(
            measured,
            state=DryRunState.DONE,
            holdings=holdings.to_json(),
            sample=seal(sample, self.sample_key, run.id) if keep and sample is not None else b"",
            finished_at=self.now(),
        )

    def _read(self, run: DryRun, snapshot: SharingSnapshot) -> tuple[DryRun, Sample | None]:
        plan = scope_plan(self.book, run.scope)
        key = derive_key(secrets.token_bytes(ROOT_BYTES), run.recipient, run.id, 1) if plan.pseudonymous else None
        reading = Reading.begin(
            transformer_of(plan, self.book, key),
            snapshot,
            row_filter(run.scope, self.book.divisions),
            cap=run.scope.row_cap,
            progress=lambda done, total: self._progress(run.id, done, total),
            precedents=None if self.ledger is None else self.ledger.precedents(run.recipient, run.scope.purpose, plan),
        )
        watch, sampler = LeakWatch(plan), Sampler(plan, LEAST_CELL)
        with closing(reading.frames()) as frames:
            for frame in frames:
                watch.look(frame)
                sampler.add(frame)
        watch.judge(self.matcher)
        report = reading.report(rows_out=reading.rows_out)
        measured = replace(
            run,
            rulebook_sha256=self.book.sha256,
            plan_sha256=report.plan_sha256,
            snapshot=snapshot.version,
            report=json.dumps(report.to_json(), ensure_ascii=False, sort_keys=True),
            rows_done=reading.rows_in,
            rows_total=reading.rows_in,
        )
        return measured, sampler.sample()

    def _counted(self, run: DryRun, snapshot: SharingSnapshot) -> DryRun:
        """Return ``run`` with the number of pupils whom a grant without rows would reach."""
        total = snapshot.count(row_filter(run.scope, self.book.divisions))
        retention = self.book.profiles[run.scope.profile].retention_days
        report = {"level": run.scope.level.value, "rows_in": total, "rows_out": None, "retention_days": retention}
        return replace(
            run,
            rulebook_sha256=self.book.sha256,
            snapshot=snapshot.version,
            report=json.dumps(report, sort_keys=True),
            rows_done=total,
            rows_total=total,
        )

    def _holdings(self, run: DryRun) -> Holdings:
        grants = self.grants.of_recipient(run.recipient)
        extracts = {grant.id: self._extracts(grant.id) for grant in grants}
        return holdings_of(run.scope, grants, extracts, self.book)

    def _extracts(self, grant: GrantId) -> list[Extract]:
        return self.reader.read(lambda tx: self.extracts.of_grant(tx, grant))

    def _finish(self, run: DryRun, links: dict[str, str]) -> None:
        figures = figures_of(run)
        holdings = Holdings.from_json(run.holdings)
        facts: dict[str, JsonValue] = {
            "dry_run": run.id,
            "snapshot": run.snapshot,
            "plan_sha256": run.plan_sha256,
            "scope_sha256": run.scope_sha256,
            "rows": None if figures is None else _shown(figures.rows_in),
            "k": None if figures is None else figures.k,
            "sampled": bool(run.sample),
            "held": len(holdings.items),
            "warnings": list[JsonValue](holdings.warnings),
        }
        self._end(run, EntryDraft("dry_run.done", None, facts=facts, links=links))

    def _fail(
        self, run: DryRun, links: dict[str, str], incident: str | int | None, problem: str, rule: str | None
    ) -> None:
        failed = replace(run, state=DryRunState.FAILED, failure=problem, rule=rule or "", finished_at=self.now())
        facts: dict[str, JsonValue] = {"dry_run": run.id, "problem": problem, "rule": rule, "incident": incident}
        try:
            self._end(failed, EntryDraft("dry_run.failed", None, outcome="failed", facts=facts, links=links))
        except LeaseLostError:
            return

    def _end(self, run: DryRun, entry: EntryDraft) -> None:
        def write(tx: Tx) -> None:
            if not self.runs.finish(tx, run, self.worker):
                raise _lost()

        self.journal.record(write, entry)

    def _progress(self, identifier: DryRunId, done: int, total: int) -> None:
        """Note how far it is and renew the lease; raises ``LeaseLostError`` when it is another worker's now."""
        if not self.scratch.write(
            lambda tx: self.runs.progress(tx, identifier, self.worker, done, total, self._lease())
        ):
            raise _lost()

    def _lease(self) -> datetime:
        return self.now() + timedelta(seconds=self.book.parameters.lease_seconds)


def _shown(amount: Amount) -> int | None:
    """Return a rounded amount for the trail, ``None`` for one below the least cell."""
    return None if amount.fewer else amount.about


def _lost() -> LeaseLostError:
    return LeaseLostError("Another worker took this dry run over.", detail_zh="该试算已由其他工作进程接手。")
