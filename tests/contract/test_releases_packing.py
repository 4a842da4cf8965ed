"""Packing that dies half way leaves nothing; where it is done, only the packed file is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway.ids import ExtractId
from gateway.policies.records import Format
from gateway.releases import packing
from gateway.releases.errors import LeaseLostError
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from tests.factories import house_fixtures
from tests.factories.release_cases import client_of
from tests.factories.releases import House

house = house_fixtures.fresh
PROFILE = "bus-pseudonymous"
PUBLIC = {**ECKey.generate_key("P-256", private=False).as_dict(private=False), "kid": "k", "use": "enc"}


class Keys:
    """One public key for everybody."""

    def always(self, _account: str) -> bool:
        return False

    def of(self, _account: str) -> Mapping[str, str]:
        return {name: str(value) for name, value in PUBLIC.items()}


def asked(house: House) -> Extract:
    releases = replace(house.services.releases, recipient_keys=Keys())
    return releases.start(
        house.grants[PROFILE], ExtractRequest(Format.CSV, compression="gzip", encrypt=True), client_of(PROFILE)
    )


def files(house: House, extract: Extract) -> list[str]:
    return sorted(path.suffix for path in house.settings.files.glob(f"{extract.id}*"))


def test_a_full_disk_while_packing_fails_the_extract_and_takes_all_of_it_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> Iterator[bytes]:
        yield b"half a line"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing, "envelopes", full)
    left = house.uses_left(house.grants[PROFILE])
    extract = asked(house)
    house.work(calm=False)
    found = house.extract(extract.id)
    assert (found.state, files(house, extract)) == (ExtractState.FAILED, [])
    assert house.uses_left(house.grants[PROFILE]) == left
    assert house.entries("release.failed")[-1]["facts"]["problem"] == "UnexpectedError"


def test_a_worker_that_dies_while_packing_leaves_nothing_to_fetch_and_another_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What no handler takes."""

    def killed(*_arguments: object) -> Iterator[bytes]:
        yield b"half a line"
        raise Killed

    extract = asked(house)
    with monkeypatch.context() as patch:
        patch.setattr(packing, "envelopes", killed)
        with pytest.raises(Killed):
            house.preparation().run_next()
    assert house.extract(extract.id).state is ExtractState.PREPARING
    assert not house.entries("release.prepared")[1:]  # the one of the template
    house.clock.turn(seconds=house.services.book.parameters.lease_seconds + 1)
    house.work()
    found = house.extract(extract.id)
    assert (found.state, files(house, extract)) == (ExtractState.READY, [".sealed"])
    assert house.content(found).endswith(b"\n")


def test_a_lease_that_was_lost_while_packing_ends_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    original = packing.packed

    def lost(
        identifier: ExtractId, request: ExtractRequest, sealed: packing.Sealed, path: Path, _tick: object
    ) -> packing.Sealed:
        def gone() -> None:
            raise LeaseLostError("Another worker took it over.")

        return original(identifier, request, sealed, path, gone)

    monkeypatch.setattr("gateway.releases.preparation.packed", lost)
    extract = asked(house)
    assert house.preparation().run_next()
    assert house.extract(extract.id).state is ExtractState.PREPARING
    assert not [entry for entry in house.entries("release.failed") if entry["links"]["extract"] == extract.id]
