"""The desks of texts, scans and disclosures on real parts, with invented texts and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.sequencer import SequencerJournal
from gateway.db import make_engine
from gateway.ids import AccountId, UnitCode
from gateway.policies.desk import Desk
from gateway.policies.disclosures import BodyKind, DeliveryForm, DisclosureService, NewDisclosure, Pupils
from gateway.policies.ground_keeper import GroundKeeper, StoredHoldings
from gateway.policies.legal_texts import LegalTextService, NewText
from gateway.policies.scans import ScanBox, ScanService
from gateway.policies.service import ApplicationService, random_id
from gateway.policies.store import SqlPolicyStore
from gateway.policies.store.disclosures import SqlDisclosures
from gateway.policies.store.scans import SqlScans
from gateway.policies.store.texts import SqlLegalTexts
from rulebook.loader import load
from rulebook.records import Rulebook
from tests.factories import policies as make
from tests.factories.journal import make_journal, make_reader, trail

BASIS = "compulsory-education-44"
ARTICLE = "第四十四条　各级人民政府对家庭经济困难的适龄儿童、少年免费提供教科书并补助寄宿生生活费。"
AMENDED = "第四十四条　各级人民政府对适龄儿童、少年免费提供教科书。"
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20) + b"IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff" + bytes(20) + b"\xff\xd9"
KEY = bytes(range(32))


def plain_book(**changes: object) -> Rulebook:
    """Return the rule book as it ships: no text of a law is in it; ``changes`` replace parameters."""
    book = load(make.CONFIG)
    return replace(book, parameters=replace(book.parameters, **changes))  # type: ignore[arg-type]  # tests name them


def with_basis(book: Rulebook, **changes: object) -> Rulebook:
    """Return the book with another version of ``BASIS``."""
    altered = replace(book.legal_bases[BASIS], **changes)  # type: ignore[arg-type]  # tests name the members
    return replace(book, legal_bases=MappingProxyType({**book.legal_bases, BASIS: altered}))


def new_text(**changes: object) -> NewText:
    """Return a text that is taken."""
    made = NewText(ARTICLE, "测试公报 2018 年第 1 号", date(2018, 12, 29))
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


def disclosure(**changes: object) -> NewDisclosure:
    """Return an entry that is taken."""
    made = NewDisclosure(
        law="中华人民共和国刑事诉讼法",
        article="第五十四条",
        law_kind="law",
        body_kind=BodyKind.POLICE,
        requesting_body="示例市公安局",
        recipient="示例市公安局（承办民警）",
        approver="示例局分管副局长",
        executor="示例局学籍科科长",
        fields=("name", "id_number", "school_name"),
        pupils=Pupils.ONE,
        handed_over_on=date(2026, 2, 27),
        document_number="示公（刑）调证字[2026]12号",
        delivery_form=DeliveryForm.PAPER,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name the members


@dataclass
class GroundHouse:
    """The desks with what stands behind them."""

    engine: sa.Engine
    journal: SequencerJournal
    clock: make.Clock
    book: Rulebook
    applications: ApplicationService
    texts: LegalTextService
    scans: ScanService
    disclosures: DisclosureService

    def entries(self) -> list[dict[str, Any]]:
        """Return the audit trail."""
        return trail(self.engine)

    def kinds(self) -> list[str]:
        """Return the kinds of all entries."""
        return [str(entry["kind"]) for entry in self.entries()]

    def close(self) -> None:
        """End the journal and close the database."""
        self.journal.close()
        self.engine.dispose()


def open_house(engine: sa.Engine, book: Rulebook | None = None) -> GroundHouse:
    """Return the desks on ``engine``; the schema is made."""
    clock = make.Clock()
    journal = make_journal(engine, now=clock)
    return rewired(engine, journal, clock, book or plain_book())


def rewired(engine: sa.Engine, journal: SequencerJournal, clock: make.Clock, book: Rulebook) -> GroundHouse:
    """Return the desks of another rule book on the same database."""
    reader = make_reader(engine)
    applications = make.make_service(SqlPolicyStore(), journal, reader, clock=clock, book=book)
    applications._new_id = random_id  # two rule books share one database
    applications._grounds = GroundKeeper(book, StoredHoldings(reader, SqlLegalTexts(), SqlScans()))
    desk = Desk(journal, reader, applications.authorize, book, clock, random_id)
    approvers = {AccountId("st-approver"): UnitCode(make.CITY), AccountId("st-far"): UnitCode(make.OTHER_CITY)}
    return GroundHouse(
        engine,
        journal,
        clock,
        book,
        applications,
        LegalTextService(desk, SqlLegalTexts()),
        ScanService(desk, SqlScans(), applications, ScanBox(KEY)),
        DisclosureService(desk, SqlDisclosures(), approvers.get),
    )


@pytest.fixture
def on_both(tables_url: str) -> Iterator[GroundHouse]:
    found = open_house(make_engine(tables_url))
    yield found
    found.close()


@pytest.fixture
def on_sqlite(sqlite_tables_url: str) -> Iterator[GroundHouse]:
    """One database is enough for what no store decides."""
    found = open_house(make_engine(sqlite_tables_url))
    yield found
    found.close()
