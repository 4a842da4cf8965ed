"""Issuer keys: one that signs, and all whose public half verifiers still need.

A retired key stays in the JWKS until the last ``exp`` that it signed (design 8: rotation with overlap).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.errors import ConfigurationError
from gateway.identity import jws
from gateway.keyring import SigningKey, VerifyingKey


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """The private key that signs credentials and status lists; ``kid`` is its RFC 7638 thumbprint."""

    kid: str
    key: ECKey = field(repr=False)
    x5c: tuple[str, ...] = field(default=(), repr=False)
    """Its certificates, where somebody issued some: see ``chains``."""

    def header(self, typ: str) -> dict[str, object]:
        """Return the header of what it signs, but for ``alg``."""
        return {"typ": typ, "kid": self.kid, **({"x5c": [*self.x5c]} if self.x5c else {})}

    @classmethod
    def of(cls, private: SigningKey, x5c: tuple[str, ...] = ()) -> IssuerKey:
        """Return the signer of a key of the key ring; raises ``ConfigurationError`` when it is not P-256."""
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise ConfigurationError(
                "The credential key must be a P-256 key for ES256.", detail_zh="凭证签发密钥必须是 P-256 密钥。"
            )
        key = ECKey.import_key(private)
        return cls(key.thumbprint(), key, x5c)


@dataclass(frozen=True, slots=True)
class HolderKey:
    """The public key that a credential is bound to, as JSON in the members and order of RFC 7638."""

    jwk: bytes = field(repr=False)

    @classmethod
    def of(cls, key: ECKey) -> HolderKey:
        """Return the public half of a P-256 key."""
        return cls.shown(jws.public_jwk(key))

    @classmethod
    def shown(cls, jwk: Mapping[str, str]) -> HolderKey:
        """Return a key that ``jws.import_public_jwk`` took: its coordinates have one spelling."""
        return cls(jws.jwk_text(jwk["x"], jwk["y"]).encode("ascii"))

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint: what is written here is what it hashes."""
        return jws.encode(sha256(self.jwk).digest())


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """The public keys of one issuer by ``kid``: pinned by an offline verifier, published as JWKS."""

    by_kid: Mapping[str, ECKey] = field(repr=False)

    @classmethod
    def of(cls, public: Iterable[VerifyingKey]) -> IssuerKeys:
        """Return the set of P-256 public keys, current and retired; raises ``ConfigurationError`` for another kind."""
        found: dict[str, ECKey] = {}
        for one in public:
            if not isinstance(one, ec.EllipticCurvePublicKey) or not isinstance(one.curve, ec.SECP256R1):
                raise ConfigurationError(
                    "A credential key must be a P-256 key for ES256.", detail_zh="凭证签发密钥必须是 P-256 密钥。"
                )
            key = ECKey.import_key(one)
            found[key.thumbprint()] = key
        return cls(found)

    @classmethod
    def from_jwks(cls, document: object) -> IssuerKeys:
        """Return the keys of a JWKS document (RFC 7517 section 5); raises ``MalformedTokenError``.

        Keys of another kind or use, and keys without ``kid``, are skipped as the RFC advises; none left is an error.
        """
        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list):
            raise jws.MalformedTokenError("not a JWKS document")
        found: dict[str, ECKey] = {}
        for jwk in listed:
            if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
                continue
            kid = jwk.get("kid")
            if not isinstance(kid, str) or jwk.get("use", "sig") != "sig" or jwk.get("alg", "ES256") != "ES256":
                continue
            if kid in found:
                raise jws.MalformedTokenError("two keys with one kid")
            found[kid] = jws.import_public_jwk(jwk)
        if not found:
            raise jws.MalformedTokenError("no ES256 key in the JWKS document")
        return cls(found)

    def jwks(self) -> dict[str, object]:
        """Return the JWKS document: public members only, ordered by ``kid``."""
        return {
            "keys": [
                {**jws.public_jwk(key), "kid": kid, "use": "sig", "alg": jws.ALGORITHM}
                for kid, key in sorted(self.by_kid.items())
            ]
        }
