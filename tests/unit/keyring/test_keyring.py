"""A face gets its own keys, all of them, and no other; what is damaged is named."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.errors import ConfigurationError
from gateway.keyring import PRIVATE_KEYS, SYMMETRIC, Face, Key, create, further, keep_further, load


def test_keys_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    made = create(tmp_path / "keys")
    assert len(made) == len(Key)
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert create(tmp_path / "keys") == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_public_half_that_a_crash_left_out_is_made_again(tmp_path: Path) -> None:
    create(tmp_path)
    before = (tmp_path / "grant.pub.pem").read_bytes()
    (tmp_path / "grant.pub.pem").unlink()
    assert create(tmp_path) == []
    assert (tmp_path / "grant.pub.pem").read_bytes() == before


def test_a_first_log_key_that_was_replaced_may_be_destroyed_and_is_not_made_again(tmp_path: Path) -> None:
    create(tmp_path)
    before = load(tmp_path, Face.WORKER).verifying(Key.LOG)
    later = ed25519.Ed25519PrivateKey.generate()
    keep_further(tmp_path, Key.LOG, "0a0b0c0d", later)
    with pytest.raises(FileExistsError):
        keep_further(tmp_path, Key.LOG, "0a0b0c0d", later)
    (tmp_path / "log.pem").unlink()
    assert create(tmp_path) == []
    for face in (Face.WORKER, Face.ALL):
        ring = load(tmp_path, face)
        assert ring.verifying(Key.LOG) == before  # trust in the log goes on beginning there
        assert ring.signing(Key.LOG).public_key() == later.public_key()
    (tmp_path / "log-0a0b0c0d.pem").unlink()
    with pytest.raises(ConfigurationError, match="log"):
        load(tmp_path, Face.WORKER)


def test_a_key_that_a_killed_process_left_half_written_is_no_key_and_goes(tmp_path: Path) -> None:
    create(tmp_path)
    (tmp_path / ".log-ffffffff.pem.4711").write_bytes(b"half")
    assert further(tmp_path, Key.LOG) == []
    keep_further(tmp_path, Key.LOG, "0a0b0c0d", ed25519.Ed25519PrivateKey.generate())
    assert further(tmp_path, Key.LOG) == ["0a0b0c0d"]
    assert not list(tmp_path.glob(".*"))
    assert stat.S_IMODE((tmp_path / "log-0a0b0c0d.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("face", list(Face))
def test_a_face_holds_exactly_its_keys_and_every_public_half(tmp_path: Path, face: Face) -> None:
    create(tmp_path)
    ring = load(tmp_path, face)
    assert {key for key in Key if ring.has(key)} == PRIVATE_KEYS[face]
    for key in set(Key) - SYMMETRIC:
        ring.verifying(key)
    for value in ring.secrets.values():
        assert value.hex() not in repr(ring)


def test_no_face_but_the_worker_holds_the_log_key_and_only_the_inside_the_registry() -> None:
    assert {face for face, keys in PRIVATE_KEYS.items() if Key.LOG in keys} == {Face.WORKER, Face.ALL}
    for key in (Key.REGISTRY_DATA, Key.REGISTRY_INDEX, Key.PSEUDONYM_ROOT, Key.RETENTION, Key.GRANT, Key.CREDENTIAL):
        holders = {face for face, keys in PRIVATE_KEYS.items() if key in keys}
        assert holders == {Face.OFFICE, Face.WORKER, Face.ALL}
    assert {face for face, keys in PRIVATE_KEYS.items() if Key.OAUTH in keys} == {Face.OUTSIDE, Face.ALL}


def _encrypted() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )


def _rsa() -> bytes:
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("delivery.key", b""),
        ("delivery.key", b"00" * 31),
        ("delivery.key", b"00" * 33),
        ("delivery.key", b"zz" * 32),
        ("delivery.key", "\u00e9".encode() * 32),
        ("grant.pem", b""),
        ("grant.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("grant.pem", _encrypted()),
        ("grant.pem", _rsa()),
        ("log.pub.pem", None),
    ],
    ids=["empty", "short", "long", "no-hex", "no-ascii", "empty-pem", "damaged-pem", "sealed", "rsa", "directory"],
)
def test_a_damaged_key_is_named_and_its_content_is_not(tmp_path: Path, name: str, content: bytes | None) -> None:
    create(tmp_path)
    path = tmp_path / name
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    face = Face.OFFICE if name.endswith(".pub.pem") else Face.ALL
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, face)
    assert len(refused.value.missing) == 1
    assert refused.value.missing[0].startswith(name.split(".", maxsplit=1)[0])
    assert str(tmp_path) not in str(refused.value)


def test_all_missing_keys_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, Face.OUTSIDE)
    named = {missing.split(":")[0] for missing in refused.value.missing}
    assert named == {key.value for key in PRIVATE_KEYS[Face.OUTSIDE]}
