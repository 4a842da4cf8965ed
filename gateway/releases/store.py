"""Rows of extracts and deliveries."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from gateway.db import Leases, connection_of, metadata
from gateway.ids import AccountId, ExtractId, GrantId, RecipientId
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx
from gateway.policies.records import Format, Level
from gateway.releases.records import (
    Delivery,
    DeliveryEnd,
    DeliveryId,
    Ended,
    Extract,
    ExtractRequest,
    ExtractState,
    Kept,
)

_NAMED = 500
"""Ids in one statement: databases limit the number of parameters."""

extracts = Table(
    "extracts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("grant_id", String(40), nullable=False, index=True),
    Column("recipient", String(18), nullable=False, index=True),
    Column("executor", String(40), nullable=False),
    Column("state", String(12), nullable=False),
    Column("level", String(14), nullable=False),
    Column("request", Text, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("expires_on", String(10), nullable=False),
    Column("file_name", String(120), nullable=False, default=""),
    Column("size", BigInteger, nullable=False, default=0),
    Column("rows", Integer, nullable=False, default=0),
    Column("sha256", String(64), nullable=False, default=""),
    Column("manifest", Text, nullable=False, default=""),
    Column("report", Text, nullable=False, default=""),
    Column("obligations", Text, nullable=False, default=""),
    Column("wrapped_key", LargeBinary, nullable=False, default=b""),
    Column("failure", String(60), nullable=False, default=""),
    Column("rows_done", Integer, nullable=False, default=0),
    Column("rows_total", Integer, nullable=False, default=0),
    Column("first_delivery_at", String(32)),
    Column("deleted_by", String(200), nullable=False, default=""),
    Column("worker", String(60)),
    Column("leased_to", String(32)),
    Index("ix_extracts_state_created", "state", "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("extract_id", String(40), ForeignKey("extracts.id"), nullable=False, index=True),
    Column("account", String(40), nullable=False),
    Column("owner", String(60), nullable=False),
    Column("leased_to", String(32), nullable=False),
    Column("first_byte", BigInteger, nullable=False),
    Column("last_byte", BigInteger, nullable=False),
    Column("outcome", String(12), nullable=False, index=True),
    Column("sent", BigInteger, nullable=False, default=0),
)

_QUEUE = Leases(extracts, extracts.c.created_at, ExtractState.QUEUED, ExtractState.PREPARING)


class ExtractStore:
    """Repository of extracts and deliveries. It never commits."""

    def add(self, tx: Tx, extract: Extract) -> None:
        """Insert a new extract."""
        connection_of(tx).execute(insert(extracts).values(**_values(extract)))

    def finish(self, tx: Tx, extract: Extract, worker: str) -> bool:
        """Write what a preparation came to; false when ``worker`` does not hold the extract any more."""
        return _QUEUE.change(tx, extract.id, worker, _values(extract))

    def close(
        self, tx: Tx, identifier: ExtractId, state: ExtractState, *, among: Collection[ExtractState], by: str = ""
    ) -> Ended | None:
        """End an extract that is in one of ``among`` and destroy the key of its file; ``None`` when it was in another.

        Whether its use was consumed is read by the statement that ends it: a delivery comes before, or not at all.
        """
        first = (
            connection_of(tx)
            .execute(
                update(extracts)
                .where(extracts.c.id == identifier, extracts.c.state.in_(among))
                .values(state=state, deleted_by=by, wrapped_key=b"")
                .returning(extracts.c.first_delivery_at)
            )
            .one_or_none()
        )
        return None if first is None else Ended(unused=first[0] is None)

    def get(self, tx: Tx, identifier: ExtractId) -> Extract | None:
        """Return one extract."""
        row = connection_of(tx).execute(select(extracts).where(extracts.c.id == identifier)).one_or_none()
        return None if row is None else _extract(row)

    def of_grant(self, tx: Tx, grant: GrantId) -> list[Extract]:
        """Return the extracts of a grant, newest first."""
        query = select(extracts).where(extracts.c.grant_id == grant).order_by(extracts.c.created_at.desc())
        return [_extract(row) for row in connection_of(tx).execute(query)]

    def kept(self, tx: Tx, grants: Collection[GrantId]) -> list[Kept]:
        """Return what says whether the extracts of ``grants`` were handed out and deleted, oldest first."""
        found: list[Kept] = []
        wanted = sorted(grants)
        for first in range(0, len(wanted), _NAMED):
            query = (
                select(
                    extracts.c.id,
                    extracts.c.grant_id,
                    extracts.c.state,
                    extracts.c.first_delivery_at,
                    extracts.c.obligations,
                )
                .where(extracts.c.grant_id.in_(wanted[first : first + _NAMED]))
                .order_by(extracts.c.created_at)
            )
            found += [
                Kept(
                    id=ExtractId(row.id),
                    grant=GrantId(row.grant_id),
                    state=ExtractState(row.state),
                    first_delivery_at=None if row.first_delivery_at is None else instant_of(row.first_delivery_at),
                    obligations=row.obligations,
                )
                for row in connection_of(tx).execute(query)
            ]
        return found

    def ready(self, tx: Tx) -> list[Extract]:
        """Return the extracts that have a file, oldest first."""
        query = select(extracts).where(extracts.c.state == ExtractState.READY).order_by(extracts.c.created_at)
        return [_extract(row) for row in connection_of(tx).execute(query)]

    def newest(self, tx: Tx, recipient: RecipientId | None, limit: int) -> list[Extract]:
        """Return the newest extracts, of one recipient or of all."""
        query = select(extracts).order_by(extracts.c.created_at.desc()).limit(limit)
        if recipient is not None:
            query = query.where(extracts.c.recipient == recipient)
        return [_extract(row) for row in connection_of(tx).execute(query)]

    def claim(
        self, tx: Tx, worker: str, now: datetime, leased_to: datetime, *, matches: bool = False
    ) -> Extract | None:
        """Take the oldest extract that waits, or whose worker has been silent beyond its lease.

        Those of level ``match`` are answered from a list, by another task: ``matches`` takes these and no others.
        """
        level = (extracts.c.level == Level.MATCH) if matches else (extracts.c.level != Level.MATCH)
        row = _QUEUE.claim(tx, worker, now, leased_to, level)
        return None if row is None else replace(_extract(row), state=ExtractState.PREPARING)

    def progress(self, tx: Tx, identifier: ExtractId, worker: str, done: int, total: int, leased_to: datetime) -> bool:
        """Note how far the preparation is and renew its lease; false when ``worker`` does not hold it any more."""
        return _QUEUE.progress(tx, identifier, worker, done, total, leased_to)

    def add_delivery(self, tx: Tx, delivery: Delivery, now: datetime) -> bool:
        """Insert a delivery whose intent is being recorded, the first of its extract at ``now``.

        False, and nothing is inserted, when the extract is not ready any more.
        """
        ready = update(extracts).where(extracts.c.id == delivery.extract, extracts.c.state == ExtractState.READY)
        first = func.coalesce(extracts.c.first_delivery_at, micros_text(now))
        if connection_of(tx).execute(ready.values(first_delivery_at=first)).rowcount != 1:
            return False
        connection_of(tx).execute(
            insert(deliveries).values(
                id=delivery.id,
                extract_id=delivery.extract,
                account=delivery.account,
                owner=delivery.owner,
                leased_to=micros_text(delivery.leased_to),
                first_byte=delivery.first_byte,
                last_byte=delivery.last_byte,
                outcome=delivery.end,
            )
        )
        return True

    def renew(self, tx: Tx, identifier: DeliveryId, leased_to: datetime) -> None:
        """Renew the lease of a delivery under way."""
        connection_of(tx).execute(
            update(deliveries).where(deliveries.c.id == identifier).values(leased_to=micros_text(leased_to))
        )

    def end_delivery(self, tx: Tx, identifier: DeliveryId, end: DeliveryEnd, sent: int) -> bool:
        """Close a delivery as its owner saw it end, also one that was taken for lost; false when it was closed.

        When not one byte of the extract was ever handed out, its use is as it was before the delivery: reserved.
        """
        extract = select(deliveries.c.extract_id).where(deliveries.c.id == identifier).scalar_subquery()
        # deliveries of one extract end one after the other: each must see what the others came to
        connection_of(tx).execute(select(extracts.c.id).where(extracts.c.id == extract).with_for_update())
        result = connection_of(tx).execute(
            update(deliveries)
            .where(deliveries.c.id == identifier, deliveries.c.outcome.in_([DeliveryEnd.OPEN, DeliveryEnd.UNKNOWN]))
            .values(outcome=end, sent=sent)
        )
        if sent == 0:
            counts = (deliveries.c.sent > 0) | deliveries.c.outcome.in_([DeliveryEnd.OPEN, DeliveryEnd.UNKNOWN])
            begun = select(deliveries.c.id).where(deliveries.c.extract_id == extracts.c.id, counts).exists()
            connection_of(tx).execute(
                update(extracts)
                .where(extracts.c.id == extract, extracts.c.state == ExtractState.READY, ~begun)
                .values(first_delivery_at=None)
            )
        return bool(result.rowcount == 1)

    def end_orphan(self, tx: Tx, identifier: DeliveryId, now: datetime) -> bool:
        """Close a delivery as unknown; false when it was closed or its lease renewed meanwhile."""
        result = connection_of(tx).execute(
            update(deliveries)
            .where(
                deliveries.c.id == identifier,
                deliveries.c.outcome == DeliveryEnd.OPEN,
                deliveries.c.leased_to < micros_text(now),
            )
            .values(outcome=DeliveryEnd.UNKNOWN)
        )
        return bool(result.rowcount == 1)

    def orphans(self, tx: Tx, now: datetime) -> list[Delivery]:
        """Return open deliveries whose owner has been silent beyond its lease."""
        silent = deliveries.c.leased_to < micros_text(now)
        query = select(deliveries).where(deliveries.c.outcome == DeliveryEnd.OPEN, silent)
        return [_delivery(row) for row in connection_of(tx).execute(query)]

    def deliveries_of(self, tx: Tx, identifier: ExtractId) -> list[Delivery]:
        """Return the deliveries of an extract, oldest first."""
        mine = select(deliveries).where(deliveries.c.extract_id == identifier)
        query = mine.order_by(deliveries.c.leased_to, deliveries.c.id)
        return [_delivery(row) for row in connection_of(tx).execute(query)]


def _request_json(request: ExtractRequest) -> str:
    value: dict[str, object] = {"format": request.format}
    if request.fields is not None:
        value["fields"] = list(request.fields)
    if request.purpose is not None:
        value["purpose"] = request.purpose
    if request.since is not None:
        value["since"] = request.since
    if request.compression is not None:
        value["compression"] = request.compression
    if request.encrypt:
        value["encrypt_to"] = dict(request.encrypt_to or {})
    for name in ("stages", "grades", "schools"):
        wanted = getattr(request, name)
        if wanted is not None:
            value[name] = sorted(wanted)
    return json.dumps(value, sort_keys=True)


def _request(text: str) -> ExtractRequest:
    value = json.loads(text)
    sets = {name: frozenset(value[name]) if name in value else None for name in ("stages", "grades", "schools")}
    return ExtractRequest(
        format=Format(value["format"]),
        fields=tuple(value["fields"]) if "fields" in value else None,
        purpose=value.get("purpose"),
        since=ExtractId(value["since"]) if "since" in value else None,
        compression=value.get("compression"),
        encrypt="encrypt_to" in value,
        encrypt_to=value.get("encrypt_to") or None,
        **sets,
    )


def _values(extract: Extract) -> dict[str, Any]:
    return {
        "id": extract.id,
        "grant_id": extract.grant,
        "recipient": extract.recipient,
        "executor": extract.executor,
        "state": extract.state,
        "level": extract.level,
        "request": _request_json(extract.request),
        "created_at": micros_text(extract.created_at),
        "expires_on": extract.expires_on.isoformat(),
        "file_name": extract.file_name,
        "size": extract.size,
        "rows": extract.rows,
        "sha256": extract.sha256,
        "manifest": extract.manifest,
        "report": extract.report,
        "obligations": extract.obligations,
        "wrapped_key": extract.wrapped_key,
        "failure": extract.failure,
        "rows_done": extract.rows_done,
        "rows_total": extract.rows_total,
        "first_delivery_at": None if extract.first_delivery_at is None else micros_text(extract.first_delivery_at),
        "deleted_by": extract.deleted_by,
    }


def _extract(row: Row[Any]) -> Extract:
    return Extract(
        id=ExtractId(row.id),
        grant=GrantId(row.grant_id),
        recipient=RecipientId(row.recipient),
        executor=AccountId(row.executor),
        state=ExtractState(row.state),
        level=Level(row.level),
        request=_request(row.request),
        created_at=instant_of(row.created_at),
        expires_on=date.fromisoformat(row.expires_on),
        file_name=row.file_name,
        size=row.size,
        rows=row.rows,
        sha256=row.sha256,
        manifest=row.manifest,
        report=row.report,
        obligations=row.obligations,
        wrapped_key=row.wrapped_key,
        failure=row.failure,
        rows_done=row.rows_done,
        rows_total=row.rows_total,
        first_delivery_at=None if row.first_delivery_at is None else instant_of(row.first_delivery_at),
        deleted_by=row.deleted_by,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        extract=ExtractId(row.extract_id),
        account=AccountId(row.account),
        owner=row.owner,
        leased_to=instant_of(row.leased_to),
        first_byte=row.first_byte,
        last_byte=row.last_byte,
        end=DeliveryEnd(row.outcome),
    )
