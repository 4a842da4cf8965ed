"""Compact JWS with ES256, read strictly: one spelling per token, no algorithm but ours.

Signatures are those of ``cryptography``, straight over the signing input (RFC 7515 section 5, RFC 7518 section
3.4): a JOSE library in between costs as much as the curve does. What is added here are refusals. Base64url must be
canonical, because its last character has spare bits and a token would otherwise have several spellings;
JSON must not repeat a member, because two readers could then see two values.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_WHITE = " \t\n\r"
"""What may stand around a JSON text (RFC 8259 section 2)."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What base64 alone has, and padding, becomes what no base64 has."""
_PADDING = (b"", b"", b"==", b"=")
"""By the length modulo 4; one character alone (modulo 1) is an error of the decoder."""
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")
"""By the length modulo 4: the characters whose spare bits, four or two, are zero."""
_ECDSA = ec.ECDSA(SHA256())
_CURVE = ec.SECP256R1()
COORDINATE_BYTES = 32
_SIGNATURE_CHARACTERS = 86
"""64 bytes in base64url, without the padding."""
_POINT_BYTES = 1 + 2 * COORDINATE_BYTES
PUBLIC_MEMBERS = ("crv", "kty", "x", "y")
_SHORT = 4096
"""Characters of a header that is worth keeping once it was read: what strangers send cannot fill the memory."""


class MalformedTokenError(ValueError):
    """The text is not what its format says. Says which part, never its content."""


class SignatureError(ValueError):
    """The signature does not hold under the key."""


class AlgorithmError(ValueError):
    """Another algorithm than ES256, ``none`` included (RFC 8725 section 3.1)."""


class UnverifiedJws(NamedTuple):
    """A compact JWS that was parsed, and not more than that.

    A tuple, for it is made often: a frozen dataclass takes a call for each field.
    """

    signing_input: bytes
    """What the signature is over: header and payload as they were spelled (RFC 7515 section 5.1)."""
    header: Mapping[str, object]
    payload: Mapping[str, object]
    signature: bytes

    def __repr__(self) -> str:
        """Show nothing of what was presented."""
        return "UnverifiedJws()"


def encode(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return encode_bytes(data).rstrip(b"=").decode("ascii")


def encode_bytes(data: bytes) -> bytes:
    """Return base64url with its padding; none where the length is a multiple of three."""
    # two replacements in compiled code pass faster over a text than one table of 256 places
    return binascii.b2a_base64(data, newline=False).replace(b"+", b"-").replace(b"/", b"_")


def decode(text: str) -> bytes:
    """Return the bytes of canonical base64url without padding; raises ``MalformedTokenError`` on anything else."""
    over = len(text) % 4
    try:
        spelled = text.encode("ascii").translate(_FROM_URL)
        data = binascii.a2b_base64(spelled + _PADDING[over], strict_mode=True)
    except ValueError:  # binascii.Error and UnicodeEncodeError are such
        raise MalformedTokenError("not base64url") from None
    # RFC 4648 section 3.5: the last character has spare bits, and they are zero in one spelling alone.
    if over and text[-1] not in _LAST[over]:
        raise MalformedTokenError("not canonical base64url")
    return data


def dump(value: object) -> str:
    """Return compact JSON with Chinese as it is: three bytes a character instead of six."""
    return _ENCODER.encode(value)


def load(data: bytes) -> object:
    """Return the JSON value; raises ``MalformedTokenError`` for repeated members, NaN, bad UTF-8, lone surrogates."""
    try:
        text = data.decode("utf-8").strip(_WHITE)
        value: object
        value, end = _scan(text, 0)
        if end != len(text):
            raise MalformedTokenError("more than one JSON value")
        if "\\u" in text:  # only an escape can smuggle in half a surrogate pair: the bytes were good UTF-8
            dump(value).encode("utf-8")
    except (ValueError, RecursionError, StopIteration):  # the last of a text without a value
        raise MalformedTokenError("not strict JSON") from None
    return value


def load_object(data: bytes) -> dict[str, object]:
    """Return the JSON object; raises ``MalformedTokenError`` when it is another value."""
    value = load(data)
    if not isinstance(value, dict):
        raise MalformedTokenError("not a JSON object")
    return value


def sign(header: Mapping[str, object], payload: Mapping[str, object], key: ECKey) -> str:
    """Return the compact JWS of ``payload`` with ``alg`` ES256 and the given further header members."""
    return sign_parts(encode(dump({"alg": ALGORITHM, **header}).encode()), encode(dump(payload).encode()), key)


def sign_parts(header: str, payload: str, key: ECKey) -> str:
    """Return the compact JWS of a header and a payload that are base64url already; the header names ES256."""
    return sign_bytes(f"{header}.{payload}".encode("ascii"), signing_key(key)).decode("ascii")


def signing_key(key: ECKey) -> ec.EllipticCurvePrivateKey:
    """Return the private half of ``key``; raises ``ValueError`` when it is not there."""
    private = key.private_key
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("a private key signs")  # noqa: TRY004  the type is right, a part is missing
    return private


def sign_bytes(signing_input: bytes, private: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the compact JWS of a signing input, header and payload with their dot (RFC 7515 section 5.1)."""
    r, s = decode_dss_signature(private.sign(signing_input, _ECDSA))
    # RFC 7518 section 3.4: both numbers in full length, one after the other.
    signature = encode_bytes(r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big"))
    return b"%b.%b" % (signing_input, signature[:_SIGNATURE_CHARACTERS])


def parse(compact: str) -> UnverifiedJws:
    """Take a compact JWS apart; raises ``MalformedTokenError``. Nothing is verified."""
    # RFC 7515 section 3.1: three parts. Where there are more, one of them is no base64url.
    signed, _, signature = compact.rpartition(".")
    header, _, payload = signed.partition(".")
    known = _known_header(header) if len(header) <= _SHORT else load_object(decode(header))
    read = load_object(decode(payload))  # both are ASCII now
    return UnverifiedJws(signed.encode("ascii"), known, read, decode(signature))


@lru_cache(maxsize=256)
def _known_header(text: str) -> Mapping[str, object]:
    """Return a short header: all tokens of one key have the same, byte by byte. Nobody may change what is kept."""
    return MappingProxyType(load_object(decode(text)))


def check_signature(token: UnverifiedJws, key: ECKey | ec.EllipticCurvePublicKey) -> None:
    """Return when ``token`` is signed by ``key`` with ES256.

    Raises ``AlgorithmError`` for every other ``alg``, for ``crit`` and for ``b64`` (RFC 7797: another payload than the
    one that was read), ``SignatureError`` for a bad signature.
    """
    if token.header.get("alg") != ALGORITHM or "crit" in token.header or "b64" in token.header:
        raise AlgorithmError("not ES256")
    if len(token.signature) != 2 * COORDINATE_BYTES:
        raise SignatureError("the signature does not hold")
    r, s = token.signature[:COORDINATE_BYTES], token.signature[COORDINATE_BYTES:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    public = key.public_key if isinstance(key, ECKey) else key
    try:
        public.verify(der, token.signing_input, _ECDSA)
    except InvalidSignature:
        raise SignatureError("the signature does not hold") from None


def public_jwk(key: ECKey) -> dict[str, str]:
    """Return the four public members of ``key``, sorted, and nothing else (RFC 7517)."""
    point = key.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": encode(point[1 : COORDINATE_BYTES + 1]),
        "y": encode(point[COORDINATE_BYTES + 1 : _POINT_BYTES]),
    }


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the SHA-256 thumbprint of a key as ``public_jwk`` writes it (RFC 7638 section 3)."""
    return encode(sha256(jwk_text(jwk["x"], jwk["y"]).encode("ascii")).digest())


def jwk_text(x: str, y: str) -> str:
    """Return a P-256 key as JSON in the members and order of RFC 7638; the coordinates are base64url."""
    return f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'


def import_public_jwk(jwk: object) -> ECKey:
    """Return the P-256 public key of ``jwk``; raises ``MalformedTokenError``, see ``public_key_of``."""
    return ECKey.import_key(public_key_of(jwk))


def public_key_of(jwk: object) -> ec.EllipticCurvePublicKey:
    """Return the P-256 public key of ``jwk``; raises ``MalformedTokenError``.

    A private member, another curve or a point off the curve is refused.
    """
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise MalformedTokenError("not a public P-256 key")
    x, y = jwk.get("x"), jwk.get("y")
    if not isinstance(x, str) or not isinstance(y, str):
        raise MalformedTokenError("not a public P-256 key")
    # RFC 7518 section 6.2.1.2: a coordinate has the full length of the field.
    across, up = decode(x), decode(y)
    if len(across) != COORDINATE_BYTES or len(up) != COORDINATE_BYTES:
        raise MalformedTokenError("not a public P-256 key")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + across + up)
    except ValueError:
        raise MalformedTokenError("not a point on P-256") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedTokenError("repeated member")
    return found


def _no_constant(_name: str) -> object:
    raise MalformedTokenError("NaN or Infinity")


_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant
).scan_once  # type: ignore[attr-defined]  # what raw_decode calls: a text has seven values to read
