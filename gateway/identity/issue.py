"""Issue credentials: SD-JWT VCs, each bound to one holder key (RFC 9901; draft-ietf-oauth-sd-jwt-vc).

Two credentials of a batch share issuer, type, and times rounded to the hour; nothing else that is unique. What a whole
batch shares is written once (``Blank``); for each credential there remain random salts, digests and one signature.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from struct import Struct

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.identity import jws, sd_jwt
from gateway.identity.keys import HolderKey, IssuerKey
from gateway.identity.records import ClaimValue, StatusReference

DIGESTS = 16
"""Every credential has as many digests, filled up with decoys: their number says nothing about a pupil."""
HOUR = timedelta(hours=1)
SALT_BYTES = 18
"""24 characters of base64url without padding, of which 22 to 24 are used: at least 132 random bits."""
_SALT = SALT_BYTES * 4 // 3
_OPENING = b'["'
_DIGEST_BYTES = 32


def hour_of(moment: datetime) -> datetime:
    """Return the full hour at or before ``moment``, in UTC: a finer time would link the credentials of a batch."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def expiry(now: datetime, life: timedelta) -> datetime:
    """Return the ``exp`` that a credential gets: ``life`` from now, rounded up to the hour."""
    return hour_of(now + life + HOUR - timedelta(microseconds=1))


@dataclass(frozen=True, slots=True)
class Blank:
    """What the credentials of a batch share, written out: claims with holes for salts, header, frame of the payload.

    What is left for each of them is written in a few calls over whole buffers: a step for each claim in Python would
    cost as much as the signature.
    """

    salted: bytes = field(repr=False)
    """All disclosures one behind the other, a format that takes their salts."""
    salts: Struct = field(repr=False)
    """Cuts random characters into salts."""
    disclosures: Struct = field(repr=False)
    """Cuts the encoded whole into disclosures: each is a whole number of base64 groups."""
    decoys: Struct = field(repr=False)
    """Cuts random bytes into decoy digests."""
    head: bytes = field(repr=False)
    """The encoded header and its dot."""
    frame: tuple[bytes, bytes] = field(repr=False)
    """Of the payload, what stands before the holder's key, and between the status and the digests."""
    private: ec.EllipticCurvePrivateKey = field(repr=False)

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
            tails.append(b'",%b,%b]' % (_spelled(name), jws.dump(value).encode()))
        # A salt of 22 to 24 characters makes every disclosure a whole number of base64 groups: all of them are
        # encoded in one call and cut apart again.
        lengths = [_SALT - 2 + -(len(_OPENING) + _SALT - 2 + len(tail)) % 3 for tail in tails]
        whole = [(len(_OPENING) + length + len(tail)) * 4 // 3 for length, tail in zip(lengths, tails, strict=True)]
        opening = {
            "iss": issuer,
            "iat": int(hour_of(now).timestamp()),
            "exp": int(expiry(now, life).timestamp()),
            "vct": vct,
        }
        return cls(
            b"".join(_OPENING + b"%b" + tail.replace(b"%", b"%%") for tail in tails),
            _cutter("".join([f"{length}s{_SALT - length}x" for length in lengths])),
            _cutter("".join([f"{length}s" for length in whole])),
            _cutter(f"{_DIGEST_BYTES}s" * (DIGESTS - len(tails))),
            _head(key),
            (
                jws.dump(opening)[:-1].encode() + b',"cnf":{"jwk":',
                f',"_sd_alg":"{sd_jwt.HASH_ALGORITHM}","_sd":["'.encode(),
            ),
            jws.signing_key(key.key),
        )

    def filled(
        self, holder: HolderKey, status: StatusReference, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> str:
        """Return a compact SD-JWT for ``holder``, ending in a tilde; every claim is selectively disclosable.

        ``random`` returns so many unpredictable bytes.
        """
        salting = self.salts.size // 4 * 3
        noise = random(salting + self.decoys.size)
        written = self.salted % self.salts.unpack(jws.encode_bytes(noise[:salting]))
        disclosures = self.disclosures.unpack(jws.encode_bytes(written))
        # RFC 9901 section 4.2.5: a decoy looks like a digest. Of a random value nobody keeps, its digest and 32
        # random bytes are told apart by nobody; so the bytes stand as they come (docs/deviations.md). At the top level
        # alone: inside status or cnf it would break the rule that their sub-claims are never selectively disclosable.
        digests = [sha256(one).digest() for one in disclosures]
        digests += self.decoys.unpack(noise[salting:])
        payload = b'%b%b},"status":{"status_list":{"idx":%d,"uri":%b}}%b%b"]}' % (
            self.frame[0],
            holder.jwk,
            status.index,
            _spelled(status.uri),
            self.frame[1],
            _listed(digests),
        )
        token = jws.sign_bytes(self.head + jws.encode_bytes(payload).rstrip(b"="), self.private)
        return b"~".join((token, *disclosures, b"")).decode("ascii")


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
    return Blank.of(claims, key=key, issuer=issuer, vct=vct, now=now, life=life).filled(
        HolderKey.of(holder), status, random
    )


@lru_cache(maxsize=1024)
def _spelled(text: str) -> bytes:
    return jws.dump(text).encode()


def _head(key: IssuerKey) -> bytes:
    """Return the encoded header of a credential, and its dot."""
    return _encoded(jws.dump({"alg": jws.ALGORITHM, **key.header(sd_jwt.TYP)})) + b"."


@lru_cache(maxsize=64)
def _encoded(text: str) -> bytes:
    return jws.encode(text.encode()).encode("ascii")


@lru_cache(maxsize=1024)
def _cutter(form: str) -> Struct:
    return Struct(form)


def _listed(digests: list[bytes]) -> bytes:
    """Return 32-byte digests in base64url between ``","``: encoded in one call, each with a zero byte behind it.

    Sorted, because the order must not show which is which (RFC 9901 section 4.2.4.1).

    43 characters hold 258 bits: 256 of the digest, two zero ones, as if it stood alone. The 44th is the filler's and
    is skipped.
    """
    together = jws.encode_bytes(b"\0".join(digests) + b"\0")
    return b'","'.join(sorted(_cutter("43sx" * len(digests)).unpack(together)))
