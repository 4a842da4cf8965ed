"""Offers, tokens, credential requests and notifications: what a wallet gets, and every way in which it gets nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from gateway.accounts.dpop import Shown
from gateway.bootstrap.identity_issuing import may_offer
from gateway.errors import ConflictError, GatewayError, NotFoundError, ParameterError, UnavailableError
from gateway.identity import holder, jws, sd_jwt, store
from gateway.identity.errors import WalletRefusedError
from gateway.identity.issuing import store as issuing_store
from gateway.identity.issuing.offers import code_of as code_of_reference
from gateway.identity.issuing.records import MAX_TRIES, MadeOffer, Sent, TokenRequest
from gateway.identity.proofs import NONCE_TYP
from gateway.ids import AccountId, SubjectRef
from gateway.journal import EntryDraft, Receipt, Tx
from gateway.principals import AccountKind, Principal
from tests.factories import identity as houses
from tests.factories.identity import (
    CREDENTIAL_ENDPOINT,
    ISSUER,
    LI,
    REGISTRAR,
    STRANGER,
    TOKEN_ENDPOINT,
    WANG,
    House,
    SqlJournal,
    code_of,
    offered,
    proof,
    refused,
)

R = TypeVar("R")
house = houses.house
quick = houses.quick_house


def wrong_code(offer: MadeOffer) -> str:
    return f"{(int(offer.tx_code) + 1) % 10**6:06}"


# --- offers


def test_an_offer_tells_its_digits_apart_and_its_code_only_behind_the_link(quick: House) -> None:
    offer = offered(quick)
    assert (len(offer.tx_code), offer.tx_code.isdecimal()) == (6, True)
    assert offer.document["credential_configuration_ids"] == ["student"]
    grant = offer.document["grants"]["urn:ietf:params:oauth:grant-type:pre-authorized_code"]  # type: ignore[index]
    assert grant["tx_code"]["length"] == 6
    assert offer.link.startswith(f"{ISSUER}/wallet#credential_offer_uri=")
    assert offer.uri.startswith("openid-credential-offer://?credential_offer_uri=")
    for text in (offer.link, offer.uri, json.dumps(offer.document)):
        assert offer.tx_code not in text.replace(offer.address.rpartition("/")[2], "")
    reference = offer.address.rpartition("/")[2]
    assert code_of(offer) == code_of_reference(reference)
    assert quick.issuing.offer(reference) == offer.document


def test_entries_and_rows_hold_no_claim_code_token_or_credential(house: House) -> None:
    offer = offered(house)
    sent = house.sent(offer)
    batch = house.issue(sent, [proof(house)])
    text = repr([(entry.facts, entry.links, entry.policy) for entry in house.journal.entries])
    tables = (issuing_store.offers, issuing_store.accesses, store.credentials, store.once)
    with house.engine.connect() as connection:
        for table in tables:
            text += repr(connection.execute(select(table)).all())
    credential = batch.credentials[0]
    secrets = [code_of(offer), offer.address.rpartition("/")[2], sent.token, batch.notification_id, credential[:60]]
    for secret in (*secrets, "示例中学", "2114000001", "李", sd_jwt.split(credential).disclosures[0]):
        assert secret not in text
    # the six digits could stand in a digest by chance; their own digest must not be guessable from the row alone
    with house.engine.connect() as connection:
        row = connection.execute(select(issuing_store.offers.c.tx_hash)).scalar_one()
    assert row != hashlib.sha256(offer.tx_code.encode()).hexdigest()


@pytest.mark.parametrize("case", ["stranger", "unknown pupil", "not active"])
def test_an_offer_outside_ones_charge_gets_one_answer(quick: House, case: str) -> None:
    quick.pupils.rows[WANG]["state"] = "suspended"
    by = STRANGER if case == "stranger" else REGISTRAR
    subject = {"stranger": LI, "unknown pupil": SubjectRef("9" * 32), "not active": WANG}[case]
    with pytest.raises(NotFoundError, match="No active record of a pupil in your charge"):
        quick.issuing.make_offer(subject, by)
    assert quick.last().outcome == "refused"


def test_an_offer_of_an_unknown_configuration_is_refused(quick: House) -> None:
    with pytest.raises(ParameterError):
        quick.issuing.make_offer(LI, REGISTRAR, "teacher")


def test_a_reference_opens_nothing_once_the_offer_is_used_spent_or_expired(house: House) -> None:
    used, late, unknown = offered(house), offered(house), "0" * 32
    house.sent(used)
    for reference in (used.address.rpartition("/")[2], unknown):
        with pytest.raises(NotFoundError):
            house.issuing.offer(reference)
    house.clock.pass_by(hours=24)
    with pytest.raises(NotFoundError):
        house.issuing.offer(late.address.rpartition("/")[2])


def test_a_face_without_offers_says_so(quick: House) -> None:
    with pytest.raises(UnavailableError):
        replace(quick.issuing, offers=None).make_offer(LI, REGISTRAR)


def test_staff_offer_by_their_unit_families_by_their_bond_and_clients_never() -> None:
    parts: Any = SimpleNamespace(book=SimpleNamespace(divisions=SimpleNamespace(territory=lambda code: {code})))
    guardian = Principal(AccountId("gd-1"), AccountKind.GUARDIAN, frozenset())
    bonds = {("gd-1", LI), (REGISTRAR.account, LI), (houses.PARTY.account, LI)}
    for acts_for, expected in ((None, False), (lambda account, subject: (account, subject) in bonds, True)):
        may = may_offer(parts, acts_for)
        assert may(guardian, LI, houses.pupil()) is expected
        assert may(guardian, WANG, houses.pupil()) is False
        assert may(REGISTRAR, WANG, houses.pupil()) is True
        assert may(STRANGER, LI, houses.pupil()) is False
        assert may(houses.PARTY, LI, houses.pupil()) is False


# --- tokens


@pytest.mark.parametrize("case", ["replayed code", "expired offer", "unknown code"])
def test_a_code_that_does_not_hold_gets_no_token(house: House, case: str) -> None:
    offer = offered(house)
    asked = house.asked(offer)
    if case == "replayed code":
        house.sent(offer)
    if case == "expired offer":
        house.clock.pass_by(hours=24)
    if case == "unknown code":
        asked = replace(asked, code="guess")
    assert refused(lambda: house.issuing.redeem(asked)) == "invalid_grant"
    assert (house.last().kind, house.last().outcome) == ("identity.authorized", "refused")


def test_a_wrong_tx_code_counts_and_the_fifth_ends_the_offer(house: House) -> None:
    offer = offered(house)
    for _ in range(MAX_TRIES):
        assert refused(lambda: house.sent(offer, wrong_code(offer))) == "invalid_grant"
        assert house.last().facts["reason"] == "tx_code"
    assert refused(lambda: house.sent(offer)) == "invalid_grant"
    with pytest.raises(NotFoundError):
        house.issuing.offer(offer.address.rpartition("/")[2])


def test_a_right_tx_code_after_four_wrong_ones_gets_a_token(house: House) -> None:
    offer = offered(house)
    for _ in range(MAX_TRIES - 1):
        refused(lambda: house.sent(offer, wrong_code(offer)))
    assert house.issue(house.sent(offer), [proof(house)]).credentials


def test_guesses_at_the_same_time_get_no_more_tries_than_guesses_in_a_row(house: House) -> None:
    offer = offered(house)

    def guess(number: int) -> str:
        asked = replace(house.asked(offer), tx_code=f"{(int(offer.tx_code) + 1 + number) % 10**6:06}")
        return refused(lambda: house.issuing.redeem(asked))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(guess, range(12))) == {"invalid_grant"}
    judged = [one for one in house.journal.entries if one.facts.get("reason") == "tx_code"]
    assert len(judged) == MAX_TRIES
    assert refused(lambda: house.sent(offer)) == "invalid_grant"


def test_a_missing_tx_code_is_said_and_costs_no_try(quick: House) -> None:
    offer = offered(quick)
    for _ in range(MAX_TRIES + 1):
        assert refused(lambda: quick.issuing.redeem(replace(quick.asked(offer), tx_code=None))) == "invalid_request"
    assert quick.sent(offer).token


def test_a_missing_code_is_said(quick: House) -> None:
    assert refused(lambda: quick.issuing.redeem(TokenRequest(Shown(None, "POST", TOKEN_ENDPOINT)))) == "invalid_request"


def test_one_code_redeemed_by_many_at_once_gives_one_token(house: House) -> None:
    offer = offered(house)

    def redeem(_: int) -> str:
        try:
            house.sent(offer)
        except (WalletRefusedError, ConflictError) as error:
            return type(error).__name__
        return "token"

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(redeem, range(6))).count("token") == 1


@pytest.mark.parametrize(
    "details",
    ["{}", "[", '[{"type":"openid_credential"}]', '[{"type":"other","credential_configuration_id":"student"}]', "[]"],
)
def test_authorization_details_of_anything_else_are_refused(quick: House, details: str) -> None:
    asked = replace(quick.asked(offered(quick)), details=details)
    assert refused(lambda: quick.issuing.redeem(asked)) == "invalid_authorization_details"


def test_who_asks_with_authorization_details_gets_identifiers_and_must_use_them(house: House) -> None:
    wanted = '[{"type":"openid_credential","credential_configuration_id":"student"}]'
    answer = house.issuing.redeem(replace(house.asked(offered(house)), details=wanted))
    assert [detail["credential_identifiers"] for detail in answer.details] == [["student-record"]]
    sent = Sent(answer.value, "bearer", Shown(None, "POST", CREDENTIAL_ENDPOINT))
    assert refused(lambda: house.issue(sent, [proof(house)])) == "invalid_credential_request"
    wish: dict[str, object] = {"credential_identifier": "other", "proofs": {"jwt": [proof(house)]}}
    assert refused(lambda: house.issuing.issue(sent, wish)) == "unknown_credential_identifier"
    wish["credential_identifier"] = "student-record"
    assert house.issuing.issue(sent, wish).credentials


def bound(house: House, key: Any, method: str, uri: str, token: str | None = None) -> Shown:  # noqa: ANN401
    claims: dict[str, object] = {"htm": method, "htu": uri, "iat": int(house.clock().timestamp())}
    claims["jti"] = base64.urlsafe_b64encode(os.urandom(16)).decode()
    if token is not None:
        claims["ath"] = jws.encode(hashlib.sha256(token.encode()).digest())
    return Shown(jws.sign({"typ": "dpop+jwt", "jwk": jws.public_jwk(key)}, claims, key), method, uri)


def test_a_bound_token_serves_its_key_and_nobody_else(quick: House) -> None:
    key, thief = holder.make_key(), holder.make_key()
    shown = bound(quick, key, "POST", TOKEN_ENDPOINT)
    answer = quick.issuing.redeem(replace(quick.asked(offered(quick)), shown=shown))
    assert answer.bound
    other = replace(quick.asked(offered(quick, WANG)), shown=shown)
    assert refused(lambda: quick.issuing.redeem(other)) == "invalid_dpop_proof"  # one proof, one request
    token, at = answer.value, CREDENTIAL_ENDPOINT
    plain = Shown(None, "POST", at)
    assert refused(lambda: quick.issue(Sent(token, "bearer", plain), [proof(quick)])) == "invalid_token"
    assert refused(lambda: quick.issue(Sent(token, "dpop", plain), [proof(quick)])) == "invalid_dpop_proof"
    stolen = Sent(token, "dpop", bound(quick, thief, "POST", at, token))
    assert refused(lambda: quick.issue(stolen, [proof(quick)])) == "invalid_dpop_proof"
    own = Sent(token, "dpop", bound(quick, key, "POST", at, token))
    assert refused(lambda: quick.issue(own, [])) == "invalid_proof"
    assert refused(lambda: quick.issue(own, [proof(quick)])) == "invalid_dpop_proof"  # the proof was used
    assert quick.issue(Sent(token, "dpop", bound(quick, key, "POST", at, token)), [proof(quick)]).credentials


# --- credential requests


@pytest.mark.parametrize("case", ["unknown", "expired", "used", "scheme", "proof for an unbound one"])
def test_an_access_token_that_does_not_hold_gets_nothing(quick: House, case: str) -> None:
    sent = quick.sent(offered(quick))
    fresh = proof(quick)
    match case:
        case "unknown":
            sent = replace(sent, token="guess")
        case "expired":
            quick.clock.pass_by(minutes=10)
        case "used":
            quick.issue(sent, [proof(quick)])
        case "scheme":
            sent = replace(sent, scheme="basic")
        case _:
            shown = bound(quick, holder.make_key(), "POST", CREDENTIAL_ENDPOINT, sent.token)
            sent = replace(sent, scheme="dpop", shown=shown)
    assert refused(lambda: quick.issue(sent, [fresh])) == "invalid_token"
    assert (quick.last().kind, quick.last().outcome) == ("identity.issued", "refused")


def altered(house: House, part: str) -> str:
    """A key proof with one thing wrong."""
    key, now = holder.make_key(), int(house.clock().timestamp())
    header: dict[str, object] = {"typ": "openid4vci-proof+jwt", "jwk": jws.public_jwk(key)}
    payload: dict[str, object] = {"aud": ISSUER, "iat": now, "nonce": house.issuing.nonce()}
    match part:
        case "foreign aud":
            payload["aud"] = "https://other.example"
        case "two audiences":
            payload["aud"] = [ISSUER, "https://other.example"]
        case "no jwk":
            del header["jwk"]
        case "kid pointing nowhere":
            header["kid"] = "did:example:nobody#1"
            del header["jwk"]
        case "private jwk":
            header["jwk"] = {**jws.public_jwk(key), "d": jws.encode(bytes(32))}
        case "wrong typ":
            header["typ"] = "jwt"
        case "old":
            payload["iat"] = now - 301
        case "from the future":
            payload["iat"] = now + 61
        case "another's signature":
            return jws.sign(header, payload, holder.make_key())
        case "HS256" | "none":
            head = jws.encode(jws.dump({**header, "alg": part}).encode())
            body = jws.encode(jws.dump(payload).encode())
            public = json.dumps(jws.public_jwk(key)).encode()
            mark = hmac.digest(public, f"{head}.{body}".encode(), "sha256") if part == "HS256" else b""
            return f"{head}.{body}.{jws.encode(mark)}"
    return jws.sign(header, payload, key)


PARTS = (
    "foreign aud",
    "two audiences",
    "no jwk",
    "kid pointing nowhere",
    "private jwk",
    "wrong typ",
    "old",
    "from the future",
    "another's signature",
    "HS256",
    "none",
)


@pytest.mark.parametrize("part", PARTS)
def test_a_key_proof_that_does_not_hold_gets_no_credential(quick: House, part: str) -> None:
    sent = quick.sent(offered(quick))
    assert refused(lambda: quick.issue(sent, [altered(quick, part)])) == "invalid_proof"
    assert quick.last().subjects == (LI,)
    assert quick.issue(sent, [altered(quick, "nothing")]).credentials  # the token is still good


@pytest.mark.parametrize("nonce", ["made up", "expired", "replayed", "of another issuer", "missing"])
def test_a_nonce_that_does_not_hold_gets_no_credential(house: House, nonce: str) -> None:
    sent, value = house.sent(offered(house)), "made up"
    match nonce:
        case "expired":
            value = house.issuing.nonce()
            house.clock.pass_by(minutes=5)
        case "replayed":
            value = house.issuing.nonce()
            house.issue(house.sent(offered(house, WANG)), [proof(house, nonce=value)])
        case "of another issuer":
            payload = {"iss": ISSUER, "exp": int(house.clock().timestamp()) + 60, "jti": "1"}
            value = jws.sign({"typ": NONCE_TYP, "kid": house.service.keys.signing().kid}, payload, holder.make_key())
    sent_proof = proof(house, nonce=value)
    if nonce == "missing":
        key = holder.make_key()
        header = {"typ": "openid4vci-proof+jwt", "jwk": jws.public_jwk(key)}
        sent_proof = jws.sign(header, {"aud": ISSUER, "iat": int(house.clock().timestamp())}, key)
    assert refused(lambda: house.issue(sent, [sent_proof])) == "invalid_nonce"
    assert house.issue(sent, [proof(house)]).credentials


@pytest.mark.rule("A50-14")
def test_a_holder_key_serves_once(house: House) -> None:
    key = holder.make_key()
    house.issue(house.sent(offered(house)), [proof(house, key=key)])
    sent = house.sent(offered(house, WANG))
    assert refused(lambda: house.issue(sent, [proof(house, key=key)])) == "invalid_proof"
    assert house.last().facts["reason"] == "key_reused"
    nonce, twice = house.issuing.nonce(), holder.make_key()
    same = [proof(house, key=twice, nonce=nonce), proof(house, key=twice, nonce=nonce)]
    assert refused(lambda: house.issue(sent, same)) == "invalid_proof"
    assert house.issue(sent, [proof(house)]).credentials  # nothing was half-written


def test_more_proofs_than_the_batch_size_are_refused(quick: House) -> None:
    sent, nonce = quick.sent(offered(quick)), quick.issuing.nonce()
    many = [proof(quick, nonce=nonce) for _ in range(quick.service.settings.batch_size + 1)]
    assert refused(lambda: quick.issue(sent, many)) == "invalid_credential_request"
    assert len(quick.issue(sent, many[:-1]).credentials) == quick.service.settings.batch_size


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"credential_configuration_id": "teacher"}, "unknown_credential_configuration"),
        ({"credential_configuration_id": "guardian"}, "unknown_credential_configuration"),
        ({"credential_configuration_id": None}, "invalid_credential_request"),
        ({"credential_identifier": "student-record"}, "invalid_credential_request"),
        ({"format": "dc+sd-jwt"}, "invalid_credential_request"),
        ({"proof": {"proof_type": "jwt", "jwt": "x"}}, "invalid_credential_request"),
        ({"credential_response_encryption": {}}, "invalid_encryption_parameters"),
        ({"proofs": None}, "invalid_proof"),
        ({"proofs": {"jwt": []}}, "invalid_proof"),
        ({"proofs": {"attestation": ["x"]}}, "invalid_proof"),
        ({"proofs": {"jwt": ["x.y.z"]}}, "invalid_proof"),
        ({"proofs": {"jwt": ["x" * 4097]}}, "invalid_proof"),
        ({"proofs": {"jwt": [7]}}, "invalid_proof"),
    ],
)
def test_a_request_that_is_not_of_the_standard_is_told_its_error(
    quick: House, change: dict[str, object], code: str
) -> None:
    wish: dict[str, object] = {"credential_configuration_id": "student", "proofs": {"jwt": [proof(quick)]}}
    sent = quick.sent(offered(quick))
    assert refused(lambda: quick.issuing.issue(sent, {**wish, **change})) == code
    assert refused(lambda: quick.issuing.issue(sent, [wish])) == "invalid_credential_request"
    assert quick.issuing.issue(sent, wish).credentials


def test_a_pupil_who_left_gets_no_credential_for_an_old_token(quick: House) -> None:
    sent = quick.sent(offered(quick))
    quick.pupils.rows[LI]["state"] = "withdrawn"
    assert refused(lambda: quick.issue(sent, [proof(quick)])) == "credential_request_denied"
    assert (quick.last().facts["reason"], quick.last().facts["rule"]) == ("record_not_active", "A50-15")


def test_a_record_that_ends_while_issuing_leaves_no_valid_credential(house: House) -> None:
    sent = house.sent(offered(house))
    nonce = house.issuing.nonce()
    proofs = [proof(house, nonce=nonce) for _ in range(2)]

    def end() -> None:  # right after the service read the row as active
        house.pupils.rows[LI]["state"] = "deceased"

    house.pupils.on_read = end
    batch = house.issue(sent, proofs)
    assert [house.status_of(credential) for credential in batch.credentials] == [1, 1]


def test_one_token_used_by_many_at_once_gives_one_batch(house: House) -> None:
    sent = house.sent(offered(house))

    def fetch(_: int) -> str:
        try:
            house.issue(sent, [proof(house)])
        except (WalletRefusedError, ConflictError) as error:
            return type(error).__name__
        return "issued"

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fetch, range(6))).count("issued") == 1
    with house.engine.connect() as connection:
        assert len(connection.execute(select(store.credentials.c.id)).all()) == 1


def test_a_journal_that_cannot_write_leaves_nothing_issued(house: House) -> None:
    class Broken(SqlJournal):
        def record(self, write: Callable[[Tx], R], entry: EntryDraft | Callable[[R], EntryDraft]) -> tuple[R, Receipt]:
            with self.engine.begin() as connection:
                write(connection)  # type: ignore[arg-type]  # as the real one
                raise UnavailableError("The log cannot be written.")

    sent, fresh = house.sent(offered(house)), proof(house)
    wish = {"credential_configuration_id": "student", "proofs": {"jwt": [fresh]}}
    with pytest.raises(GatewayError):
        houses.issuing_of(house.service, journal=Broken(house.engine)).issue(sent, wish)
    with house.engine.connect() as connection:
        assert connection.execute(select(store.credentials.c.id)).all() == []
        assert connection.execute(select(store.shards.c.id)).all() == []
    assert house.issuing.issue(sent, wish).credentials
