"""A small public key infrastructure: an anchor, an authority below it, certificates of credential keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issues certificates; ``certificate`` is its own."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def anchor(cls, now: datetime, name: str = "示例信任锚") -> Authority:
        private = ec.generate_private_key(ec.SECP256R1())
        return cls(certificate(named(name), private.public_key(), named(name), private, now, authority=True), private)

    def below(self, now: datetime, name: str = "示例签发机构") -> Authority:
        private = ec.generate_private_key(ec.SECP256R1())
        made = certificate(
            named(name), private.public_key(), self.certificate.subject, self.private, now, authority=True
        )
        return Authority(made, private)

    def certify(
        self, public: ec.EllipticCurvePublicKey, now: datetime, *names: x509.GeneralName, days: int = 365
    ) -> x509.Certificate:
        subject = named("xueji-gateway issuer")
        return certificate(subject, public, self.certificate.subject, self.private, now, names=names, days=days)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def pem_of(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    private: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    names: tuple[x509.GeneralName, ...] = (),
    days: int = 365,
    authority: bool = False,
) -> x509.Certificate:
    """Return a certificate that began a day ago."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private, hashes.SHA256())
