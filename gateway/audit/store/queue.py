"""Requests of faces without the log key, and cursors of outboxes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.audit.errors import LogDamagedError
from gateway.audit.records import (
    QueuedRequest,
    RequestOutcome,
)
from gateway.audit.store.tables import audit_cursors, audit_requests, log_checkpoints, log_entries
from gateway.db import connection_of
from gateway.journal import Receipt, Tx


class QueueRows:
    """Rows of requests and cursors."""

    def add_request(self, tx: Tx, draft: str) -> int:
        """Queue a request in the transaction of the fact; return its number."""
        result = connection_of(tx).execute(insert(audit_requests).values(draft=draft))
        return int(result.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has its key

    def pending_requests(self, tx: Tx, limit: int) -> list[QueuedRequest]:
        """Return requests without an entry, oldest first."""
        query = (
            select(audit_requests.c.id, audit_requests.c.draft)
            .where(audit_requests.c.entry_seq.is_(None))
            .order_by(audit_requests.c.id)
            .limit(limit)
        )
        return [QueuedRequest(row.id, row.draft) for row in connection_of(tx).execute(query)]

    def finish_requests(self, tx: Tx, done: Sequence[tuple[int, RequestOutcome]]) -> None:
        """Write what became of requests, and clear their drafts."""
        for number, outcome in done:
            connection_of(tx).execute(
                update(audit_requests)
                .where(audit_requests.c.id == number, audit_requests.c.entry_seq.is_(None))
                .values(draft="", entry_seq=outcome.index, tree_size=outcome.tree_size, error=outcome.error)
            )

    def request_outcome(self, tx: Tx, number: int) -> RequestOutcome | None:
        """Return what became of a request; ``None`` while it waits."""
        row = connection_of(tx).execute(select(audit_requests).where(audit_requests.c.id == number)).one_or_none()
        if row is None or row.entry_seq is None:
            return None
        return RequestOutcome(row.entry_seq, row.tree_size, row.error)

    def receipt(self, tx: Tx, index: int, tree_size: int) -> Receipt | None:
        """Return the receipt of entry ``index`` under the checkpoint of ``tree_size``; ``None`` without either."""
        connection = connection_of(tx)
        leaf = connection.execute(select(log_entries.c.leaf_hash).where(log_entries.c.seq == index)).scalar()
        root = connection.execute(select(log_checkpoints.c.root).where(log_checkpoints.c.size == tree_size)).scalar()
        return None if leaf is None or root is None else Receipt(index, bytes(leaf), tree_size, bytes(root))

    def waiting_requests(self, tx: Tx) -> int:
        """Return how many requests wait."""
        query = select(func.count()).where(audit_requests.c.entry_seq.is_(None))
        return int(connection_of(tx).execute(query).scalar_one())

    # cursors of outboxes

    def cursor(self, tx: Tx, name: str) -> int:
        """Return how far an outbox was applied; 0 before the first event."""
        query = select(audit_cursors.c.position).where(audit_cursors.c.name == name)
        return int(connection_of(tx).execute(query).scalar_one_or_none() or 0)

    def hold_cursor(self, tx: Tx, name: str, expected: int) -> bool:
        """Lock a cursor that is at ``expected`` until the transaction ends; say whether it was there."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(audit_cursors).values(name=name, position=0).on_conflict_do_nothing())
        held = connection.execute(
            update(audit_cursors)
            .where(audit_cursors.c.name == name, audit_cursors.c.position == expected)
            .values(position=expected)
        )
        return held.rowcount == 1

    def move_cursor(self, tx: Tx, name: str, expected: int, position: int) -> None:
        """Move a cursor; raises ``LogDamagedError`` when it was not at ``expected``."""
        connection = connection_of(tx)
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        first = dialect.insert(audit_cursors).values(name=name, position=0).on_conflict_do_nothing()
        connection.execute(first)
        moved = connection.execute(
            update(audit_cursors)
            .where(audit_cursors.c.name == name, audit_cursors.c.position == expected, literal(position) > expected)
            .values(position=position)
        )
        if moved.rowcount != 1:
            raise LogDamagedError("The outbox cursor was moved by somebody else.")
