"""The guardian's view on a real database and log, with known names and one pupil."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import Engine

from gateway.accesses.office import QuestionDesk
from gateway.accesses.ports import GrantWords
from gateway.accesses.records import Words
from gateway.accesses.sealing import TextBox
from gateway.accesses.service import LocalAccesses
from gateway.accesses.store import SqlQuestionBook
from gateway.audit.policy import TrustPolicy
from gateway.audit.sequencer import SequencerJournal
from gateway.audit.service import AuditService
from gateway.audit.store import SqlLogStore
from gateway.audit.tags import Tagger
from gateway.bootstrap.workflow import working_days
from gateway.db import DatabaseReader, make_engine
from gateway.errors import ForbiddenError
from gateway.ids import AccountId, RecipientId, SubjectRef, UnitCode
from gateway.inspections.store import SqlCases
from gateway.journal import EntryDraft, JsonValue
from gateway.policies.scope import civil_date
from gateway.policies.service import random_id
from gateway.principals import AccountKind, Principal, Role
from tests.factories.accounts import Clock
from tests.factories.alerts import COUNTY, MONDAY, PROVINCE, officer
from tests.factories.identity import LI, WANG, Pupils, pupil
from tests.factories.journal import ORIGIN, TAG_ROOT, make_data_keys, make_identity, make_journal, trail
from tests.factories.policies import rule_book

RECIPIENT = "91140100MA0GATEW7X"
MOTHER = Principal(AccountId("gd-mother"), AccountKind.GUARDIAN, frozenset({Role.GUARDIAN}))
CLIENT = Principal(
    AccountId("cl-2"), AccountKind.CLIENT, frozenset({Role.EXECUTOR}), post="校车系统", recipient=RecipientId(RECIPIENT)
)
TEACHER = officer("teacher", Role.REGISTRAR, unit=UnitCode("2114010501"))
ANSWERING = officer("answering", Role.REGISTRAR)
LINKS = {"grant": "gr-1", "recipient": RECIPIENT, "extract": "ex-1", "responsible": "李主任（信息科）"}


class KnownNames:
    """A school, a recipient and a grant."""

    def unit(self, code: str) -> str:
        """Return a name."""
        return {"2114010501": "示例小学"}.get(code, code)

    def recipient(self, code: str) -> str:
        """Return a name."""
        return {RECIPIENT: "示例校车平台"}.get(code, code)

    def post(self, account: str) -> tuple[str, str]:
        """Return unit and post."""
        return {"st-teacher": ("2114010501", "学籍管理员")}.get(account, ("", ""))

    def grant(self, identifier: str) -> GrantWords | None:
        """Return the one grant."""
        words = GrantWords("示例校车平台", Words("校车服务", "School buses"), (Words("年级"), Words("学校")), "某批复")
        return words if identifier == "gr-1" else None

    def purpose(self, code: str) -> Words:
        """Return a purpose."""
        return Words("身份核验", "Verification") if code == "identity-verification" else Words(code)

    def claim(self, code: str) -> Words:
        """Return a claim."""
        return Words("学段", "Stage") if code == "stage" else Words(code)


@dataclass
class OneBond:
    """A mother who may see one pupil, as long as she may."""

    live: set[tuple[AccountId, SubjectRef]] = field(default_factory=lambda: {(MOTHER.account, LI)})

    def may_see(self, account: AccountId, subject_ref: SubjectRef) -> bool:
        """Say whether the bond is live."""
        return (account, subject_ref) in self.live


class CountyGate:
    """Registrars of the county answer for it."""

    def answer(self, principal: Principal, unit: UnitCode) -> str:
        """Return the policy."""
        if Role.REGISTRAR not in principal.roles or principal.unit != unit:
            raise ForbiddenError("no")
        return "handle-cases-in-territory"


@dataclass
class ViewHouse:
    """The view, the office's desk, and the log."""

    engine: Engine
    journal: SequencerJournal
    clock: Clock
    reader: DatabaseReader
    bonds: OneBond
    cases: SqlCases
    accesses: LocalAccesses
    questions: QuestionDesk

    def entry(
        self,
        kind: str,
        actor: Principal | None = None,
        outcome: str = "done",
        facts: dict[str, JsonValue] | None = None,
        links: dict[str, str] | None = None,
        subject: SubjectRef | None = LI,
    ) -> int:
        """Append an entry about a pupil; return its index."""
        subjects = () if subject is None else (subject,)
        return self.journal.append(
            EntryDraft(kind, actor, outcome, facts=facts or {}, links=links or {}, subjects=subjects)
        ).index

    def entries(self, kind: str = "") -> list[dict[str, object]]:
        """Return the entries of the log whose kind begins with ``kind``."""
        return trail(self.engine, kind)


@contextmanager
def view_house(url: str) -> Iterator[ViewHouse]:
    """Open the view on an empty database."""
    engine, clock = make_engine(url), Clock(MONDAY)
    journal = make_journal(engine, now=clock)
    try:
        yield _house(engine, journal, clock)
    finally:
        journal.close()
        engine.dispose()


def _house(engine: Engine, journal: SequencerJournal, clock: Clock) -> ViewHouse:
    reader, bonds, cases = DatabaseReader(engine), OneBond(), SqlCases(make_data_keys(clock))
    book, pupils = SqlQuestionBook(TextBox.from_root(bytes(32))), Pupils({LI: pupil(), WANG: pupil()})
    pupils.rows[LI]["managing_authority"] = COUNTY

    def today() -> date:
        return civil_date(clock())

    audit = AuditService(
        SqlLogStore(engine), reader, journal, ORIGIN, TrustPolicy((make_identity().keys[0],)),
        Tagger.from_root(TAG_ROOT), clock,
    )  # fmt: skip
    accesses = LocalAccesses(
        trail=audit,
        names=KnownNames(),
        holds=cases,
        bonds=bonds,
        view=pupils,
        questions=book,
        reader=reader,
        journal=journal,
        working_days=working_days(rule_book()),
        answer_days=10,
        province=PROVINCE,
        now=clock,
        today=today,
        new_id=random_id,
    )
    desk = QuestionDesk(book, CountyGate(), pupils, reader, journal, clock, today)
    return ViewHouse(engine, journal, clock, reader, bonds, cases, accesses, desk)
