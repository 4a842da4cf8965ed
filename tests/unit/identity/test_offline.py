"""Verification with the network cut, the holder, key proofs, states, and the published documents."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.errors import ConfigurationError, ConflictError, ParameterError
from gateway.identity import holder, jws, metadata, proofs
from gateway.identity.configurations import GUARDIAN, STUDENT
from gateway.identity.errors import CredentialRejectedError, KeyReuseError, ProofError, Reason
from gateway.identity.issuing import offers
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.lifecycle import ENDED, next_status, own_audiences, staff_may_offer, status_for_state
from gateway.identity.offline import OfflineReport, verify_credential
from gateway.identity.records import IdentitySettings, ShardId, Status
from gateway.ids import AccountId, RecipientId, UnitCode
from gateway.principals import AccountKind, Principal, Role
from tests.unit.identity.builders import AUDIENCE, ISSUER, NONCE, NOW, VCT, Scene, issuer_key, keys_of


def offline(scene: Scene, **changes: object) -> OfflineReport:
    arguments: dict[str, object] = {
        "presentation": scene.present("stage", "school_name"),
        "audience": AUDIENCE,
        "nonce": NONCE,
        "issuer": ISSUER,
        "vct": VCT,
        "jwks": keys_of(scene.signer).jwks(),
        "status_list_token": scene.list_token(),
        "now": NOW,
        **changes,
    }
    return verify_credential(arguments.pop("presentation"), **arguments)  # type: ignore[arg-type]  # any argument


def test_an_offline_report_says_the_claims_and_how_old_the_status_is() -> None:
    scene = Scene()
    report = offline(scene, now=NOW + timedelta(seconds=90))
    assert report.claims == {"stage": "junior", "school_name": "太原市第一示例中学"}
    # the list is signed in whole seconds
    assert report.status_age == timedelta(seconds=90)
    assert report.status_fresh
    text = json.loads(json.dumps(report.as_json(), ensure_ascii=False))
    assert text["status_age_seconds"] == 90
    assert text["status_ttl_seconds"] == 3600
    assert text["status_expires_at"] == "2026-11-24T02:17:41Z"


def test_a_stale_list_is_refused_offline_and_reported_when_accepted() -> None:
    scene = Scene()
    old = scene.list_token(now=NOW - timedelta(hours=5))
    with pytest.raises(CredentialRejectedError) as caught:
        offline(scene, status_list_token=old)
    assert caught.value.reason is Reason.STATUS_LIST_STALE
    report = offline(scene, status_list_token=old, accept_stale_status=True)
    assert not report.status_fresh
    assert report.as_json()["status_age_seconds"] == 5 * 3600


def test_files_with_a_final_newline_are_read() -> None:
    scene = Scene()
    assert offline(
        scene, presentation=scene.present("stage") + "\n", status_list_token=scene.list_token() + "\n"
    ).claims


@pytest.mark.parametrize(
    "jwks",
    [None, {}, {"keys": []}, {"keys": [1, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256"}]}, {"keys": "x"}],
)
def test_a_jwks_without_a_usable_key_says_so(jwks: object) -> None:
    with pytest.raises(ParameterError, match="JWKS"):
        offline(Scene(), jwks=jwks)


def test_a_jwks_with_one_kid_twice_is_refused() -> None:
    scene = Scene()
    key = {**jws.public_jwk(scene.signer.key), "kid": scene.signer.kid}
    with pytest.raises(ParameterError):
        offline(scene, jwks={"keys": [key, key]})


def test_a_retired_key_in_the_jwks_still_verifies_what_it_signed() -> None:
    scene = Scene()
    fresh = issuer_key()
    jwks = keys_of(fresh, scene.signer).jwks()
    assert offline(scene, jwks=jwks, status_list_token=scene.list_token(key=fresh)).kid == scene.signer.kid


def test_the_jwks_shows_public_members_only() -> None:
    listed = keys_of(issuer_key(), issuer_key()).jwks()["keys"]
    assert isinstance(listed, list)
    assert len(listed) == 2
    for key in listed:
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_an_issuer_key_must_be_p256() -> None:
    for wrong in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(ConfigurationError):
            IssuerKey.of(wrong)
        with pytest.raises(ConfigurationError):
            IssuerKeys.of([wrong.public_key()])
    private = ec.generate_private_key(ec.SECP256R1())
    assert IssuerKeys.of([private.public_key()]).by_kid.keys() == {IssuerKey.of(private).kid}


def test_a_wallet_presents_each_credential_once() -> None:
    scene = Scene()
    wallet = holder.Wallet(pending=[scene.holder])
    with pytest.raises(ParameterError):
        wallet.receive([])
    wallet.receive([scene.credential])
    with pytest.raises(ParameterError):
        wallet.present(["name"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    assert scene.verify(wallet.present(["stage"], audience=AUDIENCE, nonce=NONCE, now=NOW)).claims
    with pytest.raises(ConflictError):
        wallet.present(["stage"], audience=AUDIENCE, nonce=NONCE, now=NOW)


def test_good_proofs_yield_the_keys_in_order() -> None:
    keys = [holder.make_key(), holder.make_key()]
    texts = [holder.make_proof(key, audience=ISSUER, nonce="n", now=NOW) for key in keys]
    checked = proofs.check_proofs(texts, issuer=ISSUER, batch_size=2, now=NOW)
    assert [key.thumbprint for key in checked.keys] == [key.thumbprint() for key in keys]
    assert checked.nonce == "n"


@pytest.mark.parametrize(
    ("header", "payload", "part"),
    [
        ({"typ": "JWT"}, {}, "typ"),
        ({"jwk": None}, {}, "jwk"),
        ({}, {"aud": "https://other.example"}, "aud"),
        ({}, {"aud": [ISSUER]}, "aud"),
        ({}, {"iat": None}, "iat"),
        ({}, {"iat": int(NOW.timestamp()) - 301}, "iat"),
        ({}, {"iat": int(NOW.timestamp()) + 61}, "iat"),
        ({}, {"iat": True}, "iat"),
        ({}, {"nonce": None}, "nonce"),
    ],
)
def test_a_bad_proof_names_the_part(header: dict[str, object], payload: dict[str, object], part: str) -> None:
    key = holder.make_key()
    members = {"typ": metadata.PROOF_TYP, "jwk": jws.public_jwk(key), **header}
    claims = {"aud": ISSUER, "iat": int(NOW.timestamp()), "nonce": "n", **payload}
    text = jws.sign({name: value for name, value in members.items() if value is not None}, claims, key)
    with pytest.raises(ProofError) as caught:
        proofs.check_proofs([text], issuer=ISSUER, batch_size=1, now=NOW)
    assert caught.value.missing == (part,)


def test_a_proof_signed_by_another_key_is_refused() -> None:
    shown, used = holder.make_key(), holder.make_key()
    text = jws.sign(
        {"typ": metadata.PROOF_TYP, "jwk": jws.public_jwk(shown)},
        {"aud": ISSUER, "iat": int(NOW.timestamp()), "nonce": "n"},
        used,
    )
    with pytest.raises(ProofError) as caught:
        proofs.check_proofs([text], issuer=ISSUER, batch_size=1, now=NOW)
    assert caught.value.missing == ("signature",)


def test_a_batch_has_one_nonce_fresh_keys_and_a_limit() -> None:
    key, other = holder.make_key(), holder.make_key()
    one = holder.make_proof(key, audience=ISSUER, nonce="n", now=NOW)
    with pytest.raises(KeyReuseError):
        proofs.check_proofs([one, one], issuer=ISSUER, batch_size=10, now=NOW)
    with pytest.raises(ProofError):
        proofs.check_proofs(
            [one, holder.make_proof(other, audience=ISSUER, nonce="m", now=NOW)], issuer=ISSUER, batch_size=10, now=NOW
        )
    for texts in ([], [one] * 11):
        with pytest.raises(ProofError):
            proofs.check_proofs(texts, issuer=ISSUER, batch_size=10, now=NOW)


def test_a_nonce_is_the_issuers_and_expires() -> None:
    signer = issuer_key()
    keys = keys_of(signer)
    nonce = proofs.make_nonce(issuer=ISSUER, key=signer, random="r", now=NOW, life=timedelta(minutes=5))
    assert proofs.check_nonce(nonce, issuer=ISSUER, keys=keys, now=NOW) == NOW + timedelta(minutes=5)
    forged = proofs.make_nonce(issuer=ISSUER, key=issuer_key(), random="r", now=NOW, life=timedelta(minutes=5))
    later = NOW + timedelta(minutes=5)
    for text, now in ((forged, NOW), (nonce, later), ("n", NOW), (nonce[:-4] + "AAAA", NOW)):
        with pytest.raises(ProofError):
            proofs.check_nonce(text, issuer=ISSUER, keys=keys, now=now)
    # a credential's or a list's signature is no nonce
    with pytest.raises(ProofError):
        proofs.check_nonce(Scene(signer=signer).list_token(), issuer=ISSUER, keys=keys, now=NOW)


@pytest.mark.parametrize("state", ["deferred", "pre-registered", "late-entry", "suspended", "abroad", "no such state"])
def test_a_record_that_is_not_active_but_may_return_suspends(state: str) -> None:
    assert status_for_state(state) is Status.SUSPENDED


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_ended_record_revokes_for_good(state: str) -> None:
    assert status_for_state(state) is Status.INVALID
    assert next_status(Status.INVALID, "active", attributes_changed=False) is Status.INVALID


def test_resumption_restores_and_a_change_of_school_does_not() -> None:
    assert next_status(Status.SUSPENDED, "active", attributes_changed=False) is Status.VALID
    assert next_status(Status.SUSPENDED, "active", attributes_changed=True) is Status.INVALID
    assert next_status(Status.VALID, "suspended", attributes_changed=False) is Status.SUSPENDED


def principal(role: Role, unit: str | None) -> Principal:
    return Principal(AccountId("st-1"), AccountKind.STAFF, frozenset({role}), UnitCode(unit) if unit else None)


@pytest.mark.parametrize(
    ("role", "unit", "allowed"),
    [
        (Role.REGISTRAR, "2114000001", True),
        (Role.PRINCIPAL, "2114000001", True),
        (Role.REGISTRAR, "2114000002", False),
        (Role.REGISTRAR, "140100", True),
        (Role.PRINCIPAL, "140100", False),
        (Role.REGISTRAR, "140200", False),
        (Role.INSPECTOR, "2114000001", False),
        (Role.REGISTRAR, None, False),
    ],
)
def test_staff_offer_an_identity_to_pupils_in_their_charge(role: Role, unit: str | None, allowed: bool) -> None:
    territory = {"140100": frozenset({"140100", "140105"})}
    rule = staff_may_offer(lambda code: territory.get(code, frozenset()))
    row = {"school_code": "2114000001", "managing_authority": "140105"}
    assert rule(principal(role, unit), row) is allowed


def test_a_relying_party_has_only_its_own_audiences() -> None:
    client = Principal(
        AccountId("cl-1"),
        AccountKind.CLIENT,
        frozenset({Role.RELYING_PARTY}),
        recipient=RecipientId("91140000MA0EXAMPLE"),
    )
    assert own_audiences(client) == {"cl-1", "91140000MA0EXAMPLE"}


def test_the_published_documents_agree_with_the_credential() -> None:
    settings = IdentitySettings.at(ISSUER)
    assert settings.vct == VCT
    assert settings.shard_of(settings.status_uri(ShardId("ab"))) == "ab"
    assert settings.shard_of("https://other.example/v1/identity/status/ab") is None
    keys = keys_of(issuer_key())
    assert metadata.jwt_vc_issuer(settings, keys) == {"issuer": ISSUER, "jwks": keys.jwks()}
    document = metadata.type_metadata(settings, STUDENT)
    assert document["vct"] == VCT
    claims = document["claims"]
    assert isinstance(claims, list)
    assert all(claim["sd"] == "always" for claim in claims)
    assert {"stage", "age_over_14", "enrolment_status"} <= {claim["path"][0] for claim in claims}
    issuer = metadata.credential_issuer(settings)
    assert json.loads(json.dumps(issuer))["batch_credential_issuance"] == {"batch_size": 10}


def test_a_code_follows_from_its_reference_and_digits_are_kept_with_it_alone() -> None:
    first, second = offers.code_of("0" * 32), offers.code_of("1" * 32)
    assert first != second
    assert len(first) == 43
    assert offers.tx_hash(first, "000000") != offers.tx_hash(second, "000000")
    assert offers.code_hash(first) not in {offers.tx_hash(first, digits) for digits in ("", "000000")}


def test_a_guardians_claims_name_neither_child_nor_guardian() -> None:
    row = {"guardian_relation": "51", "stage": "primary", "name_masked": "李**", "guardian_name_masked": "李*"}
    claims = GUARDIAN.claims_of(row, date(2026, 11, 23))
    assert claims == {"guardian_relation": "51", "guardian_relation_name": "父亲", "child_stage": "primary"}
    assert set(claims) <= set(GUARDIAN.claims)
    assert GUARDIAN.claims_of({"stage": "primary"}, date(2026, 11, 23)) == {}
