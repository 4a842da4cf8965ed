"""Inspection cases on a real database and journal, with a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from core_registry.oversight.service import FINDINGS
from gateway.audit.alerts_records import AlertId
from gateway.audit.policy import TrustPolicy
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.bootstrap.workflow import working_days
from gateway.db import DatabaseReader, make_engine
from gateway.errors import ForbiddenError, NotFoundError
from gateway.ids import UnitCode
from gateway.inspections.orders import OrderDesk
from gateway.inspections.records import Case, FromEntry, Subject, SubjectKind
from gateway.inspections.service import InspectionService
from gateway.inspections.steps import CaseSteps
from gateway.inspections.store import SqlCases
from gateway.journal import EntryDraft
from gateway.policies.scope import civil_date
from gateway.policies.service import random_id
from gateway.principals import Principal, Role
from tests.factories.accounts import Clock
from tests.factories.alerts import COUNTY, INSPECTOR, MONDAY, officer
from tests.factories.journal import ORIGIN, TAG_ROOT, make_data_keys, make_identity, make_journal, trail
from tests.factories.policies import rule_book

RECIPIENT = "91140100MA0GATEW7X"
BODY = Subject(SubjectKind.UNIT, COUNTY)
DATA_OF_COUNTY = officer("county", Role.DATA_OFFICER, unit=COUNTY)
ELSEWHERE = officer("elsewhere", Role.DATA_OFFICER, unit=UnitCode("140106"))
ALERT = AlertId("al-known")


class InspectorsOnly:
    """The gate without the decision point: the service's own tests ask who may elsewhere."""

    def read(self, principal: Principal) -> None:
        """Let inspectors in."""
        self.conduct(principal)

    def conduct(self, principal: Principal) -> str:
        """Let inspectors in."""
        if Role.INSPECTOR not in principal.roles:
            raise ForbiddenError("no", rule="A50-10")
        return "inspector-reads-audit"


class OneAlert:
    """One alert, proven by the first two entries."""

    def entries_of(self, principal: Principal, alert: AlertId) -> Sequence[int]:
        """Return its entries."""
        if alert != ALERT:
            raise NotFoundError("no")
        return (0, 1)


class TwoBodies:
    """A department and a recipient."""

    def known(self, subject: Subject) -> bool:
        """Say whether there is such a body."""
        return subject in {BODY, Subject(SubjectKind.RECIPIENT, RECIPIENT)}


@dataclass
class Inspectorate:
    """Cases, orders and the log."""

    engine: Engine
    journal: SequencerJournal
    clock: Clock
    store: SqlCases
    reader: DatabaseReader
    audit: AuditService
    cases: InspectionService
    orders: OrderDesk

    def today(self) -> date:
        """Return the civil date."""
        return civil_date(self.clock())

    def note(self, kind: str = "release.refused", **links: str) -> int:
        """Append an entry; return its index."""
        return self.journal.append(EntryDraft(kind, None, outcome="refused", links=links)).index

    def opened(self) -> Case:
        """Return a new case on the county, from a new entry."""
        return self.cases.open(INSPECTOR, BODY, FromEntry(self.note()), "核查越权申请")

    def entries(self, kind: str = "inspection.") -> list[dict[str, object]]:
        """Return the entries of the log whose kind begins with ``kind``."""
        return trail(self.engine, kind)


@contextmanager
def inspectorate(url: str) -> Iterator[Inspectorate]:
    """Open cases on an empty database."""
    engine, clock = make_engine(url), Clock(MONDAY)
    journal = make_journal(engine, now=clock)
    try:
        yield _house(engine, journal, clock)
    finally:
        journal.close()
        engine.dispose()


def _house(engine: Engine, journal: SequencerJournal, clock: Clock) -> Inspectorate:
    reader, store = DatabaseReader(engine), SqlCases(make_data_keys(clock))
    audit = AuditService(
        SqlLogStore(engine),
        reader,
        journal,
        ORIGIN,
        TrustPolicy((make_identity().keys[0],)),
        Tagger.from_root(TAG_ROOT),
        clock,
    )
    steps = CaseSteps(store, journal, clock)

    def today() -> date:
        return civil_date(clock())

    cases = InspectionService(
        store=store,
        steps=steps,
        trail=audit,
        alerts=OneAlert(),
        bodies=TwoBodies(),
        gate=InspectorsOnly(),
        reader=reader,
        journal=journal,
        codes=FINDINGS,
        working_days=working_days(rule_book()),
        now=clock,
        today=today,
        new_id=random_id,
    )
    return Inspectorate(engine, journal, clock, store, reader, audit, cases, OrderDesk(store, steps, reader, today))
