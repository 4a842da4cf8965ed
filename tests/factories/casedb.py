"""A registry database with schools, pupils, posts and the desk, for the tests of cases; all invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

import polars as pl
from sqlalchemy import Engine, select

from core_registry.cases.records import Draft, NewEvidence
from core_registry.cases.service import CaseDesk
from core_registry.db.case_store import SqlCaseStore
from core_registry.db.engine import make_engine, reading
from core_registry.db.posts_store import file_post
from core_registry.db.state import SqlOutbox
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import sharing_students, students
from core_registry.db.units import save_schools
from core_registry.domain.cases import Actor, Case
from core_registry.intake.one_form import OneFormReader
from core_registry.setting import Setting
from core_registry.sharing import OutboxEvent
from core_registry.staff import NewPost
from rulebook import Rulebook
from rulebook.loader import load
from tests.factories.cases import ANY_KIND
from tests.factories.registrydb_rows import (
    AT,
    CATEGORIES,
    KEYS,
    MASKS,
    PRIMARY,
    SENIOR,
    STAGES,
    Registry,
    StarRedactor,
    id_number,
    make_registry,
    meta_of,
    pupil,
    silent,
)

COUNTY, OTHER_COUNTY, CITY = "140105", "140106", "140100"
OTHER_PRIMARY, OTHER_SENIOR, JUNIOR = "2114000011", "3414000012", "3114000013"
NOW = datetime(2026, 9, 10, 2, 0, tzinfo=UTC)
"""A Thursday in the first semester, ten in the morning in Shanxi."""
TODAY = date(2026, 9, 10)
_numbers = count(1)


@cache
def book() -> Rulebook:
    """Return the rule book of the repository."""
    return load(Path(__file__).resolve().parents[2] / "config")


@cache
def setting() -> Setting:
    """Return its setting."""
    return Setting.of(book())


@dataclass
class Office:
    """The desk over a database, at a time that a test may move."""

    registry: Registry
    store: SqlCaseStore
    desk: CaseDesk
    now: datetime = NOW
    ids: dict[int, str] = field(default_factory=dict)
    """Serial of a pupil -> student id."""

    @property
    def engine(self) -> Engine:
        return self.registry.engine

    def on(self, day: date) -> None:
        """Move the clock to ten in the morning of a day."""
        self.now = datetime(day.year, day.month, day.day, 2, 0, tzinfo=UTC)

    def row(self, serial: int) -> Mapping[str, object]:
        """Return the row of a pupil."""
        with reading(self.engine) as connection:
            query = select(students).where(students.c.student_id == self.ids[serial])
            return dict(connection.execute(query).mappings().one())

    def shared(self, serial: int) -> Mapping[str, object]:
        """Return the row of the sharing view."""
        with reading(self.engine) as connection:
            query = select(sharing_students).where(sharing_students.c.subject_ref == self.row(serial)["subject_ref"])
            return dict(connection.execute(query).mappings().one())

    def events(self, kind: str = "") -> list[OutboxEvent]:
        """Return the outbox, of one kind."""
        return [one for one in SqlOutbox(self.engine).pending(0, 10_000) if kind in {"", one.kind}]

    def paper(self, kind: str, unit: str, serial: int | None = None, issuer: str = "other", level: str = "") -> str:
        """Hand in an item of evidence and return its id."""
        content = b"%PDF-1.7\n" + f"{kind} {next(_numbers)}".encode() + b"\n%%EOF\n"
        student = None if serial is None else self.ids[serial]
        new = NewEvidence(kind, issuer, level, None, "application/pdf", content, student)
        return self.desk.hand_in(new, registrar(unit)).id

    def suspension(self, serial: int, unit: str = PRIMARY, **changes: object) -> Draft:
        """Return a draft of a suspension with its evidence handed in."""
        papers = (
            self.paper("annex-2", unit, serial, "guardian"),
            self.paper("hospital-record", unit, serial, "hospital", "county"),
        )
        values = {"from": "2026-09-14", "until": "2027-06-30", "ground": "illness", "hours_total": 600,
                  "hours_lost": 300, "reason": "骨折手术后卧床"}  # fmt: skip
        draft: dict[str, object] = {
            "kind": "suspension", "school": unit, "on": date(2026, 9, 14), "applied_on": TODAY,
            "student_id": self.ids[serial], "values": values, "evidence": papers,
        }  # fmt: skip
        return Draft(**{**draft, **changes})  # type: ignore[arg-type]  # a builder

    def transfer(self, serial: int, to: str = OTHER_PRIMARY, **changes: object) -> Draft:
        """Return a draft of a transfer to ``to`` on the ground of a move of the family."""
        papers = tuple(self.paper(kind, to, serial, issuer, "county") for kind, issuer in _TRANSFER_PAPERS)
        draft: dict[str, object] = {
            "kind": "transfer", "school": to, "on": TODAY, "applied_on": TODAY, "student_id": self.ids[serial],
            "values": _TRANSFER_VALUES, "evidence": papers,
        }  # fmt: skip
        return Draft(**{**draft, **changes})  # type: ignore[arg-type]  # a builder

    def finish(self, case: Case) -> Case:
        """Let every unit agree until the case is complete."""
        while case.current:
            step = case.current[0]
            case = self.desk.act(case.id, step.name, "agree", registrar(step.unit), case.version)
        return case


_TRANSFER_PAPERS = (("residence-proof", "police"),)
_TRANSFER_VALUES: Mapping[str, object] = {
    "ground": "residence-move", "grade": "14", "class_name": "2班", "conditions_met": True,
}  # fmt: skip


def registrar(unit: str) -> Actor:
    """Return the registrar of a unit, whose post is filed."""
    return Actor(f"st-{unit}", unit, "registrar")


def principal(unit: str) -> Actor:
    """Return the head of a unit, whose post is filed."""
    return Actor(f"he-{unit}", unit, "principal")


def make_office(url: str, serials: Iterable[int] = range(1, 4)) -> Office:
    """Return a desk over a new database: five schools, pupils in grade 14 of ``PRIMARY``, one in each other school."""
    registry = make_registry(url)
    save_schools(registry.engine, _further_schools(), AT, CATEGORIES)
    office = _desk(registry)
    rows = {serial: pupil(serial, grade="14") for serial in serials}
    rows |= {
        901: pupil(901, school_code=SENIOR, grade="32", birth_date=date(2009, 3, 9)),
        902: pupil(902, school_code=OTHER_PRIMARY),
        903: pupil(903, school_code=JUNIOR, grade="23"),
    }
    born = {901: date(2009, 3, 9), 903: date(2012, 3, 9)}
    for serial, day in born.items():
        rows[serial] |= {"birth_date": day, "id_number": id_number(serial, day)}
    forms = OneFormReader(book())
    taken = [forms.take(row, str(row["school_code"]), TODAY, registry.store).rows for row in rows.values()]
    frame = pl.concat(taken).drop("unnumbered_key").with_columns(pl.lit(None, pl.String).alias("student_id"))
    registry.store.apply(frame, meta_of(frame, at=NOW - timedelta(days=30)), silent)
    held = dict(registry.store.held(frame["id_key"]).select("id_key", "student_id").iter_rows())
    office.ids |= {serial: held[key] for serial, key in zip(rows, frame["id_key"].to_list(), strict=True)}
    for unit in (PRIMARY, OTHER_PRIMARY, SENIOR, OTHER_SENIOR, JUNIOR, COUNTY, OTHER_COUNTY, CITY, "140000"):
        for post, actor in (("registrar", registrar(unit)), ("head", principal(unit))):
            new = NewPost(actor.account, unit, post, date(2020, 9, 1), True, date(2020, 8, 1), date(2020, 9, 1), CITY)
            file_post(registry.engine, new, actor, NOW - timedelta(days=30))
    return office


def reopened(url: str) -> Office:
    """Return a desk over a database that exists, as another process opens it."""
    engine = make_engine(url)
    return _desk(Registry(url, engine, SqlRegisterStore(engine, KEYS, MASKS, StarRedactor(), STAGES)))


def _desk(registry: Registry) -> Office:
    made: dict[str, Office] = {}

    def now() -> datetime:
        return made["office"].now if made else NOW

    store = SqlCaseStore(
        registry.engine, KEYS, setting(), OneFormReader(book()), MASKS, StarRedactor(), STAGES, clock=now
    )
    desk = CaseDesk(store, now, lambda prefix: f"{prefix}-{next(_numbers):08d}", ANY_KIND)
    made["office"] = Office(registry, store, desk)
    return made["office"]


def _further_schools() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "school_code": [OTHER_PRIMARY, OTHER_SENIOR, JUNIOR],
            "name": ["迎泽区第一小学", "太原市第三中学", "小店区第一初级中学"],
            "division": [OTHER_COUNTY, COUNTY, COUNTY],
            "managing_authority": [OTHER_COUNTY, CITY, COUNTY],
            "stages": ["primary", "senior", "junior"],
        }
    )
