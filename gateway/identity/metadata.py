"""What the issuer publishes about itself: keys, credential type, where to fetch (documents, no routes)."""

from __future__ import annotations

from gateway.identity import jws, sd_jwt
from gateway.identity.configurations import CONFIGURATIONS, Configuration
from gateway.identity.keys import IssuerKeys
from gateway.identity.records import IdentitySettings

PROOF_TYP = "openid4vci-proof+jwt"
PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


def jwt_vc_issuer(settings: IdentitySettings, keys: IssuerKeys) -> dict[str, object]:
    """Return ``/.well-known/jwt-vc-issuer`` with the keys by value (SD-JWT VC section 4)."""
    return {"issuer": settings.issuer, "jwks": keys.jwks()}


def type_metadata(settings: IdentitySettings, configuration: Configuration) -> dict[str, object]:
    """Return the type metadata document of a ``vct`` (SD-JWT VC section 5): each claim with its labels."""
    (name_zh, name_en), (text_zh, text_en) = configuration.name, configuration.description
    return {
        "vct": settings.vct_of(configuration.id),
        "name": f"{name_zh} / {name_en}",
        "description": f"{text_zh} / {text_en}",
        "display": _display(configuration),
        "claims": [
            {
                "path": [name],
                "sd": "always",
                "display": [{"locale": "zh-CN", "label": zh}, {"locale": "en", "label": en}],
            }
            for name, (zh, en) in configuration.claims.items()
        ],
    }


def credential_issuer(settings: IdentitySettings) -> dict[str, object]:
    """Return ``/.well-known/openid-credential-issuer`` (OpenID4VCI 1.0 section 12.2.4).

    ``authorization_servers`` is left out: the issuer is its own (its metadata have the token endpoint).
    """
    base = f"{settings.issuer}/v1/identity"
    return {
        "credential_issuer": settings.issuer,
        "credential_endpoint": f"{base}/credentials",
        "nonce_endpoint": f"{base}/nonce",
        "notification_endpoint": f"{base}/notifications",
        "batch_credential_issuance": {"batch_size": settings.batch_size},
        "display": [
            {"locale": "zh-CN", "name": "中小学学籍管理机构"},
            {"locale": "en", "name": "Student registry"},
        ],
        "credential_configurations_supported": {
            one.id: _configuration(settings, one) for one in CONFIGURATIONS.values()
        },
    }


def _configuration(settings: IdentitySettings, configuration: Configuration) -> dict[str, object]:
    return {
        "format": sd_jwt.TYP,
        "vct": settings.vct_of(configuration.id),
        "cryptographic_binding_methods_supported": ["jwk"],
        "credential_signing_alg_values_supported": [jws.ALGORITHM],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": [jws.ALGORITHM]}},
        "credential_metadata": {
            "display": _display(configuration),
            "claims": [
                {
                    "path": [name],
                    "display": [{"locale": "zh-CN", "name": zh}, {"locale": "en", "name": en}],
                }
                for name, (zh, en) in configuration.claims.items()
            ],
        },
    }


def _display(configuration: Configuration) -> list[dict[str, str]]:
    names = zip(("zh-CN", "en"), configuration.name, configuration.description, strict=True)
    return [{"locale": locale, "name": name, "description": text} for locale, name, text in names]
