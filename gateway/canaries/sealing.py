"""What a decoy is, under seal: boxes of one size, so that a row tells nothing by its length.

The key comes from the registry's data key, which office and worker hold and no database does: whoever steals both
databases has neither the list of decoys nor a tag by which to find one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.canaries.records import Canary, CanaryId, Secret
from gateway.errors import UnavailableError
from gateway.ids import SubjectRef, UnitCode
from gateway.instants import micros_text

CONTENT_BYTES: Final = 4096
_NONCE: Final = 12
_KEPT: Final = 1024
"""Opened boxes that a process remembers: the same box is not opened for every entry of the log."""


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Seals and opens ``Secret``: AES-256-GCM, the decoy's id as associated data; a box that was moved opens not."""

    key: bytes = field(repr=False)
    _opened: Callable[[CanaryId, bytes], Secret] = field(repr=False)

    @classmethod
    def from_root(cls, root: bytes) -> Self:
        """Return a box whose key comes from the registry's data key by HKDF-SHA-256 (RFC 5869)."""
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji decoys v1").derive(root)
        return cls(key, lru_cache(maxsize=_KEPT)(lambda canary, box: _open(key, canary, box)))

    def seal(self, canary: CanaryId, secret: Secret) -> bytes:
        """Return nonce and ciphertext, of one length for every decoy."""
        told = {
            "unit": secret.unit,
            "phone": secret.phone,
            "due": None if secret.due is None else micros_text(secret.due),
            "person": None if secret.person is None else dict(secret.person),
            "subject": secret.subject,
        }
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) > CONTENT_BYTES:
            raise ValueError("a decoy's record is too long for its box")
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, text.ljust(CONTENT_BYTES), canary.encode())

    def open(self, canary: Canary) -> Secret:
        """Return what is sealed; raises ``UnavailableError`` when the box is damaged or another decoy's."""
        return self._opened(canary.id, canary.box)


def _open(key: bytes, canary: CanaryId, box: bytes) -> Secret:
    try:
        told = json.loads(AESGCM(key).decrypt(box[:_NONCE], box[_NONCE:], canary.encode()))
    except (InvalidTag, ValueError) as error:
        raise UnavailableError(
            "What is sealed of a decoy does not open: it was damaged, or the key is another.",
            detail_zh="诱饵学籍的密封内容无法打开：数据损坏或密钥不符。",
        ) from error
    return Secret(
        unit=UnitCode(told["unit"]),
        phone=told["phone"],
        due=None if told["due"] is None else datetime.fromisoformat(told["due"]),
        person=told["person"],
        subject=None if told["subject"] is None else SubjectRef(told["subject"]),
    )
