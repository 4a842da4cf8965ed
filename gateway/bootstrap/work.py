"""The worker's tasks, and what asks the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from core_registry.db.matcher import SqlMatcher
from core_registry.db.state import SqlOutbox
from gateway.accounts.store import SqlAccounts, SqlBookkeeping
from gateway.audit.requests import REGISTRY, Intake
from gateway.audit.stalls import ClockWatch, Queue, StallWatch
from gateway.audit.store import SqlLogStore
from gateway.bootstrap.accesses import family_questions, question_tasks
from gateway.bootstrap.administration import standing_tasks
from gateway.bootstrap.alerts import alert_tasks
from gateway.bootstrap.canaries import canary_tasks
from gateway.bootstrap.checks import broker_handlers, check_tasks
from gateway.bootstrap.dry_runs import dry_run_tasks
from gateway.bootstrap.families import bond_keeper, family_tasks
from gateway.bootstrap.identity_presenting import presentation_tasks
from gateway.bootstrap.identity_signing_in import consent_keeper, logout_tasks, sign_in_tasks
from gateway.bootstrap.inspections import asked_orders, inspection_tasks
from gateway.bootstrap.ledger import ledger_tasks, release_ledger
from gateway.bootstrap.parts import GrantDesk, Parts, es256
from gateway.bootstrap.policies import policy_tasks
from gateway.bootstrap.pseudonyms import pseudonym_keys
from gateway.bootstrap.retention import retention_tasks
from gateway.bootstrap.statistics import statistics_tasks
from gateway.bootstrap.tracing import mark_shelf, tracing_tasks
from gateway.bootstrap.witnessing import witness_tasks
from gateway.bootstrap.workflow import workflow_tasks
from gateway.broker.service import Answerer, Asker, Door, broker_key
from gateway.broker.store import SqlQuestions
from gateway.console.office.uploads import shelf_of
from gateway.errors import ConfigurationError
from gateway.identity.issuing.desk import wallet_handlers
from gateway.identity.service import IdentityService
from gateway.ids import AccountId, SubjectRef
from gateway.jobs import Periodic, Task
from gateway.keyring import Key
from gateway.principals import Principal
from gateway.releases.manifest import ManifestSigner
from gateway.releases.pairs import PairedView
from gateway.releases.preparation import Preparation
from gateway.releases.store import ExtractStore
from gateway.releases.workbench import Workbench
from gateway.services import Services

WORKER = "worker"
"""Who redacts texts anew, in the log."""
STATES = "registry-states"
"""Name of the cursor up to which changes of records were carried over to credentials."""
_LOOK_SECONDS = 10
CLOCK_LIMIT = timedelta(seconds=60)
"""What the clock may gain or lose between two looks: network time moves it by less."""


def worker_tasks(
    parts: Parts,
    log: SqlLogStore,
    desk: GrantDesk,
    extract_store: ExtractStore,
    scratch: SqlBookkeeping,
    services: Services,
) -> list[Task]:
    """Return what the worker does in a round, in order."""
    tagger = services.audit.tagger
    if parts.registry is None or parts.sharing is None or parts.sequencer is None or tagger is None:
        raise ConfigurationError(
            "A worker needs the registry, the log key and the tag root.",
            detail_zh="工作进程需要学籍库、日志密钥和标签根密钥。",
        )
    intake = Intake(log, parts.reader, parts.sequencer, _person_of(parts))
    outbox = SqlOutbox(parts.registry)
    asked = {**wallet_handlers(services.issuing.desk), **family_questions(services.accesses)}
    answerer = Answerer(
        SqlQuestions(),
        parts.reader,
        scratch,
        {**broker_handlers(parts, desk, scratch), **asked, **asked_orders(services.orders)},
        broker_key(parts.keyring.secret(Key.DELIVERY)),
        parts.now,
        (Door(broker_key(parts.keyring.secret(Key.FAMILY)), asked),),
    )
    bench = Workbench(
        grants=desk,
        extracts=extract_store,
        journal=parts.journal,
        scratch=scratch,
        matcher=SqlMatcher(parts.registry, parts.keyring.secret(Key.REGISTRY_INDEX)),
        signer=ManifestSigner(es256(parts.keyring.signing(Key.GRANT))),
        book=parts.book,
        files=parts.settings.files,
        issuer=parts.settings.public_url,
        delivery_key=parts.keyring.secret(Key.DELIVERY),
        now=parts.now,
        today=parts.today,
        worker=parts.owner,
        tagger=tagger,
        settle=lambda: _settle(intake),
    )
    keys = pseudonym_keys(parts, desk, extract_store)
    ledger = release_ledger(parts)
    preparation = Preparation(bench, PairedView(parts.sharing), keys, ledger, mark_shelf(parts))
    return [
        *policy_tasks(services.decisions),
        Task("audit requests", lambda: intake.drain_requests() > 0, quick=True),
        # quick: a long extract must not keep the log and the status lists waiting (A50-15: within seconds)
        Task("registry outbox", lambda: intake.apply_outbox(outbox) > 0, quick=True),
        Task("credential status", lambda: _apply_states(parts, log, outbox, services.identity, scratch), quick=True),
        Task("questions", answerer.round, quick=True),
        Task("extracts", preparation.run_next),
        *check_tasks(parts, desk, scratch, bench, services.checks),
        *dry_run_tasks(parts, desk, scratch, services, lambda: _settle(intake)),
        *statistics_tasks(parts, desk, scratch, lambda: _settle(intake)),
        Task("orphaned deliveries", Periodic(services.releases.close_orphans, 5)),
        Task("expired extracts", Periodic(services.releases.expire, 60)),
        Task("ended pseudonym keys", Periodic(keys.destroy_ended, 60)),
        *ledger_tasks(ledger),
        *tracing_tasks(services.tracing),
        Task("status lists", Periodic(services.identity.refresh_status_lists, 30), quick=True),
        Task("compromised keys", Periodic(services.identity.end_compromised, 30)),
        Task("identity sweep", Periodic(services.identity.sweep, 3600)),
        Task("offers and accesses", Periodic(services.issuing.sweep, 3600)),
        *presentation_tasks(parts, scratch),
        *sign_in_tasks(parts),
        *logout_tasks(parts),
        *family_tasks(services.families, bond_keeper(parts, parts.registry, services.identity)),
        Task("unused accounts", Periodic(services.accounts.seal_unused, 3600)),
        *standing_tasks(services),
        Task("old sessions", Periodic(services.accounts.purge, 3600)),
        Task("old tokens", Periodic(services.tokens.purge, 3600)),
        *_registry_tasks(services),
        *workflow_tasks(services),
        *witness_tasks(parts, log, scratch, services.audit),
        *canary_tasks(parts, log, scratch, services, desk.store),  # before the alerts, which follow what they write
        *alert_tasks(parts, log, desk.store, scratch, services),
        *inspection_tasks(services.orders),
        *retention_tasks(parts, services.retention),
        *question_tasks(services.questions),
        *_watches(parts, log, outbox, services.identity),
        Task("old uploads", Periodic(shelf_of(parts.settings.files, parts.keyring, parts.now).sweep, 600)),
    ]


def _registry_tasks(services: Services) -> list[Task]:
    """Return the registry's own: its clocks, of which the first pass of a day does the work; texts to redact anew."""
    oversight, texts = services.oversight, services.redactions
    tasks = [] if oversight is None else [Task("registry clocks", Periodic(oversight.run_clocks, 3600))]
    if texts is not None:
        tasks.append(Task("texts redacted anew", Periodic(lambda: texts.step(WORKER), 20)))
    return tasks


def _watches(parts: Parts, log: SqlLogStore, outbox: SqlOutbox, identity: IdentityService) -> list[Task]:
    """Return what says that a queue is behind: in the quick lane, so that a long task is seen too."""

    def waiting(cursor: str) -> datetime | None:
        position = parts.reader.read(lambda tx: log.cursor(tx, cursor))
        return next((event.at for event in outbox.pending(position, 1)), None)

    queues = (
        Queue("registry-outbox", lambda: waiting(REGISTRY)),
        Queue("credential-status", lambda: waiting(STATES)),
        Queue("status-lists", identity.unsigned_since),
    )
    limit = timedelta(seconds=parts.book.parameters.stalled_seconds)
    clock = ClockWatch(parts.journal, parts.now, _steady, CLOCK_LIMIT)
    return [
        Task("watch of the clock", Periodic(clock.run, _LOOK_SECONDS), quick=True),
        *[
            Task(
                f"watch of {queue.name}",
                Periodic(StallWatch(queue, parts.journal, parts.now, limit).run, _LOOK_SECONDS),
                quick=True,
            )
            for queue in queues
        ],
    ]


def _steady() -> float:
    """Return seconds of a clock that nobody sets; on Linux it runs on while the host sleeps."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def _person_of(parts: Parts) -> Callable[[AccountId], Principal | None]:
    """Return what finds unit and post of an account: the registry's events name no more than the account."""

    def find(account: AccountId) -> Principal | None:
        held = parts.reader.read(lambda tx: SqlAccounts().get(tx, account))
        return None if held is None else held.principal(parts.today(), assurance=1)

    return find


def _settle(intake: Intake) -> None:
    """Drain the queue of requests to its end."""
    while intake.drain_requests():
        continue


def _apply_states(
    parts: Parts, log: SqlLogStore, outbox: SqlOutbox, identity: IdentityService, scratch: SqlBookkeeping
) -> bool:
    """Carry changes of records over to their credentials and sign-ins, in order; applying one twice changes nothing."""
    position, sign_ins = parts.reader.read(lambda tx: log.cursor(tx, STATES)), consent_keeper(parts)
    events = outbox.pending(position, 200)
    for event in events:
        if event.kind == "registry.state":
            subjects = [SubjectRef(subject) for subject in event.subjects]
            identity.set_status(subjects, str(event.facts["to"]))
            sign_ins.record_changed(subjects, str(event.facts["to"]))
    if events:
        last = events[-1].sequence
        scratch.write(lambda tx: log.move_cursor(tx, STATES, position, last))
    return bool(events)


def asker(parts: Parts) -> Asker:
    """Return the view of a face without the registry: it asks the worker."""
    return Asker(
        SqlQuestions(),
        parts.reader,
        SqlBookkeeping(parts.engine),
        broker_key(parts.keyring.secret(Key.DELIVERY)),
        parts.now,
    )
