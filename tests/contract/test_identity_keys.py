"""The issuer's keys change while credentials live: overlap on rotation, an end at once for a compromised one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from gateway import keyring
from gateway.bootstrap.identity_keys import CERTIFICATE, KeyFolder, certified
from gateway.cli import cli
from gateway.errors import ConfigurationError, ConflictError, NotFoundError, UnavailableError
from gateway.identity import jws, sd_jwt
from gateway.identity.errors import Reason, WalletRefusedError
from gateway.identity.issuer_keys import LEAD, StoredKeys
from gateway.identity.keys import IssuerKey
from gateway.identity.records import Status
from gateway.identity.store import IssuerKeyStore
from gateway.keyring import Face, Key
from tests.factories import identity as houses
from tests.factories.certificates import Authority, pem_of
from tests.factories.identity import (
    ISSUER,
    LI,
    START,
    WANG,
    EngineReader,
    House,
    reason,
)

house = houses.house


def kid_of(token: str) -> object:
    return jws.parse(sd_jwt.split(token).issuer_jwt).header["kid"]


def kids(house: House) -> set[str]:
    return set(house.service.keys.verifying().by_kid)


def test_a_new_key_is_published_before_it_signs_and_the_old_one_outlives_what_it_signed(house: House) -> None:
    old = house.service.keys.signing().kid
    wallet = house.wallet()
    made = house.keys.rotate(None)
    assert kids(house) == {old, made.kid}
    assert kid_of(house.wallet().held[0][0]) == old
    house.clock.pass_by(seconds=LEAD.total_seconds() + 1)
    fresh = house.wallet()
    assert kid_of(fresh.held[0][0]) == made.kid
    assert house.ask(house.show(wallet, "stage"), "stage").claims == {"stage": "junior"}
    assert house.ask(house.show(fresh, "stage", nonce="n-2"), "stage", nonce="n-2").claims == {"stage": "junior"}
    life = house.service.settings.credential_life
    house.clock.pass_by(seconds=(life - timedelta(hours=1)).total_seconds())
    assert old in kids(house)
    house.clock.pass_by(hours=2)
    assert kids(house) == {made.kid}
    assert {one["kid"] for one in house.service.jwks()["keys"]} == {made.kid}  # type: ignore[attr-defined]  # JSON


def test_a_key_that_waits_is_not_overtaken_by_another(house: House) -> None:
    house.keys.rotate(None)
    with pytest.raises(ConflictError):
        house.keys.rotate(None)
    assert len(house.keys.listed()) == 2


def test_a_compromised_key_ends_what_it_signed_and_nothing_else(house: House) -> None:
    old = house.service.keys.signing().kid
    stolen = house.wallet(LI)
    house.keys.rotate(None, at_once=True)
    house.clock.pass_by(seconds=1)
    good = house.wallet(WANG)
    assert house.keys.compromise(old, None).kid == house.service.keys.signing().kid != old
    assert reason(lambda: house.ask(house.show(stolen, "stage"), "stage")) is Reason.UNKNOWN_KEY
    assert house.service.refresh_status_lists() > 0
    assert house.ask(house.show(good, "stage", nonce="n-3"), "stage", nonce="n-3").claims == {"stage": "junior"}
    assert house.service.end_compromised() == 3
    assert house.service.end_compromised() == 0
    assert all(house.status_of(one) == Status.INVALID for one, _ in stolen.held)
    assert all(house.status_of(one) == Status.VALID for one, _ in good.held)
    kinds = [one.kind.removeprefix("identity.key_") for one in house.journal.entries if "key_" in one.kind]
    assert kinds[:3] == ["published", "compromised", "ended"]
    assert set(kinds[3:]) <= {"ended"}  # one entry for each list


def test_the_only_key_compromised_is_followed_by_a_new_one_at_once(house: House) -> None:
    only = house.service.keys.signing().kid
    house.wallet()
    following = house.keys.compromise(only, None)
    assert kids(house) == {following.kid}
    house.clock.pass_by(seconds=1)
    assert house.service.refresh_status_lists() > 0
    fresh = house.wallet(WANG)
    assert house.ask(house.show(fresh, "stage"), "stage").claims == {"stage": "junior"}
    assert house.keys.compromise(only, None).kid == following.kid  # twice changes nothing
    with pytest.raises(NotFoundError):
        house.keys.compromise("unknown", None)


def test_a_nonce_of_a_compromised_key_is_refused(house: House) -> None:
    nonce = house.issuing.nonce()
    house.keys.compromise(house.service.keys.signing().kid, None)
    with pytest.raises(WalletRefusedError, match="nonce"):
        house.wallet(nonce=nonce)


def test_a_face_sees_a_change_within_seconds_and_needs_the_private_half_to_sign(house: House) -> None:
    first = house.service.keys.signing()
    other = StoredKeys(IssuerKeyStore(), EngineReader(house.engine), None, house.clock, first.key)
    assert set(other.verifying().by_kid) == {first.kid}
    made = house.keys.rotate(None)
    assert set(other.verifying().by_kid) == {first.kid}
    house.clock.pass_by(seconds=6)
    assert set(other.verifying().by_kid) == {first.kid, made.kid}
    with pytest.raises(UnavailableError):
        other.signing()


def test_the_key_directory_keeps_further_keys_and_never_overwrites(tmp_path: Path) -> None:
    keyring.create(tmp_path)
    first = IssuerKey.of(keyring.load(tmp_path, Face.ALL).signing(Key.CREDENTIAL))
    made = KeyFolder(tmp_path, first).make()
    path = tmp_path / f"credential-{made.kid}.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    found = KeyFolder(tmp_path, first).find(made.kid)
    assert found is not None
    assert found.key.thumbprint() == made.kid
    assert KeyFolder(tmp_path, first).find("nobody") is None
    path.write_text("no key")
    with pytest.raises(ConfigurationError):
        KeyFolder(tmp_path, first).find(made.kid)


def test_certificates_lie_beside_their_keys_and_must_be_theirs(tmp_path: Path) -> None:
    keyring.create(tmp_path)
    bare = IssuerKey.of(keyring.load(tmp_path, Face.ALL).signing(Key.CREDENTIAL))
    authority = Authority.anchor(START).below(START)
    file = tmp_path / CERTIFICATE
    assert certified(bare, file, ISSUER) == bare
    leaf = authority.certify(bare.key.public_key, START, x509.UniformResourceIdentifier(ISSUER))
    file.write_bytes(pem_of(leaf, authority.certificate))
    first = certified(bare, file, ISSUER)
    assert len(first.x5c) == 2
    made = KeyFolder(tmp_path, first, ISSUER).make()
    further = authority.certify(made.key.public_key, START, x509.UniformResourceIdentifier(ISSUER))
    (tmp_path / f"credential-{made.kid}.crt.pem").write_bytes(pem_of(further, authority.certificate))
    found = KeyFolder(tmp_path, first, ISSUER).find(made.kid)
    assert found is not None
    assert found.x5c[0] != first.x5c[0]
    file.write_bytes(pem_of(further, authority.certificate))  # of the other key
    with pytest.raises(ConfigurationError):
        certified(bare, file, ISSUER)


def test_the_shell_rotates_lists_and_takes_out(tmp_path: Path) -> None:
    runner = CliRunner()

    def run(*words: str, **more: str) -> str:
        done = runner.invoke(cli, ["--home", str(tmp_path), *words], **more)  # type: ignore[arg-type]  # input
        assert done.exit_code == 0, done.output
        return done.output

    run("init")
    (first,) = [line.split("\t")[0] for line in run("keys", "list").splitlines()]
    assert "新密钥" in run("keys", "rotate", "credential")
    assert "已停用" in run("keys", "compromise", "credential", first, "--yes")
    after = run("keys", "list").splitlines()
    assert [line.split("\t")[0] == first for line in after] == [True, False]
    assert "compromised" in after[0]
