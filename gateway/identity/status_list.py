"""Token Status List (draft-ietf-oauth-status-list): packing, signing, reading; and where new entries go.

A list is split into shards of a fixed size. An entry's shard and index are drawn at random, never by school
or by order of issue, so that neither says anything about its pupil and each list has a large herd.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from joserfc.jwk import ECKey

from gateway.identity import jws
from gateway.identity.errors import CredentialRejectedError, Reason
from gateway.identity.keys import IssuerKey, IssuerKeys
from gateway.identity.records import Status, StatusReference

TYP = "statuslist+jwt"
MEDIA_TYPE = "application/statuslist+jwt"
BITS = 2
"""``SUSPENDED`` does not fit into one bit."""
_ALLOWED_BITS = (1, 2, 4, 8)
_BYTE = 8
MAX_BYTES = 1 << 24
"""A list that unpacks to more is refused: a zip bomb, or of no use to a verifier."""
LEEWAY = timedelta(seconds=60)
_LONGEST_SECONDS = 100 * 366 * 86_400
"""A ``ttl`` beyond is read as this: no clock goes further, and ``exp`` ends the list anyway."""


class StatusReading(NamedTuple):
    """The status of one entry and the age of the list that says so."""

    status: int
    issued_at: datetime
    expires_at: datetime | None
    ttl: timedelta | None


def empty(size: int, bits: int = BITS) -> bytes:
    """Return the packed statuses of ``size`` entries, all ``VALID``; ``size`` is a multiple of ``8 / bits``."""
    if size <= 0 or (size * bits) % _BYTE:
        raise ValueError("the size does not fill whole bytes")
    return bytes(size * bits // _BYTE)


def get(statuses: bytes, index: int, bits: int = BITS) -> int:
    """Return entry ``index``, counted from the least significant bit of each byte (section 4.1).

    Raises ``IndexError`` out of range.
    """
    if index < 0 or index * bits >= len(statuses) * _BYTE:
        raise IndexError("status index out of range")
    byte, offset = divmod(index * bits, _BYTE)
    return (statuses[byte] >> offset) & ((1 << bits) - 1)


def put(statuses: bytes, changes: Mapping[int, int], bits: int = BITS) -> bytes:
    """Return a copy with ``changes`` (index -> status); raises ``IndexError`` or ``ValueError``."""
    found = bytearray(statuses)
    mask = (1 << bits) - 1
    for index, status in changes.items():
        if index < 0 or index * bits >= len(found) * _BYTE:
            raise IndexError("status index out of range")
        if not 0 <= status <= mask:
            raise ValueError("the status does not fit into the bits")
        byte, offset = divmod(index * bits, _BYTE)
        found[byte] = (found[byte] & ~(mask << offset) & 0xFF) | (status << offset)
    return bytes(found)


def pack(statuses: bytes) -> str:
    """Return ``lst``: base64url of the ZLIB-compressed bytes (section 4.2)."""
    return jws.encode(zlib.compress(statuses, 9))


def unpack(lst: str, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of ``lst``; raises ``MalformedTokenError`` for bad data, trailing bytes or too much of it."""
    unpacker = zlib.decompressobj()
    try:
        statuses = unpacker.decompress(jws.decode(lst), max_bytes)
    except zlib.error:
        raise jws.MalformedTokenError("not ZLIB data") from None
    if not unpacker.eof or unpacker.unused_data:
        raise jws.MalformedTokenError("truncated, trailing or oversized ZLIB data")
    return statuses


def sign(
    statuses: bytes, *, uri: str, issuer: str, key: IssuerKey, now: datetime, ttl: timedelta, life: timedelta
) -> str:
    """Return the Status List Token of one shard (section 5.1): ``sub`` is ``uri``, times in seconds."""
    issued = int(now.timestamp())
    return jws.sign(
        key.header(TYP),
        {
            "iss": issuer,
            "sub": uri,
            "iat": issued,
            "exp": issued + int(life.total_seconds()),
            "ttl": int(ttl.total_seconds()),
            "status_list": {"bits": BITS, "lst": pack(statuses)},
        },
        key.key,
    )


@dataclass(frozen=True, slots=True)
class OpenList:
    """A Status List Token whose signature and claims held when it was opened, unpacked."""

    uri: str
    bits: int
    statuses: bytes = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta | None
    signer: ECKey = field(repr=False)
    """The key that signed it: a list counts only as long as its signer does."""
    kid: str

    def at(self, index: int, now: datetime) -> StatusReading:
        """Return the status of one entry; raises ``CredentialRejectedError`` past ``exp`` or out of range."""
        if self.expires_at <= now:  # section 8.3, step 4b; exp is required by our profile
            raise CredentialRejectedError(Reason.STATUS_LIST_EXPIRED)
        try:  # steps 5 and 6: out of bounds MUST be rejected
            status = get(self.statuses, index, self.bits)
        except IndexError:
            raise CredentialRejectedError(Reason.STATUS_INDEX) from None
        return StatusReading(status, self.issued_at, self.expires_at, self.ttl)


class OpenLists:
    """Keeps the last lists that were opened, by their whole token: one signature and one unpacking for many checks.

    A list whose signer is no longer among the keys is opened anew, and then refused. Safe to share between threads:
    at worst a list is opened twice.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._lists: dict[str, OpenList] = {}

    def open(self, token: str, *, uri: str, issuer: str, keys: IssuerKeys, now: datetime) -> OpenList:
        """Return the opened list; see ``open_list``."""
        found = self._lists.get(token)
        if found is not None and found.uri == uri and keys.by_kid.get(found.kid) is found.signer:
            return found
        opened = open_list(token, uri=uri, issuer=issuer, keys=keys, now=now)
        while len(self._lists) >= self._most:
            self._lists.pop(next(iter(self._lists)), None)
        self._lists[token] = opened
        return opened


def read(
    token: str,
    reference: StatusReference,
    *,
    issuer: str,
    keys: IssuerKeys,
    now: datetime,
    lists: OpenLists | None = None,
) -> StatusReading:
    """Return the status of ``reference`` from a Status List Token that holds.

    ``lists`` remembers opened ones. Raises ``CredentialRejectedError``. Whether ``ttl`` has passed is for the caller
    to judge; ``exp`` is not. Source: draft-ietf-oauth-status-list, section 8.3.
    """
    opener = open_list if lists is None else lists.open
    return opener(token, uri=reference.uri, issuer=issuer, keys=keys, now=now).at(reference.index, now)


def open_list(token: str, *, uri: str, issuer: str, keys: IssuerKeys, now: datetime) -> OpenList:
    """Return the list of a token that holds; raises ``CredentialRejectedError``.

    Source: draft-ietf-oauth-status-list, section 8.3, steps 3 to 5.
    """
    # Section 8.3, step 3a: a valid JWT of the right type, signed by the issuer.
    try:
        parsed = jws.parse(token)
    except jws.MalformedTokenError:
        raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED) from None
    if parsed.header.get("typ") != TYP:
        raise CredentialRejectedError(Reason.STATUS_LIST_TYPE)
    kid = parsed.header.get("kid")
    key = keys.by_kid.get(kid) if isinstance(kid, str) else None
    if key is None or not isinstance(kid, str):
        raise CredentialRejectedError(Reason.UNKNOWN_KEY)
    try:
        jws.check_signature(parsed, key)
    except (jws.AlgorithmError, jws.SignatureError):
        raise CredentialRejectedError(Reason.STATUS_LIST_SIGNATURE) from None
    claims = parsed.payload
    if claims.get("iss", issuer) != issuer:
        raise CredentialRejectedError(Reason.WRONG_ISSUER)
    # Step 3b and 4a: required claims; sub is the uri of the credential.
    if claims.get("sub") != uri:
        raise CredentialRejectedError(Reason.STATUS_LIST_SUBJECT)
    issued_at, expires_at = _time(claims.get("iat")), _time(claims.get("exp"))
    if issued_at > now + LEEWAY or ("nbf" in claims and _time(claims["nbf"]) > now + LEEWAY):
        raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED)
    if expires_at <= now:
        raise CredentialRejectedError(Reason.STATUS_LIST_EXPIRED)
    ttl = claims.get("ttl")
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int) or ttl <= 0):
        raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED)
    bits, statuses = _list(claims.get("status_list"))
    lived = None if ttl is None else timedelta(seconds=min(ttl, _LONGEST_SECONDS))
    return OpenList(uri, bits, statuses, issued_at, expires_at, lived, key, kid)


def refuse_unless_valid(status: int) -> None:
    """Return for ``VALID``; raises ``CredentialRejectedError``: suspended for 2, revoked for all else (step 7)."""
    if status != Status.VALID:
        raise CredentialRejectedError(Reason.SUSPENDED if status == Status.SUSPENDED else Reason.REVOKED)


@dataclass(frozen=True, slots=True)
class Room:
    """An open shard as allocation sees it: its size in entries, and how many more may be given out."""

    shard: str
    size: int
    free: int


def allocate(
    count: int,
    rooms: Sequence[Room],
    *,
    taken: Callable[[Collection[tuple[str, int]]], Collection[tuple[str, int]]],
    choose: Callable[[int], int],
) -> list[tuple[str, int]]:
    """Return ``count`` free entries as ``(shard, index)``, each drawn at random among the open shards.

    ``choose(n)`` returns an unpredictable number from 0 to n - 1 (``secrets.randbelow``); ``taken`` tells which
    of some entries were given out before. Raises ``ValueError`` when the rooms hold too few. No entry is ever
    given out twice. Source: draft-ietf-oauth-status-list, section 12.5.2 (unlinkability); HAIP 1.0 section 6.
    """
    free = {room.shard: room.free for room in rooms}
    size = {room.shard: room.size for room in rooms}
    if sum(max(left, 0) for left in free.values()) < count:
        raise ValueError("the open shards are full")
    found: list[tuple[str, int]] = []
    while len(found) < count:
        drawn: list[tuple[str, int]] = []
        for _ in range(count - len(found)):
            open_now = [shard for shard, left in free.items() if left > 0]
            if not open_now:
                break
            shard = open_now[choose(len(open_now))]
            entry = (shard, choose(size[shard]))
            if entry not in drawn and entry not in found:
                drawn.append(entry)
                free[shard] -= 1
        before = taken(drawn)
        for entry in drawn:
            if entry in before:
                free[entry[0]] += 1
            else:
                found.append(entry)
    return found


def _time(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED) from None


def _list(value: object) -> tuple[int, bytes]:
    match value:
        case {"bits": int() as bits, "lst": str() as lst} if bits in _ALLOWED_BITS and not isinstance(bits, bool):
            try:
                return bits, unpack(lst)
            except jws.MalformedTokenError:
                raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED) from None
        case _:
            raise CredentialRejectedError(Reason.STATUS_LIST_MALFORMED)
