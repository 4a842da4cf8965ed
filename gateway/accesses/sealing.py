"""Texts of families under seal: a question may name a child, so the database holds it encrypted, and the log never."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.accesses.records import QuestionId
from gateway.errors import UnavailableError

_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class TextBox:
    """Seals and opens texts: AES-256-GCM, question and member as associated data; a text that was moved opens not."""

    key: bytes = field(repr=False)

    @classmethod
    def from_root(cls, root: bytes) -> Self:
        """Return a box whose key comes from a key of the office by HKDF-SHA-256 (RFC 5869)."""
        return cls(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji family questions v1").derive(root))

    def seal(self, question: QuestionId, member: str, text: str) -> bytes:
        """Return nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, text.encode(), _bound(question, member))

    def open(self, question: QuestionId, member: str, sealed: bytes) -> str:
        """Return the text; raises ``UnavailableError`` when it is not the one that was sealed."""
        try:
            return AESGCM(self.key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(question, member)).decode()
        except (InvalidTag, ValueError) as error:
            raise UnavailableError(
                "A text of a family does not open: it was damaged, or the key is another.",
                detail_zh="家庭询问的文字无法打开：数据损坏或密钥不符。",
            ) from error


def _bound(question: QuestionId, member: str) -> bytes:
    return f"{question}\x00{member}".encode()
