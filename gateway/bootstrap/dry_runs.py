"""Dry runs: the officers' service, the worker's task, and what a decision asks of them."""

from __future__ import annotations

from collections.abc import Callable

from core_registry.db.matcher import SqlMatcher
from gateway.accounts.store import SqlBookkeeping
from gateway.bootstrap.ledger import release_ledger
from gateway.bootstrap.parts import GrantDesk, Parts
from gateway.errors import NotFoundError
from gateway.ids import ApplicationId
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.policies.dry_runs import DryRunLookup, NoDryRuns
from gateway.policies.records import Application
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.releases.dry_run_sample import sample_key
from gateway.releases.dry_run_service import DryRunBook, DryRunService
from gateway.releases.dry_run_store import DryRunStore
from gateway.releases.dry_run_work import DryRunner
from gateway.releases.pairs import PairedView
from gateway.releases.store import ExtractStore
from gateway.services import Services

SWEEP_SECONDS = 60


def dry_run_lookup(parts: Parts) -> DryRunLookup:
    """Return what a decision asks; a face without the key of the samples knows of no dry run."""
    if not parts.keyring.has(Key.APPROVAL_SCAN):
        return NoDryRuns()
    return DryRunBook(DryRunStore(), parts.reader, parts.book.sha256)


def dry_run_service(parts: Parts, applications: ApplicationService, wake: Callable[[], None]) -> DryRunService | None:
    """Return the officers' service; ``None`` on a face that may not see samples."""
    if not parts.keyring.has(Key.APPROVAL_SCAN):
        return None
    return DryRunService(
        applications=applications,
        application=_application(parts),
        runs=DryRunStore(),
        journal=parts.journal,
        reader=parts.reader,
        book=parts.book,
        policy_set=lambda: parts.decisions.sha256,
        sharing=parts.sharing,
        sample_key=sample_key(parts.keyring.secret(Key.APPROVAL_SCAN)),
        now=parts.now,
        new_id=random_id,
        wake=wake,
    )


def dry_run_tasks(
    parts: Parts, desk: GrantDesk, scratch: SqlBookkeeping, services: Services, settle: Callable[[], None]
) -> list[Task]:
    """Return what the worker does for dry runs: carry them out, destroy the samples of those that are decided."""
    if parts.registry is None or parts.sharing is None:
        return []
    runner = DryRunner(
        application=_application(parts),
        grants=desk,
        extracts=ExtractStore(),
        runs=DryRunStore(),
        journal=parts.journal,
        reader=parts.reader,
        scratch=scratch,
        sharing=PairedView(parts.sharing),
        matcher=SqlMatcher(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX)),
        book=parts.book,
        sample_key=sample_key(parts.keyring.secret(Key.APPROVAL_SCAN)),
        now=parts.now,
        worker=parts.owner,
        settle=settle,
        ledger=release_ledger(parts),
    )
    tasks = [Task("dry runs", runner.run_next)]
    if services.dry_runs is not None:
        tasks.append(Task("dry-run samples", Periodic(services.dry_runs.sweep, SWEEP_SECONDS)))
    return tasks


def _application(parts: Parts) -> Callable[[ApplicationId], Application]:
    """Return how the system itself reads an application."""
    store = SqlPolicyStore()

    def read(identifier: ApplicationId) -> Application:
        found = parts.reader.read(lambda tx: store.application(tx, identifier))
        if found is None:
            raise NotFoundError("There is no such application.", detail_zh="没有该申请。")
        return found

    return read
