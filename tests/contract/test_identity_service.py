"""Offer, issue, suspend, revoke, verify: the whole life of an identity, on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import pytest
from sqlalchemy import delete, select

from gateway.db import read_only
from gateway.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ParameterError,
    UnavailableError,
)
from gateway.identity import sd_jwt, store
from gateway.identity.claims import CLAIM_LABELS, grant_fields
from gateway.identity.errors import Reason
from gateway.identity.issuer_keys import FixedKeys
from gateway.identity.offline import verify_credential
from gateway.identity.records import ShardId, Status
from gateway.identity.store import IdentityStore
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from gateway.journal import Tx
from gateway.policies.errors import ScopeExceededError
from gateway.policies.records import Population
from gateway.principals import Principal
from rulebook.loader import load
from tests.factories import identity as houses
from tests.factories.identity import (
    ISSUER,
    LI,
    LIBRARY,
    PARTY,
    REGISTRAR,
    START,
    WANG,
    House,
    reason,
)

R = TypeVar("R")
house = houses.house


def test_an_identity_is_offered_issued_and_verified_online_and_offline(house: House) -> None:
    wallet = house.wallet()
    answer = house.ask(house.show(wallet, "stage", "school_name"), "stage", "school_name")
    assert answer.claims == {"stage": "junior", "school_name": "太原市第一示例中学"}
    assert answer.verified_at == START
    shown = house.show(wallet, "age_over_14", nonce="n-2")
    shard = house.service.settings.shard_of(status_reference_of(UnverifiedPresentation(shown)).uri)
    assert shard is not None
    report = verify_credential(
        shown,
        audience=LIBRARY,
        nonce="n-2",
        issuer=ISSUER,
        vct=house.service.settings.vct,
        jwks=house.service.jwks(),
        status_list_token=house.service.status_list_token(shard).token,
        now=house.clock(),
    )
    assert report.claims == {"age_over_14": True}
    assert [entry.kind for entry in house.journal.entries] == [
        "identity.offered", "identity.authorized", "identity.issued", "identity.verified"
    ]  # fmt: skip
    assert all(entry.subjects == (LI,) for entry in house.journal.entries)
    assert house.last().links == {"grant": "gr-1", "recipient": LIBRARY, "executor": "cl-library"}


@pytest.mark.rule("A50-14")
def test_a_batch_has_fresh_keys_salts_and_indices(house: House) -> None:
    wallet = house.wallet(count=10)
    references = [status_reference_of(UnverifiedPresentation(text)) for text, _ in wallet.held]
    assert len({(one.uri, one.index) for one in references}) == 10
    assert len({one.uri for one in references}) == 2
    assert len({key.thumbprint() for _, key in wallet.held}) == 10
    disclosures = [text for credential, _ in wallet.held for text in sd_jwt.split(credential).disclosures]
    assert len(set(disclosures)) == len(disclosures)


def test_suspension_and_resumption_follow_the_record(house: House) -> None:
    wallet = house.wallet()
    change = house.service.set_status_by_subject(LI, "suspended")
    assert (change.status, change.changed) == (Status.SUSPENDED, 3)
    assert {house.status_of(credential) for credential, _ in wallet.held} == {2}
    assert house.service.set_status_by_subject(LI, "suspended").changed == 0
    entries = len(house.journal.entries)
    assert house.service.set_status_by_subject(LI, "active").changed == 3
    assert len(house.journal.entries) == entries + 1
    assert {house.status_of(credential) for credential, _ in wallet.held} == {0}


@pytest.mark.rule("A50-15")
@pytest.mark.parametrize("state", ["withdrawn", "deceased", "graduated", "transferred-out"])
def test_the_end_of_a_record_revokes_for_good_and_touches_nobody_else(house: House, state: str) -> None:
    gone, stays = house.wallet(LI), house.wallet(WANG)
    house.service.set_status_by_subject(LI, state)
    assert house.service.set_status_by_subject(LI, "active").changed == 0
    assert {house.status_of(credential) for credential, _ in gone.held} == {1}
    assert {house.status_of(credential) for credential, _ in stays.held} == {0}


@pytest.mark.rule("A50-15")
def test_a_change_of_school_ends_the_credentials(house: House) -> None:
    wallet = house.wallet()
    assert house.service.set_status_by_subject(LI, "active", attributes_changed=True).changed == 3
    assert {house.status_of(credential) for credential, _ in wallet.held} == {1}


def test_a_whole_year_graduates_in_one_transaction(house: House) -> None:
    wallets = [house.wallet(LI), house.wallet(WANG)]
    assert house.service.set_status((LI, WANG), "graduated").changed == 6
    assert house.last().subjects == (LI, WANG)
    assert {house.status_of(text) for wallet in wallets for text, _ in wallet.held} == {1}


@pytest.mark.rule("A50-15")
@pytest.mark.parametrize("state", ["withdrawn", "deceased", "suspended", "graduated"])
def test_a_presentation_fails_at_once_when_the_record_is_not_active(house: House, state: str) -> None:
    shown = house.show(house.wallet(), "stage")
    house.pupils.rows[LI]["state"] = state  # the outbox event has not come yet
    assert reason(lambda: house.ask(shown, "stage")) is Reason.RECORD_NOT_ACTIVE
    entry = house.last()
    assert (entry.outcome, entry.facts["reason"], entry.facts["rule"]) == ("refused", "record_not_active", "A50-15")
    assert entry.subjects == (LI,)
    assert state not in repr(entry.facts)


def test_an_attribute_that_changed_fails_at_once(house: House) -> None:
    shown = house.show(house.wallet(), "school_name")
    house.pupils.rows[LI]["school_name"] = "太原市第二示例中学"
    assert reason(lambda: house.ask(shown, "school_name")) is Reason.ATTRIBUTE_CHANGED


def test_a_revoked_credential_fails_online_although_the_record_is_active(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    house.service.set_status_by_subject(LI, "active", attributes_changed=True)
    assert reason(lambda: house.ask(shown, "stage")) is Reason.REVOKED


@pytest.mark.rule("A50-14")
def test_without_a_standing_grant_nothing_is_answered(house: House) -> None:
    shown = house.show(house.wallet(), "stage", "grade")
    with pytest.raises(ForbiddenError):
        house.ask(shown, "grade")
    assert house.gate.asked == 0
    house.gate.granted.clear()
    with pytest.raises(ForbiddenError):
        house.ask(shown, "stage")
    assert house.gate.asked == 0


def test_who_may_not_ask_is_told_the_same_of_a_good_a_revoked_and_an_unknown_one(house: House) -> None:
    """A list is public, but that a credential was never issued here, or has ended, is not told at this door."""
    good, revoked, unknown = house.wallet(), house.wallet(WANG), house.wallet()
    thumbprint = unknown.held[0][1].thumbprint()
    with house.engine.begin() as connection:
        connection.execute(delete(store.credentials).where(store.credentials.c.holder_thumbprint == thumbprint))
    house.service.set_status_by_subject(WANG, "withdrawn")
    told = set()
    for wallet in (good, revoked, unknown):
        with pytest.raises(ForbiddenError) as caught:
            house.ask(house.show(wallet, "stage"), "stage", purpose="marketing")
        told.add((str(caught.value), caught.value.detail_zh, caught.value.rule, str(caught.value.extra)))
    assert len(told) == 1
    assert house.ask(house.show(good, "stage"), "stage").claims == {"stage": "junior"}
    assert reason(lambda: house.ask(house.show(revoked, "stage"), "stage")) is Reason.REVOKED


def test_a_grant_is_asked_for_in_the_names_of_the_release_profile() -> None:
    profile = load(Path(__file__).resolve().parents[2] / "config").profiles["identity-check"]
    known = {one.name for one in profile.fields}
    assert grant_fields(frozenset(CLAIM_LABELS) - {"enrolment_year"}) == known
    assert grant_fields(frozenset({"enrolment_year"})) == {"enrolment_year"}


@pytest.mark.rule("A50-14")
def test_only_the_claims_asked_for_are_answered(house: House) -> None:
    shown = house.show(house.wallet(), "stage", "grade", "school_name")
    assert house.ask(shown, "stage").claims == {"stage": "junior"}


def test_a_claim_that_was_not_disclosed_is_not_answered(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    assert reason(lambda: house.ask(shown, "stage", "school_name")) is Reason.MISSING_CLAIM


def test_a_presentation_is_answered_once(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    assert house.ask(shown, "stage").claims
    assert reason(lambda: house.ask(shown, "stage")) is Reason.REPLAYED
    assert house.last().facts["reason"] == "replayed"


def test_a_relying_party_cannot_use_what_was_shown_to_another(house: House) -> None:
    shown = house.show(house.wallet(), "stage", audience="91140000MA0OTHER00")
    with pytest.raises(ForbiddenError, match="audience"):
        house.ask(shown, "stage", audience="91140000MA0OTHER00")
    assert reason(lambda: house.ask(shown, "stage")) is Reason.WRONG_AUDIENCE
    assert house.last().outcome == "refused"


@pytest.mark.parametrize("party", [REGISTRAR, replace(PARTY, recipient=None), replace(PARTY, roles=frozenset())])
def test_who_is_no_relying_party_verifies_nothing(house: House, party: Principal) -> None:
    with pytest.raises(ForbiddenError):
        house.ask(house.show(house.wallet(), "stage"), "stage", party=party)
    assert house.last().outcome == "refused"


def test_unknown_claims_and_no_claims_are_refused(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    for claims in ((), ("name",), ("stage", "id_number")):
        with pytest.raises(ParameterError):
            house.ask(shown, *claims)


def test_a_credential_of_a_list_that_is_not_ours_is_unknown(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    with house.engine.begin() as connection:
        connection.execute(store.shards.delete())
    assert reason(lambda: house.ask(shown, "stage")) is Reason.UNKNOWN_CREDENTIAL


def test_a_credential_missing_from_the_index_is_unknown(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    with house.engine.begin() as connection:
        connection.execute(store.credentials.delete())
    assert reason(lambda: house.ask(shown, "stage")) is Reason.UNKNOWN_CREDENTIAL


def test_the_served_list_changes_its_etag_with_its_content(house: House) -> None:
    wallet = house.wallet(count=1)
    reference = status_reference_of(UnverifiedPresentation(wallet.held[0][0]))
    shard = house.service.settings.shard_of(reference.uri)
    assert shard is not None
    before = house.service.status_list_token(shard)
    assert house.service.status_list_token(shard) == before
    assert before.ttl == timedelta(hours=1)
    house.service.set_status_by_subject(LI, "suspended")
    assert house.service.status_list_token(shard).etag != before.etag
    with pytest.raises(NotFoundError):
        house.service.status_list_token(ShardId("none"))


def test_lists_are_signed_anew_before_their_ttl_and_an_expired_one_is_not_served(house: House) -> None:
    house.wallet()
    assert house.service.refresh_status_lists() == 0
    house.clock.pass_by(minutes=31)
    assert house.service.refresh_status_lists() == 2
    assert house.last().kind == "identity.status_published"
    with house.engine.connect() as connection:
        shard = ShardId(connection.execute(select(store.shards.c.id)).scalars().first() or "")
    house.clock.pass_by(hours=25)
    with pytest.raises(UnavailableError):
        house.service.status_list_token(shard)
    house.service.refresh_status_lists()
    assert house.service.status_list_token(shard).issued_at == house.clock()


def test_full_shards_close_and_new_ones_open(house: House) -> None:
    for _ in range(8):
        house.wallet(count=10)
    with house.engine.connect() as connection:
        used = connection.execute(select(store.shards.c.used)).scalars().all()
        entries = connection.execute(select(store.credentials.c.shard, store.credentials.c.status_index)).all()
    assert sum(used) == 80 == len({(shard, index) for shard, index in entries})
    assert max(used) <= 32
    assert len(used) >= 3


def test_sweeping_forgets_the_pupil_but_never_frees_an_index(house: House) -> None:
    wallet = house.wallet()
    house.clock.pass_by(days=16)
    assert house.service.sweep() == {"used_once": 1, "credentials": 3}
    assert house.issuing.sweep() == {"offers": 1, "accesses": 1}
    with house.engine.connect() as connection:
        rows = connection.execute(select(store.credentials.c.subject_ref, store.credentials.c.shard)).all()
    assert [row.subject_ref for row in rows] == [None] * 3
    references = [status_reference_of(UnverifiedPresentation(text)) for text, _ in wallet.held]
    entries = [(str(house.service.settings.shard_of(one.uri)), one.index) for one in references]
    assert read_only(house.engine, lambda tx: IdentityStore().taken(tx, entries)) == set(entries)
    assert house.service.set_status_by_subject(LI, "withdrawn").changed == 0


def test_a_face_without_the_key_verifies_and_refuses_to_issue(house: House) -> None:
    shown = house.show(house.wallet(), "stage")
    outside = replace(house.service, keys=FixedKeys(house.service.keys.verifying()))
    answer = outside.verify_online(
        UnverifiedPresentation(shown), PARTY, audience=str(LIBRARY), nonce="n-1", requested=frozenset({"stage"})
    )
    assert answer.claims == {"stage": "junior"}
    wallets = houses.issuing_of(outside)
    sent = house.sent(house.issuing.make_offer(LI, REGISTRAR))
    for call in (wallets.nonce, outside.refresh_status_lists, lambda: wallets.issue(sent, {})):
        with pytest.raises(UnavailableError, match="credential key"):
            call()


@pytest.mark.rule("A50-9")
@pytest.mark.parametrize(
    ("population", "dimension"),
    [
        (Population("140200", None, None, None), "territory"),
        (Population("140100", frozenset({"primary"}), None, None), "stages"),
        (Population("140100", None, None, frozenset({"2114000002"})), "schools"),
    ],
)
def test_a_pupil_beyond_the_grant_is_not_verified(house: House, population: Population, dimension: str) -> None:
    wallet = house.wallet()
    house.gate.population = population
    house.pupils.rows[LI]["state"] = "withdrawn"  # nor is it told whether the record is active
    with pytest.raises(ScopeExceededError) as caught:
        house.ask(house.show(wallet, "stage"), "stage")
    assert (caught.value.rule, caught.value.missing) == ("A50-9", (dimension,))
    entry = house.last()
    assert (entry.kind, entry.outcome, entry.subjects) == ("identity.verified", "refused", (LI,))
    assert (entry.facts["dimension"], entry.links["grant"]) == (dimension, "gr-1")
    house.gate.population = Population("140105", frozenset({"junior"}), None, None)
    house.pupils.rows[LI]["state"] = "active"
    assert house.ask(house.show(wallet, "stage", nonce="n-2"), "stage", nonce="n-2").claims == {"stage": "junior"}


def test_a_list_that_changed_meanwhile_is_not_overwritten(house: House) -> None:
    house.wallet()
    shard = read_only(house.engine, lambda tx: IdentityStore().open_shards(tx, 32))[0]
    with pytest.raises(ConflictError), house.engine.begin() as connection:
        IdentityStore().save_shard(cast("Tx", connection), shard, seen_version=shard.version - 1)


def test_an_entry_or_a_key_given_out_twice_is_a_conflict(house: House) -> None:
    house.wallet()
    issued = read_only(house.engine, lambda tx: IdentityStore().credentials_of(tx, (LI,), live_at=START))
    with pytest.raises(ConflictError), house.engine.begin() as connection:
        IdentityStore().add_credentials(cast("Tx", connection), issued[:1])
