"""Looks at entries for the verifier, in batches: their form, their times, the tag roots that they commit to.

Half of the work of a verification is here, and needs nothing but the bytes: a second process can do it
(``gateway.audit.reading``). What that process imports is little, for it is waited for.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import IO, Any, Final, cast

from gateway.audit.errors import MalformedError
from gateway.audit.leaves import decode_usual, is_unusual
from gateway.audit.tagged import tags_of

MEMBERS: Final = frozenset({"v", "kind", "at", "actor", "outcome", "facts", "links", "policy", "rulebook"})
"""What every entry has."""


@dataclass(slots=True)
class Told:
    """What a batch of entries tells."""

    malformed: list[tuple[int, str]] = field(default_factory=list)
    """Index and what is wrong with the form."""
    clock_back: list[int] = field(default_factory=list)
    """Entries before which the clock went back."""
    roots: list[tuple[int, str, object]] = field(default_factory=list)
    """Index, Merkle root and number of the tags that lie beside an entry."""
    first: str = ""
    last: str = ""
    """The times of the first and the last entry."""
    start: int = 0
    """The index of the first."""


def look(indexes: Sequence[int], bodies: Sequence[bytes]) -> Told:
    """Return what entries tell, in order."""
    told = Told(start=indexes[0])
    at = ""
    none_unusual = not is_unusual(b"".join(bodies))
    for index, body in zip(indexes, bodies, strict=True):
        try:
            content = decode_usual(body, usual=none_unusual or not is_unusual(body))
        except MalformedError as error:
            told.malformed.append((index, error.detail))
            continue
        if not MEMBERS <= content.keys():
            told.malformed.append((index, "A leaf of the log lacks members that every entry has."))
            continue
        now = str(content["at"])
        if now < at or "clock_back" in content:
            told.clock_back.append(index)
        told.first = told.first or now
        at = now
        if "tags" not in content:
            continue
        try:
            tags = tags_of(content)
        except MalformedError as error:
            told.malformed.append((index, error.detail))
            continue
        if tags is not None and tags.root is not None:
            told.roots.append((index, tags.root.hex(), tags.count))
    told.last = at
    return told


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """Answer batches until the input ends."""
    while True:
        try:
            indexes, bodies = cast("tuple[list[int], list[bytes]]", receive(source))
        except EOFError:
            return
        told = look(indexes, bodies)
        send(target, tuple(getattr(told, one.name) for one in fields(told)))
        target.flush()


def send(to: IO[bytes], what: Any) -> None:  # noqa: ANN401  what marshal takes
    """Write a message in one piece: piece by piece, a thread would wait for the interpreter's lock at each."""
    content = marshal.dumps(what)
    message = memoryview(len(content).to_bytes(8) + content)
    while message:
        message = message[to.write(message) :]


def receive(source: IO[bytes]) -> object:
    """Return the next message; raises ``EOFError`` at the end of the input."""
    length = int.from_bytes(_exactly(source, 8))
    return marshal.loads(_exactly(source, length))  # noqa: S302  between processes of our own, through a pipe of our own


def _exactly(source: IO[bytes], count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = source.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
