"""The sealed rows of the ledger: one file a release, beside the extracts, each under a key of its own.

A file is one line of JSON that names the columns, then the columns one after the other, eight bytes a row, so that what
is not needed is not read. It is sealed in the manner of the extracts (``vault``); its key is wrapped in the ledger's
table, so that destroying the line destroys the rows. A file is named by its extract and its key: two workers that make
the same extract, one of them without knowing that it lost it, never write over each other.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gateway.ids import ExtractId
from gateway.releases.errors import ContentDamagedError
from gateway.releases.ledger.errors import damaged
from gateway.releases.ledger.records import LedgerRelease, Numbers, RowTable
from gateway.releases.vault import CHUNK, FileKey, SealedSink, SealedSource

FOLDER = "ledger"
_SUFFIX = ".rows"
_SENSITIVE = "sensitive "
_WIDTH = 8
_HEADER_LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class Shelved:
    """Rows that were written: plain size in bytes, SHA-256 of the plain content, and the wrapped key."""

    size: int
    sha256: str
    wrapped_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RowShelf:
    """Writes and reads sealed rows below ``files``; ``key`` wraps their keys."""

    files: Path
    key: bytes = field(repr=False)

    def write(self, extract: ExtractId, table: RowTable) -> Shelved:
        """Seal the rows of a release and make them durable."""
        columns = _columns(table)
        header = json.dumps({"rows": table.rows, "columns": list(columns)}, sort_keys=True).encode() + b"\n"
        file_key = FileKey.new(extract)
        wrapped = file_key.wrap(self.key)
        with SealedSink(self.path(extract, wrapped), file_key) as sink:
            sink.write(header)
            for values in columns.values():
                content = memoryview(np.ascontiguousarray(values, dtype="<u8").data).cast("B")
                for start in range(0, content.nbytes, CHUNK):
                    sink.write(content[start : start + CHUNK])
            digest = sink.commit()
            return Shelved(sink.size, digest, wrapped)

    def read(self, release: LedgerRelease, columns: Collection[str] | None = None) -> RowTable:
        """Return the rows of a release; of ``content`` and the sensitive columns only those named, or all.

        Raises ``LedgerDamagedError`` when they are gone, altered, or not the rows of this release.
        """
        try:
            key = FileKey.unwrap(release.extract, release.wrapped_key, self.key)
            with SealedSource(self.path(release.extract, release.wrapped_key), key, release.size) as source:
                return _table(source, release.rows, columns)
        except (ContentDamagedError, ValueError, KeyError, TypeError) as error:
            raise damaged() from error

    def path(self, extract: ExtractId, wrapped_key: bytes) -> Path:
        """Return where the rows of a release lie that are sealed under this key."""
        return self.files / FOLDER / f"{extract}.{hashlib.sha256(wrapped_key).hexdigest()[:16]}{_SUFFIX}"

    def held(self) -> dict[Path, ExtractId]:
        """Return the files here, whole or half written, and the extracts that they are of."""
        folder = self.files / FOLDER
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return {path.with_suffix(_SUFFIX): ExtractId(path.name.split(".", 1)[0]) for path in found}


def _columns(table: RowTable) -> dict[str, Numbers]:
    fixed = {"high": table.high, "low": table.low, "class": table.classes, "content": table.content}
    return fixed | {f"{_SENSITIVE}{name}": values for name, values in table.sensitive.items()}


def _table(source: SealedSource, rows: int, columns: Collection[str] | None) -> RowTable:
    header = json.loads(source.read(_HEADER_LIMIT).split(b"\n", 1)[0])
    start = len(json.dumps(header, sort_keys=True).encode()) + 1
    if header["rows"] != rows or source.size != start + _WIDTH * rows * len(header["columns"]):
        raise ValueError("these are the rows of another release")
    places: Mapping[str, int] = {
        name: start + _WIDTH * rows * position for position, name in enumerate(header["columns"])
    }

    def read(name: str) -> Numbers:
        source.seek(places[name], io.SEEK_SET)
        values = np.empty(rows, dtype="<u8")
        if source.readinto(values.data.cast("B")) != values.nbytes:
            raise ValueError("too short")
        return values.astype(np.uint64, copy=False)

    sensitive = [name.removeprefix(_SENSITIVE) for name in places if name.startswith(_SENSITIVE)]
    wanted = sensitive if columns is None else [name for name in sensitive if name in columns]
    return RowTable(
        high=read("high"),
        low=read("low"),
        classes=read("class"),
        content=read("content") if columns is None or "content" in columns else np.zeros(0, dtype=np.uint64),
        sensitive={name: read(f"{_SENSITIVE}{name}") for name in wanted},
    )
