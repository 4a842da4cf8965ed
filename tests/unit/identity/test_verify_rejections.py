"""Every row that ours must reject (engineering notes, section 6), one named test each, and more."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gateway.identity import jws, sd_jwt, status_list
from gateway.identity.errors import TEXTS, CredentialRejectedError, Reason
from gateway.identity.verify import VerifiedClaims
from tests.unit.identity.builders import AUDIENCE, INDEX, LIFE, NONCE, NOW, Scene, disclosure, issuer_key


@pytest.fixture
def scene() -> Scene:
    return Scene()


def rejected(scene: Scene, presentation: str, **arguments: object) -> Reason:
    with pytest.raises(CredentialRejectedError) as caught:
        scene.verify(presentation, **arguments)  # type: ignore[arg-type]  # a test names any argument
    assert caught.value.extra["reason"] == caught.value.reason.value
    assert caught.value.detail_zh
    return caught.value.reason


def test_a_good_presentation_yields_the_disclosed_claims_and_no_other(scene: Scene) -> None:
    verified = scene.verify(scene.present("stage", "school_name", "age_over_14"))
    assert verified.claims == {"stage": "junior", "school_name": "太原市第一示例中学", "age_over_14": False}
    assert verified.status.status == 0
    assert verified.kid == scene.signer.kid


def test_nothing_but_verify_makes_verified_claims(scene: Scene) -> None:
    made = scene.verify(scene.present("stage"))
    with pytest.raises(TypeError, match="only verify"):
        VerifiedClaims(
            claims={"stage": "senior"},
            issuer=made.issuer,
            vct=made.vct,
            kid=made.kid,
            issued_at=made.issued_at,
            expires_at=made.expires_at,
            presented_at=made.presented_at,
            status_reference=made.status_reference,
            status=made.status,
            holder=made.holder,
        )


def test_every_reason_has_a_text_in_both_languages() -> None:
    assert TEXTS.keys() == set(Reason)
    for english, chinese in TEXTS.values():
        assert english.isascii()
        assert not chinese.isascii()


def test_alg_none_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    header, payload, _ = parts.issuer_jwt.split(".")
    unsigned = json.loads(jws.decode(header)) | {"alg": "none"}
    forged = f"{jws.encode(jws.dump(unsigned).encode())}.{payload}."
    text = sd_jwt.Parts(forged, parts.disclosures, "").sd_jwt
    assert rejected(scene, scene.bind(text)) is Reason.WRONG_ALGORITHM


def test_alg_none_in_the_key_binding_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    _, payload, _ = parts.key_binding.split(".")
    header = jws.encode(jws.dump({"alg": "none", "typ": "kb+jwt"}).encode())
    assert rejected(scene, f"{parts.sd_jwt}{header}.{payload}.") is Reason.WRONG_ALGORITHM


def test_hs256_with_the_public_key_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    header, payload, signature = parts.issuer_jwt.split(".")
    other = json.loads(jws.decode(header)) | {"alg": "HS256"}
    forged = f"{jws.encode(jws.dump(other).encode())}.{payload}.{signature}"
    assert rejected(scene, scene.bind(f"{forged}~{parts.disclosures[0]}~")) is Reason.WRONG_ALGORITHM


def test_an_altered_disclosure_is_rejected_with_the_key_binding_in_place(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("age_over_14"))
    altered = disclosure("age_over_14", True, salt=sd_jwt.parse_disclosure(parts.disclosures[0]).salt)
    text = sd_jwt.Parts(parts.issuer_jwt, (altered.encoded,), parts.key_binding)
    assert rejected(scene, text.sd_jwt + parts.key_binding) is Reason.UNREFERENCED_DISCLOSURE


def test_an_altered_disclosure_is_rejected_although_the_holder_signed_it(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("age_over_14"))
    altered = disclosure("age_over_14", True, salt=sd_jwt.parse_disclosure(parts.disclosures[0]).salt)
    text = sd_jwt.Parts(parts.issuer_jwt, (altered.encoded,), "").sd_jwt
    assert rejected(scene, scene.bind(text)) is Reason.UNREFERENCED_DISCLOSURE


def test_an_extra_disclosure_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    text = sd_jwt.Parts(parts.issuer_jwt, (*parts.disclosures, disclosure("role", "teacher").encoded), "").sd_jwt
    assert rejected(scene, scene.bind(text)) is Reason.UNREFERENCED_DISCLOSURE


def test_a_stripped_key_binding_is_rejected(scene: Scene) -> None:
    assert rejected(scene, sd_jwt.split(scene.present("stage")).sd_jwt) is Reason.KEY_BINDING_MISSING


def test_a_stripped_key_binding_is_rejected_when_the_verifier_gave_no_nonce(scene: Scene) -> None:
    stripped = sd_jwt.split(scene.present("stage")).sd_jwt
    assert rejected(scene, stripped, nonce="", audience="") is Reason.KEY_BINDING_MISSING


def test_an_empty_nonce_or_audience_never_matches(scene: Scene) -> None:
    assert rejected(scene, scene.present("stage", nonce=""), nonce="") is Reason.WRONG_NONCE
    assert rejected(scene, scene.present("stage", audience=""), audience="") is Reason.WRONG_AUDIENCE


def test_a_wrong_audience_is_rejected(scene: Scene) -> None:
    assert rejected(scene, scene.present("stage", audience="shop.example")) is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize("aud", ["shop.example", ["shop.example"], [], None, 1, {"a": 1}, [AUDIENCE, 1]])
@pytest.mark.parametrize("hidden", [False, True])
def test_a_credential_made_for_another_verifier_is_rejected(scene: Scene, aud: object, *, hidden: bool) -> None:
    """RFC 9901 section 7.1, step 6: also where the issuer made ``aud`` selectively disclosable."""
    one = disclosure("aud", aud)
    if hidden:
        credential = scene.resign(lambda payload: payload.update(_sd=[one.digest]), disclosures=(one.encoded,))
    else:
        credential = scene.resign(lambda payload: payload.update(aud=aud), disclosures=())
    assert rejected(scene, scene.bind(credential)) is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize("aud", [AUDIENCE, ["shop.example", AUDIENCE]])
def test_a_credential_made_for_this_verifier_is_accepted(scene: Scene, aud: object) -> None:
    credential = scene.resign(lambda payload: payload.update(aud=aud))
    assert scene.verify(scene.present("stage", credential=credential)).claims == {"stage": "junior"}


def test_two_audiences_are_rejected(scene: Scene) -> None:
    text = sd_jwt.split(scene.present("stage")).sd_jwt
    assert rejected(scene, scene.bind(text, aud=[AUDIENCE, "shop.example"])) is Reason.WRONG_AUDIENCE


def test_a_wrong_nonce_is_rejected(scene: Scene) -> None:
    assert rejected(scene, scene.present("stage", nonce="another")) is Reason.WRONG_NONCE


def test_an_expired_credential_is_rejected(scene: Scene) -> None:
    late = NOW + LIFE + timedelta(hours=1)
    token = scene.list_token(now=late)
    assert rejected(scene, scene.present("stage", now=late), now=late, list_token=token) is Reason.EXPIRED


def test_a_credential_without_exp_is_rejected(scene: Scene) -> None:
    credential = scene.resign(lambda payload: payload.pop("exp"))
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.MISSING_CLAIM


def test_a_credential_from_the_future_is_rejected(scene: Scene) -> None:
    early = NOW - timedelta(hours=1)
    assert rejected(scene, scene.present("stage", now=early), now=early) is Reason.NOT_YET_VALID


def test_nbf_in_the_future_is_rejected(scene: Scene) -> None:
    credential = scene.resign(lambda payload: payload.update(nbf=int(NOW.timestamp()) + 3600))
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.NOT_YET_VALID


@pytest.mark.parametrize("typ", ["vc+sd-jwt", "example+sd-jwt", "JWT", None])
def test_a_wrong_typ_is_rejected(scene: Scene, typ: str | None) -> None:
    credential = scene.resign(lambda payload: None, header={"typ": typ})
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.WRONG_TYPE


def test_a_wrong_key_binding_typ_is_rejected(scene: Scene) -> None:
    text = sd_jwt.split(scene.present("stage")).sd_jwt
    assert rejected(scene, scene.bind(text, header={"typ": "JWT"})) is Reason.KEY_BINDING_TYPE


def test_an_old_key_binding_is_rejected(scene: Scene) -> None:
    later = NOW + timedelta(seconds=301)
    assert rejected(scene, scene.present("stage"), now=later) is Reason.KEY_BINDING_TIME


def test_a_key_binding_of_300_seconds_is_accepted(scene: Scene) -> None:
    assert scene.verify(scene.present("stage"), now=NOW.replace(microsecond=0) + timedelta(seconds=300)).claims


def test_a_key_binding_without_iat_or_from_the_future_is_rejected(scene: Scene) -> None:
    text = sd_jwt.split(scene.present("stage")).sd_jwt
    assert rejected(scene, scene.bind(text, iat=None)) is Reason.KEY_BINDING_TIME
    assert rejected(scene, scene.bind(text, iat=int(NOW.timestamp()) + 61)) is Reason.KEY_BINDING_TIME


def test_another_holder_key_is_rejected(scene: Scene) -> None:
    assert rejected(scene, scene.present("stage", holder_key=Scene().holder)) is Reason.KEY_BINDING_SIGNATURE


def test_a_key_binding_moved_to_fewer_disclosures_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage", "grade"))
    fewer = sd_jwt.Parts(parts.issuer_jwt, parts.disclosures[:1], "").sd_jwt
    assert rejected(scene, fewer + parts.key_binding) is Reason.KEY_BINDING_HASH


@pytest.mark.parametrize(("status", "reason"), [(1, Reason.REVOKED), (2, Reason.SUSPENDED), (3, Reason.REVOKED)])
def test_a_revoked_or_suspended_credential_is_rejected(scene: Scene, status: int, reason: Reason) -> None:
    token = scene.list_token(status_list.put(scene.statuses, {INDEX: status}))
    assert rejected(scene, scene.present("stage"), list_token=token) is reason


def test_an_expired_status_list_is_rejected(scene: Scene) -> None:
    token = scene.list_token(now=NOW - timedelta(hours=24))
    assert (
        rejected(scene, scene.present("stage"), list_token=token, accept_stale_status=True)
        is Reason.STATUS_LIST_EXPIRED
    )


def test_a_stale_status_list_is_rejected_unless_it_is_accepted_on_purpose(scene: Scene) -> None:
    token = scene.list_token(now=NOW - timedelta(hours=2))
    assert rejected(scene, scene.present("stage"), list_token=token) is Reason.STATUS_LIST_STALE
    assert scene.verify(scene.present("stage"), list_token=token, accept_stale_status=True).claims


def test_a_status_list_whose_sub_is_not_the_uri_is_rejected(scene: Scene) -> None:
    token = scene.list_token(uri="https://xueji.example/v1/identity/status/other")
    assert rejected(scene, scene.present("stage"), list_token=token) is Reason.STATUS_LIST_SUBJECT


def test_a_status_list_of_a_wrong_typ_is_rejected(scene: Scene) -> None:
    payload = jws.parse(scene.list_token()).payload
    token = jws.sign({"typ": "JWT", "kid": scene.signer.kid}, payload, scene.signer.key)
    assert rejected(scene, scene.present("stage"), list_token=token) is Reason.STATUS_LIST_TYPE


def test_a_status_list_of_another_signer_is_rejected(scene: Scene) -> None:
    stranger = issuer_key()
    token = scene.list_token(key=stranger)
    assert rejected(scene, scene.present("stage"), list_token=token) is Reason.UNKNOWN_KEY
    payload = jws.parse(token).payload
    posing = jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid}, payload, stranger.key)
    assert rejected(scene, scene.present("stage"), list_token=posing) is Reason.STATUS_LIST_SIGNATURE


def test_an_index_beyond_the_status_list_is_rejected(scene: Scene) -> None:
    assert rejected(scene, scene.present("stage"), list_token=scene.list_token(bytes(1))) is Reason.STATUS_INDEX


def test_a_status_list_without_exp_is_rejected(scene: Scene) -> None:
    payload = {name: value for name, value in jws.parse(scene.list_token()).payload.items() if name != "exp"}
    token = jws.sign({"typ": status_list.TYP, "kid": scene.signer.kid}, payload, scene.signer.key)
    assert rejected(scene, scene.present("stage"), list_token=token) is Reason.STATUS_LIST_MALFORMED


def test_a_credential_without_a_status_is_rejected(scene: Scene) -> None:
    credential = scene.resign(lambda payload: payload.pop("status"))
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.MISSING_CLAIM


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_a_reserved_claim_name_in_a_disclosure_is_rejected(scene: Scene, name: str) -> None:
    bad = disclosure(name, ["x"])
    credential = scene.resign(lambda payload: payload.update(_sd=[bad.digest]), disclosures=(bad.encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.RESERVED_CLAIM_NAME


@pytest.mark.parametrize("name", ["nbf", "aka_vcts", "vct#integrity"])
def test_a_binding_claim_in_a_disclosure_is_rejected(scene: Scene, name: str) -> None:
    bad = disclosure(name, 0)
    credential = scene.resign(lambda payload: payload.update(_sd=[bad.digest]), disclosures=(bad.encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.RESERVED_CLAIM_NAME


@pytest.mark.parametrize("name", ["exp", "status", "cnf"])
def test_a_disclosure_that_overrides_a_visible_claim_is_rejected(scene: Scene, name: str) -> None:
    bad = disclosure(name, 9999999999)
    credential = scene.resign(lambda payload: payload.update(_sd=[bad.digest]), disclosures=(bad.encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.CLAIM_COLLISION


def test_a_digest_used_twice_is_rejected(scene: Scene) -> None:
    one = disclosure("stage", "junior")
    credential = scene.resign(lambda payload: payload.update(_sd=[one.digest, one.digest]), disclosures=(one.encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.REPEATED_DIGEST


def test_an_undisclosed_digest_used_twice_is_rejected(scene: Scene) -> None:
    decoy = sd_jwt.digest("decoy")
    credential = scene.resign(lambda payload: payload.update(_sd=[decoy], extra={"_sd": [decoy]}), disclosures=())
    assert rejected(scene, scene.bind(credential)) is Reason.REPEATED_DIGEST


def test_the_same_disclosure_twice_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    text = sd_jwt.Parts(parts.issuer_jwt, parts.disclosures * 2, "").sd_jwt
    assert rejected(scene, scene.bind(text)) is Reason.REPEATED_DIGEST


def test_digests_inside_status_or_cnf_are_rejected(scene: Scene) -> None:
    def decoy_in_status(payload: dict[str, object]) -> None:
        status = payload["status"]
        assert isinstance(status, dict)
        status["status_list"]["_sd"] = [sd_jwt.digest("decoy")]

    credential = scene.resign(decoy_in_status)
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.RESERVED_CLAIM_NAME


def test_a_weak_salt_is_rejected(scene: Scene) -> None:
    weak = disclosure("stage", "junior", salt="a" * 21)
    credential = scene.resign(lambda payload: payload.update(_sd=[weak.digest]), disclosures=(weak.encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.WEAK_SALT


def test_an_array_disclosure_in_the_place_of_a_claim_is_rejected(scene: Scene) -> None:
    encoded = jws.encode(jws.dump(["a" * 22, "junior"]).encode())
    credential = scene.resign(lambda payload: payload.update(_sd=[sd_jwt.digest(encoded)]), disclosures=(encoded,))
    assert rejected(scene, scene.bind(credential)) is Reason.MALFORMED_DISCLOSURE


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("iss", "https://other.example", Reason.WRONG_ISSUER),
        ("vct", "https://other.example/type", Reason.WRONG_VCT),
        ("_sd_alg", "md5", Reason.WRONG_HASH_ALGORITHM),
        ("cnf", {"kid": "x"}, Reason.MISSING_CLAIM),
        ("cnf", {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, Reason.MALFORMED),
        ("exp", True, Reason.MISSING_CLAIM),
        ("exp", 10**30, Reason.MISSING_CLAIM),
        ("status", {"status_list": {"idx": -1, "uri": "x"}}, Reason.MISSING_CLAIM),
        ("status", {"status_list": {"idx": True, "uri": "x"}}, Reason.MISSING_CLAIM),
        ("_sd", "text", Reason.MALFORMED),
        ("_sd", [1], Reason.MALFORMED),
    ],
)
def test_a_wrong_member_of_the_payload_is_rejected(scene: Scene, member: str, value: object, reason: Reason) -> None:
    credential = scene.resign(lambda payload: payload.update({member: value}))
    text = sd_jwt.Parts(sd_jwt.split(credential).issuer_jwt, (), "").sd_jwt
    assert rejected(scene, scene.bind(text)) is reason


def test_a_missing_kid_and_an_unknown_issuer_key_are_rejected(scene: Scene) -> None:
    credential = scene.resign(lambda payload: None, header={"kid": None})
    assert rejected(scene, scene.present("stage", credential=credential)) is Reason.UNKNOWN_KEY
    other = Scene()
    assert rejected(scene, other.present("stage")) is Reason.UNKNOWN_KEY


def test_a_stranger_who_uses_the_issuers_kid_is_rejected(scene: Scene) -> None:
    parts = sd_jwt.split(scene.present("stage"))
    payload = jws.parse(parts.issuer_jwt).payload
    forged = jws.sign({"typ": sd_jwt.TYP, "kid": scene.signer.kid}, payload, issuer_key().key)
    text = sd_jwt.Parts(forged, parts.disclosures, "").sd_jwt
    assert rejected(scene, scene.bind(text)) is Reason.BAD_SIGNATURE


def test_a_required_claim_that_was_not_disclosed_is_named(scene: Scene) -> None:
    with pytest.raises(CredentialRejectedError) as caught:
        scene.verify(scene.present("stage"), required=frozenset({"stage", "grade"}))
    assert (caught.value.reason, caught.value.missing) == (Reason.MISSING_CLAIM, ("grade",))


@pytest.mark.parametrize(
    "text", ["", "~", "a.b.c~", "a~~b", "一~二", "a.b.c~d~e", "e30.e30.AA~~x", "x" * 70_000, "~" * 100]
)
def test_rubbish_is_rejected_without_a_traceback(scene: Scene, text: str) -> None:
    assert rejected(scene, text) in {Reason.MALFORMED, Reason.KEY_BINDING_MISSING}


def test_a_payload_with_a_repeated_member_is_rejected(scene: Scene) -> None:
    header = jws.encode(jws.dump({"alg": "ES256", "typ": sd_jwt.TYP, "kid": scene.signer.kid}).encode())
    payload = jws.encode(b'{"iss":"a","iss":"b"}')
    assert rejected(scene, scene.bind(f"{header}.{payload}.{'A' * 86}~")) is Reason.MALFORMED


def test_errors_and_records_show_nothing_of_what_was_presented(scene: Scene) -> None:
    presentation = scene.present("school_name", nonce="wrong")
    with pytest.raises(CredentialRejectedError) as caught:
        scene.verify(presentation)
    verified = scene.verify(scene.present("school_name"))
    for text in (str(caught.value), repr(caught.value), repr(verified), NONCE and repr(verified.status)):
        assert "示例中学" not in text
        assert presentation[:40] not in text
