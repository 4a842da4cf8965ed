"""Reads the entries of a log as it is verified: their form, clock and tags, and what the search index says of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Final

from gateway.audit.cache import CacheRow, IndexComparison
from gateway.audit.entries import decode_entry
from gateway.audit.errors import MalformedError
from gateway.audit.findings import Damage
from gateway.audit.records import TagList
from gateway.audit.signed import Report
from gateway.audit.tags import tags_root
from gateway.journal import JsonValue

MAX_NOTICES: Final = 20
"""Warnings that are spelled out; more are counted."""

_MEMBERS: Final = frozenset({"v", "kind", "at", "actor", "outcome", "facts", "links", "policy", "rulebook"})


class Contents:
    """Takes the entries in order; what is wrong goes to ``report``, what is only remarkable to ``notices``."""

    def __init__(
        self, tag_list: Callable[[int], TagList | None], cached: Iterator[CacheRow] | None, report: Report
    ) -> None:
        self._tag_list = tag_list
        self._index = None if cached is None else IndexComparison(cached)
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
            if self._index is not None:
                for one in self._index.take(index, content):
                    self._report(Damage.INDEX, one.index, one.detail)

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

    def finish(self) -> None:
        """Tell of rows of the search index behind the last entry."""
        if self._index is not None:
            for one in self._index.finish():
                self._report(Damage.INDEX, one.index, one.detail)

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
