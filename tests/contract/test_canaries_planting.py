"""The worker puts decoys in: at their hour, once, another person where one is not taken, and on after a kill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

import gateway.bootstrap  # noqa: F401  the composition root imports every store, so that the metadata knows all tables
from core_registry.errors import RegisterRuleError, RegistryUnavailableError
from gateway.accounts.store import SqlBookkeeping
from gateway.canaries.planting import Planter
from gateway.canaries.records import Canary, CanaryId, CanaryState, Secret
from gateway.canaries.sealing import SecretBox
from gateway.canaries.store import SqlCanaries
from gateway.db import DatabaseReader, create_guards, make_engine, metadata
from gateway.errors import UnavailableError
from gateway.ids import AccountId, SubjectRef, UnitCode
from gateway.principals import Role
from tests.factories.accounts import Clock
from tests.factories.alerts import MONDAY

BOX = SecretBox.from_root(bytes(range(32)))
UNIT = UnitCode("140000")


@dataclass
class Road:
    """A registry in memory; ``trouble`` is raised by the next import."""

    pupils: dict[str, SubjectRef] = field(default_factory=dict)
    drawn: int = 0
    crowded: bool = True
    takes: bool = True
    trouble: Exception | None = None

    def phone(self, text: str) -> str | None:
        """Take any."""
        return text or None

    def has_crowd(self, _unit: UnitCode) -> bool:
        """Say whether there is a crowd."""
        return self.crowded

    def draw(self, _unit: UnitCode, phone: str) -> Mapping[str, str | None] | None:
        """Return a new person."""
        if not self.crowded:
            return None
        self.drawn += 1
        return {"id_number": f"number-{self.drawn}", "phone": phone, "school_code": "3114000001"}

    def find(self, person: Mapping[str, str | None]) -> SubjectRef | None:
        """Return who was imported."""
        return self.pupils.get(str(person["id_number"]))

    def plant(self, person: Mapping[str, str | None]) -> None:
        """Import a person, refuse the row, or fail."""
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        if self.takes:
            self.pupils[str(person["id_number"])] = SubjectRef(f"{len(self.pupils):032x}")


@dataclass
class Bed:
    """Decoys in a real table, a road and a clock."""

    planter: Planter
    road: Road
    clock: Clock
    store: SqlCanaries
    reader: DatabaseReader
    scratch: SqlBookkeeping

    def confirmed(self, name: str, *, hours: int = 1, person: Mapping[str, str | None] | None = None) -> CanaryId:
        """Add a confirmed decoy that is due in ``hours``."""
        canary = CanaryId(f"cn-{name}")
        secret = Secret(UNIT, name, self.clock() + timedelta(hours=hours), person)
        row = Canary(
            canary, CanaryState.CONFIRMED, self.clock(), AccountId("st-1"), Role.INSPECTOR, BOX.seal(canary, secret)
        )
        self.scratch.write(lambda tx: self.store.add(tx, row))
        return canary

    def row(self, canary: CanaryId) -> Canary:
        """Return a decoy as it stands."""
        found = self.reader.read(lambda tx: self.store.get(tx, canary))
        assert found is not None
        return found

    def secret(self, canary: CanaryId) -> Secret:
        """Open its box."""
        return BOX.open(self.row(canary))


@pytest.fixture
def bed(tables_url: str) -> Iterator[Bed]:
    engine, clock, road, store = make_engine(tables_url), Clock(MONDAY), Road(), SqlCanaries()
    with engine.begin() as connection:
        metadata.create_all(connection)
        create_guards(connection, metadata)
    reader, scratch = DatabaseReader(engine), SqlBookkeeping(engine)
    try:
        yield Bed(Planter(store, BOX, road, reader, scratch, clock), road, clock, store, reader, scratch)
    finally:
        engine.dispose()


def test_a_decoy_goes_in_at_its_hour_and_all_boxes_change(bed: Bed) -> None:
    first, second = bed.confirmed("a"), bed.confirmed("b", hours=5)
    before = bed.row(second).box
    assert bed.planter.run() == 0
    bed.clock.turn(hours=2)
    assert (bed.planter.run(), bed.planter.run()) == (1, 0)
    assert bed.secret(first).subject == bed.road.pupils["number-1"]
    assert bed.secret(second).subject is None
    assert bed.row(second).box != before  # nobody sees which of them went in
    bed.clock.turn(hours=4)
    third = bed.confirmed("c", hours=0)
    assert bed.planter.run() == 2
    assert None not in {bed.secret(second).subject, bed.secret(third).subject}


def test_without_a_place_it_waits_an_hour_and_is_another_person(bed: Bed) -> None:
    canary = bed.confirmed("a", hours=0)
    for change, drawn in (
        ({"takes": False}, 1),
        ({"trouble": RegisterRuleError("no peers")}, 2),
        ({"crowded": False}, 2),
    ):
        for name, value in change.items():
            setattr(bed.road, name, value)
        assert (bed.planter.run(), bed.planter.run()) == (0, 0)
        assert (bed.road.drawn, bed.secret(canary).person) == (drawn, None)
        bed.road.takes = bed.road.crowded = True
        bed.clock.turn(hours=1)
    assert bed.planter.run() == 1
    assert list(bed.road.pupils) == ["number-3"]


def test_a_registry_that_is_gone_is_asked_again_for_the_same_person(bed: Bed) -> None:
    canary = bed.confirmed("a", hours=0)
    bed.road.trouble = RegistryUnavailableError("gone")
    with pytest.raises(UnavailableError):
        bed.planter.run()
    assert bed.planter.run() == 1
    assert (bed.road.drawn, bed.secret(canary).subject is not None) == (1, True)


def test_after_a_kill_between_import_and_seal_nobody_is_put_in_twice(bed: Bed) -> None:
    person = {"id_number": "number-9", "school_code": "3114000001"}
    canary = bed.confirmed("a", hours=0, person=person)
    bed.road.plant(person)  # the worker died right after
    assert bed.planter.run() == 1
    assert (bed.road.drawn, bed.secret(canary).subject) == (0, bed.road.pupils["number-9"])


def test_what_is_withdrawn_or_taken_by_another_worker_meanwhile_is_left_alone(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary, other = bed.confirmed("a", hours=0), Planter(bed.store, BOX, bed.road, bed.reader, bed.scratch, bed.clock)
    draw = Road.draw

    def overtaken(road: Road, unit: UnitCode, phone: str) -> Mapping[str, str | None] | None:
        monkeypatch.setattr(Road, "draw", draw)
        assert other.run() == 1
        return draw(road, unit, phone)

    monkeypatch.setattr(Road, "draw", overtaken)
    assert bed.planter.run() == 0
    assert list(bed.road.pupils) == ["number-1"]
    assert bed.secret(canary).subject == bed.road.pupils["number-1"]

    withdrawn = bed.confirmed("b", hours=0)

    def taken_back(road: Road, unit: UnitCode, phone: str) -> Mapping[str, str | None] | None:
        row = bed.row(withdrawn)
        gone = replace(row, state=CanaryState.WITHDRAWN, version=row.version + 1)
        assert bed.scratch.write(lambda tx: bed.store.update(tx, gone, row.version))
        return draw(road, unit, phone)

    monkeypatch.setattr(Road, "draw", taken_back)
    assert bed.planter.run() == 0
    assert len(bed.road.pupils) == 1
    assert bed.row(withdrawn).state is CanaryState.WITHDRAWN
