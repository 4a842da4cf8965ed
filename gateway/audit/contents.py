"""Judges the entries of a log as it is verified: their form, clock and tags, and what the search index says of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Final

from gateway.audit.cache import Cached, Difference, IndexComparison
from gateway.audit.errors import MalformedError
from gateway.audit.findings import Damage
from gateway.audit.following import Report
from gateway.audit.leaves import decode_entry
from gateway.audit.reading import Helper, Told, look
from gateway.audit.records import TagList
from gateway.audit.rolls import ascending
from gateway.audit.tags import tags_root
from gateway.journal import JsonValue

MAX_NOTICES: Final = 20
"""Warnings that are spelled out; more are counted."""
BATCH: Final = 2048
HELPED_FROM: Final = 10 * BATCH
"""Entries from which on a second process is worth its start."""
AHEAD: Final = 3
"""Batches that the second process may be given before it has answered: a few megabytes."""


class Contents:
    """Takes the entries in order; what is wrong goes to ``report``, what is only remarkable to ``notices``.

    Of an entry in ``doubted`` it is not told that it has a bad form: its content is another anyway. With ``helper``
    entries of a large log are read in a second process; ``expected`` is how many there should be, if that is known.
    """

    def __init__(
        self,
        tag_list: Callable[[int], TagList | None],
        cached: Cached | None,
        doubted: Container[int],
        report: Report,
        *,
        helper: bool,
        expected: int = 0,
    ) -> None:
        self._tag_list = tag_list
        self._index = None if cached is None else IndexComparison(cached)
        self._doubted = doubted
        self._report = report
        self._helper = helper
        self._expected = expected
        self._second: Helper | None = None
        self._taken = 0
        self._indexes: list[int] = []
        self._bodies: list[bytes] = []
        self._waiting: deque[tuple[Future[Told], list[int], list[bytes]]] = deque()
        self._warned = 0
        self._unlisted = 0
        self._shown: list[str] = []
        self.at = ""
        """The time of the last entry."""

    def take(self, rows: Sequence[tuple[int, bytes, bytes]], bodies: Sequence[bytes]) -> None:
        """Take the next entries; ``bodies`` are those of ``rows``."""
        if self._index is not None:
            for index, _, body in rows:
                self._compare(self._index, index, body)
        self._indexes += [index for index, _, _ in rows]
        self._bodies += bodies
        if len(self._indexes) >= BATCH:
            self._read()

    def _read(self) -> None:
        indexes, bodies = self._indexes, self._bodies
        self._indexes, self._bodies = [], []
        self._taken += len(indexes)
        if self._second is None and self._helper and max(self._taken, self._expected) >= HELPED_FROM:
            self._second = Helper()
        if self._second is None:
            self._settle(look(indexes, bodies))
            return
        if sum(not future.done() for future, _, _ in self._waiting) < AHEAD:
            self._waiting.append((self._second.look(indexes, bodies), indexes, bodies))
        else:  # the second process is behind: this batch is done here, and judged in its turn
            self._waiting.append((_done(look(indexes, bodies)), [], []))
        while self._waiting and self._waiting[0][0].done():
            self._next()

    def _next(self) -> None:
        future, indexes, bodies = self._waiting.popleft()
        try:
            told = future.result()
        except (OSError, EOFError):  # the second process is gone: what it had to do is done here
            told = look(indexes, bodies)
        self._settle(told)

    def _settle(self, told: Told) -> None:
        for index, detail in told.malformed:
            if index not in self._doubted:
                self._report(Damage.MALFORMED, index, f"Entry {index}: {detail}")
        if told.first < self.at and told.first and told.start not in told.clock_back:
            self._warn(told.start)
        for index in told.clock_back:
            self._warn(index)
        self.at = told.last or self.at
        for index, root, count in told.roots:
            beside = self._tag_list(index)
            if beside is None:
                self._unlisted += 1
            elif tags_root(beside.tags).hex() != root or len(beside.tags) != count:
                self._report(
                    Damage.TAGS, index, f"The tag list of entry {index} does not lead to the root in the entry."
                )
            elif not ascending(beside.tags):
                self._report(
                    Damage.TAGS, index, f"The tag list of entry {index} is not in order: absence cannot be shown in it."
                )

    def _warn(self, index: int) -> None:
        self._warned += 1
        if self._warned <= MAX_NOTICES:
            self._shown.append(f"The clock went back before entry {index}.")

    def _compare(self, comparison: IndexComparison, index: int, body: bytes) -> None:
        content: Mapping[str, JsonValue] | None
        try:
            content = decode_entry(body)
        except MalformedError:
            content = None  # that is told of it already
        self._differ(comparison.take(index, content))

    def _differ(self, found: Iterator[Difference]) -> None:
        for one in found:
            self._report(Damage.INDEX, one.index, one.detail)

    def finish(self) -> None:
        """Judge what waits, and rows of the search index behind the last entry."""
        if self._indexes:
            self._read()
        for at in range(len(self._waiting) - 1, -1, -1):
            future, indexes, bodies = self._waiting[at]
            if future.cancel():  # the second process has not come to it, and there is nothing else to do here
                self._waiting[at] = (_done(look(indexes, bodies)), [], [])
        while self._waiting:
            self._next()
        self.close()
        if self._index is not None:
            self._differ(self._index.finish())

    def close(self) -> None:
        """End the second process."""
        if self._second is not None:
            self._second.close()
            self._second = None

    @property
    def notices(self) -> list[str]:
        """What is remarkable and no damage."""
        found = list(self._shown)
        if self._warned > MAX_NOTICES:
            found.append(f"The clock went back {self._warned} times in all.")
        if self._unlisted:
            found.append(f"{self._unlisted} tag lists beside the log are not here.")
        return found


def _done(told: Told) -> Future[Told]:
    future: Future[Told] = Future()
    future.set_result(told)
    return future
