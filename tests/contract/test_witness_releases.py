"""Without its witnesses for too long, a release of high risk stops at its intent, and goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway.audit.errors import DamagedLogStopError, WitnessSilentError
from gateway.audit.records import WitnessState
from gateway.audit.store import SqlLogStore, SqlWatching
from gateway.db import make_engine
from gateway.db.engine import write_scratch
from gateway.instants import micros_text
from gateway.policies.records import Level
from tests.factories.releases import House, make_house, opened


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from opened(make_house(tmp_path_factory.mktemp("witnessless")))


def waiting(house: House, minutes: int | None) -> None:
    """Write what the worker writes when entries have waited for ``minutes``."""
    since = "" if minutes is None else micros_text(house.clock() - timedelta(minutes=minutes))
    engine = make_engine(house.settings.gateway_url)
    write_scratch(engine, lambda tx: SqlLogStore(engine).set_witness_state(tx, WitnessState(waiting_since=since)))
    engine.dispose()


def test_a_pseudonymous_file_waits_for_the_witness_and_then_goes_out(house: House) -> None:
    extract = house.ready()
    assert extract.level is Level.PSEUDONYMOUS
    limit = house.services.book.parameters.witness_stop_minutes
    waiting(house, limit - 1)
    assert house.content(extract)
    intents = len(house.entries("release.intent"))
    waiting(house, limit + 1)
    with pytest.raises(WitnessSilentError):
        house.deliver(extract)
    assert len(house.entries("release.intent")) == intents, "nothing may look as if it had been handed out"
    refused = house.entries("release.refused")[-1]
    assert refused["facts"]["problem"] == "WitnessSilentError"
    assert refused["outcome"] == "refused"
    waiting(house, None)
    assert house.content(extract)


def test_ready_tells_that_the_witness_is_late(house: House) -> None:
    assert "witness" not in house.services.degraded()
    engine = make_engine(house.settings.gateway_url)
    for state, told in ((WitnessState(silent=True), "silent"), (WitnessState(contradicted=True), "contradicts")):
        write_scratch(engine, lambda tx, now=state: SqlLogStore(engine).set_witness_state(tx, now))  # type: ignore[misc]
        assert house.services.degraded()["witness"] == told
    engine.dispose()


@pytest.mark.rule("A50-10")
def test_while_the_log_is_damaged_nothing_pseudonymous_goes_out(house: House) -> None:
    extract = house.ready()
    engine = make_engine(house.settings.gateway_url)
    write_scratch(engine, lambda tx: SqlWatching().set_damaged(tx, "2026-11-23T10:00:00Z"))
    with pytest.raises(DamagedLogStopError):
        house.deliver(extract)
    assert house.entries("release.refused")[-1]["facts"]["problem"] == "DamagedLogStopError"
    assert house.services.degraded()["log"] == "damaged"
    write_scratch(engine, lambda tx: SqlWatching().set_damaged(tx, ""))
    engine.dispose()
    assert "log" not in house.services.degraded()
    assert house.content(extract)
