"""Keys of pseudonyms: one for a recipient's project, gone for good at its end; on SQLite and PostgreSQL."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import pickle
from dataclasses import replace
from typing import Any, cast

import polars as pl
import pytest
from sqlalchemy import text

from core_registry.sharing import RowFilter
from gateway.db.engine import make_engine, read_only, write_scratch
from gateway.errors import UnavailableError
from gateway.ids import ApplicationId, ExtractId, GrantId, RecipientId
from gateway.journal import EntryDraft, Tx
from gateway.releases.pseudonym_keys.records import KeyScope, PseudonymKey
from gateway.releases.pseudonym_keys.service import PseudonymKeys
from gateway.releases.pseudonym_keys.store import SqlPseudonymKeys
from gateway.releases.records import Extract, ExtractState
from gateway.releases.uses import plan_of
from tests.factories import house_fixtures
from tests.factories.release_cases import APPROVER, CASES, grant_for
from tests.factories.releases import House

house = house_fixtures.shared_on_both
own = house_fixtures.fresh
BUS, RESEARCH = "bus-pseudonymous", "research-pseudonymous"


def keys_of(house: House) -> PseudonymKeys:
    return house.preparation().keys


def fresh_grant(house: House, profile: str, **changes: Any) -> GrantId:  # noqa: ANN401  members of the scope
    return grant_for(house.services, CASES[profile], **changes)


def pseudonyms(house: House, extract: Extract) -> set[str]:
    content = house.content(extract).decode("utf-8-sig")
    return {row["pseudonym"] for row in csv.DictReader(io.StringIO(content))}


def rows(house: House) -> list[dict[str, Any]]:
    engine = make_engine(house.settings.gateway_url)
    try:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(text("SELECT * FROM pseudonym_keys")).mappings()]
    finally:
        engine.dispose()


def of_grant(house: House, grant: GrantId) -> list[dict[str, Any]]:
    return [row for row in rows(house) if row["grant_id"] == grant]


def end(house: House, grant: GrantId) -> None:
    house.services.applications.withdraw_grant(APPROVER, grant, reason="用途已终止。")


@pytest.mark.rule("A50-8")
def test_extracts_of_a_longitudinal_grant_join_and_those_of_another_do_not(house: House) -> None:
    bus, research = fresh_grant(house, BUS), fresh_grant(house, RESEARCH)
    first, second = (pseudonyms(house, house.prepared(BUS, grant=bus)) for _ in range(2))
    assert len(first) > 500
    assert first == second
    third, fourth = (pseudonyms(house, house.prepared(RESEARCH, grant=research)) for _ in range(2))
    assert len(third) == len(fourth) > 500
    assert not third & fourth
    assert not first & (third | fourth)
    assert [row["extract_id"] for row in of_grant(house, bus)] == [""]
    assert len({row["extract_id"] for row in of_grant(house, research)}) == 2


@pytest.mark.rule("A50-8")
def test_two_projects_of_one_recipient_do_not_join(house: House) -> None:
    one, other = (pseudonyms(house, house.prepared(BUS, grant=fresh_grant(house, BUS))) for _ in range(2))
    assert len(one) == len(other) > 500
    assert not one & other


@pytest.mark.rule("A50-8")
def test_no_dictionary_of_references_opens_a_pseudonym_without_the_key(house: House) -> None:
    grant = fresh_grant(house, BUS)
    found = pseudonyms(house, house.prepared(BUS, grant=grant))
    refs = _references(house)
    (row,) = of_grant(house, grant)
    public = ["", grant, row["application_id"], row["recipient"], row["key_id"], row["id"], "0" * 64]
    for reference in refs:
        body = reference.encode()
        guesses = {hashlib.new(name, body).hexdigest()[:32] for name in ("md5", "sha1", "sha256", "sm3")}
        for key in public:
            guesses |= {hmac.new(key.encode(), body, name).hexdigest()[:32] for name in ("sha256", "sm3")}
        assert not guesses & found


def test_a_retried_extract_has_the_key_it_had(house: House) -> None:
    grant_id = fresh_grant(house, RESEARCH)
    extract = house.prepared(RESEARCH, grant=grant_id)
    grant = house.services.applications.grant(grant_id)
    plan = plan_of(house.services.book, grant, extract.request)
    again = [keys_of(house).for_extract(extract, grant, plan) for _ in range(2)]
    assert {key.key_id for key in again if key} == {json.loads(extract.report)["pseudonym_key_id"]}
    assert len(of_grant(house, grant_id)) == 1


def test_of_two_workers_that_make_a_key_at_once_one_makes_it(house: House) -> None:
    grant_id = fresh_grant(house, BUS)
    extract = house.prepared(BUS, grant=grant_id)

    class Late(SqlPseudonymKeys):
        """Looks before the other worker's key is there, and again after."""

        looks = 0

        def newest(self, tx: Tx, scope: KeyScope) -> PseudonymKey | None:
            self.looks += 1
            return None if self.looks == 1 else super().newest(tx, scope)

    grant, late = house.services.applications.grant(grant_id), Late()
    plan = plan_of(house.services.book, grant, extract.request)
    found = replace(keys_of(house), rows=late).for_extract(extract, grant, plan)
    assert found is not None
    assert [row["key_id"] for row in of_grant(house, grant_id)] == [found.key_id]
    assert late.looks == 2
    assert len([e for e in house.entries("pseudonym.key_created") if e["links"]["grant"] == grant_id]) == 1


def test_making_a_key_is_an_entry_that_names_it_and_holds_nothing_of_it(house: House) -> None:
    grant = fresh_grant(house, BUS)
    extract = house.prepared(BUS, grant=grant)
    (entry,) = [e for e in house.entries("pseudonym.key_created") if e["links"]["grant"] == grant]
    (row,) = of_grant(house, grant)
    assert entry["facts"] == {
        "pseudonym_key": row["id"],
        "key_id": row["key_id"],
        "version": 1,
        "algorithm": "hmac-sha256",
        "longitudinal": True,
    }
    assert {"application", "approver", "extract", "executor", "recipient", "responsible"} <= set(entry["links"])
    assert json.loads(extract.report)["pseudonym_key_id"] == row["key_id"]


@pytest.mark.rule("A50-12")
def test_a_withdrawn_grant_takes_its_keys_with_it_for_good(own: House) -> None:
    grant_id = fresh_grant(own, BUS)
    extract = own.prepared(BUS, grant=grant_id)
    before = pseudonyms(own, extract)
    grant = own.services.applications.grant(grant_id)
    plan = plan_of(own.services.book, grant, extract.request)
    kept = {row["id"]: row["wrapped_salt"] for row in rows(own)}
    end(own, grant_id)
    assert not replace(keys_of(own), held=lambda _tx, key: key.grant == grant_id).destroy_ended()  # a legal hold
    assert keys_of(own).destroy_ended()
    assert not keys_of(own).destroy_ended()
    (row,) = of_grant(own, grant_id)
    assert (row["wrapped_salt"], bool(row["destroyed_at"])) == (None, True)
    (entry,) = own.entries("pseudonym.key_destroyed")
    assert entry["facts"]["reason"] == "withdrawn"
    assert entry["facts"]["key_id"] == row["key_id"]
    assert entry["links"]["grant"] == grant_id
    others = [other for other in rows(own) if other["grant_id"] != grant_id]
    assert others
    assert all(other["wrapped_salt"] == kept[other["id"]] for other in others)

    # whoever asks again, against all rules, gets another key: the link is gone
    again = keys_of(own).for_extract(extract, grant, plan)
    assert again is not None
    assert again.key_id != row["key_id"]
    assert not set(again(pl.Series(_references(own))).to_list()) & before
    assert [row["version"] for row in of_grant(own, grant_id)] == [1, 2]
    assert keys_of(own).destroy_ended()  # and it goes as well, in the next round


@pytest.mark.rule("A50-12")
def test_keys_go_when_the_grant_expires_and_not_before(own: House) -> None:
    grant = fresh_grant(own, BUS)
    own.prepared(BUS, grant=grant)
    last = own.services.applications.grant(grant).scope.valid_to
    days = (last - own.services.releases.today()).days
    own.clock.turn(days=days)
    keys_of(own).destroy_ended()
    assert of_grant(own, grant)[0]["wrapped_salt"]
    own.clock.turn(days=1)
    assert keys_of(own).destroy_ended()
    assert of_grant(own, grant)[0]["wrapped_salt"] is None
    reasons = {e["facts"]["reason"] for e in own.entries("pseudonym.key_destroyed") if e["links"]["grant"] == grant}
    assert reasons == {"expired"}


@pytest.mark.rule("A50-12")
def test_a_suspended_grant_keeps_its_key(own: House) -> None:
    grant = fresh_grant(own, BUS)
    own.prepared(BUS, grant=grant)
    own.services.applications.suspend_grant(APPROVER, grant, reason="核查中。")
    assert not keys_of(own).destroy_ended()
    assert of_grant(own, grant)[0]["wrapped_salt"]


@pytest.mark.rule("A50-12")
def test_a_used_up_grant_keeps_its_key_while_a_use_could_come_back(own: House) -> None:
    grant = fresh_grant(own, BUS, uses=1)
    extract = own.prepared(BUS, grant=grant)
    assert own.uses_left(grant) == 0
    assert not keys_of(own).destroy_ended()
    own.content(extract)
    own.clock.turn(hours=25)  # past the hours of the delivery
    own.services.releases.expire()
    assert own.extract(extract.id).state is ExtractState.EXPIRED
    assert keys_of(own).destroy_ended()
    assert own.entries("pseudonym.key_destroyed")[-1]["facts"]["reason"] == "used_up"


@pytest.mark.rule("A50-12")
def test_the_key_of_a_single_extract_goes_with_its_deletion(own: House) -> None:
    grant = fresh_grant(own, RESEARCH)
    first, second = (own.prepared(RESEARCH, grant=grant) for _ in range(2))
    own.content(first)
    own.certify(first)
    assert keys_of(own).destroy_ended()
    left = {row["extract_id"]: row["wrapped_salt"] is not None for row in of_grant(own, grant)}
    assert left == {first.id: False, second.id: True}
    assert own.entries("pseudonym.key_destroyed")[-1]["facts"]["reason"] == "deleted"


def test_the_worker_destroys_ended_keys_by_itself(own: House) -> None:
    grant = fresh_grant(own, BUS)
    own.prepared(BUS, grant=grant)
    end(own, grant)
    own.clock.turn(minutes=2)
    own.work()
    assert own.process.worker is not None
    (task,) = [task for task in own.process.worker.tasks if task.name == "ended pseudonym keys"]
    task.run._run()  # type: ignore[attr-defined]  # at once, whenever it is due
    assert of_grant(own, grant)[0]["wrapped_salt"] is None


def test_a_failing_log_destroys_nothing(own: House) -> None:
    grant = fresh_grant(own, BUS)
    own.prepared(BUS, grant=grant)
    end(own, grant)
    keys = keys_of(own)

    class Broken:
        def record(self, write: Any, entry: Any) -> Any:  # noqa: ANN401  as the journal
            def failing(tx: Tx) -> None:
                write(tx)
                raise UnavailableError("The log is gone.", detail_zh="日志不可用。")

            return own.process.services.releases.journal.record(failing, entry)

        def append(self, entry: EntryDraft) -> Any:  # noqa: ANN401  as the journal
            raise UnavailableError("The log is gone.", detail_zh="日志不可用。")

    with pytest.raises(UnavailableError):
        replace(keys, journal=cast("Any", Broken())).destroy_ended()
    assert of_grant(own, grant)[0]["wrapped_salt"]
    assert not own.entries("pseudonym.key_destroyed")
    assert keys.destroy_ended()
    assert len(own.entries("pseudonym.key_destroyed")) == 1


def test_a_salt_opens_in_its_own_row_and_under_its_own_root_only(own: House) -> None:
    grant_id = fresh_grant(own, BUS)
    extract = own.prepared(BUS, grant=grant_id)
    grant = own.services.applications.grant(grant_id)
    plan = plan_of(own.services.book, grant, extract.request)
    keys = keys_of(own)
    with pytest.raises(UnavailableError):
        replace(keys, root=bytes(32)).for_extract(extract, grant, plan)
    other = fresh_grant(own, BUS)
    own.prepared(BUS, grant=other)
    (mine,), (theirs,) = of_grant(own, grant_id), of_grant(own, other)
    engine = make_engine(own.settings.gateway_url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE pseudonym_keys SET wrapped_salt = :salt WHERE id = :id"),
            {"salt": theirs["wrapped_salt"], "id": mine["id"]},
        )
    engine.dispose()
    with pytest.raises(UnavailableError):
        keys.for_extract(extract, grant, plan)


def test_the_key_shows_nowhere(own: House) -> None:
    grant_id = fresh_grant(own, BUS)
    extract = own.prepared(BUS, grant=grant_id)
    grant = own.services.applications.grant(grant_id)
    keys = keys_of(own)
    key = keys.for_extract(extract, grant, plan_of(own.services.book, grant, extract.request))
    assert key is not None
    row = own.preparation().bench.scratch.write(
        lambda tx: SqlPseudonymKeys().newest(tx, KeyScope(grant.recipient, grant.application, None))
    )
    assert row is not None
    secret = keys._key(row)
    root = own.services.keyring.secret
    assert secret not in repr(key) + repr(keys) + repr(row) + repr(own.preparation())
    assert not any(hasattr(key, name) for name in ("__dict__", "key"))
    with pytest.raises(TypeError):
        pickle.dumps(key)
    written = "".join(json.dumps(entry) for entry in own.entries()) + extract.report + extract.manifest
    for salt in (secret, cast("bytes", row.wrapped_salt).hex()):
        assert salt not in written
    assert root is not None


def test_a_store_keeps_versions_apart_and_destroys_once(house: House) -> None:
    engine = make_engine(house.settings.gateway_url)
    store = SqlPseudonymKeys()
    scope = KeyScope(RecipientId("91140100MA0GXXXX0L"), ApplicationId("ap-store"), None)
    key = PseudonymKey(
        id=cast("Any", "pk-store-1"),
        scope=scope,
        grant=GrantId("gr-store"),
        version=1,
        algorithm="hmac-sm3",
        key_id="0123456789abcdef",
        created_at=house.clock(),
        wrapped_salt=b"\x00salt",
    )
    single = replace(key, id=cast("Any", "pk-store-2"), scope=replace(scope, extract=ExtractId("ex-store")))
    try:
        assert write_scratch(engine, lambda tx: store.add(tx, key))
        assert not write_scratch(engine, lambda tx: store.add(tx, replace(key, id=cast("Any", "pk-store-3"))))
        assert write_scratch(engine, lambda tx: store.add(tx, single))
        assert read_only(engine, lambda tx: store.newest(tx, scope)) == key
        assert read_only(engine, lambda tx: store.newest(tx, single.scope)) == single
        assert write_scratch(engine, lambda tx: store.destroy(tx, key.id, house.clock()))
        assert not write_scratch(engine, lambda tx: store.destroy(tx, key.id, house.clock()))
        gone = read_only(engine, lambda tx: store.newest(tx, scope))
        assert gone is not None
        assert gone.wrapped_salt is None
        assert gone.destroyed_at == house.clock()
        assert key.id not in {row.id for row in read_only(engine, store.standing)}
        assert single.id in {row.id for row in read_only(engine, store.standing)}
        newer = replace(key, id=cast("Any", "pk-store-4"), version=2)
        assert write_scratch(engine, lambda tx: store.add(tx, newer))
        assert read_only(engine, lambda tx: store.newest(tx, scope)) == newer
        assert write_scratch(engine, lambda tx: store.destroy(tx, newer.id, house.clock()))
        assert write_scratch(engine, lambda tx: store.destroy(tx, single.id, house.clock()))
    finally:
        engine.dispose()


def _references(house: House) -> list[str]:
    sharing = house.services.sharing
    assert sharing is not None
    with sharing.snapshot() as snapshot:
        batches = snapshot.batches(("subject_ref",), RowFilter(), batch_rows=10_000)
        return [value for batch in batches for value in batch.column("subject_ref").to_pylist()]
