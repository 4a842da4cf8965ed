"""Access tokens: JWTs of RFC 9068 by ES256, of one issuer for itself alone, for five minutes at the most."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.accounts import authorization_details
from gateway.accounts.jose import LEEWAY_SECONDS, UnverifiedJwt, read, signed_by
from gateway.accounts.keys import ALGORITHM, signing_jwk
from gateway.accounts.records import AuthorizationDetail, TokenClaims
from gateway.errors import ConfigurationError
from gateway.ids import AccountId
from gateway.principals import Role

TOKEN_TYPE = "at+jwt"  # noqa: S105  a media type, no password
TOKEN_TYPES = frozenset({TOKEN_TYPE, f"application/{TOKEN_TYPE}"})
MAX_LIFE_SECONDS = 300
"""The longest life of a client assertion and of an access token."""


class AccessTokens:
    """Writes access tokens and reads them; whether one was revoked, the service knows.

    The first of ``verifying`` belongs to ``signing``; further ones are keys that were rotated out, kept until their
    last token has expired.
    """

    def __init__(
        self,
        issuer: str,
        signing: ec.EllipticCurvePrivateKey | None,
        verifying: Sequence[ec.EllipticCurvePublicKey],
        life_seconds: int,
    ) -> None:
        if not verifying or not 1 <= life_seconds <= MAX_LIFE_SECONDS:
            raise ConfigurationError(
                f"Access tokens need a public key and a life of 1 to {MAX_LIFE_SECONDS} seconds "
                "(token_seconds in config/parameters.toml).",
                detail_zh="访问令牌需要验证公钥，有效期（token_seconds）应为 1 至 300 秒。",
            )
        self.issuer = issuer
        self.life_seconds = life_seconds
        self._public = [signing_jwk(key) for key in verifying]
        self._keys = {jwk["kid"]: ECKey.import_key(key) for jwk, key in zip(self._public, verifying, strict=True)}
        self._signing = ECKey.import_key(signing) if signing is not None else None
        if self._signing is not None and self._signing.thumbprint() != self._public[0]["kid"]:
            raise ConfigurationError("The OAuth signing key is not the first of its public keys.")
        self.decoy = ECKey.import_key(verifying[0])
        """A key that signed nothing of a client's: an unknown client costs a signature check too."""

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the JSON Web Key Set that recognises access tokens (RFC 7517)."""
        return {"keys": [dict(key) for key in self._public]}

    def issue(
        self,
        client: AccountId,
        scope: str,
        *,
        now: int,
        jti: str,
        jkt: str | None,
        details: Sequence[AuthorizationDetail],
    ) -> str:
        """Return a signed token; ``now`` is in seconds since 1970, ``jkt`` the key that it is bound to.

        Raises ``ConfigurationError`` where the signing key is not held.
        """
        if self._signing is None:
            raise ConfigurationError("This face does not hold the key 'oauth'.", detail_zh="本端不持有令牌签名密钥。")
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": client,
            "client_id": client,
            "aud": self.issuer,
            "iat": now,
            "exp": now + self.life_seconds,
            "jti": jti,
            "scope": scope,
        }
        if jkt is not None:
            claims["cnf"] = {"jkt": jkt}  # RFC 9449, section 6.1
        if details:
            claims["authorization_details"] = authorization_details.documents(details)  # RFC 9396, section 9.1
        header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self._public[0]["kid"]}
        return jwt.encode(header, claims, self._signing, algorithms=[ALGORITHM])

    def read(self, token: str, now: float) -> TokenClaims | None:
        """Return what a token says when it is ours and in force, by the steps of RFC 9068, section 4."""
        found = read(token)
        # Step 1: the media type keeps other JWTs of ours from passing.
        if found is None or str(found.header.get("typ")).lower() not in TOKEN_TYPES:
            return None
        # Step 4: ES256 only, by a key of ours.
        key = self._keys.get(str(found.header.get("kid")))
        return self._in_force(found, now) if key is not None and signed_by(found, key) else None

    def _in_force(self, token: UnverifiedJwt, now: float) -> TokenClaims | None:
        claims = token.claims
        # Steps 2 and 3: ours, and for us alone.
        if claims.get("iss") != self.issuer or claims.get("aud") != self.issuer:
            return None
        issued, expires = claims.get("iat"), claims.get("exp")
        client, jti, scope = claims.get("client_id"), claims.get("jti"), claims.get("scope")
        if not isinstance(issued, int) or not isinstance(expires, int):
            return None
        if not isinstance(client, str) or not isinstance(jti, str) or not isinstance(scope, str):
            return None
        # Steps 5 and 6: in time; the leeway is for hosts of ours whose clocks drift apart.
        if expires <= now or issued > now + LEEWAY_SECONDS or expires - issued > MAX_LIFE_SECONDS:
            return None
        # A member that narrows the token and is not understood must not be passed over.
        jkt = _thumbprint(claims["cnf"]) if "cnf" in claims else None
        told = claims.get("authorization_details")
        details = authorization_details.of_claim(told, self.issuer)
        if ("cnf" in claims and jkt is None) or ("authorization_details" in claims and not details):
            return None
        known = {role.value for role in Role}
        roles = frozenset(Role(name) for name in scope.split() if name in known)
        return TokenClaims(jti, AccountId(client), roles, issued, expires, jkt, details)


def _thumbprint(confirmation: object) -> str | None:
    """Return the one kind of binding that there is (RFC 9449, section 6.1); any other is not understood."""
    if not isinstance(confirmation, dict) or set(confirmation) != {"jkt"}:
        return None
    jkt = confirmation["jkt"]
    return jkt if isinstance(jkt, str) and jkt else None
