"""Tables and repository of identity: the index of issued credentials, shards of the status list.

No claim and no identifier of a person is kept; ``subject_ref`` is random and meaningless (design 4). Times
are UTC text, RFC 3339 with seconds, which sorts as time does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from gateway.db import connection_of, metadata
from gateway.errors import ConflictError
from gateway.identity.issuer_keys import IssuerKeyRecord
from gateway.identity.jws import import_public_jwk, public_jwk
from gateway.identity.records import CredentialId, IssuedCredential, Shard, ShardId, Status
from gateway.ids import SubjectRef
from gateway.instants import instant_of, seconds_text
from gateway.journal import Tx

shards = Table(
    "identity_status_shards",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("bits", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("statuses", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("token", Text, nullable=False),
    Column("token_at", String(20), nullable=False),
    Column("token_expires_at", String(20), nullable=False),
)
credentials = Table(
    "identity_credentials",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_ref", String(64)),  # null once expired: then nothing leads to the pupil any more
    Column("shard", String(40), nullable=False),
    Column("status_index", Integer, nullable=False),
    Column("holder_thumbprint", String(64), nullable=False, unique=True),
    Column("issued_at", String(20), nullable=False),
    Column("expires_at", String(20), nullable=False),
    Column("status", Integer, nullable=False),
    Column("kid", String(64)),
    UniqueConstraint("shard", "status_index", name="uq_identity_credentials_entry"),
    Index("ix_identity_credentials_subject", "subject_ref"),
)
issuer_keys = Table(
    "identity_issuer_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("x", String(43), nullable=False),
    Column("y", String(43), nullable=False),
    Column("published_at", String(20), nullable=False),
    Column("signs_from", String(20), nullable=False),
    Column("keep_until", String(20)),
    Column("compromised_at", String(20)),
)
once = Table(
    "identity_used_once",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("expires_at", String(20), nullable=False, index=True),
)
T = TypeVar("T")
_ENDED_AT_ONCE = 20_000
_CHUNK = 400
"""Values of one ``IN``; SQLite takes a limited number of parameters."""


class IdentityStore:
    """The SQL store; the protocol of the same shape is in ``gateway.identity.service``."""

    def use_once(self, tx: Tx, digest: str, expires_at: datetime) -> bool:
        """Keep ``digest`` as used; return ``False`` when it was used before."""
        connection = connection_of(tx)
        if connection.execute(select(once.c.digest).where(once.c.digest == digest)).first() is not None:
            return False
        try:
            with connection.begin_nested():
                connection.execute(insert(once).values(digest=digest, expires_at=seconds_text(expires_at)))
        except IntegrityError:  # somebody else was faster
            return False
        return True

    def open_shards(self, tx: Tx, limit: int) -> list[Shard]:
        """Return shards of which fewer than ``limit`` entries are used."""
        rows = connection_of(tx).execute(select(shards).where(shards.c.used < limit).order_by(shards.c.id)).mappings()
        return [_shard(row) for row in rows]

    def shard(self, tx: Tx, shard: ShardId) -> Shard | None:
        """Return one shard."""
        row = connection_of(tx).execute(select(shards).where(shards.c.id == shard)).mappings().first()
        return None if row is None else _shard(row)

    def shards_signed_before(self, tx: Tx, moment: datetime) -> list[Shard]:
        """Return the shards whose token was signed before ``moment``, in order of id."""
        query = select(shards).where(shards.c.token_at < seconds_text(moment)).order_by(shards.c.id)
        return [_shard(row) for row in connection_of(tx).execute(query).mappings()]

    def oldest_signature(self, tx: Tx) -> datetime | None:
        """Return when the list whose token is oldest was signed, ``None`` when there is no list."""
        found = connection_of(tx).execute(select(func.min(shards.c.token_at))).scalar_one()
        return None if found is None else instant_of(found)

    def add_shard(self, tx: Tx, shard: Shard) -> None:
        """Keep a new shard."""
        connection_of(tx).execute(insert(shards).values(id=shard.id, **_shard_values(shard)))

    def save_shard(self, tx: Tx, shard: Shard, *, seen_version: int) -> None:
        """Replace a shard that was read at ``seen_version``; raises ``ConflictError`` when it changed since."""
        result = connection_of(tx).execute(
            update(shards)
            .where(shards.c.id == shard.id, shards.c.version == seen_version)
            .values(**_shard_values(shard))
        )
        if result.rowcount != 1:
            raise ConflictError("The status list changed meanwhile; try again.", detail_zh="状态列表已变更，请重试。")

    def taken(self, tx: Tx, entries: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Return those of ``entries`` (shard, index) that were given out before, whenever that was."""
        found: set[tuple[str, int]] = set()
        key = tuple_(credentials.c.shard, credentials.c.status_index)
        for part in _chunks(sorted(entries)):
            query = select(credentials.c.shard, credentials.c.status_index).where(key.in_(part))
            found.update((str(shard), int(index)) for shard, index in connection_of(tx).execute(query))
        return found

    def known_thumbprints(self, tx: Tx, thumbprints: Collection[str]) -> set[str]:
        """Return those of the holder keys that a credential was ever bound to."""
        found: set[str] = set()
        for part in _chunks(sorted(thumbprints)):
            query = select(credentials.c.holder_thumbprint).where(credentials.c.holder_thumbprint.in_(part))
            found.update(connection_of(tx).execute(query).scalars())
        return found

    def add_credentials(self, tx: Tx, issued: Iterable[IssuedCredential]) -> None:
        """Keep issued credentials; raises ``ConflictError`` for an entry or a key given out before."""
        rows = [
            {
                "id": one.id,
                "subject_ref": one.subject_ref,
                "shard": one.shard,
                "status_index": one.index,
                "holder_thumbprint": one.holder_thumbprint,
                "issued_at": seconds_text(one.issued_at),
                "expires_at": seconds_text(one.expires_at),
                "status": int(one.status),
                "kid": one.kid,
            }
            for one in issued
        ]
        try:
            connection_of(tx).execute(insert(credentials), rows)
        except IntegrityError as error:
            raise ConflictError(
                "A status entry or a holder key was given out before; try again.",
                detail_zh="状态位或持有人密钥已被占用，请重试。",
            ) from error

    def credential_at(self, tx: Tx, shard: ShardId, index: int) -> IssuedCredential | None:
        """Return the credential of a status entry; ``None`` when there is none, or its subject was forgotten."""
        query = select(credentials).where(
            credentials.c.shard == shard, credentials.c.status_index == index, credentials.c.subject_ref.is_not(None)
        )
        row = connection_of(tx).execute(query).mappings().first()
        return None if row is None else _credential(row)

    def credentials_of(self, tx: Tx, subjects: Collection[SubjectRef], *, live_at: datetime) -> list[IssuedCredential]:
        """Return the credentials of ``subjects`` that have not expired at ``live_at``."""
        found: list[IssuedCredential] = []
        for part in _chunks(sorted(subjects)):
            query = (
                select(credentials)
                .where(credentials.c.subject_ref.in_(part), credentials.c.expires_at > seconds_text(live_at))
                .order_by(credentials.c.id)
            )
            found.extend(_credential(row) for row in connection_of(tx).execute(query).mappings())
        return found

    def credentials_named(self, tx: Tx, ids: Collection[CredentialId]) -> list[IssuedCredential]:
        """Return credentials by their ids, expired ones as well; unknown ids are left out."""
        found: list[IssuedCredential] = []
        for part in _chunks(sorted(ids)):
            rows = connection_of(tx).execute(select(credentials).where(credentials.c.id.in_(part))).mappings()
            found.extend(_credential(row) for row in rows)
        return found

    def signed_by(self, tx: Tx, kids: Collection[str], *, live_at: datetime) -> list[IssuedCredential]:
        """Return the unexpired credentials of one list that ``kids`` signed and that are not ended, at most a chunk."""
        live = (
            credentials.c.kid.in_(sorted(kids)),
            credentials.c.expires_at > seconds_text(live_at),
            credentials.c.status != int(Status.INVALID),
        )
        connection = connection_of(tx)
        shard = connection.execute(select(credentials.c.shard).where(*live).limit(1)).scalar()
        query = select(credentials).where(*live, credentials.c.shard == shard).limit(_ENDED_AT_ONCE)
        return [_credential(row) for row in connection.execute(query).mappings()]

    def set_credential_status(self, tx: Tx, ids: Collection[CredentialId], status: Status) -> None:
        """Write the status of credentials; the shard's bytes are written by ``save_shard``."""
        for part in _chunks(sorted(ids)):
            connection_of(tx).execute(update(credentials).where(credentials.c.id.in_(part)).values(status=int(status)))

    def sweep(self, tx: Tx, before: datetime) -> Mapping[str, int]:
        """Forget what expired before ``before``: used digests, and the subject of each credential.

        The entry of a credential stays taken: an index is never given out again. Returns row counts.
        """
        connection = connection_of(tx)
        moment = seconds_text(before)
        gone_once = connection.execute(delete(once).where(once.c.expires_at < moment)).rowcount
        unlinked = connection.execute(
            update(credentials)
            .where(credentials.c.expires_at < moment, credentials.c.subject_ref.is_not(None))
            .values(subject_ref=None)
        ).rowcount
        return {"used_once": gone_once, "credentials": unlinked}


class IssuerKeyStore:
    """Rows of the issuer's keys: their public halves and dates."""

    def all(self, tx: Tx) -> list[IssuerKeyRecord]:
        """Return every key with a row, the oldest first."""
        query = select(issuer_keys).order_by(issuer_keys.c.signs_from, issuer_keys.c.published_at, issuer_keys.c.kid)
        return [_issuer_key(row) for row in connection_of(tx).execute(query).mappings()]

    def save(self, tx: Tx, record: IssuerKeyRecord) -> None:
        """Insert or replace a key by its ``kid``."""
        jwk = public_jwk(record.public)
        values: dict[str, str | None] = {
            "x": jwk["x"],
            "y": jwk["y"],
            "published_at": seconds_text(record.published_at),
            "signs_from": seconds_text(record.signs_from),
            "keep_until": _text(record.keep_until),
            "compromised_at": _text(record.compromised_at),
        }
        connection = connection_of(tx)
        there = issuer_keys.c.kid == record.kid
        if connection.execute(update(issuer_keys).where(there).values(**values)).rowcount == 0:
            connection.execute(insert(issuer_keys).values(kid=record.kid, **values))


def _chunks(values: Sequence[T]) -> Iterable[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else seconds_text(moment)


def _issuer_key(row: RowMapping) -> IssuerKeyRecord:
    return IssuerKeyRecord(
        kid=row["kid"],
        public=import_public_jwk({"kty": "EC", "crv": "P-256", "x": row["x"], "y": row["y"]}),
        published_at=instant_of(row["published_at"]),
        signs_from=instant_of(row["signs_from"]),
        keep_until=None if row["keep_until"] is None else instant_of(row["keep_until"]),
        compromised_at=None if row["compromised_at"] is None else instant_of(row["compromised_at"]),
    )


def _credential(row: RowMapping) -> IssuedCredential:
    return IssuedCredential(
        id=CredentialId(row["id"]),
        subject_ref=SubjectRef(row["subject_ref"] or ""),
        shard=ShardId(row["shard"]),
        index=row["status_index"],
        holder_thumbprint=row["holder_thumbprint"],
        issued_at=instant_of(row["issued_at"]),
        expires_at=instant_of(row["expires_at"]),
        status=Status(row["status"]),
        kid=row["kid"],
    )


def _shard(row: RowMapping) -> Shard:
    return Shard(
        id=ShardId(row["id"]),
        bits=row["bits"],
        size=row["size"],
        used=row["used"],
        statuses=bytes(row["statuses"]),
        version=row["version"],
        token=row["token"],
        token_at=instant_of(row["token_at"]),
        token_expires_at=instant_of(row["token_expires_at"]),
    )


def _shard_values(shard: Shard) -> dict[str, object]:
    return {
        "bits": shard.bits,
        "size": shard.size,
        "used": shard.used,
        "statuses": shard.statuses,
        "version": shard.version,
        "token": shard.token,
        "token_at": seconds_text(shard.token_at),
        "token_expires_at": seconds_text(shard.token_expires_at),
    }
