"""``xueji verify-credential``: verify with the network cut, from files that were fetched before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.errors import ParameterError
from gateway.identity import chains, jws, sd_jwt, verify
from gateway.identity.keys import IssuerKeys
from gateway.instants import seconds_text


@dataclass(frozen=True, slots=True)
class OfflineReport:
    """What a verifier without a network may know. ``status_age`` says how stale the status is."""

    claims: Mapping[str, object] = field(repr=False)
    issuer: str
    vct: str
    kid: str
    presented_at: datetime
    credential_expires_at: datetime
    status_issued_at: datetime
    status_age: timedelta
    status_ttl: timedelta | None
    status_expires_at: datetime | None
    status_fresh: bool
    """Whether the list is within its ``ttl``: a revocation since ``status_issued_at`` is not seen here."""

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON members: times in RFC 3339, ages in whole seconds."""
        return {
            "valid": True,
            "claims": dict(self.claims),
            "issuer": self.issuer,
            "vct": self.vct,
            "kid": self.kid,
            "presented_at": seconds_text(self.presented_at),
            "credential_expires_at": seconds_text(self.credential_expires_at),
            "status_issued_at": seconds_text(self.status_issued_at),
            "status_age_seconds": int(self.status_age.total_seconds()),
            "status_ttl_seconds": None if self.status_ttl is None else int(self.status_ttl.total_seconds()),
            "status_expires_at": None if self.status_expires_at is None else seconds_text(self.status_expires_at),
            "status_fresh": self.status_fresh,
        }


def verify_credential(
    presentation: str,
    *,
    audience: str,
    nonce: str,
    issuer: str,
    vct: str,
    jwks: object = None,
    anchors: bytes | None = None,
    status_list_token: str,
    now: datetime,
    required: frozenset[str] = frozenset(),
    max_key_binding_age: timedelta = verify.MAX_KEY_BINDING_AGE,
    accept_stale_status: bool = False,
) -> OfflineReport:
    """Return the report on ``presentation``: a pure function of its arguments, no network, no clock.

    Whom to believe is either ``jwks``, the issuer's JWKS document, parsed, or ``anchors``, certificates in PEM to which
    the chains (``x5c``) of credential and status list must lead. Raises ``CredentialRejectedError`` with a stable
    reason, ``ParameterError`` when neither or both are given, or hold no usable key.
    """
    if (jwks is None) == (anchors is None):
        raise ParameterError(
            "Pin either the issuer's JWKS or trust anchors.", detail_zh="请指定签发方公钥集或信任锚，且只指定一种。"
        )
    if anchors is None:
        keys = _pinned(jwks)
    else:
        shown = (sd_jwt.split(presentation.strip()).issuer_jwt, status_list_token.strip())
        keys = chains.keys_behind(shown, chains.read_anchors(anchors), issuer=issuer, now=now)
    policy = verify.VerificationPolicy(
        audience=audience,
        nonce=nonce,
        issuer=issuer,
        vct=vct,
        required=required,
        max_key_binding_age=max_key_binding_age,
        accept_stale_status=accept_stale_status,
    )
    verified = verify.verify(
        verify.UnverifiedPresentation(presentation.strip()),
        policy,
        keys=keys,
        status_list_token=status_list_token.strip(),
        now=now,
    )
    age = max(now - verified.status.issued_at, timedelta(0))
    return OfflineReport(
        claims=verified.claims,
        issuer=verified.issuer,
        vct=verified.vct,
        kid=verified.kid,
        presented_at=verified.presented_at,
        credential_expires_at=verified.expires_at,
        status_issued_at=verified.status.issued_at,
        status_age=age,
        status_ttl=verified.status.ttl,
        status_expires_at=verified.status.expires_at,
        status_fresh=verified.status.ttl is None or age <= verified.status.ttl,
    )


def _pinned(jwks: object) -> IssuerKeys:
    try:
        return IssuerKeys.from_jwks(jwks)
    except jws.MalformedTokenError:
        raise ParameterError(
            "The JWKS file holds no usable ES256 key with a kid.", detail_zh="公钥集文件中没有可用的 ES256 公钥。"
        ) from None
