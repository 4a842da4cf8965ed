"""Public keys of OAuth clients, and the public half of the keys that sign access tokens: ES256 only.

Beside them a client may have keys of ``use`` ``enc``, to which its extracts are encrypted. They prove nobody.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.errors import ParameterError

ALGORITHM = "ES256"
"""The one algorithm: other choices are what attacks on JOSE are made of."""
CURVE = "P-256"
MAX_KEYS = 4
MAX_KID = 128
MAX_PUBLISHED = 16
"""So many entries of a published set are looked at."""
ENCRYPTION = {"EC": "ECDH-ES+A256KW", "RSA": "RSA-OAEP-256"}
"""Kind of key -> the algorithm (RFC 7518, section 4) by which is encrypted to it."""
RSA_BITS = (2048, 4096)
_PRIVATE = {"d", "p", "q", "k"}
"""Members of a JWK that are private (RFC 7518, section 6)."""


def public_keys(jwks: Mapping[str, object]) -> tuple[Mapping[str, str], ...]:
    """Return the keys of a JSON Web Key Set in their smallest form, each with a ``kid`` of its own.

    A key without ``kid`` gets its RFC 7638 thumbprint. Raises ``ParameterError`` for a set that is empty or too
    large, has no key for signatures, a key that is private, not on P-256, not on the curve (RSA only for encryption),
    meant for something else, or a ``kid`` used twice.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KEYS:
        raise _bad(f"a JSON Web Key Set has a member 'keys' with 1 to {MAX_KEYS} keys")
    keys = tuple(_any_key(entry) for entry in listed)
    if not signing_keys(keys):
        raise _bad("no key is for signatures: with it the client proves itself")
    if len({key["kid"] for key in keys}) != len(keys):
        raise _bad("two keys have the same 'kid'")
    return keys


def usable_keys(jwks: Mapping[str, object]) -> tuple[Mapping[str, str], ...]:
    """Return the keys of a published set that a client can prove itself with; it may hold others, which are left out.

    Empty when nothing is usable. Raises ``ParameterError`` for a set that shows a private key: it is no secret any
    more, and nothing that comes with it can be relied upon.
    """
    listed = jwks.get("keys")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if any(_PRIVATE & set(entry) for entry in entries):
        raise _bad("a private key was published")
    found: dict[str, Mapping[str, str]] = {}
    for entry in entries[:MAX_PUBLISHED]:
        try:
            key = _any_key(entry)
        except ParameterError:
            continue
        found.setdefault(key["kid"], key)
    return tuple(found.values())


def signing_keys(keys: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Return those of a client's keys with which it can prove itself."""
    return tuple(key for key in keys if key.get("use", "sig") == "sig")


def encryption_key(keys: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """Return the first of a client's keys that is for encryption, ``None`` when there is none."""
    return next((key for key in keys if key.get("use") == "enc"), None)


def signing_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the JSON Web Key of a public signing key; ``kid`` is its RFC 7638 thumbprint."""
    imported = ECKey.import_key(key)
    members = {name: str(value) for name, value in imported.as_dict(private=False).items() if name in {"x", "y"}}
    return {"kty": "EC", "crv": CURVE, **members, "use": "sig", "alg": ALGORITHM, "kid": imported.thumbprint()}


def _any_key(entry: object) -> dict[str, str]:
    return _encryption_key(entry) if isinstance(entry, dict) and entry.get("use") == "enc" else _public_key(entry)


def _encryption_key(entry: Mapping[str, object]) -> dict[str, str]:
    """Return a key of ``use`` ``enc`` in its smallest form: on P-256, or RSA of 2048 to 4096 bits."""
    kty = entry.get("kty")
    names = {"EC": ("crv", "x", "y"), "RSA": ("n", "e")}.get(str(kty), ())
    if not names or _PRIVATE & set(entry):
        raise _bad("a key for encryption is a public key, EC on P-256 or RSA")
    alg = ENCRYPTION[str(kty)]
    if entry.get("alg", alg) != alg:
        raise _bad(f"a key for encryption is for {' or '.join(ENCRYPTION.values())}")
    plain = {"kty": str(kty)} | {name: str(entry.get(name)) for name in names}
    if kty == "RSA" and not RSA_BITS[0] <= _bits(plain["n"]) <= RSA_BITS[1]:
        raise _bad(f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[1]} bits")
    try:
        imported = (ECKey if kty == "EC" else RSAKey).import_key(dict(plain))
        thumbprint = imported.thumbprint()
        _ = imported.public_key  # checks that there is such a key
    except (JoseError, ValueError, TypeError) as error:
        raise _bad("a key for encryption cannot be read") from error
    if kty == "EC" and plain["crv"] != CURVE:
        raise _bad(f"a key for encryption is on {CURVE}")
    return {**plain, "use": "enc", "alg": alg, "kid": _kid(entry, thumbprint)}


def _public_key(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise _bad("each key is a JSON object")
    if entry.get("kty") != "EC" or entry.get("crv") != CURVE:
        raise _bad("each key is an EC key on P-256")
    if "d" in entry:
        raise _bad("a private key was given: make a new pair, the private key must not leave the client")
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        raise _bad("each key is for signatures with ES256")
    parts = {name: entry.get(name) for name in ("kty", "crv", "x", "y")}
    if not all(isinstance(value, str) for value in parts.values()):
        raise _bad("each key has 'x' and 'y'")
    plain = {name: str(value) for name, value in parts.items()}
    try:
        imported = ECKey.import_key({"kty": plain["kty"], "crv": plain["crv"], "x": plain["x"], "y": plain["y"]})
        thumbprint = imported.thumbprint()
        _ = imported.public_key  # checks that the point lies on the curve
    except (JoseError, ValueError) as error:
        raise _bad("a key does not lie on P-256") from error
    return {**plain, "use": "sig", "alg": ALGORITHM, "kid": _kid(entry, thumbprint)}


def _bits(number: str) -> int:
    """Return the length of a number in base64url (RFC 7518, section 6.3.1), 0 for what is none."""
    try:
        return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big").bit_length()
    except ValueError:
        return 0


def _kid(entry: Mapping[str, object], thumbprint: str) -> str:
    kid = entry.get("kid", thumbprint)
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KID:
        raise _bad(f"a 'kid' is a text of 1 to {MAX_KID} characters")
    return kid


def _bad(problem: str) -> ParameterError:
    return ParameterError(
        f"The client's keys cannot be used: {problem}.",
        detail_zh="客户端公钥不可用：应为 1 至 4 个公钥，签名用 P-256（ES256），加密用 P-256 或 RSA，不含私钥。",
    )
