"""A log in the layout of tlog-tiles, as a verifier reads it: from a folder, a ZIP or a server.

Source: c2sp.org/tlog-tiles, v0.1.0. ``checkpoint``, ``tile/LEVEL/…`` and ``tile/entries/…``; beside them may lie
``checkpoints.ndjson``, the checkpoints up to now.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.audit.cache import Cached
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError
from gateway.audit.merkle import leaf_hash
from gateway.audit.note import SignedNote
from gateway.audit.records import Head, TagList
from gateway.audit.rotation import KEYS_FILE, read_keys_document
from gateway.audit.tiles import MAX_ENTRY_BYTES, WIDTH, TileId, decode_bundle, parse_path

CHECKPOINT = "checkpoint"
HISTORY = "checkpoints.ndjson"
ENTRIES = "tile/entries/"
MAX_FILE = WIDTH * (MAX_ENTRY_BYTES + 2)
"""Bytes of the largest entry bundle."""
MAX_HISTORY = 1 << 30


class TiledFiles(Protocol):
    """Files of a log by their path below its prefix."""

    def read(self, path: str, limit: int = MAX_FILE) -> bytes | None:
        """Return a file, ``None`` when it is not there; raises ``MalformedError`` when it is larger than ``limit``."""

    def widest(self, level: int | None, tile: int) -> bytes | None:
        """Return a tile or entry bundle, the full one or else the widest that is there."""

    def entry_tiles(self) -> Sequence[int]:
        """Return the numbers of the entry bundles, ascending."""


@dataclass(slots=True)
class TiledSource:
    """``gateway.audit.verify.LogSource`` on such files."""

    files: TiledFiles
    _held: tuple[int, list[bytes]] = field(default=(-1, []))
    _tiles: Sequence[int] | None = None

    def head(self) -> Head | None:
        """Return nothing: there is no head row."""
        return None

    def rows(self, start: int, limit: int) -> Sequence[tuple[int, bytes, bytes]]:
        """Return the first entries from ``start`` on, with their own hashes: none lies beside them."""
        if self._tiles is None:
            self._tiles = self.files.entry_tiles()
        found: list[tuple[int, bytes, bytes]] = []
        first = max(start, 0)
        for tile in self._tiles[bisect_left(self._tiles, first // WIDTH) :]:
            bodies = self._entries(tile)
            begin = max(first - tile * WIDTH, 0)
            found += [(tile * WIDTH + at, leaf_hash(body), body) for at, body in enumerate(bodies[begin:], start=begin)]
            if len(found) >= limit:
                break
        return found[:limit]

    def _entries(self, tile: int) -> list[bytes]:
        if self._held[0] != tile:
            self._held = (tile, decode_bundle(self.files.widest(None, tile) or b""))
            if len(self._held[1]) > WIDTH:
                raise MalformedError(f"The entry bundle {tile} holds more than {WIDTH} entries.")
        return self._held[1]

    def tile(self, level: int, tile: int) -> bytes:
        """Return the hashes of a tile."""
        return self.files.widest(level, tile) or b""

    def checkpoints(self) -> Iterator[tuple[int, str]]:
        """Yield the checkpoints; only the newest where no history lies beside it."""
        history = self.files.read(HISTORY, MAX_HISTORY)
        if history is None:
            note = text_of(self.files, CHECKPOINT)
            yield Checkpoint.parse_text(SignedNote.parse(note).text).size, note
            return
        for line in history.splitlines():
            try:
                told = json.loads(line)
                yield int(told["size"]), str(told["note"])
            except (ValueError, KeyError, TypeError):
                raise MalformedError(f"A line of {HISTORY} cannot be read.") from None

    def cosignatures(self) -> Iterator[tuple[int, str]]:
        """Yield nothing: cosignatures stand in the notes."""
        return iter(())

    def rotations(self) -> Sequence[tuple[int, bytes]]:
        """Return the entries that changed the log's key, as the file of its keys shows them."""
        document = self.files.read(KEYS_FILE)
        return [] if document is None else read_keys_document(document)

    def tag_list(self, index: int) -> TagList | None:  # noqa: ARG002  tag lists do not leave the gateway
        """Return ``None``: tag lists do not leave the gateway."""
        return None

    def cached(self) -> Cached | None:
        """Return ``None``: there is no search index."""
        return None


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """Files below a folder."""

    folder: Path

    def read(self, path: str, limit: int = MAX_FILE) -> bytes | None:
        """Return a file, ``None`` when it is not there."""
        try:
            with (self.folder / path).open("rb") as file:
                content = file.read(limit + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None
        except OSError as error:
            raise MalformedError(f"The file {path} cannot be read ({type(error).__name__}).") from None
        if len(content) > limit:
            raise MalformedError(f"The file {path} is too large.")
        return content

    def write(self, path: str, content: bytes) -> None:
        """Write a file below the folder, which is made."""
        target = self.folder / path
        if not target.resolve().is_relative_to(self.folder.resolve()):
            raise MalformedError("A file of a log lies below its folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def widest(self, level: int | None, tile: int) -> bytes | None:
        """Return a tile, the full one or else the widest part."""
        full = TileId(level, tile).path
        found = self.read(full)
        if found is not None:
            return found
        parts = self.folder / f"{full}.p"
        if not parts.is_dir():
            return None
        widest = max((int(part.name) for part in parts.iterdir() if part.name.isdecimal()), default=None)
        return None if widest is None else self.read(f"{full}.p/{widest}")

    def entry_tiles(self) -> Sequence[int]:
        """Return the numbers of the entry bundles, ascending."""
        base = self.folder / ENTRIES
        return numbers_of(str(path.relative_to(self.folder)) for path in base.rglob("*") if path.is_file())


def numbers_of(paths: Iterator[str]) -> list[int]:
    """Return the numbers of the entry bundles among ``paths``, each once, ascending; other files are read over."""
    found: set[int] = set()
    for path in paths:
        try:
            tile = parse_path(path)
        except MalformedError:
            continue
        if tile.level is None:
            found.add(tile.index)
    return sorted(found)


def text_of(files: TiledFiles, path: str) -> str:
    """Return a file that is text; raises ``MalformedError`` when it is not there or not UTF-8."""
    content = files.read(path)
    if content is None:
        raise MalformedError(f"The log has no file {path}.", detail_zh=f"缺少文件 {path}。")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"The file {path} is not text.") from None
