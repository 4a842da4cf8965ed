"""The tags of a pupil in every quarter as a file, and the reading of a whole log for them: completeness by a scan.

Format ``xueji-pupil-tags/1``, canonical JSON. Source: docs/presence-proofs.md, section 7.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import rfc8785

from gateway.audit.errors import MalformedError, ProofError
from gateway.audit.leaves import decode_entry
from gateway.audit.policy import TrustPolicy
from gateway.audit.presence import (
    ProvenBody,
    body_in,
    body_out,
    members,
    opening_in,
    opening_out,
    plain_receipt,
    read_file,
    tag_in,
)
from gateway.audit.records import TagList
from gateway.audit.rolls import ascending, tags_root
from gateway.audit.statements import Opening, Said, stated
from gateway.audit.tagged import tags_of
from gateway.journal import JsonValue

FORMAT: Final = "xueji-pupil-tags/1"
ACT: Final = "pupil_tags"
_READ: Final = 4096


def said_of_tags(origin: str, tags: Mapping[str, bytes]) -> Said:
    """Return what a statement about all tags of a pupil binds."""
    return Said(ACT, {"origin": origin, "tags": {epoch: tag.hex() for epoch, tag in tags.items()}})


@dataclass(frozen=True, slots=True)
class TagsFile:
    """Epoch -> tag of one pupil, with the entry in which the office says so."""

    origin: str
    tags: Mapping[str, bytes] = field(repr=False)
    statement: ProvenBody
    opening: Opening | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """Return the file."""
        told: dict[str, JsonValue] = {
            "format": FORMAT,
            "origin": self.origin,
            "tags": {epoch: tag.hex() for epoch, tag in self.tags.items()},
            "statement": body_out(self.statement),
        }
        if self.opening is not None:
            told["opening"] = opening_out(self.opening)
        return rfc8785.dumps(told)

    @classmethod
    def open(cls, content: bytes, policy: TrustPolicy) -> TagsFile:
        """Read a file whose statement holds; raises ``MalformedError`` or ``ProofError``."""
        told = members(read_file(content, FORMAT), {"format", "origin", "tags", "statement"}, {"opening"})
        tags = told["tags"]
        if not isinstance(tags, dict) or not isinstance(told["origin"], str):
            raise MalformedError("The tags of a pupil are told by quarter.")
        found = cls(
            told["origin"],
            {epoch: tag_in(tag) for epoch, tag in tags.items()},
            body_in(told["statement"]),
            opening_in(told["opening"]) if "opening" in told else None,
        )
        receipt = plain_receipt(found.statement.receipt)
        if receipt.verify(found.statement.body, policy).origin != found.origin:
            raise ProofError("The tags are for another log.")
        stated(found.statement.body, said_of_tags(found.origin, found.tags), found.opening, shown={"epochs": len(tags)})
        return found


class Entries(Protocol):
    """The entries of a log, and the tag lists beside them (``gateway.audit.verify.LogSource``)."""

    def rows(self, start: int, limit: int) -> Sequence[tuple[int, bytes, bytes]]:
        """Return the first ``limit`` rows whose index is ``start`` or more, ascending."""

    def tag_list(self, index: int) -> TagList | None:
        """Return the tag list beside an entry; ``None`` when it is not there."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """The entries about a pupil among the first ``size`` of a log: all of them, unless ``unknown`` names some."""

    size: int
    found: tuple[int, ...]
    unknown: tuple[int, ...] = ()
    """Entries whose tag list is not here, or not as the entry commits to it."""
    beyond: tuple[str, ...] = ()
    """Epochs of the log for which no tag of the pupil is known."""

    @property
    def complete(self) -> bool:
        """Whether every entry was looked at."""
        return not self.unknown and not self.beyond

    def to_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {
            "size": self.size,
            "complete": self.complete,
            "entries": [*self.found],
            "unknown": [*self.unknown],
            "epochs_missing": [*self.beyond],
        }


def scan(
    source: Entries, tags: Mapping[str, bytes], size: int, progress: Callable[[int], object] = lambda _count: None
) -> Scanned:
    """Read the first ``size`` entries of a log, and every tag list, for the tags of a pupil; none is taken on trust.

    The log itself is to be verified beside it: what is scanned is what ``source`` holds.
    Raises ``MalformedError`` for an entry that is none.
    """
    found: list[int] = []
    unknown: list[int] = []
    beyond: set[str] = set()
    start = 0
    while start < size:
        rows = [row for row in source.rows(start, _READ) if row[0] < size]
        if not rows:
            break
        for index, _, body in rows:
            if b'"tags":' not in body:
                continue  # in canonical form a member is written like this and not otherwise
            entry = tags_of(decode_entry(body))
            if entry is None:
                continue
            if entry.epoch not in tags:
                beyond.add(entry.epoch)
                continue
            held = _holds(source, index, tags[entry.epoch], entry.listed, entry.root, entry.count)
            if held is None:
                unknown.append(index)
            elif held:
                found.append(index)
        progress(len(rows))
        start = rows[-1][0] + 1
    return Scanned(size, tuple(found), tuple(unknown), tuple(sorted(beyond)))


def _holds(
    source: Entries, index: int, tag: bytes, listed: tuple[bytes, ...] | None, root: bytes | None, count: int
) -> bool | None:
    """Say whether an entry has the tag; ``None`` where its list is missing or not what the entry commits to."""
    if root is None:
        return tag in (listed or ())
    beside = source.tag_list(index)
    if beside is None or len(beside.tags) != count or not ascending(beside.tags) or tags_root(beside.tags) != root:
        return None
    at = bisect_left(beside.tags, tag)
    return at < count and beside.tags[at] == tag
