"""Compact JWS with ES256, read strictly: one spelling per token, no algorithm but ours.

Signing and signature checks are joserfc's (RFC 7515); what is added here are refusals. Base64url must be
canonical, because its last character has spare bits and a token would otherwise have several spellings;
JSON must not repeat a member, because two readers could then see two values.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact, serialize_compact

ALGORITHM = "ES256"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = str.maketrans("-_", "+/")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
COORDINATE_BYTES = 32
PUBLIC_MEMBERS = ("crv", "kty", "x", "y")


class MalformedTokenError(ValueError):
    """The text is not what its format says. Says which part, never its content."""


class SignatureError(ValueError):
    """The signature does not hold under the key."""


class AlgorithmError(ValueError):
    """Another algorithm than ES256, ``none`` included (RFC 8725 section 3.1)."""


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """A compact JWS that was parsed, and not more than that."""

    compact: str = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    payload: Mapping[str, object] = field(repr=False)


def encode(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes of canonical base64url without padding; raises ``MalformedTokenError`` on anything else."""
    if not _BASE64URL.fullmatch(text):
        raise MalformedTokenError("not base64url")
    try:
        data = binascii.a2b_base64(text.translate(_FROM_URL) + "=" * (-len(text) % 4))
    except ValueError:  # binascii.Error is one
        raise MalformedTokenError("not base64url") from None
    if encode(data) != text:
        raise MalformedTokenError("not canonical base64url")
    return data


def dump(value: object) -> str:
    """Return compact JSON with Chinese as it is: three bytes a character instead of six."""
    return _ENCODER.encode(value)


def load(data: bytes) -> object:
    """Return the JSON value; raises ``MalformedTokenError`` for repeated members, NaN, bad UTF-8, lone surrogates."""
    try:
        text = data.decode("utf-8")
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        dump(value).encode("utf-8")
    except (ValueError, RecursionError):
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
    return serialize_compact({"alg": ALGORITHM, **header}, dump(payload).encode(), key, algorithms=[ALGORITHM])


def parse(compact: str) -> UnverifiedJws:
    """Take a compact JWS apart; raises ``MalformedTokenError``. Nothing is verified."""
    parts = compact.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, payload, signature: RFC 7515 section 3.1
        raise MalformedTokenError("not three parts")
    header, payload, _ = (decode(part) for part in parts)
    return UnverifiedJws(compact, load_object(header), load_object(payload))


def check_signature(token: UnverifiedJws, key: ECKey) -> None:
    """Return when ``token`` is signed by ``key`` with ES256.

    Raises ``AlgorithmError`` for every other ``alg`` and for ``crit``, ``SignatureError`` for a bad signature.
    """
    if token.header.get("alg") != ALGORITHM or "crit" in token.header:
        raise AlgorithmError("not ES256")
    try:
        deserialize_compact(token.compact, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        raise SignatureError("the signature does not hold") from None


def public_jwk(key: ECKey) -> dict[str, str]:
    """Return the four public members of ``key``, sorted, and nothing else (RFC 7517)."""
    members = key.as_dict(private=False)
    return {name: str(members[name]) for name in PUBLIC_MEMBERS}


def import_public_jwk(jwk: object) -> ECKey:
    """Return the P-256 public key of ``jwk``; raises ``MalformedTokenError``.

    A private member, another curve or a point off the curve is refused.
    """
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
        raise MalformedTokenError("not a public P-256 key")
    x, y = jwk.get("x"), jwk.get("y")
    if not isinstance(x, str) or not isinstance(y, str):
        raise MalformedTokenError("not a public P-256 key")
    # RFC 7518 section 6.2.1.2: a coordinate has the full length of the field.
    coordinates = [decode(x), decode(y)]
    if any(len(coordinate) != COORDINATE_BYTES for coordinate in coordinates):
        raise MalformedTokenError("not a public P-256 key")
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(coordinates[0], "big"), int.from_bytes(coordinates[1], "big"), ec.SECP256R1()
    )
    try:
        return ECKey.import_key(numbers.public_key())
    except ValueError:
        raise MalformedTokenError("not a point on P-256") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedTokenError("repeated member")
    return found


def _no_constant(_name: str) -> object:
    raise MalformedTokenError("NaN or Infinity")
