"""The keys of the log: none until the first change, then the first and every one that followed."""

from __future__ import annotations

import base64

from sqlalchemy import insert, select, update

from gateway.audit.note import VerifierKey
from gateway.audit.records import LogKeyRecord
from gateway.audit.store.tables import log_entries, log_keys
from gateway.audit.store.values import as_bytes
from gateway.db import Prepared, connection_of
from gateway.journal import Tx

_ALL = Prepared(  # run at every commit of the log
    select(log_keys.c.vkey, log_keys.c.overlap_until, log_keys.c.entry, log_keys.c.body).order_by(log_keys.c.number)
)
_ID_TEXT = 5
"""Characters of base64 that the four bytes of a key id settle."""


class KeyRows:
    """Rows of the log's keys."""

    def log_keys(self, tx: Tx) -> list[LogKeyRecord]:
        """Return the keys of the log, the oldest first; none before the first change."""
        return [
            LogKeyRecord(VerifierKey.parse(vkey), overlap_until, entry, None if body is None else as_bytes(body))
            for vkey, overlap_until, entry, body in _ALL.rows(connection_of(tx))
        ]

    def add_log_key(self, tx: Tx, number: int, key: VerifierKey, overlap_until: str) -> None:
        """Add key ``number``; every checkpoint that is written from here on has to carry its signature."""
        values = {"number": number, "vkey": str(key), "mark": _mark(key), "overlap_until": overlap_until}
        connection_of(tx).execute(insert(log_keys).values(values))

    def keep_log_key_entry(self, tx: Tx, key: VerifierKey, index: int) -> None:
        """Write down which entry brought ``key``, and the entry."""
        body = select(log_entries.c.body).where(log_entries.c.seq == index).scalar_subquery()
        connection_of(tx).execute(update(log_keys).where(log_keys.c.vkey == str(key)).values(entry=index, body=body))


def _mark(key: VerifierKey) -> str:
    """Return how a signature line of ``key`` begins: the database looks for it, though it cannot verify it."""
    return f"\n\u2014 {key.name} {base64.b64encode(key.id).decode()[:_ID_TEXT]}"
