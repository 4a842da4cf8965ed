"""Ten real processes, and ten threads, race for the uses of a grant: they get exactly those that there are (A50-9)."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gateway import bootstrap, inspection
from gateway.errors import GatewayError
from gateway.ids import ExtractId, GrantId
from gateway.keyring import Face
from gateway.policies.records import Format
from gateway.releases.records import ExtractRequest, ExtractState
from gateway.services import Services
from gateway.settings import Settings
from tests.factories import house_fixtures
from tests.factories.release_cases import APPROVER, CASES, client_of, grant_for
from tests.factories.releases import House

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

BUS = "bus-pseudonymous"
RACERS = 10
USES = 5
WAIT_SECONDS = 120

_start: Barrier | None = None


@dataclass(frozen=True)
class Tried:
    """What one racer came to: the extracts that it got, and how often it was refused, by which dimension."""

    got: tuple[str, ...]
    refused: tuple[str, ...]


def _enter(barrier: Barrier) -> None:
    global _start  # noqa: PLW0603  a barrier reaches a process only when it is made
    _start = barrier


def take(services: Services, grant: GrantId, times: int) -> Tried:
    """Ask for an extract so many times."""
    got: list[str] = []
    refused: list[str] = []
    for _ in range(times):
        try:
            got.append(services.releases.start(grant, ExtractRequest(Format.CSV), client_of(BUS)).id)
        except GatewayError as error:
            refused.append(str(error.extra.get("dimension") or error.extra.get("policy")))
    return Tried(tuple(got), tuple(refused))


def race(settings: Settings, grant: GrantId, times: int, withdraws: bool) -> Tried:
    """Open the program in this process, wait for the others, and take what there is - or withdraw the grant."""
    process = bootstrap.open_process(settings, Face.ALL, with_worker=False)
    try:
        assert _start is not None
        _start.wait(WAIT_SECONDS)
        if not withdraws:
            return take(process.services, grant, times)
        process.services.applications.withdraw_grant(APPROVER, grant, reason="测试撤回。")
        return Tried((), ())
    finally:
        process.close()


@pytest.fixture(scope="module")
def racers() -> Iterator[ProcessPoolExecutor]:
    """Ten processes that share nothing but the databases."""
    # each is forked from a fresh interpreter that imported the program and nothing else: no thread, no connection
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(RACERS, context, initializer=_enter, initargs=(context.Barrier(RACERS),)) as pool:
        yield pool


house = house_fixtures.fresh_on_both


def run(pool: ProcessPoolExecutor, house: House, grant: GrantId, times: int, *, withdrawers: int = 0) -> list[Tried]:
    waiting = [pool.submit(race, house.settings, grant, times, number < withdrawers) for number in range(RACERS)]
    return [one.result(WAIT_SECONDS) for one in waiting]


def check(house: House, grant: GrantId, tried: list[Tried], uses: int) -> None:
    """Assert that rows, uses and entries say the same, and that the log is whole."""
    got = [identifier for one in tried for identifier in one.got]
    assert len(set(got)) == len(got)
    assert house.services.applications.grant(grant).uses_left == uses - len(got)
    for identifier in got:
        assert house.extract(ExtractId(identifier)).state is ExtractState.QUEUED
    entries = [entry for entry in house.entries("release.") if entry["links"].get("grant") == grant]
    requested = [entry["links"]["extract"] for entry in entries if entry["kind"] == "release.requested"]
    assert sorted(requested) == sorted(got)
    refusals = [entry for entry in entries if entry["kind"] == "release.refused"]
    assert len(refusals) == sum(len(one.refused) for one in tried)
    assert inspection.verify(lambda: house.settings).ok


@pytest.mark.rule("A50-9")
def test_ten_processes_racing_for_five_uses_get_exactly_five(racers: ProcessPoolExecutor, house: House) -> None:
    grant = grant_for(house.services, CASES[BUS], uses=USES)
    tried = run(racers, house, grant, 2)
    assert sum(len(one.got) for one in tried) == USES
    assert sum(len(one.refused) for one in tried) == 2 * RACERS - USES
    assert {reason for one in tried for reason in one.refused} == {"uses"}
    check(house, grant, tried, USES)


@pytest.mark.rule("A50-12")
def test_nothing_is_reserved_after_a_withdrawal_whoever_comes_first(racers: ProcessPoolExecutor, house: House) -> None:
    grant = grant_for(house.services, CASES[BUS], uses=12)
    tried = run(racers, house, grant, 3, withdrawers=1)
    check(house, grant, tried, 12)
    kinds = [
        entry["kind"]
        for entry in house.entries()
        if entry["links"].get("grant") == grant and entry["kind"] in {"release.requested", "grant.withdrawn"}
    ]
    assert kinds.count("grant.withdrawn") == 1
    assert kinds[-1] == "grant.withdrawn"  # every use stands in the log before it
    assert {reason for one in tried for reason in one.refused} <= {"uses", "ended-grant-releases-nothing"}


@pytest.mark.rule("A50-9")
def test_ten_threads_racing_for_five_uses_get_exactly_five(house: House) -> None:
    grant = grant_for(house.services, CASES[BUS], uses=USES)
    barrier = threading.Barrier(RACERS)

    def thread(_number: int) -> Tried:
        barrier.wait(WAIT_SECONDS)
        return take(house.services, grant, 2)

    with ThreadPoolExecutor(RACERS) as pool:
        tried = list(pool.map(thread, range(RACERS)))
    assert sum(len(one.got) for one in tried) == USES
    check(house, grant, tried, USES)


def test_the_last_use_goes_to_one_of_two_that_both_saw_it(house: House) -> None:
    """The decision reads the grant first; the reservation decides."""
    grant = grant_for(house.services, CASES[BUS], uses=1)
    releases = house.services.releases
    seen = house.services.applications.grant(grant)

    def reserve() -> bool:
        return house.preparation().bench.scratch.write(lambda tx: releases.grants.reserve_use(tx, grant))

    tries: list[Callable[[], bool]] = [reserve, reserve]
    assert [one() for one in tries] == [True, False]
    assert seen.uses_left == 1
    assert house.services.applications.grant(grant).uses_left == 0
