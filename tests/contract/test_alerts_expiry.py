"""A grant that is about to end is said once, fourteen days before, and its department has an alert (A50-16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.audit.alerts_expiry import WARNING_DAYS
from gateway.audit.alerts_records import AlertQuery
from tests.factories.release_cases import APPROVER, CASES, INSPECTOR, RECORDER
from tests.factories.releases import House, make_house, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(make_house(tmp_path))


def task(house: House) -> Callable[[], int]:
    """Return the pass over the grants, without its hour between two runs."""
    worker = house.process.worker
    assert worker is not None
    (found,) = [one for one in worker.tasks if one.name == "grant expiry"]
    run: Callable[[], int] = found.run._run  # type: ignore[attr-defined]  # a Periodic
    return run


@pytest.mark.rule("A50-16")
def test_each_grant_is_said_once_and_alerted_to_its_department(house: House) -> None:
    run = task(house)
    assert run() == 0
    house.clock.turn(days=90 - WARNING_DAYS - 1)
    assert run() == 0
    house.clock.turn(days=1)
    assert run() == len(CASES)
    assert run() == 0
    house.clock.turn(days=1)
    assert run() == 0
    said = house.entries("grant.expiring")
    assert {entry["links"]["grant"] for entry in said} == set(house.grants.values())
    assert {entry["facts"]["days"] for entry in said} == {WARNING_DAYS}
    house.work(calm=False)
    alerts = house.services.alerts
    assert alerts is not None
    found = alerts.list(RECORDER, AlertQuery(rule="grant-expiring")).alerts
    assert {alert.key for alert in found} == set(house.grants.values())


def test_a_worker_that_slept_says_what_it_missed_and_nothing_that_is_over(house: House) -> None:
    run = task(house)
    assert run() == 0
    house.clock.turn(days=90 - WARNING_DAYS + 5)
    assert run() == len(CASES)
    house.clock.turn(days=30)
    assert run() == 0


def test_the_first_run_tells_of_what_ends_sooner_too(house: House) -> None:
    house.clock.turn(days=90 - 3)
    run = task(house)
    assert run() == len(CASES)
    assert run() == 0


def test_a_grant_that_was_withdrawn_needs_no_warning(house: House) -> None:
    run = task(house)
    grant = house.grants["bus-pseudonymous"]
    house.services.applications.withdraw_grant(APPROVER, grant, reason="不再需要。")
    house.clock.turn(days=90 - WARNING_DAYS)
    assert run() == len(CASES) - 1
    alerts = house.services.alerts
    assert alerts is not None
    assert alerts.list(INSPECTOR, AlertQuery(rule="grant-expiring")).alerts == ()
