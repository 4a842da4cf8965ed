"""A log as a server shows it (C2SP tlog-tiles over HTTP): the checkpoint of one moment, and what leads to it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.errors import MalformedError
from gateway.audit.merkle import consistency_proof, inclusion_proof
from gateway.audit.note import SignedNote
from gateway.audit.rotation import KEYS_FILE, ProvenRotation, read_keys_document
from gateway.audit.tiled import CHECKPOINT, MAX_FILE
from gateway.audit.tiles import WIDTH, TileId, nodes_from, tile_width
from gateway.errors import ConfigurationError, UnavailableError

SECONDS = 60
_NOT_FOUND = 404


def fetch(
    url: str,
    *,
    token: str | None = None,
    body: bytes | None = None,
    limit: int = MAX_FILE,
    seconds: float = SECONDS,
) -> tuple[int, bytes]:
    """Return status and body of an HTTP answer; ``body`` is posted. Raises ``UnavailableError`` without an answer."""
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError("The address of a log or witness begins with http:// or https://.")
    request = urllib.request.Request(url, data=body, method="GET" if body is None else "POST")  # noqa: S310  checked above
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.add_header("Content-Type", "text/plain; charset=utf-8")
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310  checked above
            content = response.read(limit + 1)
            status = int(response.status)
    except urllib.error.HTTPError as error:
        return error.code, error.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(
            f"No answer from the log or witness ({type(error).__name__}).", detail_zh="日志或见证方没有应答。"
        ) from error
    if len(content) > limit:
        raise MalformedError("An answer of the log or witness is too large.")
    return status, content


@dataclass(slots=True)
class ServedLog:
    """The log below ``base``, as it was at the first look. Implements ``gateway.audit.tiled.TiledFiles``.

    Entry bundles come from ``entries_base`` (the office face, where that is another) and need ``token``, an
    inspector's; without one there are no entries. Also a ``gateway.audit.witness.WitnessedLog``.
    """

    base: str
    token: str | None = field(default=None, repr=False)
    entries_base: str | None = None
    _checkpoint: bytes | None = None
    _size: int = 0

    def read(self, path: str, limit: int = MAX_FILE) -> bytes | None:
        """Return a file of the log, ``None`` when it is not there; the checkpoint stays that of the first look."""
        if path != CHECKPOINT:
            return self._fetch(self.base, path, limit)
        if self._checkpoint is None:
            self._checkpoint = self._fetch(self.base, path, limit)
            if self._checkpoint is not None:
                self._size = Checkpoint.parse_text(SignedNote.parse(_text(self._checkpoint)).text).size
        return self._checkpoint

    def _fetch(self, base: str, path: str, limit: int, token: str | None = None) -> bytes | None:
        status, content = fetch(f"{base.rstrip('/')}/log/{path}", token=token, limit=limit)
        if status == _NOT_FOUND:
            return None
        if status != 200:  # noqa: PLR2004  HTTP
            raise UnavailableError(f"The log answered {status} for {path}.", detail_zh=f"日志应答状态 {status}。")
        return content

    @property
    def size(self) -> int:
        """How many entries the checkpoint of the first look covers; 0 for a log without one."""
        self.read(CHECKPOINT)
        return self._size

    def widest(self, level: int | None, tile: int) -> bytes | None:
        """Return a tile or entry bundle as wide as the checkpoint covers it."""
        width = tile_width(level or 0, tile, self.size)
        if not width:
            return None
        path = TileId(level, tile, width).path
        if level is not None:
            return self._fetch(self.base, path, MAX_FILE)
        return self._fetch(self.entries_base or self.base, path, MAX_FILE, self.token)

    def entry_tiles(self) -> Sequence[int]:
        """Return the numbers of the entry bundles; none without a token."""
        return range((self.size + WIDTH - 1) // WIDTH) if self.token is not None else ()

    # for witnesses

    def rotations(self, size: int) -> tuple[ProvenRotation, ...]:
        """Return what changed the log's key below ``size``; the proofs are computed from the public tiles."""
        document = self.read(KEYS_FILE)
        nodes = nodes_from(lambda level, tile: self.widest(level, tile) or b"")
        return tuple(
            ProvenRotation(index, body, tuple(inclusion_proof(nodes, index, size)))
            for index, body in ([] if document is None else read_keys_document(document))
            if index < size
        )

    def checkpoint(self) -> str:
        """Return the signed checkpoint; raises ``MalformedError`` when the log has none."""
        content = self.read(CHECKPOINT)
        if content is None:
            raise MalformedError("The log has no checkpoint yet.", detail_zh="日志还没有检查点。")
        return _text(content)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency proof, computed from the tiles that the server shows to all."""
        return consistency_proof(nodes_from(lambda level, tile: self.widest(level, tile) or b""), old, new)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise MalformedError("The checkpoint of the log is not text.") from None
