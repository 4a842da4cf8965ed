"""Issue one credential: an SD-JWT VC bound to one holder key (RFC 9901; draft-ietf-oauth-sd-jwt-vc).

Two credentials of a batch share issuer, type, and times rounded to the hour; nothing else that is unique.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from gateway.identity import jws, sd_jwt
from gateway.identity.keys import IssuerKey
from gateway.identity.records import ClaimValue, StatusReference

DIGESTS = 16
"""Every credential has as many digests, filled up with decoys: their number says nothing about a pupil."""
HOUR = timedelta(hours=1)
SALT_BYTES = 16


def new_salt() -> str:
    """Return 128 random bits in base64url, 22 characters (RFC 9901 section 9.3)."""
    return jws.encode(secrets.token_bytes(SALT_BYTES))


def hour_of(moment: datetime) -> datetime:
    """Return the full hour at or before ``moment``, in UTC: a finer time would link the credentials of a batch."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def issue(
    claims: Mapping[str, ClaimValue],
    *,
    holder_jwk: Mapping[str, str],
    key: IssuerKey,
    issuer: str,
    vct: str,
    status: StatusReference,
    now: datetime,
    life: timedelta,
    salt: Callable[[], str] = new_salt,
) -> str:
    """Return the compact SD-JWT, ending in a tilde; every claim is selectively disclosable.

    ``holder_jwk`` is a public P-256 key as ``jws.public_jwk`` writes it; ``life`` is rounded up to the hour.
    Raises ``ValueError`` for a claim that must stay visible or more than ``DIGESTS`` of them,
    ``MalformedTokenError`` for a bad holder key.
    Source: RFC 9901 sections 4.1 and 4.2; SD-JWT VC section 2.2.
    """
    if len(claims) > DIGESTS:
        raise ValueError(f"a credential holds at most {DIGESTS} claims")
    jws.import_public_jwk(dict(holder_jwk))  # a point on the curve, or an error
    disclosures = [sd_jwt.make_disclosure(salt(), name, value) for name, value in claims.items()]
    # RFC 9901 section 4.2.5: a decoy is the digest of a random value. At the top level alone: inside status or
    # cnf it would break the rule that their sub-claims are never selectively disclosable.
    decoys = [sd_jwt.digest(salt()) for _ in range(DIGESTS - len(disclosures))]
    issued = hour_of(now)
    expires = expiry(now, life)
    payload: dict[str, object] = {
        "iss": issuer,
        "iat": int(issued.timestamp()),
        "exp": int(expires.timestamp()),
        "vct": vct,
        "cnf": {"jwk": {name: holder_jwk[name] for name in jws.PUBLIC_MEMBERS}},
        "status": {"status_list": {"idx": status.index, "uri": status.uri}},
        "_sd_alg": sd_jwt.HASH_ALGORITHM,
        # RFC 9901 section 4.2.4.1: the order must not show which is which.
        "_sd": sorted([*(disclosure.digest for disclosure in disclosures), *decoys]),
    }
    token = jws.sign({"typ": sd_jwt.TYP, "kid": key.kid}, payload, key.key)
    return sd_jwt.SEPARATOR.join((token, *(disclosure.encoded for disclosure in disclosures), ""))


def expiry(now: datetime, life: timedelta) -> datetime:
    """Return the ``exp`` that ``issue`` writes."""
    return hour_of(now + life + HOUR - timedelta(microseconds=1))
