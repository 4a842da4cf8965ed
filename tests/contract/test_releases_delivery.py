"""When a file may be fetched, by whom, how often and until when; on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from gateway.anonymize.errors import PlanError
from gateway.db import make_engine
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, ParameterError
from gateway.ids import GrantId
from gateway.journal import Tx
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Format, Grant
from gateway.principals import Principal, Role
from gateway.releases import writers
from gateway.releases.errors import (
    ContentDamagedError,
    ExtractGoneError,
    ExtractNotFoundError,
    NotReadyError,
    TooManyRowsError,
)
from gateway.releases.records import Extract, ExtractRequest, ExtractState
from tests.factories import house_fixtures
from tests.factories.release_cases import (
    APPROVER,
    CASES,
    CHAIN,
    EXECUTOR,
    INSPECTOR,
    REGISTRAR,
    STRANGER,
    client,
    client_of,
    grant_for,
    officer,
)
from tests.factories.releases import House

house = house_fixtures.fresh_on_both
small = house_fixtures.fresh


def file_of(house: House, extract: Extract) -> Path:
    return house.services.releases.file_of(extract.id)


def last(house: House, kind: str) -> dict[str, object]:
    entry: dict[str, object] = house.entries(kind)[-1]
    return entry


def test_a_file_can_be_fetched_again_within_a_day_and_not_after(house: House) -> None:
    extract = house.ready()
    content = house.content(extract)
    assert hashlib.sha256(content).hexdigest() == extract.sha256
    left = house.uses_left(extract.grant)
    house.clock.turn(hours=23, minutes=59)
    assert house.content(extract) == content
    assert house.uses_left(extract.grant) == left  # a retry is no further use
    house.clock.turn(minutes=2)
    with pytest.raises(ExtractGoneError):
        house.deliver(extract)
    refused = last(house, "release.refused")
    assert refused["facts"]["problem"] == "ExtractGoneError"  # type: ignore[index]  # a JSON object
    house.work()
    assert house.extract(extract.id).state is ExtractState.EXPIRED
    assert not file_of(house, extract).exists()
    assert house.extract(extract.id).wrapped_key == b""
    assert house.uses_left(extract.grant) == left  # it was delivered: the use is spent


def test_a_file_that_nobody_fetched_expires_and_gives_its_use_back(house: House) -> None:
    extract = house.ready()
    left = house.uses_left(extract.grant)
    house.clock.turn(days=7)
    house.work()
    assert house.extract(extract.id).state is ExtractState.READY  # the last day is a day of it
    house.reopen()
    house.clock.turn(days=1)
    house.work()
    gone = house.extract(extract.id)
    assert (gone.state, gone.wrapped_key) == (ExtractState.EXPIRED, b"")
    assert not file_of(house, extract).exists()
    assert house.uses_left(extract.grant) == left + 1
    assert set(last(house, "release.expired")["links"]) >= CHAIN  # type: ignore[call-overload]  # a JSON object
    with pytest.raises(ExtractGoneError):
        house.deliver(extract)


def test_a_withdrawn_grant_stops_the_delivery_of_a_prepared_file_at_once(house: House) -> None:
    extract = house.ready()
    house.services.applications.withdraw_grant(APPROVER, extract.grant, reason="测试撤回。")
    with pytest.raises(ForbiddenError) as refused:
        house.deliver(extract)
    assert refused.value.extra["policy"] == "ended-grant-releases-nothing"
    with pytest.raises(ForbiddenError):
        house.start("bus-pseudonymous")
    assert not house.entries("release.intent")
    house.work()
    assert house.extract(extract.id).state is ExtractState.EXPIRED
    assert not file_of(house, extract).exists()


def test_a_withdrawal_between_decision_and_intent_stops_the_delivery(house: House) -> None:
    extract = house.ready()
    releases = house.services.releases
    before = house.services.applications.grant(extract.grant)
    house.services.applications.withdraw_grant(APPROVER, extract.grant, reason="测试撤回。")

    class Late:
        """Tells the decision what was true a moment ago."""

        def grant(self, identifier: GrantId) -> Grant:
            return before

        def grant_in(self, tx: Tx, identifier: GrantId) -> Grant:
            return releases.grants.grant_in(tx, identifier)

        def reserve_use(self, tx: Tx, identifier: GrantId) -> bool:
            return releases.grants.reserve_use(tx, identifier)

        def release_use(self, tx: Tx, identifier: GrantId) -> None:
            releases.grants.release_use(tx, identifier)

    with pytest.raises(ForbiddenError):
        replace(releases, grants=Late()).deliver(extract.id, client(extract.recipient))
    assert not house.entries("release.intent")
    assert last(house, "release.refused")["links"]["extract"] == extract.id  # type: ignore[index]  # a JSON object


def test_uses_run_out_and_the_refusal_is_recorded(house: House) -> None:
    grant = grant_for(house.services, CASES["bus-pseudonymous"], uses=2)
    house.start("bus-pseudonymous", grant=grant)
    house.start("bus-pseudonymous", grant=grant)
    with pytest.raises(ScopeExceededError) as refused:
        house.start("bus-pseudonymous", grant=grant)
    assert refused.value.extra["dimension"] == "uses"
    assert last(house, "release.refused")["facts"]["dimension"] == "uses"  # type: ignore[index]  # a JSON object
    assert house.uses_left(grant) == 0


def test_who_is_not_the_recipient_gets_what_an_unknown_id_gets(small: House) -> None:
    extract = small.ready()
    releases = small.services.releases
    with pytest.raises(ExtractNotFoundError) as foreign:
        releases.deliver(extract.id, client(STRANGER))
    with pytest.raises(ExtractNotFoundError) as unknown:
        releases.deliver(type(extract.id)("ex-none"), client(STRANGER))
    assert str(foreign.value) == str(unknown.value)
    assert foreign.value.detail_zh == unknown.value.detail_zh
    for nobody in (REGISTRAR, officer("guardian", Role.GUARDIAN), officer("county", Role.EXECUTOR, unit="140105")):
        with pytest.raises(ExtractNotFoundError):
            releases.get(extract.id, nobody)
        assert releases.newest(nobody) == []
        with pytest.raises(NotFoundError):
            releases.of_grant(extract.grant, nobody)
    assert [one.id for one in releases.newest(EXECUTOR)] == [extract.id]
    assert releases.get(extract.id, INSPECTOR).id == extract.id
    assert not small.entries("release.intent")


@pytest.mark.parametrize("who", [EXECUTOR, INSPECTOR, APPROVER, officer("both", Role.DATA_OFFICER)], ids=str)
def test_no_officer_takes_delivery(small: House, who: Principal) -> None:
    with pytest.raises(ForbiddenError):
        small.services.releases.deliver(small.ready().id, who)
    assert not small.entries("release.intent")
    assert last(small, "release.refused")["actor"]["id"] == who.account  # type: ignore[index]  # a JSON object


def test_the_recipient_certifies_the_deletion_once(house: House) -> None:
    extract = house.ready()
    house.content(extract)
    with pytest.raises(ForbiddenError):
        house.certify(extract, EXECUTOR)
    with pytest.raises(ExtractNotFoundError):
        house.certify(extract, client(STRANGER))
    with pytest.raises(ParameterError):
        house.certify(extract, days=1)
    done = house.certify(extract)
    assert (done.state, done.wrapped_key, done.deleted_by) == (ExtractState.DELETED, b"", "测试负责人")
    stored = house.extract(extract.id)
    assert (stored.state, stored.wrapped_key, stored.deleted_by) == (ExtractState.DELETED, b"", "测试负责人")
    assert not file_of(house, extract).exists()
    entry = last(house, "release.deleted")
    assert set(entry["links"]) >= CHAIN  # type: ignore[call-overload]  # a JSON object
    with pytest.raises(ConflictError):
        house.certify(extract)
    with pytest.raises(ExtractGoneError):
        house.deliver(extract)
    assert len(house.entries("release.deleted")) == 1


def test_an_extract_that_is_not_ready_is_neither_delivered_nor_certified(house: House) -> None:
    extract = house.start("bus-pseudonymous")
    with pytest.raises(NotReadyError):
        house.deliver(extract)
    with pytest.raises(ConflictError):
        house.certify(extract)
    house.work()
    assert house.extract(extract.id).state is ExtractState.READY


def test_a_delivery_of_an_extract_that_ended_meanwhile_gets_no_intent(house: House) -> None:
    extract = house.ready()
    releases = house.services.releases

    class Behind:
        """Shows the extract as it was a moment ago."""

        def __getattr__(self, name: str) -> object:
            return getattr(releases.extracts, name)

        def get(self, tx: Tx, identifier: str) -> Extract:
            return extract

    house.certify(extract)
    file_of(house, extract).write_bytes(b"XJEXT\x00\x01\n")
    behind = replace(releases, extracts=Behind())  # type: ignore[arg-type]  # the rest is passed on
    with pytest.raises(ExtractGoneError):
        behind.deliver(extract.id, client(extract.recipient))
    assert house.extract(extract.id).state is ExtractState.DELETED  # and nothing was written back
    assert not house.entries("release.intent")


def test_more_rows_than_granted_are_refused_not_cut_off(house: House) -> None:
    grant = grant_for(house.services, CASES["bus-pseudonymous"], row_cap=100)
    extract = house.start("bus-pseudonymous", grant=grant)
    left = house.uses_left(grant)
    house.work()
    failed = house.extract(extract.id)
    assert (failed.state, failed.failure, failed.size) == (ExtractState.FAILED, "TooManyRowsError", 0)
    assert house.uses_left(grant) == left + 1
    assert not file_of(house, extract).exists()
    assert last(house, "release.failed")["facts"]["rule"] == "A50-9"  # type: ignore[index]  # a JSON object
    assert last(house, "release.refused")["facts"]["dimension"] == "rows"  # type: ignore[index]  # a JSON object
    with pytest.raises(TooManyRowsError):
        house.deliver(extract)


def test_a_workbook_takes_so_many_rows_and_no_more(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = small.prepared("aid-masked", "csv").rows
    monkeypatch.setattr(writers, "XLSX_ROWS", rows)
    full = small.prepared("aid-masked", "xlsx")
    sheet = load_workbook(io.BytesIO(small.content(full)), read_only=True).worksheets[0]
    assert sum(1 for _ in sheet.iter_rows()) == rows + 1
    monkeypatch.setattr(writers, "XLSX_ROWS", rows - 1)
    extract = small.start("aid-masked", "xlsx")
    small.work()
    assert small.extract(extract.id).failure == "TooManyRowsError"
    assert [path.suffix for path in small.settings.files.iterdir() if extract.id in path.name] == []


def test_a_grant_without_rows_gives_no_extract_and_keeps_its_use(small: House) -> None:
    grant = small.grants["identity-check"]
    left = small.uses_left(grant)
    executor = officer("executor", Role.EXECUTOR)
    with pytest.raises(PlanError):
        small.services.releases.start(grant, ExtractRequest(Format.CSV), executor)
    assert small.uses_left(grant) == left
    assert last(small, "release.refused")["facts"]["problem"] == "PlanError"  # type: ignore[index]  # a JSON object


def test_a_profile_that_changed_its_level_releases_nothing_under_the_old_grant(small: House) -> None:
    releases = small.services.releases
    profiles = dict(releases.book.profiles)
    profiles["bus-pseudonymous"] = replace(profiles["research-pseudonymous"], level="masked", row_cap=9, fields=tuple(
        one for one in profiles["aid-masked"].fields if one.name in {"school_code", "grade"}
    ))  # fmt: skip
    changed = replace(releases, book=replace(releases.book, profiles=profiles))
    with pytest.raises(ForbiddenError) as refused:
        changed.start(
            small.grants["bus-pseudonymous"],
            ExtractRequest(Format.CSV, fields=("grade", "school_code")),
            client_of("bus-pseudonymous"),
        )
    assert refused.value.missing == ("level",)


def test_a_row_of_a_grant_that_was_tampered_with_fails_the_extract_and_is_recorded(small: House) -> None:
    extract = small.start("bus-pseudonymous")
    engine = make_engine(small.settings.gateway_url)
    with engine.begin() as connection:
        changed = connection.execute(
            text("UPDATE grants SET responsible = '别人' WHERE id = :id"), {"id": extract.grant}
        )
        assert changed.rowcount == 1
    engine.dispose()
    small.work(calm=False)
    engine = make_engine(small.settings.gateway_url)
    with engine.connect() as connection:
        state = connection.execute(text("SELECT state FROM extracts WHERE id = :id"), {"id": extract.id}).scalar_one()
    engine.dispose()
    assert state == "failed"
    entry = last(small, "release.failed")
    assert entry["facts"]["problem"] == "GrantInvalidError"  # type: ignore[index]  # a JSON object
    assert entry["links"]["grant"] == extract.grant  # type: ignore[index]  # a JSON object


def test_a_client_that_leaves_is_recorded_with_what_it_got(house: House) -> None:
    extract = house.ready()
    delivery = house.deliver(extract)
    piece = next(delivery.content)
    delivery.content.close()
    delivery.content.close()
    outcome = last(house, "release.outcome")
    assert outcome["outcome"] == "client_gone"
    assert outcome["facts"]["bytes"] in {0, len(piece)}  # type: ignore[index]  # a JSON object
    assert len(house.entries("release.outcome")) == 1


def test_a_delivery_of_which_nothing_was_read_is_closed_too(house: House) -> None:
    delivery = house.deliver(house.ready())
    delivery.content.close()
    outcome = last(house, "release.outcome")
    assert outcome["outcome"] == "client_gone"
    assert outcome["facts"]["bytes"] == 0  # type: ignore[index]  # a JSON object
    house.clock.turn(hours=1)
    house.services.releases.close_orphans()
    assert len(house.entries("release.outcome")) == 1


def test_only_a_delivery_whose_lease_is_over_is_closed_as_unknown_and_its_owner_has_the_last_word(house: House) -> None:
    extract = house.ready()
    releases, lease = house.services.releases, house.services.book.parameters.lease_seconds
    delivery = house.deliver(extract)
    next(delivery.content)
    house.clock.turn(seconds=lease - 1)
    assert not releases.close_orphans()
    house.clock.turn(seconds=2)
    assert releases.close_orphans()
    assert not releases.close_orphans()
    (unknown,) = house.entries("release.outcome")
    assert (unknown["outcome"], unknown["actor"]) == ("unknown", None)
    assert set(unknown["links"]) >= CHAIN
    assert list(delivery.content) is not None  # the client was only slow
    assert [entry["outcome"] for entry in house.entries("release.outcome")] == ["unknown", "complete"]
    assert not releases.close_orphans()


def test_a_lease_that_is_renewed_meanwhile_is_not_closed(small: House) -> None:
    extract = small.ready()
    releases, lease = small.services.releases, small.services.book.parameters.lease_seconds
    delivery = small.deliver(extract)
    small.clock.turn(seconds=lease + 1)
    (orphan,) = small.services.releases.reader.read(lambda tx: releases.extracts.orphans(tx, small.clock()))
    releases.scratch.write(lambda tx: releases.extracts.renew(tx, orphan.id, small.clock() + timedelta(seconds=lease)))
    assert not releases._close_orphan(orphan)
    assert not small.entries("release.outcome")
    assert len(b"".join(delivery.content)) == extract.size


@pytest.mark.parametrize(("first", "end"), [(-1, None), (10**9, None), (500, 400)])
def test_a_range_outside_the_file_is_refused_before_any_intent(small: House, first: int, end: int | None) -> None:
    with pytest.raises(ParameterError):
        small.deliver(small.ready(), first, end)
    assert not small.entries("release.intent")


def test_an_altered_or_missing_file_is_not_delivered(small: House) -> None:
    extract = small.ready()
    path = file_of(small, extract)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(ContentDamagedError):
        b"".join(small.deliver(extract).content)
    assert last(small, "release.outcome")["outcome"] == "error"
    assert last(small, "release.outcome")["facts"]["bytes"] == 0  # type: ignore[index]  # a JSON object
    path.unlink()
    with pytest.raises(ContentDamagedError):
        small.deliver(extract)
    assert last(small, "release.refused")["facts"]["problem"] == "ContentDamagedError"  # type: ignore[index]  # a JSON object
    assert len(small.entries("release.intent")) == 1


def test_a_worker_that_lost_its_lease_neither_finishes_nor_fails_the_extract(house: House) -> None:
    extract = house.start("bus-pseudonymous")
    mine = house.preparation().bench
    theirs = replace(mine, worker="another-host")
    lease = house.services.book.parameters.lease_seconds
    scratch, store = mine.scratch, mine.extracts
    claimed = scratch.write(lambda tx: store.claim(tx, theirs.worker, house.clock(), house.clock()))
    assert claimed is not None
    assert claimed.id == extract.id
    house.clock.turn(seconds=lease + 1)
    house.work()  # ours takes it over and finishes
    done = house.extract(extract.id)
    assert done.state is ExtractState.READY
    left = house.uses_left(extract.grant)
    theirs.fail(claimed, {}, None, "UnexpectedError", None)  # the other one wakes up
    assert house.extract(extract.id) == done
    assert house.uses_left(extract.grant) == left
    assert hashlib.sha256(house.content(done)).hexdigest() == done.sha256
    assert [entry["kind"] for entry in house.entries("release.") if entry["links"].get("extract") == extract.id] == [
        "release.requested", "release.preparing", "release.prepared", "release.intent", "release.outcome",
    ]  # fmt: skip


def test_a_slow_client_keeps_its_lease_as_long_as_it_reads(small: House) -> None:
    lease = small.services.book.parameters.lease_seconds
    delivery = small.deliver(small.ready())
    next(delivery.content)
    small.clock.turn(seconds=lease * 0.6)
    next(delivery.content)
    small.clock.turn(seconds=lease * 0.6)
    assert not small.services.releases.close_orphans()
    assert not list(delivery.content)
    assert [entry["outcome"] for entry in small.entries("release.outcome")] == ["complete"]
