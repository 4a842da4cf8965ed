"""The sealed marks of releases: one file for each time that an extract was written, under a key of its own.

The key is derived from the root of the ledger's keys and a random salt, which is part of the name: nothing about it
lies in the database, and a file that is written anew never meets the key of the one before.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.anonymize.pseudonyms import ROOT_BYTES, framed
from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError
from gateway.releases.places import take_away
from gateway.releases.tracing.marks import Marker
from gateway.releases.vault import FileKey, SealedSink, SealedSource, plain_size

FOLDER = "traces"
_SUFFIX = ".marks"
_SALT_BYTES = 16
_PURPOSE = b"xueji-gateway release marks v1"


@dataclass(frozen=True, slots=True)
class MarkShelf:
    """Writes and reads marks below ``files``; ``root`` is the worker's pseudonym root."""

    files: Path
    root: bytes = field(repr=False)

    @contextmanager
    def marking(self, extract: ExtractId, columns: Mapping[str, str]) -> Iterator[Marker]:
        """Give what marks the frames of an extract; the marks are durable when the block ends without an error."""
        salt = secrets.token_hex(_SALT_BYTES)
        with SealedSink(self._folder / f"{extract}.{salt}{_SUFFIX}", self._key(extract, salt)) as sink:
            marker = Marker(cast("BinaryIO", sink), columns)
            yield marker
            marker.close()
            sink.commit()

    def held(self) -> dict[Path, ExtractId]:
        """Return the files here, whole or half written, and the extracts that they are of."""
        found = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        return {path.with_suffix(_SUFFIX): ExtractId(path.name.split(".", 1)[0]) for path in found}

    def read(self, path: Path) -> pl.DataFrame:
        """Return the marks of a file. Raises ``ContentDamagedError`` when they were altered, or are half written."""
        extract, salt, _ = path.name.split(".", 2)
        try:
            key, size = self._key(ExtractId(extract), salt), plain_size(path.stat().st_size)
            with SealedSource(path, key, size) as source:
                return pl.read_parquet(io.BytesIO(source.read()))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ContentDamagedError("The marks cannot be read.", detail_zh="溯源标记无法读取。") from error

    def destroy(self, path: Path) -> None:
        """Remove a file of marks."""
        take_away(path)

    @property
    def _folder(self) -> Path:
        return self.files / FOLDER

    def _key(self, extract: ExtractId, salt: str) -> FileKey:
        info = framed([_PURPOSE, extract.encode()])
        hkdf = HKDF(algorithm=hashes.SHA256(), length=ROOT_BYTES, salt=bytes.fromhex(salt), info=info)
        return FileKey(extract, hkdf.derive(self.root))
