"""A DPoP proof serves once (RFC 9449 section 11.1), wherever identity takes one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from gateway.accounts import dpop
from gateway.identity.digests import digest_of
from gateway.journal import Tx


class UsedOnce(Protocol):
    """Digests that count once (``IdentityRepository``)."""

    def use_once(self, tx: Tx, digest: str, expires_at: datetime) -> bool:
        """Keep a digest; ``False`` when it is there already."""


def use_proof(rows: UsedOnce, tx: Tx, proof: dpop.Proof) -> bool:
    """Mark a proof as used, for longer than it could hold; ``False`` when it was used before."""
    expires = datetime.fromtimestamp(proof.issued_at, UTC) + timedelta(seconds=3 * dpop.WINDOW_SECONDS)
    return rows.use_once(tx, digest_of("dpop", proof.jkt, proof.jti_sha256), expires)
