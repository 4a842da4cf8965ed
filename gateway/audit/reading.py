"""Reads entries for the verifier, in batches: their form, their times, the tag roots that they commit to.

Half of the work of a verification is here, and needs nothing but the bytes: a second process can do it
(``python -m gateway.audit.reading_process``, which reads batches from its input until it ends).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Final, cast

from gateway.audit.entries import decode_entry
from gateway.audit.errors import MalformedError
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
    for index, body in zip(indexes, bodies, strict=True):
        try:
            content = decode_entry(body)
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
        try:
            tags = tags_of(content)
        except MalformedError as error:
            told.malformed.append((index, error.detail))
            continue
        if tags is not None and tags.root is not None:
            told.roots.append((index, tags.root.hex(), tags.count))
    told.last = at
    return told


class Helper:
    """A second process that reads batches, one after the other, while this one goes on."""

    def __init__(self) -> None:
        """Start it; it is ready in some tenths of a second, and batches wait for it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateway.audit.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")

    def look(self, indexes: Sequence[int], bodies: Sequence[bytes]) -> Future[Told]:
        """Return what will be told of a batch; ``OSError`` or ``EOFError`` when the process is gone."""
        return self._thread.submit(self._ask, indexes, bodies)

    def _ask(self, indexes: Sequence[int], bodies: Sequence[bytes]) -> Told:
        to, back = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        _send(to, (indexes, bodies))
        return cast("Told", _receive(back))

    def close(self) -> None:
        """End it."""
        self._thread.shutdown(cancel_futures=True)
        self._process.kill()
        self._process.communicate()


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """Answer batches until the input ends."""
    while True:
        try:
            indexes, bodies = cast("tuple[list[int], list[bytes]]", _receive(source))
        except EOFError:
            return
        _send(target, look(indexes, bodies))
        target.flush()


def _send(to: IO[bytes], what: object) -> None:
    """Write a message in one piece: piece by piece, a thread would wait for the interpreter's lock at each."""
    content = pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL)
    message = memoryview(len(content).to_bytes(8) + content)
    while message:
        message = message[to.write(message) :]


def _receive(source: IO[bytes]) -> object:
    """Return the next message; raises ``EOFError`` at the end of the input."""
    length = int.from_bytes(_exactly(source, 8))
    return pickle.loads(_exactly(source, length))  # noqa: S301  between processes of our own, through a pipe of our own


def _exactly(source: IO[bytes], count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = source.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
