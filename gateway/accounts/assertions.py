"""Client assertions (RFC 7523): a client proves itself with a JWT that it signed and that serves once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.accounts.access_tokens import MAX_LIFE_SECONDS
from gateway.accounts.jose import LEEWAY_SECONDS, UnverifiedJwt, jti_hash, seconds
from gateway.accounts.keys import signing_keys
from gateway.ids import AccountId

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEPT_SECONDS = MAX_LIFE_SECONDS + 2 * LEEWAY_SECONDS
"""No valid assertion lives longer than this after its first use."""
_CLIENT_ID = re.compile(r"cl-[0-9A-Za-z-]{1,36}")
CLIENT_REFUSED = (
    "Client authentication failed. Check: client_assertion signed with ES256 by a registered key; iss and sub are the "
    "client id; aud is the issuer alone; exp at most 300 seconds after iat; jti never used before; account not sealed, "
    "organisation not suspended."
)
CLIENT_REFUSED_ZH = "客户端身份验证未通过：请检查签名密钥、iss、sub、aud、exp、jti，以及账号和单位的状态。"


def claimed_subject(assertion: UnverifiedJwt | None) -> AccountId | None:
    """Return the client that an assertion claims to be of, unverified: good for nothing but to find the key."""
    subject = assertion.claims.get("sub") if assertion is not None else None
    return AccountId(subject) if isinstance(subject, str) and _CLIENT_ID.fullmatch(subject) else None


def chosen_key(keys: tuple[Mapping[str, str], ...], assertion: UnverifiedJwt) -> Mapping[str, str] | None:
    """Return the registered key that the header names; without a name, the only one."""
    kid = assertion.header.get("kid")
    signing = signing_keys(keys)
    if kid is None and len(signing) == 1:
        return signing[0]
    return next((key for key in signing if key["kid"] == kid), None)


def problem(
    claims: Mapping[str, object], *, client: AccountId, client_id: str | None, issuer: str, now: float
) -> str | None:
    """Return the first reason to refuse verified claims (RFC 7523, section 3), or ``None``.

    ``client_id`` is the parameter of that name; where given, it must name the same client (RFC 7521, section 4.2).
    """
    issued, expires = seconds(claims.get("iat")), seconds(claims.get("exp"))
    not_before = seconds(claims.get("nbf", 0))
    # RFC 7523 section 3, steps 1 and 2: issuer and subject are the client.
    if claims.get("iss") != client or claims.get("sub") != client or client_id not in {None, "", client}:
        return "issuer"
    # Step 3, narrowed by rfc7523bis: the issuer of this server is the one audience.
    if claims.get("aud") not in (issuer, [issuer]):
        return "audience"
    # Steps 4 to 6: in force now, and never for longer than five minutes.
    if issued is None or expires is None or not_before is None:
        return "times"
    if not 0 < expires - issued <= MAX_LIFE_SECONDS or issued > now + LEEWAY_SECONDS:
        return "times"
    if expires <= now - LEEWAY_SECONDS or not_before > now + LEEWAY_SECONDS:
        return "expired"
    # Step 7: an id, so that it can be used once only.
    return None if jti_hash(claims.get("jti")) is not None else "jti"
