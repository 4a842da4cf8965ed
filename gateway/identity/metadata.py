"""What the issuer publishes about itself: keys, credential type, where to fetch (documents, no routes)."""

from __future__ import annotations

from urllib.parse import quote

from gateway.identity import jws, sd_jwt
from gateway.identity.claims import CLAIM_LABELS
from gateway.identity.keys import IssuerKeys
from gateway.identity.records import IdentitySettings

CONFIGURATION_ID = "student"
PROOF_TYP = "openid4vci-proof+jwt"
PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


def jwt_vc_issuer(settings: IdentitySettings, keys: IssuerKeys) -> dict[str, object]:
    """Return ``/.well-known/jwt-vc-issuer`` with the keys by value (SD-JWT VC section 4)."""
    return {"issuer": settings.issuer, "jwks": keys.jwks()}


def type_metadata(settings: IdentitySettings) -> dict[str, object]:
    """Return the type metadata document of the ``vct`` (SD-JWT VC section 5): each claim with its labels."""
    return {
        "vct": settings.vct,
        "name": "学生可信教育数字身份 / Student's trusted digital education identity",
        "description": "证明持有人为在籍学生。不含姓名、证件号码、学籍号和住址。",
        "display": [
            {"locale": "zh-CN", "name": "学生可信教育数字身份", "description": "学籍信息的最小化证明"},
            {
                "locale": "en",
                "name": "Student's trusted digital education identity",
                "description": "A minimal proof of enrolment: no name, no identity number, no address",
            },
        ],
        "claims": [
            {
                "path": [name],
                "sd": "always",
                "display": [{"locale": "zh-CN", "label": zh}, {"locale": "en", "label": en}],
            }
            for name, (zh, en) in CLAIM_LABELS.items()
        ],
    }


def credential_issuer(settings: IdentitySettings) -> dict[str, object]:
    """Return ``/.well-known/openid-credential-issuer`` (OpenID4VCI 1.0 section 12.2.4)."""
    display = type_metadata(settings)["display"]
    return {
        "credential_issuer": settings.issuer,
        "credential_endpoint": f"{settings.issuer}/v1/identity/credentials",
        "nonce_endpoint": f"{settings.issuer}/v1/identity/nonce",
        "batch_credential_issuance": {"batch_size": settings.batch_size},
        "credential_configurations_supported": {
            CONFIGURATION_ID: {
                "format": sd_jwt.TYP,
                "vct": settings.vct,
                "cryptographic_binding_methods_supported": ["jwk"],
                "credential_signing_alg_values_supported": [jws.ALGORITHM],
                "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": [jws.ALGORITHM]}},
                "credential_metadata": {
                    "display": display,
                    "claims": [
                        {
                            "path": [name],
                            "display": [{"locale": "zh-CN", "name": zh}, {"locale": "en", "name": en}],
                        }
                        for name, (zh, en) in CLAIM_LABELS.items()
                    ],
                },
            }
        },
    }


def offer_uri(settings: IdentitySettings, code: str) -> str:
    """Return the credential offer by value, for a QR code (OpenID4VCI 1.0 section 4.1.2)."""
    offer = {
        "credential_issuer": settings.issuer,
        "credential_configuration_ids": [CONFIGURATION_ID],
        "grants": {PRE_AUTHORIZED: {"pre-authorized_code": code}},
    }
    return f"openid-credential-offer://?credential_offer={quote(jws.dump(offer), safe='')}"
