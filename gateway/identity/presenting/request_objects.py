"""The signed request object that a wallet fetches (OpenID4VP 1.0 section 5, RFC 9101)."""

from __future__ import annotations

from datetime import datetime

from gateway.identity import jws
from gateway.identity.presenting import dcql
from gateway.identity.presenting.certificate import VerifierCertificate
from gateway.identity.presenting.records import PresentationRow, ResponseMode, Secrets

TYP = "oauth-authz-req+jwt"
MEDIA_TYPE = f"application/{TYP}"
AUDIENCE = "https://self-issued.me/v2"
"""The audience of a request to a wallet that is not known beforehand (section 5.8)."""
ENCRYPTION = "A256GCM"
KEY_AGREEMENT = "ECDH-ES"
GRANT_FORMAT = "xueji_grant"
"""The format of our ``verifier_info``: who asks, for what, under which grant of the public register."""


def signed(
    row: PresentationRow,
    secrets: Secrets,
    *,
    certificate: VerifierCertificate,
    vct: str,
    response_uri: str,
    names: tuple[str, tuple[str, str]],
    wallet_nonce: str | None,
    now: datetime,
) -> str:
    """Return the request object of ``row``; ``names`` are the recipient's and the purpose's in Chinese and English."""
    recipient_name, (purpose_zh, purpose_en) = names
    metadata: dict[str, object] = {
        "client_name": recipient_name,
        "vp_formats_supported": {
            dcql.FORMAT: {"sd-jwt_alg_values": [jws.ALGORITHM], "kb-jwt_alg_values": [jws.ALGORITHM]}
        },
    }
    if secrets.key is not None:  # section 8.3: the key of this one answer
        public = jws.public_jwk(secrets.key)
        metadata["jwks"] = {"keys": [{**public, "kid": jws.thumbprint(public), "use": "enc", "alg": KEY_AGREEMENT}]}
        metadata["encrypted_response_enc_values_supported"] = [ENCRYPTION]
    payload: dict[str, object] = {
        "iss": certificate.client_id,
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int(row.expires_at.timestamp()),
        "client_id": certificate.client_id,
        "response_type": "vp_token",
        "response_mode": row.mode.value,
        "response_uri": response_uri,
        "nonce": secrets.nonce,
        "state": secrets.state,
        "dcql_query": dcql.query(vct, row.claims),
        "client_metadata": metadata,
        "verifier_info": [
            {
                "format": GRANT_FORMAT,
                "data": {
                    "recipient": row.recipient,
                    "recipient_name": recipient_name,
                    "grant": row.grant,
                    "purpose": row.purpose,
                    "purpose_zh": purpose_zh,
                    "purpose_en": purpose_en,
                },
            }
        ],
    }
    if wallet_nonce is not None:  # section 5.10: the wallet's own protection against a replayed request
        payload["wallet_nonce"] = wallet_nonce
    return jws.sign({"typ": TYP, "x5c": certificate.x5c}, payload, certificate.key)


def encrypted(mode: ResponseMode) -> bool:
    """Say whether a request of ``mode`` is answered encrypted."""
    return mode is ResponseMode.DIRECT_POST_JWT
