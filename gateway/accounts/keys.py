"""Public keys of OAuth clients, and the public half of the keys that sign access tokens: ES256 only."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gateway.errors import ParameterError

ALGORITHM = "ES256"
"""The one algorithm: other choices are what attacks on JOSE are made of."""
CURVE = "P-256"
MAX_KEYS = 4
MAX_KID = 128
MAX_PUBLISHED = 16
"""So many entries of a published set are looked at."""
_PRIVATE = {"d", "p", "q", "k"}
"""Members of a JWK that are private (RFC 7518, section 6)."""


def public_keys(jwks: Mapping[str, object]) -> tuple[Mapping[str, str], ...]:
    """Return the keys of a JSON Web Key Set in their smallest form, each with a ``kid`` of its own.

    A key without ``kid`` gets its RFC 7638 thumbprint. Raises ``ParameterError`` for a set that is empty or too
    large, a key that is private, not on P-256, not on the curve, meant for something else, or a ``kid`` used twice.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_KEYS:
        raise _bad(f"a JSON Web Key Set has a member 'keys' with 1 to {MAX_KEYS} keys")
    keys = tuple(_public_key(entry) for entry in listed)
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
            key = _public_key(entry)
        except ParameterError:
            continue
        found.setdefault(key["kid"], key)
    return tuple(found.values())


def signing_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the JSON Web Key of a public signing key; ``kid`` is its RFC 7638 thumbprint."""
    imported = ECKey.import_key(key)
    members = {name: str(value) for name, value in imported.as_dict(private=False).items() if name in {"x", "y"}}
    return {"kty": "EC", "crv": CURVE, **members, "use": "sig", "alg": ALGORITHM, "kid": imported.thumbprint()}


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
    kid = entry.get("kid", thumbprint)
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_KID:
        raise _bad(f"a 'kid' is a text of 1 to {MAX_KID} characters")
    return {**plain, "use": "sig", "alg": ALGORITHM, "kid": kid}


def _bad(problem: str) -> ParameterError:
    return ParameterError(
        f"The client's keys cannot be used: {problem}.",
        detail_zh="客户端公钥不可用：应为 1 至 4 个 P-256 公钥（JWKS，ES256），且不含私钥。",
    )
