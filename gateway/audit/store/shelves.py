"""What the log has beside it, as retention sees it: keys of quarters, and requests that have become entries."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import delete, func, select

from gateway.audit.epoch_keys import ACCESS_TAGS
from gateway.audit.store.tables import audit_requests, log_index
from gateway.audit.tags import days_of_epoch
from gateway.data_keys.matters import Cursor, Matter
from gateway.data_keys.periods import civil_day, end_of_day
from gateway.db import connection_of
from gateway.db.data_keys import data_keys
from gateway.instants import instant_of, micros_text
from gateway.journal import Tx

AUDIT_REQUESTS: Final = "audit_requests"
CHUNK: Final = 1000
"""Requests that go as one."""


class EpochShelf:
    """Implements ``gateway.data_keys.matters.Shelf``: a key's retention counts from the last day of its quarter."""

    keyed = True

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> list[Matter]:
        """Return the quarters that are over and whose key stands, oldest first."""
        found = []
        for epoch in self._standing(tx):
            first, end = days_of_epoch(epoch)
            matter = Matter(ACCESS_TAGS, epoch, first, end, wide=True)
            if end <= last and (after is None or matter.cursor > after):
                found.append(matter)
        return sorted(found, key=lambda one: one.cursor)[:limit]

    def amount(self, tx: Tx) -> int:
        """Return how many quarters have a key, the present one included."""
        return len(self._standing(tx))

    def remove(self, tx: Tx, matter: Matter) -> bool:  # noqa: ARG002  a protocol
        """Remove nothing: leaves and tag lists are the log's, and say nothing without the key."""
        return False

    def _standing(self, tx: Tx) -> list[str]:
        query = select(data_keys.c.matter).where(
            data_keys.c.data_class == ACCESS_TAGS, data_keys.c.destroyed_at.is_(None)
        )
        return list(connection_of(tx).execute(query).scalars())


class RequestShelf:
    """Implements ``gateway.data_keys.matters.Shelf``: rows of the queue, each counted from the time of its entry."""

    keyed = False

    def ended(self, tx: Tx, last: date, after: Cursor | None, limit: int) -> list[Matter]:
        """Return requests in chunks, by number."""
        found: list[Matter] = []
        while len(found) < limit:
            chunk = self._chunk(tx, last, found[-1].cursor if found else after)
            if chunk is None:
                break
            found.append(chunk)
        return found

    def _chunk(self, tx: Tx, last: date, after: Cursor | None) -> Matter | None:
        behind = -1 if after is None else int(after[1].partition("-")[2])
        query = (
            select(audit_requests.c.id, log_index.c.at)
            .join(log_index, log_index.c.seq == audit_requests.c.entry_seq)
            .where(log_index.c.at < micros_text(end_of_day(last)), audit_requests.c.id > behind)
            .order_by(audit_requests.c.id)
            .limit(CHUNK)
        )
        rows = connection_of(tx).execute(query).all()
        if not rows:
            return None
        days = [civil_day(instant_of(row.at)) for row in rows]
        numbers = f"{rows[0].id}-{rows[-1].id}"
        return Matter(AUDIT_REQUESTS, numbers, min(days), max(days), count=len(rows))

    def amount(self, tx: Tx) -> int:
        """Return how many requests have become entries and stand."""
        query = select(func.count()).where(audit_requests.c.entry_seq.is_not(None))
        return int(connection_of(tx).execute(query).scalar_one())

    def remove(self, tx: Tx, matter: Matter) -> bool:
        """Remove a chunk, but for what is not as old as its last day."""
        first, _, final = matter.id.partition("-")
        old = select(log_index.c.seq).where(log_index.c.at < micros_text(end_of_day(matter.last)))
        done = connection_of(tx).execute(
            delete(audit_requests).where(
                audit_requests.c.id.between(int(first), int(final)), audit_requests.c.entry_seq.in_(old)
            )
        )
        return bool(done.rowcount)
