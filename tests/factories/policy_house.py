"""The policies room on a real database with a clock, invented deliveries and an invented standing of recipients."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.audit.sequencer import SequencerJournal
from gateway.db import make_engine
from gateway.errors import ForbiddenError, GatewayError
from gateway.ids import ExtractId, GrantId, RecipientId
from gateway.journal import Tx
from gateway.policies.phases import Handed
from gateway.policies.records import Application
from gateway.policies.service import ApplicationDraft, ApplicationService
from gateway.policies.store import SqlPolicyStore
from rulebook.records import Rulebook
from tests.factories import policies as make
from tests.factories.journal import make_journal, make_reader, trail


@dataclass
class FakeDeliveries:
    """Extracts as the releases room would tell of them."""

    by_grant: dict[GrantId, list[Handed]] = field(default_factory=dict)

    def hand_out(self, grant: GrantId, at: datetime, delete_by: date, *, settled: bool = True) -> Handed:
        """Let an extract be delivered under ``grant``."""
        found = self.by_grant.setdefault(grant, [])
        one = Handed(ExtractId(f"ex-{grant[3:]}-{len(found)}"), at, delete_by, settled=settled, certified=False)
        found.append(one)
        return one

    def certify(self, grant: GrantId) -> None:
        """Let the recipient certify every deletion under ``grant``."""
        self.by_grant[grant] = [
            Handed(one.extract, one.delivered_at, one.delete_by, settled=True, certified=True)
            for one in self.by_grant.get(grant, [])
        ]

    def handed(self, _tx: Tx, grants: Collection[GrantId]) -> Mapping[GrantId, Sequence[Handed]]:
        """Return the extracts of ``grants``."""
        return {grant: found for grant, found in self.by_grant.items() if grant in grants}


@dataclass
class Standing:
    """Recipients that are not in force."""

    bad: set[RecipientId] = field(default_factory=set)

    def __call__(self, _tx: Tx, recipient: RecipientId, _today: date) -> GatewayError | None:
        """Return why ``recipient`` may receive nothing."""
        if recipient not in self.bad:
            return None
        return ForbiddenError("The recipient is not attested.", detail_zh="年度核验已逾期。", missing=("attestation",))


@dataclass
class House:
    """The service with what stands behind it."""

    engine: sa.Engine
    journal: SequencerJournal
    store: SqlPolicyStore
    clock: make.Clock
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    standing: Standing = field(default_factory=Standing)
    book: Rulebook = field(default_factory=make.rule_book)
    services: int = 0

    def service(self, separation: str = "three", *, book: Rulebook | None = None) -> ApplicationService:
        """Return the service; each has ids of its own."""
        self.services += 1
        letter = "abcdefghij"[self.services - 1]
        made = make.make_service(
            self.store,
            self.journal,
            make_reader(self.engine),
            separation=separation,
            clock=self.clock,
            book=book or self.book,
            deliveries=self.deliveries,
            standing=self.standing,
        )
        inner = made._new_id
        made._new_id = lambda prefix: f"{inner(prefix)}{letter}"
        return made

    def turn(self, **step: float) -> None:
        """Move the clock on."""
        self.clock.at += timedelta(**step)

    def entries(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the audit entries whose kind begins with ``kind``."""
        return trail(self.engine, kind)

    def last(self) -> dict[str, Any]:
        """Return the newest entry."""
        return self.entries()[-1]

    def kinds(self) -> list[str]:
        """Return the kinds of all entries."""
        return [str(entry["kind"]) for entry in self.entries()]


@contextmanager
def open_house(database_url: str) -> Iterator[House]:
    """Open a house on a database."""
    engine = make_engine(database_url)
    clock = make.Clock()
    journal = make_journal(engine, now=clock)
    try:
        yield House(engine, journal, SqlPolicyStore(), clock)
    finally:
        journal.close()
        engine.dispose()


def submitted(service: ApplicationService, draft: ApplicationDraft | None = None) -> Application:
    """Return an application that was submitted."""
    return service.create(make.applicant(), draft or make.draft())


def recorded(service: ApplicationService, draft: ApplicationDraft | None = None) -> Application:
    """Return an application with a recorded ground."""
    one = submitted(service, draft)
    return service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)


def with_ground(service: ApplicationService, one: Application) -> Application:
    """Return the submitted application with its ground recorded and confirmed."""
    two = service.record_ground(make.data_officer(), one.id, make.approval(), version=one.version)
    return service.confirm_ground(make.data_officer("confirmer"), two.id, version=two.version)


def confirmed(service: ApplicationService, draft: ApplicationDraft | None = None) -> Application:
    """Return an application with a confirmed ground."""
    return with_ground(service, submitted(service, draft))


def granted(service: ApplicationService, draft: ApplicationDraft | None = None) -> tuple[Application, GrantId]:
    """Return a decided application and its grant."""
    three = confirmed(service, draft)
    done = service.decide(make.approver(), three.id, "approve", version=three.version, reason="同意")
    assert done.grant_id is not None
    return done, done.grant_id


def returned(service: ApplicationService) -> Application:
    """Return an application that was sent back."""
    one = submitted(service)
    return service.decide(make.approver(), one.id, "return", version=one.version, reason="请缩小范围")
