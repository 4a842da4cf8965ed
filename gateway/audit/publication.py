"""The public log: what ``/log/checkpoint`` and ``/log/tile/…`` answer, as bytes. Source: c2sp.org/tlog-tiles.

Checkpoint and hash tiles are for everybody; entry bundles only for inspectors and witnesses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.merkle import HASH_BYTES, consistency_proof, inclusion_proof, root_hash
from gateway.audit.note import Signature, SignedNote
from gateway.audit.records import Cosignature, Head, LogKeyRecord, StoredEntry
from gateway.audit.rotation import ProvenRotation
from gateway.audit.tiles import WIDTH, TileId, encode_bundle, nodes_from, parse_path
from gateway.errors import NotFoundError
from gateway.journal import Reader, Tx


class PublicStore(Protocol):
    """What is published comes from here."""

    def head(self, tx: Tx) -> Head:
        """Return the head."""

    def tile(self, tx: Tx, level: int, tile: int) -> bytes:
        """Return the hashes of a tile, as many as there are."""

    def checkpoint(self, tx: Tx, size: int | None = None) -> str | None:
        """Return a signed checkpoint, the latest by default."""

    def entries(self, tx: Tx, start: int, end: int) -> Iterator[StoredEntry]:
        """Yield entries."""

    def cosignatures(self, tx: Tx, size: int) -> list[Cosignature]:
        """Return the cosignatures of a size."""

    def log_keys(self, tx: Tx) -> list[LogKeyRecord]:
        """Return the keys of the log, the oldest first; none before the first change."""


def cosigned(note: str, cosignatures: list[Cosignature]) -> str:
    """Return a checkpoint with the newest cosignature of each witness."""
    newest = {cosignature.name: cosignature for cosignature in sorted(cosignatures, key=lambda c: c.timestamp)}
    lines = [Signature.parse(cosignature.line) for cosignature in newest.values()]
    return str(SignedNote.parse(note).with_signatures(lines))


@dataclass(frozen=True, slots=True)
class LogPublisher:
    """Reads what is published; each method is one request."""

    reader: Reader
    store: PublicStore

    def checkpoint(self) -> str:
        """Return the latest checkpoint with its cosignatures; raises ``NotFoundError`` for an empty log."""

        def query(tx: Tx) -> str:
            note = self.store.checkpoint(tx)
            if note is None:
                raise _not_there()
            size = Checkpoint.parse_text(SignedNote.parse(note).text).size
            return cosigned(note, self.store.cosignatures(tx, size))

        return self.reader.read(query)

    def hash_tile(self, path: str) -> bytes:
        """Return a hash tile by its path (``tile/0/000.p/17``).

        Raises ``MalformedError`` for a bad path, ``NotFoundError`` for a tile that is not there or not so wide yet,
        and for an entry bundle: those are not public.
        """
        tile = parse_path(path)
        if tile.level is None:
            raise _not_there()
        content = self.reader.read(lambda tx: self.store.tile(tx, tile.level or 0, tile.index))
        wanted = content[: tile.width * HASH_BYTES]
        if len(wanted) != tile.width * HASH_BYTES:
            raise _not_there()
        return wanted

    def entry_bundle(self, path: str) -> bytes:
        """Return an entry bundle by its path (``tile/entries/000.p/17``), for inspectors and witnesses only."""
        tile = parse_path(path)
        if tile.level is not None:
            raise _not_there()
        return self.reader.read(lambda tx: bundle_of(self.store, tx, tile))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the consistency proof between two sizes; for a witness without tiles."""

        def query(tx: Tx) -> list[bytes]:
            if new > self.store.head(tx).size:
                raise _not_there()
            return consistency_proof(nodes_from(lambda level, tile: self.store.tile(tx, level, tile)), old, new)

        return self.reader.read(query)

    def keys(self) -> list[LogKeyRecord]:
        """Return the log's keys with the entries that brought them; empty while the key was never changed."""
        return self.reader.read(self.store.log_keys)

    def rotations(self, size: int) -> tuple[ProvenRotation, ...]:
        """Return what changed the log's key below ``size``, with proofs; for a witness."""
        return self.reader.read(lambda tx: proven_rotations(self.store, tx, size))

    def root(self, size: int) -> bytes:
        """Return the root at ``size``, from the tiles."""

        def query(tx: Tx) -> bytes:
            if size > self.store.head(tx).size:
                raise _not_there()
            return root_hash(nodes_from(lambda level, tile: self.store.tile(tx, level, tile)), size)

        return self.reader.read(query)


def proven_rotations(store: PublicStore, tx: Tx, size: int) -> tuple[ProvenRotation, ...]:
    """Return what changed the log's key below ``size``, each with its inclusion proof at ``size``."""
    brought = [one for one in store.log_keys(tx) if one.entry is not None and one.entry < size]
    nodes = nodes_from(lambda level, tile: store.tile(tx, level, tile))
    return tuple(
        ProvenRotation(one.entry, one.body, tuple(inclusion_proof(nodes, one.entry, size)))
        for one in brought
        if one.entry is not None and one.body is not None
    )


def bundle_of(store: PublicStore, tx: Tx, tile: TileId) -> bytes:
    """Return the entries of a tile as a bundle; raises ``NotFoundError`` when they are not all there."""
    start = tile.index * WIDTH
    entries = [entry.body for entry in store.entries(tx, start, start + tile.width)]
    if len(entries) != tile.width:
        raise _not_there()
    return encode_bundle(entries)


def _not_there() -> NotFoundError:
    return NotFoundError("The log has no such part.", detail_zh="日志中没有这一部分。")
