"""The second pass over a written file: compressed, encrypted to the recipient's key, or both, in this order.

The leak scan has seen the plain file, and what is packed here is that file and nothing else. The packed file takes its
place on the disk under a new key; the plain one is gone then.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.ids import ExtractId
from gateway.releases.envelopes import ENVELOPE_BYTES, EnvelopeKey, envelopes
from gateway.releases.envelopes import MEDIA_TYPE as ENVELOPES
from gateway.releases.records import MEDIA_TYPES, ExtractRequest, PlainFile, PreparedFile
from gateway.releases.vault import FileKey, SealedSink, SealedSource

GZIP = "application/gzip"
_LEVEL = 6
_GZIP_WINDOW = 31  # zlib's code for a gzip stream; its header has neither a name nor a time
_STEP = 8 << 20

Packer = Callable[[SealedSource], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed file and what is known of it."""

    prepared: PreparedFile
    key: FileKey


def media_type(request: ExtractRequest) -> str:
    """Return the media type of the file that is sent."""
    return ENVELOPES if request.encrypt else content_type(request)


def content_type(request: ExtractRequest) -> str:
    """Return the media type of what the recipient has after opening the envelopes."""
    return MEDIA_TYPES[request.format] if request.compression is None else GZIP


def file_name(extract: ExtractId, request: ExtractRequest) -> str:
    """Return the name of the file: one suffix for each layer."""
    layers = [".gz"] * (request.compression is not None) + [".jwe"] * request.encrypt
    return f"{extract}.{request.format}" + "".join(layers)


def packed(
    extract: ExtractId, request: ExtractRequest, sealed: Sealed, path: Path, tick: Callable[[], object] = lambda: None
) -> Sealed:
    """Return the file at ``path`` packed as ``request`` asks; as it is when it asks for nothing.

    ``tick`` is called every few megabytes; what it raises ends the packing.
    """
    plain = PlainFile(sealed.prepared.size, sealed.prepared.sha256)
    made = sealed
    if request.compression is not None:
        made = _repacked(extract, made, path, _gzipped, tick)
    if request.encrypt_to is not None:
        key = EnvelopeKey.of(request.encrypt_to)
        cty = content_type(request)

        def enclosed(source: SealedSource) -> Iterator[bytes]:
            of = max(1, -(-source.size // ENVELOPE_BYTES))
            return envelopes(_pieces(source, of), key, extract, of, cty)

        made = _repacked(extract, made, path, enclosed, tick)
    return made if made is sealed else replace(made, prepared=replace(made.prepared, plain=plain))


def _repacked(extract: ExtractId, sealed: Sealed, path: Path, pack: Packer, tick: Callable[[], object]) -> Sealed:
    """Write what ``pack`` makes of a sealed file in its place. A fresh key: chunks are numbered anew."""
    key = FileKey.new(extract)
    with SealedSource(path, sealed.key, sealed.prepared.size) as source, SealedSink(path, key) as sink:
        for piece in pack(source):
            tick()
            sink.write(piece)
        digest = sink.commit()
        size, parts = sink.size, sink.parts.digests()
    return Sealed(replace(sealed.prepared, size=size, sha256=digest, parts=parts), key)


def _gzipped(source: SealedSource) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    while piece := source.read(_STEP):
        yield packer.compress(piece)
    yield packer.flush()


def _pieces(source: SealedSource, of: int) -> Iterator[bytes]:
    for _ in range(of):
        yield source.read(ENVELOPE_BYTES) or b""
