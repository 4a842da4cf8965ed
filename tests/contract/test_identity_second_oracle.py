"""openvc-core, a verifier from outside, against a real issuer: it agrees on what counts, and we read what it makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openvc
import pytest
from click.testing import CliRunner
from openvc.keys import P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite, disclosure_digest
from openvc.resolvers import default_status_list_token_resolver
from openvc.status.token_status_list import TokenStatusRef, TokenStatusResult

from gateway.cli import cli
from gateway.errors import ParameterError
from gateway.identity import jws, sd_jwt
from gateway.identity.errors import Reason
from gateway.identity.verify import UnverifiedPresentation, status_reference_of
from tests.databases import make_tables
from tests.factories.identity import ISSUER, LI, LIBRARY, WANG, House, make_house, reason
from tests.unit.identity.builders import AUDIENCE, LIST_URI, NONCE, VCT, Scene, keys_of
from tests.unit.identity.test_chains import World as Chained


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An issuer of today: openvc has no clock to set."""
    url = f"sqlite:///{tmp_path_factory.mktemp('oracle')}/gateway.db"
    make_tables(url)
    for house in make_house(url):
        house.clock.moment = datetime.now(UTC)
        yield house


def ask(house: House, presentation: str, **changes: object) -> openvc.VerificationResult:
    """Have openvc verify with the documents that the issuer publishes: metadata with keys, and its status list."""
    published = house.service.jwt_vc_issuer()

    def status_list(uri: str) -> str:
        shard = house.service.settings.shard_of(uri)
        assert shard is not None
        return house.service.status_list_token(shard).token

    policy = openvc.VerificationPolicy(
        audience=LIBRARY,
        nonce="n-1",
        expected_vct=VCT,
        require_key_binding=True,
        require_status_issuer_binding=True,
        now=house.clock(),
    )
    return openvc.verify_credential(
        presentation,
        policy=replace(policy, **changes),  # type: ignore[arg-type]  # a test names any member
        jwt_vc_issuer_fetch=lambda _url: published,
        resolve_status_list_token=default_status_list_token_resolver(
            fetch=status_list, jwt_vc_issuer_fetch=lambda _url: published
        ),
    )


def test_openvc_verifies_what_we_issue_and_sees_what_was_disclosed(world: House) -> None:
    wallet = world.wallet(count=2)
    shown = world.show(wallet, "stage", "school_name", "age_over_14")
    found = ask(world, shown)
    assert found.key_bound
    assert found.issuer == ISSUER
    reference = status_reference_of(UnverifiedPresentation(shown))
    assert isinstance(found.status, TokenStatusResult)
    assert (found.status.ref, found.status.status) == (TokenStatusRef(reference.uri, reference.index), 0)
    assert found.claims is not None
    assert (found.claims["stage"], found.claims["school_name"]) == ("junior", "太原市第一示例中学")
    assert found.claims["age_over_14"] is (world.clock().date() >= datetime(2026, 3, 2, tzinfo=UTC).date())
    assert not {"grade", "county", "enrolment_year", "_sd", "_sd_alg"} & found.claims.keys()


def test_openvc_sees_suspension_return_and_the_end_as_we_do(world: House) -> None:
    wallet = world.wallet(WANG, count=4)
    world.service.set_status_by_subject(WANG, "suspended")
    with pytest.raises(openvc.OpenvcError, match="suspended"):
        ask(world, world.show(wallet, "stage"))
    world.service.set_status_by_subject(WANG, "active")
    assert ask(world, world.show(wallet, "stage")).key_bound
    world.service.set_status_by_subject(WANG, "withdrawn")
    with pytest.raises(openvc.OpenvcError, match="revoked"):
        ask(world, world.show(wallet, "stage"))


def test_openvc_refuses_a_credential_of_a_key_that_is_no_longer_published(world: House) -> None:
    shown = world.show(world.wallet(LI), "stage")
    world.keys.compromise(world.keys.source.signing().kid, None)
    assert world.keys.source.signing().kid in str(world.service.jwks())
    with pytest.raises(openvc.OpenvcError):
        ask(world, shown)
    assert reason(lambda: world.ask(shown, "stage")) is Reason.UNKNOWN_KEY


def issued_by_openvc(scene: Scene, **changes: object) -> tuple[str, P256SigningKey]:
    """A credential of openvc in our profile, and the holder's key as openvc has it."""
    signer = P256SigningKey.from_jwk(scene.signer.key.as_dict(private=True), scene.signer.kid)
    holder = P256SigningKey.from_jwk(scene.holder.as_dict(private=True), "holder")
    claims: dict[str, object] = {
        "iss": ISSUER,
        "status": {"status_list": {"idx": 9, "uri": LIST_URI}},
        "stage": "senior",
        "school_name": "大同市示例中学",
        "age_over_18": False,
        **changes,
    }
    credential = SdJwtVcProofSuite().issue(
        claims,
        signing_key=signer,
        disclosable=("stage", "school_name", "age_over_18"),
        holder_jwk=jws.public_jwk(scene.holder),
        vct=VCT,
        expires_in_s=3600,
        decoys=5,
    )
    return credential, holder


def test_we_verify_what_openvc_issues_and_presents() -> None:
    scene = Scene(now=datetime.now(UTC))
    credential, holder = issued_by_openvc(scene)
    shown = SdJwtVcProofSuite().create_presentation(credential, holder_key=holder, audience=AUDIENCE, nonce=NONCE)
    verified = scene.verify(shown)
    assert verified.claims == {"stage": "senior", "school_name": "大同市示例中学", "age_over_18": False}
    assert verified.status_reference.index == 9
    assert verified.holder_thumbprint == scene.holder.thumbprint()
    ours = scene.present("school_name", credential=credential)  # and our holder presents openvc's credential
    assert scene.verify(ours).claims == {"school_name": "大同市示例中学"}


@pytest.mark.parametrize(
    ("member", "reason_given"),
    [("status", Reason.MISSING_CLAIM), ("exp", Reason.MISSING_CLAIM), ("_sd_alg", Reason.WRONG_HASH_ALGORITHM)],
)
def test_what_our_profile_asks_above_openvc_is_refused(member: str, reason_given: Reason) -> None:
    scene = Scene(now=datetime.now(UTC))
    credential, holder = issued_by_openvc(scene)
    poorer = replace_payload(scene, credential, lambda payload: payload.pop(member))
    shown = SdJwtVcProofSuite().create_presentation(poorer, holder_key=holder, audience=AUDIENCE, nonce=NONCE)
    assert reason(lambda: scene.verify(shown)) is reason_given
    key = jws.public_jwk(scene.signer.key)
    found = SdJwtVcProofSuite().verify(
        shown, public_key_jwk=dict(key), audience=AUDIENCE, nonce=NONCE, require_key_binding=True
    )
    assert found.key_bound


def replace_payload(scene: Scene, credential: str, change: Callable[[dict[str, object]], object]) -> str:
    """Return ``credential`` with a changed payload, signed by the scene's issuer."""
    parts = sd_jwt.split(credential)
    token = jws.parse(parts.issuer_jwt)
    payload = dict(token.payload)
    change(payload)
    header = {name: value for name, value in token.header.items() if name != "alg"}
    return sd_jwt.Parts(jws.sign(header, payload, scene.signer.key), parts.disclosures, "").sd_jwt


def test_the_shell_verifies_by_an_anchor_or_by_keys_and_by_one_of_them_alone(tmp_path: Path) -> None:
    world = Chained(datetime.now(UTC))
    files = {
        "presentation.txt": world.scene.present("stage").encode(),
        "status.jwt": world.scene.list_token().encode(),
        "anchor.pem": world.anchor.pem,
        "jwks.json": json.dumps(keys_of(world.scene.signer).jwks()).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    words = ["verify-credential", str(tmp_path / "presentation.txt"), "--aud", AUDIENCE, "--nonce", NONCE]
    words += ["--issuer", ISSUER, "--vct", VCT, "--status-list", str(tmp_path / "status.jwt")]
    anchor, keys = ["--anchor", str(tmp_path / "anchor.pem")], ["--jwks", str(tmp_path / "jwks.json")]
    for pinned in (anchor, keys):
        done = CliRunner().invoke(cli, [*words, *pinned])
        assert done.exit_code == 0, done.output
        assert json.loads(done.output)["claims"] == {"stage": "junior"}
    for pinned in ([], [*anchor, *keys]):
        done = CliRunner().invoke(cli, [*words, *pinned])
        assert isinstance(done.exception, ParameterError)


def test_openvc_and_we_tell_the_same_disclosures_apart() -> None:
    """Both hash as received: the digest of every disclosure is the same text for both."""
    scene = Scene(now=datetime.now(UTC) - timedelta(minutes=1))
    for text in sd_jwt.split(scene.credential).disclosures:
        assert disclosure_digest(text) == sd_jwt.parse_disclosure(text).digest
