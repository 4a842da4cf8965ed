"""People of the sample as a recipient would describe them, and grants of level ``check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from core_registry.sharing import PersonQuery
from gateway.ids import GrantId
from gateway.policies.records import Level
from gateway.releases.checks.desk import LocalDesk
from gateway.releases.checks.records import Asked, CheckRequest, CheckResult, ClaimValue
from gateway.releases.checks.schedule import Schedule
from gateway.releases.checks.service import CheckService
from gateway.services import Services
from tests.factories.release_cases import LIBRARY, Case, client, grant_for
from tests.factories.releases import House

CHECK = Case(
    LIBRARY,
    "enrolment-verification",
    "enrolment-check",
    Level.CHECK,
    ("age_over_14", "boarding", "county", "grade", "in_school", "school_code", "stage"),
    1_000,
    100,
)
ASKER = client(LIBRARY)
UNKNOWN = "140105201503010040"
"""A well-formed number that no pupil of the sample has."""
NOBODY = Asked("郑无此", UNKNOWN, {"in_school": True})


class Waits:
    """Takes the place of sleeping; what was waited is counted in quanta."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        self.at += 0.001
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def checks_of(services: Services, waits: Waits | None = None) -> CheckService:
    """Return the service of checks that waits for nobody."""
    assert services.checks is not None
    waits = waits or Waits()
    return replace(services.checks, schedule=Schedule(monotonic=waits.monotonic, sleep=waits.sleep))


def people_of(house: House) -> list[dict[str, Any]]:
    """Return the active pupils with a resident number: name and number as in the sample, the rest as it is shared."""
    where = house.settings.registry_url
    if where not in _PEOPLE:
        _PEOPLE.clear()
        _PEOPLE[where] = _joined(house)
    return _PEOPLE[where]


_PEOPLE: dict[str, list[dict[str, Any]]] = {}


def _joined(house: House) -> list[dict[str, Any]]:
    sharing, desk = house.services.sharing, checks_of(house.services).desk
    assert sharing is not None
    assert isinstance(desk, LocalDesk)
    known = house.source.filter(pl.col("id_number").str.contains("^[0-9]{17}[0-9X]$")).sort("id_number")
    clear = known.select("name", "id_number").rows(named=True)
    found = desk.matcher.subjects([PersonQuery(row["id_number"], row["name"]) for row in clear])
    assert all(found)
    shared = [sharing.pupil(str(subject)) for subject in found]
    rows = [{**row, **(one or {})} for row, one in zip(clear, shared, strict=True)]
    return [row for row in rows if row["state"] == "active"]


def asked(row: Mapping[str, Any], **claims: ClaimValue) -> Asked:
    """Return a pupil of the sample as somebody outside describes them."""
    return Asked(str(row["name"]), str(row["id_number"]), claims or {"in_school": True})


def check(house: House, grant: GrantId, *people: Asked, **more: Any) -> CheckResult:  # noqa: ANN401  members of the request
    """Ask about people as the recipient's system."""
    return checks_of(house.services).check(grant, CheckRequest(people, **more), ASKER)


def about_first(house: House, **claims: ClaimValue) -> CheckRequest:
    """Return a question about the first of the pupils."""
    return CheckRequest((asked(people_of(house)[0], **claims),))


def check_grant(services: Services, **changes: Any) -> GrantId:  # noqa: ANN401  members of the scope
    """Return a grant of level ``check``."""
    return grant_for(services, CHECK, **changes)
