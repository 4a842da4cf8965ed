"""Pages of an extract: so many rows at a time, from where a signed cursor says.

A page is a range of bytes that begins and ends with a row, so that it is delivered as any range is: with an intent and
an outcome of its own, under the same use, within the same 24 hours. The pages in order are the file, byte by byte.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ParameterError
from gateway.ids import ExtractId
from gateway.policies.records import Format
from gateway.releases.errors import NotPageableError
from gateway.releases.records import ExtractRequest

MOST_ROWS = 10_000
USUAL_ROWS = 1_000
_INFO = b"xueji-gateway page cursors v1"
_TAG_BYTES = 16
_OFFSET_BYTES = 8
_TEXT = (_OFFSET_BYTES + _TAG_BYTES) * 4 // 3
_QUOTE, _LINE_FEED = ord('"'), b"\n"


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads cursors: an offset that nobody else can make up, good for one extract."""

    key: bytes = field(repr=False)

    @classmethod
    def under(cls, delivery_key: bytes) -> Cursors:
        """Return the cursors of whoever holds the delivery key."""
        return cls(HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_INFO).derive(delivery_key))

    def at(self, extract: ExtractId, offset: int) -> str:
        """Return the cursor of a byte offset."""
        place = offset.to_bytes(_OFFSET_BYTES, "big")
        return urlsafe_b64encode(place + self._tag(extract, place)).decode()

    def offset(self, extract: ExtractId, cursor: str) -> int:
        """Return where a cursor stands. Raises ``ParameterError`` for one that was not made here for ``extract``."""
        try:
            raw = urlsafe_b64decode(cursor) if len(cursor) == _TEXT else b""
        except ValueError:
            raw = b""
        place, tag = raw[:_OFFSET_BYTES], raw[_OFFSET_BYTES:]
        if not hmac.compare_digest(tag, self._tag(extract, place)):
            raise ParameterError(
                "This is no cursor of this extract: take the one that the page before gave, or none to begin.",
                detail_zh="游标无效：请使用上一页返回的游标，或不带游标从头开始。",
            )
        return int.from_bytes(place, "big")

    def _tag(self, extract: ExtractId, place: bytes) -> bytes:
        return hmac.new(self.key, extract.encode() + b"\x00" + place, sha256).digest()[:_TAG_BYTES]


def require_pages(request: ExtractRequest) -> None:
    """Return when an extract can be read by rows. Raises ``NotPageableError``."""
    if request.format not in {Format.CSV, Format.NDJSON} or request.compression is not None or request.encrypt:
        raise NotPageableError(
            "Rows can be read page by page of csv and ndjson that is neither compressed nor encrypted: "
            "fetch the content, whole or by parts, or ask for another extract.",
            detail_zh="仅未压缩、未加密的 csv 和 ndjson 可以分页读取：请整体或分块下载，或另行发起提取。",
        )


def page_size(pieces: Iterator[bytes], kind: Format, rows: int) -> tuple[int, int]:
    """Return bytes and rows of the page that ``pieces`` begin with: at most ``rows`` lines, to the end of the last.

    A line feed within quotes of CSV ends no row (RFC 4180). The header of a CSV file counts as no row: the first page
    has it, and ``rows`` of what follows; say so by asking for one row more.
    """
    size = found = 0
    quoted = False
    for piece in pieces:
        start = 0
        while (end := piece.find(_LINE_FEED, start)) >= 0:
            if kind is Format.CSV and piece.count(_QUOTE, start, end) % 2:
                quoted = not quoted
            start = end + 1
            if not quoted:
                found += 1
                if found == rows:
                    return size + start, found
        if kind is Format.CSV and piece.count(_QUOTE, start) % 2:
            quoted = not quoted
        size += len(piece)
    return size, found
