"""The seal of a grant binds everything that was decided."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.errors import ConfigurationError
from gateway.keyring import Key, Keyring
from gateway.policies.codec import UNSIGNED, dump, signed_members
from gateway.policies.errors import GrantInvalidError
from gateway.policies.grants import TYPE, GrantSeal
from gateway.policies.records import Grant, GrantState, Population
from tests.factories import policies as make

SIGNED = make.seal().sign(make.grant())


def test_a_signed_grant_verifies_and_state_and_uses_may_change() -> None:
    seal = make.seal()
    assert seal.verify(SIGNED) == SIGNED
    seal.verify(replace(SIGNED, state=GrantState.WITHDRAWN, uses_left=0))


def altered(name: str, value: object) -> object:
    if name == "scope":
        return make.scope(population=Population("140000"))
    if name == "approved_at":
        return make.NOW + timedelta(microseconds=1)
    return f"{value}x"


@pytest.mark.parametrize("name", [field.name for field in fields(Grant) if field.name not in UNSIGNED])
def test_every_other_member_is_bound(name: str) -> None:
    changed = replace(SIGNED, **{name: altered(name, getattr(SIGNED, name))})  # type: ignore[arg-type]  # by name
    with pytest.raises(GrantInvalidError):
        make.seal().verify(changed)


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "research"},
        {"fields": ("county", "grade", "sex", "stage")},
        {"uses": 3},
        {"row_cap": 100_001},
        {"population": Population(make.CITY, stages=frozenset({"primary"}))},
    ],
)
def test_every_member_of_the_scope_is_bound(changes: dict[str, object]) -> None:
    with pytest.raises(GrantInvalidError):
        make.seal().verify(replace(SIGNED, scope=make.scope(**changes)))


@pytest.mark.parametrize("uses_left", [-1, 3])
def test_more_uses_than_were_granted_are_no_grant(uses_left: int) -> None:
    with pytest.raises(GrantInvalidError):
        make.seal().verify(replace(SIGNED, uses_left=uses_left))


def forged(header: dict[str, str], key: ECKey) -> Grant:
    return replace(SIGNED, jws=jws.serialize_compact(header, dump(signed_members(SIGNED)), key, algorithms=["ES256"]))


def test_another_key_or_type_or_key_id_is_refused() -> None:
    own = ECKey.import_key(make.keyring().signing(Key.GRANT))  # type: ignore[arg-type]  # the grant key is on P-256
    other = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))
    kid = own.thumbprint()
    make.seal().verify(forged({"alg": "ES256", "typ": TYPE, "kid": kid}, own))
    for header, key in (
        ({"alg": "ES256", "typ": TYPE, "kid": kid}, other),
        ({"alg": "ES256", "typ": "JWT", "kid": kid}, own),
        ({"alg": "ES256", "typ": TYPE, "kid": other.thumbprint()}, own),
        ({"alg": "ES256", "kid": kid}, own),
    ):
        with pytest.raises(GrantInvalidError):
            make.seal().verify(forged(header, key))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(GrantInvalidError):
        make.seal().verify(replace(SIGNED, jws=token))


def test_the_payload_says_what_a_person_can_check() -> None:
    token = jws.extract_compact(SIGNED.jws.encode())
    said = json.loads(token.payload)
    assert said["scope"]["population"]["territory"] == make.CITY
    assert said["approver"] == "st-approver"
    assert "state" not in said


def test_a_face_without_the_private_key_verifies_and_cannot_sign() -> None:
    public = Keyring({}, {}, {Key.GRANT: make.keyring().verifying(Key.GRANT)})
    seal = GrantSeal(public)
    seal.verify(SIGNED)
    with pytest.raises(ConfigurationError):
        seal.sign(make.grant())


def test_a_key_of_another_kind_stops_the_start() -> None:
    wrong = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(ConfigurationError):
        GrantSeal(Keyring({}, {Key.GRANT: wrong}, {Key.GRANT: wrong.public_key()}))


def test_the_token_is_not_shown() -> None:
    assert SIGNED.jws not in repr(SIGNED)
