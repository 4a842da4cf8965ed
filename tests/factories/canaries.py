"""Decoys in a whole house: a crowd of former pupils, officers of both duties, and what an insider would do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import create_engine, text

from core_registry.sample import write_csv
from core_registry.sample.former import Peer, former_pupil
from gateway import bootstrap
from gateway.canaries.records import CanaryView
from gateway.canaries.service import CanaryService
from gateway.ids import UnitCode
from gateway.principals import Principal, Role
from gateway.services import Services
from tests.factories.release_cases import officer
from tests.factories.releases import House

PROVINCE = UnitCode("140000")
CROWD = 32
SECURITY = officer("security", Role.SECURITY_ADMINISTRATOR)
OTHER_SECURITY = officer("security-2", Role.SECURITY_ADMINISTRATOR)
INSPECTOR = officer("inspector", Role.INSPECTOR)
INSIDER = "st-insider"


def canaries_of(house: House) -> CanaryService:
    """Return the use cases."""
    assert house.services.canaries is not None
    return house.services.canaries


def senior_school(services: Services) -> dict[str, Any]:
    """Return a senior high school of the sample, the first by code."""
    assert services.office is not None
    schools = services.office.schools()
    return schools.filter(pl.col("stages").list.contains("senior")).sort("school_code").row(0, named=True)


def born(number: int) -> date:
    """Return when the pupils of the two years were born, in the middle."""
    return date(2006 if number % 2 else 2007, 3, 1)


def former_form(services: Services, path: Path) -> Path:
    """Write a crowd of former pupils of that school as a form; return where."""
    school, rng = senior_school(services), np.random.default_rng(1)
    place = services.book.divisions.by_code[school["division"]].full_name
    rows = [
        former_pupil(
            rng,
            Peer(school["school_code"], f"{number % 4 + 1}班", "2021-09" if number % 2 else "2022-09", born(number)),
            place=place,
            phone=f"1390351{number:04}",
        )
        for number in range(CROWD)
    ]
    write_csv(path, pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String)), services.book)
    return path


def import_former(services: Services, folder: Path) -> None:
    """Import that crowd as the operator of the host does."""
    assert services.office is not None
    path = former_form(services, folder / "former.csv")
    done = services.office.import_run(bootstrap.import_request(path, mapping="template", actor="operator", former=True))
    assert (done.new, done.rejected, done.absent) == (CROWD, 0, 0), done.finding_counts


@dataclass(frozen=True)
class Planted:
    """A decoy that lies in the registry, as only a test may know it."""

    view: CanaryView
    person: dict[str, str | None]
    subject: str


def planted(house: House, phone: str = "13903510001", *, by: Principal = SECURITY) -> Planted:
    """Propose and confirm a decoy, and let the worker put it in."""
    service, other = canaries_of(house), INSPECTOR if by is SECURITY else SECURITY
    (made,) = service.propose(by, PROVINCE, [phone])
    service.confirm(other, made.canary.id)
    house.clock.turn(hours=73)
    house.work()
    return known(house, made)


def known(house: House, view: CanaryView) -> Planted:
    """Open the box of a decoy that was put in."""
    service = canaries_of(house)
    (now,) = [one for one in service.listed(SECURITY) if one.canary.id == view.canary.id]
    secret = service.box.open(now.canary)
    assert now.planted
    assert secret.person is not None
    assert secret.subject is not None
    return Planted(now, dict(secret.person), secret.subject)


def touches(house: House) -> list[dict[str, Any]]:
    """Return the facts of all touches, after the worker had its turn."""
    house.work()
    return [one["facts"] for one in house.entries("canary.touched")]


def registry_rows(house: House, sql: str, **values: object) -> list[dict[str, Any]]:
    """Return what a thief of the registry database reads."""
    engine = create_engine(house.settings.registry_url)
    try:
        with engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(sql), values)]
    finally:
        engine.dispose()


def shared_row(house: House, subject: str) -> dict[str, object]:
    """Return a pupil's row of the sharing view."""
    assert house.services.sharing is not None
    found = house.services.sharing.pupil(subject)
    assert found is not None
    return dict(found)
