"""A request for a presentation from the question to the one answer, on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey
from sqlalchemy import select

from gateway.errors import ConfigurationError, ForbiddenError, NotFoundError, ParameterError, UnavailableError
from gateway.identity import jws
from gateway.identity.presenting import certificate as certificates
from gateway.identity.presenting.records import LIFE, MAX_FETCHES, PresentationId, State
from gateway.identity.presenting.sealing import Box
from gateway.identity.presenting.service import sweep
from gateway.identity.presenting.store import presentations
from gateway.principals import Role
from tests.factories import identity, presenting
from tests.factories.identity import ISSUER, LI, LIBRARY, PARTY, REGISTRAR
from tests.factories.presenting import COUNTER, OTHER, PURPOSE, Desk, parameters_of

house, desk = identity.house, presenting.desk


def swept(desk: Desk) -> int:
    return sweep(desk.service.store, desk.service.scratch, desk.house.clock())


@pytest.mark.parametrize("mode", ["direct_post", "direct_post.jwt"])
def test_a_wallet_answers_a_request_and_the_asker_is_told_once(desk: Desk, mode: str) -> None:
    asked = desk.ask("stage", "age_over_14", mode=mode)
    assert desk.told(asked).state is State.FETCHED
    assert asked.send(asked.form(asked.show(desk.house.wallet())))
    told = desk.told(asked)
    assert (told.state, told.claims) == (State.ANSWERED, {"stage": "junior", "age_over_14": True})
    assert told.verified_at == desk.house.clock()
    again = desk.told(asked)
    assert (again.state, again.claims, again.read) == (State.ANSWERED, None, True)
    kinds = [one.kind for one in desk.house.journal.entries if "presentation" in one.kind]
    assert [kind.removeprefix("identity.presentation_") for kind in kinds] == ["requested", "closed", "read"]
    assert [one.kind for one in desk.house.journal.entries].count("identity.verified") == 1


def test_the_request_says_who_asks_for_what_and_the_certificate_is_its_name(desk: Desk) -> None:
    asked = desk.ask("age_over_14", mode="direct_post.jwt")
    header, payload = asked.token.header, asked.payload
    assert header["typ"] == "oauth-authz-req+jwt"
    (der,) = [base64.b64decode(one) for one in header["x5c"]]  # type: ignore[attr-defined]  # JSON
    client_id = "x509_hash:" + jws.encode(sha256(der).digest())
    assert payload["client_id"] == asked.made.client_id == client_id
    public = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    jws.check_signature(asked.token, ECKey.import_key(public))
    assert payload["aud"] == "https://self-issued.me/v2"
    assert payload["response_uri"] == f"{ISSUER}/v1/identity/presentations/{asked.id}/response"
    query = {
        "id": "student",
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [f"{ISSUER}/v1/identity/types/student/1"]},
        "claims": [{"path": ["age_over_14"]}],
    }
    assert payload["dcql_query"] == {"credentials": [query]}
    assert payload["verifier_info"][0]["data"]["purpose_zh"] == "学生身份核验"  # type: ignore[index]  # JSON
    assert payload["exp"] == int((desk.house.clock() + LIFE).timestamp())
    wanted = {"client_id": [client_id], "request_uri": [asked.made.request_uri]}
    assert parameters_of(asked.made.link) == wanted
    assert asked.made.uri.startswith("openid4vp://?client_id=x509_hash%3A")


def test_the_wallets_own_nonce_comes_back_in_the_request(desk: Desk) -> None:
    made = desk.service.make(PARTY, ["stage"])
    assert jws.parse(desk.service.request_object(made.id, "w-1")).payload["wallet_nonce"] == "w-1"
    assert "wallet_nonce" not in jws.parse(desk.service.request_object(made.id)).payload


def test_a_request_is_handed_out_a_few_times_and_not_after_its_time(desk: Desk) -> None:
    made = desk.service.make(PARTY, ["stage"])
    for _ in range(MAX_FETCHES):
        desk.service.request_object(made.id)
    late = desk.service.make(PARTY, ["stage"])
    desk.house.clock.pass_by(seconds=LIFE.total_seconds())
    for which in (made.id, late.id, PresentationId("pr-" + "0" * 32)):
        with pytest.raises(NotFoundError) as caught:
            desk.service.request_object(which)
        assert caught.value.detail == "There is no such request."


@pytest.mark.rule("A50-14")
def test_without_a_standing_grant_nothing_is_asked(desk: Desk) -> None:
    with pytest.raises(ForbiddenError):
        desk.service.make(PARTY, ["grade"])
    assert desk.house.last().outcome == "refused"
    with pytest.raises(ParameterError):
        desk.service.make(PARTY, ["name"])
    with pytest.raises(ParameterError):
        desk.service.make(PARTY, [])
    for stranger in (REGISTRAR, replace(COUNTER, roles=frozenset({Role.INSPECTOR})), replace(COUNTER, recipient=None)):
        with pytest.raises(ForbiddenError):
            desk.service.make(stranger, ["stage"])
        with pytest.raises(ForbiddenError):
            desk.service.choices(stranger)


def test_a_grant_that_ended_meanwhile_hands_out_no_request_and_answers_nothing(desk: Desk) -> None:
    asked = desk.ask("stage")
    form = asked.form(asked.show(desk.house.wallet()))
    waiting = desk.service.make(PARTY, ["stage"])
    del desk.house.gate.granted[LIBRARY, PURPOSE]
    with pytest.raises(NotFoundError):
        desk.service.request_object(waiting.id)
    assert asked.reason(form) == "not_granted"


def test_the_counter_may_ask_what_its_grant_covers(desk: Desk) -> None:
    (choice,) = desk.service.choices(COUNTER)
    assert set(choice.claims) == {"stage", "school_name", "school_code", "enrolment_status", "age_over_14"}
    asked = desk.ask("enrolment_status", who=COUNTER)
    assert asked.send(asked.form(asked.show(desk.house.wallet())))
    assert desk.told(asked, COUNTER).claims == {"enrolment_status": "active"}


def test_an_answer_is_told_to_its_asker_alone(desk: Desk) -> None:
    asked = desk.ask("stage")
    asked.send(asked.form(asked.show(desk.house.wallet())))
    for stranger in (OTHER, replace(PARTY, recipient=None)):
        with pytest.raises(NotFoundError):
            desk.told(asked, stranger)
        with pytest.raises(NotFoundError):
            desk.service.request(asked.id, stranger)
    assert desk.told(asked).claims == {"stage": "junior"}


def test_an_answer_that_nobody_reads_is_gone_after_five_minutes(desk: Desk) -> None:
    asked = desk.ask("stage")
    asked.send(asked.form(asked.show(desk.house.wallet())))
    desk.house.clock.pass_by(seconds=LIFE.total_seconds())
    assert (desk.told(asked).state, desk.told(asked).claims) == (State.EXPIRED, None)
    assert swept(desk) == 0
    with desk.house.engine.connect() as connection:
        assert connection.execute(select(presentations.c.answer)).scalar_one() is None
    desk.house.clock.pass_by(hours=2)
    assert swept(desk) == 1
    with pytest.raises(NotFoundError):
        desk.told(asked)


def test_i7_nothing_of_a_request_lies_open_in_its_row_or_in_the_log(desk: Desk) -> None:
    asked = desk.ask("school_name", mode="direct_post.jwt")
    asked.send(asked.form(asked.show(desk.house.wallet())))
    with desk.house.engine.connect() as connection:
        row = str(connection.execute(select(presentations)).one())
    for clear in (str(asked.payload["nonce"]), str(asked.payload["state"]), "示例中学", 'cl-library"'):
        assert clear not in row
        assert clear not in str([one.facts for one in desk.house.journal.entries])
    assert LI not in row
    with pytest.raises(UnavailableError):
        replace(desk.service, box=Box(b"x" * 32)).progress(asked.id, PARTY)


def test_of_many_readers_at_once_one_is_told(desk: Desk) -> None:
    asked = desk.ask("stage")
    asked.send(asked.form(asked.show(desk.house.wallet())))
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: desk.told(asked).claims, range(6)))
    assert [one for one in told if one is not None] == [{"stage": "junior"}]


def test_of_many_responses_at_once_one_is_verified(desk: Desk) -> None:
    asked = desk.ask("stage")
    wallet = desk.house.wallet(count=6)
    forms = [asked.form(asked.show(wallet)) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(asked.send, forms)) == 1
    assert desk.house.gate.asked == 1


def test_the_same_key_and_address_make_the_same_certificate() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    first = certificates.self_issued(private, ISSUER)
    assert certificates.self_issued(private, ISSUER).chain == first.chain
    assert certificates.self_issued(private, "https://other.example").client_id != first.client_id
    parsed = x509.load_der_x509_certificate(first.chain[0])
    assert parsed.not_valid_before_utc < datetime.now(UTC) < parsed.not_valid_after_utc
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xueji.example"]
    pem = x509.load_der_x509_certificate(first.chain[0]).public_bytes(Encoding.PEM)
    assert certificates.issued(private, pem).client_id == first.client_id
    for bad in (b"", b"no certificate", pem):
        key = ec.generate_private_key(ec.SECP256R1()) if bad == pem else private
        with pytest.raises(ConfigurationError):
            certificates.issued(key, bad)
