"""Reads the entries of a log as it is verified: their form, clock and tags, and what the search index says of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Final

from gateway.audit.entries import decode_entry, index_of, tag_list_of
from gateway.audit.errors import MalformedError
from gateway.audit.findings import Damage
from gateway.audit.records import TagList
from gateway.audit.signed import Report
from gateway.audit.tags import tags_root
from gateway.journal import JsonValue

MAX_NOTICES: Final = 20
"""Warnings that are spelled out; more are counted."""

_MEMBERS: Final = frozenset({"v", "kind", "at", "actor", "outcome", "facts", "links", "policy", "rulebook"})

CacheRow = tuple[int, dict[str, str | None], list[tuple[str, bytes]]]
"""Index, columns and listed tags of the search index."""


class Contents:
    """Takes the entries in order; what is wrong goes to ``report``, what is only remarkable to ``notices``."""

    def __init__(
        self, tag_list: Callable[[int], TagList | None], cached: Iterator[CacheRow] | None, report: Report
    ) -> None:
        self._tag_list = tag_list
        self._cached = cached
        self._row = None if cached is None else next(cached, None)
        self._report = report
        self._warned = 0
        self._unlisted = 0
        self._shown: list[str] = []
        self.at = ""
        """The time of the last entry."""

    def take(self, rows: Sequence[tuple[int, bytes, bytes]], doubted: Container[int]) -> None:
        """Read entries; of a ``doubted`` one it is not told that it has a bad form, its content is another anyway."""
        for index, _, body in rows:
            content: Mapping[str, JsonValue] | None = None
            try:
                content = decode_entry(body)
                _require_members(content)
                self._clock(index, content)
                if "tags" in content:
                    self._tags(index, content["tags"])
            except MalformedError as error:
                if index not in doubted:
                    self._report(Damage.MALFORMED, index, f"Entry {index}: {error.detail}")
                content = None
            if self._cached is not None:
                self._compare(index, content)

    def _clock(self, index: int, content: Mapping[str, JsonValue]) -> None:
        at = str(content["at"])
        if at < self.at or "clock_back" in content:
            self._warn(f"The clock went back before entry {index}.")
        self.at = at

    def _warn(self, text: str) -> None:
        self._warned += 1
        if self._warned <= MAX_NOTICES:
            self._shown.append(text)

    def _tags(self, index: int, tags: JsonValue) -> None:
        if not isinstance(tags, dict) or "root" not in tags:
            return
        beside = self._tag_list(index)
        if beside is None:
            self._unlisted += 1
        elif tags_root(beside.tags).hex() != tags["root"] or len(beside.tags) != tags.get("count"):
            self._report(Damage.TAGS, index, f"The tag list of entry {index} does not lead to the root in the entry.")

    def _compare(self, index: int, content: Mapping[str, JsonValue] | None) -> None:
        if self._cached is None:
            return
        self._surplus(index)
        if self._row is None or self._row[0] != index:
            self._report(Damage.INDEX, index, f"The search index has no row of entry {index}.")
            return
        _, columns, listed = self._row
        self._row = next(self._cached, None)
        if content is not None and not agrees(content, columns, listed):
            self._report(Damage.INDEX, index, f"The search index tells something else of entry {index} than the log.")

    def _surplus(self, before: int | None) -> None:
        while self._cached is not None and self._row is not None and (before is None or self._row[0] < before):
            self._report(
                Damage.INDEX, self._row[0], f"The search index tells of an entry {self._row[0]}; there is none."
            )
            self._row = next(self._cached, None)

    def finish(self) -> None:
        """Tell of rows of the search index behind the last entry."""
        self._surplus(None)

    @property
    def notices(self) -> list[str]:
        """What is remarkable and no damage."""
        found = list(self._shown)
        if self._warned > MAX_NOTICES:
            found.append(f"The clock went back {self._warned} times in all.")
        if self._unlisted:
            found.append(f"{self._unlisted} tag lists beside the log are not here.")
        return found


def _require_members(content: Mapping[str, JsonValue]) -> None:
    if not _MEMBERS <= content.keys():
        raise MalformedError("A leaf of the log lacks members that every entry has.")


def agrees(
    content: Mapping[str, JsonValue], columns: Mapping[str, str | None], listed: list[tuple[str, bytes]]
) -> bool:
    """Say whether a row of the search index tells of an entry what its leaf says."""
    try:
        tags = tag_list_of(content)
        expected = [] if tags is None else sorted((tags.epoch, tag) for tag in tags.tags)
        return index_of(content) == columns and expected == listed
    except (KeyError, TypeError, ValueError):
        return False  # an entry of another shape, to which no row belongs
