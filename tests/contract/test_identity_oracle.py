"""The reference implementation in Python reads what we issue and present, and we read what it makes."""

from __future__ import annotations

import json

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from gateway.identity import jws, sd_jwt
from tests.unit.identity.builders import AUDIENCE, ISSUER, LIST_URI, NONCE, NOW, VCT, Scene


def jwk_of(key: object, *, private: bool = False) -> JWK:
    return JWK.from_json(json.dumps(key.as_dict(private=private)))  # type: ignore[attr-defined]  # ECKey


def oracle(scene: Scene, presentation: str) -> dict[str, object]:
    verifier = SDJWTVerifier(presentation, lambda issuer, header: jwk_of(scene.signer.key), AUDIENCE, NONCE)
    payload: dict[str, object] = verifier.get_verified_payload()
    return payload


def test_the_reference_implementation_verifies_our_presentation() -> None:
    scene = Scene()
    payload = oracle(scene, scene.present("stage", "school_name", "age_over_14"))
    assert payload["school_name"] == "太原市第一示例中学"
    assert payload["age_over_14"] is False
    assert payload["status"] == {"status_list": {"idx": 5, "uri": LIST_URI}}
    assert "grade" not in payload
    assert "_sd" not in payload


def test_the_reference_implementation_refuses_a_tampered_one() -> None:
    scene = Scene()
    good = scene.present("stage", "age_over_14")
    parts = sd_jwt.split(good)
    header, payload, signature = parts.issuer_jwt.split(".")
    other = "A" if signature[10] != "A" else "B"
    forged = sd_jwt.Parts(f"{header}.{payload}.{signature[:10]}{other}{signature[11:]}", parts.disclosures, "")
    with pytest.raises(Exception, match=r"(?i)verif|signature"):
        oracle(scene, scene.bind(forged.sd_jwt))
    with pytest.raises(ValueError, match=r"(?i)hash|digest"):
        oracle(scene, sd_jwt.Parts(parts.issuer_jwt, parts.disclosures[:1], "").sd_jwt + parts.key_binding)


def test_we_verify_what_the_reference_implementation_issues_and_presents() -> None:
    scene = Scene()
    claims = {
        "iss": ISSUER,
        "vct": VCT,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
        "status": {"status_list": {"idx": 7, "uri": LIST_URI}},
        SDObj("stage"): "senior",
        SDObj("school_name"): "大同市示例中学",
    }
    issuer = SDJWTIssuer(
        claims,
        jwk_of(scene.signer.key, private=True),
        jwk_of(scene.holder),
        sign_alg="ES256",
        extra_header_parameters={"typ": sd_jwt.TYP, "kid": scene.signer.kid},
    )
    wallet = SDJWTHolder(issuer.sd_jwt_issuance)
    wallet.create_presentation({"school_name": True}, NONCE, AUDIENCE, jwk_of(scene.holder, private=True), "ES256")
    # The library stamps the Key Binding JWT with its own clock, so ours binds the same SD-JWT anew.
    shown = sd_jwt.split(wallet.sd_jwt_presentation)
    assert jws.parse(shown.key_binding).payload["sd_hash"] == sd_jwt.digest(shown.sd_jwt)
    verified = scene.verify(scene.bind(shown.sd_jwt))
    assert verified.claims == {"school_name": "大同市示例中学"}
