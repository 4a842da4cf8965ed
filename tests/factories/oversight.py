"""A registry with its oversight behind the door, a clock that can be set, and filed registrars; all invented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import polars as pl
from sqlalchemy import Column, Table, insert, select, update

import rulebook
from core_registry.db.case_tables import archive_entries, clocks, matters, posts, transitions
from core_registry.db.engine import reading, writing
from core_registry.db.matters_store import SqlMatters
from core_registry.db.oversight_stores import SqlPostBook, oversight_stores
from core_registry.db.reconciliation import SqlReconciliation
from core_registry.db.state import advance
from core_registry.db.store import SqlRegisterStore
from core_registry.db.tables import outbox, students
from core_registry.db.units import save_schools
from core_registry.domain.cases import Actor
from core_registry.exchange.plan_file import plan_reader
from core_registry.exchange.service import NationalExchange
from core_registry.oversight.entrance import Entrance
from core_registry.oversight.matters import MatterDesk
from core_registry.oversight.service import RegistryOversight
from core_registry.setting import Setting
from gateway.settings import default_config
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
    frame_of,
    land,
    make_registry,
    pupil,
)

__all__ = ["PRIMARY", "SENIOR", "House", "Registry", "land", "pupil"]

BOOK = rulebook.load(default_config())
SETTING = Setting.of(BOOK)
COUNTY, CITY = "140105", "140100"
JUNIOR, OTHER = "3114000003", "2114000004"
"""A junior high school and a second primary school of the county."""
IN_TERM = datetime(2026, 10, 12, 2, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The present instant of a test."""

    at: datetime = IN_TERM

    def __call__(self) -> datetime:
        return self.at

    def on(self, day: date) -> None:
        self.at = datetime(day.year, day.month, day.day, 4, 0, tzinfo=UTC)


@dataclass(slots=True)
class House:
    """A registry and its oversight."""

    registry: Registry
    oversight: RegistryOversight
    clock: Clock
    numbers: Any = field(default_factory=count)

    @classmethod
    def at(cls, url: str, *, authority: str = "national") -> House:
        """Return a house with four schools, their registrars and those of county and city."""
        registry = make_registry(url)
        save_schools(registry.engine, _more_schools(), AT, CATEGORIES)
        clock = Clock()
        store = SqlRegisterStore(registry.engine, KEYS, MASKS, StarRedactor(), STAGES, clock=clock)
        if authority == "local":
            store = SqlRegisterStore(
                registry.engine, KEYS, MASKS, StarRedactor(), STAGES, number_authority="local", clock=clock
            )
        serial = count(1)

        def new_id(prefix: str) -> str:
            return f"{prefix}-{next(serial):04d}"

        entrance = Entrance(SqlPostBook(registry.engine), clock)
        texts = SqlMatters(registry.engine, KEYS, SETTING.place, StarRedactor())
        desk = MatterDesk(texts, entrance, SETTING, clock, new_id)
        reconciliation = SqlReconciliation(
            registry.engine, KEYS, store, "local" if authority == "local" else "national"
        )
        oversight = RegistryOversight(
            oversight_stores(registry.engine, KEYS, SETTING.place),
            desk,
            NationalExchange(reconciliation, store, BOOK, clock),
            entrance,
            plan_reader(BOOK),
            SETTING,
            clock,
            new_id,
        )
        house = cls(registry, oversight, clock)
        for unit in (PRIMARY, SENIOR, JUNIOR, OTHER, COUNTY, CITY):
            house.file(unit)
        return house

    def close(self) -> None:
        """Let the database go."""
        self.registry.engine.dispose()

    def file(self, unit: str, **changes: object) -> None:
        """File and train the registrar of a unit."""
        row = {
            "account": f"st-{unit}", "unit": unit, "post": "registrar", "since": date(2024, 9, 1), "until": None,
            "on_establishment": True, "trained_on": date(2024, 8, 20), "filed_on": date(2024, 8, 25),
            "filed_with": COUNTY, "entered_at": "2024-08-25T00:00:00Z", "entered_by": "st-admin",
        }  # fmt: skip
        with writing(self.registry.engine) as connection:
            connection.execute(insert(posts).values(**{**row, **changes}))

    def end_posts(self, unit: str) -> None:
        """End the posts of a unit long ago."""
        with writing(self.registry.engine) as connection:
            connection.execute(update(posts).where(posts.c.unit == unit).values(until=date(2026, 1, 1)))

    def admit(self, *pupils: Mapping[str, object], state: str = "active", created: date | None = None) -> list[str]:
        """Register pupils in a state, as of a day; return their ids in order."""
        day = created or date(2026, 8, 20)
        at = datetime(day.year, day.month, day.day, 2, 0, tzinfo=UTC)
        frame = frame_of([dict(one) for one in pupils], self.registry.store)
        with writing(self.registry.engine) as connection:
            made = self.registry.store.write_rows(connection, frame, at, on=day, state=state)
            advance(connection)
        return made

    def rows(self, *columns: str, **where: object) -> list[tuple[Any, ...]]:
        """Return columns of the records."""
        query = select(*(students.c[name] for name in columns)).order_by(students.c.student_id)
        for name, value in where.items():
            query = query.where(students.c[name] == value)
        with reading(self.registry.engine) as connection:
            return [tuple(row) for row in connection.execute(query)]

    def matters(self) -> list[Any]:
        """Return the rows of the matters by id."""
        return self.table(matters, matters.c.student_id)

    def table(self, table: Table, *order: Column[Any]) -> list[Any]:
        """Return all rows of a table."""
        with reading(self.registry.engine) as connection:
            return list(connection.execute(select(table).order_by(*order)))

    def entries(self) -> list[Any]:
        """Return the archive entries."""
        return self.table(archive_entries, archive_entries.c.sequence, archive_entries.c.student_id)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the facts of the events of a kind, with their subjects counted as ``subjects``."""
        found = [row for row in self.table(outbox, outbox.c.sequence) if row.kind == kind]
        return [{**json.loads(row.facts), "subjects": len(row.subjects.split())} for row in found]

    def wind(self, **values: object) -> None:
        """Start a clock."""
        row = {"event_on": date(2026, 8, 1), "number": 1, "measure": "months", "provisional": False, "state": "running"}
        with writing(self.registry.engine) as connection:
            connection.execute(insert(clocks).values(**{**row, **values}))

    def moved(self, student_id: str, after: str, on: date, before: str | None = None, school: str = PRIMARY) -> None:
        """Note a change of state."""
        with writing(self.registry.engine) as connection:
            connection.execute(
                insert(transitions).values(
                    student_id=student_id, before_state=before, after_state=after, event_on=on,
                    entered_at="2026-10-01T00:00:00Z", ground="28", school_code=school, actor="st-x", unit=COUNTY,
                    evidence="",
                )
            )  # fmt: skip


def registrar(unit: str) -> Actor:
    """Return the filed registrar of a unit."""
    return Actor(f"st-{unit}", unit, "registrar")


def first_grade(serial: int, **changes: object) -> dict[str, object]:
    """Return a newcomer of the first grade."""
    row = {"grade": "11", "entry_month": "2026-09", "birth_date": date(2020, 3, 9)}
    return pupil(serial, **{**row, **changes})


def senior(serial: int, **changes: object) -> dict[str, object]:
    """Return a newcomer of senior high school."""
    row = {"grade": "31", "entry_month": "2026-09", "school_code": SENIOR}
    return pupil(serial, **{**row, **changes})


def _more_schools() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "school_code": [JUNIOR, OTHER],
            "name": ["小店区第三中学", "小店区第二小学"],
            "division": ["140105", "140105"],
            "managing_authority": ["140105", "140105"],
            "stages": ["junior", "primary"],
        }
    )
