"""Ten real processes, and ten threads, race for a budget: they get exactly what there is (A50-8)."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gateway import bootstrap, inspection
from gateway.anonymize.noise import Loss
from gateway.errors import GatewayError
from gateway.ids import GrantId
from gateway.keyring import Face
from gateway.releases.statistics.records import Answer, AnswerState
from gateway.releases.statistics.service import StatisticsService
from gateway.settings import Settings
from tests.factories import house_fixtures
from tests.factories.releases import House
from tests.factories.statistics import (
    limited,
    put,
    spent,
    statistics_grant,
    statistics_of,
)

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

both = house_fixtures.shared_on_both
RACERS = 10
WAIT_SECONDS = 120
SMALL = 300_000


_start: Barrier | None = None
FIELDS = ("sex", "stage", "ethnicity", "left_behind", "disability", "birth_cohort", "residence", "grade", "county@city",
          "county")  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """What one racer came to."""

    got: tuple[str, ...]
    refused: tuple[str, ...]


def _enter(barrier: Barrier) -> None:
    global _start  # noqa: PLW0603  a barrier reaches a process only when it is made
    _start = barrier


def take(service: StatisticsService, grant: GrantId, fields: tuple[str, ...]) -> Tried:
    got: list[str] = []
    refused: list[str] = []
    for field in fields:
        try:
            got.append(put(service, grant, field, epsilon=SMALL).answer.id)
        except GatewayError as error:
            refused.append(str(error.extra.get("dimension")))
    return Tried(tuple(got), tuple(refused))


def race(settings: Settings, grant: GrantId, fields: tuple[str, ...]) -> Tried:
    """Open the program in this process, wait for the others, and ask."""
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        assert _start is not None
        service = limited(process.services, epsilon_year=5 * SMALL)
        _start.wait(WAIT_SECONDS)
        return take(service, grant, fields)
    finally:
        process.close()


@pytest.fixture(scope="module")
def racers() -> Iterator[ProcessPoolExecutor]:
    """Ten processes that share nothing but the databases."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(RACERS, context, initializer=_enter, initargs=(context.Barrier(RACERS),)) as pool:
        yield pool


@pytest.mark.rule("A50-8")
def test_ten_processes_racing_for_five_answers_get_exactly_five(both: House, racers: ProcessPoolExecutor) -> None:
    grant = statistics_grant(both.services)
    asked = [racers.submit(race, both.settings, grant, (field,)) for field in FIELDS]
    tried = [one.result(WAIT_SECONDS) for one in asked]
    got = [identifier for one in tried for identifier in one.got]
    assert len(got) == len(set(got)) == 5
    assert [reason for one in tried for reason in one.refused] == ["budget"] * 5
    assert spent(both, grant) == Loss(5 * SMALL)
    assert both.uses_left(grant) == 7
    assert inspection.verify(lambda: both.settings).ok


@pytest.mark.rule("A50-8")
def test_ten_threads_asking_the_same_pay_once_and_get_the_same(both: House) -> None:
    grant = statistics_grant(both.services)
    service = statistics_of(both.services)
    barrier = threading.Barrier(RACERS)

    def thread(number: int) -> Answer:
        barrier.wait(WAIT_SECONDS)
        order = ("sex", "stage") if number % 2 else ("stage", "sex")
        return put(service, grant, *order, epsilon=SMALL).answer

    with ThreadPoolExecutor(RACERS) as pool:
        found = list(pool.map(thread, range(RACERS)))
    assert len({(one.id, one.content) for one in found}) == 1
    assert found[0].state is AnswerState.READY
    assert spent(both, grant) == Loss(SMALL)
    assert both.uses_left(grant) == 11
