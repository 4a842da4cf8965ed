"""A queue of the worker that stands still is said in the log, and the system administrator has an alert (A50-15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import create_engine, insert

from core_registry.db.tables import outbox
from core_registry.db.times import stamp
from gateway.audit.alerts_records import AlertQuery
from gateway.journal import Tx
from tests.factories.release_cases import INSPECTOR
from tests.factories.releases import House, make_house, opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("stalls")
    yield from opened(make_house(folder))


def watch(house: House, queue: str) -> Callable[[], bool]:
    """Return the watch of a queue, without its seconds between two looks."""
    worker = house.process.worker
    assert worker is not None
    (found,) = [task for task in worker.tasks if task.name == f"watch of {queue}"]
    assert found.quick  # a long task of the other lane must not hide it
    run: Callable[[], bool] = found.run._run  # type: ignore[attr-defined]  # a Periodic
    return run


def alerts(house: House, rule: str) -> int:
    service = house.services.alerts
    assert service is not None
    return len(service.list(INSPECTOR, AlertQuery(rule=rule)).alerts)


@pytest.mark.rule("A50-15")
def test_a_change_of_the_registry_that_nobody_carries_over_is_alerted(house: House) -> None:
    house.work()
    looks = [watch(house, queue) for queue in ("registry-outbox", "credential-status")]
    assert not any(look() for look in looks)
    engine = create_engine(house.settings.registry_url)
    with engine.begin() as connection:
        values = {"kind": "registry.read", "at": stamp(house.clock()), "actor": "st-1", "facts": "{}", "subjects": ""}
        connection.execute(insert(outbox).values(values))
    engine.dispose()
    house.clock.turn(seconds=house.services.book.parameters.stalled_seconds - 2)
    assert not any(look() for look in looks)
    house.clock.turn(seconds=3)
    assert all(look() for look in looks)
    said = house.entries("log.queue_stalled")
    assert [entry["facts"]["queue"] for entry in said] == ["registry-outbox", "credential-status"]
    assert {entry["facts"]["behind_seconds"] for entry in said} <= {60, 61, 62}  # an outbox has whole seconds
    assert {entry["outcome"] for entry in said} == {"failed"}
    house.work(calm=False)  # the worker comes back: it carries the event over, and raises the alert
    assert alerts(house, "outbox-stalled") == 1  # one, whichever of the two queues it was
    assert not any(look() for look in looks)
    assert [entry["facts"]["queue"] for entry in house.entries("log.queue_resumed")] == [
        "registry-outbox",
        "credential-status",
    ]


@pytest.mark.rule("A50-15")
def test_lists_that_wait_to_be_signed_anew_are_alerted(house: House) -> None:
    look, identity = watch(house, "status-lists"), house.services.identity
    engine = create_engine(house.settings.gateway_url)
    with engine.begin() as connection:  # a list, as the first credential opens it
        identity._shards(identity._signer()).allocate(cast("Tx", connection), 1, house.clock())
    engine.dispose()
    assert not look()
    house.clock.turn(seconds=identity.settings.status_ttl.total_seconds() / 2)
    assert not look()
    house.clock.turn(seconds=house.services.book.parameters.stalled_seconds + 1)
    assert look()
    house.work(calm=False)
    assert alerts(house, "status-lists-stalled") == 1
    assert identity.refresh_status_lists() > 0
    assert not look()
