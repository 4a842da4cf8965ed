"""Key proofs of a wallet, and the nonces they carry (OpenID4VCI 1.0, sections 7 and 8.2.1, appendix F).

A nonce is a signed statement of the issuer, so that asking for one writes nothing; that it serves once is
kept at redemption, in the transaction that issues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from gateway.identity import jws
from gateway.identity.errors import KeyReuseError, ProofError
from gateway.identity.keys import HolderKey, IssuerKey, IssuerKeys
from gateway.identity.metadata import PROOF_TYP

NONCE_TYP = "xueji-nonce+jwt"
MAX_AGE = timedelta(seconds=300)
LEEWAY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class CheckedProofs:
    """The holder keys of a batch, in order, and the one nonce that all proofs carry."""

    keys: tuple[HolderKey, ...] = field(repr=False)
    nonce: str = field(repr=False)


def make_nonce(*, issuer: str, key: IssuerKey, random: str, now: datetime, life: timedelta) -> str:
    """Return a nonce that ``issuer`` recognises until ``now + life``; ``random`` makes it unique."""
    return jws.sign(
        {"typ": NONCE_TYP, "kid": key.kid},
        {"iss": issuer, "exp": int((now + life).timestamp()), "jti": random},
        key.key,
    )


def check_nonce(nonce: str, *, issuer: str, keys: IssuerKeys, now: datetime) -> datetime:
    """Return when ``nonce`` expires; raises ``ProofError`` when it is not ours or expired."""
    try:
        token = jws.parse(nonce)
        kid = token.header.get("kid")
        key = keys.by_kid.get(kid) if isinstance(kid, str) else None
        if key is None or token.header.get("typ") != NONCE_TYP or token.payload.get("iss") != issuer:
            raise refused("nonce")
        jws.check_signature(token, key)
    except (jws.MalformedTokenError, jws.AlgorithmError, jws.SignatureError):
        raise refused("nonce") from None
    expires = token.payload.get("exp")
    if not isinstance(expires, int) or expires <= now.timestamp():
        raise refused("nonce")
    return datetime.fromtimestamp(expires, UTC)


def check_proofs(proofs: Sequence[str], *, issuer: str, batch_size: int, now: datetime) -> CheckedProofs:
    """Return the fresh keys that the wallet proved to hold; the nonce is still to be checked.

    Raises ``ProofError`` naming the part that does not hold, ``KeyReuseError`` when two proofs show one key.
    Source: OpenID4VCI 1.0, appendix F.1 and F.4.
    """
    if not 1 <= len(proofs) <= batch_size:
        raise ProofError(
            f"Send between 1 and {batch_size} key proofs.",
            detail_zh=f"请提交 1 至 {batch_size} 个密钥证明。",
            missing=("proofs.jwt",),
        )
    checked = [_check(proof, issuer, now) for proof in proofs]
    nonces = {nonce for _, nonce in checked}
    if len(nonces) != 1:
        raise refused("nonce")
    if len({key.jwk for key, _ in checked}) != len(checked):
        raise reused()
    return CheckedProofs(tuple(key for key, _ in checked), nonces.pop())


def reused() -> KeyReuseError:
    """Return the error for a holder key that served before."""
    return KeyReuseError(
        "A holder key was used before; make a fresh key for every credential.",
        detail_zh="持有人密钥已被使用过，每份凭证须使用新密钥。",
        rule="A50-14",
    )


def _check(proof: str, issuer: str, now: datetime) -> tuple[HolderKey, str]:
    try:
        token = jws.parse(proof)
        shown = token.header.get("jwk")
        key = jws.import_public_jwk(shown)
        if token.header.get("typ") != PROOF_TYP:
            raise refused("typ")
        jws.check_signature(token, key)
    except jws.MalformedTokenError:
        raise refused("jwk") from None
    except jws.AlgorithmError:
        raise refused("alg") from None
    except jws.SignatureError:
        raise refused("signature") from None
    if token.payload.get("aud") != issuer:
        raise refused("aud")
    issued = token.payload.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int):
        raise refused("iat")
    if not (now - MAX_AGE).timestamp() <= issued <= (now + LEEWAY).timestamp():
        raise refused("iat")
    nonce = token.payload.get("nonce")
    if not isinstance(nonce, str):
        raise refused("nonce")
    return HolderKey.shown(cast("Mapping[str, str]", shown)), nonce


def refused(part: str) -> ProofError:
    """Return the error for one part of a proof that does not hold."""
    return ProofError(
        f"A key proof does not hold: check '{part}', fetch a new nonce and try again.",
        detail_zh=f"密钥证明无效（{part}），请重新获取 nonce 后再试。",
        missing=(part,),
    )
