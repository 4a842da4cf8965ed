"""One-time codes by time (RFC 6238) and the secrets behind them, encrypted at rest."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import UnavailableError
from gateway.ids import AccountId

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A clock may be one step off in either direction (RFC 6238, section 5.2)."""
NONCE_BYTES = 12
ISSUER = "xueji-gateway"


class SecretBox:
    """Encrypts what accounts must be able to read back, under keys derived from the ``accounts`` key.

    AES-256-GCM with a random nonce; the account id is associated data, so that a secret moved to another
    account does not open.
    """

    def __init__(self, accounts_key: bytes, new_nonce: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._cipher = AESGCM(_derived(accounts_key, b"xueji accounts totp v1"))
        self._index = _derived(accounts_key, b"xueji accounts attempts v1")
        self._new_nonce = new_nonce

    def seal(self, account: AccountId, secret: str) -> bytes:
        """Return nonce and ciphertext of ``secret`` for ``account``."""
        nonce = self._new_nonce(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode("ascii"), account.encode())

    def open(self, account: AccountId, sealed: bytes) -> str:
        """Return the secret; raises ``UnavailableError`` when it does not open (other key, other account, altered)."""
        try:
            opened = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], account.encode())
        except InvalidTag as error:
            raise UnavailableError(
                "The second factor of this account does not open: the accounts key is another one, or the row "
                "was altered. Reset the account's credentials.",
                detail_zh="该账号的动态口令密钥无法解密：密钥不符或数据被改动，请重置该账号凭据。",
            ) from error
        return opened.decode("ascii")

    def attempts_key(self, username: str) -> str:
        """Return the keyed digest under which attempts for ``username`` are counted.

        People type ID numbers and passwords into the wrong field: what was typed is never stored (I7).
        """
        return hmac.new(self._index, username.encode(errors="backslashreplace"), "sha256").hexdigest()


def new_secret() -> str:
    """Return a new secret of 160 bits in base32 (RFC 4226, section 4, R6)."""
    return pyotp.random_base32(32)


def provisioning_uri(username: str, secret: str) -> str:
    """Return the ``otpauth`` URI that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now: datetime, *, after: int | None) -> int | None:
    """Return the time step whose code is ``code``, or ``None``; steps up to ``after`` are spent (RFC 6238, 5.2).

    All steps of the drift window are compared, so that the time tells nothing.
    """
    generator = pyotp.TOTP(secret)
    current = int(now.timestamp()) // STEP_SECONDS
    given = code.strip().replace(" ", "").encode(errors="backslashreplace")
    found: int | None = None
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given) and (after is None or step > after):
            found = step
    return found


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose).derive(key)
