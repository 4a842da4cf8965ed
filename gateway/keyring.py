"""Keys by name, and which face may hold which (design 2, the key table).

A key is a file in the key directory: ``NAME.key`` for a symmetric one (64 hexadecimal digits: 32 bytes),
``NAME.pem`` for a private key in PKCS 8, ``NAME.pub.pem`` for a public one. Files are made with mode 0600.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.errors import ConfigurationError

SigningKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
VerifyingKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
SYMMETRIC_BYTES = 32


class Face(StrEnum):
    """The faces of the one program, and the worker beside them."""

    OFFICE = "office"
    FAMILY = "family"
    OUTSIDE = "outside"
    WORKER = "worker"
    ALL = "all"


class Key(StrEnum):
    """Every key there is."""

    REGISTRY_DATA = "registry-data"
    """Wraps the data keys of the registry's encrypted columns."""
    REGISTRY_INDEX = "registry-index"
    """Keyed index of ID numbers, phones and names in the registry."""
    PSEUDONYM_ROOT = "pseudonym-root"
    RETENTION = "retention"
    """Wraps the data keys of what lies beside the log, and the epoch keys of its tags; renewed after keys were
    destroyed (``gateway.data_keys.wrapping``)."""
    DELIVERY = "delivery"
    """Wraps the key of a finished extract's file between worker and outside (ADR 0004)."""
    APPROVAL_SCAN = "approval-scan"
    """Encrypts the scans of government approvals (``A50-7``)."""
    SESSION = "session"
    """Signs browser cookies and form tokens; each face may have its own."""
    ACCOUNTS = "accounts"
    """Encrypts TOTP secrets and other second-factor material."""
    FAMILY = "family"
    """Seals the questions of the family face to the worker, who answers wallets and the guardian's view by it."""
    GRANT = "grant"
    """ES256: signs grants, manifests and approvals."""
    CREDENTIAL = "credential"
    """ES256: signs credentials and status lists."""
    OAUTH = "oauth"
    """ES256: signs access tokens and ID tokens."""
    VERIFIER = "verifier"
    """ES256: signs requests for presentations; its certificate is the verifier's name (``x509_hash``)."""
    LOG = "log"
    """Ed25519: signs checkpoints; the sequencer alone."""


SYMMETRIC = frozenset(
    {
        Key.REGISTRY_DATA,
        Key.REGISTRY_INDEX,
        Key.PSEUDONYM_ROOT,
        Key.RETENTION,
        Key.DELIVERY,
        Key.APPROVAL_SCAN,
        Key.SESSION,
        Key.ACCOUNTS,
        Key.FAMILY,
    }
)
_OFFICE = frozenset(
    {
        Key.REGISTRY_DATA,
        Key.REGISTRY_INDEX,
        Key.PSEUDONYM_ROOT,
        Key.RETENTION,
        Key.DELIVERY,
        Key.APPROVAL_SCAN,
        Key.SESSION,
        Key.ACCOUNTS,
        Key.GRANT,
        Key.CREDENTIAL,
    }
)
PRIVATE_KEYS: dict[Face, frozenset[Key]] = {
    Face.OFFICE: _OFFICE,
    Face.WORKER: _OFFICE | {Key.LOG, Key.FAMILY},
    Face.FAMILY: frozenset({Key.SESSION, Key.ACCOUNTS, Key.FAMILY}),
    Face.OUTSIDE: frozenset({Key.OAUTH, Key.VERIFIER, Key.DELIVERY, Key.SESSION}),
    Face.ALL: frozenset(Key),
}
"""Private and symmetric keys that each face needs, and may have. The public half of every signing key is for all."""
TAG_ROOT = "tag-root.key"
"""Of gateways from before epoch keys were random: their first epochs are derived from it, until it is destroyed."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys that this process was given. ``secret`` and ``signing`` raise for a key that it was not given."""

    secrets: dict[Key, bytes] = field(repr=False)
    signing_keys: dict[Key, SigningKey] = field(repr=False)
    verifying_keys: dict[Key, VerifyingKey] = field(repr=False)
    tag_root: bytes | None = field(default=None, repr=False)
    """The old root of epoch keys, where it still lies in the directory and the face may have it."""

    def secret(self, key: Key) -> bytes:
        """Return the 32 bytes of a symmetric key; raises ``ConfigurationError`` when this face has it not."""
        try:
            return self.secrets[key]
        except KeyError:
            raise _missing(key) from None

    def signing(self, key: Key) -> SigningKey:
        """Return a private key; raises ``ConfigurationError`` when this face has it not."""
        try:
            return self.signing_keys[key]
        except KeyError:
            raise _missing(key) from None

    def verifying(self, key: Key) -> VerifyingKey:
        """Return a public key; raises ``ConfigurationError`` when it is not there."""
        try:
            return self.verifying_keys[key]
        except KeyError:
            raise _missing(key) from None

    def has(self, key: Key) -> bool:
        """Say whether this process holds the secret or private part of ``key``."""
        return key in self.secrets or key in self.signing_keys


def create(directory: Path, keys: frozenset[Key] = frozenset(Key)) -> list[Path]:
    """Make those of ``keys`` that are not in ``directory`` yet; return the files written. Never overwrites."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: list[Path] = []
    for key in sorted(keys):
        path = directory / (f"{key}.key" if key in SYMMETRIC else f"{key}.pem")
        if path.exists():
            _write_public(directory, key)
            continue
        if key is Key.LOG and further(directory, key):
            continue  # its first key was replaced and destroyed: another one in its place would be a stranger
        if key in SYMMETRIC:
            _write(path, secrets.token_hex(SYMMETRIC_BYTES).encode())
        else:
            private: SigningKey = (
                ed25519.Ed25519PrivateKey.generate() if key is Key.LOG else ec.generate_private_key(ec.SECP256R1())
            )
            _write(
                path,
                private.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )
            _write_public(directory, key)
        written.append(path)
    return written


def keep_further(directory: Path, key: Key, name: str, private: SigningKey) -> None:
    """Keep a further private key beside that of ``key``, as ``KEY-NAME.pem`` with mode 0600. Never overwrites.

    When it returns the whole file is on the disk under its name; killed before, there is no such file.
    """
    path = directory / f"{key}-{name}.pem"
    if path.exists():
        raise FileExistsError(path.name)
    for left in directory.glob(f".{key}-*.pem.*"):  # of a process that was killed here: a private key is not left about
        left.unlink(missing_ok=True)
    unfinished = directory / f".{path.name}.{os.getpid()}"
    _write(
        unfinished,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    unfinished.rename(path)
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def further(directory: Path, key: Key) -> list[str]:
    """Return the names of the further private keys beside that of ``key``, sorted."""
    return sorted(
        path.name.removeprefix(f"{key}-").removesuffix(".pem")
        for path in directory.glob(f"{key}-*.pem")
        if not path.name.endswith((".pub.pem", ".crt.pem"))
    )


def find_further(directory: Path, key: Key, name: str) -> SigningKey | None:
    """Return a further private key, ``None`` when it is not here; raises ``ConfigurationError`` for a damaged one."""
    path = directory / f"{key}-{name}.pem"
    try:
        return _private(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"The key file {path.name} is damaged or may not be read.",
            detail_zh=f"密钥文件 {path.name} 已损坏或不可读。",
        ) from error


def load(directory: Path, face: Face) -> Keyring:
    """Read exactly the keys of ``face``; keys of other faces in the directory are not touched.

    Raises ``ConfigurationError`` that names each key that is missing or damaged.
    """
    secret_keys: dict[Key, bytes] = {}
    signing: dict[Key, SigningKey] = {}
    verifying: dict[Key, VerifyingKey] = {}
    problems: list[str] = []
    for key in sorted(Key):
        wanted = key in PRIVATE_KEYS[face]
        try:
            if key in SYMMETRIC:
                if wanted:
                    secret_keys[key] = _symmetric(directory / f"{key}.key")
            elif wanted and key is Key.LOG and not (directory / f"{key}.pem").exists() and further(directory, key):
                # the first key of the log was replaced and destroyed; its public half is where trust in the log begins
                signing[key] = _private(directory / f"{key}-{further(directory, key)[0]}.pem")
                verifying[key] = _public(directory / f"{key}.pub.pem")
            elif wanted:
                signing[key] = _private(directory / f"{key}.pem")
                verifying[key] = signing[key].public_key()
            elif (directory / f"{key}.pub.pem").exists():
                verifying[key] = _public(directory / f"{key}.pub.pem")
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: sealed with a password
            problems.append(f"{key}: {type(error).__name__}")
    tag_root: bytes | None = None
    if Key.RETENTION in PRIVATE_KEYS[face] and (directory / TAG_ROOT).exists():
        try:
            tag_root = _symmetric(directory / TAG_ROOT)
        except (OSError, ValueError) as error:
            problems.append(f"tag-root: {type(error).__name__}")
    if problems:
        raise ConfigurationError(
            f"The face '{face}' lacks keys or they are damaged: {', '.join(problems)}. "
            f"Make them with 'xueji keys create' or copy them into {directory.name}/.",
            detail_zh=f"{face} 端缺少密钥或密钥已损坏：{'、'.join(problems)}。请用 xueji keys create 生成。",
            missing=tuple(problems),
        )
    return Keyring(secret_keys, signing, verifying, tag_root)


def _missing(key: Key) -> ConfigurationError:
    return ConfigurationError(
        f"This face does not hold the key '{key}'.", detail_zh=f"本端不持有密钥 {key}。", missing=(key,)
    )


def _write_public(directory: Path, key: Key) -> None:
    """Write the public half of a signing key where it is not there yet, as after a crash between the two."""
    path = directory / f"{key}.pub.pem"
    if key in SYMMETRIC or path.exists():
        return
    public = _private(directory / f"{key}.pem").public_key()
    path.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _symmetric(path: Path) -> bytes:
    value = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(value) != SYMMETRIC_BYTES:
        raise ValueError("not 32 bytes")
    return value


def _private(path: Path) -> SigningKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("not an EC or Ed25519 key")  # noqa: TRY004  one error type for all damage
    return key


def _public(path: Path) -> VerifyingKey:
    key = serialization.load_pem_public_key(path.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("not an EC or Ed25519 key")  # noqa: TRY004  one error type for all damage
    return key
