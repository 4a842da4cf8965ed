"""The search index follows the log: entries are committed without it, and taken into it soon after.

Its twenty secondary indexes cost more than the entry itself, and nothing that was promised rests on them. A search
reads the entries that are not taken yet from the log, so an answer is as complete as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy.exc import IntegrityError

from gateway.audit.entries import index_of, tag_list_of
from gateway.audit.errors import MalformedError
from gateway.audit.leaves import decode_entry
from gateway.audit.records import SearchQuery, StoredEntry, TagList
from gateway.audit.store.cache import CacheRows, IndexRow, write_index
from gateway.audit.store.log import LogRows
from gateway.audit.store.queue import QueueRows
from gateway.db import connection_of
from gateway.instants import micros_text
from gateway.journal import JsonValue, Tx

INDEXED: Final = "search-index"
"""Name of the cursor: entries below it are in the index."""
PERSON: Final = ("actor", "link_approver", "link_executor", "link_basis_recorder", "link_basis_confirmer")
"""The columns that hold accounts."""
_PLAIN: Final = ("actor", "problem", "rule", "policy", "unit", "outcome")
_AT_ONCE: Final = 256


class FollowingRows(LogRows, CacheRows, QueueRows):
    """How far the index has come, its next rows, and the entries that it does not hold yet."""

    def indexed(self, tx: Tx) -> int:
        """Return how many entries, from the first on, are in the index."""
        return self.cursor(tx, INDEXED)

    def hold_indexed(self, tx: Tx) -> int:
        """Return the same, and lock it until the transaction ends."""
        while not self.hold_cursor(tx, INDEXED, found := self.cursor(tx, INDEXED)):
            continue  # somebody was quicker
        return found

    def index_more(self, tx: Tx, limit: int) -> int:
        """Take the next entries into the index, at most ``limit``; return how many, 0 when it has them all.

        The cursor is locked until the transaction ends: of several processes one goes on.
        """
        start = self.cursor(tx, INDEXED)
        end = min(start + limit, self.head(tx).size)
        if end <= start or not self.hold_cursor(tx, INDEXED, start):
            return 0
        rows = list(self._rows(tx, start, end))
        connection = connection_of(tx)
        try:
            with connection.begin_nested():
                if rows:
                    write_index(connection, rows)
        except IntegrityError:  # somebody wrote rows of entries that were not there yet
            self.replace_index(tx, start, end, rows)
        self.move_cursor(tx, INDEXED, start, end)
        return end - start

    def _rows(self, tx: Tx, start: int, end: int) -> Iterator[IndexRow]:
        for stored in self.entries(tx, start, end):
            content = _content(stored)
            if content is not None:
                yield stored.index, index_of(content), tag_list_of(content)

    def unindexed(self, tx: Tx, query: SearchQuery, tags: Mapping[str, bytes] | None, start: int) -> Iterator[int]:
        """Yield those entries from ``start`` on that match, newest first."""
        end = self.head(tx).size if query.before is None else min(self.head(tx).size, query.before)
        while end > start:
            first = max(start, end - _AT_ONCE)
            for stored in reversed(list(self.entries(tx, first, end))):
                content = _content(stored)
                if content is None or not matches(query, index_of(content)):
                    continue
                if tags is None or self._concerns(tx, stored.index, content, tags):
                    yield stored.index
            end = first

    def _concerns(self, tx: Tx, index: int, content: Mapping[str, JsonValue], tags: Mapping[str, bytes]) -> bool:
        """Say whether one of ``tags`` is among those of an entry, in its leaf or beside it."""
        if "tags" not in content:
            return False
        held: TagList | None = tag_list_of(content) or self.tag_list(tx, index)
        return held is not None and tags.get(held.epoch) in held.tags


def _content(stored: StoredEntry) -> Mapping[str, JsonValue] | None:
    """Return what an entry says; ``None`` where the log is damaged: verify-log says so, and the rest is found."""
    try:
        return decode_entry(stored.body)
    except MalformedError:
        return None


def matches(query: SearchQuery, columns: Mapping[str, str | None]) -> bool:
    """Say whether an entry meets every condition of ``query`` but those of its index and its tags.

    The same conditions that the index is asked for, on the columns of one entry.
    """
    at = columns["at"] or ""
    return (
        (query.since is None or at >= micros_text(query.since))
        and (query.until is None or at < micros_text(query.until))
        and all(columns[f"link_{key}"] == value for key, value in query.links.items())
        and (query.person is None or any(columns[name] == query.person for name in PERSON))
        and all(getattr(query, name) in (None, columns[name]) for name in _PLAIN)
        and (query.kind is None or _is_kind(query.kind, columns["kind"] or ""))
    )


def _is_kind(wanted: str, kind: str) -> bool:
    return kind.startswith(wanted) if wanted.endswith(".") else kind == wanted
