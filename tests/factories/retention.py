"""Retention on a real database and journal: epoch keys, cases and the sweeper, with a clock that tests turn."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from gateway.accounts.store import SqlBookkeeping
from gateway.audit.epoch_keys import ACCESS_TAGS, EpochKeys
from gateway.audit.policy import TrustPolicy
from gateway.audit.sequencer import Sequencer, SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.bootstrap.retention import SHELVES
from gateway.data_keys.matters import Matter
from gateway.data_keys.service import DataKeys
from gateway.data_keys.store import SqlDataKeys
from gateway.data_keys.wrapping import WrappingKeys
from gateway.db import DatabaseReader, make_engine
from gateway.errors import ForbiddenError
from gateway.ids import SubjectRef
from gateway.inspections.records import Case, CaseEvent, CaseId, CaseState, Subject, SubjectKind
from gateway.inspections.store import SqlCases
from gateway.journal import EntryDraft, Tx
from gateway.policies.scope import civil_date
from gateway.policies.service import random_id
from gateway.principals import Principal, Role
from gateway.retention.holds import HoldDesk
from gateway.retention.renewal import Renewal
from gateway.retention.service import OverdueWatch, RetentionService
from gateway.retention.store import SqlHolds, SqlSweeps
from gateway.retention.sweeper import Sweeper
from tests.factories.accounts import Clock
from tests.factories.alerts import INSPECTOR, officer
from tests.factories.journal import ORIGIN, RULEBOOK, make_identity, make_schema, trail
from tests.factories.policies import rule_book

OTHER = officer("other", Role.SECURITY_ADMINISTRATOR)
SECRET = "涉案线索：某校某班教师私自查询"
"""A text that must not be found anywhere once its key is destroyed."""


class Officers:
    """The gate without the decision point: who may is asked in the tests of the policies."""

    def read(self, principal: Principal) -> None:
        """Let officers in."""
        self.lift(principal)

    def hold(self, principal: Principal, unit: str | None) -> str:
        """Let officers hold, whatever the unit."""
        del unit
        return self.lift(principal)

    def oversees(self, principal: Principal) -> bool:
        """Say whether it is one of them."""
        return bool(principal.roles & {Role.INSPECTOR, Role.SECURITY_ADMINISTRATOR})

    def lift(self, principal: Principal) -> str:
        """Let officers in."""
        if not principal.roles & {Role.INSPECTOR, Role.SECURITY_ADMINISTRATOR}:
            raise ForbiddenError("no", rule="A50-10")
        return "inspector-and-security-administrator-hold"


@dataclass
class Archive:
    """A log with things beside it."""

    engine: Engine
    clock: Clock
    keys: DataKeys
    epochs: EpochKeys
    sequencer: Sequencer
    journal: SequencerJournal
    reader: DatabaseReader
    cases: SqlCases
    audit: AuditService
    desk: HoldDesk
    service: RetentionService
    watch: OverdueWatch
    renewal: Renewal

    def sweeper(self) -> Sweeper:
        """Return a sweeper that knows nothing of what an earlier one did, as after a restart."""

        def forget(matter: Matter) -> None:
            if matter.data_class == ACCESS_TAGS:
                self.epochs.forget(matter.id)

        return Sweeper(
            classes=rule_book().retention,
            shelves=SHELVES,
            keys=self.keys,
            holds=SqlHolds(),
            rows=SqlSweeps(),
            journal=self.journal,
            reader=self.reader,
            now=self.clock,
            today=lambda: civil_date(self.clock()),
            above=rule_book().divisions.ancestors,
            forget=forget,
        )

    def sweep(self) -> None:
        """Sweep a whole day."""
        sweeper = self.sweeper()
        while sweeper.step():
            continue

    def read_of(self, subject: SubjectRef) -> int:
        """Append the entry of a reading of a pupil; return its index."""
        return self.journal.append(EntryDraft("registry.read", None, subjects=(subject,))).index

    def closed_case(self, name: str, unit: str = "140105", text: str = SECRET) -> CaseId:
        """Keep a case that is closed now, with its texts."""
        now, case = self.clock(), CaseId(f"ic-{name}")
        found = Case(
            case, Subject(SubjectKind.UNIT, unit), "entry 0", text, CaseState.CLOSED, now, INSPECTOR.account,
            order=text, closed_at=now,
        )  # fmt: skip

        def write(tx: Tx) -> None:
            self.cases.add(tx, found, CaseEvent(now, INSPECTOR.account, "opened", text, secrets.token_bytes(32)))

        self.journal.record(write, EntryDraft("inspection.opened", INSPECTOR, facts={"case": case}))
        return case

    def case(self, case: CaseId) -> Case:
        """Return a case."""
        found = self.reader.read(lambda tx: self.cases.get(tx, case))
        assert found is not None
        return found

    def key_of(self, data_class: str, matter: str) -> bytes | None:
        """Return the data key of a matter."""
        return self.reader.read(lambda tx: self.keys.find(tx, data_class, matter))

    def entries(self, kind: str = "retention.") -> list[dict[str, Any]]:
        """Return the entries of the log whose kind begins with ``kind``."""
        return trail(self.engine, kind)


@contextmanager
def archive(
    url: str,
    at: datetime,
    *,
    directory: Path | None = None,
    first: bytes = bytes(range(64, 96)),
    root: bytes | None = None,
) -> Iterator[Archive]:
    """Open a log on a database, at ``at``; with ``directory`` the wrapping key is a file that can be renewed."""
    engine, clock = make_engine(url), Clock(at)
    make_schema(engine)
    if directory is not None:
        directory.mkdir(exist_ok=True)
        if not (directory / "retention.key").exists():
            (directory / "retention.key").write_text(first.hex())
        first = bytes.fromhex((directory / "retention.key").read_text())
    keys = DataKeys(SqlDataKeys(), WrappingKeys(first, directory), clock)
    reader, log = DatabaseReader(engine), SqlLogStore(engine)
    epochs = EpochKeys(keys, reader, SqlBookkeeping(engine), root)
    sequencer = Sequencer(log, identity=make_identity(), tagger=epochs.tagger(), rulebook=lambda: RULEBOOK, now=clock)
    journal = SequencerJournal(sequencer)
    policy = TrustPolicy((make_identity().keys[0],))
    audit = AuditService(log, reader, journal, ORIGIN, policy, epochs.tagger(), clock)
    renewal, gate = Renewal(keys, journal, reader), Officers()
    book = rule_book()
    service = RetentionService(
        classes=book.retention,
        shelves=SHELVES,
        holds=SqlHolds(),
        rows=SqlSweeps(),
        gate=gate,
        reader=reader,
        today=lambda: civil_date(clock()),
        above=book.divisions.ancestors,
        unrenewed=renewal.outstanding,
    )
    desk = HoldDesk(
        rows=SqlHolds(),
        gate=gate,
        journal=journal,
        reader=reader,
        classes=tuple(book.retention),
        now=clock,
        today=lambda: civil_date(clock()),
        new_id=random_id,
    )
    try:
        yield Archive(
            engine, clock, keys, epochs, sequencer, journal, reader, SqlCases(keys), audit, desk, service,
            OverdueWatch(service, journal), renewal,
        )  # fmt: skip
    finally:
        journal.close()
        engine.dispose()
