"""The search index as a cache of the log: compared with it row by row, and written anew from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.audit.cache import Cached, CacheRow, Difference, IndexComparison
from gateway.audit.entries import index_of, tag_list_of
from gateway.audit.leaves import decode_entry
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

    def indexed(self, tx: Tx) -> int:
        """Return how many entries, from the first on, are in the index."""

    def hold_indexed(self, tx: Tx) -> int:
        """Return the same, which nobody changes until the transaction ends."""

    def index_more(self, tx: Tx, limit: int) -> int:
        """Take the next entries into the index; return how many."""

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
            comparison = IndexComparison(Cached(self.store.index_rows(tx), self.store.indexed(tx)))
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

        A stretch at a time, so that entries go on being written and searched meanwhile; what the index did not hold
        yet it is given at the end. ``progress`` is told how many more entries are done.
        """
        known = self.reader.read(lambda tx: min(self.store.indexed(tx), self.store.head(tx).size))
        for start in range(0, known, _REBUILT):
            end = min(start + _REBUILT, known)
            with self.store.transaction() as tx:
                contents = [(one.index, decode_entry(one.body)) for one in self.store.entries(tx, start, end)]
                rows = [(index, index_of(content), tag_list_of(content)) for index, content in contents]
                self.store.replace_index(tx, start, end, rows)
            progress(end - start)
        with self.store.transaction() as tx:  # rows of no entry, and of none that the index holds
            self.store.replace_index(tx, self.store.hold_indexed(tx), None, ())
        return known + self.catch_up(progress)

    def catch_up(self, progress: Callable[[int], object] = lambda _count: None) -> int:
        """Take into the index what it does not hold yet; return how many entries. ``progress`` is told of each part."""
        taken = 0
        while more := self._more():
            taken += more
            progress(more)
        return taken

    def _more(self) -> int:
        with self.store.transaction() as tx:
            return self.store.index_more(tx, _READ)
