"""Who asks, as a certificate: the client identifier is its hash (OpenID4VP 1.0 section 5.9.3, ``x509_hash``)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc.jwk import ECKey

from gateway.errors import ConfigurationError
from gateway.identity.jws import encode

PREFIX = "x509_hash:"
_FROM = datetime(2026, 1, 1, tzinfo=UTC)
_TO = datetime(2049, 12, 31, tzinfo=UTC)
"""The last day that a certificate writes with two digits of the year (RFC 5280 section 4.1.2.5)."""
_SERIAL_BYTES = 19
"""Below the 20 octets of RFC 5280 section 4.1.2.2, whatever the first bit."""


@dataclass(frozen=True, slots=True)
class VerifierCertificate:
    """The key that signs requests, and its certificates in DER, the verifier's own first, no trust anchor."""

    key: ECKey = field(repr=False)
    chain: tuple[bytes, ...] = field(repr=False)

    @property
    def client_id(self) -> str:
        """The client identifier, with its prefix."""
        return PREFIX + encode(sha256(self.chain[0]).digest())

    @property
    def x5c(self) -> list[str]:
        """The header member of signed requests (RFC 7515 section 4.1.6)."""
        return [base64.b64encode(one).decode("ascii") for one in self.chain]


def self_issued(private: ec.EllipticCurvePrivateKey, public_url: str) -> VerifierCertificate:
    """Return a certificate that the key issues to itself for the host of ``public_url``.

    The same key and address give the same certificate, byte by byte, in every process (RFC 6979): the client
    identifier is its hash. It vouches for nothing but the key.
    """
    host = urlsplit(public_url).hostname or "localhost"
    public = private.public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "xueji-gateway verifier")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(int.from_bytes(sha256(point + host.encode()).digest()[:_SERIAL_BYTES]) | 1)
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host), x509.UniformResourceIdentifier(public_url)]),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(private, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return VerifierCertificate(ECKey.import_key(private), (certificate.public_bytes(Encoding.DER),))


def issued(private: ec.EllipticCurvePrivateKey, chain: bytes) -> VerifierCertificate:
    """Return the certificates of a file in PEM, the verifier's own first.

    Raises ``ConfigurationError`` when there is none, or the first is not for the key.
    """
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        fits = certificates[0].public_key() == private.public_key()
    except (ValueError, IndexError) as error:
        raise _unusable() from error
    if not fits:
        raise _unusable()
    return VerifierCertificate(ECKey.import_key(private), tuple(one.public_bytes(Encoding.DER) for one in certificates))


def _unusable() -> ConfigurationError:
    return ConfigurationError(
        "verifier.crt.pem must hold certificates in PEM, the first for the key verifier.pem.",
        detail_zh="verifier.crt.pem 应为 PEM 证书链，且第一张与密钥 verifier.pem 相符。",
    )
