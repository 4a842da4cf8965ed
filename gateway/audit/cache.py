"""Compares the search index, a cache, with the entries: which row tells something else, and in which members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.audit.entries import index_of, tag_list_of
from gateway.journal import JsonValue

CacheRow = tuple[int, dict[str, str | None], list[tuple[str, bytes]]]
"""Index, columns and listed tags of the search index."""


@dataclass(frozen=True, slots=True)
class Cached:
    """The search index as it stands."""

    rows: Iterator[CacheRow]
    """Ascending."""
    until: int
    """Entries from here on may have no row yet."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the search index has wrong about one entry."""

    index: int
    members: tuple[str, ...] = ()
    """The columns that differ, ``tags`` among them; empty where a row is missing or one too many."""
    missing: bool = False
    """Whether the entry has no row."""

    @property
    def detail(self) -> str:
        """What differs, in words; never a value."""
        if self.missing:
            return f"The search index has no row of entry {self.index}."
        if not self.members:
            return f"The search index tells of an entry {self.index}; there is none."
        named = ", ".join(self.members)
        return f"The search index tells something else of entry {self.index} than the log: {named}."

    @property
    def detail_zh(self) -> str:
        """The same in Chinese."""
        if self.missing:
            return f"检索索引缺少条目 {self.index}。"
        if not self.members:
            return f"检索索引多出条目 {self.index}，日志中没有。"
        return f"检索索引中条目 {self.index} 与日志不符：{'、'.join(self.members)}。"


class IndexComparison:
    """Takes the entries of the log in order, beside the rows of the index in theirs."""

    def __init__(self, cached: Cached) -> None:
        self._rows = cached.rows
        self._until = cached.until
        self._row = next(cached.rows, None)
        self._reached = ""

    def take(self, index: int, content: Mapping[str, JsonValue] | None) -> Iterator[Difference]:
        """Yield what is wrong up to the entry ``index``; ``content`` is ``None`` for one that cannot be read."""
        yield from self._surplus(index)
        if self._row is None or self._row[0] != index:
            self._pass(content)
            if index < self._until:
                yield Difference(index, missing=True)
            return
        _, columns, listed = self._row
        self._row = next(self._rows, None)
        self._pass(content)
        if content is None:
            return
        members = _members(content, self._reached, columns, listed)
        if members:
            yield Difference(index, members)

    def finish(self) -> Iterator[Difference]:
        """Yield the rows behind the last entry."""
        yield from self._surplus(None)

    def _pass(self, content: Mapping[str, JsonValue] | None) -> None:
        if content is not None:
            self._reached = max(self._reached, str(content.get("at", "")))

    def _surplus(self, before: int | None) -> Iterator[Difference]:
        while self._row is not None and (before is None or self._row[0] < before):
            yield Difference(self._row[0])
            self._row = next(self._rows, None)


def _members(
    content: Mapping[str, JsonValue], reached: str, columns: Mapping[str, str | None], listed: list[tuple[str, bytes]]
) -> tuple[str, ...]:
    """Return the members that differ; all, of an entry of another shape, to which no row belongs."""
    try:
        told: dict[str, str | None] = {**index_of(content), "reached": reached}
        tags = tag_list_of(content)
        expected = [] if tags is None else sorted((tags.epoch, tag) for tag in tags.tags)
    except (KeyError, TypeError, ValueError):
        return (*sorted(columns), "tags")
    if told == columns and expected == listed:
        return ()
    wrong = [name for name in told.keys() | columns.keys() if told.get(name) != columns.get(name)]
    return (*sorted(wrong), *(() if expected == listed else ("tags",)))
