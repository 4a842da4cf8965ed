"""The wrapping key: a file of the key directory that is replaced, so that old wrapped keys open nowhere (ADR 45).

A destroyed row of ``data_keys`` lives on in backups, in the write-ahead log and in dead rows of PostgreSQL, wrapped
under the wrapping key of its day. So the wrapping key is renewed after keys were destroyed: those that stand are
wrapped anew, and the old file is overwritten. The database alone, of whatever day, then opens nothing that is gone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import UnavailableError
from gateway.keyring import SYMMETRIC_BYTES, Key

NEXT = f"{Key.RETENTION}-next.key"
"""In the key directory: the wrapping key that is about to come into force, while keys are wrapped anew."""
_CURRENT = f"{Key.RETENTION}.key"


def fingerprint_of(key: bytes) -> str:
    """Return the public name of a wrapping key, 16 hexadecimal digits."""
    return hashlib.sha256(b"xueji-gateway wrapping key v1\x00" + key).hexdigest()[:16]


@dataclass(slots=True)
class WrappingKeys:
    """The wrapping keys that this process can reach. ``directory`` is ``None`` for one that never changes (tests)."""

    first: bytes = field(repr=False)
    directory: Path | None = None
    _known: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Know the key of the keyring."""
        self._known[fingerprint_of(self.first)] = self.first

    def newest(self) -> str:
        """Return the fingerprint of the key that a gateway without any data key begins with."""
        return fingerprint_of(self.first)

    def key(self, fingerprint: str) -> bytes:
        """Return a wrapping key; another process may have renewed it, so the files are read again.

        Raises ``UnavailableError`` when this host does not hold it.
        """
        if fingerprint not in self._known:
            self._read()
        try:
            return self._known[fingerprint]
        except KeyError:
            raise UnavailableError(
                "The wrapping key of what is asked for is not in the key directory of this host: copy retention.key "
                "from the host of the worker.",
                detail_zh="本机密钥目录中没有所需的包裹密钥，请从工作进程所在主机复制 retention.key。",
            ) from None

    def make_next(self) -> str:
        """Make the next key, or find the one that was made before a crash; return its fingerprint."""
        path = self._path(NEXT)
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(secrets.token_hex(SYMMETRIC_BYTES).encode())
                handle.flush()
                os.fsync(handle.fileno())
            self._sync()
        key = _parse(path.read_bytes())
        self._known[fingerprint_of(key)] = key
        return fingerprint_of(key)

    def settle(self, in_force: str) -> bool:
        """Let the next key take the place of the old one, if it is in force; say whether it did.

        The old content is overwritten before its blocks go back to the disk. Twice changes nothing, so that a process
        that was killed between the transaction and the file is made good at the next start.
        """
        following, current = self._path(NEXT), self._path(_CURRENT)
        if not following.exists() or fingerprint_of(_parse(following.read_bytes())) != in_force:
            return False
        with current.open("r+b") as old:
            size = os.fstat(old.fileno()).st_size
            os.replace(following, current)
            self._sync()
            old.write(bytes(size))
            old.flush()
            os.fsync(old.fileno())
        self._known = {name: key for name, key in self._known.items() if name == in_force}
        return True

    def _read(self) -> None:
        if self.directory is None:
            return
        for name in (_CURRENT, NEXT):
            try:
                key = _parse((self.directory / name).read_bytes())
            except (OSError, ValueError):
                continue  # it is not here: the caller says so when no other file has the key
            self._known[fingerprint_of(key)] = key

    def _path(self, name: str) -> Path:
        if self.directory is None:
            raise UnavailableError("These keys have no directory.", detail_zh="没有密钥目录。")
        return self.directory / name

    def _sync(self) -> None:
        descriptor = os.open(self._path("."), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _parse(content: bytes) -> bytes:
    key = bytes.fromhex(content.decode("ascii").strip())
    if len(key) != SYMMETRIC_BYTES:
        raise ValueError("not 32 bytes")
    return key
