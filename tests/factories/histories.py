"""A small province with schools, registrars and pupils, made once and copied for every random history; all invented."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path

import polars as pl
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from core_registry.cases.records import NewEvidence
from core_registry.cases.service import CaseDesk
from core_registry.db.admissions import SqlAdmissions
from core_registry.db.case_codec import Vault
from core_registry.db.case_store import SqlCaseStore
from core_registry.db.engine import make_engine, writing
from core_registry.db.matters_store import SqlMatters
from core_registry.db.migrate import upgrade
from core_registry.db.office_store import SqlOfficeStore
from core_registry.db.oversight_stores import SqlPostBook, oversight_stores
from core_registry.db.posts_store import file_post, link_guardian, save_school_details
from core_registry.db.reconciliation import SqlReconciliation
from core_registry.db.sealing import DataKeys
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import metadata
from core_registry.db.units import load_departments, save_schools
from core_registry.domain.cases import Actor
from core_registry.domain.identity_number import check_character
from core_registry.domain.terms import GRADE_OF_YEAR
from core_registry.domain.working_days import CHINA
from core_registry.exchange.plan_file import plan_reader
from core_registry.exchange.service import NationalExchange
from core_registry.intake.one_form import OneFormReader
from core_registry.intake.records import ImportId
from core_registry.intake.service import ImportService
from core_registry.office import RegistryOffice
from core_registry.oversight.entrance import Entrance
from core_registry.oversight.matters import MatterDesk
from core_registry.oversight.service import RegistryOversight
from core_registry.staff import NewPost
from gateway.anonymize.masks import ColumnMasks
from tests.factories.casedb import book, registrar, setting
from tests.factories.registrydb_rows import KEYS, STAGES, StarRedactor, meta_of, pupil, silent

COUNTY, OTHER_COUNTY, FAR_COUNTY, RURAL_COUNTY = "140105", "140106", "140213", "140226"
CITY, FAR_CITY, PROVINCE = "140100", "140200", "140000"
SCHOOLS: Mapping[str, tuple[str, str, str, str, bool]] = {
    # code -> division, managed by, stages, system, private
    "2114000101": (COUNTY, COUNTY, "primary", "6-3", False),
    "2114000102": (OTHER_COUNTY, OTHER_COUNTY, "primary", "6-3", False),
    "2114000103": (FAR_COUNTY, FAR_COUNTY, "primary", "5-4", False),
    "3114000104": (COUNTY, COUNTY, "junior", "6-3", False),
    "3114000105": (FAR_COUNTY, FAR_COUNTY, "junior", "5-4", False),
    "3414000106": (COUNTY, CITY, "senior", "6-3", False),
    "3414000107": (FAR_COUNTY, FAR_COUNTY, "senior", "6-3", True),
    "3414000108": (RURAL_COUNTY, FAR_CITY, "senior", "6-3", False),
    "5114000109": (COUNTY, COUNTY, "primary junior", "6-3", False),
}
SPECIAL = "5114000109"
YEARS = {("primary", "6-3"): range(1, 7), ("primary", "5-4"): range(1, 6), ("junior", "6-3"): range(7, 10),
         ("junior", "5-4"): range(6, 10), ("senior", "6-3"): range(10, 13)}  # fmt: skip
DEPARTMENTS = (COUNTY, OTHER_COUNTY, FAR_COUNTY, RURAL_COUNTY, CITY, FAR_CITY, PROVINCE)
MADE = datetime(2026, 2, 20, 2, 0, tzinfo=UTC)
LAST_DAY = date(2028, 7, 1)
"""The school calendar of the rule book ends a week later."""
PARENT, STRANGER = "gu-parent", "gu-stranger"
"""Accounts of guardians: one with verified links to all pupils, one with a link that nobody verified."""
STATED = "哨兵事由甲乙丙"
"""Stands in every reason, result and title that a history gives: it belongs under seal and nowhere else."""


def born_in(year: int) -> date:
    """Return the birth date of a pupil who is in ``year`` (1 to 12) of schooling in the school year 2025."""
    return date(2019 - (year - 1), 3, 9)


def number_of(serial: int, born: date) -> str:
    """Return the identity number of an invented person."""
    body = f"140105{born:%Y%m%d}{serial % 1000:03d}"
    return body + check_character(body)


def form(serial: int, school: str, year: int, entry: str, **changes: object) -> dict[str, object]:
    """Return the form of a pupil in a year of schooling; the parent is one of many."""
    born = born_in(year)
    sex = "1" if serial % 2 else "2"
    row = pupil(serial, grade=GRADE_OF_YEAR[year], school_code=school, birth_date=born, class_name="1班", sex=sex)
    row |= {"id_number": number_of(serial, born), "entry_month": entry, "student_number": None}
    row |= {"member1_id_number": number_of(serial, date(1985, 1, 1))}
    return {**row, **changes}


def entry_month(year: int, stage_years: range) -> str:
    """Return when a pupil in ``year`` entered the stage."""
    return f"{2025 - (year - stage_years[0])}-09"


def make_template(path: Path) -> None:
    """Write the database that every history begins with: schools, two pupils in each grade, posts, links."""
    url = f"sqlite:///{path}"
    upgrade(url)
    engine = make_engine(url)
    rules = book()
    load_departments(engine, rules.divisions, PROVINCE)
    frame = pl.DataFrame(
        [(code, f"第{code[-3:]}学校", division, manager, stages.split())
         for code, (division, manager, stages, _, _) in SCHOOLS.items()],
        schema=["school_code", "name", "division", "managing_authority", "stages"], orient="row",
    )  # fmt: skip
    save_schools(engine, frame, MADE, rules.code_lists["school_category"].labels)
    details = [(code, system, private) for code, (_, _, _, system, private) in SCHOOLS.items()]
    save_school_details(engine, pl.DataFrame(details, schema=["school_code", "system", "private"], orient="row"), MADE)
    store = SqlRegisterStore(engine, KEYS, ColumnMasks.of(rules.divisions), StarRedactor(), STAGES)
    forms, taken = OneFormReader(rules), []
    for serial, row in enumerate(_pupils(), start=1):
        if serial % 3:
            row["student_number"] = f"G{row['id_number']}"
        taken.append(forms.take(row, str(row["school_code"]), MADE.date(), store).rows.drop("unnumbered_key"))
    whole = pl.concat(taken).with_columns(pl.lit(None, pl.String).alias("student_id"))
    store.apply(whole, meta_of(whole, at=MADE), silent)
    for unit in (*SCHOOLS, *DEPARTMENTS):
        for post, account in (("registrar", f"st-{unit}"), ("head", f"he-{unit}")):
            new = NewPost(account, unit, post, date(2020, 9, 1), True, date(2020, 8, 1), date(2020, 9, 1), PROVINCE)
            file_post(engine, new, registrar(unit), MADE)
    for student in store.held(whole["id_key"])["student_id"]:
        link_guardian(engine, PARENT, student, MADE.date(), registrar(COUNTY), MADE)
        link_guardian(engine, STRANGER, student, None, registrar(COUNTY), MADE)
    keys = DataKeys(engine, KEYS)
    with writing(engine) as connection:
        # All keys are made here: they are kept in memory, and hold for every copy.
        for table in metadata.sorted_tables:
            if "key_version" in table.c:
                keys.newest(connection, table.name, MADE)
    engine.dispose()  # the write-ahead log goes into the file


def _pupils() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for code, (_, _, stages, system, _) in SCHOOLS.items():
        for stage in stages.split():
            years = YEARS[stage, system]
            for year in years:
                disabled = {} if code != SPECIAL else disability("1")
                if code == "2114000101" and year == 3:
                    disabled = disability("2")
                serial = len(rows) + 1
                rows.append(form(serial, code, year, entry_month(year, years), **disabled))
    return rows


def disability(placement: str) -> dict[str, object]:
    """Return the values of a disabled pupil with a placement."""
    return {"disability": True, "disability_type": "4", "special_ed_placement": placement}


@dataclass
class World:
    """The province of the present history, with everybody's doors and a clock that only goes forward."""

    engine: Engine
    store: SqlCaseStore
    desk: CaseDesk
    register: SqlRegisterStore
    office: RegistryOffice
    oversight: RegistryOversight
    admissions: SqlAdmissions
    vault: Vault
    template: Path
    path: Path
    clock: list[datetime]
    papers: int = 0

    def renew(self) -> None:
        """Take a fresh copy of the template: the next history begins."""
        self.close()
        shutil.copyfile(self.template, self.path)
        self.clock[0] = MADE

    def close(self) -> None:
        """Let go of the database and its files."""
        self.engine.dispose()
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    @property
    def now(self) -> datetime:
        return self.clock[0]

    @property
    def today(self) -> date:
        return self.now.astimezone(CHINA).date()

    def go(self, day: date) -> None:
        """Move to ten in the morning of ``day``; the clock never goes back."""
        self.clock[0] = max(datetime.combine(day, time(10), CHINA).astimezone(UTC), self.now + timedelta(minutes=1))

    def paper(self, kind: str, unit: str, student_id: str | None, issuer: str, level: str) -> str:
        """Hand in a fresh file as evidence and return its id."""
        self.papers += 1
        content = b"%PDF-1.7\n" + f"{self.papers}".encode() + b"\n%%EOF\n"
        new = NewEvidence(kind, issuer, level, self.today, "application/pdf", content, student_id)
        return self.desk.hand_in(new, registrar(unit)).id


def open_world(template: Path, path: Path) -> World:
    """Return a world on a copy of ``template`` at ``path``; ``World.renew`` takes the next copy."""
    engine = make_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _without_waiting)
    clock, ids = [MADE], count(1)
    rules, masks = book(), ColumnMasks.of(book().divisions)

    def now() -> datetime:
        return clock[0]

    def new_id(prefix: str) -> str:
        return f"{prefix}-{next(ids):08d}x"

    register = SqlRegisterStore(engine, KEYS, masks, StarRedactor(), STAGES, clock=now)
    store = SqlCaseStore(engine, KEYS, setting(), OneFormReader(rules), masks, StarRedactor(), STAGES, clock=now)
    imports = ImportService(register, rules, now, lambda: ImportId(new_id("im")))
    office = RegistryOffice(
        SqlOfficeStore(engine, KEYS, rules.code_lists["school_category"].labels), imports, lambda path: None, now
    )
    place, entrance = setting().place, Entrance(SqlPostBook(engine), now)
    oversight = RegistryOversight(
        oversight_stores(engine, KEYS, place),
        MatterDesk(SqlMatters(engine, KEYS, place), entrance, setting(), now, new_id),
        NationalExchange(SqlReconciliation(engine, KEYS, register), register, rules, now),
        entrance, plan_reader(rules), setting(), now, new_id,
    )  # fmt: skip
    desk = CaseDesk(store, now, new_id, setting().evidence_kinds)
    admissions, vault = SqlAdmissions(engine, KEYS, place), Vault(DataKeys(engine, KEYS))
    return World(engine, store, desk, register, office, oversight, admissions, vault, template, path, clock)


def _without_waiting(connection: DBAPIConnection, _record: object) -> None:
    """A history need not survive a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.execute("PRAGMA secure_delete=OFF")
    cursor.close()


def guardian(account: str = PARENT) -> Actor:
    """Return a guardian as an actor."""
    return Actor(account, "", "guardian")
