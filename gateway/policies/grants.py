"""The seal of a grant: a JWS over everything that was decided, so that an altered row releases nothing.

ES256 with the grant key (RFC 7515, RFC 7518 section 3.4), type ``xueji-grant+jwt``. State and remaining
uses change and stay outside: a withdrawal needs no key, and the audit trail holds every use.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gateway.errors import ConfigurationError
from gateway.keyring import Key, Keyring, SigningKey, VerifyingKey
from gateway.policies.codec import dump, signed_members
from gateway.policies.errors import GrantInvalidError
from gateway.policies.records import Grant

TYPE: Final = "xueji-grant+jwt"
ALGORITHM: Final = "ES256"


class GrantSeal:
    """Signs and verifies grants. A face without the private key can verify only."""

    def __init__(self, keyring: Keyring) -> None:
        """Take the grant key; raises ``ConfigurationError`` when it is missing or not a P-256 key."""
        self._public = _key(keyring.verifying(Key.GRANT))
        self._private = _key(keyring.signing(Key.GRANT)) if keyring.has(Key.GRANT) else None
        self._kid = self._public.thumbprint()

    def sign(self, grant: Grant) -> Grant:
        """Return ``grant`` with its JWS; raises ``ConfigurationError`` on a face without the private key."""
        if self._private is None:
            raise ConfigurationError(
                "This face does not hold the grant key and cannot sign grants.",
                detail_zh="本端不持有授权签名密钥，不能签发授权。",
                missing=(Key.GRANT.value,),
            )
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self._kid}
        token = jws.serialize_compact(header, dump(signed_members(grant)), self._private, algorithms=[ALGORITHM])
        return replace(grant, jws=token)

    def verify(self, grant: Grant) -> Grant:
        """Return ``grant`` when its JWS holds and says exactly what the row says.

        Raises ``GrantInvalidError`` when the signature fails, the header is not ours, any signed member
        differs from the row, or the row has more uses left than were granted.
        """
        try:
            token = jws.deserialize_compact(grant.jws, self._public, algorithms=[ALGORITHM])
            # RFC 7515 section 4.1.9: the explicit type keeps another kind of our tokens from passing as a grant
            genuine = token.protected.get("typ") == TYPE and token.protected.get("kid") == self._kid
            said = json.loads(token.payload)
        except (JoseError, ValueError) as error:
            raise _invalid("its signature does not hold", "签名无效") from error
        if not genuine:
            raise _invalid("its header is not that of a grant", "签名头不符")
        if said != signed_members(grant):
            raise _invalid("the row differs from what was signed", "记录与签名内容不一致")
        if not 0 <= grant.uses_left <= grant.scope.uses:
            raise _invalid("its remaining uses exceed what was granted", "剩余次数超出授权")
        return grant


def _key(key: SigningKey | VerifyingKey) -> ECKey:
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ConfigurationError("The grant key must be an elliptic-curve key on P-256.", missing=(Key.GRANT.value,))
    return ECKey.import_key(key)


def _invalid(why: str, why_zh: str) -> GrantInvalidError:
    return GrantInvalidError(
        f"The grant is not valid: {why}. Nothing leaves under it; tell the inspector.",
        detail_zh=f"授权无效：{why_zh}。不得据以提供，请报告审计检查员。",
    )
