"""ID tokens (OpenID Connect Core 1.0): signed by the key of access tokens, read again only as hints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.accounts.jose import LEEWAY_SECONDS, read, signed_by
from gateway.accounts.keys import ALGORITHM, signing_jwk
from gateway.identity import jws
from gateway.identity.records import ClaimValue
from gateway.identity.signing_in.records import KEPT, TOKEN_LIFE, SignIn, SignInId
from gateway.ids import AccountId

LOGOUT_TYPE = "logout+jwt"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_LIFE = timedelta(minutes=2)
"""As the specification advises: a token that is late was caught on the way."""
TYPE = "JWT"
"""Access tokens are ``at+jwt``: neither passes for the other."""


@dataclass(frozen=True, slots=True)
class Hint:
    """An ID token of ours that came back: whose client it is of, which sign-in, which subject."""

    client: AccountId
    sign_in: SignInId
    sub: str = field(repr=False)


class IdTokens:
    """Writes ID tokens and reads hints. The first of ``verifying`` belongs to ``signing``."""

    def __init__(
        self, issuer: str, signing: ec.EllipticCurvePrivateKey, verifying: Sequence[ec.EllipticCurvePublicKey]
    ) -> None:
        self.issuer = issuer
        self._signing = ECKey.import_key(signing)
        self._kid = signing_jwk(verifying[0])["kid"]
        self._keys = {signing_jwk(key)["kid"]: ECKey.import_key(key) for key in verifying}

    def issue(
        self,
        sign_in: SignIn,
        sub: str,
        claims: Mapping[str, ClaimValue],
        *,
        access_token: str,
        now: datetime,
    ) -> str:
        """Return the ID token of a sign-in (section 2); ``auth_time`` is when the person signed in here."""
        issued = int(now.timestamp())
        members: dict[str, object] = {
            **claims,
            "iss": self.issuer,
            "sub": sub,
            "aud": sign_in.client,
            "iat": issued,
            "exp": issued + int(TOKEN_LIFE.total_seconds()),
            "nonce": sign_in.wish.nonce,
            "sid": sign_in.id,
            "at_hash": at_hash(access_token),
        }
        if sign_in.signed_in_at is not None:
            members["auth_time"] = int(sign_in.signed_in_at.timestamp())
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE, "kid": self._kid}, members, self._signing, [ALGORITHM])

    def logout(self, sign_in: SignIn, sub: str | None, *, jti: str, now: datetime) -> str:
        """Return a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4): ``sid``, and ``sub`` if known."""
        issued = int(now.timestamp())
        members: dict[str, object] = {
            "iss": self.issuer,
            "aud": sign_in.client,
            "iat": issued,
            "exp": issued + int(LOGOUT_LIFE.total_seconds()),
            "jti": jti,
            "sid": sign_in.id,
            "events": {LOGOUT_EVENT: {}},
        }
        if sub is not None:
            members["sub"] = sub
        header = {"alg": ALGORITHM, "typ": LOGOUT_TYPE, "kid": self._kid}
        return jwt.encode(header, members, self._signing, [ALGORITHM])

    def hint(self, token: str, now: datetime) -> Hint | None:
        """Return what ``id_token_hint`` says when it is an ID token of ours; it may have expired since, for a day.

        ``None`` for anything else: another algorithm (``none``, HS256), another issuer, another kind of token.
        """
        found = read(token)
        if found is None or found.header.get("typ") != TYPE:
            return None
        key = self._keys.get(str(found.header.get("kid")))
        if key is None or not signed_by(found, key) or found.claims.get("iss") != self.issuer:
            return None
        client, sid, sub = (found.claims.get(name) for name in ("aud", "sid", "sub"))
        issued = found.claims.get("iat")
        if not (isinstance(client, str) and isinstance(sid, str) and isinstance(sub, str) and isinstance(issued, int)):
            return None
        age = now.timestamp() - issued
        if not -LEEWAY_SECONDS <= age <= KEPT.total_seconds():
            return None
        return Hint(AccountId(client), SignInId(sid), sub)


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256 (section 3.1.3.6)."""
    return jws.encode(hashlib.sha256(access_token.encode("ascii")).digest()[:16])
