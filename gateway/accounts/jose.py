"""Compact JWTs as callers hand them in, read strictly: what one says unverified, and whether a key signed it.

Signature checks are joserfc's (RFC 7515), under the one algorithm there is. What is added here are refusals: a text
that is too long, a member that is there twice (two readers could see two values), anything that is no object.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from gateway.accounts.keys import ALGORITHM, CURVE

MAX_COMPACT = 8192
"""A longer compact JWT is refused unread."""
MAX_JTI = 256
LEEWAY_SECONDS = 30
"""How far clocks of hosts may drift apart, at assertions and tokens."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
_IMPORTED_KEYS = 1024


@dataclass(frozen=True, slots=True)
class UnverifiedJwt:
    """A compact JWT that was parsed, and not more than that: good for nothing but to find its key."""

    compact: str = field(repr=False)
    header: Mapping[str, object] = field(repr=False)
    claims: Mapping[str, object] = field(repr=False)


def read(compact: str) -> UnverifiedJwt | None:
    """Return what a compact JWT says, unverified; ``None`` for what is none."""
    if len(compact) > MAX_COMPACT or not _COMPACT.fullmatch(compact):
        return None
    head, body, _ = compact.split(".")
    header, claims = _object(head), _object(body)
    return UnverifiedJwt(compact, header, claims) if header is not None and claims is not None else None


def signed_by(token: UnverifiedJwt, key: ECKey) -> bool:
    """Say whether ``key`` signed the token with ES256; any other algorithm, ``none`` included, is a no."""
    if token.header.get("alg") != ALGORITHM or "crit" in token.header:
        return False
    try:
        jws.deserialize_compact(token.compact, key, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return False
    return True


def public_key(members: Mapping[str, object]) -> ECKey | None:
    """Return the public P-256 key with these members, ``None`` when there is no such key."""
    x, y = members.get("x"), members.get("y")
    if members.get("kty") != "EC" or members.get("crv") != CURVE or not isinstance(x, str) or not isinstance(y, str):
        return None
    # longer or shorter coordinates would be second spellings of a key
    return _imported(x, y) if _COORDINATE.fullmatch(x) and _COORDINATE.fullmatch(y) else None


def registered_key(members: Mapping[str, str]) -> ECKey | None:
    """Return a key that was checked when it was registered."""
    return _imported(members["x"], members["y"])


def seconds(value: object) -> float | None:
    """Return a NumericDate (RFC 7519, section 2); JSON of Python also reads NaN and Infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def jti_hash(value: object) -> str | None:
    """Return the SHA-256 of an id that a caller chose, ``None`` when it is no text of 1 to 256 characters.

    Stores keep the hash: what a caller chose may be anything.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_JTI:
        return None
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=_IMPORTED_KEYS)
def _imported(x: str, y: str) -> ECKey | None:
    """Import a key once: to see whether a point lies on the curve costs as much as a signature check."""
    try:
        key = ECKey.import_key({"kty": "EC", "crv": CURVE, "x": x, "y": y})
        _ = key.public_key
    except (JoseError, ValueError):
        return None
    return key


def _object(part: str) -> Mapping[str, object] | None:
    try:
        found = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members
