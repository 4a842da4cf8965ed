"""Forms between upload and confirmation: sealed on the disk, opened for their owner only, gone after an hour.

A form holds pupils in clear. It lies in clear only in a private directory of the moment in which it is read (I7).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NewType, cast

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core_registry.office import scratch_file
from gateway.errors import NotFoundError
from gateway.ids import AccountId, ExtractId
from gateway.keyring import Key, Keyring
from gateway.releases.vault import FileKey, SealedSink, SealedSource

UploadId = NewType("UploadId", str)
LIFE = timedelta(hours=1)
_ID = re.compile(r"up-[a-z]{24}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """One sealed file: whose it is, until when, how it opens, and how it is to be taken. Sizes in bytes."""

    id: UploadId
    owner: AccountId
    kept_at: str
    size: int
    wrapped_key: str
    mapping: str = ""
    school: str | None = None
    suffix: str = ""


def shelf_of(files: Path, keyring: Keyring, now: Callable[[], datetime]) -> Shelf:
    """Return the shelf below ``files``. Its key comes from the office's own: no other face opens a form (I2)."""
    secret = keyring.secret(Key.REGISTRY_DATA)
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"xueji uploads v1").derive(secret)
    return Shelf(files / "uploads", key, now)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sealed files in ``directory``; ``key`` wraps the key of each file."""

    directory: Path
    key: bytes = field(repr=False)
    now: Callable[[], datetime]

    def keep(
        self, content: BinaryIO, owner: AccountId, *, mapping: str = "", school: str | None = None, suffix: str = ""
    ) -> Held:
        """Seal ``content`` and return what is held; files whose time is over go at the same time."""
        self.sweep()
        which = UploadId("up-" + "".join(secrets.choice(_LETTERS) for _ in range(24)))
        key = FileKey.new(ExtractId(which))
        with SealedSink(self._file(which), key) as sink:
            while piece := content.read(_CHUNK):
                sink.write(piece)
            sink.commit()
            size = sink.size
        held = Held(which, owner, self.now().isoformat(), size, key.wrap(self.key).hex(), mapping, school, suffix)
        part = self._note(which).with_suffix(".note")
        part.touch(mode=0o600)
        part.write_text(json.dumps(asdict(held)), encoding="utf-8")
        part.replace(self._note(which))
        return held

    def find(self, which: str, owner: AccountId) -> Held:
        """Return what is held for ``owner``; raises ``NotFoundError`` for another's, an unknown or an old one."""
        note = self._note(UploadId(which))
        if not _ID.fullmatch(which) or not note.exists():
            raise _gone()
        held = Held(**cast("dict[str, str]", json.loads(note.read_text(encoding="utf-8"))))  # type: ignore[arg-type]  # as written by keep
        if held.owner != owner or self._over(held):
            raise _gone()
        return held

    @contextmanager
    def opened(self, held: Held) -> Iterator[Path]:
        """Yield the path of the file in clear: a file without a name, gone with the process (I7)."""
        with scratch_file() as scratch:
            for piece in self.read(held):
                scratch.stream.write(piece)
            scratch.stream.flush()
            yield scratch.path

    def read(self, held: Held) -> Iterator[bytes]:
        """Yield the content in clear."""
        key = FileKey.unwrap(ExtractId(held.id), bytes.fromhex(held.wrapped_key), self.key)
        with SealedSource(self._file(held.id), key, held.size) as source:
            yield from source.slices(0, held.size - 1)

    def drop(self, held: Held) -> None:
        """Remove a file: its key first."""
        self._note(held.id).unlink(missing_ok=True)
        self._file(held.id).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove every file whose time is over."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for note in self.directory.glob("up-*.json"):
            try:
                held = Held(**json.loads(note.read_text(encoding="utf-8")))
            except FileNotFoundError:  # another request was faster
                continue
            if self._over(held):
                self.drop(held)
        oldest = (self.now() - LIFE).timestamp()
        for left in self.directory.glob("up-*"):  # what a crash left without its note opens for nobody
            try:
                if left.suffix != ".json" and not left.with_suffix(".json").exists() and left.stat().st_mtime < oldest:
                    left.unlink()
            except FileNotFoundError:
                continue

    def _over(self, held: Held) -> bool:
        age = self.now() - datetime.fromisoformat(held.kept_at)
        return not timedelta(0) <= age < LIFE  # a clock that went back must not lengthen it

    def _file(self, which: UploadId) -> Path:
        return self.directory / f"{which}.sealed"

    def _note(self, which: UploadId) -> Path:
        return self.directory / f"{which}.json"


def _gone() -> NotFoundError:
    return NotFoundError(
        "There is no such upload any more: upload the file again.", detail_zh="上传的文件已失效，请重新上传。"
    )
