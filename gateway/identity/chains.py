"""Certificates of the issuer's keys: ``x5c`` beside ``kid``, and what a verifier with a trust anchor makes of it.

A chain is optional. Who pins the issuer's JWKS needs none; HAIP 1.0 (sections 6.1 and 6.1.1) asks for one in
credentials and status lists, without the anchor and with no certificate that signed itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError
from joserfc.jwk import ECKey

from gateway.errors import ConfigurationError, ParameterError
from gateway.identity import jws
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.keys import IssuerKeys

MAX_CERTIFICATES = 4
"""Of a chain: the issuer's own, and three authorities below the anchor."""


def chain_of(pem: bytes, public: ec.EllipticCurvePublicKey, issuer: str) -> tuple[str, ...]:
    """Return the certificates of a file in PEM as ``x5c`` has them (RFC 7515 section 4.1.6), the issuer's own first.

    Raises ``ConfigurationError`` unless the first is for ``public`` and names ``issuer``, each is signed by the next,
    and none signed itself.
    """
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise _unusable("it holds no certificates in PEM", "不是 PEM 证书") from None
    if len(certificates) > MAX_CERTIFICATES:
        raise _unusable(f"it holds more than {MAX_CERTIFICATES}", f"证书多于 {MAX_CERTIFICATES} 张")
    if certificates[0].public_key() != public:
        raise _unusable("the first is for another key", "第一张证书与密钥不符")
    if not _names(certificates[0], issuer):
        raise _unusable(f"the first does not name {issuer} as alternative name", f"第一张证书的备用名称中没有 {issuer}")
    if any(one.subject == one.issuer for one in certificates):
        raise _unusable("one signed itself; leave the trust anchor out", "含自签名证书，请去掉信任锚")
    for one, above in pairwise(certificates):
        try:
            one.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            raise _unusable("they are not in order, each signed by the next", "证书顺序不对，须逐级签发") from None
    return tuple(base64.b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in certificates)


def read_anchors(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return the trust anchors of a file in PEM; raises ``ParameterError`` when there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise ParameterError(
            "The anchor file holds no certificates in PEM.", detail_zh="信任锚文件中没有 PEM 证书。"
        ) from None


def keys_behind(
    tokens: Iterable[str], anchors: Sequence[x509.Certificate], *, issuer: str, now: datetime
) -> IssuerKeys:
    """Return the keys that ``tokens`` show in ``x5c``, by ``kid``, once each chain leads to an anchor.

    Nothing is verified of the tokens but who may have signed them. Raises ``CredentialRejectedError``: malformed, or
    ``untrusted_certificate`` for a missing chain too, one that is over or of another issuer, or another ``kid`` than
    the key's thumbprint (our profile).
    """
    found: dict[str, ECKey] = {}
    for token in tokens:
        try:
            header = jws.parse(token).header
        except jws.MalformedTokenError:
            raise CredentialRejectedError(Reason.MALFORMED) from None
        key = _trusted(header.get("x5c"), anchors, issuer, now)
        if header.get("kid") != key.thumbprint():
            raise CredentialRejectedError(Reason.UNTRUSTED_CERTIFICATE)
        found[key.thumbprint()] = key
    return IssuerKeys(found)


def _trusted(x5c: object, anchors: Sequence[x509.Certificate], issuer: str, now: datetime) -> ECKey:
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= MAX_CERTIFICATES:
        raise CredentialRejectedError(Reason.UNTRUSTED_CERTIFICATE)
    try:
        leaf, *above = [x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in x5c]
        # Extensions of a web server are not asked of who signs credentials; those of authorities are (RFC 5280).
        policy = PolicyBuilder().store(Store([*anchors])).time(now).max_chain_depth(MAX_CERTIFICATES)
        checked = policy.extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        checked.build_client_verifier().verify(leaf, above)
        public = leaf.public_key()
    except (ValueError, TypeError, binascii.Error, VerificationError):
        raise CredentialRejectedError(Reason.UNTRUSTED_CERTIFICATE) from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise CredentialRejectedError(Reason.UNTRUSTED_CERTIFICATE)
    if leaf in anchors or not _names(leaf, issuer):
        raise CredentialRejectedError(Reason.UNTRUSTED_CERTIFICATE)
    return ECKey.import_key(public)


def _names(leaf: x509.Certificate, issuer: str) -> bool:
    """Say whether an alternative name of ``leaf`` is the issuer's address, or the host of it."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    host = urlsplit(issuer).hostname
    addresses, hosts = (
        names.get_values_for_type(x509.UniformResourceIdentifier),
        names.get_values_for_type(x509.DNSName),
    )
    return issuer in addresses or (host is not None and host in hosts)


def _unusable(why: str, why_zh: str) -> ConfigurationError:
    return ConfigurationError(
        f"The certificates of the credential key cannot be used: {why}.",
        detail_zh=f"凭证签发密钥的证书不可用：{why_zh}。",
    )
