"""After a batch was issued: what wallets tell of it, and the guardian's credential."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from gateway.identity import jws, sd_jwt
from gateway.identity.issuing.records import Sent
from tests.factories import identity as houses
from tests.factories.identity import (
    ISSUER,
    LI,
    REGISTRAR,
    WANG,
    House,
    offered,
    proof,
    refused,
)

R = TypeVar("R")
house = houses.house
quick = houses.quick_house


# --- notifications


def notify(house: House, sent: Sent, identifier: str, event: str) -> None:
    house.issuing.notify(sent, {"notification_id": identifier, "event": event, "event_description": "任意文字"})


@pytest.mark.rule("A50-15")
@pytest.mark.parametrize(
    ("event", "status"), [("credential_accepted", 0), ("credential_failure", 1), ("credential_deleted", 1)]
)
def test_what_a_wallet_tells_is_kept_and_a_batch_it_has_not_is_ended(house: House, event: str, status: int) -> None:
    sent = house.sent(offered(house))
    nonce = house.issuing.nonce()
    batch = house.issue(sent, [proof(house, nonce=nonce), proof(house, nonce=nonce)])
    stays = house.wallet(WANG)
    house.clock.pass_by(days=7)  # a wallet deletes when its owner says so
    notify(house, sent, batch.notification_id, event)
    assert house.last().facts == {"offer": house.last().facts["offer"], "event": event, "ended": 2 * status}
    notify(house, sent, batch.notification_id, event)
    assert house.last().facts["ended"] == 0
    assert [house.status_of(one) for one in batch.credentials] == [status, status]
    assert {house.status_of(one) for one, _ in stays.held} == {0}
    assert "任意文字" not in repr(house.journal.entries)


def test_a_notification_for_another_batch_or_in_another_form_is_refused(house: House) -> None:
    first, second = house.sent(offered(house)), house.sent(offered(house, WANG))
    batch, other = house.issue(first, [proof(house)]), house.issue(second, [proof(house)])
    unused = house.sent(offered(house))
    for sent, identifier in ((first, other.notification_id), (first, "guess"), (unused, batch.notification_id)):
        assert refused(lambda: notify(house, sent, identifier, "credential_deleted")) == "invalid_notification_id"  # noqa: B023
    for document in (None, {}, {"notification_id": batch.notification_id}, {"notification_id": 7, "event": "x"}):
        assert refused(lambda: house.issuing.notify(first, document)) == "invalid_notification_request"  # noqa: B023
    assert refused(lambda: notify(house, first, batch.notification_id, "credential_lost")) == (
        "invalid_notification_request"
    )
    stranger = replace(first, token="guess")
    assert refused(lambda: notify(house, stranger, batch.notification_id, "credential_deleted")) == "invalid_token"
    house.clock.pass_by(seconds=(house.service.settings.credential_life + timedelta(hours=1)).total_seconds())
    assert refused(lambda: notify(house, first, batch.notification_id, "credential_deleted")) == "invalid_token"
    assert {house.status_of(one) for one in (*batch.credentials, *other.credentials)} == {0}


# --- the guardian's


def test_a_guardians_credential_names_nobody_and_follows_the_childs_record(quick: House) -> None:
    quick.pupils.rows[LI]["guardian_relation"] = "52"
    wallet = quick.wallet(count=1, configuration="guardian")
    credential = wallet.held[0][0]
    payload = jws.parse(sd_jwt.split(credential).issuer_jwt).payload
    assert payload["vct"] == f"{ISSUER}/v1/identity/types/guardian/1"
    claims = {one.name: one.value for one in map(sd_jwt.parse_disclosure, sd_jwt.split(credential).disclosures)}
    assert claims == {
        "guardian_relation": "52",
        "guardian_relation_name": "母亲",
        "child_stage": "junior",
        "child_grade": "22",
        "child_county": "140105",
        "child_enrolment_status": "active",
    }
    quick.service.set_status_by_subject(LI, "withdrawn")
    assert quick.status_of(credential) == 1


def test_a_pupil_without_a_known_guardian_gives_no_guardians_credential(quick: House) -> None:
    sent = quick.sent(quick.issuing.make_offer(LI, REGISTRAR, "guardian"))
    assert refused(lambda: quick.issue(sent, [proof(quick)], "guardian")) == "credential_request_denied"


def test_a_rare_relation_is_shown_as_a_guardians_alone(quick: House) -> None:
    quick.pupils.rows[LI]["guardian_relation"] = "97"
    credential = quick.wallet(count=1, configuration="guardian").held[0][0]
    claims = {one.name: one.value for one in map(sd_jwt.parse_disclosure, sd_jwt.split(credential).disclosures)}
    assert (claims["guardian_relation"], claims["guardian_relation_name"]) == ("99", "监护人")
