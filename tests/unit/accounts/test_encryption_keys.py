"""Keys to encrypt to beside those that prove a client: checked as strictly, and good for nothing else."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.accounts.assertions import chosen_key
from gateway.accounts.jose import UnverifiedJwt, read
from gateway.accounts.keys import encryption_key, public_keys, usable_keys
from gateway.errors import ParameterError

SIGNING = ECKey.generate_key("P-256").as_dict(private=False)
SECRET = ECKey.generate_key("P-256")
TO_ENCRYPT = {**SECRET.as_dict(private=False), "use": "enc", "kid": "enc-1"}
RSA = RSAKey.generate_key(2048)


def header(kid: str | None) -> UnverifiedJwt:
    """Return an assertion that names a key; its signature is no matter here."""
    parts = [{"alg": "ES256", **({} if kid is None else {"kid": kid})}, {"sub": "cl-1"}]
    text = ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".AAAA"
    found = read(text)
    assert found is not None
    return found


def test_a_set_may_hold_keys_of_both_uses() -> None:
    keys = public_keys({"keys": [SIGNING, TO_ENCRYPT, {**RSA.as_dict(private=False), "use": "enc", "kid": "enc-2"}]})
    assert [(key["use"], key["alg"]) for key in keys] == [
        ("sig", "ES256"), ("enc", "ECDH-ES+A256KW"), ("enc", "RSA-OAEP-256"),
    ]  # fmt: skip
    found = encryption_key(keys)
    assert found is not None
    assert found["kid"] == "enc-1"
    assert encryption_key(public_keys({"keys": [SIGNING]})) is None


def test_a_key_to_encrypt_to_never_proves_a_client() -> None:
    keys = public_keys({"keys": [SIGNING, TO_ENCRYPT]})
    assert chosen_key(keys, header("enc-1")) is None
    assert chosen_key(keys, header(None)) == keys[0]  # the only one that signs
    assert chosen_key(keys, header(keys[0]["kid"])) == keys[0]


@pytest.mark.parametrize(
    "wrong",
    [
        SECRET.as_dict(private=True) | {"use": "enc"},
        RSA.as_dict(private=True) | {"use": "enc"},
        ECKey.generate_key("P-384").as_dict(private=False) | {"use": "enc"},
        {"kty": "RSA", "use": "enc", "n": urlsafe_b64encode(b"\xc5" * 128).decode(), "e": "AQAB"},  # 1024 bits
        OKPKey.generate_key("X25519").as_dict(private=False) | {"use": "enc"},
        OctKey.generate_key(256).as_dict() | {"use": "enc"},
        {**TO_ENCRYPT, "alg": "ECDH-ES"},
        {**TO_ENCRYPT, "x": "AAAA"},
        {**TO_ENCRYPT, "kid": ""},
        {"kty": "RSA", "use": "enc", "n": "!", "e": "AQAB"},
        RSA.as_dict(private=False) | {"use": "sig"},
    ],
)
def test_a_key_that_cannot_be_encrypted_to_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        public_keys({"keys": [SIGNING, wrong]})


@pytest.mark.parametrize(
    "keys",
    [[TO_ENCRYPT], [SIGNING, {**TO_ENCRYPT, "kid": SECRET.thumbprint()}, TO_ENCRYPT | {"kid": SECRET.thumbprint()}]],
)
def test_a_set_needs_a_key_that_signs_and_different_names(keys: list[dict[str, object]]) -> None:
    with pytest.raises(ParameterError):
        public_keys({"keys": keys})


def test_a_published_set_is_read_for_both_uses() -> None:
    found = usable_keys({"keys": [SIGNING, {**TO_ENCRYPT, "alg": "unknown"}, TO_ENCRYPT]})
    assert [key["use"] for key in found] == ["sig", "enc"]
