"""The composition root: reads settings, opens stores, wires the services of one face."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from core_registry.db import migrate as registry_migrate
from core_registry.db.engine import make_engine as make_registry_engine
from core_registry.db.sharing_reader import SqlSharingView
from core_registry.oversight.service import FINDINGS
from core_registry.sharing import SharingView
from gateway.accounts.directory import security_rules
from gateway.accounts.store import SqlBookkeeping
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.indexing import SearchIndex
from gateway.audit.policy import TrustPolicy, parse_policy
from gateway.audit.publication import LogPublisher
from gateway.audit.requests import QueuedJournal
from gateway.audit.sequencer import Sequencer, SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import DatabaseLogSource, SqlLogStore
from gateway.audit.witness import last_seen
from gateway.audit.witnessing import seen_by_witnesses
from gateway.bootstrap.accesses import access_desk, question_desk
from gateway.bootstrap.administration import account_services
from gateway.bootstrap.alerts import alert_service, suppression_service
from gateway.bootstrap.canaries import canary_service
from gateway.bootstrap.checks import check_service, match_service
from gateway.bootstrap.data_keys import adopt_epochs, data_keys, epoch_keys
from gateway.bootstrap.dry_runs import dry_run_lookup, dry_run_service
from gateway.bootstrap.encryption import encryption_keys
from gateway.bootstrap.families import family_service
from gateway.bootstrap.grounds import disclosure_service, ground_keeper, legal_text_service, scan_service
from gateway.bootstrap.identity_issuing import issuing_service
from gateway.bootstrap.identity_keys import issuer_key_service, stored_keys
from gateway.bootstrap.identity_presenting import presentation_service
from gateway.bootstrap.identity_signing_in import consent_desk, logout_tasks, sign_in_service
from gateway.bootstrap.inspections import inspection_service, order_desk
from gateway.bootstrap.log_keys import log_identity, log_key, log_key_service, opening
from gateway.bootstrap.oversight import registry_oversight
from gateway.bootstrap.papers import paper_desk
from gateway.bootstrap.parts import GrantDesk, Parts, Process
from gateway.bootstrap.policies import live_policies
from gateway.bootstrap.presence import proof_desk, pupil_desk
from gateway.bootstrap.readiness import degraded, readiness
from gateway.bootstrap.registry import case_desk, guardian_desk, load_rulebook, registry_office, staff_desk
from gateway.bootstrap.retention import retention
from gateway.bootstrap.statistics import statistics_service
from gateway.bootstrap.texts import previews, redactions, text_redactor
from gateway.bootstrap.tokens import token_service
from gateway.bootstrap.tracing import tracing_service
from gateway.bootstrap.witnessing import witness_guard
from gateway.bootstrap.work import asker, worker_tasks
from gateway.bootstrap.workflow import HandedOut, own_account, standing, working_days
from gateway.db import DatabaseReader, make_engine, make_read_only_engine
from gateway.db import migrate as gateway_migrate
from gateway.errors import ConfigurationError
from gateway.identity.issuer_keys import KeySource
from gateway.identity.records import IdentitySettings
from gateway.identity.service import IdentityService
from gateway.identity.store import IdentityStore
from gateway.jobs import Worker
from gateway.journal import GroupJournal
from gateway.keyring import Face, Key, Keyring
from gateway.keyring import load as load_keys
from gateway.policies.grants import GrantSeal
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.releases.gate import StandingGate
from gateway.releases.service import ReleaseService
from gateway.releases.store import ExtractStore
from gateway.services import Services
from gateway.settings import Settings

POLICY_FILE = "log-policy.txt"
"""In the key directory: which witnesses must cosign (tlog-policy); without it the log stands alone."""
DEFAULT_RULES = security_rules(
    "一、账号专人专用，不得转借。二、密码定期更换，不得重复使用。三、只为履行职责查询和使用学籍信息，用多少查多少。"
    "四、不得截屏、拍照、转发学籍信息。五、发现异常立即报告。\n"
    "1. An account is for one person. 2. Change the password regularly. 3. Look only at what the duty needs. "
    "4. Never copy or pass on student information. 5. Report what looks wrong at once.",
    "本单位学籍信息安全责任人",
)


def open_process(
    settings: Settings,
    face: Face,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    with_worker: bool = True,
) -> Process:
    """Open the databases and wire the services of ``face``; start nothing.

    Raises ``ConfigurationError`` when a single face is asked for on SQLite, a key of the face is missing, the
    rule book or a policy is broken, or a schema is old; ``UnavailableError`` when a database is gone.
    """
    if face is not Face.ALL and settings.sqlite:
        raise ConfigurationError(
            f"The face '{face}' needs PostgreSQL: SQLite has no roles. Set XUEJI_REGISTRY_URL and XUEJI_GATEWAY_URL, "
            "or use --face all on one host.",
            detail_zh=f"{face} 端需要 PostgreSQL（SQLite 没有角色权限）。请设置数据库地址，或在单机上使用 --face all。",
        )
    book = load_rulebook(settings)
    keyring = load_keys(settings.keys, face)
    closers: list[Callable[[], None]] = []
    engine = make_engine(settings.gateway_url)
    closers.append(engine.dispose)
    gateway_migrate.require_current(engine)
    reader = DatabaseReader(engine)
    log = SqlLogStore(engine)
    sequencer: Sequencer | None = None
    held_keys = data_keys(settings, keyring, now)
    epochs = None if held_keys is None else epoch_keys(held_keys, engine, reader, keyring)
    if keyring.has(Key.LOG) and epochs is not None:
        sequencer = Sequencer(
            log,
            identity=log_identity(settings, keyring),
            tagger=epochs.tagger(),
            rulebook=lambda: book.sha256,
            now=now,
            floor=_floor(settings, trust_policy(settings, keyring)),
            opening=lambda: opening(settings),
        )
        closers.append(sequencer.close)
        adopt_epochs(epochs, log, reader, sequencer, now)
    inner: GroupJournal = QueuedJournal(log, reader, now) if sequencer is None else SequencerJournal(sequencer)
    decisions, journal = live_policies(settings, face, inner)
    registry: Engine | None = None
    sharing: SharingView | None = None
    if face is not Face.OUTSIDE:
        view = SqlSharingView(settings.registry_url)
        closers.append(view.close)
        sharing = view
    if keyring.has(Key.REGISTRY_DATA):
        registry = make_registry_engine(settings.registry_url)
        closers.append(registry.dispose)
        registry_migrate.require_head(registry)
    parts = Parts(
        settings=settings,
        face=face,
        book=book,
        keyring=keyring,
        engine=engine,
        reader=reader,
        journal=journal,
        sequencer=sequencer,
        registry=registry,
        sharing=sharing,
        now=now,
        owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        decisions=decisions,
        texts=None if registry is None else text_redactor(book),
        data_keys=held_keys,
        epochs=epochs,
    )
    return _wire(parts, log, closers, with_worker=with_worker)


def trust_policy(settings: Settings, keyring: Keyring) -> TrustPolicy:
    """Return who must have signed and cosigned the log: the policy file of the key directory, or the log alone."""
    path = settings.keys / POLICY_FILE
    if path.exists():
        return parse_policy(path.read_text(encoding="utf-8"))
    return TrustPolicy((log_key(settings, keyring),))


def _floor(settings: Settings, policy: TrustPolicy) -> Callable[[], Checkpoint | None]:
    """Return what tells the last checkpoint that a witness saw: a log behind it was rolled back, as by a restore.

    It is that of ``settings.witness``, the directory that ``xueji witness`` was given, or of a witness with an address,
    whichever is larger. Raises ``ConfigurationError`` when there is no such directory: a protection that is asked for
    and not there must not go unnoticed (I8).
    """
    directory = settings.witness
    if directory is not None and not directory.is_dir():
        raise ConfigurationError(
            f"XUEJI_WITNESS is no directory: {directory.name}.",
            detail_zh=f"XUEJI_WITNESS 不是目录：{directory.name}。",
        )

    def latest() -> Checkpoint | None:
        kept = None if directory is None else last_seen(directory / "checkpoints", settings.log_origin)
        shown = seen_by_witnesses(policy, settings.log_origin)
        return max((one for one in (kept, shown) if one is not None), key=lambda one: one.size, default=None)

    return latest


def _wire(parts: Parts, log: SqlLogStore, closers: list[Callable[[], None]], *, with_worker: bool) -> Process:
    settings, keyring, book, face = parts.settings, parts.keyring, parts.book, parts.face
    people = account_services(parts, SqlBookkeeping(parts.engine), DEFAULT_RULES)
    policy_store = SqlPolicyStore()
    decisions = parts.decisions
    applications = ApplicationService(
        store=policy_store,
        journal=parts.journal,
        reader=parts.reader,
        decisions=decisions,
        book=book,
        seal=GrantSeal(keyring),
        separation=settings.separation,
        working_days=working_days(book),
        deliveries=HandedOut(ExtractStore(), parts.now),
        standing=standing(people.recipients),
        now=parts.now,
        grounds=ground_keeper(parts),
        dry_runs=dry_run_lookup(parts),
    )
    desk = GrantDesk(applications, policy_store, parts.reader, parts.now, witness_guard(parts, log))
    scratch = SqlBookkeeping(parts.engine)
    extract_store = ExtractStore()
    wake: list[Callable[[], None]] = []
    releases = ReleaseService(
        grants=desk,
        extracts=extract_store,
        journal=parts.journal,
        reader=parts.reader,
        scratch=scratch,
        decisions=decisions,
        book=book,
        files=settings.files,
        delivery_key=keyring.secret(Key.DELIVERY) if keyring.has(Key.DELIVERY) else None,
        separation=settings.separation,
        now=parts.now,
        today=parts.today,
        new_id=random_id,
        owner=parts.owner,
        wake=lambda: wake_all(wake),
        recipient_keys=encryption_keys(parts),
    )
    audit = AuditService(
        log,
        parts.reader,
        parts.journal,
        settings.log_origin,
        trust_policy(settings, keyring),
        None if parts.epochs is None else parts.epochs.tagger(),
        parts.now,
    )
    pupils = pupil_desk(parts)
    proofs = proof_desk(audit, pupils)
    issuer_keys = stored_keys(parts)
    identity = _identity(parts, desk, issuer_keys)
    families = family_service(parts, identity.view)
    alerts = alert_service(parts, log, applications)
    cases = case_desk(parts)
    services = Services(
        face=face,
        settings=settings,
        book=book,
        keyring=keyring,
        decisions=decisions,
        accounts=people.accounts,
        directory=people.directory,
        tokens=token_service(parts, scratch, people.recipients),
        applications=applications,
        releases=releases,
        audit=audit,
        pupils=pupils,
        proofs=proofs,
        publisher=LogPublisher(parts.reader, log),
        identity=identity,
        issuing=issuing_service(parts, identity, families.may_hold_for, families.may_end_for),
        office=registry_office(parts),
        desk=cases,
        guardians=guardian_desk(parts, cases),
        papers=paper_desk(parts),
        staff=staff_desk(parts),
        sharing=parts.sharing,
        now=parts.now,
        ready=lambda: readiness(parts),
        oversight=registry_oversight(parts),
        checks=check_service(parts, desk, scratch),
        matches=match_service(parts, desk, extract_store, lambda: wake_all(wake)),
        statistics=statistics_service(parts, desk, scratch, lambda: wake_all(wake)),
        alerts=alerts,
        retention=retention(parts, applications),
        inspections=inspection_service(parts, audit, alerts, applications, people.recipients, proofs),
        canaries=canary_service(parts, audit, applications),
        suppressions=suppression_service(parts, alerts),
        orders=None if face is Face.FAMILY else order_desk(parts),
        article_51=FINDINGS,
        accesses=access_desk(parts, audit, families, applications, people.recipients),
        questions=question_desk(parts, applications),
        dry_runs=dry_run_service(parts, applications, lambda: wake_all(wake)),
        legal_texts=legal_text_service(parts, applications),
        scans=scan_service(parts, applications),
        disclosures=disclosure_service(parts, applications, people.directory),
        recipients=people.recipients,
        delegations=people.delegations,
        own=own_account(parts, people.delegations),
        families=families,
        sign_ins=sign_in_service(parts, desk, identity, families, people.recipients),
        consents=consent_desk(parts, families),
        issuer_keys=issuer_key_service(parts, issuer_keys),
        presentations=presentation_service(parts, desk, identity),
        texts=previews(parts),
        redactions=redactions(parts),
        tracing=tracing_service(parts, desk),
        log_keys=log_key_service(parts, log),
        degraded=lambda: degraded(parts),
    )
    worker = None
    if with_worker and face in {Face.ALL, Face.WORKER} and parts.sequencer is not None:
        worker = Worker(worker_tasks(parts, log, desk, extract_store, scratch, services))
        wake.append(worker.wake)
    elif with_worker and face is Face.OUTSIDE:
        # What relying parties are told is signed by the key that this face alone holds, and goes out where it stands.
        worker = Worker(logout_tasks(parts))
    return Process(services, worker, closers, parts.sequencer, parts)


def _identity(parts: Parts, desk: GrantDesk, keys: KeySource) -> IdentityService:
    return IdentityService(
        settings=IdentitySettings.at(parts.settings.public_url),
        journal=parts.journal,
        reader=parts.reader,
        store=IdentityStore(),
        view=parts.sharing or asker(parts),
        gate=StandingGate(desk, parts.journal, parts.book, parts.now),
        keys=keys,
        divisions=parts.book.divisions,
        now=parts.now,
    )


def wake_all(calls: Sequence[Callable[[], None]]) -> None:
    """Call each."""
    for call in calls:
        call()


@contextmanager
def open_log(url: str, *, with_index: bool = False) -> Iterator[DatabaseLogSource]:
    """Open the audit log of a gateway database for the verifier: one read-only snapshot.

    ``with_index`` lets it compare the search index too.
    """
    engine = make_read_only_engine(url)
    try:
        with DatabaseLogSource(engine, with_index=with_index) as source:
            yield source
    finally:
        engine.dispose()


@contextmanager
def open_index(url: str, *, writing: bool) -> Iterator[SearchIndex]:
    """Open the search index of a gateway database, to be compared with the log or, ``writing``, built anew."""
    engine = make_engine(url) if writing else make_read_only_engine(url)
    try:
        snapshot = engine
        if engine.dialect.name == "postgresql":  # entries and index are to be of one moment; SQLite's always are
            snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
        yield SearchIndex(SqlLogStore(engine), DatabaseReader(snapshot))
    finally:
        engine.dispose()
