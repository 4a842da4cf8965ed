"""Certificates in ``x5c``: what the operator may put in, and what a verifier with an anchor believes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import openvc
import pytest
from cryptography import x509
from openvc.resolvers import default_status_list_token_resolver

from gateway.errors import ConfigurationError, ParameterError
from gateway.identity import chains, jws, sd_jwt
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.offline import OfflineReport, verify_credential
from tests.factories.certificates import Authority, pem_of
from tests.unit.identity.builders import AUDIENCE, ISSUER, NONCE, NOW, VCT, Scene, issuer_key, keys_of

ADDRESS = x509.UniformResourceIdentifier(ISSUER)
HOST = x509.DNSName("xueji.example")


class World:
    """An anchor, an authority below it, and an issuer whose key it certified."""

    def __init__(self, now: datetime = NOW, *names: x509.GeneralName, days: int = 365) -> None:
        self.anchor = Authority.anchor(now)
        self.authority = self.anchor.below(now)
        signer = issuer_key()
        self.leaf = self.authority.certify(signer.key.public_key, now, *(names or (ADDRESS,)), days=days)
        self.pem = pem_of(self.leaf, self.authority.certificate)
        self.scene = Scene(
            signer=replace(signer, x5c=chains.chain_of(self.pem, signer.key.public_key, ISSUER)), now=now
        )

    def report(self, *, anchors: bytes | None = None, presentation: str = "", **changes: object) -> OfflineReport:
        arguments: dict[str, object] = {
            "audience": AUDIENCE, "nonce": NONCE, "issuer": ISSUER, "vct": VCT, "now": self.scene.now,
            "status_list_token": self.scene.list_token(), **changes,
        }  # fmt: skip
        shown = presentation or self.scene.present("stage")
        return verify_credential(shown, anchors=anchors or self.anchor.pem, **arguments)  # type: ignore[arg-type]


def refused(call: Callable[[], object]) -> Reason:
    with pytest.raises(CredentialRejectedError) as caught:
        call()
    return caught.value.reason


def test_a_credential_and_its_list_show_their_chain_without_the_anchor() -> None:
    world = World()
    for token in (sd_jwt.split(world.scene.credential).issuer_jwt, world.scene.list_token()):
        header = jws.parse(token).header
        assert header["kid"] == world.scene.signer.kid
        shown = header["x5c"]
        assert isinstance(shown, list)
        assert [*shown] == [*world.scene.signer.x5c]
        assert len(shown) == 2
    assert world.scene.verify(world.scene.present("stage")).claims == {"stage": "junior"}  # pinned keys do as before
    assert "x5c" not in jws.parse(sd_jwt.split(Scene().credential).issuer_jwt).header


@pytest.mark.parametrize("name", [ADDRESS, HOST], ids=["address", "host"])
def test_who_pins_the_anchor_needs_no_jwks(name: x509.GeneralName) -> None:
    world = World(NOW, name)
    assert world.report().claims == {"stage": "junior"}
    assert world.report(anchors=Authority.anchor(NOW, "其他").pem + world.anchor.pem).claims == {"stage": "junior"}


def test_without_a_chain_to_the_anchor_nothing_is_believed() -> None:
    world, other = World(), World()
    assert refused(lambda: world.report(anchors=other.anchor.pem)) is Reason.UNTRUSTED_CERTIFICATE
    bare = Scene()
    assert (
        refused(lambda: world.report(presentation=bare.present("stage"), status_list_token=bare.list_token()))
        is Reason.UNTRUSTED_CERTIFICATE
    )
    unlisted = replace(world.scene.signer, x5c=())
    assert (
        refused(lambda: world.report(status_list_token=world.scene.list_token(key=unlisted)))
        is Reason.UNTRUSTED_CERTIFICATE
    )
    late = NOW + timedelta(days=2)
    short = World(NOW, ADDRESS, days=1)
    shown, token = short.scene.present("stage", now=late), short.scene.list_token(now=late)
    assert (
        refused(lambda: short.report(presentation=shown, status_list_token=token, now=late))
        is Reason.UNTRUSTED_CERTIFICATE
    )


def test_a_chain_of_one_key_does_not_cover_another() -> None:
    """A stranger copies the true certificates into the header of what it signed itself."""
    world, stranger = World(), issuer_key()
    parts = sd_jwt.split(world.scene.present("stage"))
    claims = jws.parse(parts.issuer_jwt).payload
    for kid in (world.scene.signer.kid, stranger.kid):
        header = {"typ": sd_jwt.TYP, "kid": kid, "x5c": [*world.scene.signer.x5c]}
        text = sd_jwt.Parts(jws.sign(header, claims, stranger.key), parts.disclosures, "").sd_jwt
        shown = world.scene.bind(text)
        expected = Reason.BAD_SIGNATURE if kid == world.scene.signer.kid else Reason.UNTRUSTED_CERTIFICATE
        assert refused(lambda shown=shown: world.report(presentation=shown)) is expected  # type: ignore[misc]


@pytest.mark.parametrize("x5c", [None, [], "text", [1], ["AAAA"], ["*"], ["MA=="] * 9])
def test_what_is_no_chain_is_refused_without_a_traceback(x5c: object) -> None:
    world = World()
    parts = sd_jwt.split(world.scene.present("stage"))
    token = jws.parse(parts.issuer_jwt)
    header = {**token.header, "x5c": x5c}
    del header["alg"]
    text = sd_jwt.Parts(jws.sign(header, token.payload, world.scene.signer.key), parts.disclosures, "").sd_jwt
    assert refused(lambda: world.report(presentation=world.scene.bind(text))) is Reason.UNTRUSTED_CERTIFICATE


def test_a_certificate_for_another_address_is_refused() -> None:
    world = World()
    signer = world.scene.signer
    elsewhere = world.authority.certify(signer.key.public_key, NOW, x509.DNSName("other.example"))
    pem = pem_of(elsewhere, world.authority.certificate)
    shown = chains.chain_of(pem, signer.key.public_key, "https://other.example")
    scene = Scene(signer=replace(signer, x5c=shown))
    assert (
        refused(lambda: world.report(presentation=scene.present("stage"), status_list_token=scene.list_token()))
        is Reason.UNTRUSTED_CERTIFICATE
    )


def test_either_keys_or_anchors_are_pinned() -> None:
    world = World()
    with pytest.raises(ParameterError):
        world.report(jwks=keys_of(world.scene.signer).jwks())
    with pytest.raises(ParameterError):
        world.report(anchors=b"no certificate")


def test_an_operator_is_told_what_is_wrong_with_a_chain() -> None:
    world, other = World(), World()
    key = world.scene.signer.key.public_key
    unnamed = world.authority.certify(key, NOW)
    for pem, why in (
        (b"", "no certificates"),
        (world.pem * 3, "more than"),
        (other.pem, "another key"),
        (pem_of(unnamed, world.authority.certificate), "does not name"),
        (world.pem + world.anchor.pem, "trust anchor"),
        (pem_of(world.leaf, other.authority.certificate), "in order"),
    ):
        with pytest.raises(ConfigurationError, match=why) as caught:
            chains.chain_of(pem, key, ISSUER)
        assert caught.value.detail_zh


def test_openvc_believes_the_same_chain() -> None:
    world = World(datetime.now(UTC))
    policy = openvc.VerificationPolicy(audience=AUDIENCE, nonce=NONCE, require_key_binding=True, expected_vct=VCT)
    keys = {"issuer": ISSUER, "jwks": keys_of(world.scene.signer).jwks()}
    listed = default_status_list_token_resolver(
        fetch=lambda _uri: world.scene.list_token(), jwt_vc_issuer_fetch=lambda _url: keys
    )
    ask = partial(openvc.verify_credential, world.scene.present("stage"), policy=policy)
    assert ask(x5c_trust_anchors=[world.anchor.certificate], resolve_status_list_token=listed).key_bound
    stranger = Authority.anchor(datetime.now(UTC))
    with pytest.raises(openvc.OpenvcError):
        ask(x5c_trust_anchors=[stranger.certificate], resolve_status_list_token=listed)
