"""What identity knows: credentials in the index, shards of the status list. Frozen values, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NewType

from gateway.ids import SubjectRef

CredentialId = NewType("CredentialId", str)
"""Internal: it is never written into a credential (A50-14)."""
ShardId = NewType("ShardId", str)

ClaimValue = str | int | bool


class Status(IntEnum):
    """Status types of draft-ietf-oauth-status-list, section 7.1."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """The issuer's names and numbers.

    ``issuer`` is the public URL without a trailing slash; ``vct`` and the status URIs lie below it. Times
    are whole. ``shard_fill`` is the share of a shard's indices that are ever given out, 0 to 1.
    """

    issuer: str
    vct: str
    credential_life: timedelta = timedelta(days=14)
    offer_life: timedelta = timedelta(hours=24)
    access_life: timedelta = timedelta(minutes=10)
    nonce_life: timedelta = timedelta(minutes=5)
    batch_size: int = 10
    status_ttl: timedelta = timedelta(hours=1)
    status_life: timedelta = timedelta(hours=24)
    shard_size: int = 1 << 17
    shard_fill: float = 0.5
    open_shards: int = 4
    max_key_binding_age: timedelta = timedelta(seconds=300)

    @classmethod
    def at(cls, public_url: str) -> IdentitySettings:
        """Return the settings of an issuer at ``public_url``, everything else as designed."""
        return cls(issuer=public_url, vct=f"{public_url}/v1/identity/types/student/1")

    def vct_of(self, configuration: str) -> str:
        """Return the credential type of a configuration, which is also where its metadata are."""
        return f"{self.issuer}/v1/identity/types/{configuration}/1"

    def status_uri(self, shard: ShardId) -> str:
        """Return the address of a shard's status list token."""
        return f"{self.issuer}/v1/identity/status/{shard}"

    def shard_of(self, uri: str) -> ShardId | None:
        """Return the shard behind a status URI, ``None`` when it is not ours."""
        prefix = f"{self.issuer}/v1/identity/status/"
        return ShardId(uri.removeprefix(prefix)) if uri.startswith(prefix) else None


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where a credential's status stands: ``status.status_list`` (draft-ietf-oauth-status-list, section 6.2)."""

    uri: str
    index: int


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A row of the index of issued credentials: what links a pupil to a status index. No claim is kept."""

    id: CredentialId
    subject_ref: SubjectRef = field(repr=False)
    shard: ShardId
    index: int
    holder_thumbprint: str = field(repr=False)
    """RFC 7638; unique, so that no key serves twice."""
    issued_at: datetime
    expires_at: datetime
    status: Status = Status.VALID
    kid: str | None = None
    """The issuer's key that signed it; ``None`` of credentials from before keys could be changed."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One status list: ``statuses`` are packed, ``bits`` an entry; ``token`` is its last signed form."""

    id: ShardId
    bits: int
    size: int
    used: int
    statuses: bytes = field(repr=False)
    version: int
    token: str = field(repr=False)
    token_at: datetime
    token_expires_at: datetime


@dataclass(frozen=True, slots=True)
class StatusListToken:
    """A signed status list as served: ``application/statuslist+jwt``."""

    token: str = field(repr=False)
    etag: str
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta


@dataclass(frozen=True, slots=True)
class VerificationAnswer:
    """What a relying party is told online: the claims it asked for, may have, and the holder disclosed."""

    claims: Mapping[str, ClaimValue] = field(repr=False)
    verified_at: datetime
    expires_at: datetime
    """When the credential expires; the record's state was read at ``verified_at``."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """What a change of the registry did to a pupil's credentials."""

    status: Status
    changed: int
    shards: int
