"""Issue credentials: SD-JWT VCs, each bound to one holder key (RFC 9901; draft-ietf-oauth-sd-jwt-vc).

Two credentials of a batch share issuer, type, and times rounded to the hour; nothing else that is unique. What a whole
batch shares is written once (``Blank``); for each credential there remain random salts, digests and one signature.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate, pairwise

from joserfc.jwk import ECKey

from gateway.identity import jws, sd_jwt
from gateway.identity.keys import IssuerKey
from gateway.identity.records import ClaimValue, StatusReference

DIGESTS = 16
"""Every credential has as many digests, filled up with decoys: their number says nothing about a pupil."""
HOUR = timedelta(hours=1)
SALT_BYTES = 18
"""24 characters of base64url without padding, of which 22 to 24 are used: at least 132 random bits."""
_SALT = SALT_BYTES * 4 // 3
_OPENING = b'["'
_TO_URL = bytes.maketrans(b"+/", b"-_")


def hour_of(moment: datetime) -> datetime:
    """Return the full hour at or before ``moment``, in UTC: a finer time would link the credentials of a batch."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def expiry(now: datetime, life: timedelta) -> datetime:
    """Return the ``exp`` that a credential gets: ``life`` from now, rounded up to the hour."""
    return hour_of(now + life + HOUR - timedelta(microseconds=1))


@dataclass(frozen=True, slots=True)
class Blank:
    """What the credentials of a batch share, written out: claims behind their salts, header, frame of the payload."""

    tails: tuple[bytes, ...] = field(repr=False)
    """Of each disclosure, what stands behind the salt."""
    salts: tuple[int, ...] = field(repr=False)
    """Of each disclosure, the length of its salt in characters."""
    header: str = field(repr=False)
    frame: tuple[str, str] = field(repr=False)
    """Of the payload, what stands before the holder's key, and between the status and the digests."""
    key: IssuerKey = field(repr=False)

    @classmethod
    def of(
        cls,
        claims: Mapping[str, ClaimValue],
        *,
        key: IssuerKey,
        issuer: str,
        vct: str,
        now: datetime,
        life: timedelta,
    ) -> Blank:
        """Return the blank of ``claims``; ``life`` is rounded up to the hour.

        Raises ``ValueError`` for a claim that must stay visible or more than ``DIGESTS`` of them.
        Source: RFC 9901 sections 4.1 and 4.2; SD-JWT VC section 2.2.
        """
        if len(claims) > DIGESTS:
            raise ValueError(f"a credential holds at most {DIGESTS} claims")
        tails = []
        for name, value in claims.items():
            sd_jwt.refuse_visible(name)
            tails.append(f'",{jws.dump(name)},{jws.dump(value)}]'.encode())
        # A salt of 22 to 24 characters makes every disclosure a whole number of base64 groups: all of them are
        # encoded in one call and cut apart again.
        salts = tuple(_SALT - 2 + -(len(_OPENING) + _SALT - 2 + len(tail)) % 3 for tail in tails)
        opening = {
            "iss": issuer,
            "iat": int(hour_of(now).timestamp()),
            "exp": int(expiry(now, life).timestamp()),
            "vct": vct,
        }
        before = jws.dump(opening)[:-1] + ',"cnf":{"jwk":'
        return cls(
            tuple(tails),
            salts,
            jws.encode(jws.dump({"alg": jws.ALGORITHM, "typ": sd_jwt.TYP, "kid": key.kid}).encode()),
            (before, f',"_sd_alg":"{sd_jwt.HASH_ALGORITHM}","_sd":["'),
            key,
        )

    def filled(
        self, holder: ECKey, status: StatusReference, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> str:
        """Return a compact SD-JWT for ``holder``, ending in a tilde; every claim is selectively disclosable.

        ``random`` returns so many unpredictable bytes.
        """
        decoys = DIGESTS - len(self.tails)
        noise = random(len(self.tails) * SALT_BYTES + decoys * SALT_BYTES)
        salts = binascii.b2a_base64(noise, newline=False).translate(_TO_URL)
        written = [
            _OPENING + salts[at * _SALT : at * _SALT + length] + tail
            for at, (length, tail) in enumerate(zip(self.salts, self.tails, strict=True))
        ]
        ends = [0, *accumulate(len(one) * 4 // 3 for one in written)]
        together = binascii.b2a_base64(b"".join(written), newline=False).translate(_TO_URL)
        disclosures = [together[start:end] for start, end in pairwise(ends)]
        shown = together.decode("ascii")
        # RFC 9901 section 4.2.5: a decoy is the digest of a random value. At the top level alone: inside status or
        # cnf it would break the rule that their sub-claims are never selectively disclosable.
        hidden = [salts[at * _SALT : (at + 1) * _SALT] for at in range(len(self.tails), DIGESTS)]
        # Section 4.2.4.1: the order must not show which is which.
        digests = sorted(_encoded([sha256(one).digest() for one in (*disclosures, *hidden)]))
        jwk = jws.public_jwk(holder)
        payload = (
            f'{self.frame[0]}{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}}},'
            f'"status":{{"status_list":{{"idx":{status.index},"uri":{_spelled(status.uri)}}}}}{self.frame[1]}'
            + '","'.join(digests)
            + '"]}'
        )
        token = jws.sign_parts(self.header, jws.encode(payload.encode()), self.key.key)
        return sd_jwt.SEPARATOR.join((token, *[shown[start:end] for start, end in pairwise(ends)], ""))


def issue(
    claims: Mapping[str, ClaimValue],
    *,
    holder: ECKey,
    key: IssuerKey,
    issuer: str,
    vct: str,
    status: StatusReference,
    now: datetime,
    life: timedelta,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> str:
    """Return one credential; see ``Blank.of`` and ``Blank.filled``. ``holder`` is a P-256 key, its public half serves.

    Raises ``ValueError`` for a claim that must stay visible or more than ``DIGESTS`` of them.
    """
    return Blank.of(claims, key=key, issuer=issuer, vct=vct, now=now, life=life).filled(holder, status, random)


@lru_cache(maxsize=1024)
def _spelled(text: str) -> str:
    return jws.dump(text)


def _encoded(digests: list[bytes]) -> list[str]:
    """Return 32-byte digests in base64url: all in one call, each with a zero byte behind it that is cut off again.

    43 characters hold 258 bits: 256 of the digest, two zero ones, as if it stood alone. The 44th is the filler's.
    """
    together = binascii.b2a_base64(b"\0".join(digests) + b"\0", newline=False).translate(_TO_URL).decode("ascii")
    return [together[at : at + 43] for at in range(0, len(together), 44)]
