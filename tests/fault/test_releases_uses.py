"""A use is reserved, then consumed by the first byte or given back once: every way in which that can be disturbed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ForbiddenError, GatewayError, UnavailableError
from gateway.ids import ExtractId, GrantId
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.policies.records import GrantState
from gateway.policies.scope import civil_date
from gateway.releases.errors import ContentDamagedError, ExtractGoneError, LeaseLostError
from gateway.releases.records import Extract, ExtractState
from gateway.releases.service import STILL_SECONDS
from gateway.releases.vault import FileKey, SealedSink, SealedSource
from tests.factories import house_fixtures
from tests.factories.release_cases import APPROVER, CASES, EXECUTOR, client, grant_for
from tests.factories.releases import House

BUS = "bus-pseudonymous"


house = house_fixtures.fresh_on_both
small = house_fixtures.fresh


def withdraw(house: House, grant: GrantId) -> None:
    house.services.applications.withdraw_grant(APPROVER, grant, reason="测试撤回。")


def outcomes(house: House) -> list[tuple[str, int]]:
    return [(entry["outcome"], entry["facts"]["bytes"]) for entry in house.entries("release.outcome")]


# -- reserved, consumed, given back


def test_a_delivery_of_which_no_byte_was_read_consumes_nothing(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    small.deliver(extract).content.close()
    assert small.extract(extract.id).first_delivery_at is None
    assert outcomes(small) == [("client_gone", 0)]
    small.clock.turn(hours=25)
    content = small.content(extract)  # the day of the delivery has not begun with the one that came to nothing
    assert hashlib.sha256(content).hexdigest() == extract.sha256
    small.clock.turn(hours=25)
    small.work()
    assert small.uses_left(extract.grant) == before


def test_a_file_that_nobody_read_a_byte_of_gives_its_use_back_once(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    small.deliver(extract).content.close()
    small.clock.turn(days=8)
    for _ in range(2):
        small.services.releases.expire()
    assert small.uses_left(extract.grant) == before + 1
    small.certify(extract)  # what expired unused gave its use back then, and not again
    assert small.uses_left(extract.grant) == before + 1
    assert len(small.entries("release.expired")) == 1


def test_the_first_piece_consumes_the_use_also_when_the_client_leaves_with_it(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    delivery = small.deliver(extract)
    piece = next(delivery.content)
    delivery.content.close()
    assert outcomes(small) == [("client_gone", len(piece))]  # what was handed on counts as delivered
    assert small.extract(extract.id).first_delivery_at is not None
    small.clock.turn(hours=24, minutes=1)
    with pytest.raises(ExtractGoneError):
        small.deliver(extract)
    small.services.releases.expire()
    assert small.uses_left(extract.grant) == before


def test_a_file_that_does_not_open_consumes_nothing(small: House) -> None:
    extract = small.ready()
    path = small.services.releases.file_of(extract.id)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ContentDamagedError):
        b"".join(small.deliver(extract).content)
    assert outcomes(small) == [("error", 0)]
    assert small.entries("release.outcome")[-1]["facts"]["problem"] == "ContentDamagedError"
    assert small.extract(extract.id).first_delivery_at is None


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_of_two_deliveries_at_once_one_byte_of_either_consumes_the_use(house: House, first_ends_first: bool) -> None:
    extract = house.ready()
    idle, busy = house.deliver(extract), house.deliver(extract)
    next(busy.content)
    for delivery in (idle, busy) if first_ends_first else (busy, idle):
        delivery.content.close()
    assert house.extract(extract.id).first_delivery_at is not None


def test_two_deliveries_without_a_byte_leave_the_use_reserved(house: House) -> None:
    extract = house.ready()
    both = [house.deliver(extract), house.deliver(extract)]
    both[0].content.close()
    assert house.extract(extract.id).first_delivery_at is not None  # the other may still begin
    both[1].content.close()
    assert house.extract(extract.id).first_delivery_at is None


def test_a_delivery_that_nobody_saw_end_counts_as_begun(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    small.deliver(extract)  # and the process is killed
    small.clock.turn(seconds=small.services.book.parameters.lease_seconds + 1)
    assert small.services.releases.close_orphans()
    assert small.extract(extract.id).first_delivery_at is not None
    small.clock.turn(days=8)
    small.services.releases.expire()
    assert small.uses_left(extract.grant) == before


def test_a_range_and_then_the_whole_belong_to_one_use(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    part = b"".join(small.deliver(extract, 10, 99).content)
    whole = small.content(extract)
    assert part == whole[10:100]
    assert small.uses_left(extract.grant) == before
    assert len(small.entries("release.intent")) == len(small.entries("release.outcome")) == 2


def test_an_expiry_that_comes_in_with_the_first_delivery_gives_nothing_back(house: House) -> None:
    """The worker read the extract before the delivery began, and ends it after."""
    extract = house.ready()
    releases, grant = house.services.releases, house.services.applications.grant(extract.grant)
    before = house.uses_left(extract.grant)
    delivery = house.deliver(extract)
    next(delivery.content)
    withdraw(house, extract.grant)
    assert releases._expire_one(extract, replace(grant, state=house.services.applications.grant(grant.id).state))
    assert house.uses_left(extract.grant) == before
    assert house.entries("release.expired")[-1]["facts"]["unused"] is False


def test_certifying_the_deletion_of_what_was_never_fetched_gives_the_use_back_once(house: House) -> None:
    extract = house.ready()
    before = house.uses_left(extract.grant)
    house.certify(extract)
    assert house.uses_left(extract.grant) == before + 1
    house.services.releases.expire()
    with pytest.raises(GatewayError):
        house.certify(extract)
    assert house.uses_left(extract.grant) == before + 1


# -- withdrawal, suspension, deletion between the steps


def test_a_withdrawal_between_the_intent_and_the_first_byte_stops_it(small: House) -> None:
    extract = small.ready()
    delivery = small.deliver(extract)
    withdraw(small, extract.grant)
    with pytest.raises(ForbiddenError) as refused:
        next(delivery.content)
    assert refused.value.rule == "A50-12"
    assert outcomes(small) == [("error", 0)]
    assert small.entries("release.outcome")[-1]["facts"]["problem"] == "ForbiddenError"


@pytest.mark.parametrize(
    ("act", "problem"), [(lambda h, e: withdraw(h, e.grant), ForbiddenError), (House.certify, ExtractGoneError)]
)
def test_what_ends_a_delivery_under_way_stops_it_within_seconds(
    small: House, act: Callable[[House, Extract], object], problem: type[Exception]
) -> None:
    extract = small.ready()
    delivery = small.deliver(extract)
    first = next(delivery.content)
    assert len(first) < extract.size
    act(small, extract)
    small.clock.turn(seconds=STILL_SECONDS + 1)
    with pytest.raises(problem):
        b"".join(delivery.content)
    assert outcomes(small) == [("error", len(first))]


def test_a_suspended_grant_prepares_nothing_and_delivers_nothing_until_it_is_resumed(small: House) -> None:
    waiting, extract = small.start(BUS), small.ready()
    before = small.uses_left(extract.grant)
    applications = small.services.applications
    applications.suspend_grant(APPROVER, extract.grant, reason="测试中止。")
    small.work()
    assert small.extract(waiting.id).state is ExtractState.FAILED
    assert small.uses_left(extract.grant) == before + 1
    with pytest.raises(ForbiddenError):
        small.deliver(extract)
    assert small.extract(extract.id).state is ExtractState.READY
    applications.resume_grant(APPROVER, extract.grant, reason="测试恢复。")
    assert len(small.content(extract)) == extract.size


def test_a_grant_that_is_withdrawn_while_the_file_is_made_gives_no_file(
    small: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = small.start(BUS, grant=grant_for(small.services, CASES[BUS]))
    before = small.uses_left(extract.grant)
    commit = SealedSink.commit

    def late(sink: SealedSink) -> str:
        found = small.services.releases.grants.grant(extract.grant)
        if found.state is GrantState.ACTIVE:  # once: the ledger seals its rows, too
            withdraw(small, extract.grant)
        return commit(sink)

    monkeypatch.setattr(SealedSink, "commit", late)
    small.work()
    assert small.extract(extract.id).failure == "GrantEndedError"
    assert not small.services.releases.file_of(extract.id).exists()
    assert not small.entries("release.prepared")[1:]  # the template's own, and no other
    assert small.uses_left(extract.grant) == before + 1


# -- the worker dies


class _DiedError(BaseException):
    """Stands for kill -9: nothing catches it."""


def test_a_worker_killed_between_the_file_and_its_row_is_followed_by_another(small: House) -> None:
    extract = small.start(BUS)
    before = small.uses_left(extract.grant)
    mine = small.preparation()

    class Dying:
        """A journal that is gone when the file is ready."""

        def record(self, _write: Callable[[Tx], object], _entry: object) -> tuple[object, Receipt]:
            raise _DiedError

        def append(self, entry: EntryDraft) -> Receipt:
            return mine.bench.journal.append(entry)

    bench = replace(mine.bench, worker="dying", journal=Dying())  # type: ignore[arg-type]  # no typed result
    with pytest.raises(_DiedError):
        replace(mine, bench=bench).run_next()
    assert small.services.releases.file_of(extract.id).exists()
    assert small.extract(extract.id).state is ExtractState.PREPARING
    small.work()
    assert small.extract(extract.id).state is ExtractState.PREPARING
    small.clock.turn(seconds=small.services.book.parameters.lease_seconds + 1)
    small.work()
    done = small.extract(extract.id)
    assert done.state is ExtractState.READY
    assert hashlib.sha256(small.content(done)).hexdigest() == done.sha256
    assert small.uses_left(extract.grant) == before


def test_a_failed_preparation_gives_the_use_back_once(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = small.start(BUS)
    before = small.uses_left(extract.grant)
    mine = small.preparation()

    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("王小明")

    monkeypatch.setattr("gateway.releases.pipeline.Reading.begin", broken)
    small.work(calm=False)
    mine.bench.fail(extract, {}, None, "UnexpectedError", None)
    small.services.releases.expire()
    assert small.extract(extract.id).state is ExtractState.FAILED
    assert small.uses_left(extract.grant) == before + 1
    assert len([e for e in small.entries("release.failed") if e["links"]["extract"] == extract.id]) == 1


def test_two_workers_take_one_extract_once(house: House) -> None:
    extract = house.start(BUS)
    mine = house.preparation().bench
    leased = house.clock() + timedelta(seconds=60)

    def claim(worker: str) -> Extract | None:
        return mine.scratch.write(lambda tx: mine.extracts.claim(tx, worker, house.clock(), leased))

    claims = [claim(worker) for worker in ("one", "two")]
    assert [None if claim is None else claim.id for claim in claims] == [extract.id, None]


def test_a_worker_that_went_silent_does_not_touch_the_file_of_its_successor(tmp_path: Path) -> None:
    path, extract = tmp_path / "ex.sealed", ExtractId("ex-silent")
    old, new = FileKey.new(extract), FileKey.new(extract)
    silent = SealedSink(path, old)
    silent.write(b"old")
    successor = SealedSink(path, new)
    silent.write(b"still writing")
    with pytest.raises(LeaseLostError):
        silent.commit()
    silent.abandon()
    successor.write(b"new")
    successor.commit()
    with SealedSource(path, new, 3) as source:
        assert source.read() == b"new"
    assert list(tmp_path.iterdir()) == [path]


# -- time


def shanghai(day: date, hour: int, minute: int, second: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC) - timedelta(hours=8)


def test_the_last_day_ends_at_midnight_in_shanghai(small: House) -> None:
    today = civil_date(small.clock())
    grant = grant_for(small.services, CASES[BUS], valid_to=today + timedelta(days=2))
    extract = small.prepared(BUS, grant=grant)
    assert extract.expires_on == today + timedelta(days=2)
    small.clock.at = shanghai(extract.expires_on, 23, 59, 59)
    assert len(small.content(extract)) == extract.size
    small.clock.turn(seconds=1)  # also within the 24 hours of the delivery: the grant is over
    with pytest.raises((ExtractGoneError, ForbiddenError)):
        small.deliver(extract)
    with pytest.raises(GatewayError):
        small.start(BUS, grant=grant)


def test_the_clock_that_went_back_releases_and_prepares_nothing(small: House) -> None:
    extract = small.ready()
    small.content(extract)
    waiting = small.start(BUS)
    before = small.uses_left(extract.grant)
    small.clock.turn(hours=-2)
    with pytest.raises(UnavailableError):
        small.deliver(extract)
    with pytest.raises(UnavailableError):
        small.start(BUS)
    small.work(calm=False, rounds=5)
    assert small.extract(waiting.id).state is ExtractState.PREPARING  # nothing is wrong with it: it waits
    assert small.uses_left(extract.grant) == before
    small.clock.turn(hours=3)
    small.work()
    assert small.extract(waiting.id).state is ExtractState.READY


def test_the_clock_that_jumped_forward_loses_nothing_but_the_file(small: House) -> None:
    extract = small.ready()
    before = small.uses_left(extract.grant)
    small.clock.turn(days=30)
    small.services.releases.expire()
    assert small.uses_left(extract.grant) == before + 1
    small.clock.turn(days=-30)
    with pytest.raises(ExtractGoneError):
        small.deliver(extract)


def test_asking_about_a_file_delivers_nothing_and_tells_of_none_that_is_gone(small: House) -> None:
    extract = small.ready()
    releases, who = small.services.releases, client(extract.recipient)
    assert releases.look_at(extract.id, who).size == extract.size
    with pytest.raises(ForbiddenError):
        releases.look_at(extract.id, EXECUTOR)
    assert small.extract(extract.id).first_delivery_at is None
    assert not small.entries("release.intent")
    small.clock.turn(days=8)
    with pytest.raises(ExtractGoneError):
        releases.look_at(extract.id, who)
    assert small.entries("release.refused")[-1]["facts"]["problem"] == "ExtractGoneError"


# -- all of it, at random


def charged(extracts: list[Extract]) -> int:
    """Return how many uses the extracts of a grant hold: all but those that came to nothing."""
    over = {ExtractState.EXPIRED, ExtractState.DELETED}
    nothing = [
        one.state is ExtractState.FAILED or (one.state in over and one.first_delivery_at is None) for one in extracts
    ]
    return nothing.count(False)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_each_use_is_left_or_held_by_one_extract(small: House, seed: int) -> None:
    chance = random.Random(seed)
    grant = grant_for(small.services, CASES[BUS], uses=5)
    releases = small.services.releases

    def mine() -> list[Extract]:
        return releases.of_grant(grant, EXECUTOR)

    def some(*states: ExtractState) -> Extract | None:
        found = [one for one in mine() if one.state in states]
        return chance.choice(found) if found else None

    def deliver(pieces: int) -> None:
        extract = some(ExtractState.READY)
        if extract is None:
            return
        delivery = small.deliver(extract)
        for _, _piece in zip(range(pieces), delivery.content, strict=False):
            pass
        delivery.content.close()

    def certify_one() -> None:
        extract = some(ExtractState.READY, ExtractState.EXPIRED)
        if extract is not None:
            small.certify(extract)

    acts: list[tuple[str, Callable[[], Any]]] = [
        ("start", lambda: small.start(BUS, grant=grant, fields=("grade", "pseudonym"))),
        ("work", small.work),
        ("look", lambda: deliver(0)),
        ("begin", lambda: deliver(1)),
        ("fetch", lambda: deliver(1000)),
        ("day", lambda: small.clock.turn(hours=25)),
        ("week", lambda: small.clock.turn(days=7)),
        ("expire", releases.expire),
        ("orphans", releases.close_orphans),
        ("certify", certify_one),
    ]
    weights = [6, 5, 3, 2, 2, 2, 1, 3, 1, 2]
    refused = 0
    for _ in range(40):
        _name, act = chance.choices(acts, weights)[0]
        try:
            act()
        except GatewayError:
            refused += 1
        held, remaining = charged(mine()), small.uses_left(grant)
        assert held + remaining == 5
        assert 0 <= remaining <= 5
    assert len(mine()) > 3
