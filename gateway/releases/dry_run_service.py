"""Use cases of the dry run: ask for one, look at it, destroy its rows. The worker's half is ``dry_run_work``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from core_registry.sharing import SharingView
from gateway.errors import ConflictError, NotFoundError
from gateway.ids import ApplicationId, GrantId
from gateway.journal import EntryDraft, Journal, JsonValue, Reader, Tx
from gateway.policies.admission import ceilings, granted_scope
from gateway.policies.decision import Action, Decision, Resource
from gateway.policies.dry_runs import SeenDryRun
from gateway.policies.errors import StaleVersionError, WrongStateError
from gateway.policies.records import Application, Scope
from gateway.policies.resources import application_resource
from gateway.policies.scope import civil_date, intersect, narrow
from gateway.policies.trail import REFUSALS, application_links, refused
from gateway.principals import Principal
from gateway.releases.dry_run import PENDING, ROW_LEVELS, DryRun, DryRunId, DryRunState, measured_scope_sha256
from gateway.releases.dry_run_sample import Sample, unseal
from gateway.releases.uses import scope_plan
from rulebook.records import Rulebook


class Applications(Protocol):
    """What a dry run needs of the applications' room."""

    def get(self, principal: Principal, application_id: ApplicationId) -> Application:
        """Return an application that ``principal`` may read; raises ``NotFoundError``."""

    def authorize(self, principal: Principal, action: Action, resource: Resource, *, territory: str = "") -> Decision:
        """Return the decision that allows ``action``; raises ``ForbiddenError``."""


class DryRuns(Protocol):
    """What a dry run needs of its store."""

    def add(self, tx: Tx, run: DryRun) -> None:
        """Insert a dry run; samples of earlier ones of the same application are destroyed."""

    def get(self, tx: Tx, identifier: DryRunId) -> DryRun | None:
        """Return one dry run."""

    def latest(self, tx: Tx, application: ApplicationId) -> DryRun | None:
        """Return the newest dry run of an application."""

    def decided_upon(self, tx: Tx, grant: GrantId) -> DryRun | None:
        """Return the dry run that the approver of ``grant`` had seen."""

    def decide(self, tx: Tx, identifier: DryRunId, grant: GrantId) -> None:
        """Note that ``grant`` was decided upon the dry run."""

    def clear_samples(self, tx: Tx, application: ApplicationId) -> bool:
        """Destroy the samples of an application; say whether there were any."""

    def with_sample(self, tx: Tx) -> list[DryRun]:
        """Return the dry runs that still have a sample."""


@dataclass(frozen=True, slots=True)
class DryRunBook:
    """Finished dry runs for a decision; fills ``policies.dry_runs.DryRunLookup``."""

    runs: DryRuns
    reader: Reader
    rulebook_sha256: str

    def seen(self, identifier: str, application: ApplicationId, scope: Scope) -> SeenDryRun:
        """Return a finished dry run of what is about to be granted; raises as the protocol says."""
        run = self.reader.read(lambda tx: self.runs.get(tx, DryRunId(identifier)))
        if run is None or run.application != application:
            raise _no_such()
        same = run.scope_sha256 == measured_scope_sha256(scope) and run.rulebook_sha256 == self.rulebook_sha256
        if not same or run.state is not DryRunState.DONE:
            raise StaleVersionError(
                "This dry run is not of what is to be granted: it measured another scope or other rules, or it did not "
                "come to its end. Make a new one.",
                detail_zh="该试算与拟授权内容不一致（范围或规则已变），或尚未完成、未能完成。请重新试算。",
                rule="A50-9",
                missing=("dry_run",),
            )
        return SeenDryRun(run.id, run.snapshot, run.plan_sha256, run.scope_sha256)

    def decided(self, tx: Tx, application: ApplicationId, seen: SeenDryRun | None, grant: GrantId | None) -> None:
        """Note that ``grant`` was decided upon ``seen``; the samples of the application are destroyed."""
        if seen is not None and grant is not None:
            self.runs.decide(tx, DryRunId(seen.id), grant)
        self.runs.clear_samples(tx, application)


@dataclass(frozen=True, slots=True)
class DryRunService:
    """The officers' half. Every act is decided by the decision point and recorded."""

    applications: Applications
    application: Callable[[ApplicationId], Application]
    """Any application, for the system itself."""
    runs: DryRuns
    journal: Journal
    reader: Reader
    book: Rulebook
    policy_set: Callable[[], str]
    """SHA-256 of the policies in force."""
    sharing: SharingView | None
    """``None`` where the registry cannot be asked for its version."""
    sample_key: bytes = field(repr=False)
    now: Callable[[], datetime]
    new_id: Callable[[str], str]
    wake: Callable[[], None]

    def start(self, principal: Principal, application_id: ApplicationId, *, narrowed: Scope | None = None) -> DryRun:
        """Queue a dry run of what an approval would grant, or of ``narrowed`` within it; return it.

        One that waits or runs for the same scope is returned as it is. Raises ``NotFoundError``, ``ForbiddenError``,
        ``WrongStateError`` when no decision is pending, ``ScopeExceededError`` when nothing would be left,
        ``ConflictError`` when one of another scope is under way; each refusal is an entry.
        """
        application = self.applications.get(principal, application_id)
        try:
            decision = self._require(principal, application)
            _require_pending(application)
            scope = self._scope(application, narrowed)
            plan_sha256 = scope_plan(self.book, scope).sha256() if scope.level in ROW_LEVELS else ""
        except REFUSALS as error:
            self.journal.append(
                refused(principal, Action.DRY_RUN, error, application_links(application), self.policy_set())
            )
            raise
        run = DryRun(
            id=DryRunId(self.new_id("dr")),
            application=application.id,
            recipient=application.recipient,
            requested_by=principal.account,
            requested_at=self.now(),
            state=DryRunState.QUEUED,
            scope=scope,
            scope_sha256=measured_scope_sha256(scope),
            rulebook_sha256=self.book.sha256,
            ground=application.ground_id,
            plan_sha256=plan_sha256,
        )
        before = self.reader.read(lambda tx: self.runs.latest(tx, application.id))
        if before is not None and not before.over:
            if (before.scope_sha256, before.rulebook_sha256) == (run.scope_sha256, run.rulebook_sha256):
                return before
            raise ConflictError(
                "A dry run of another scope is under way for this application; wait for it.",
                detail_zh="该申请另一范围的试算正在进行，请等待其完成。",
            )
        facts: dict[str, JsonValue] = {
            "dry_run": run.id,
            "level": scope.level.value,
            "fields": list(scope.fields),
            "scope_sha256": run.scope_sha256,
            "narrowed": narrowed is not None,
        }
        links = application_links(application)
        self.journal.record(
            lambda tx: self.runs.add(tx, run),
            EntryDraft(
                "dry_run.requested",
                principal,
                facts=facts,
                links=links,
                policy=decision.policy,
                policy_set=decision.policy_set,
            ),
        )
        self.wake()
        return run

    def latest(self, principal: Principal, application_id: ApplicationId) -> DryRun:
        """Return the newest dry run of an application; raises ``NotFoundError`` or ``ForbiddenError``."""
        application = self.applications.get(principal, application_id)
        self._require(principal, application)
        run = self.reader.read(lambda tx: self.runs.latest(tx, application.id))
        if run is None:
            raise _no_such()
        return run

    def get(self, principal: Principal, identifier: DryRunId) -> DryRun:
        """Return a dry run; raises ``NotFoundError``, or ``ForbiddenError`` for who may read the application only."""
        run = self.reader.read(lambda tx: self.runs.get(tx, identifier))
        if run is None:
            raise _no_such()
        try:
            application = self.applications.get(principal, run.application)
        except NotFoundError:
            raise _no_such() from None
        self._require(principal, application)
        return run

    def sample(self, principal: Principal, run: DryRun) -> Sample | None:
        """Return the rows of ``run`` while the decision is pending, and record who looked; ``None`` without rows."""
        application = self.applications.get(principal, run.application)
        decision = self._require(principal, application)
        if not run.sample or self._spent(run, application):
            return None
        found = unseal(run.sample, self.sample_key, run.id)
        self.journal.append(
            EntryDraft(
                "dry_run.read",
                principal,
                facts={"dry_run": run.id, "rows": len(found.rows)},
                links=application_links(application),
                policy=decision.policy,
                policy_set=decision.policy_set,
            )
        )
        return found

    def current(self, run: DryRun) -> bool:
        """Say whether ``run`` measured what would be granted now, under the rules of now."""
        try:
            scope = self._scope(self.application(run.application), None)
        except REFUSALS:
            return False
        return run.rulebook_sha256 == self.book.sha256 and run.scope_sha256 == measured_scope_sha256(scope)

    def decided_upon(self, grant: GrantId) -> DryRun | None:
        """Return the dry run that the approver of ``grant`` had seen, ``None`` when there was none."""
        return self.reader.read(lambda tx: self.runs.decided_upon(tx, grant))

    def snapshot_now(self) -> str | None:
        """Return the present version of the registry, to hold against that of a dry run; no row is read."""
        if self.sharing is None:
            return None
        with self.sharing.snapshot() as snapshot:
            return snapshot.version

    def sweep(self) -> bool:
        """Destroy the samples of decided applications and of dry runs that grew old; say whether there were any."""
        found = self.reader.read(self.runs.with_sample)
        return any([self._clear(run) for run in found])

    def _clear(self, run: DryRun) -> bool:
        application = self.application(run.application)
        if not self._spent(run, application):
            return False
        self.journal.record(
            lambda tx: self.runs.clear_samples(tx, run.application),
            EntryDraft(
                "dry_run.cleared",
                None,
                facts={"dry_run": run.id, "reason": "old" if application.state in PENDING else "decided"},
                links=application_links(application),
            ),
        )
        return True

    def _spent(self, run: DryRun, application: Application) -> bool:
        life = timedelta(days=self.book.parameters.dry_run_sample_days)
        return application.state not in PENDING or self.now() - run.requested_at > life

    def _scope(self, application: Application, narrowed: Scope | None) -> Scope:
        """Return application ∩ purpose ∩ profile ∩ ground, as far as there is one, narrowed further if asked (I6)."""
        today = civil_date(self.now())
        if application.ground is not None:
            return granted_scope(application.scope, application.ground, self.book, today, narrowed)
        whole = intersect(application.scope, ceilings(application.scope, self.book), self.book.divisions)
        return whole if narrowed is None else narrow(whole, narrowed, self.book.divisions)

    def _require(self, principal: Principal, application: Application) -> Decision:
        return self.applications.authorize(principal, Action.DRY_RUN, application_resource(application))


def _require_pending(application: Application) -> None:
    if application.state not in PENDING:
        raise WrongStateError(
            f"The application is '{application.state}': a dry run belongs before the decision.",
            detail_zh="申请的当前状态不能试算：试算在提交之后、决定之前进行。",
            missing=tuple(sorted(state.value for state in PENDING)),
        )


def _no_such() -> NotFoundError:
    return NotFoundError("There is no such dry run.", detail_zh="没有该试算。")
