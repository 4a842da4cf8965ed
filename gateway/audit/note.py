"""C2SP signed notes with Ed25519, and cosignatures (type 0x04).

Source: c2sp.org/signed-note, c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.errors import MalformedError, ProofError

ED25519 = 0x01
COSIGNATURE = 0x04
_KEY_BYTES = 32
_ID_BYTES = 4
_SIGNATURE_BYTES = 64
_PREFIX = "— "
_MAX_SIGNATURES = 100
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


@lru_cache(maxsize=64)
def _name_fits(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < ord(" ") for c in name)


def _decode(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("A key or signature is not base64.") from None
    if base64.b64encode(decoded).decode() != text:
        raise MalformedError("A key or signature is not canonical base64.")
    return decoded


@lru_cache(maxsize=64)
def _loaded(public: bytes) -> Ed25519PublicKey:
    """Return the key, loaded once: that takes as long as to verify a signature with it."""
    return Ed25519PublicKey.from_public_bytes(public)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key as a *vkey*: name, algorithm byte (0x01 log, 0x04 witness) and 32 bytes of Ed25519."""

    name: str
    algorithm: int
    public: bytes
    id: bytes = field(init=False, repr=False, compare=False)
    """The key id: the first four bytes of SHA-256 over name, newline, algorithm and key."""

    def __post_init__(self) -> None:
        """Refuse what is not a key of ours."""
        if not _name_fits(self.name):
            raise MalformedError("A key name is not empty and holds neither spaces nor '+'.")
        if self.algorithm not in {ED25519, COSIGNATURE} or len(self.public) != _KEY_BYTES:
            raise MalformedError("The key is neither Ed25519 nor an Ed25519 cosignature key.")
        content = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        object.__setattr__(self, "id", hashlib.sha256(content).digest()[:_ID_BYTES])

    def __str__(self) -> str:
        """Return the vkey: ``name+keyid+base64(algorithm, key)``."""
        encoded = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey; raises ``MalformedError`` when it is not one, or its id does not fit."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:  # noqa: PLR2004  name, id and key
            raise MalformedError("A verifier key is 'name+id+key'.")
        decoded = _decode(parts[2])
        if not decoded:
            raise MalformedError("The verifier key is empty.")
        key = cls(parts[0], decoded[0], decoded[1:])
        if key.id.hex() != parts[1]:
            raise MalformedError("The id of the verifier key does not fit the key.")
        return key

    def check(self, message: bytes, signature: bytes) -> None:
        """Return when the Ed25519 signature holds; raises ``ProofError`` otherwise."""
        try:
            _loaded(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise ProofError(f"The signature of '{self.name}' does not hold.") from None


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: name, key id and what the algorithm puts behind it."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """Return the line with its newline."""
        return f"{_PREFIX}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read a line without its newline; raises ``MalformedError``."""
        if not line.startswith(_PREFIX):
            raise MalformedError("A signature line begins with an em dash and a space.")
        name, separator, encoded = line.removeprefix(_PREFIX).partition(" ")
        if not separator or not _name_fits(name):
            raise MalformedError("A signature line is '— name base64'.")
        decoded = _decode(encoded)
        if len(decoded) <= _ID_BYTES:
            raise MalformedError("A signature is longer than its key id.")
        return cls(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text (it ends with a newline) and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """Return the note as it is kept and served."""
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    @classmethod
    def parse(cls, content: str) -> SignedNote:
        """Read a note; raises ``MalformedError``. No signature is verified yet."""
        text, separator, tail = content.rpartition("\n\n")
        if not separator or not tail.endswith("\n"):
            raise MalformedError("A signed note is a text, an empty line and signature lines.")
        text += "\n"
        if _CONTROL.search(content):
            raise MalformedError("A signed note holds no control characters.")
        lines = tail[:-1].split("\n")
        if len(lines) > _MAX_SIGNATURES:
            raise MalformedError(f"A signed note holds at most {_MAX_SIGNATURES} signatures.")
        return cls(text, tuple(Signature.parse(line) for line in lines))

    def with_signatures(self, more: Iterable[Signature]) -> SignedNote:
        """Return the note with further signatures, each once."""
        return SignedNote(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Return those of ``keys`` that signed the text, each once.

        Signatures of unknown keys are ignored; a false one of a known key raises ``ProofError``.
        """
        known = {(key.name, key.id): key for key in keys}
        signers: dict[VerifierKey, None] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            if key.algorithm == COSIGNATURE:
                cosignature_time(self.text, signature, key)
            else:
                key.check(self.text.encode(), signature.value)
            signers[key] = None
        return tuple(signers)


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key with its name; ``algorithm`` is 0x01 for a log and 0x04 for a witness."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    algorithm: int = ED25519
    verifier: VerifierKey = field(init=False, repr=False, compare=False)
    """The public half."""

    def __post_init__(self) -> None:
        """Make the public half once: it stands in every signature."""
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        object.__setattr__(self, "verifier", VerifierKey(self.name, self.algorithm, raw))

    def sign(self, text: str) -> Signature:
        """Return the Ed25519 signature of a note's text."""
        if self.algorithm != ED25519 or not text.endswith("\n"):
            raise MalformedError("A log key signs a text that ends with a newline.")
        return Signature(self.name, self.verifier.id, self.key.sign(text.encode()))

    def cosign(self, text: str, timestamp: int) -> Signature:
        """Return the cosignature of a checkpoint at ``timestamp``, whole seconds since 1970."""
        if self.algorithm != COSIGNATURE or timestamp <= 0:
            raise MalformedError("A witness key cosigns at a time after 1970.")
        signed = self.key.sign(_cosigned(text, timestamp))
        return Signature(self.name, self.verifier.id, struct.pack(">Q", timestamp) + signed)


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosignature_time(text: str, signature: Signature, key: VerifierKey) -> int:
    """Return when the witness ``key`` cosigned ``text``, seconds since 1970; raises ``ProofError`` if it did not."""
    if key.algorithm != COSIGNATURE or len(signature.value) != 8 + _SIGNATURE_BYTES:
        raise ProofError(f"The cosignature of '{key.name}' does not hold.")
    (timestamp,) = struct.unpack(">Q", signature.value[:8])
    key.check(_cosigned(text, timestamp), signature.value[8:])
    return int(timestamp)
