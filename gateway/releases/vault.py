"""Finished extracts at rest: encrypted, in chunks that can be read at any offset.

A file is a magic of 8 bytes, then chunks of ``CHUNK`` plain bytes (the last may be shorter), each sealed with
AES-256-GCM under a key of its own extract. The nonce is the chunk's index, the associated data binds extract,
index and whether it is the last: chunks cannot be moved, dropped or cut off unnoticed.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError, LeaseLostError
from gateway.releases.parts import PartDigests
from gateway.releases.places import part_of

MAGIC = b"XJEXT\x00\x01\n"
CHUNK = 1 << 20
_TAG = 16
_NONCE = 12


@dataclass(frozen=True, slots=True)
class FileKey:
    """The key of one extract's file, and the extract it belongs to."""

    extract: ExtractId
    key: bytes = field(repr=False)

    @staticmethod
    def new(extract: ExtractId) -> FileKey:
        """Return a fresh key."""
        return FileKey(extract, AESGCM.generate_key(256))

    def wrap(self, delivery_key: bytes) -> bytes:
        """Return the key sealed under the delivery key."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + AESGCM(delivery_key).encrypt(nonce, self.key, _wrap_data(self.extract))

    @staticmethod
    def unwrap(extract: ExtractId, wrapped: bytes, delivery_key: bytes) -> FileKey:
        """Return the key; raises ``ContentDamagedError`` when it does not open."""
        try:
            key = AESGCM(delivery_key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _wrap_data(extract))
        except (InvalidTag, ValueError) as error:
            raise ContentDamagedError(
                "The key of the extract does not open.", detail_zh="提取文件的密钥无法打开。"
            ) from error
        return FileKey(extract, key)

    def seal(self, index: int, *, last: bool, plain: bytes) -> bytes:
        """Return one sealed chunk."""
        return AESGCM(self.key).encrypt(index.to_bytes(_NONCE, "big"), plain, _chunk_data(self.extract, index, last))

    def open(self, index: int, *, last: bool, sealed: bytes | memoryview) -> bytes:
        """Return one plain chunk; raises ``ContentDamagedError``."""
        try:
            return AESGCM(self.key).decrypt(
                index.to_bytes(_NONCE, "big"), sealed, _chunk_data(self.extract, index, last)
            )
        except InvalidTag as error:
            raise _altered() from error

    def open_into(self, index: int, plain: memoryview, *, last: bool, sealed: memoryview) -> None:
        """Put one plain chunk where it is wanted; raises ``ContentDamagedError``: what ``plain`` holds is void then."""
        try:
            AESGCM(self.key).decrypt_into(
                index.to_bytes(_NONCE, "big"), sealed, _chunk_data(self.extract, index, last), plain
            )
        except InvalidTag as error:
            raise _altered() from error


def plain_size(sealed: int) -> int:
    """Return how many plain bytes a sealed file of ``sealed`` bytes holds."""
    chunks = sealed - len(MAGIC)
    return chunks - _TAG * max(1, -(-chunks // (CHUNK + _TAG)))


class SealedSink(io.RawIOBase):
    """A write-only file that seals what it is given; counts bytes and hashes the plain content.

    The file appears under its name only when ``commit`` was called: a crash leaves no half file.
    """

    def __init__(self, path: Path, key: FileKey) -> None:
        super().__init__()
        self._path = path
        self._part = part_of(path)
        self._key = key
        path.parent.mkdir(parents=True, exist_ok=True)
        # a worker that went silent may still hold the half file of the same extract open: it keeps its own
        self._part.unlink(missing_ok=True)
        self._file: BinaryIO = self._part.open("xb")
        self._file.write(MAGIC)
        self._buffer = bytearray()
        self._index = 0
        self._hash = hashlib.sha256()
        self.parts = PartDigests()
        self.size = 0

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer will do
        """Take some plain bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self.parts.update(view)
        self.size += len(view)
        self._buffer += view
        while len(self._buffer) > CHUNK:
            self._flush_chunk(CHUNK, last=False)
        return len(view)

    def tell(self) -> int:
        """Return how many plain bytes were written."""
        return self.size

    def commit(self) -> str:
        """Write the last chunk, make the file durable under its name, return the SHA-256 of the plain content.

        Raises ``LeaseLostError`` when another worker began the same file anew.
        """
        self._flush_chunk(len(self._buffer), last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        if not self._mine():
            raise LeaseLostError("Another worker began this file anew.", detail_zh="该文件已由其他工作进程重新写入。")
        self._file.close()
        self._part.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Throw the half file away; one that another worker began under the same name stays."""
        mine = self._mine()
        self._file.close()
        if mine:
            self._part.unlink(missing_ok=True)

    def _mine(self) -> bool:
        """Say whether the name still leads to the file that this sink opened."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._part.stat())
        except FileNotFoundError:
            return False

    def _flush_chunk(self, count: int, *, last: bool) -> None:
        plain = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._file.write(self._key.seal(self._index, last=last, plain=plain))
        self._index += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self.abandon()


class SealedSource(io.RawIOBase):
    """Reads a sealed file at any offset; ``size`` is the number of plain bytes."""

    def __init__(self, path: Path, key: FileKey, size: int) -> None:
        super().__init__()
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ContentDamagedError("The stored file is gone.", detail_zh="存储的提取文件不存在。") from error
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            raise ContentDamagedError("The stored file is of an unknown kind.", detail_zh="存储的提取文件格式未知。")
        self._key = key
        self.size = size
        self._chunks = max(1, -(-size // CHUNK))
        self._position = 0
        self._cached: tuple[int, bytes] = (-1, b"")
        self._buffer = bytearray(min(CHUNK, size) + _TAG)

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; returns the new position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position in plain bytes."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer will do
        """Fill ``buffer`` as far as the content goes; 0 at the end.

        Over the borders of chunks: what reads Parquet takes a short answer for the end of the file.
        """
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._position < self.size:
            index, offset = divmod(self._position, CHUNK)
            whole = min(CHUNK, self.size - index * CHUNK)
            if not offset and whole <= len(view) - filled and self._cached[0] != index:
                taken = self._chunk_into(index, view[filled : filled + whole])
            else:
                piece = memoryview(self._chunk(index))[offset : offset + len(view) - filled]
                taken = len(piece)
                view[filled : filled + taken] = piece
            filled += taken
            self._position += taken
        return filled

    def close(self) -> None:
        """Close the file beneath."""
        if not self.closed:
            self._file.close()
        super().close()

    def slices(self, first: int, last: int, step: int = 64 * 1024) -> Iterator[bytes]:
        """Yield the plain bytes ``first`` to ``last``, both inclusive, in pieces of at most ``step`` bytes."""
        self.seek(first)
        left = last - first + 1
        while left > 0:
            piece = self.read(min(step, left))
            if not piece:
                raise ContentDamagedError("The stored file is too short.", detail_zh="存储的提取文件不完整。")
            left -= len(piece)
            yield piece

    def _chunk(self, index: int) -> bytes:
        if self._cached[0] != index:
            self._cached = (index, self._key.open(index, last=self._last(index), sealed=self._sealed(index)))
        return self._cached[1]

    def _chunk_into(self, index: int, plain: memoryview) -> int:
        """Put a whole chunk into ``plain`` and return its length: most of a large read is never held twice."""
        sealed = self._sealed(index)
        if len(sealed) != len(plain) + _TAG:
            raise _altered()
        self._key.open_into(index, plain, last=self._last(index), sealed=sealed)
        return len(plain)

    def _last(self, index: int) -> bool:
        return index == self._chunks - 1

    def _sealed(self, index: int) -> memoryview:
        """Return a sealed chunk; it is good until the next one."""
        self._file.seek(len(MAGIC) + index * (CHUNK + _TAG))
        return memoryview(self._buffer)[: self._file.readinto(self._buffer)]


def _altered() -> ContentDamagedError:
    return ContentDamagedError("The stored file was altered.", detail_zh="存储的提取文件已被改动。")


def _wrap_data(extract: ExtractId) -> bytes:
    return b"xueji extract key\x00" + extract.encode()


def _chunk_data(extract: ExtractId, index: int, last: bool) -> bytes:
    return b"xueji extract chunk\x00" + extract.encode() + index.to_bytes(8, "big") + bytes([last])
