"""The search index as a cache of the log: compared with it row by row, and written anew from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.audit.cache import CacheRow, Difference, IndexComparison
from gateway.audit.entries import decode_entry, index_of, tag_list_of
from gateway.audit.records import Head, StoredEntry, TagList
from gateway.journal import Reader, Tx

_READ: Final = 1000
_REBUILT: Final = 50_000
"""Entries whose rows are written anew in one transaction."""


class IndexStore(Protocol):
    """What of the database the index is compared with, and written to."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """Open a write transaction."""

    def head(self, tx: Tx) -> Head:
        """Return the head."""

    def lock_head(self, tx: Tx) -> Head:
        """Lock the head, so that nobody appends until the transaction ends."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield the entries of a range, ascending."""

    def index_rows(self, tx: Tx) -> Iterator[CacheRow]:
        """Yield the search index as it stands, ascending."""

    def replace_index(
        self, tx: Tx, start: int, end: int | None, rows: Sequence[tuple[int, Mapping[str, str | None], TagList | None]]
    ) -> None:
        """Let the index hold these rows alone from ``start`` up to below ``end``, or to its end."""


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """The search index of a log."""

    store: IndexStore
    reader: Reader

    def compare(self, progress: Callable[[int], object] = lambda _count: None) -> list[Difference]:
        """Return what the index has wrong, in the order of the log.

        Where others write meanwhile, ``reader`` must read one snapshot, or their entries look like differences.
        ``progress`` is told how many more entries are compared. Raises ``MalformedError`` for an entry that is none:
        ``xueji verify-log`` says what befell it.
        """
        found: list[Difference] = []

        def run(tx: Tx) -> None:
            comparison = IndexComparison(self.store.index_rows(tx))
            size = self.store.head(tx).size
            for start in range(0, size, _READ):
                entries = list(self.store.entries(tx, start, min(start + _READ, size)))
                for stored in entries:
                    found.extend(comparison.take(stored.index, decode_entry(stored.body)))
                progress(len(entries))
            found.extend(comparison.finish())

        self.reader.read(run)
        return found

    def rebuild(self, progress: Callable[[int], object] = lambda _count: None) -> int:
        """Write the index anew from the log; return the number of entries.

        A stretch at a time, so that entries go on being written and searched meanwhile; what is appended meanwhile
        brings its rows itself. ``progress`` is told how many more entries are done.
        """
        size = self.reader.read(lambda tx: self.store.head(tx).size)
        for start in range(0, size, _REBUILT):
            end = min(start + _REBUILT, size)
            with self.store.transaction() as tx:
                contents = [(one.index, decode_entry(one.body)) for one in self.store.entries(tx, start, end)]
                rows = [(index, index_of(content), tag_list_of(content)) for index, content in contents]
                self.store.replace_index(tx, start, end, rows)
            progress(end - start)
        with self.store.transaction() as tx:  # rows of no entry: the locked head says where the entries end
            self.store.replace_index(tx, self.store.lock_head(tx).size, None, ())
        return size
