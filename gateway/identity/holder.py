"""A minimal holder: makes fresh keys, proves them, keeps one-time credentials, presents each of them once.

The demo and the tests use it; a real wallet keeps its keys in hardware.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from joserfc.jwk import ECKey

from gateway.errors import ConflictError, ParameterError
from gateway.identity import jws
from gateway.identity.metadata import PROOF_TYP
from gateway.identity.present import present


def make_key() -> ECKey:
    """Return a fresh P-256 key."""
    return ECKey.generate_key("P-256")


def make_proof(key: ECKey, *, audience: str, nonce: str, now: datetime) -> str:
    """Return the ``openid4vci-proof+jwt`` of ``key`` (OpenID4VCI 1.0, appendix F.1)."""
    return jws.sign(
        {"typ": PROOF_TYP, "jwk": jws.public_jwk(key)},
        {"aud": audience, "iat": int(now.timestamp()), "nonce": nonce},
        key,
    )


@dataclass(slots=True)
class Wallet:
    """Credentials with their keys, each used once and then gone."""

    pending: list[ECKey] = field(default_factory=list, repr=False)
    held: list[tuple[str, ECKey]] = field(default_factory=list, repr=False)

    def proofs(self, count: int, *, issuer: str, nonce: str, now: datetime) -> list[str]:
        """Return proofs of ``count`` fresh keys, which wait for their credentials."""
        self.pending = [make_key() for _ in range(count)]
        return [make_proof(key, audience=issuer, nonce=nonce, now=now) for key in self.pending]

    def receive(self, credentials: Sequence[str]) -> None:
        """Keep the credentials of the pending keys, in order; raises ``ParameterError`` when the numbers differ."""
        if len(credentials) != len(self.pending):
            raise ParameterError(
                "The number of credentials is not the number of proofs.", detail_zh="凭证份数与密钥证明数不一致。"
            )
        self.held.extend(zip(credentials, self.pending, strict=True))
        self.pending = []

    def present(self, disclose: Collection[str], *, audience: str, nonce: str, now: datetime) -> str:
        """Return a presentation of one credential and drop it; raises ``ConflictError`` when none is left."""
        if not self.held:
            raise ConflictError("No credential is left; fetch a new batch.", detail_zh="凭证已用完，请重新领取。")
        credential, key = self.held[0]
        shown = present(credential, disclose=disclose, holder_key=key, audience=audience, nonce=nonce, now=now)
        self.held.pop(0)
        return shown
