"""Papers over a registry database with a few pupils: certificates that went through their procedures; all invented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import IO

from core_registry.cases.records import Draft
from core_registry.db.engine import reading
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.paper_store import SqlPaperStore
from core_registry.db.posts_store import file_post
from core_registry.domain.cases import Case
from core_registry.domain.records import Student
from core_registry.intake.records import ImportRequest, ImportSummary, Progress
from core_registry.office import CertificateKey, CertificateLine, NewPost, RegistryOffice
from core_registry.papers.forms import Wording
from core_registry.papers.service import PaperDesk
from gateway.app import create_app
from gateway.principals import Role
from tests.factories.case_house import CaseHouse, open_case_house
from tests.factories.casedb import CITY, COUNTY, JUNIOR, NOW, Office, book, make_office, registrar
from tests.factories.registrydb_rows import CATEGORIES, KEYS, PRIMARY, SENIOR, StarRedactor, silent

GRADUATION_DAY = date(2027, 6, 28)
"""In the last four weeks of the second semester."""
JUNIOR_PUPIL, SENIOR_PUPIL = 903, 901
LOST_NUMBER = "晋毕字第14010520210000077号"
CHECK_URL = "https://xueji.example/certificates/check"


@cache
def words() -> Wording:
    """Return the words of the rule book."""
    return Wording.of(book())


@dataclass
class Papers:
    """The desk of papers over an office."""

    office: Office
    desk: PaperDesk

    def run(
        self,
        kind: str,
        serial: int,
        unit: str,
        values: dict[str, object],
        papers: tuple[tuple[str, str], ...] = (),
    ) -> Case:
        """Open a case of today with its evidence (kind, issuer); it is not finished."""
        items = tuple(self.office.paper(paper, unit, serial, issuer) for paper, issuer in papers)
        today = self.office.now.date()
        draft = Draft(kind, unit, today, today, self.office.ids[serial], values, items)
        return self.office.desk.open(draft, registrar(unit))

    def graduate(self, serial: int = JUNIOR_PUPIL, unit: str = JUNIOR) -> Case:
        """Let a pupil of the last grade graduate and get the certificate."""
        self.office.on(GRADUATION_DAY)
        self.office.finish(self.run("graduation", serial, unit, {"outcome": "graduation"}, (("other", "other"),)))
        return self.office.finish(self.run("certificate", serial, unit, {"medium": "both"}))

    def leave_early(self, serial: int = SENIOR_PUPIL, unit: str = SENIOR) -> Case:
        """Let a pupil of senior high end early and get the certificate of it."""
        case = self.run("graduation", serial, unit, {"outcome": "incomplete"}, (("early-end-proof", "guardian"),))
        self.office.finish(case)
        return self.office.finish(self.run("certificate", serial, unit, {"medium": "paper"}))

    def prove(self, serial: int = JUNIOR_PUPIL, unit: str = JUNIOR) -> Case:
        """Let the school issue an education proof; the department has not stamped it."""
        values: dict[str, object] = {"stage": "junior", "original_number": LOST_NUMBER}
        return self.run("education-proof", serial, unit, values, (("loss-report", "guardian"),))

    def lines(self, serial: int, unit: str) -> list[CertificateLine]:
        """Return the certificates of a pupil as the school reads them."""
        return self.desk.certificates(self.office.ids[serial], registrar(unit), "核对证书", frozenset({unit}))

    def key(self, serial: int, unit: str) -> CertificateKey:
        """Return the newest certificate of a pupil."""
        line = self.lines(serial, unit)[-1]
        return CertificateKey(line.issuer, line.number)

    def student(self, serial: int) -> Student:
        """Return the clear record."""
        with reading(self.office.engine) as connection:
            found = SqlOfficeStore(self.office.engine, KEYS, CATEGORIES).opened(connection, self.office.ids[serial])
        assert found is not None
        return found


def make_papers(url: str) -> Papers:
    """Return the desk of papers over a new database."""
    office = make_office(url)
    store = SqlPaperStore(office.engine, KEYS, CATEGORIES, StarRedactor())
    return Papers(office, PaperDesk(store, words(), lambda: office.now, CHECK_URL))


_STAFF = {
    "school": (Role.REGISTRAR, PRIMARY),
    "senior": (Role.REGISTRAR, SENIOR),
    "junior": (Role.REGISTRAR, JUNIOR),
    "county": (Role.REGISTRAR, COUNTY),
    "recorder": (Role.DATA_OFFICER, COUNTY),
}


@contextmanager
def open_paper_house(home: Path) -> Iterator[tuple[Papers, CaseHouse]]:
    """Open the whole program over the desk of papers: people of two schools and the county, their posts filed."""
    papers = make_papers(f"sqlite:///{home / 'papers.db'}")
    office = papers.office
    store = SqlOfficeStore(office.engine, KEYS, CATEGORIES)
    with open_case_house(home, _STAFF) as house:
        for name, (role, unit) in _STAFF.items():
            if role is Role.REGISTRAR:
                days = date(2020, 9, 1), True, date(2020, 8, 1), date(2020, 9, 1)
                file_post(
                    office.engine, NewPost(house.account(name), unit, "registrar", *days, CITY), registrar(unit), NOW
                )
        registry = RegistryOffice(store, _NoImports(), lambda _path: None, lambda: office.now)
        services = replace(house.process.services, desk=office.desk, office=registry, papers=papers.desk)
        house.app = create_app(services)
        yield papers, house
    office.engine.dispose()


class _NoImports:
    """Imports nothing."""

    def preview(self, request: ImportRequest, progress: Progress = silent) -> ImportSummary:
        raise NotImplementedError

    def run(
        self, request: ImportRequest, progress: Progress = silent, errors_to: Path | IO[bytes] | None = None
    ) -> ImportSummary:
        raise NotImplementedError
